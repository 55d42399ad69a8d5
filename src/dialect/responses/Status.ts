/**
 * How a response ended, in OpenAI's words and in ours.
 */
import type { Finish, FinishReason } from "../Event.ts"
import { isObject, type JsonObject } from "../Json.ts"

const textIn = (value: unknown, field: string): string => {
  const text = isObject(value) ? value[field] : undefined
  return typeof text === "string" ? text : ""
}

const incomplete: ReadonlyMap<string, FinishReason> = new Map<string, FinishReason>([
  ["max_output_tokens", "length"],
  ["max_tokens", "length"],
  ["length", "length"],
  ["content_filter", "content-filter"]
])

/** The status of a response, whatever it is. */
export const statusOf = (response: JsonObject): string => textIn(response, "status")

/**
 * The end of a response that is `completed` or `incomplete`. `called`: it has called a tool; OpenAI has no word for that. A
 * reason that nobody knows passes as it is; to clients of other dialects what says that it is incomplete is never whole.
 */
export const readStatus = (response: JsonObject, called: boolean): Finish => {
  if (statusOf(response) !== "incomplete") {
    return { reason: called ? "tool-calls" : "stop", native: "completed", from: "responses" }
  }
  const native = textIn(response["incomplete_details"], "reason")
  return {
    reason: incomplete.get(native) ?? "length",
    native: native === "" ? "incomplete" : native,
    from: "responses"
  }
}

/** How a response says that it ended. */
export interface Ending {
  readonly status: "completed" | "incomplete"
  readonly incomplete_details: { readonly reason: string } | null
}

const whole: Ending = { status: "completed", incomplete_details: null }
const cut = (reason: string): Ending => ({ status: "incomplete", incomplete_details: { reason } })

const endings: { readonly [R in FinishReason]: Ending } = {
  stop: whole,
  length: cut("max_output_tokens"),
  "tool-calls": whole,
  "content-filter": cut("content_filter"),
  error: whole,
  pause: whole,
  other: whole,
  unknown: whole
}

/** How a client is told that its answer ended. */
export const writeStatus = ({ from, native, reason }: Finish): Ending => {
  if (from !== "responses" || native === "completed" || incomplete.has(native)) return endings[reason]
  return cut(native)
}
