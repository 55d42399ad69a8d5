/**
 * TCP Vegas for concurrency, as in Netflix's concurrency-limits (`VegasLimit`): it compares the time of each call with
 * the least time seen and takes the difference for a queue at the target. A short queue raises the limit, a long one
 * lowers it.
 *
 * `L = max(1, floor(log10(limit)))`, `queue = ceil(limit * (1 - least / time))`. A drop: `limit - L`. Fewer than half
 * of the limit in flight: no change. `queue <= L`: `+ 6 L`. `queue < 3 L`: `+ L`. `queue > 6 L`: `- L`. Else no change.
 * The least time is measured anew every `U(0.5, 1) * 30 * limit` samples.
 *
 * One corner differs: a dropped call never sets the least time. A target that refuses quickly would else look like a
 * quick one, and every later call like a queue.
 */
import * as Check from "../InvalidPolicyOption.ts"
import { isUsable, type MakeRule } from "./LimitRule.ts"

/** Options of `vegas`. */
export interface Options {
  /** Default: 20. */
  readonly initial?: number | undefined
  /** Default: 1000. */
  readonly max?: number | undefined
  /** How much of a change is made at once, above 0 and up to 1. Default: 1. */
  readonly smoothing?: number | undefined
  /** The least time is measured anew after about so many samples per unit of the limit. Default: 30. */
  readonly probeMultiplier?: number | undefined
}

/** The rule. Throws `InvalidPolicyOption` for options that make no sense. */
export const vegas = (options: Options = {}): MakeRule => {
  const where = "AdaptiveLimit.vegas"
  const max = Check.positiveInt(where, "max", options.max ?? 1000)
  const initial = Check.positiveInt(where, "initial", options.initial ?? 20)
  Check.ordered(where, "initial", initial, "max", max, { ...options })
  const smoothing = Check.positiveFraction(where, "smoothing", options.smoothing ?? 1)
  const probeMultiplier = Check.positive(where, "probeMultiplier", options.probeMultiplier ?? 30)

  return () => {
    let limit = initial
    let least = 0
    let samples = 0
    let jitter: number | undefined
    const clamped = (next: number) => (1 - smoothing) * limit + smoothing * Math.max(1, Math.min(max, next))
    return {
      name: "vegas",
      estimate: () => limit,
      sample: (sample, draw) => {
        if (!isUsable(sample)) return
        const { dropped, inFlight, millis } = sample
        const unit = Math.max(1, Math.floor(Math.log10(Math.floor(limit))))
        if (dropped) {
          limit = clamped(limit - unit)
          return
        }
        jitter ??= 0.5 + draw() / 2
        samples++
        if (samples >= jitter * probeMultiplier * limit) {
          jitter = undefined
          samples = 0
          least = millis
          return
        }
        if (least === 0 || millis < least) {
          least = millis
          return
        }
        if (inFlight * 2 < limit) return
        const queue = Math.ceil(limit * (1 - least / millis))
        if (queue <= unit) limit = clamped(limit + 6 * unit)
        else if (queue < 3 * unit) limit = clamped(limit + unit)
        else if (queue > 6 * unit) limit = clamped(limit - unit)
      }
    }
  }
}
