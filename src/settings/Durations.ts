/**
 * Durations of the configuration file: Effect's strings (`"5 seconds"`, `"200 millis"`), decoded to milliseconds.
 */
import { Duration, Option, Schema } from "effect"
import { mapped, text } from "./Fields.ts"

const pattern = "^\\d+(\\.\\d+)?\\s+(nanos?|micros?|millis?|seconds?|minutes?|hours?|days?|weeks?)$"
const shape = new RegExp(pattern)

/** The milliseconds of a duration string, or `undefined` where it is none. The shape leaves only what Effect reads. */
export const millisOf = (value: string): number | undefined =>
  shape.test(value)
    ? Option.getOrUndefined(Option.map(Duration.fromInput(value as Duration.Input), Duration.toMillis))
    : undefined

/** Timers of the platform hold 31 bits of milliseconds; a longer one would fire at once. */
const longestTimer = 2 ** 31 - 1

const duration = (expected: string, accepts: (millis: number) => boolean) =>
  mapped(
    text(
      expected,
      (value) => {
        const millis = millisOf(value)
        return millis !== undefined && accepts(millis)
      },
      { pattern }
    ),
    Schema.Finite,
    (value) => {
      const millis = millisOf(value) ?? 0
      // A part of a millisecond is a timer of one.
      return millis === 0 ? 0 : Math.max(1, Math.round(millis))
    }
  )

/** A duration that a timer waits for: more than nothing, and at most 24 days. */
export const Millis = duration(
  'a duration above zero such as "5 seconds" (at most 24 days)',
  (millis) => millis > 0 && millis <= longestTimer
)

/** The same, where nothing (`"0 seconds"`) turns something off. */
export const MillisOrNone = duration(
  'a duration such as "5 seconds", or "0 seconds" for none (at most 24 days)',
  (millis) => millis <= longestTimer
)

/** A duration that no timer waits for: more than nothing, of any length. */
export const LongMillis = duration(
  'a duration above zero such as "10 minutes"',
  (millis) => millis > 0 && millis <= Number.MAX_SAFE_INTEGER
)

const units = [
  ["week", 604_800_000],
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000]
] as const

/** Milliseconds as a duration is written: in the longest unit of which they are a whole number. */
export const formatMillis = (millis: number): string => {
  for (const [unit, length] of units) {
    if (millis >= length && millis % length === 0) {
      return `${millis / length} ${unit}${millis === length ? "" : "s"}`
    }
  }
  return `${millis} millis`
}
