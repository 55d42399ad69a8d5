/**
 * What the command asks of V8's collector. A library changes nothing of the sort: it is for the process whose own it is.
 */
import { Effect, type Scope } from "effect"
import { flushCompileCache } from "node:module"
import { performance } from "node:perf_hooks"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/**
 * No object is made in the old generation because others that were made at the same place have grown old. V8 decides so by
 * what it saw while the young generation was still small, at which nearly everything seems to live long; and what a dead
 * object in the old generation points to outlives scavenge after scavenge (decision 0054).
 */
export const makeAllYoung = (): void => setFlagsFromString("--no-allocation-site-pretenuring")

/** The share of the time in which something was done: at least, to have worked, and at most, to rest. */
const worked = 0.15
const rests = 0.05

/** What there is since a look: rest in a process that is new, work, or rest that has lasted after it. */
export type Turn = "started" | "work" | "rest"

/**
 * Says of one share of the time after the other what begins with it: `started` at the first rest of a process that is
 * new, whose code is not compiled yet; `work`; and `rest` when `looks` of them found it after work. Little that is done in
 * between (a probe, on a machine whose others want its core) does not begin them anew. Each is told once.
 */
export const workAndRest = (looks: number): ((share: number) => Turn | undefined) => {
  let state: "new" | "work" | "rest" = "new"
  let seen = 0
  return (share) => {
    if (share > worked) {
      seen = 0
      if (state === "work") return undefined
      state = "work"
      return "work"
    }
    if (share > rests || state === "rest") return undefined
    seen++
    if (state === "new") {
      state = "rest"
      return "started"
    }
    if (seen < looks) return undefined
    state = "rest"
    return "rest"
  }
}

/** Has V8 collect, with options of its `gc`. */
const collect = (options: { readonly [option: string]: string }): void => {
  // A context that is new has the function, which is how those come by it that were not started with the flag.
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as (options: { readonly [option: string]: string }) => void
  setFlagsFromString("--no-expose-gc")
  gc(options)
}

const onTurn: { readonly [turn in Turn]: () => void } = {
  started: () => {
    // What was compiled is kept for the next start (CompiledNode), also where this process does not come to an end of its own.
    flushCompileCache()
    // Some milliseconds, whereupon V8 goes on by itself, in small steps.
    collect({ type: "minor" })
  },
  work: () => setFlagsFromString("--no-memory-reducer-favors-memory"),
  // All at once: V8 has mostly been through by then and keeps the pages that it freed, and a scavenge would begin nothing.
  rest: () => {
    setFlagsFromString("--memory-reducer-favors-memory")
    collect({ type: "major", execution: "sync", flavor: "last-resort" })
  }
}

/** When memory is given back. */
export interface RestOptions {
  /** How long each look looks back, in milliseconds. Default: 2,000. */
  readonly every?: number
  /** How many looks find rest, with no work in between, before what work has taken is given back. Default: 150. */
  readonly looks?: number
}

/**
 * Has memory given back at the first rest of a process and, by default, after five minutes of rest that follow work, for
 * as long as the scope is open. V8 does so by itself, some 8 s later, once it sees that little is allocated; but it looks
 * at that when it collects, and who rests allocates too little for it ever to collect. So it is asked for.
 *
 * What V8 gives back so is also the shapes of objects of which there is none just now, and with them all compiled code
 * that knows them: who is asked next is served at half the speed for some five seconds. So a pause of seconds is not rest,
 * and from where work begins until there is rest V8 keeps them in what it collects by itself (decision 0057).
 */
export const giveBackAtRest = ({
  every = 2_000,
  looks = 150
}: RestOptions = {}): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const turnOf = workAndRest(looks)
        let before = performance.eventLoopUtilization()
        return setInterval(() => {
          const now = performance.eventLoopUtilization()
          const turn = turnOf(performance.eventLoopUtilization(now, before).utilization)
          before = now
          if (turn !== undefined) onTurn[turn]()
        }, every).unref()
      }),
      (timer) => Effect.sync(() => clearInterval(timer))
    )
  )
