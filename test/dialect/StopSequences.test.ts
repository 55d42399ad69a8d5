/**
 * Which stop sequence an answer stopped at: an Anthropic client is told it where its upstream says so.
 */
import { describe, expect, it } from "vitest"
import { anthropicClient, openai } from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { Machine } from "#src/relay/Machine"
import { identity, least, messages, plainly } from "./anthropic/kit.ts"
import { chunk } from "./openai/kit.ts"

const request = messages({ ...least, stop_sequences: ["END", "STOP"] })

/** How an Anthropic client is told that its answer ended. */
const endOf = (events: ReadonlyArray<JsonObject>, whole: boolean): unknown => {
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
  const decoder = openai.decoder(plainly)
  const steps = whole
    ? openai.decodeWhole({ status: 200, headers: {}, body: JSON.stringify(events[0]), now: 0 }, plainly)
    : [...events.map((event) => decoder.step("", JSON.stringify(event))), decoder.step("", "[DONE]")]
  for (const step of steps) machine.step(step)
  machine.complete(1)
  return told.find(({ type }) => type === "message_delta")?.["delta"]
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
