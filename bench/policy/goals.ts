/**
 * The goals: what a call may cost in one fiber with a synchronous leaf.
 */
import type { Time, Times } from "./measure.ts"
import type { Group } from "./subjects.ts"

/** A goal and what came of it. */
export interface Goal {
  readonly goal: string
  readonly limit: string
  readonly median: string
  readonly undisturbed: string
  readonly reached: "yes" | "undisturbed" | "no"
}

const verdict = ({ median, undisturbed }: Time, limit: number): Goal["reached"] =>
  median <= limit ? "yes" : undisturbed <= limit ? "undisturbed" : "no"

/** Compares the times to the goals. */
export const goals = (groups: ReadonlyArray<Group>, times: Times): ReadonlyArray<Goal> => {
  const time = (group: string, name: string): Time => {
    const subject = groups.find((one) => one.name === group)?.subjects.find((one) => one.name === name)
    const byWay = subject === undefined ? undefined : times.get(subject)
    return (
      byWay?.get("sync") ??
      byWay?.get("promise") ??
      byWay?.get("each") ?? { median: Number.NaN, undisturbed: Number.NaN }
    )
  }
  const below = (goal: string, limit: number, found: Time): Goal => ({
    goal,
    limit: `${limit} ns`,
    median: `${Math.round(found.median)} ns`,
    undisturbed: `${Math.round(found.undisturbed)} ns`,
    reached: verdict(found, limit)
  })
  const factor = (goal: string, limit: number, group: string, name = "ours", peer = "cockatiel"): Goal => {
    const own = time(group, name)
    const other = time(group, peer)
    const found = { median: own.median / other.median, undisturbed: own.undisturbed / other.undisturbed }
    return {
      goal,
      limit: `${limit} x`,
      median: `${found.median.toFixed(2)} x`,
      undisturbed: `${found.undisturbed.toFixed(2)} x`,
      reached: verdict(found, limit)
    }
  }
  const retry = time("retry", "ours")
  const budget = (name: string) => {
    const found = time("retry", name)
    return { median: found.median - retry.median, undisturbed: found.undisturbed - retry.undisturbed }
  }
  const fused = "deadline + retry + breaker + bulkhead"
  return [
    below("retry that does not retry", 700, retry),
    below("breaker, consecutive", 1000, time("breaker, consecutive", "ours")),
    below("breaker, count window", 1000, time("breaker, count window", "ours")),
    below("breaker, time window", 1000, time("breaker, time window", "ours")),
    below("budget, window: more than a retry", 200, budget("ours, budget window")),
    below("budget, tokenRatio: more than a retry", 200, budget("ours, budget tokenRatio")),
    below("bulkhead", 1000, time("bulkhead", "ours")),
    below("limiter, smooth", 1000, time("rate limiter", "ours, smooth")),
    below("limiter, bursty", 1000, time("rate limiter", "ours, bursty")),
    below(fused, 3000, time(fused, "ours")),
    below("open rejection", 2000, time("open rejection", "ours")),
    below("two failures, then a success", 2000, time("two failures, then a success", "ours")),
    factor("retry against cockatiel", 1.2, "retry"),
    factor("breaker, consecutive, against cockatiel", 1.2, "breaker, consecutive"),
    factor("breaker, count window, against cockatiel", 1.2, "breaker, count window"),
    factor("breaker, time window, against cockatiel", 1.2, "breaker, time window"),
    factor("bulkhead against cockatiel", 1.2, "bulkhead"),
    factor("fallback against cockatiel", 1.2, "others", "ours, fallback", "cockatiel, fallback"),
    factor("retry + breaker + bulkhead against cockatiel", 1.2, "retry + breaker + bulkhead"),
    factor("open rejection against cockatiel", 1.2, "open rejection"),
    factor("queue full against cockatiel", 1.2, "queue full", "ours, bulkhead"),
    factor("timeout not reached, far faster", 0.5, "timeout, not reached"),
    factor("timeout reached, far faster", 0.5, "timeout of 1 ms reached, 1,000 at once"),
    factor("the whole pipeline, far faster", 0.5, fused),
    factor("two failures, far faster", 0.5, "two failures, then a success"),
    factor("two failures against p-retry, far faster", 0.5, "two failures, then a success", "ours", "p-retry")
  ]
}
