/**
 * Where a row of the error log stands: a number that grows with time, so that the newest come first by their key alone,
 * and a span of time is a span of keys.
 */

/** 2020-01-01, epoch milliseconds. */
const epoch = 1_577_836_800_000
/** Places in a millisecond. With them a number holds the time exactly until 2089. */
const perMilli = 4096

/** The first place of a millisecond. */
export const slotAt = (at: number): number => Math.max(0, Math.floor(at) - epoch) * perMilli

/**
 * Gives places, each greater than the one before as long as the clock does not go back. `share` (0 to 1) is a process' own
 * part of a millisecond, so that two processes hardly ever give the same.
 */
export const makeSlots = (share: number): ((at: number) => number) => {
  const own = Math.floor(share * (perMilli / 2))
  let last = -1
  return (at) => {
    const first = slotAt(at) + own
    const next = first > last || last - first > perMilli ? first : last + 1
    last = next
    return next
  }
}
