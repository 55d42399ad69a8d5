/**
 * What chaos does to a call or a stream, decided by draws. Pure. After Polly's Simmy: a kind is injected if its draw is
 * below its rate, and in the order fault, latency, outcome; a fault ends the matter.
 *
 * Each configured kind costs one draw, in that order, so that a seed always hurts the same calls.
 */

/** The rate of each kind, from 0 to 1; absent, the kind is not configured and costs no draw. */
export interface CallRates {
  readonly fault: number | undefined
  readonly latency: number | undefined
  readonly outcome: number | undefined
}

/** What happens to a call. */
export interface CallPlan {
  readonly fault: boolean
  readonly latency: boolean
  readonly outcome: boolean
}

const strikes = (rate: number | undefined, draw: () => number): boolean => rate !== undefined && draw() < rate

/** Decides for one call. */
export const planCall = (rates: CallRates, draw: () => number): CallPlan => {
  if (strikes(rates.fault, draw)) return { fault: true, latency: false, outcome: false }
  const latency = strikes(rates.latency, draw)
  return { fault: false, latency, outcome: strikes(rates.outcome, draw) }
}

/** Where in a stream something happens: before the element with this number, from 0. */
export interface Place {
  readonly rate: number
  readonly at: number
}

/** Where each kind would happen; absent, the kind is not configured and costs no draw. */
export interface StreamRates {
  readonly cut: Place | undefined
  readonly stall: Place | undefined
  readonly duplicate: Place | undefined
}

/** Where something happens in one stream. */
export interface StreamPlan {
  readonly cutAt: number | undefined
  readonly stallAt: number | undefined
  readonly duplicateAt: number | undefined
}

const placed = (place: Place | undefined, draw: () => number): number | undefined =>
  strikes(place?.rate, draw) ? place!.at : undefined

/** Decides for one stream: cut, stall, duplicate, in this order. */
export const planStream = (rates: StreamRates, draw: () => number): StreamPlan => ({
  cutAt: placed(rates.cut, draw),
  stallAt: placed(rates.stall, draw),
  duplicateAt: placed(rates.duplicate, draw)
})
