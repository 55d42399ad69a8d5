/**
 * Values by key, in bounded memory.
 *
 * No timer runs: each look-up looks at two keys and drops those that are idle, so they go as fast as new ones can come.
 * At `maxKeys` a new key takes the place of one that was not asked for of late.
 *
 * The order is a ring of our own. An iterator over a `Map` that is kept keeps every table the map ever had (a million
 * keys seen once held 630 MB), and one that is begun anew walks over all that was deleted before it finds a key.
 */

/** Values by key. */
export interface KeyRing<A> {
  /** The value of a key, if it has one. */
  readonly find: (key: string, now: number) => A | undefined
  /** Keeps a value for a key that has none, and gives it back. */
  readonly add: (key: string, value: A) => A
  /** How many keys are in memory. */
  readonly size: () => number
}

/** What a ring may drop. */
export interface Options<A> {
  /** No more keys are kept. */
  readonly maxKeys: number
  /** A value that a new one would not differ from: dropped when it is come by. */
  readonly isIdle: (value: A, now: number) => boolean
  /** A value that somebody waits on: dropped last. */
  readonly isBusy: (value: A) => boolean
}

// Callers hold values and never entries: an entry that is out of the ring would hold its neighbours, and they theirs.
interface Entry<A> {
  readonly key: string
  readonly value: A
  /** It was asked for again since it was last looked at for eviction. */
  used: boolean
  next: Entry<A>
  previous: Entry<A>
}

const entryOf = <A>(key: string, value: A): Entry<A> => {
  const entry = { key, value, used: false } as Entry<A>
  entry.next = entry.previous = entry
  return entry
}

// How many keys an eviction looks at: a new key never costs a walk over all of them.
const looks = 16

/** An empty ring. */
export const make = <A>({ isBusy, isIdle, maxKeys }: Options<A>): KeyRing<A> => {
  const entries = new Map<string, Entry<A>>()
  // Two hands go round the ring, one for what is idle, one for what has to go. Both are there unless it is empty.
  let sweep: Entry<A> | undefined
  let hand: Entry<A> | undefined

  /** Puts an entry where the hand comes last. */
  const put = (entry: Entry<A>): void => {
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
  const remove = (entry: Entry<A>): void => {
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
      if (isIdle(entry.value, now)) remove(entry)
    }
  }
  // The second-chance algorithm: what was used since the hand last came by stays. A key that is forgotten begins
  // anew, so a flood of new keys must not push out one that is in use.
  const evict = (): void => {
    let spare: Entry<A> | undefined
    for (let looked = 0; looked < looks && hand !== undefined; looked++) {
      const entry = hand
      hand = entry.next
      const free = !isBusy(entry.value)
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
      if (known === undefined) return undefined
      known.used = true
      return known.value
    },
    add: (key, value) => {
      if (entries.size >= maxKeys) evict()
      put(entryOf(key, value))
      return value
    }
  }
}
