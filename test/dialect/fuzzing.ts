/**
 * What upstreams send, and what may become of it on its way: for tests that hold whatever is sent.
 */
import * as fc from "fast-check"
import type { UpstreamDialectName } from "#src/dialect/index"

type Json = { readonly [field: string]: unknown }

/** An answer of each dialect: it thinks, speaks, calls, and ends. The last events say the end. */
export const answers: {
  readonly [D in UpstreamDialectName]: { readonly events: ReadonlyArray<Json | string>; readonly ends: number }
} = {
  openai: {
    ends: 3,
    events: [
      ...[
        { role: "assistant", content: "" },
        { reasoning_content: "Hm." },
        { content: "Let me " },
        { content: "see." },
        { tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "f", arguments: "" } }] },
        { tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] },
        { tool_calls: [{ index: 0, function: { arguments: "1}" } }] },
        { tool_calls: [{ index: 1, id: "call_2", type: "function", function: { name: "g", arguments: "{}" } }] }
      ].map((delta) => ({
        id: "x",
        object: "chat.completion.chunk",
        created: 1,
        model: "m",
        choices: [{ index: 0, delta, finish_reason: null }]
      })),
      { id: "x", choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] },
      { id: "x", choices: [], usage: { prompt_tokens: 3, completion_tokens: 9, total_tokens: 12 } },
      "[DONE]"
    ]
  },
  anthropic: {
    ends: 2,
    events: [
      {
        type: "message_start",
        message: {
          id: "m",
          type: "message",
          role: "assistant",
          model: "m",
          content: [],
          usage: { input_tokens: 3, output_tokens: 1 }
        }
      },
      { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "Hm." } },
      { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "c2ln" } },
      { type: "content_block_stop", index: 0 },
      { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Let me see." } },
      { type: "content_block_stop", index: 1 },
      {
        type: "content_block_start",
        index: 2,
        content_block: { type: "tool_use", id: "toolu_1", name: "f", input: {} }
      },
      { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"a":' } },
      { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: "1}" } },
      { type: "content_block_stop", index: 2 },
      { type: "message_delta", delta: { stop_reason: "tool_use", stop_sequence: null }, usage: { output_tokens: 9 } },
      { type: "message_stop" }
    ]
  },
  gemini: {
    ends: 1,
    events: [
      ...[
        { text: "Hm.", thought: true, thoughtSignature: "c2ln" },
        { text: "Let me " },
        { text: "see." },
        { functionCall: { name: "f", args: { a: 1 } }, thoughtSignature: "c2ln" },
        { functionCall: { id: "b", name: "g", args: {} } },
        { inlineData: { mimeType: "image/png", data: "iVBORw0KGgo=" } }
      ].map((part) => ({
        candidates: [{ content: { role: "model", parts: [part] }, index: 0 }],
        modelVersion: "m",
        responseId: "r"
      })),
      {
        candidates: [{ content: { role: "model", parts: [{ text: "" }] }, finishReason: "STOP", index: 0 }],
        usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 9, totalTokenCount: 12 }
      }
    ]
  },
  responses: {
    ends: 1,
    events: [
      {
        type: "response.created",
        response: { id: "resp_1", object: "response", created_at: 1, model: "m", status: "in_progress", output: [] }
      },
      { type: "response.output_item.added", output_index: 0, item: { id: "rs_1", type: "reasoning", summary: [] } },
      {
        type: "response.reasoning_summary_part.added",
        item_id: "rs_1",
        output_index: 0,
        summary_index: 0,
        part: { type: "summary_text", text: "" }
      },
      {
        type: "response.reasoning_summary_text.delta",
        item_id: "rs_1",
        output_index: 0,
        summary_index: 0,
        delta: "Hm."
      },
      {
        type: "response.output_item.done",
        output_index: 0,
        item: {
          id: "rs_1",
          type: "reasoning",
          summary: [{ type: "summary_text", text: "Hm." }],
          encrypted_content: "c2ln"
        }
      },
      {
        type: "response.output_item.added",
        output_index: 1,
        item: { id: "msg_1", type: "message", role: "assistant", status: "in_progress", content: [] }
      },
      {
        type: "response.content_part.added",
        item_id: "msg_1",
        output_index: 1,
        content_index: 0,
        part: { type: "output_text", text: "", annotations: [] }
      },
      { type: "response.output_text.delta", item_id: "msg_1", output_index: 1, content_index: 0, delta: "Let me see." },
      {
        type: "response.output_item.done",
        output_index: 1,
        item: {
          id: "msg_1",
          type: "message",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: "Let me see.", annotations: [] }]
        }
      },
      {
        type: "response.output_item.added",
        output_index: 2,
        item: { id: "fc_1", type: "function_call", call_id: "call_1", name: "f", arguments: "" }
      },
      { type: "response.function_call_arguments.delta", item_id: "fc_1", output_index: 2, delta: '{"a":1}' },
      {
        type: "response.output_item.done",
        output_index: 2,
        item: {
          id: "fc_1",
          type: "function_call",
          call_id: "call_1",
          name: "f",
          arguments: '{"a":1}',
          status: "completed"
        }
      },
      {
        type: "response.completed",
        response: {
          id: "resp_1",
          object: "response",
          created_at: 1,
          model: "m",
          status: "completed",
          output: [],
          usage: { input_tokens: 3, output_tokens: 9, total_tokens: 12 }
        }
      }
    ]
  }
}

/** A change of what an upstream sends. */
export type Change =
  | { readonly what: "drop" | "twice" | "first" | "garbage"; readonly at: number }
  | { readonly what: "field"; readonly at: number; readonly field: number; readonly value: unknown }

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    0,
    1,
    -1,
    1.5,
    1e300,
    "",
    "a",
    "{",
    true,
    false,
    [],
    {},
    [null],
    [{}],
    "stop",
    "STOP",
    "tool_use",
    "error"
  ),
  fc.jsonValue({ maxDepth: 2 })
)

/** Any change. */
export const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ what: fc.constantFrom("drop", "twice", "first", "garbage"), at: fc.nat({ max: 20 }) }),
  fc.record({ what: fc.constant("field"), at: fc.nat({ max: 20 }), field: fc.nat({ max: 30 }), value: odd }),
  fc.record({ what: fc.constant("field"), at: fc.nat({ max: 20 }), field: fc.nat({ max: 30 }), value: odd })
)

/** Puts a value in the place of the nth field, counted through. */
const withField = (value: unknown, nth: number, put: unknown): unknown => {
  let left = nth
  const visit = (found: unknown): unknown => {
    if (left-- === 0) return put
    if (Array.isArray(found)) return (found as ReadonlyArray<unknown>).map(visit)
    if (typeof found !== "object" || found === null) return found
    return Object.fromEntries(Object.entries(found).map(([field, inner]) => [field, visit(inner)]))
  }
  return visit(value)
}

/** What an upstream sends with these changes. */
export const changed = (events: ReadonlyArray<unknown>, changes: ReadonlyArray<Change>): ReadonlyArray<unknown> => {
  const list = [...events]
  for (const one of changes) {
    const at = list.length === 0 ? 0 : one.at % list.length
    if (one.what === "field") list[at] = withField(list[at], one.field + 1, one.value)
    else if (one.what === "drop") list.splice(at, 1)
    else if (one.what === "twice") list.splice(at, 0, list[at])
    else if (one.what === "first") list.unshift(...list.splice(at, 1))
    else list.splice(at, 0, "{not json")
  }
  return list
}
