/**
 * What a circuit breaker remembers of past calls, and when that is enough to trip. Pure: time is an argument, and the
 * window is a plain mutable record that its owner keeps (one per breaker; nothing else refers to it).
 *
 * Three windows, after cockatiel, Polly, resilience4j and Failsafe:
 *
 * - **consecutive**: so many failures in a row. One success starts again.
 * - **count**: a ring of the last `size` calls.
 * - **time**: the calls of the last `durationMillis`, in slices. A call is forgotten as its slice leaves, however long
 *   nothing was asked in between: a breaker that slept for an hour begins with an empty window. (cockatiel 4 rotates
 *   one slice a call and keeps what is an hour old.)
 *
 * The two with a rate trip at `failures / calls >= failureRate` or `slow / calls >= slowRate`, and only once they hold
 * `minimum` calls: at the threshold, as Polly and resilience4j do, not above it.
 */
import * as Check from "../InvalidPolicyOption.ts"
import * as SlidingCounts from "../SlidingCounts.ts"

/** How one call went, for the window. `slow` succeeded, `slowFailure` failed, and both took too long. */
export type WindowOutcome = "success" | "failure" | "slow" | "slowFailure"

/** Trips after `failures` failures in a row. A slow call counts as a failure. */
export interface Consecutive {
  readonly _tag: "Consecutive"
  /** At least 1. */
  readonly failures: number
}

/** Trips on a rate over the last `size` calls. */
export interface CountWindow extends Rates {
  readonly _tag: "Count"
  /** How many calls are remembered; at least 1, at most a million. */
  readonly size: number
}

/** Trips on a rate over the calls of the last `durationMillis`. */
export interface TimeWindow extends Rates {
  readonly _tag: "Time"
  readonly durationMillis: number
  /** In how many parts time is forgotten; at least 1, at most a thousand. A call is forgotten up to one part early, never late. */
  readonly slices: number
}

/** When a rate trips. */
export interface Rates {
  /** No rate is known before this many calls; at least 1. */
  readonly minimum: number
  /** Trips at this share of failed calls, above 0 and up to 1. */
  readonly failureRate: number
  /** Trips at this share of slow calls, above 0 and up to 1; absent, slowness alone never trips. */
  readonly slowRate?: number | undefined
}

/** What a breaker watches. */
export type WindowRule = Consecutive | CountWindow | TimeWindow

/** Whether a value is a rule at all. */
export const isRule = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  "_tag" in value &&
  (value._tag === "Consecutive" || value._tag === "Count" || value._tag === "Time")

/** A rule whose numbers make sense, or `InvalidPolicyOption`, thrown. `where` is the constructor that it names. */
export const checked = (rule: WindowRule, where: string): WindowRule => {
  if (rule._tag === "Consecutive") {
    Check.positiveInt(where, "failures", rule.failures)
    return rule
  }
  // What another option takes its default from comes first, so that the message names the one that was given.
  if (rule._tag === "Count") {
    Check.between(where, "size", Check.positiveInt(where, "size", rule.size), 1, 1_000_000)
  }
  Check.positiveInt(where, "minimum", rule.minimum)
  Check.positiveFraction(where, "failureRate", rule.failureRate)
  if (rule.slowRate !== undefined) Check.positiveFraction(where, "slowRate", rule.slowRate)
  if (rule._tag === "Count") {
    Check.ordered(where, "minimum", rule.minimum, "size", rule.size, { ...rule })
  } else {
    Check.positive(where, "durationMillis", rule.durationMillis)
    Check.between(where, "slices", Check.positiveInt(where, "slices", rule.slices), 1, 1000)
  }
  return rule
}

/** What a window holds now. */
export interface Counts {
  calls: number
  failures: number
  slow: number
}

interface ConsecutiveMemory {
  readonly _tag: "Consecutive"
  readonly rule: Consecutive
  failures: number
}

interface CountMemory {
  readonly _tag: "Count"
  readonly rule: CountWindow
  readonly held: Counts
  /** One byte a call, allocated with the first one. */
  ring: Uint8Array | undefined
  next: number
}

interface TimeMemory {
  readonly _tag: "Time"
  readonly rule: TimeWindow
  readonly held: SlidingCounts.SlidingCounts
}

/** A window's memory. */
export type Window = ConsecutiveMemory | CountMemory | TimeMemory

const nothing = (): Counts => ({ calls: 0, failures: 0, slow: 0 })

/** An empty window. */
export const make = (rule: WindowRule): Window => {
  switch (rule._tag) {
    case "Consecutive":
      return { _tag: "Consecutive", rule, failures: 0 }
    case "Count":
      return { _tag: "Count", rule, held: nothing(), ring: undefined, next: 0 }
    case "Time":
      return { _tag: "Time", rule, held: SlidingCounts.make(rule.durationMillis, rule.slices, 3) }
  }
}

/** Forgets everything. */
export const clear = (window: Window): void => {
  switch (window._tag) {
    case "Consecutive":
      window.failures = 0
      return
    case "Count":
      window.held.calls = 0
      window.held.failures = 0
      window.held.slow = 0
      window.ring = undefined
      window.next = 0
      return
    case "Time":
      SlidingCounts.clear(window.held)
  }
}

/** Whether a window holds nothing that a new one would not, so that its owner may forget it. */
export const isEmpty = (window: Window, now: number): boolean =>
  window._tag === "Consecutive" ? window.failures === 0 : counts(window, now).calls === 0

/** What a window holds at `now`. A consecutive window counts the failures in a row. */
export const counts = (window: Window, now: number): Readonly<Counts> => {
  switch (window._tag) {
    case "Consecutive":
      return { calls: window.failures, failures: window.failures, slow: 0 }
    case "Count":
      return window.held
    case "Time":
      SlidingCounts.advance(window.held, now)
      return countsIn(window.held)
  }
}

/** Adds a call that ended at `now`, and says whether the window now trips. */
export const record = (window: Window, outcome: WindowOutcome, now: number): boolean => {
  switch (window._tag) {
    case "Consecutive":
      if (outcome === "success") {
        window.failures = 0
        return false
      }
      window.failures++
      return window.failures >= window.rule.failures
    case "Count":
      addToRing(window, outcome)
      return trips(window.rule, window.held.calls, window.held.failures, window.held.slow)
    case "Time": {
      const held = window.held
      SlidingCounts.advance(held, now)
      addToSlice(held, outcome)
      return trips(window.rule, held.totals[calls]!, held.totals[failures]!, held.totals[slow]!)
    }
  }
}

const trips = (rule: Rates, calls: number, failures: number, slow: number): boolean =>
  // Divided, not multiplied: 11 / 20 is 0.55, but 0.55 * 20 is above 11.
  calls >= rule.minimum &&
  (failures / calls >= rule.failureRate || (rule.slowRate !== undefined && slow / calls >= rule.slowRate))

const failedBit = 1
const slowBit = 2
const bits: { readonly [O in WindowOutcome]: number } = {
  success: 0,
  failure: failedBit,
  slow: slowBit,
  slowFailure: failedBit | slowBit
}

const addToRing = (window: CountMemory, outcome: WindowOutcome): void => {
  const held = window.held
  const ring = (window.ring ??= new Uint8Array(window.rule.size))
  if (held.calls === ring.length) {
    const left = ring[window.next]!
    held.failures -= left & failedBit
    held.slow -= (left & slowBit) >> 1
  } else {
    held.calls++
  }
  const came = bits[outcome]
  ring[window.next] = came
  held.failures += came & failedBit
  held.slow += (came & slowBit) >> 1
  window.next = window.next + 1 === ring.length ? 0 : window.next + 1
}

// The counters of a time window.
const calls = 0
const failures = 1
const slow = 2

const addToSlice = (held: SlidingCounts.SlidingCounts, outcome: WindowOutcome): void => {
  SlidingCounts.count(held, calls)
  if ((bits[outcome] & failedBit) !== 0) SlidingCounts.count(held, failures)
  if ((bits[outcome] & slowBit) !== 0) SlidingCounts.count(held, slow)
}

const countsIn = ({ totals }: SlidingCounts.SlidingCounts): Counts => ({
  calls: totals[calls]!,
  failures: totals[failures]!,
  slow: totals[slow]!
})
