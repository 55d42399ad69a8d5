/**
 * Which stop sequence an answer stopped at: an Anthropic client is told it where its upstream says so.
 */
import { describe, expect, it } from "vitest"
import { anthropic, anthropicClient, openai } from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { Machine } from "#src/relay/Machine"
import { identity, least, messages, plainly } from "./anthropic/kit.ts"
import { chunk } from "./openai/kit.ts"

const request = messages({ ...least, stop_sequences: ["END", "STOP"] })

/** An answer to an Anthropic client, and what that is told. */
const begun = () => {
  const told: Array<JsonObject> = []
  const machine = new Machine({
    encoder: anthropicClient.encoder({ ...identity, request }),
    choices: 1,
    inputEstimate: () => 1,
    output: {
      show: (shown) => told.push(...shown.map(({ data }) => JSON.parse(data) as JsonObject)),
      onCommit: () => {},
      onSeam: () => {}
    }
  })
  machine.begin("m")
  const end = () => {
    machine.complete(1)
    return told.find(({ type }) => type === "message_delta")?.["delta"]
  }
  return { machine, end }
}

/** How an Anthropic client is told that its answer ended. */
const endOf = (events: ReadonlyArray<JsonObject>, whole: boolean): unknown => {
  const { end, machine } = begun()
  const decoder = openai.decoder(plainly)
  const steps = whole
    ? openai.decodeWhole({ status: 200, headers: {}, body: JSON.stringify(events[0]), now: 0 }, plainly)
    : [...events.map((event) => decoder.step("", JSON.stringify(event))), decoder.step("", "[DONE]")]
  for (const step of steps) machine.step(step)
  return end()
}

const streamed = (beside: JsonObject, delta: JsonObject = { content: "a" }): unknown =>
  endOf([chunk(delta), chunk({}, "stop", beside)], false)
const whole = (beside: JsonObject): unknown =>
  endOf([{ choices: [{ index: 0, message: { content: "a" }, finish_reason: "stop", ...beside }] }], true)

describe.each([
  ["streamed", streamed],
  ["whole", whole]
] as const)("an answer that stops at a sequence, %s", (_, end) => {
  it.each([{ stop_reason: "END" }, { matched_stop: "END" }, { stop_reason: null, matched_stop: "END" }])(
    "is told so to an Anthropic client: %j",
    (beside) => {
      expect(end(beside)).toEqual({ stop_reason: "stop_sequence", stop_sequence: "END" })
    }
  )

  it.each([{ stop_reason: 151_645 }, { matched_stop: 2 }, { stop_reason: "eos" }, { stop_reason: null }, {}])(
    "is at its end where it is none of the client's: %j",
    (beside) => {
      expect(end(beside)).toEqual({ stop_reason: "end_turn", stop_sequence: null })
    }
  )
})

it("a call is what an answer stops for, whatever else is said", () => {
  const tool_calls = [{ index: 0, id: "c", type: "function", function: { name: "f", arguments: "{}" } }]
  expect(streamed({ stop_reason: "END" }, { tool_calls })).toEqual({ stop_reason: "tool_use", stop_sequence: null })
})

it("a few words with which an Anthropic channel joins an answer may end at one, too", () => {
  const { end, machine } = begun()
  const said = "It was a dark and stormy night, and the rain fell in torrents"
  machine.step(openai.decoder(plainly).step("", JSON.stringify(chunk({ content: said }))))
  machine.join({ from: "a", to: "b", reason: "stream_truncated", mode: "message" })
  const decoder = anthropic.decoder(plainly)
  for (const event of [
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "rain f" } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "stop_sequence", stop_sequence: "STOP" }, usage: {} },
    { type: "message_stop" }
  ])
    machine.step(decoder.step(event.type, JSON.stringify(event)))
  expect(end()).toEqual({ stop_reason: "stop_sequence", stop_sequence: "STOP" })
})
