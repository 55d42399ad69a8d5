/**
 * The limits of many keys, in bounded memory.
 *
 * No timer runs: each call looks at two keys and drops those whose limit is as if never used, so idle ones go as fast as
 * new ones can come. At `maxKeys` a new key takes the place of one that was not asked for of late.
 *
 * The order is a ring of our own. An iterator over a `Map` that is kept keeps every table the map ever had (a million
 * keys seen once held 630 MB), and one that is begun anew walks over all that was deleted before it finds a key.
 */
import type { Exit } from "effect"
import type { Throttled } from "../../errors/index.ts"
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

// Callers hold lanes and never entries: an entry that is out of the ring would hold its neighbours, and they theirs.
interface Entry {
  readonly key: string
  readonly lane: Lane
  /** It was asked for again since it was last looked at for eviction. */
  used: boolean
  next: Entry
  previous: Entry
}

const entryOf = (key: string, lane: Lane): Entry => {
  const entry = { key, lane, used: false } as Entry
  entry.next = entry.previous = entry
  return entry
}

// How many keys an eviction looks at: a new key never costs a walk over all of them.
const looks = 16

/** Makes lanes for keys. */
export const make = (makeLane: () => Lane, maxKeys: number): Lanes => {
  const entries = new Map<string, Entry>()
  // Two hands go round the ring, one for what is idle, one for what has to go. Both are there unless it is empty.
  let sweep: Entry | undefined
  let hand: Entry | undefined

  /** Puts an entry where the hand comes last. */
  const add = (entry: Entry): void => {
    entries.set(entry.key, entry)
    if (hand === undefined) {
      sweep = hand = entry
      return
    }
    entry.next = hand
    entry.previous = hand.previous
    hand.previous.next = entry
    hand.previous = entry
  }
  const remove = (entry: Entry): void => {
    entries.delete(entry.key)
    const { next, previous } = entry
    const other = next === entry ? undefined : next
    if (sweep === entry) sweep = other
    if (hand === entry) hand = other
    previous.next = next
    next.previous = previous
    entry.next = entry.previous = entry
  }
  const drop = (now: number): void => {
    for (let i = 0; i < 2 && sweep !== undefined; i++) {
      const entry = sweep
      sweep = entry.next
      if (entry.lane.waiting === 0 && entry.lane.rule.fresh(now)) remove(entry)
    }
  }
  // The second-chance algorithm: what was used since the hand last came by stays. A key that is forgotten has its whole
  // limit again, so a flood of new keys must not push out one that is in use.
  const evict = (): void => {
    let spare: Entry | undefined
    for (let looked = 0; looked < looks && hand !== undefined; looked++) {
      const entry = hand
      hand = entry.next
      const free = entry.lane.waiting === 0
      if (free && !entry.used) return remove(entry)
      if (free || spare === undefined) spare = entry
      entry.used = false
    }
    if (spare !== undefined) remove(spare)
  }
  return {
    size: () => entries.size,
    find: (key, now) => {
      drop(now)
      const known = entries.get(key)
      if (known !== undefined) {
        known.used = true
        return known.lane
      }
      if (entries.size >= maxKeys) evict()
      const lane = makeLane()
      add(entryOf(key, lane))
      return lane
    }
  }
}
