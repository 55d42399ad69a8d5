/**
 * Additive increase, multiplicative decrease, as in Netflix's concurrency-limits (`AIMDLimit`): a drop, or a call
 * longer than `timeout`, cuts the limit to `floor(limit * backoff)`; any other call adds 1 while at least half of the
 * limit is in flight. The simplest of the three, for targets that say when they are overloaded.
 */
import type { Duration } from "effect"
import * as Check from "../InvalidPolicyOption.ts"
import { isUsable, type MakeRule } from "./LimitRule.ts"

/** Options of `aimd`. */
export interface Options {
  /** Default: 20. */
  readonly initial?: number | undefined
  /** Default: 20. */
  readonly min?: number | undefined
  /** Default: 200. */
  readonly max?: number | undefined
  /** What a drop leaves of the limit, from 0.5 and below 1. Default: 0.9. */
  readonly backoff?: number | undefined
  /** A call that takes longer counts as a drop. Default: 5 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/** The rule. Throws `InvalidPolicyOption` for options that make no sense. */
export const aimd = (options: Options = {}): MakeRule => {
  const where = "AdaptiveLimit.aimd"
  const min = Check.positiveInt(where, "min", options.min ?? 20)
  const max = Check.positiveInt(where, "max", options.max ?? 200)
  const initial = Check.positiveInt(where, "initial", options.initial ?? 20)
  Check.ordered(where, "min", min, "max", max, { ...options })
  Check.ordered(where, "initial", initial, "max", max, { ...options })
  Check.ordered(where, "min", min, "initial", initial, { ...options })
  const backoff = options.backoff ?? 0.9
  if (!(backoff >= 0.5 && backoff < 1)) Check.refuse(where, "backoff", "a number from 0.5 and below 1", backoff)
  const timeoutMillis = Check.positiveMillis(where, "timeout", options.timeout ?? "5 seconds")

  return () => {
    let limit = initial
    return {
      name: "aimd",
      estimate: () => limit,
      sample: (sample) => {
        if (!isUsable(sample)) return
        if (sample.dropped || sample.millis > timeoutMillis) limit = Math.floor(limit * backoff)
        else if (sample.inFlight * 2 >= limit) limit++
        limit = Math.max(min, Math.min(max, limit))
      }
    }
  }
}
