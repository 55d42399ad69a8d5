import { assert, describe, it } from "@effect/vitest"
import { type Delta, nothing } from "#src/dialect/index"
import { WholeCharacters } from "#src/relay/WholeCharacters"

const high = "\ud83d"
const low = "\ude00"

/** What two steps are once each is in whole characters. */
const both = (first: Delta, second: Delta): ReadonlyArray<Delta> => {
  const characters = new WholeCharacters()
  return [characters.take(first), characters.take(second)]
}

const shape = ({ raw, reasoning, text }: Delta): unknown => ({ text, reasoning, raw })

describe("WholeCharacters", () => {
  it("a step of whole characters is the same step", () => {
    const step = { ...nothing, text: "a😀", like: {} }
    assert.strictEqual(new WholeCharacters().take(step), step)
  })

  it("the event of each dialect says what the step says, and all else that it said", () => {
    const openai = (content: string): Delta => ({
      ...nothing,
      text: content,
      like: {},
      from: "openai",
      raw: { choices: [{ index: 0, delta: { content }, extra: { kept: "a" } }], other: 1 }
    })
    const anthropic = (text: string): Delta => ({
      ...nothing,
      text,
      from: "anthropic",
      raw: { type: "content_block_delta", index: 0, delta: { type: "text_delta", text }, other: 1 }
    })
    const gemini = (text: string): Delta => ({
      ...nothing,
      text,
      from: "gemini",
      raw: { candidates: [{ index: 0, content: { parts: [{ text }] } }], other: 1 }
    })
    const responses = (delta: string): Delta => ({
      ...nothing,
      text: delta,
      from: "responses",
      raw: { type: "response.output_text.delta", delta, other: 1 }
    })
    for (const step of [openai, anthropic, gemini, responses]) {
      const [first, second] = both(step(`a${high}`), step(`${low}b`))
      assert.deepStrictEqual(
        [first, second].map((one) => shape(one!)),
        [step("a"), step("😀b")].map(shape)
      )
      assert.deepStrictEqual([first?.like, second?.like], [undefined, undefined])
    }
  })

  it("reasoning is no other text: each waits for its own half", () => {
    const thought = (reasoning: string): Delta => ({
      ...nothing,
      reasoning,
      from: "openai",
      raw: { choices: [{ delta: { reasoning, reasoning_details: [{ text: reasoning }] } }] }
    })
    const [first, second] = both(thought(`a${high}`), thought(`${low}b`))
    assert.deepStrictEqual(
      [first, second].map((one) => shape(one!)),
      [thought("a"), thought("😀b")].map(shape)
    )
    const [, text] = both(thought(`a${high}`), { ...nothing, text: "b" })
    assert.strictEqual(text?.text, "b")
  })

  it("steps without a text leave the half where it is", () => {
    const characters = new WholeCharacters()
    characters.take({ ...nothing, text: high })
    assert.strictEqual(characters.take(nothing), nothing)
    assert.strictEqual(characters.take({ ...nothing, text: low }).text, "😀")
  })

  it("half a character whose other half does not come is left out, and so is what is forgotten", () => {
    const [first, second] = both({ ...nothing, text: `a${high}` }, { ...nothing, text: `b${high}` })
    assert.deepStrictEqual([first?.text, second?.text], ["a", "b"])
    const characters = new WholeCharacters()
    characters.take({ ...nothing, text: high })
    characters.forget()
    assert.strictEqual(characters.take({ ...nothing, text: "b" }).text, "b")
  })
})
