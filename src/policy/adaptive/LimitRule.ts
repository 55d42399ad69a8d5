/**
 * How a limit on concurrency finds its own value: it is told of every call that ended, and says how many may run. Three
 * published rules implement it: `VegasLimit`, `Gradient2Limit` and `AimdLimit`, all after Netflix's concurrency-limits.
 *
 * No clock and no chance in here: times and draws are arguments. A rule is a mutable value of one owner.
 */

/** A call that ended. */
export interface Sample {
  /** How long it ran; above zero, or the sample is not looked at. In milliseconds, with fractions. */
  readonly millis: number
  /** How many calls ran when it began, itself included. */
  readonly inFlight: number
  /** It failed because of load, or was given up: it says "too much", and its time says nothing. */
  readonly dropped: boolean
}

/** A rule. */
export interface LimitRule {
  readonly name: "vegas" | "gradient2" | "aimd"
  /** The limit as it is now, with its fraction; at least 1. The whole calls below it may run. */
  readonly estimate: () => number
  /** Takes a sample. `draw` gives a number from 0 up to 1, and is asked only when it is needed. */
  readonly sample: (sample: Sample, draw: () => number) => void
}

/** Makes a rule with its state. */
export type MakeRule = () => LimitRule

/** Whether a sample can be used: a clock that stood still or went back measures nothing. */
export const isUsable = (sample: Sample): boolean =>
  sample.dropped || (sample.millis > 0 && sample.millis < Number.POSITIVE_INFINITY)
