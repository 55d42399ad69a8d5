/**
 * Ids of rows that sort by when they were given: the millisecond, how many came before, and chance, so that two processes
 * give no two alike. Lower-case hex sorts alike in every database, whatever its collation.
 */
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")

/** What the ids of rows begin with that are written at a time; before all of them. */
export const firstIdAt = (at: number): string => hex(Math.max(0, Math.floor(at)), 12)

/** Gives ids. `chance` tells this process's from those of others: 32 bits. */
export const makeIds = (chance: number): ((now: number) => string) => {
  let last = 0
  let count = 0
  return (now) => {
    // A clock that was set back does not put later rows before earlier ones.
    count = now > last ? 0 : count + 1
    last = Math.max(last, now)
    return `${firstIdAt(last)}${hex(count, 6)}${hex(chance, 8)}`
  }
}
