/**
 * What a client may read of an error. Where the caller is to blame, or what it said, it reads what is wrong, in the
 * error's own words (an upstream's, if an upstream said it), redacted. Everywhere else it reads the catalogue's message,
 * which names no host, key, path or internal. An error's `publicMessage` is read as it is, whoever is to blame.
 *
 * What others wrote may be of any length, and stands in such words: an error is at most some kilobytes all the same.
 */
import {
  type ByBlame,
  describe,
  type Detail,
  excerpt,
  longestName,
  redactText,
  type ResilienceError
} from "../errors/index.ts"

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

/** The longest message, and the most that all details are together, in UTF-16 units. */
const most = { message: 2048, details: 8192 }

// What is far beyond the bound is not looked at: recognising secrets takes time by the length.
const shown = (text: string): string => excerpt(redactText(excerpt(text, 4 * most.message)), most.message)

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
  return own.trim() === "" ? message : shown(own)
}

/** A text that was written for whoever reads the answer: redacted all the same, and bounded. */
export const shownMessage = shown

/**
 * What is wrong with an input, field by field, redacted; only where the caller is to blame, or what it said. Of very many
 * the first ones.
 */
export const publicDetails = (error: ResilienceError): ReadonlyArray<Detail> | undefined => {
  if (error.details === undefined || error.details.length === 0 || !showsOwnWords[describe(error).blame])
    return undefined
  return shownDetails(error.details)
}

/** Details that may be shown: redacted; of very many the first ones. */
export const shownDetails = (all: ReadonlyArray<Detail>): ReadonlyArray<Detail> => {
  const details: Array<Detail> = []
  let size = 0
  for (const { code, field, message } of all) {
    const detail = { field: excerpt(field, longestName), message: shown(message), code }
    size += detail.field.length + detail.message.length + code.length
    if (size > most.details && details.length > 0) break
    details.push(detail)
  }
  return details
}

/** A message with the request's id at its end, as dialect routes show it: `… (request id: req_…)`. */
export const withRequestId = (message: string, requestId: string): string => `${message} (request id: ${requestId})`
