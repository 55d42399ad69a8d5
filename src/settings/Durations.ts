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

const units = [
  ["weeks", 604_800_000],
  ["days", 86_400_000],
  ["hours", 3_600_000],
  ["minutes", 60_000],
  ["seconds", 1000]
] as const

/**
 * Milliseconds as they are written in the file: in the greatest unit of which they are a whole number.
 *
 * ```ts import.meta.vitest
 * import { durationText } from "effect-resilience/settings"
 *
 * durationText(60_000) // => "1 minute"
 * durationText(90_000) // => "90 seconds"
 * durationText(250) // => "250 millis"
 * ```
 */
export const durationText = (millis: number): string => {
  const [unit, size] = units.find(([, one]) => millis >= one && millis % one === 0) ?? ["millis", 1]
  const count = millis / size
  return `${count} ${count === 1 ? unit.slice(0, -1) : unit}`
}

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

/** A duration that no timer waits for, or none at all. */
export const LongMillisOrNone = duration(
  'a duration such as "10 minutes", or "0 seconds" for none',
  (millis) => millis <= Number.MAX_SAFE_INTEGER
)

/** A duration that no timer waits for: more than nothing, of any length. */
export const LongMillis = duration(
  'a duration above zero such as "10 minutes"',
  (millis) => millis > 0 && millis <= Number.MAX_SAFE_INTEGER
)
