/**
 * Options as plain data: what the schemas of the policies are made of. The rules stay where they are, in the policies: a
 * schema asks the constructor, and what that refuses is the fault.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as Check from "./InvalidPolicyOption.ts"

/** A check by a constructor: what it refuses, and where, is the fault. */
export const accepted = <A>(make: (value: A) => unknown) =>
  Schema.makeFilter((value: A) => {
    try {
      make(value)
      return undefined
    } catch (error) {
      if (!(error instanceof Check.InvalidPolicyOption)) throw error
      return { path: error.option.split("."), issue: error.message }
    }
  })

/** A duration above zero and at most 2^31 - 1 ms, as Effect's string. */
export const Time = Schema.DurationFromString.check(
  Schema.makeFilter((duration) => {
    const millis = Duration.toMillis(duration)
    return millis > 0 && millis <= Check.longestMillis
      ? undefined
      : "expected a duration above zero, at most 2^31 - 1 ms"
  })
)

/** As `Time`, or zero. */
export const TimeOrZero = Schema.DurationFromString.check(
  Schema.makeFilter((duration) => {
    const millis = Duration.toMillis(duration)
    return millis >= 0 && millis <= Check.longestMillis
      ? undefined
      : "expected a duration, zero or more, at most 2^31 - 1 ms"
  })
)
