/**
 * Where circuit breakers keep their state, by key. All decisions are in `BreakerState`; a store only finds the record
 * of a key and lets a pure function change it, so a new backend is one function.
 *
 * The default keeps the records in memory, and is asked with the time of the monotonic clock. A store that is shared by
 * processes is asked with that of the wall clock, the only one that means the same to all; one that has a clock of its
 * own does better to take that. It reads the record, applies the function
 * to it and writes it back if nobody else did in the meantime (the function may be applied again). When it cannot be
 * reached it logs that and applies the function to a fresh record: calls go through, uncounted, as without a breaker.
 */
import type { Effect } from "effect"
import * as Context from "effect/Context"
import * as BreakerState from "./BreakerState.ts"
import * as Check from "../InvalidPolicyOption.ts"

/** The breakers of one owner. */
export interface Breakers {
  /** Applies `change` to the record of a key, alone, and gives its result. A key that is not known begins closed. */
  readonly update: <A>(key: string, now: number, change: (breaker: BreakerState.Breaker) => A) => Effect.Effect<A>
}

/** How many keys a store keeps, and for how long. */
export interface Limits {
  /** A key that is closed and was not asked for this long may be dropped; in milliseconds. */
  readonly idleMillis: number
  /** No more keys are kept: one that was not asked for long is dropped for a new one, rather a closed one. */
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
  readonly key: string
  readonly breaker: BreakerState.Breaker
  seen: number
  newer: Entry | undefined
  older: Entry | undefined
}

/**
 * Breakers in memory.
 *
 * Keys are kept in the order in which they were last asked for. Each new key looks at the oldest ones and drops what is
 * idle, so a million keys seen once leave no more than were seen within the idle time, and never more than `maxKeys`. No
 * timer runs. Breakers that are held open by hand are never dropped.
 *
 * Hot path: a known key costs one look-up and, if it is not the newest, six writes to a linked list. (Keeping the order
 * in the `Map` itself, by deleting and setting, costs 45 µs for a new key: its iterator walks over all that was deleted.)
 */
export const memory = (settings: BreakerState.Settings, limits: Limits): MemoryBreakers => {
  Check.positive("CircuitBreakerStore.memory", "idleMillis", limits.idleMillis)
  Check.positiveInt("CircuitBreakerStore.memory", "maxKeys", limits.maxKeys)
  const entries = new Map<string, Entry>()
  let newest: Entry | undefined
  let oldest: Entry | undefined
  // A key that comes back begins above every generation that was dropped: what was admitted before stays fenced off.
  let generation = 0

  const unlink = (entry: Entry): void => {
    if (entry.newer === undefined) newest = entry.older
    else entry.newer.older = entry.older
    if (entry.older === undefined) oldest = entry.newer
    else entry.older.newer = entry.newer
  }
  const toTheFront = (entry: Entry): void => {
    entry.newer = undefined
    entry.older = newest
    if (newest === undefined) oldest = entry
    else newest.newer = entry
    newest = entry
  }
  const drop = (entry: Entry): void => {
    unlink(entry)
    entries.delete(entry.key)
    generation = Math.max(generation, entry.breaker.generation + 1)
  }

  /** Looks at the oldest keys, a few at a time, so that a new key never costs a walk over all of them. */
  const tidy = (now: number): void => {
    let spare: Entry | undefined
    let entry = oldest
    for (let looked = 0; looked < 16 && entry !== undefined; looked++) {
      const { newer } = entry
      const { breaker, seen } = entry
      if (isHeldOpen(breaker)) {
        unlink(entry)
        toTheFront(entry)
      } else if (now - seen >= limits.idleMillis && mayBeForgotten(breaker, now)) {
        drop(entry)
      } else if (entries.size < limits.maxKeys) {
        return
      } else if (breaker.state._tag === "Closed") {
        drop(entry)
      } else {
        spare ??= entry
      }
      entry = newer
    }
    // All of them rest after failures: then the one that was not asked for the longest.
    if (spare !== undefined && entries.size >= limits.maxKeys) drop(spare)
  }

  return {
    size: () => entries.size,
    find: (key, now) => {
      const known = entries.get(key)
      if (known !== undefined) {
        known.seen = now
        if (known !== newest) {
          unlink(known)
          toTheFront(known)
        }
        return known.breaker
      }
      tidy(now)
      const breaker = BreakerState.make(settings, generation)
      const entry: Entry = { key, breaker, seen: now, newer: undefined, older: undefined }
      entries.set(key, entry)
      toTheFront(entry)
      return breaker
    }
  }
}

const isHeldOpen = ({ state }: BreakerState.Breaker): boolean =>
  state._tag === "Isolated" || state._tag === "ForcedOpen"

/** An idle breaker that still rests knows something that a new one would not. */
const mayBeForgotten = (breaker: BreakerState.Breaker, now: number): boolean =>
  breaker.state._tag !== "Open" || BreakerState.standing(breaker, now) === "due"

/** Where breakers keep their state. Default: in memory. */
export const CircuitBreakerStore = /*#__PURE__*/ Context.Reference<Store>(
  "effect-resilience/policy/CircuitBreakerStore",
  {
    defaultValue: () => ({ open: memory })
  }
)
