/**
 * A policy refused: a target rests, is full or is throttled, or the request is out of time, budget or attempts.
 */
import { Schema } from "effect"
import { fault } from "./Fault.ts"

/** `circuit_open`: the target is resting after failures. */
export class CircuitOpen extends Schema.TaggedError<CircuitOpen>()("CircuitOpen", {
  ...fault("circuit_open"),
  key: Schema.optionalKey(Schema.String)
}) {}

/** `bulkhead_full`: too many requests are under way. */
export class BulkheadFull extends Schema.TaggedError<BulkheadFull>()("BulkheadFull", {
  ...fault("bulkhead_full"),
  key: Schema.optionalKey(Schema.String)
}) {}

/** `throttled`: the request was throttled. */
export class Throttled extends Schema.TaggedError<Throttled>()("Throttled", {
  ...fault("throttled"),
  key: Schema.optionalKey(Schema.String)
}) {}

/** `deadline_exceeded`: the request ran out of time. */
export class DeadlineExceeded extends Schema.TaggedError<DeadlineExceeded>()("DeadlineExceeded", {
  ...fault("deadline_exceeded"),
  limitMillis: Schema.optionalKey(Schema.Finite),
  elapsedMillis: Schema.optionalKey(Schema.Finite)
}) {}

/** `retry_budget_exhausted`: the retry budget is spent. */
export class RetryBudgetExhausted extends Schema.TaggedError<RetryBudgetExhausted>()(
  "RetryBudgetExhausted",
  fault("retry_budget_exhausted")
) {}

/** `get_channel_failed`: no channel can take the request now. */
export class GetChannelFailed extends Schema.TaggedError<GetChannelFailed>()("GetChannelFailed", {
  ...fault("get_channel_failed"),
  model: Schema.optionalKey(Schema.String)
}) {}

/** `channel:no_available_key`: no channel for this model has a usable key. */
export class ChannelNoAvailableKey extends Schema.TaggedError<ChannelNoAvailableKey>()("ChannelNoAvailableKey", {
  ...fault("channel:no_available_key"),
  model: Schema.optionalKey(Schema.String)
}) {}

/** `shutting_down`: the service is shutting down. */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>()("ShuttingDown", fault("shutting_down")) {}
