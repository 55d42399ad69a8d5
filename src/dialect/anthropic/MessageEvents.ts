/**
 * A whole message as the events that its stream would have been.
 */
import { inputValue } from "../CallInput.ts"
import type { NativeEvents } from "../Event.ts"
import { printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject } from "../Json.ts"

type Raw = NativeEvents["anthropic"]

/** The input of a call as JSON text, its numbers to the digit. */
export const inputText = (input: unknown): string => (isObject(input) ? printJson(input) : JSON.stringify(input ?? {}))

/** A block as it begins, and the deltas that make the rest of it. */
const beginning = (block: JsonObject): { readonly start: JsonObject; readonly deltas: ReadonlyArray<JsonObject> } => {
  switch (block["type"]) {
    case "text": {
      const { citations, text, ...rest } = block
      const cited = Array.isArray(citations) ? (citations as ReadonlyArray<unknown>) : []
      return {
        start: { ...rest, text: "" },
        deltas: [{ type: "text_delta", text }, ...cited.map((citation) => ({ type: "citations_delta", citation }))]
      }
    }
    case "thinking": {
      const { signature, thinking, ...rest } = block
      return {
        start: { ...rest, thinking: "", signature: "" },
        deltas: [
          { type: "thinking_delta", thinking },
          { type: "signature_delta", signature }
        ]
      }
    }
    case "tool_use": {
      const { input, ...rest } = block
      return {
        start: { ...rest, input: {} },
        deltas: [{ type: "input_json_delta", partial_json: inputText(inputValue(input)) }]
      }
    }
    default:
      return { start: block, deltas: [] }
  }
}

const blockEvents = (block: unknown, index: number): ReadonlyArray<Raw> => {
  if (!isObject(block)) return [{ type: "content_block_start", index, content_block: block }]
  const { deltas, start } = beginning(block)
  return [
    { type: "content_block_start", index, content_block: start },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index }
  ]
}

/** The events of a message. */
export const messageEvents = (message: JsonObject, content: ReadonlyArray<unknown>): ReadonlyArray<Raw> => {
  const { stop_details: details, stop_reason: reason, stop_sequence: sequence, usage } = message
  return [
    { type: "message_start", message: { ...message, content: [], stop_reason: null, stop_sequence: null } },
    ...content.flatMap(blockEvents),
    {
      type: "message_delta",
      delta: {
        stop_reason: reason ?? null,
        stop_sequence: sequence ?? null,
        ...(details === undefined ? {} : { stop_details: details })
      },
      ...(usage === undefined ? {} : { usage })
    },
    { type: "message_stop" }
  ]
}
