/**
 * Events that say nothing: those that only keep a connection open, and empty ones.
 */
import { parseJson } from "../Json.ts"

const names = /^(?:ping|keep-?alive|heartbeat)$/i

/** Whether an event says by its name that it holds nothing, whatever stands in it: proxies write a time, or a word. */
export const isIdle = (event: string): boolean => names.test(event)

const isBlank = (value: unknown): boolean =>
  value === null || value === "" || (typeof value === "object" && Object.values(value).every(isBlank))

/** A text that is longer than this says something. */
const longest = 256

/**
 * Whether the data of an event holds nothing but empty values, such as `{}`, `null` or `{"error":null}`: no dialect has
 * such an event, and some proxies write it between those of an answer.
 */
export const isEmptyData = (data: string): boolean => {
  if (data.length > longest) return false
  const value = parseJson(data)
  return value !== undefined && isBlank(value)
}
