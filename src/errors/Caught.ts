/**
 * What an error of Effect holds that knows more than it does.
 */
import { isUnknownError } from "effect/Cause"
import { isFault } from "./Fault.ts"

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as { readonly [field: string]: unknown })[name] : undefined

/** What a policy under an `HttpClient` has refused: it comes as the client's own error (`PolicyHttp.layer`). */
const refusalIn = (error: unknown): unknown => {
  if (fieldOf(error, "_tag") !== "HttpClientError") return undefined
  const cause = fieldOf(fieldOf(error, "reason"), "cause")
  return isFault(cause) ? cause : undefined
}

/**
 * What an error holds that knows more than it does: of the `UnknownError` of an `Effect.tryPromise` what was caught (a
 * vendor's SDK throws errors with a status, and a program may throw one of ours), of an `HttpClientError` an error of ours
 * that is its cause. Any other value is itself.
 */
export const caughtIn = (error: unknown): unknown =>
  isUnknownError(error) ? caughtIn(error.cause) : (refusalIn(error) ?? error)
