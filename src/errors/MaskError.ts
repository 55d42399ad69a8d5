/**
 * An error without what its reader may not know: the same error, of the same class, with other words.
 */
import { isFault, stackless } from "./Fault.ts"
import type { ResilienceError } from "./Members.ts"

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Words of ours, whatever is secret. */
const ours: ReadonlySet<string> = new Set(["_tag", "phase", "reason", "side"])

/** The value itself where no text in it changes. */
const masked = (value: unknown, mask: (text: string) => string): unknown => {
  if (typeof value === "string") return mask(value)
  if (typeof value !== "object" || value === null) return value
  if (isFault(value)) return maskError(value as ResilienceError, mask)
  if (Array.isArray(value)) {
    const items = value.map((item) => masked(item, mask))
    return items.some((item, at) => item !== value[at]) ? items : value
  }
  if (!isPlain(value)) return value
  const fields = Object.entries(value).map(
    ([name, field]) => [name, field, ours.has(name) ? field : masked(field, mask)] as const
  )
  return fields.some(([, before, after]) => before !== after)
    ? Object.fromEntries(fields.map(([name, , after]) => [name, after]))
    : value
}

/**
 * An error with `mask` done to each text in it: its message, what the upstream said, its details, its stack, and the
 * errors that it holds. The error itself where that changes nothing.
 *
 * ```ts import.meta.vitest
 * import { InvalidRequest, maskError } from "effect-resilience/errors"
 *
 * const error = new InvalidRequest({ message: "bad key hunter2", upstream: { status: 400, message: "hunter2" } })
 * const masked = maskError(error, (text) => text.replaceAll("hunter2", "***"))
 *
 * masked._tag // => "InvalidRequest"
 * masked.message // => "bad key ***"
 * masked.upstream // => { status: 400, message: "***" }
 * ```
 */
export const maskError = <E extends ResilienceError>(error: E, mask: (text: string) => string): E => {
  const fields: object = { ...error }
  const message = mask(error.message)
  const others = masked(fields, mask)
  const stack = error.stack === undefined ? undefined : mask(error.stack)
  if (message === error.message && others === fields && stack === error.stack) return error
  const Class = error.constructor as new (fields: object) => E
  const made = stackless(() => new Class({ ...(others as object), message }))
  if (stack !== undefined) Object.defineProperty(made, "stack", { value: stack, configurable: true, writable: true })
  return made
}
