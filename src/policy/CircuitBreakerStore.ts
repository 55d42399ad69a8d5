/**
 * Where circuit breakers keep their state, by key. All decisions are in `BreakerState`; a store only finds the record
 * of a key and lets a pure function change it, so a new backend is one function.
 *
 * The default keeps the records in memory. A store that is shared by processes reads the record, applies the function
 * to it and writes it back if nobody else did in the meantime (the function may be applied again). When it cannot be
 * reached it logs that and applies the function to a fresh record: calls go through, uncounted, as without a breaker.
 */
import { Context, type Effect } from "effect"
import * as BreakerState from "./BreakerState.ts"
import * as Option from "./InvalidPolicyOption.ts"

/** The breakers of one owner. */
export interface Breakers {
  /** Applies `change` to the record of a key, alone, and gives its result. A key that is not known begins closed. */
  readonly update: <A>(key: string, now: number, change: (breaker: BreakerState.Breaker) => A) => Effect.Effect<A>
}

/** How many keys a store keeps, and for how long. */
export interface Limits {
  /** A key that is closed and was not asked for this long may be dropped; in milliseconds. */
  readonly idleMillis: number
  /** Above this many keys one is dropped, idle or not: one that was not asked for long, rather a closed one. */
  readonly maxKeys: number
}

/** Makes the breakers of one owner. */
export interface Store {
  readonly open: (settings: BreakerState.Settings, limits: Limits) => Breakers | MemoryBreakers
}

/** Breakers in this process: their records can be had at once, which saves the fast path an effect. */
export interface MemoryBreakers {
  readonly find: (key: string, now: number) => BreakerState.Breaker
  /** How many keys are kept. */
  readonly size: () => number
}

interface Entry {
  readonly breaker: BreakerState.Breaker
  seen: number
}

/**
 * Breakers in memory.
 *
 * Each new key looks at the two oldest ones: what is idle is dropped, the rest goes to the back. So a million keys seen
 * once leave no more than were seen within the idle time, and never more than `maxKeys`; no timer runs, and a key that
 * is asked for again costs one look-up. Breakers that are held open by hand are never dropped.
 */
export const memory = (settings: BreakerState.Settings, limits: Limits): MemoryBreakers => {
  Option.positive("CircuitBreakerStore.memory", "idleMillis", limits.idleMillis)
  Option.positiveInt("CircuitBreakerStore.memory", "maxKeys", limits.maxKeys)
  const entries = new Map<string, Entry>()
  // A key that comes back begins above every generation that was dropped: what was admitted before stays fenced off.
  let generation = 0

  const drop = (key: string, entry: Entry) => {
    entries.delete(key)
    generation = Math.max(generation, entry.breaker.generation + 1)
  }
  const toTheBack = (key: string, entry: Entry) => {
    entries.delete(key)
    entries.set(key, entry)
  }
  const sweep = (now: number) => {
    let looked = 0
    for (const [key, entry] of entries) {
      if (looked++ === 2) return
      const unused = now - entry.seen >= limits.idleMillis
      if (unused && mayBeForgotten(entry.breaker, now)) drop(key, entry)
      else toTheBack(key, entry)
    }
  }
  const makeRoom = () => {
    // The longest unused of a few, and rather one that is closed: a new key never costs a walk over all of them.
    let looked = 0
    let worst: readonly [string, Entry] | undefined
    for (const pair of entries) {
      if (looked++ === 16) break
      const tag = pair[1].breaker.state._tag
      if (tag === "Isolated" || tag === "ForcedOpen") continue
      if (worst === undefined || isBetterToDrop(pair[1], worst[1])) worst = pair
    }
    if (worst !== undefined) drop(...worst)
  }

  return {
    size: () => entries.size,
    find: (key, now) => {
      const known = entries.get(key)
      if (known !== undefined) {
        known.seen = now
        return known.breaker
      }
      sweep(now)
      if (entries.size >= limits.maxKeys) makeRoom()
      const breaker = BreakerState.make(settings, generation)
      entries.set(key, { breaker, seen: now })
      return breaker
    }
  }
}

const isBetterToDrop = (a: Entry, b: Entry): boolean => {
  const aClosed = a.breaker.state._tag === "Closed"
  const bClosed = b.breaker.state._tag === "Closed"
  return aClosed === bClosed ? a.seen < b.seen : aClosed
}

const mayBeForgotten = (breaker: BreakerState.Breaker, now: number): boolean => {
  switch (breaker.state._tag) {
    case "Closed":
    case "HalfOpen":
      return true
    case "Open":
      return BreakerState.standing(breaker, now) === "due"
    case "Isolated":
    case "ForcedOpen":
      return false
  }
}

/** Where breakers keep their state. Default: in memory. */
export const CircuitBreakerStore = Context.Reference<Store>("effect-resilience/policy/CircuitBreakerStore", {
  defaultValue: () => ({ open: memory })
})
