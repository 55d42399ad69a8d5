/**
 * The limits of many keys, in bounded memory: those whose limit is as if never used are dropped (`KeyRing`).
 */
import type { Exit } from "effect"
import type { Throttled } from "../../errors/index.ts"
import * as KeyRing from "../KeyRing.ts"
import type * as State from "./RateLimiterState.ts"

/** The state of one key. */
export interface Lane {
  readonly rule: State.Rule
  waiting: number
  /** The last refusal, for whoever would have to wait as long. */
  refusal: { readonly millis: number; readonly exit: Exit.Exit<never, Throttled> } | undefined
}

/** The lanes of many keys. */
export interface Lanes {
  /** The lane of a key; a new one if it has none. */
  readonly find: (key: string, now: number) => Lane
  /** How many keys are in memory. */
  readonly size: () => number
}

/** Makes lanes for keys. */
export const make = (makeLane: () => Lane, maxKeys: number): Lanes => {
  const ring = KeyRing.make<Lane>({
    maxKeys,
    isIdle: (lane, now) => lane.waiting === 0 && lane.rule.fresh(now),
    isBusy: (lane) => lane.waiting > 0
  })
  return { size: ring.size, find: (key, now) => ring.find(key, now) ?? ring.add(key, makeLane()) }
}
