/**
 * What an answer says beside its text, as far as it is kept.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Delta } from "#src/dialect/Event"
import { Asides } from "#src/relay/Asides"

const said: Delta = {
  _tag: "Delta",
  text: "",
  reasoning: "",
  finish: undefined,
  usage: undefined,
  pieces: undefined,
  from: undefined,
  raw: undefined
}

describe("what an answer says beside its text", () => {
  it("is its thoughts, its refusals and what its calls are made with, in their order", () => {
    const asides = new Asides()
    asides.take({ ...said, text: "Well" })
    asides.take({ ...said, reasoning: "I think " })
    asides.take({
      ...said,
      pieces: [
        { _tag: "ToolCall", index: 0, id: "call_1", name: "look_up" },
        { _tag: "ToolInput", index: 0, text: '{"name":1}' },
        { _tag: "Refusal", text: " no" }
      ]
    })
    assert.strictEqual(asides.words, 'I think {"name":1} no')
  })
  it("its end is kept, and never more than twice of what is promised", () => {
    const asides = new Asides()
    let all = ""
    for (let at = 0; at < 3_000; at++) {
      const reasoning = `thought ${at}, `.repeat(1 + (at % 7))
      all += reasoning
      asides.take({ ...said, reasoning })
      assert.isAtMost(asides.words.length, 32_768)
      assert.isTrue(all.endsWith(asides.words))
      assert.isAtLeast(asides.words.length, Math.min(all.length, 16_384))
    }
    asides.take({ ...said, reasoning: `${"a".repeat(100_000)}the end` })
    assert.isAtMost(asides.words.length, 32_768)
    assert.isTrue(asides.words.endsWith("aathe end"))
  })
})
