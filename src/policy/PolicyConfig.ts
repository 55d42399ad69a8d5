/**
 * A pipeline from configuration: the same parts as `Policy.make`, written as plain data.
 *
 * Durations are Effect's strings (`"5 seconds"`); plain numbers are refused, because nobody can see their unit. Unknown
 * keys are refused. Every fault is reported, with its path, all at once; the rules are those of the policies themselves,
 * since it is they that are asked.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { Policy, PolicyConfig } from "effect-resilience/policy"
 *
 * const program = Effect.gen(function* () {
 *   const policy = yield* PolicyConfig.load({
 *     name: "search",
 *     deadline: "5 seconds",
 *     retry: { attempts: 3, backoff: { type: "exponential", base: "1 millis", cap: "5 millis" } },
 *     breaker: { window: { type: "consecutive", failures: 5 }, openFor: "10 seconds" },
 *     bulkhead: { concurrency: 10 }
 *   })
 *   return yield* Effect.flip(Policy.apply(Effect.fail("down"), policy))
 * })
 *
 * await Effect.runPromise(Effect.map(program, (error) => error._tag)) // => "RetriesExhausted"
 * ```
 */
import { Duration, Effect, Schema } from "effect"
import * as Backoff from "./Backoff.ts"
import * as Bulkhead from "./Bulkhead.ts"
import * as CircuitBreaker from "./CircuitBreaker.ts"
import { InvalidPolicyOption, longestMillis } from "./InvalidPolicyOption.ts"
import * as Policy from "./Policy.ts"
import * as RateLimiter from "./RateLimiter.ts"
import * as Retry from "./Retry.ts"
import * as RetryBudget from "./RetryBudget.ts"
import * as RetrySchedule from "./RetrySchedule.ts"

// A constructor that refuses says what is wrong, and where: that is the fault.
const accepted = <A>(make: (value: A) => unknown) =>
  Schema.makeFilter((value: A) => {
    try {
      make(value)
      return undefined
    } catch (error) {
      if (!(error instanceof InvalidPolicyOption)) throw error
      return { path: error.option.split("."), issue: error.message }
    }
  })

/** A duration above zero and at most 2^31 - 1 ms, as Effect's string. */
const Time = Schema.DurationFromString.check(
  Schema.makeFilter((duration) => {
    const millis = Duration.toMillis(duration)
    return millis > 0 && millis <= longestMillis ? undefined : "expected a duration above zero, at most 2^31 - 1 ms"
  })
)

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
  Schema.Struct({ type: Schema.tag("linear"), ...bounded, increment: optional(Time), jitter: optional(Jitter) }),
  Schema.Struct({ type: Schema.tag("constant"), delay: optional(Time), jitter: optional(Jitter) }),
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

const budgetOf = (config: typeof BudgetConfig.Type): Effect.Effect<RetryBudget.RetryBudget> => {
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

const retryOf = (config: typeof RetryConfig.Type, budget: RetryBudget.RetryBudget | undefined): Retry.Retry => {
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

const breakerOf = ({ window, ...config }: typeof BreakerConfig.Type): Effect.Effect<CircuitBreaker.CircuitBreaker> =>
  CircuitBreaker.make({ ...config, window: window === undefined ? undefined : windowOf(window) })

/** The rate limit: the options of `RateLimiter`. */
export const RateLimiterConfig = Schema.Struct({
  limit: Schema.Finite,
  window: Time,
  kind: optional(Schema.Literals(["smooth", "bursty"])),
  maxWait: optional(Time),
  maxWaiters: optional(Schema.Finite)
}).check(accepted((config) => RateLimiter.make(config)))

/** The bulkhead: the options of `Bulkhead`. */
export const BulkheadConfig = Schema.Struct({
  concurrency: optional(Schema.Finite),
  queue: optional(Schema.Finite),
  maxWait: optional(Time)
}).check(accepted((config) => Bulkhead.make(config)))

/** A pipeline as plain data. The keys are those of `Policy.make`; leave out what there should not be. */
export const PolicyConfig = Schema.Struct({
  name: optional(Schema.String),
  deadline: optional(Time),
  retry: optional(RetryConfig),
  breaker: optional(BreakerConfig),
  rateLimiter: optional(RateLimiterConfig),
  bulkhead: optional(BulkheadConfig),
  attempt: optional(Time)
})

/** A pipeline as plain data. */
export type PolicyConfig = typeof PolicyConfig.Type

/**
 * The members of a pipeline from configuration: which of them are there is not known to the compiler, so its errors are
 * those of all of them.
 */
export interface ConfiguredMembers {
  readonly name: string | undefined
  readonly deadline: Duration.Duration | undefined
  readonly retry: Retry.Retry | undefined
  readonly breaker: CircuitBreaker.CircuitBreaker | undefined
  readonly rateLimiter: RateLimiter.RateLimiter | undefined
  readonly bulkhead: Bulkhead.Bulkhead | undefined
  readonly attempt: Duration.Duration | undefined
}

const whenGiven = <A, B>(value: A | undefined, make: (value: A) => Effect.Effect<B>): Effect.Effect<B | undefined> =>
  value === undefined ? Effect.undefined : make(value)

/** Makes the pipeline of a configuration that was decoded by `PolicyConfig`. */
export const make = (config: PolicyConfig): Effect.Effect<Policy.Policy<ConfiguredMembers>> =>
  Effect.gen(function* () {
    const { attempt, deadline, name } = config
    const retry = yield* whenGiven(config.retry, (given) =>
      Effect.map(whenGiven(given.budget, budgetOf), (budget) => retryOf(given, budget))
    )
    const breaker = yield* whenGiven(config.breaker, breakerOf)
    const rateLimiter = yield* whenGiven(config.rateLimiter, (given) => RateLimiter.make({ ...given, key: name }))
    const bulkhead = yield* whenGiven(config.bulkhead, (given) => Bulkhead.make({ ...given, key: name }))
    const members: ConfiguredMembers = { name, deadline, retry, breaker, rateLimiter, bulkhead, attempt }
    return Policy.make(members)
  })

const decode = Schema.decodeUnknownEffect(PolicyConfig, { errors: "all", onExcessProperty: "error" })

/** Reads a configuration and makes its pipeline. Fails with every fault and its path. */
export const load = (input: unknown): Effect.Effect<Policy.Policy<ConfiguredMembers>, Schema.SchemaError> =>
  Effect.flatMap(decode(input), make)
