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

/** How many looks find rest, with no work in between, before memory is given back that work has taken: five minutes. */
const looksOfRest = 150

/**
 * Says of one share of the time after the other when work begins, and when there is rest: at once in a process that is
 * new, whose code is not compiled yet, and after work when `looks` of them found it. Little that is done in between (a
 * probe, on a machine whose others want its core) does not begin them anew. Each is told once.
 */
export const workAndRest = (looks: number): ((share: number) => "work" | "rest" | undefined) => {
  let state: "new" | "work" | "rest" = "new"
  let seen = 0
  return (share) => {
    if (share > worked) seen = 0
    else if (share <= rests) seen++
    if (share > worked && state !== "work") return (state = "work")
    const isRest = state === "new" ? seen > 0 : state === "work" && seen >= looks
    return isRest ? (state = "rest") : undefined
  }
}

/**
 * A scavenge, which takes some milliseconds, and whereupon V8 goes on by itself; or, of who has worked, everything at
 * once: V8 has mostly been through by then, keeps the pages that it freed, and a scavenge would have nothing to begin.
 */
const giveBack = (hasWorked: boolean): void => {
  // A context that is new has the function, which is how those come by it that were not started with the flag.
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as (options: { readonly [option: string]: string }) => void
  setFlagsFromString("--no-expose-gc")
  collect(hasWorked ? { type: "major", execution: "sync", flavor: "last-resort" } : { type: "minor" })
}

/**
 * Has memory given back when rest comes after work, for as long as the scope is open. V8 does so by itself, some 8 s
 * later and in small steps, once it sees that little is allocated; but it looks at that when it collects, and who rests
 * allocates too little for it ever to collect. So one scavenge is asked for.
 *
 * What V8 gives back so is also the shapes of objects of which there is none just now, and with them all compiled code
 * that knows them: who is asked next is served at half the speed for some five seconds. So a pause of seconds is not rest,
 * and from where work begins until there is rest V8 keeps them in what it collects by itself (decision 0057).
 */
export const giveBackAtRest: Effect.Effect<void, never, Scope.Scope> = Effect.asVoid(
  Effect.acquireRelease(
    Effect.sync(() => {
      const turn = workAndRest(looksOfRest)
      let hasWorked = false
      let before = performance.eventLoopUtilization()
      return setInterval(() => {
        const looked = performance.eventLoopUtilization()
        const { utilization } = performance.eventLoopUtilization(looked, before)
        before = looked
        const now = turn(utilization)
        if (now === "work") {
          hasWorked = true
          setFlagsFromString("--no-memory-reducer-favors-memory")
        }
        if (now !== "rest") return
        setFlagsFromString("--memory-reducer-favors-memory")
        giveBack(hasWorked)
      }, lookEvery).unref()
    }),
    (timer) => Effect.sync(() => clearInterval(timer))
  )
)
