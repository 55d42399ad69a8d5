/**
 * A quantile of the last durations, exact: the value at rank `ceil(q * n)` of the `window` newest samples (the
 * nearest-rank method). Pure; the memory is a plain mutable record of one owner.
 */

/** Which quantile of how many samples. */
export interface Rule {
  /** Above 0 and below 1. */
  readonly quantile: number
  /** No quantile is known before this many samples; at least 1. */
  readonly warmup: number
  /** How many of the newest samples count; at least `warmup`. */
  readonly window: number
}

/** The samples. */
export interface Samples {
  readonly rule: Rule
  readonly ring: Array<number>
  next: number
  /** The quantile as last computed, and how many samples came since. */
  known: number | undefined
  since: number
}

/** No samples yet. */
export const make = (rule: Rule): Samples => ({ rule, ring: [], next: 0, known: undefined, since: 0 })

/** Adds a duration. */
export const add = (samples: Samples, millis: number): void => {
  samples.ring[samples.next] = millis
  samples.next = (samples.next + 1) % samples.rule.window
  samples.since++
}

/**
 * The quantile, or `undefined` before the warm-up. It is sorted anew after every 16th part of the window at the latest,
 * so that a call pays for a sixteenth of a sort (a sort of 128 numbers costs some 5 µs).
 */
export const value = (samples: Samples): number | undefined => {
  const { quantile, warmup, window } = samples.rule
  const held = samples.ring.length
  if (held < warmup) return undefined
  if (samples.known === undefined || samples.since >= Math.max(1, window >> 4)) {
    const sorted = samples.ring.toSorted((a, b) => a - b)
    samples.known = sorted[Math.ceil(quantile * held) - 1]!
    samples.since = 0
  }
  return samples.known
}
