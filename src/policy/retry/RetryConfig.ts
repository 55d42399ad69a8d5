/**
 * A retry as plain data, for `PolicyConfig`.
 */
import * as Schema from "effect/Schema"
import type * as RetryBudget from "../budget/RetryBudget.ts"
import { BudgetConfig } from "../budget/BudgetConfig.ts"
import { accepted, Time, TimeOrZero } from "../OptionSchema.ts"
import * as Backoff from "./Backoff.ts"
import * as Retry from "./Retry.ts"
import * as RetrySchedule from "./RetrySchedule.ts"

const optional = Schema.optionalKey

const Jitter = Schema.Union([
  Schema.Literals(["none", "full", "equal", "proportional"]),
  Schema.Struct({ proportional: Schema.Finite })
])

const bounded = { base: optional(Time), cap: optional(Time) }

/** How long to wait before asking again: a `type` and the options of `Backoff`. */
export const BackoffConfig = Schema.Union([
  Schema.Struct({
    type: Schema.tag("exponential"),
    ...bounded,
    factor: optional(Schema.Finite),
    jitter: optional(Jitter)
  }),
  Schema.Struct({ type: Schema.tag("linear"), ...bounded, increment: optional(TimeOrZero), jitter: optional(Jitter) }),
  Schema.Struct({ type: Schema.tag("constant"), delay: optional(TimeOrZero), jitter: optional(Jitter) }),
  Schema.Struct({ type: Schema.tag("fibonacci"), ...bounded, jitter: optional(Jitter) }),
  Schema.Struct({ type: Schema.tag("decorrelated"), ...bounded }),
  Schema.Struct({ type: Schema.tag("decorrelatedV2"), ...bounded })
]).check(accepted((config) => backoffOf(config)))

type BackoffConfig = typeof BackoffConfig.Type

const backoffOf = (config: BackoffConfig): Backoff.Backoff => {
  switch (config.type) {
    case "exponential":
      return Backoff.exponential(config)
    case "linear":
      return Backoff.linear(config)
    case "constant":
      return Backoff.constant(config)
    case "fibonacci":
      return Backoff.fibonacci(config)
    case "decorrelated":
      return Backoff.decorrelated(config)
    case "decorrelatedV2":
      return Backoff.decorrelatedV2(config)
  }
}

/** The retry: attempts, backoff, elapsed time, the longest wait that a server may ask for, budget. */
export const RetryConfig = Schema.Struct({
  attempts: optional(Schema.Finite),
  elapsed: optional(Time),
  backoff: optional(BackoffConfig),
  maxRetryAfter: optional(Time),
  keepErrors: optional(Schema.Finite),
  budget: optional(BudgetConfig)
}).check(accepted((config) => retryOf(config, undefined)))

/** Makes the retry of a configuration, with a budget that was made for it. */
export const retryOf = (config: typeof RetryConfig.Type, budget: RetryBudget.RetryBudget | undefined): Retry.Retry => {
  const backoff = config.backoff === undefined ? Backoff.exponential() : backoffOf(config.backoff)
  const hinted = RetrySchedule.honourRetryAfter(RetrySchedule.fromBackoff(backoff), {
    cap: config.maxRetryAfter ?? "30 seconds"
  })
  const schedule = config.elapsed === undefined ? hinted : RetrySchedule.upTo(hinted, { elapsed: config.elapsed })
  return Retry.make({ attempts: config.attempts ?? 3, keepErrors: config.keepErrors, schedule, budget })
}
