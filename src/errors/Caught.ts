/**
 * What `Effect.try` and `Effect.tryPromise` have caught, where they were not told what to make of it.
 */
import { isUnknownError } from "effect/Cause"

/**
 * What an `UnknownError` of Effect has caught, which knows more than it does: a vendor's SDK throws errors with a status,
 * and so may a program throw one of ours. Any other value is itself.
 */
export const caughtIn = (error: unknown): unknown => (isUnknownError(error) ? caughtIn(error.cause) : error)
