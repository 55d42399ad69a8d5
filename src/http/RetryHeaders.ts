/**
 * What an HTTP answer says about asking again.
 */
import { describe, type ResilienceError } from "../errors/index.ts"
import { inWholeSeconds, toldHint } from "./ToldHint.ts"

/** What a 429 or 503 says when its error knows no better: one second. */
export const defaultRetryAfterMillis = 1_000

/**
 * The hints of an error: `retry-after` (whole seconds, at least 1) and `retry-after-ms`, on 429 and 503 only. Both are
 * rounded up, so that who waits so long is not early, and are at most an hour; a hint that is no number counts as none.
 *
 * ```ts import.meta.vitest
 * import { CircuitOpen } from "effect-resilience/errors"
 * import { retryHeaders } from "effect-resilience/http"
 *
 * retryHeaders(new CircuitOpen({ retryAfterMillis: 2100 })) // => { "retry-after": "3", "retry-after-ms": "2100" }
 * ```
 */
export const retryHeaders = (error: ResilienceError): { readonly [name: string]: string } => {
  return retryHeadersOf(describe(error).status, error.retryAfterMillis)
}

/** The same of a status and a hint. */
export const retryHeadersOf = (status: number, hint: number | undefined): { readonly [name: string]: string } => {
  if (status !== 429 && status !== 503) return {}
  const millis = toldHint(hint) ?? defaultRetryAfterMillis
  return { "retry-after": String(inWholeSeconds(millis)), "retry-after-ms": String(millis) }
}

/** `x-should-retry`: whether asking again, unchanged, may help. The SDKs of model vendors obey it. */
export const shouldRetryHeader = (error: ResilienceError): { readonly "x-should-retry": "true" | "false" } => ({
  "x-should-retry": describe(error).recoverable ? "true" : "false"
})
