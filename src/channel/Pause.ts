/**
 * A rest until a certain time: one that a target asked for (a hint), or a guess where it said only "too fast". Pure and
 * immutable; time is an argument, and a pause ends by itself.
 *
 * - Of two hints the later end counts, and none is longer than an hour: a mistaken `retry-after: 86400` does not switch a
 *   key off for a day.
 * - A guess is one second at first and doubles from pause to pause, up to a cap; a success starts it again at one second.
 *   Attempts that were under way when the pause began do not double it: a burst of refusals is one refusal.
 */

/** A pause. `known` when its end was asked for, and not guessed. */
export interface Pause {
  /** By the clock of `now`, in milliseconds; in the past when it is over. */
  readonly until: number
  readonly known: boolean
  /** Guesses in a row. */
  readonly guesses: number
  /** Changes with every pause: what was begun in an earlier one is late. */
  readonly generation: number
}

/** The longest pause that a hint gets, in milliseconds: one hour. */
export const longestHintMillis = 3_600_000

/** The first guess, in milliseconds. */
export const firstGuessMillis = 1_000

/** No pause. */
export const none: Pause = { until: Number.NEGATIVE_INFINITY, known: false, guesses: 0, generation: 0 }

/** Whether it lasts still. */
export const lasts = (pause: Pause, now: number): boolean => pause.until > now

/** A hint came: rest for so long, if that is later than what is known. It counts also from an attempt that is late. */
export const hinted = (pause: Pause, hintMillis: number, now: number): Pause => {
  const until = now + Math.min(Math.max(hintMillis, 0), longestHintMillis)
  return until > pause.until ? { ...pause, until, known: true, generation: pause.generation + 1 } : pause
}

/** "Too fast", without a hint, to an attempt that began in `generation`. */
export const guessed = (pause: Pause, generation: number, capMillis: number, now: number): Pause => {
  if (generation !== pause.generation) return pause
  const until = now + Math.min(firstGuessMillis * 2 ** pause.guesses, capMillis)
  return {
    until: Math.max(until, pause.until),
    known: until > pause.until ? false : pause.known,
    guesses: pause.guesses + 1,
    generation: pause.generation + 1
  }
}

/** An attempt that began in `generation` succeeded: the pause is over, and so is the doubling. */
export const succeeded = (pause: Pause, generation: number): Pause =>
  generation === pause.generation && (pause.guesses > 0 || pause.until > none.until) ? { ...none, generation } : pause
