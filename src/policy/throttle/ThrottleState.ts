/**
 * The decision of a client-side throttle, after Google's SRE book (chapter 21, "Handling Overload"): the chance to
 * refuse a request is `max(0, (requests - k * accepts) / (requests + 1))` over the last minutes.
 *
 * Requests are counted when they are attempted, the refused ones too: else the chance would fall as soon as it worked,
 * and the target would be flooded again (go-zero #5011). One under way counts as accepted until it fails: else the first
 * fifty calls at once to a healthy target would be refused but for ten. failsafe-go's form is the same with `k = 1 / (1 - threshold)`,
 * a minimum of requests and a maximum of the chance.
 */
import * as SlidingCounts from "../SlidingCounts.ts"

/** What a throttle does. */
export interface Settings {
  /** How many requests may come for each that is accepted; above 1. */
  readonly k: number
  /** Nothing is refused before so many requests are in the window. */
  readonly minimum: number
  /** The chance is never higher, from 0 to 1. */
  readonly maxChance: number
}

/** Requests and accepts of the window. */
export type Counts = SlidingCounts.SlidingCounts

const requests = 0
const accepts = 1

/** Empty counts. */
export const make = (durationMillis: number, slices: number): Counts => SlidingCounts.make(durationMillis, slices, 2)

/** The chance to refuse, of so many requests and accepts. */
export const chance = (settings: Settings, requests: number, accepts: number): number =>
  requests < settings.minimum
    ? 0
    : Math.min(settings.maxChance, Math.max(0, (requests - settings.k * accepts) / (requests + 1)))

/** A request is attempted: it is counted, and refused with the chance that this gives, of the requests before it. */
export const attempt = (counts: Counts, settings: Settings, now: number): number => {
  SlidingCounts.advance(counts, now)
  const refuse = chance(settings, counts.totals[requests]!, counts.totals[accepts]!)
  SlidingCounts.count(counts, requests)
  return refuse
}

/** The request just attempted goes to its target: it counts as accepted. Gives what `fail` needs. */
export const begin = (counts: Counts): number => {
  SlidingCounts.count(counts, accepts)
  return counts.newest
}

/** The target did not accept the request that `begin` was called for. */
export const fail = (counts: Counts, begun: number, now: number): void => {
  SlidingCounts.advance(counts, now)
  SlidingCounts.uncount(counts, accepts, begun)
}

/** What the window holds. */
export const view = (counts: Counts, now: number): { readonly requests: number; readonly accepts: number } => {
  SlidingCounts.advance(counts, now)
  return { requests: counts.totals[requests]!, accepts: counts.totals[accepts]! }
}
