/**
 * A call whose input is not whole while something else is said: servers that find calls in what a model writes send the
 * white space around a call as text, between the parts of its input or beside them.
 */
import { describe, expect, it } from "vitest"
import {
  anthropicClient,
  geminiClient,
  nothing,
  openaiClient,
  type Payload,
  type Piece,
  responsesClient,
  type UpstreamEvent
} from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { identity, playEvents, wholeOf } from "./gemini/kit.ts"
import { completion } from "./openai/kit.ts"

const piece = (...pieces: ReadonlyArray<Piece>): UpstreamEvent => ({ ...nothing, pieces })
const begins = (index: number): Piece => ({ _tag: "ToolCall", index, id: `c${index}`, name: "find" })
const input = (index: number, text: string): Piece => ({ _tag: "ToolInput", index, text })
const stop: UpstreamEvent = { ...nothing, finish: { reason: "tool-calls", native: "tool_calls", from: "openai" } }
const done: UpstreamEvent = { _tag: "Done" }

const beside: ReadonlyArray<readonly [what: string, said: UpstreamEvent]> = [
  ["text", { ...nothing, text: "\n" }],
  ["a thought", { ...nothing, reasoning: "hm" }],
  ["text beside the next part", { ...nothing, text: "\n", pieces: [input(0, "")] }],
  ["a refusal", piece({ _tag: "Refusal", text: "no" })],
  ["what signs a thought", piece({ _tag: "Signature", by: "openai", value: "s", of: "reasoning" })]
]

const answerWith = (said: UpstreamEvent): ReadonlyArray<UpstreamEvent> => [
  piece(begins(0)),
  piece(input(0, '{"q":')),
  said,
  piece(input(0, "1}")),
  piece(begins(1)),
  said,
  piece(input(1, '{"q":2}')),
  stop,
  done
]

const read = (payloads: ReadonlyArray<Payload>): ReadonlyArray<JsonObject> =>
  payloads.flatMap(({ data }) => (data.startsWith("{") ? [JSON.parse(data) as JsonObject] : []))

describe.each(beside)("with %s between the parts of its input", (_, said) => {
  const events = answerWith(said)

  it("is whole for an Anthropic client before its block ends", () => {
    const { payloads, text } = playEvents(events, anthropicClient)
    const ended = new Set<unknown>()
    for (const { index, type } of read(payloads)) {
      expect(ended.has(index)).toBe(false)
      if (type === "content_block_stop") ended.add(index)
    }
    const { content } = wholeOf(text, anthropicClient) as unknown as { content: ReadonlyArray<JsonObject> }
    const calls = content.filter(({ type }) => type === "tool_use")
    expect(calls.map((call) => call["input"])).toEqual([{ q: 1 }, { q: 2 }])
  })

  it("is whole for a client of responses before its item is done", () => {
    const { payloads, text } = playEvents(events, responsesClient)
    const ended = read(payloads).filter(({ type }) => type === "response.function_call_arguments.done")
    expect(ended.map((event) => event["arguments"])).toEqual(['{"q":1}', '{"q":2}'])
    const { output } = wholeOf(text, responsesClient) as unknown as { output: ReadonlyArray<JsonObject> }
    const calls = output.filter(({ type }) => type === "function_call")
    expect(calls.map((call) => call["arguments"])).toEqual(['{"q":1}', '{"q":2}'])
  })

  it("is whole for a Gemini client", () => {
    const { data } = playEvents(events, geminiClient)
    const parts = data.flatMap(({ candidates }) => candidates[0]?.content.parts ?? [])
    const calls = parts.flatMap(({ functionCall }) => functionCall ?? [])
    expect(calls.map(({ args }) => args)).toEqual([{ q: 1 }, { q: 2 }])
  })

  it("is whole for a client of chat completions", () => {
    const { choices } = wholeOf(playEvents(events, openaiClient).text, openaiClient) as unknown as {
      choices: [{ message: { tool_calls: ReadonlyArray<{ function: { arguments: string } }> } }]
    }
    const calls = choices[0].message.tool_calls
    expect(calls.map((call) => call.function.arguments)).toEqual(['{"q":1}', '{"q":2}'])
  })
})

it("says no more of a call's input once its block has ended", () => {
  const said = { ...nothing, text: "so" }
  const { payloads } = playEvents(
    [piece(begins(0)), piece(input(0, '{"q":1}')), said, piece(input(0, "\n")), stop, done],
    anthropicClient
  )
  const told = read(payloads).filter(({ index }) => index === 0)
  expect(told.map(({ type }) => type)).toEqual(["content_block_start", "content_block_delta", "content_block_stop"])
})

it.each([anthropicClient, geminiClient, responsesClient].map((client) => [client.name, client] as const))(
  "takes linear time for a client of %s, however many calls stay open",
  (_, client) => {
    const count = 20_000
    const encoder = client.encoder(identity)
    // Of the process's own time: others may be at work here.
    const start = process.cpuUsage()
    for (let at = 0; at < count; at++) {
      encoder.delta({ ...nothing, pieces: [begins(at), input(at, "{")] })
      encoder.delta({ ...nothing, text: "so" })
    }
    encoder.complete(completion, true)
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(6000)
  }
)
