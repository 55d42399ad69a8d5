/**
 * What a client may read of an error. Where the caller is to blame, or what it said, it reads what is wrong, in the
 * error's own words (an upstream's, if an upstream said it), redacted. Everywhere else it reads the catalogue's message,
 * which names no host, key, path or internal. An error's `publicMessage` is read as it is, whoever is to blame.
 */
import { type ByBlame, describe, type Detail, redactText, type ResilienceError } from "../errors/index.ts"

const showsOwnWords = {
  caller: true,
  content: true,
  credential: false,
  quota: false,
  rate: false,
  model: false,
  channel: false,
  upstream: false,
  timeout: false,
  transport: false,
  rejected: false,
  exhausted: false,
  storage: false,
  cancelled: false,
  defect: false
} as const satisfies ByBlame<boolean>

/**
 * The message of an error that is safe to show to a client.
 *
 * ```ts import.meta.vitest
 * import { InternalError, InvalidRequest } from "effect-resilience/errors"
 * import { publicMessage } from "effect-resilience/http"
 *
 * publicMessage(new InvalidRequest({ message: "model must be a string" })) // => "model must be a string"
 * publicMessage(new InternalError({ message: "undefined is not a function" })) // => "Internal error."
 * publicMessage(new InternalError({ publicMessage: "We are mending it." })) // => "We are mending it."
 * ```
 */
export const publicMessage = (error: ResilienceError): string => {
  const { blame, message } = describe(error)
  if (error.publicMessage !== undefined || !showsOwnWords[blame]) return message
  const own = error.upstream?.message ?? error.message
  return own.trim() === "" ? message : redactText(own)
}

/** What is wrong with an input, field by field, redacted; only where the caller is to blame, or what it said. */
export const publicDetails = (error: ResilienceError): ReadonlyArray<Detail> | undefined =>
  error.details === undefined || error.details.length === 0 || !showsOwnWords[describe(error).blame]
    ? undefined
    : error.details.map(({ code, field, message }) => ({ field, message: redactText(message), code }))

/** A message with the request's id at its end, as dialect routes show it: `… (request id: req_…)`. */
export const withRequestId = (message: string, requestId: string): string => `${message} (request id: ${requestId})`
