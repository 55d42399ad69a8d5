/**
 * Gradient2, as in Netflix's concurrency-limits (`Gradient2Limit`): it compares the time of each call with a long
 * average. Below `tolerance` times the average the limit grows by a part of `queueSize`; above it shrinks, to half at
 * the most.
 *
 * The average is a mean for 10 samples, then exponential with the factor `2 / (longWindow + 1)`; while it is above
 * twice the time of the sample it is made to fall by 5 % (a load that has ended). Fewer than half of the limit in
 * flight: no change. `g = clamp(tolerance * long / time, 0.5, 1)`, `limit = (1 - s) * limit + s * (limit * g +
 * queueSize)`.
 *
 * One corner differs: a dropped call counts as the lowest gradient and its time is not averaged. (Netflix's rule does
 * not look at drops, so a target that refuses quickly raises its limit.)
 */
import * as Check from "../InvalidPolicyOption.ts"
import { isUsable, type MakeRule } from "./LimitRule.ts"

/** Options of `gradient2`. */
export interface Options {
  /** Default: 20. */
  readonly initial?: number | undefined
  /** Default: 20. */
  readonly min?: number | undefined
  /** Default: 200. */
  readonly max?: number | undefined
  /** How much of a change is made at once, above 0 and up to 1. Default: 0.2. */
  readonly smoothing?: number | undefined
  /** How many samples the average covers. Default: 600. */
  readonly longWindow?: number | undefined
  /** How much longer than the average a call may take without shrinking the limit; at least 1. Default: 1.5. */
  readonly tolerance?: number | undefined
  /** How many calls may wait at the target. Default: 4. */
  readonly queueSize?: number | undefined
}

const warmup = 10

/** The rule. Throws `InvalidPolicyOption` for options that make no sense. */
export const gradient2 = (options: Options = {}): MakeRule => {
  const where = "AdaptiveLimit.gradient2"
  const min = Check.positiveInt(where, "min", options.min ?? 20)
  const max = Check.positiveInt(where, "max", options.max ?? 200)
  const initial = Check.positiveInt(where, "initial", options.initial ?? 20)
  Check.ordered(where, "min", min, "max", max, { ...options })
  Check.ordered(where, "initial", initial, "max", max, { ...options })
  Check.ordered(where, "min", min, "initial", initial, { ...options })
  const smoothing = Check.positiveFraction(where, "smoothing", options.smoothing ?? 0.2)
  const longWindow = Check.positiveInt(where, "longWindow", options.longWindow ?? 600)
  const tolerance = Check.atLeast(where, "tolerance", options.tolerance ?? 1.5, 1)
  const queueSize = Check.nonNegative(where, "queueSize", options.queueSize ?? 4)
  const factor = 2 / (longWindow + 1)

  return () => {
    let limit = initial
    let long = 0
    let samples = 0
    const averaged = (millis: number): number => {
      samples++
      long = samples <= warmup ? long + (millis - long) / samples : long * (1 - factor) + millis * factor
      return long
    }
    const follow = (gradient: number) => {
      const next = limit * (1 - smoothing) + (limit * gradient + queueSize) * smoothing
      limit = Math.max(min, Math.min(max, next))
    }
    return {
      name: "gradient2",
      estimate: () => limit,
      sample: (sample) => {
        if (!isUsable(sample)) return
        const { dropped, inFlight, millis } = sample
        if (dropped) {
          follow(0.5)
          return
        }
        const average = averaged(millis)
        if (average / millis > 2) long *= 0.95
        if (inFlight < limit / 2) return
        follow(Math.max(0.5, Math.min(1, (tolerance * average) / millis)))
      }
    }
  }
}
