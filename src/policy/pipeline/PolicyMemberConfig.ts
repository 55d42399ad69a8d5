/**
 * The members of a pipeline as plain data: a schema for each policy that `PolicyConfig` puts together. The rules are those
 * of the policies themselves, since it is they that are asked.
 */
import { Duration, type Effect, Schema } from "effect"
import * as AdaptiveLimit from "../adaptive/AdaptiveLimit.ts"
import * as Backoff from "../retry/Backoff.ts"
import * as Bulkhead from "../bulkhead/Bulkhead.ts"
import * as CircuitBreaker from "../breaker/CircuitBreaker.ts"
import * as Hedge from "../hedge/Hedge.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as RateLimiter from "../limiter/RateLimiter.ts"
import * as Retry from "../retry/Retry.ts"
import * as RetryBudget from "../budget/RetryBudget.ts"
import * as RetrySchedule from "../retry/RetrySchedule.ts"
import * as Throttle from "../throttle/Throttle.ts"

// A constructor that refuses says what is wrong, and where: that is the fault.
const accepted = <A>(make: (value: A) => unknown) =>
  Schema.makeFilter((value: A) => {
    try {
      make(value)
      return undefined
    } catch (error) {
      if (!(error instanceof Check.InvalidPolicyOption)) throw error
      return { path: error.option.split("."), issue: error.message }
    }
  })

/** A duration above zero and at most 2^31 - 1 ms, as Effect's string. */
const Time = Schema.DurationFromString.check(
  Schema.makeFilter((duration) => {
    const millis = Duration.toMillis(duration)
    return millis > 0 && millis <= Check.longestMillis
      ? undefined
      : "expected a duration above zero, at most 2^31 - 1 ms"
  })
)

/** As `Time`, or zero. */
const TimeOrZero = Schema.DurationFromString.check(
  Schema.makeFilter((duration) => {
    const millis = Duration.toMillis(duration)
    return millis >= 0 && millis <= Check.longestMillis
      ? undefined
      : "expected a duration, zero or more, at most 2^31 - 1 ms"
  })
)

const optional = Schema.optionalKey

/** A time limit: a duration, or one with what happens to the uninterruptible (`Deadline.Options`). */
export const LimitConfig = Schema.Union([
  Time,
  Schema.Struct({ limit: Time, onExpiry: optional(Schema.Literals(["wait", "detach"])) })
])

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

/** What pays for retries: a `type` and the options of `RetryBudget`. */
export const BudgetConfig = Schema.Union([
  Schema.Struct({
    type: Schema.tag("tokenRatio"),
    maxTokens: optional(Schema.Finite),
    tokenRatio: optional(Schema.Finite)
  }),
  Schema.Struct({
    type: Schema.tag("window"),
    ratio: optional(Schema.Finite),
    minPerSecond: optional(Schema.Finite),
    ttl: optional(Time)
  }),
  Schema.Struct({
    type: Schema.tag("quota"),
    capacity: optional(Schema.Finite),
    cost: optional(Schema.Finite),
    refill: optional(Schema.Finite)
  }),
  Schema.Struct({
    type: Schema.tag("share"),
    maxShare: optional(Schema.Finite),
    minConcurrency: optional(Schema.Finite)
  })
]).check(accepted((config) => budgetOf(config)))

/** Makes the budget of a configuration. */
export const budgetOf = (config: typeof BudgetConfig.Type): Effect.Effect<RetryBudget.RetryBudget> => {
  switch (config.type) {
    case "tokenRatio":
      return RetryBudget.tokenRatio(config)
    case "window":
      return RetryBudget.window(config)
    case "quota":
      return RetryBudget.quota(config)
    case "share":
      return RetryBudget.share(config)
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

const WindowConfig = Schema.Union([
  Schema.Struct({ type: Schema.tag("consecutive"), failures: Schema.Finite }),
  Schema.Struct({
    type: Schema.tag("count"),
    size: optional(Schema.Finite),
    minimum: optional(Schema.Finite),
    failureRate: optional(Schema.Finite),
    slowRate: optional(Schema.Finite)
  }),
  Schema.Struct({
    type: Schema.tag("time"),
    duration: optional(Time),
    slices: optional(Schema.Finite),
    minimum: optional(Schema.Finite),
    failureRate: optional(Schema.Finite),
    slowRate: optional(Schema.Finite)
  })
]).check(accepted((config) => windowOf(config)))

const windowOf = (config: typeof WindowConfig.Type): CircuitBreaker.Window => {
  switch (config.type) {
    case "consecutive":
      return CircuitBreaker.consecutive(config.failures)
    case "count":
      return CircuitBreaker.countWindow(config)
    case "time":
      return CircuitBreaker.timeWindow(config)
  }
}

/** The breaker: a window of a `type`, and the options of `CircuitBreaker`. */
export const BreakerConfig = Schema.Struct({
  window: optional(WindowConfig),
  openFor: optional(Time),
  maxOpenFor: optional(Time),
  probes: optional(Schema.Finite),
  probeSuccesses: optional(Schema.Finite),
  probeFor: optional(Time),
  slowerThan: optional(Time)
}).check(accepted((config) => breakerOf(config)))

/** Makes the breaker of a configuration. */
export const breakerOf = (
  { window, ...config }: typeof BreakerConfig.Type,
  key?: string
): Effect.Effect<CircuitBreaker.CircuitBreaker> =>
  CircuitBreaker.make({ ...config, key, window: window === undefined ? undefined : windowOf(window) })

/** The hedge: the options of `Hedge`. It pays from its own budget if it has one, else from the retry's. */
export const HedgeConfig = Schema.Struct({
  idempotent: Schema.Literal(true),
  when: optional(
    Schema.Union([
      Schema.Literals(["parallel", "sequential"]),
      Time,
      Schema.Struct({
        quantile: Schema.Finite,
        warmup: optional(Schema.Finite),
        window: optional(Schema.Finite),
        until: optional(Time)
      })
    ])
  ),
  maxHedges: optional(Schema.Finite),
  budget: optional(BudgetConfig)
}).check(accepted((config) => hedgeOf(config, undefined)))

/** Makes the hedge of a configuration, with the budget that it pays from. */
export const hedgeOf = (
  { idempotent, maxHedges, when }: typeof HedgeConfig.Type,
  budget: RetryBudget.RetryBudget | undefined
): Effect.Effect<Hedge.Hedge> => Hedge.make({ idempotent, maxHedges, when, budget })

/** The throttle: the options of `Throttle`. */
export const ThrottleConfig = Schema.Struct({
  k: optional(Schema.Finite),
  window: optional(Time),
  minimum: optional(Schema.Finite),
  maxChance: optional(Schema.Finite)
}).check(accepted((config) => Throttle.make(config)))

const RuleConfig = Schema.Union([
  Schema.Struct({
    type: Schema.tag("vegas"),
    initial: optional(Schema.Finite),
    max: optional(Schema.Finite),
    smoothing: optional(Schema.Finite),
    probeMultiplier: optional(Schema.Finite)
  }),
  Schema.Struct({
    type: Schema.tag("gradient2"),
    initial: optional(Schema.Finite),
    min: optional(Schema.Finite),
    max: optional(Schema.Finite),
    smoothing: optional(Schema.Finite),
    longWindow: optional(Schema.Finite),
    tolerance: optional(Schema.Finite),
    queueSize: optional(Schema.Finite)
  }),
  Schema.Struct({
    type: Schema.tag("aimd"),
    initial: optional(Schema.Finite),
    min: optional(Schema.Finite),
    max: optional(Schema.Finite),
    backoff: optional(Schema.Finite),
    timeout: optional(Time)
  })
]).check(accepted((config) => ruleOf(config)))

const ruleOf = (config: typeof RuleConfig.Type) => {
  switch (config.type) {
    case "vegas":
      return AdaptiveLimit.vegas(config)
    case "gradient2":
      return AdaptiveLimit.gradient2(config)
    case "aimd":
      return AdaptiveLimit.aimd(config)
  }
}

/** The adaptive limit: a rule of a `type`, and the options of `AdaptiveLimit`. */
export const AdaptiveLimitConfig = Schema.Struct({
  rule: optional(RuleConfig),
  queue: optional(
    Schema.Struct({
      freeFactor: optional(Schema.Finite),
      maxFactor: optional(Schema.Finite),
      maxWait: optional(Time)
    })
  )
}).check(accepted((config) => adaptiveLimitOf(config)))

/** Makes the adaptive limit of a configuration. */
export const adaptiveLimitOf = (
  { queue, rule }: typeof AdaptiveLimitConfig.Type,
  key?: string
): Effect.Effect<AdaptiveLimit.AdaptiveLimit> =>
  AdaptiveLimit.make({ key, queue, rule: rule === undefined ? undefined : ruleOf(rule) })

/** The rate limit: the options of `RateLimiter`. */
export const RateLimiterConfig = Schema.Struct({
  limit: Schema.Finite,
  window: Time,
  kind: optional(Schema.Literals(["smooth", "bursty"])),
  maxWait: optional(TimeOrZero),
  maxWaiters: optional(Schema.Finite)
}).check(accepted((config) => RateLimiter.make(config)))

/** The bulkhead: the options of `Bulkhead`. */
export const BulkheadConfig = Schema.Struct({
  concurrency: optional(Schema.Finite),
  queue: optional(Schema.Finite),
  maxWait: optional(Time)
}).check(accepted((config) => Bulkhead.make(config)))
