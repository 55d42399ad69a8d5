/**
 * What Cohere's chat says, as its documentation has it.
 */
import { type Encoded, type UpstreamEvent } from "effect-resilience/dialect"
import { cohere } from "../../../examples/cohere/Cohere.ts"

/** One event. */
export interface Event {
  readonly type: string
  readonly [field: string]: unknown
}

const said = (type: string, message: object, index?: number): Event => ({
  type,
  ...(index === undefined ? {} : { index }),
  delta: { message }
})

export const start: Event = {
  type: "message-start",
  id: "29f14a5a",
  delta: { message: { role: "assistant", content: [], tool_plan: "", tool_calls: [], citations: [] } }
}
export const begin = (type: "text" | "thinking", index = 0): Event =>
  said("content-start", { content: { type, [type]: "" } }, index)
export const text = (text: string, index = 0): Event => said("content-delta", { content: { text } }, index)
export const thought = (thinking: string, index = 0): Event => said("content-delta", { content: { thinking } }, index)
export const stop = (index = 0): Event => ({ type: "content-end", index })
export const plan = (tool_plan: string): Event => said("tool-plan-delta", { tool_plan })
export const call = (index: number, id: string, name: string): Event =>
  said("tool-call-start", { tool_calls: { id, type: "function", function: { name, arguments: "" } } }, index)
export const input = (index: number, part: string): Event =>
  said("tool-call-delta", { tool_calls: { function: { arguments: part } } }, index)
export const called = (index: number): Event => ({ type: "tool-call-end", index })
export const usage = {
  billed_units: { input_tokens: 17, output_tokens: 12 },
  tokens: { input_tokens: 215, output_tokens: 12 },
  cached_tokens: 3
}
export const end = (finish_reason: string, more: object = {}): Event => ({
  type: "message-end",
  delta: { finish_reason, usage, ...more }
})

/** These events, decoded. */
export const decoded = (
  events: ReadonlyArray<object | string>,
  names: Encoded["names"] = undefined
): ReadonlyArray<UpstreamEvent> => {
  const decoder = cohere.decoder({ body: "", dropped: [], names })
  return events.map((event) =>
    typeof event === "string" ? decoder.step("message", event) : decoder.step("message", JSON.stringify(event))
  )
}
