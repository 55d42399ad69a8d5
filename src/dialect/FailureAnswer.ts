/**
 * An error as an HTTP answer of a vendor's dialect: the headers that all of them have, around a body of its own.
 */
import type { ResilienceError } from "../errors/index.ts"
import { retryHeaders, shouldRetryHeader } from "../http/index.ts"
import type { FailureAnswer } from "./Dialect.ts"

/** Makes it; no cache keeps it. `headers` are those that only this dialect's clients look for. */
export const failureAnswer = (
  error: ResilienceError,
  status: number,
  body: object,
  headers: { readonly [name: string]: string } = {}
): FailureAnswer => ({
  status,
  headers: {
    "content-type": "application/json",
    "cache-control": "no-store",
    ...headers,
    ...(error._tag === "MethodNotAllowed" && error.allow !== undefined ? { allow: error.allow.join(", ") } : {}),
    ...retryHeaders(error),
    ...shouldRetryHeader(error)
  },
  body: JSON.stringify(body)
})
