/**
 * A conversation of one dialect's client over another dialect's channel, to the next turn.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  type AnswerRequest,
  assembleOpenAI,
  type Payload,
  upstreamDialects,
  type UpstreamDialectName
} from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { begun, completion, parse, user } from "./kit.ts"

const encodeFor = (name: UpstreamDialectName, request: AnswerRequest) =>
  Result.getOrThrow(
    upstreamDialects[name].encode({
      request,
      model: "m",
      stream: true,
      continuation: undefined,
      params: {},
      refused: new Set(),
      drop: false
    })
  )

/** What an upstream's events are to a client of chat completions, as a whole answer's message. */
const messageOf = (
  name: UpstreamDialectName,
  request: AnswerRequest,
  events: ReadonlyArray<JsonObject>
): JsonObject => {
  const decoder = upstreamDialects[name].decoder(encodeFor(name, request))
  const { encoder, opening } = begun()
  const payloads: Array<Payload> = [...opening]
  for (const event of events) {
    const step = decoder.step(String(event["type"]), JSON.stringify(event))
    if (step._tag === "Delta") payloads.push(...encoder.delta(step))
  }
  payloads.push(...encoder.complete(completion, true))
  const whole = JSON.parse(assembleOpenAI(payloads)) as { choices: [{ message: JsonObject }] }
  return whole.choices[0].message
}

describe("a client of chat completions over an Anthropic channel", () => {
  const tools = [{ type: "function", function: { name: "find", parameters: { type: "object" } } }]
  const events: ReadonlyArray<JsonObject> = [
    { type: "message_start", message: { id: "x", role: "assistant", content: [], usage: { input_tokens: 1 } } },
    { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "let me see" } },
    { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "c2ln" } },
    { type: "content_block_stop", index: 0 },
    { type: "content_block_start", index: 1, content_block: { type: "redacted_thinking", data: "c2VhbGVk" } },
    { type: "content_block_stop", index: 1 },
    { type: "content_block_start", index: 2, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 2, delta: { type: "text_delta", text: "I look." } },
    { type: "content_block_stop", index: 2 },
    {
      type: "content_block_start",
      index: 3,
      content_block: { type: "tool_use", id: "toolu_1", name: "find", input: {} }
    },
    { type: "content_block_delta", index: 3, delta: { type: "input_json_delta", partial_json: '{"q":1}' } },
    { type: "content_block_stop", index: 3 },
    { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 9 } },
    { type: "message_stop" }
  ]
  const message = messageOf("anthropic", parse({ tools }), events)

  it("is shown its text, reasoning and call, with the signature on the call", () => {
    const relay = { signature: "er1.anthropic.c2ln", sealed: ["er1.anthropic.c2VhbGVk"] }
    assert.deepInclude(message, {
      content: "I look.",
      reasoning_content: "let me see",
      tool_calls: [
        {
          type: "function",
          id: "toolu_1",
          function: { name: "find", arguments: '{"q":1}' },
          extra_content: { relay }
        }
      ]
    })
  })

  it("sends it back, and Anthropic is given its own blocks before the call", () => {
    const next = parse({ tools, messages: [user, message, { role: "tool", tool_call_id: "toolu_1", content: "42" }] })
    const body = JSON.parse(encodeFor("anthropic", next).body) as { messages: ReadonlyArray<{ content: unknown }> }
    assert.deepStrictEqual(body.messages[1]!.content, [
      { type: "thinking", thinking: "let me see", signature: "c2ln" },
      { type: "redacted_thinking", data: "c2VhbGVk" },
      { type: "text", text: "I look." },
      { type: "tool_use", id: "toolu_1", name: "find", input: { q: 1 } }
    ])
  })

  it("sends it back, and an OpenAI channel is given nothing that it does not know", () => {
    const next = parse({ tools, messages: [user, message, { role: "tool", tool_call_id: "toolu_1", content: "42" }] })
    const { body } = encodeFor("openai", next)
    assert.notInclude(body, "er1.")
    assert.notInclude(body, "extra_content")
  })
})
