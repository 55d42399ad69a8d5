import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import {
  assembleOpenAI,
  chatClient,
  type Delta,
  openaiClient,
  type Payload,
  type Piece,
  seals
} from "#src/dialect/index"
import { begun, chunk, completion, decodeAll, deltasOf, identity, parse, said } from "./kit.ts"

// A dialect that this version may not have: what is written of it is the same.
const gemini = "gemini" as "openai"
const anthropic = "anthropic" as "openai"

const whole = (payloads: ReadonlyArray<Payload>) =>
  (
    JSON.parse(assembleOpenAI(payloads)) as {
      choices: ReadonlyArray<{ message: Record<string, unknown>; finish_reason: string }>
    }
  ).choices[0]!

const written = (...deltas: ReadonlyArray<Delta>) => {
  const { encoder } = begun()
  return deltas.flatMap((delta) => encoder.delta(delta))
}

describe("another dialect's answer", () => {
  it("has tool calls with id and name in the first part, and input after it", () => {
    const payloads = written(
      said({ text: "so" }, { _tag: "ToolCall", index: 0, id: "a", name: "f" }),
      said({}, { _tag: "ToolInput", index: 0, text: '{"q"' }),
      said(
        {},
        { _tag: "ToolInput", index: 0, text: ":1}" },
        { _tag: "ToolCall", index: 1, id: "b", name: "g" },
        { _tag: "ToolInput", index: 1, text: "{}" }
      ),
      said({ finish: { reason: "tool-calls", native: "tool_use", from: anthropic } })
    )
    assert.deepStrictEqual(deltasOf(payloads), [
      { content: "so" },
      { tool_calls: [{ index: 0, id: "a", type: "function", function: { name: "f", arguments: "" } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"q"' } }] },
      { tool_calls: [{ index: 0, function: { arguments: ":1}" } }] },
      { tool_calls: [{ index: 1, id: "b", type: "function", function: { name: "g", arguments: "" } }] },
      { tool_calls: [{ index: 1, function: { arguments: "{}" } }] },
      {}
    ])
    assert.deepInclude(whole(payloads), {
      message: {
        role: "assistant",
        content: "so",
        refusal: null,
        tool_calls: [
          { type: "function", id: "a", function: { name: "f", arguments: '{"q":1}' } },
          { type: "function", id: "b", function: { name: "g", arguments: "{}" } }
        ]
      }
    })
  })

  it("has refusals, reasoning, and images where there is a form for them", () => {
    assert.deepStrictEqual(
      deltasOf(
        written(
          said({ reasoning: "hm" }),
          said({}, { _tag: "Refusal", text: "no" }),
          said(
            {},
            { _tag: "Media", mediaType: "image/png", base64: "iVBO" },
            { _tag: "Media", mediaType: "audio/wav", base64: "UklG" },
            { _tag: "Media", mediaType: "image/png", base64: "iVBP" },
            { _tag: "Native", what: "x" },
            { _tag: "OtherChoice", index: 1, content: true }
          )
        )
      ),
      [
        { reasoning_content: "hm" },
        { refusal: "no" },
        { images: [{ index: 0, type: "image_url", image_url: { url: "data:image/png;base64,iVBO" } }] },
        { images: [{ index: 1, type: "image_url", image_url: { url: "data:image/png;base64,iVBP" } }] }
      ]
    )
  })

  it("has Gemini's signature as Google writes it, on the call that it belongs to", () => {
    const call: Piece = { _tag: "ToolCall", index: 0, id: "a", name: "f" }
    const signature: Piece = { _tag: "Signature", by: gemini, value: "g", of: { call: 0 } }
    const first = { index: 0, id: "a", type: "function", function: { name: "f", arguments: "" } }
    const signed = { ...first, extra_content: { google: { thought_signature: "g" } } }
    // With the call, after it, and before it.
    assert.deepStrictEqual(deltasOf(written(said({}, call, signature))), [{ tool_calls: [signed] }])
    assert.deepStrictEqual(deltasOf(written(said({}, call), said({}, signature))), [
      { tool_calls: [first] },
      // Not without a function: `ai` takes no such part of a call.
      {
        tool_calls: [{ index: 0, function: { arguments: "" }, extra_content: { google: { thought_signature: "g" } } }]
      }
    ])
    const before = written(said({}, signature), said({}, call))
    assert.deepStrictEqual(deltasOf(before).at(-1), { tool_calls: [signed] })
    for (const payloads of [written(said({}, call, signature)), written(said({}, call), said({}, signature)), before]) {
      assert.deepInclude((whole(payloads).message["tool_calls"] as ReadonlyArray<object>)[0], {
        extra_content: { google: { thought_signature: "g" } }
      })
    }
  })

  it("has another's signature and what it sealed with a mark, on the next call that begins", () => {
    const payloads = written(
      said({ reasoning: "hm" }, { _tag: "Signature", by: anthropic, value: "s1", of: "reasoning" }),
      said({}, { _tag: "Signature", by: anthropic, value: "s2", of: "reasoning" }),
      said({}, { _tag: "SealedReasoning", by: anthropic, value: "r" }),
      said({ text: "so" }),
      said({}, { _tag: "ToolCall", index: 0, id: "a", name: "f" }, { _tag: "ToolCall", index: 1, id: "b", name: "g" })
    )
    const relay = { signature: "er1.anthropic.s1s2", sealed: ["er1.anthropic.r"] }
    const { message } = whole(payloads)
    assert.deepStrictEqual(message["extra_content"], { relay })
    assert.deepStrictEqual(message["tool_calls"], [
      { type: "function", id: "a", function: { name: "f", arguments: "" }, extra_content: { relay } },
      { type: "function", id: "b", function: { name: "g", arguments: "" } }
    ])
    // A signature alone shows nothing that could not be continued.
    const { sealed } = openaiClient.encoder(identity).resume(payloads.slice(0, -2))
    assert.isFalse(sealed)
  })

  it("has ids of its own where the upstream had none, the same in stream, whole answer and replay", () => {
    const call: Piece = { _tag: "ToolCall", index: 0, id: "", name: "f" }
    const idOf = (delta: unknown) => (delta as { tool_calls: ReadonlyArray<{ id: string }> }).tool_calls[0]!.id
    const streamed = idOf(deltasOf(written(said({}, call)))[0])
    assert.match(streamed, /^call_[0-9a-zA-Z]{24}$/)
    assert.strictEqual(idOf(deltasOf(written(said({}, call)))[0]), streamed)
    assert.strictEqual(idOf(whole(written(said({}, call))).message), streamed)
    const own = decodeAll([chunk({ tool_calls: [{ index: 0, id: "", function: { name: "f" } }] })]) as [Delta]
    assert.strictEqual(idOf(deltasOf(written(...own))[0]), streamed)
    const other = said({}, { ...call, index: 1 })
    assert.notStrictEqual(idOf(deltasOf(written(other))[0]), streamed)
    const elsewhere = openaiClient.encoder({ ...identity, streamId: "stream-2" })
    assert.notStrictEqual(idOf(deltasOf(elsewhere.delta(said({}, call)))[0]), streamed)
    // Calls of further choices have theirs.
    const second = {
      choices: [{ index: 1, delta: { tool_calls: [{ index: 0, function: { name: "f", arguments: "" } }] } }]
    }
    const [further] = decodeAll([second]) as [Delta]
    const id = idOf(deltasOf(written(further))[0])
    assert.match(id, /^call_[0-9a-zA-Z]{24}$/)
    assert.notStrictEqual(id, streamed)
  })

  it("ends in OpenAI's words, with the usage that there are words for", () => {
    const words = (
      ["stop", "length", "tool-calls", "content-filter", "pause", "other", "unknown", "error"] as const
    ).map((reason) => {
      const finish = { reason, native: "theirs", from: anthropic } as const
      const [payload] = begun().encoder.delta(said({ finish }))
      return (JSON.parse(payload!.data) as { choices: [{ finish_reason: string }] }).choices[0].finish_reason
    })
    assert.deepStrictEqual(words, ["stop", "length", "tool_calls", "content_filter", "stop", "stop", "stop", "stop"])
    const usage = {
      inputTokens: 10,
      outputTokens: 5,
      cacheReadTokens: 4,
      cacheWriteTokens: 2,
      reasoningTokens: 3,
      estimated: false,
      native: { from: anthropic, raw: { input_tokens: 4 } }
    }
    const payloads = begun({ includeUsage: true }).encoder.complete({ ...completion, usage }, true)
    assert.deepStrictEqual((JSON.parse(payloads[0]!.data) as { usage: unknown }).usage, {
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 15,
      prompt_tokens_details: { cached_tokens: 4 },
      completion_tokens_details: { reasoning_tokens: 3 }
    })
  })
})

describe("what a client sends back", () => {
  it("is a call with its result, and the reasoning before it with its text", () => {
    const { message } = whole(
      written(
        said({ reasoning: "hm" }, { _tag: "Signature", by: "openai", value: "s", of: "reasoning" }),
        said({}, { _tag: "ToolCall", index: 0, id: "a", name: "f" }, { _tag: "ToolInput", index: 0, text: "{}" })
      )
    )
    const { turns } = parse({ messages: [message, { role: "tool", tool_call_id: "a", content: "1" }] }).asked()
    assert.deepStrictEqual(turns[0]!.parts, [
      { _tag: "Reasoning", text: "hm", signed: undefined },
      { _tag: "ToolCall", path: "messages[0].tool_calls[0]", id: "a", name: "f", input: "{}", signed: undefined }
    ])
  })
})

const word = fc.string({ maxLength: 4 })
const name = fc.string({ minLength: 1, maxLength: 4 })
const place = fc.nat({ max: 2 })
const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.record({ _tag: fc.constant("ToolCall" as const), index: place, id: fc.constantFrom("a", "b", ""), name }),
  fc.record({ _tag: fc.constant("ToolInput" as const), index: place, text: word }),
  fc.record({
    _tag: fc.constant("Signature" as const),
    by: fc.constantFrom(gemini, anthropic),
    value: word,
    of: fc.oneof(
      fc.constant("reasoning" as const),
      place.map((call) => ({ call }))
    )
  }),
  fc.record({ _tag: fc.constant("SealedReasoning" as const), by: fc.constantFrom(gemini, anthropic), value: word }),
  fc.record({ _tag: fc.constant("Refusal" as const), text: word }),
  fc.record({
    _tag: fc.constant("Media" as const),
    mediaType: fc.constantFrom("image/png", "audio/wav"),
    base64: fc.constant("iVBO")
  }),
  fc.record({ _tag: fc.constant("OtherChoice" as const), index: fc.constant(1), content: fc.boolean() }),
  fc.record({ _tag: fc.constant("Native" as const), what: word })
)
const foreignStep = fc
  .record({ text: word, reasoning: word, pieces: fc.array(piece, { maxLength: 3 }) })
  .map(({ pieces, ...fields }) => said(fields, ...pieces))
const nativeStep = fc
  .constantFrom<unknown>(
    chunk({ content: "a" }),
    chunk({ reasoning_content: "b" }),
    chunk({ content: [{ type: "text", text: "c" }] }),
    chunk({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: "{" } }] }),
    chunk({ tool_calls: [{ index: 5, function: { arguments: "}" } }] }),
    chunk({ tool_calls: [{ function: { name: "g" } }] }),
    chunk({ images: [{ type: "image_url", image_url: { url: "data:image/png;base64,iVBO" } }] }),
    chunk({ extra_content: { google: { thought_signature: "g" } } }),
    chunk({ reasoning_details: [{ type: "reasoning.encrypted", data: "d" }] }),
    { choices: [{ index: 1, delta: { content: "d" } }] },
    chunk({ role: "assistant" }),
    { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } }
  )
  .map((event) => JSON.stringify(event))
// The others are no words of a chat completion: nobody was shown them.
const isSaid = (piece: Piece): boolean =>
  piece._tag === "Media"
    ? piece.mediaType === "image/png"
    : piece._tag === "Refusal" || piece._tag === "ToolInput"
      ? piece.text !== ""
      : piece._tag !== "Native" && piece._tag !== "OtherChoice"
const steps = fc.array(fc.oneof(foreignStep, nativeStep), { maxLength: 8 })

describe("an encoder that is taken up where its events left it", () => {
  for (const client of [openaiClient, chatClient]) {
    it(`${client.name}: writes what it would have written without the cut, and knows what was shown`, () => {
      fc.assert(
        fc.property(steps, fc.boolean(), fc.nat(), (list, includeUsage, at) => {
          const about = { ...identity, includeUsage }
          // One upstream's events are read by one decoder, and are changed by who encodes them: once for each run.
          const read = (): ReadonlyArray<Delta> => {
            const natives = decodeAll(list.filter((step) => typeof step === "string")) as ReadonlyArray<Delta>
            let next = 0
            return list.map((step) => (typeof step === "string" ? natives[next++]! : step))
          }
          const run = (cut: number | undefined) => {
            let encoder = client.encoder(about)
            const payloads = [...encoder.open("m"), ...encoder.begin("m", { usage: completion.usage, deltas: [] })]
            const deltas = read()
            let text = ""
            let sealed = false
            for (const [i, delta] of deltas.entries()) {
              if (i === cut) {
                encoder = client.encoder(about)
                const replayed = encoder.resume(payloads)
                assert.strictEqual(replayed.text, text)
                if (client.name === "openai") assert.strictEqual(replayed.sealed, sealed)
              }
              const said = encoder.delta(delta)
              text += delta.text
              sealed ||= seals({ pieces: delta.pieces?.filter((one) => delta.from === "openai" || isSaid(one)) })
              payloads.push(...said)
            }
            return [...payloads, ...encoder.text("z"), ...encoder.complete({ ...completion, fullContent: text }, false)]
          }
          assert.deepStrictEqual(run(list.length === 0 ? 0 : at % list.length), run(undefined))
        }),
        { numRuns: 500 }
      )
    })
  }
})
