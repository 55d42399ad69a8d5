/**
 * Counters over the last so many milliseconds, in slices: what is counted is forgotten as its slice leaves, however
 * long nothing was asked in between. Pure; a plain mutable record of one owner.
 */

/** Counters. */
export interface SlidingCounts {
  readonly sliceMillis: number
  readonly slices: number
  readonly width: number
  /** The sums over the window: one for each counter. */
  readonly totals: Array<number>
  /** The counters of each slice, allocated with the first count. */
  ring: Array<number> | undefined
  /** The number of the newest slice, counted from the epoch. */
  newest: number
}

// Plain arrays: with typed ones and their buffers a breaker for a new key costs 12 µs, with these 8 µs.
const zeros = (length: number): Array<number> => Array.from<number>({ length }).fill(0)

/** `width` counters at zero, over `durationMillis` in so many slices. What is counted goes up to one slice early. */
export const make = (durationMillis: number, slices: number, width: number): SlidingCounts => ({
  sliceMillis: durationMillis / slices,
  slices,
  width,
  totals: zeros(width),
  ring: undefined,
  newest: 0
})

/** Forgets everything. */
export const clear = (counts: SlidingCounts): void => {
  counts.totals.fill(0)
  counts.ring = undefined
}

/** Moves on to `now`: empties every slice that has left the window, all of them at once after a long silence. */
export const advance = (counts: SlidingCounts, now: number): void => {
  const newest = Math.floor(now / counts.sliceMillis)
  if (newest === counts.newest) return
  const { ring, slices } = counts
  if (newest < counts.newest) {
    // The clock went back: a little, and the newest slice stays the newest; by a whole window, and nothing held means
    // anything.
    if (counts.newest - newest < slices) return
    clear(counts)
  } else if (newest - counts.newest >= slices) {
    clear(counts)
  } else if (ring !== undefined) {
    for (let slice = counts.newest + 1; slice <= newest; slice++) drop(counts, ring, (slice % slices) * counts.width)
  }
  counts.newest = newest
}

const drop = ({ totals, width }: SlidingCounts, ring: Array<number>, at: number): void => {
  for (let i = 0; i < width; i++) {
    totals[i]! -= ring[at + i]!
    ring[at + i] = 0
  }
}

/** Takes back one that was counted when `slice` was the newest, if that is still in the window. `advance` comes first. */
export const uncount = (counts: SlidingCounts, counter: number, slice: number): void => {
  const { newest, ring, slices, totals, width } = counts
  if (ring === undefined || slice > newest || newest - slice >= slices) return
  const at = (slice % slices) * width + counter
  // Nothing there: the window was cleared in the meantime.
  if (ring[at]! <= 0) return
  ring[at]! -= 1
  totals[counter]! -= 1
}

/** Counts one in the newest slice. `advance` comes first. */
export const count = (counts: SlidingCounts, counter: number): void => {
  const ring = (counts.ring ??= zeros(counts.slices * counts.width))
  ring[(counts.newest % counts.slices) * counts.width + counter]! += 1
  counts.totals[counter]! += 1
}
