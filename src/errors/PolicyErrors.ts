/**
 * A policy refused: a target rests, is full or is throttled, or the request is out of time, budget or attempts.
 */
import { fault, type FaultFields } from "./Fault.ts"
import { hinted, inSeconds, keyed, withFigures } from "./Figures.ts"

interface OfKey {
  /** Which of several targets, where there are several. */
  readonly key?: string
}

const ofKey =
  (code: "circuit_open" | "throttled") =>
  ({ key, retryAfterMillis }: OfKey & FaultFields): string =>
    withFigures(code, keyed(key), hinted(retryAfterMillis))

/** `circuit_open`: the target is resting after failures. `retryAfterMillis` is the rest of its rest. */
export class CircuitOpen extends /*#__PURE__*/ fault("circuit_open", ofKey("circuit_open"))<OfKey> {}

interface OfLimit extends OfKey {
  /** How many may be under way at once. */
  readonly limit?: number
}

/** `bulkhead_full`: too many requests are under way. */
export class BulkheadFull extends /*#__PURE__*/ fault(
  "bulkhead_full",
  ({ key, limit, retryAfterMillis }: OfLimit & FaultFields) =>
    withFigures(
      "bulkhead_full",
      keyed(key),
      limit === undefined ? undefined : `limit ${limit}`,
      hinted(retryAfterMillis)
    )
)<OfLimit> {}

/** `throttled`: the request was throttled. */
export class Throttled extends /*#__PURE__*/ fault("throttled", ofKey("throttled"))<OfKey> {}

interface OutOfTime {
  readonly limitMillis?: number
  readonly elapsedMillis?: number
}

/** `deadline_exceeded`: the request ran out of time. */
export class DeadlineExceeded extends /*#__PURE__*/ fault(
  "deadline_exceeded",
  ({ elapsedMillis, limitMillis }: OutOfTime) =>
    withFigures(
      "deadline_exceeded",
      elapsedMillis === undefined ? undefined : `after ${inSeconds(elapsedMillis)}`,
      limitMillis === undefined ? undefined : `limit ${inSeconds(limitMillis)}`
    )
)<OutOfTime> {}

/** `retry_budget_exhausted`: the retry budget is spent. */
export class RetryBudgetExhausted extends /*#__PURE__*/ fault("retry_budget_exhausted") {}

/** `get_channel_failed`: no channel can take the request now. */
export class GetChannelFailed extends /*#__PURE__*/ fault("get_channel_failed")<{
  readonly model?: string
}> {}

/** `channel:no_available_key`: no channel for this model has a usable key. */
export class ChannelNoAvailableKey extends /*#__PURE__*/ fault("channel:no_available_key")<{
  readonly model?: string
}> {}

/** `shutting_down`: the service is shutting down. */
export class ShuttingDown extends /*#__PURE__*/ fault("shutting_down") {}

/** The classes of this family, in the catalogue's order. */
export const policyErrors = [
  CircuitOpen,
  BulkheadFull,
  Throttled,
  DeadlineExceeded,
  RetryBudgetExhausted,
  GetChannelFailed,
  ChannelNoAvailableKey,
  ShuttingDown
] as const
