/**
 * What Anthropic-shaped proxies say where it does not belong: thoughts and text in blocks of another kind, an input of
 * nothing at the end, and a list of no citations.
 */
import { describe, expect, it } from "vitest"
import { anthropicClient, geminiClient, openaiClient } from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { least, messages, play, wholeOf } from "./kit.ts"

const begins = (index: number, content_block: JsonObject): JsonObject => ({
  type: "content_block_start",
  index,
  content_block
})
const says = (index: number, delta: JsonObject): JsonObject => ({ type: "content_block_delta", index, delta })
const stops = (index: number): JsonObject => ({ type: "content_block_stop", index })

const text = begins(0, { type: "text", text: "" })
const tool = begins(0, { type: "tool_use", id: "toolu_1", name: "find", input: {} })
const thought = { type: "thinking_delta", thinking: "hm" }
const signature = { type: "signature_delta", signature: "s" }
const word = { type: "text_delta", text: "a" }
const input = { type: "input_json_delta", partial_json: '{"q":' }
const rest = { type: "input_json_delta", partial_json: "1}" }
const call = { type: "tool_use", id: "toolu_1", name: "find", input: { q: 1 } }

const start = { input_tokens: 25, output_tokens: 1 }

const answer = (blocks: ReadonlyArray<JsonObject>, first: JsonObject = start, last: JsonObject = start): string =>
  [
    {
      type: "message_start",
      message: { id: "m", type: "message", role: "assistant", model: "m", content: [], usage: first }
    },
    ...blocks,
    { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: last },
    { type: "message_stop" }
  ]
    .map((event) => `event: ${event.type as string}\ndata: ${JSON.stringify(event)}\n\n`)
    .join("")

const kinds: { readonly [type: string]: string } = {
  text_delta: "text",
  thinking_delta: "thinking",
  signature_delta: "thinking",
  input_json_delta: "tool_use"
}

describe.each([
  ["a thought in a text", [text, says(0, thought), says(0, word), stops(0)], [{ type: "text", text: "a" }]],
  [
    "a signed thought in a text",
    [text, says(0, thought), says(0, signature), says(0, word), says(0, word), stops(0)],
    [{ type: "text", text: "aa" }]
  ],
  [
    "text in a thought",
    [begins(0, { type: "thinking", thinking: "", signature: "" }), says(0, thought), says(0, word), stops(0)],
    [{ type: "text", text: "a" }]
  ],
  [
    "text between the parts of a call",
    [tool, says(0, input), says(0, word), says(0, rest), stops(0)],
    [call, { type: "text", text: "a" }]
  ],
  ["a thought before the parts of a call", [tool, says(0, thought), says(0, input), says(0, rest), stops(0)], [call]]
])("%s", (_, blocks, expected) => {
  const { payloads, text: told, verdict } = play(answer(blocks), anthropicClient)

  it("is in a block of its own kind, which is open", () => {
    expect(verdict).toBe("Complete")
    const open = new Map<unknown, unknown>()
    for (const { data } of payloads) {
      const event = JSON.parse(data) as JsonObject & { readonly content_block: JsonObject; readonly delta: JsonObject }
      if (event["type"] === "content_block_start") {
        expect(open.has(event["index"])).toBe(false)
        open.set(event["index"], event.content_block["type"])
      }
      if (event["type"] === "content_block_delta") {
        expect(open.get(event["index"])).toBe(kinds[event.delta["type"] as string])
      }
      if (event["type"] === "content_block_stop") {
        expect(open.get(event["index"])).toBeTypeOf("string")
        open.set(event["index"], undefined)
      }
    }
    expect([...open.values()].filter((kind) => kind !== undefined)).toEqual([])
  })

  it("is whole", () => {
    const { content } = wholeOf(anthropicClient, told) as { readonly content: ReadonlyArray<JsonObject> }
    const thoughts = content.filter(({ type }) => type === "thinking").map(({ thinking }) => thinking)
    expect(thoughts.join("")).toBe(blocks.some(({ delta }) => delta === thought) ? "hm" : "")
    expect(content.filter(({ type, text: written }) => type !== "thinking" && written !== "")).toEqual(expected)
  })
})

describe("an input of nothing at the end", () => {
  const usageFor = (first: JsonObject, last: JsonObject): unknown => {
    const { text: told } = play(answer([text, says(0, word), stops(0)], first, last), anthropicClient)
    return (wholeOf(anthropicClient, told) as JsonObject)["usage"]
  }

  it("takes no count back", () => {
    const none = { input_tokens: 0, output_tokens: 7 }
    expect(usageFor(start, none)).toMatchObject({ input_tokens: 25, output_tokens: 7 })
    const cached = { ...start, cache_read_input_tokens: 4, cache_creation_input_tokens: 0 }
    expect(usageFor(cached, { ...none, cache_read_input_tokens: 0 })).toMatchObject({
      input_tokens: 25,
      cache_read_input_tokens: 4,
      output_tokens: 7
    })
    const { text: told } = play(answer([text, says(0, word), stops(0)], start, none), openaiClient)
    expect(wholeOf(openaiClient, told)).toMatchObject({ usage: { prompt_tokens: 25, completion_tokens: 7 } })
    const gemini = play(answer([text, says(0, word), stops(0)], start, none), geminiClient)
    expect(wholeOf(geminiClient, gemini.text)).toMatchObject({ usageMetadata: { promptTokenCount: 25 } })
  })

  it("is one where caches had it all", () => {
    const last = { input_tokens: 0, cache_read_input_tokens: 30, output_tokens: 7 }
    expect(usageFor(start, last)).toMatchObject({ input_tokens: 0, cache_read_input_tokens: 30, output_tokens: 7 })
  })

  it("is told to the client as it is counted, in its stream too", () => {
    const { payloads } = play(
      answer([text, says(0, word), stops(0)], start, { input_tokens: 0, output_tokens: 7 }),
      anthropicClient
    )
    const deltas = payloads
      .map(({ data }) => JSON.parse(data) as JsonObject)
      .filter(({ type }) => type === "message_delta")
    expect(deltas.at(-1)).toMatchObject({ usage: { input_tokens: 25, output_tokens: 7 } })
  })
})

it("a text that cites nothing means nothing besides", () => {
  const cites = (citations: unknown): unknown =>
    messages({ ...least, messages: [{ role: "user", content: [{ type: "text", text: "a", citations }] }] }).asked()
      .meanings
  expect(cites([])).toEqual([])
  expect(cites([{ type: "char_location" }])).toHaveLength(1)
})
