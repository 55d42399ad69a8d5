/**
 * What the command asks of V8's collector. A library changes nothing of the sort: it is for the process whose own it is.
 */
import { Effect, type Scope } from "effect"
import { performance } from "node:perf_hooks"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/**
 * No object is made in the old generation because others that were made at the same place have grown old. V8 decides so by
 * what it saw while the young generation was still small, at which nearly everything seems to live long; and what a dead
 * object in the old generation points to outlives scavenge after scavenge (decision 0054).
 */
export const makeAllYoung = (): void => setFlagsFromString("--no-allocation-site-pretenuring")

/** How long is looked back upon, in milliseconds. */
const lookEvery = 2_000
/** The share of the time in which something was done: at least, to have worked, and at most, to rest. */
const worked = 0.15
const rests = 0.05

/** Says of one share of the time after the other whether rest has just come after work. A process that is new has worked. */
export const restAfterWork = (): ((share: number) => boolean) => {
  let working = true
  return (share) => {
    if (share > worked) working = true
    if (share > rests || !working) return false
    working = false
    return true
  }
}

/** A scavenge, which takes some milliseconds. */
const scavenge = (): void => {
  // A context that is new has the function, which is how those come by it that were not started with the flag.
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as (options: { readonly type: "minor" }) => void
  setFlagsFromString("--no-expose-gc")
  collect({ type: "minor" })
}

/**
 * Has memory given back when rest comes after work, for as long as the scope is open. V8 does so by itself, some 8 s
 * later and in small steps, once it sees that little is allocated; but it looks at that when it collects, and who rests
 * allocates too little for it ever to collect. So one scavenge is asked for.
 */
export const giveBackAtRest: Effect.Effect<void, never, Scope.Scope> = Effect.asVoid(
  Effect.acquireRelease(
    Effect.sync(() => {
      const isRest = restAfterWork()
      let before = performance.eventLoopUtilization()
      return setInterval(() => {
        const now = performance.eventLoopUtilization()
        const { utilization } = performance.eventLoopUtilization(now, before)
        before = now
        if (isRest(utilization)) scavenge()
      }, lookEvery).unref()
    }),
    (timer) => Effect.sync(() => clearInterval(timer))
  )
)
