/**
 * A pipeline from configuration: the same parts as `Policy.make`, written as plain data. `load` makes one for effects,
 * `loadStream` one for streams, which has neither `attempt` nor `hedge`.
 *
 * What is no data is left to code: predicates, `chaos` (its errors and values) and `outlier` (its pool's members). A
 * pipeline is a value, so they are added to the loaded one: `Policy.make({ ...loaded.members, chaos })`.
 *
 * Durations are Effect's strings (`"5 seconds"`); plain numbers are refused, because nobody can see their unit. Unknown
 * keys are refused. Every fault is reported, with its path, all at once; the rules are those of the policies themselves,
 * since it is they that are asked.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { DoRequestFailed } from "effect-resilience/errors"
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
 *   return yield* Effect.flip(Policy.apply(Effect.fail(new DoRequestFailed({})), policy))
 * })
 *
 * await Effect.runPromise(Effect.map(program, (error) => error._tag)) // => "RetriesExhausted"
 * ```
 */
import { Effect, Schema } from "effect"
import type * as AdaptiveLimit from "../adaptive/AdaptiveLimit.ts"
import * as Bulkhead from "../bulkhead/Bulkhead.ts"
import type * as CircuitBreaker from "../breaker/CircuitBreaker.ts"
import type * as Hedge from "../hedge/Hedge.ts"
import * as Policy from "./Policy.ts"
import {
  AdaptiveLimitConfig,
  adaptiveLimitOf,
  BreakerConfig,
  breakerOf,
  budgetOf,
  BulkheadConfig,
  HedgeConfig,
  hedgeOf,
  LimitConfig,
  RateLimiterConfig,
  RetryConfig,
  retryOf,
  ThrottleConfig
} from "./PolicyMemberConfig.ts"
import * as RateLimiter from "../limiter/RateLimiter.ts"
import type * as Retry from "../retry/Retry.ts"
import * as Throttle from "../throttle/Throttle.ts"

export {
  AdaptiveLimitConfig,
  BackoffConfig,
  BreakerConfig,
  BudgetConfig,
  BulkheadConfig,
  HedgeConfig,
  LimitConfig,
  RateLimiterConfig,
  RetryConfig,
  ThrottleConfig
} from "./PolicyMemberConfig.ts"

const optional = Schema.optionalKey

const forStreams = {
  name: optional(Schema.String),
  deadline: optional(LimitConfig),
  retry: optional(RetryConfig),
  throttle: optional(ThrottleConfig),
  breaker: optional(BreakerConfig),
  rateLimiter: optional(RateLimiterConfig),
  bulkhead: optional(BulkheadConfig),
  adaptiveLimit: optional(AdaptiveLimitConfig)
}

const onePlace = Schema.makeFilter((config: { readonly bulkhead?: unknown; readonly adaptiveLimit?: unknown }) =>
  config.bulkhead === undefined || config.adaptiveLimit === undefined
    ? undefined
    : { path: ["adaptiveLimit"], issue: "a bulkhead and an adaptive limit are two answers to one question: take one" }
)

/** A pipeline for streams as plain data. The keys are those of `Policy.make`; leave out what there should not be. */
export const StreamPolicyConfig = Schema.Struct(forStreams).check(onePlace)

/** A pipeline as plain data. The keys are those of `Policy.make`; leave out what there should not be. */
export const PolicyConfig = Schema.Struct({
  ...forStreams,
  hedge: optional(HedgeConfig),
  attempt: optional(LimitConfig)
}).check(onePlace)

/** A pipeline for streams as plain data. */
export type StreamPolicyConfig = typeof StreamPolicyConfig.Type

/** A pipeline as plain data. */
export type PolicyConfig = typeof PolicyConfig.Type

/**
 * The members of a stream's pipeline from configuration: which of them are there is not known to the compiler, so its
 * errors are those of all of them.
 */
export type ConfiguredStreamMembers = {
  readonly name: string | undefined
  readonly deadline: Policy.Limit | undefined
  readonly retry: Retry.Retry | undefined
  readonly throttle: Throttle.Throttle | undefined
  readonly breaker: CircuitBreaker.CircuitBreaker | undefined
  readonly rateLimiter: RateLimiter.RateLimiter | undefined
} & (
  | { readonly bulkhead: Bulkhead.Bulkhead | undefined; readonly adaptiveLimit: undefined }
  | { readonly bulkhead: undefined; readonly adaptiveLimit: AdaptiveLimit.AdaptiveLimit | undefined }
)

/** The members of a pipeline from configuration, in the same way. */
export type ConfiguredMembers = ConfiguredStreamMembers & {
  readonly hedge: Hedge.Hedge | undefined
  readonly attempt: Policy.Limit | undefined
}

const whenGiven = <A, B>(value: A | undefined, make: (value: A) => Effect.Effect<B>): Effect.Effect<B | undefined> =>
  value === undefined ? Effect.undefined : make(value)

const membersOf = (config: StreamPolicyConfig): Effect.Effect<ConfiguredStreamMembers> =>
  Effect.gen(function* () {
    const { deadline, name } = config
    const common = {
      name,
      deadline,
      retry: yield* whenGiven(config.retry, (given) =>
        Effect.map(whenGiven(given.budget, budgetOf), (budget) => retryOf(given, budget))
      ),
      throttle: yield* whenGiven(config.throttle, (given) => Throttle.make({ ...given, key: name })),
      breaker: yield* whenGiven(config.breaker, (given) => breakerOf(given, name)),
      rateLimiter: yield* whenGiven(config.rateLimiter, (given) => RateLimiter.make({ ...given, key: name }))
    }
    if (config.adaptiveLimit !== undefined) {
      const adaptiveLimit = yield* adaptiveLimitOf(config.adaptiveLimit, name)
      return { ...common, bulkhead: undefined, adaptiveLimit }
    }
    const bulkhead = yield* whenGiven(config.bulkhead, (given) => Bulkhead.make({ ...given, key: name }))
    return { ...common, bulkhead, adaptiveLimit: undefined }
  })

/** Makes the pipeline of a configuration that was decoded by `PolicyConfig`. Its name is its members' key. */
export const make = (config: PolicyConfig): Effect.Effect<Policy.Policy<ConfiguredMembers>> =>
  Effect.gen(function* () {
    const members = yield* membersOf(config)
    const hedge = yield* whenGiven(config.hedge, (given) =>
      Effect.flatMap(whenGiven(given.budget, budgetOf), (own) => hedgeOf(given, own ?? members.retry?.budget))
    )
    const all: ConfiguredMembers = { ...members, hedge, attempt: config.attempt }
    return Policy.make(all)
  })

/** Makes the pipeline of a configuration that was decoded by `StreamPolicyConfig`. Its name is its members' key. */
export const makeStream = (config: StreamPolicyConfig): Effect.Effect<Policy.Policy<ConfiguredStreamMembers>> =>
  Effect.map(membersOf(config), (members) => Policy.make(members))

const strict = { errors: "all", onExcessProperty: "error" } as const
const decode = Schema.decodeUnknownEffect(PolicyConfig, strict)
const decodeStream = Schema.decodeUnknownEffect(StreamPolicyConfig, strict)

/** Reads a configuration and makes its pipeline. Fails with every fault and its path. */
export const load = (input: unknown): Effect.Effect<Policy.Policy<ConfiguredMembers>, Schema.SchemaError> =>
  Effect.flatMap(decode(input), make)

/** As `load`, for `Policy.applyStream`: `attempt` and `hedge` are refused. */
export const loadStream = (input: unknown): Effect.Effect<Policy.Policy<ConfiguredStreamMembers>, Schema.SchemaError> =>
  Effect.flatMap(decodeStream(input), makeStream)
