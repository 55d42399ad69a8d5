/**
 * A pipeline from configuration: the same parts as `Policy.make`, written as plain data. `load` makes one for effects,
 * `loadStream` one for streams, which has neither `attempt` nor `hedge`.
 *
 * What counts as a failure is a list of blames: `isFailure: ["upstream", "timeout", "transport"]`. An error without a
 * blame is on no list.
 *
 * What is no data is left to code: other predicates, `chaos` (its errors and values) and `outlier` (its pool's members).
 * A pipeline is a value, so they are added to the loaded one: `Policy.make({ ...loaded.members, chaos })`.
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
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Blame, blames } from "../../errors/index.ts"
import { AdaptiveLimitConfig, adaptiveLimitOf } from "../adaptive/AdaptiveLimitConfig.ts"
import { BreakerConfig, breakerOf } from "../breaker/BreakerConfig.ts"
import { BudgetConfig, budgetOf } from "../budget/BudgetConfig.ts"
import type * as RetryBudget from "../budget/RetryBudget.ts"
import * as Bulkhead from "../bulkhead/Bulkhead.ts"
import { BulkheadConfig } from "../bulkhead/BulkheadConfig.ts"
import { LimitConfig } from "../deadline/DeadlineConfig.ts"
import * as Failures from "../Failures.ts"
import { HedgeConfig, hedgeOf } from "../hedge/HedgeConfig.ts"
import * as RateLimiter from "../limiter/RateLimiter.ts"
import { RateLimiterConfig } from "../limiter/RateLimiterConfig.ts"
import { BackoffConfig, RetryConfig, retryOf } from "../retry/RetryConfig.ts"
import * as Throttle from "../throttle/Throttle.ts"
import { ThrottleConfig } from "../throttle/ThrottleConfig.ts"
import * as Policy from "./Policy.ts"
import { type PartName, type Parts, parts, type RefusedInStreams } from "./PolicyParts.ts"

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
}

/** What the parts of one pipeline share. */
interface Shared {
  /** The pipeline's name, which is its parts' key. */
  readonly key: string | undefined
  /** The retry's budget, which a hedge without one of its own pays from too. */
  readonly budget: RetryBudget.RetryBudget | undefined
}

interface ConfiguredPart<S extends Schema.Top, V> {
  readonly schema: S
  readonly make: (config: S["Type"], shared: Shared) => Effect.Effect<V>
}

const configured = <S extends Schema.Top, V>(
  schema: S,
  make: (config: S["Type"], shared: Shared) => Effect.Effect<V>
): ConfiguredPart<S, V> => ({ schema, make })

/** How each part is written as data and made of it. A part that is missing here does not compile. */
const configuration = {
  deadline: configured(LimitConfig, (limit): Effect.Effect<Policy.Limit> => Effect.succeed(limit)),
  retry: configured(RetryConfig, (config, { budget }) => Effect.succeed(retryOf(config, budget))),
  hedge: configured(HedgeConfig, (config, { budget }) =>
    config.budget === undefined
      ? hedgeOf(config, budget)
      : Effect.flatMap(budgetOf(config.budget), (own) => hedgeOf(config, own))
  ),
  throttle: configured(ThrottleConfig, (config, { key }) => Throttle.make({ ...config, key })),
  breaker: configured(BreakerConfig, (config, { key }) => breakerOf(config, key)),
  rateLimiter: configured(RateLimiterConfig, (config, { key }) => RateLimiter.make({ ...config, key })),
  bulkhead: configured(BulkheadConfig, (config, { key }) => Bulkhead.make({ ...config, key })),
  adaptiveLimit: configured(AdaptiveLimitConfig, (config, { key }) => adaptiveLimitOf(config, key)),
  outlier: "code only",
  attempt: configured(LimitConfig, (limit): Effect.Effect<Policy.Limit> => Effect.succeed(limit)),
  chaos: "code only"
} satisfies {
  readonly [P in PartName]:
    | "code only"
    | {
        readonly schema: Schema.Top
        readonly make: (config: never, shared: Shared) => Effect.Effect<Parts[P]["forEffects"]>
      }
}

type Configuration = typeof configuration
type ConfiguredName = { [P in PartName]: Configuration[P] extends "code only" ? never : P }[PartName]
type ConfiguredInStreams = Exclude<ConfiguredName, RefusedInStreams>
type SchemaOf<P extends PartName> = Configuration[P] extends ConfiguredPart<infer S, infer _> ? S : never
type MadeOf<P extends PartName> = Configuration[P] extends ConfiguredPart<infer _, infer V> ? V : never
type Fields<P extends ConfiguredName> = { readonly [K in P]: Schema.optionalKey<SchemaOf<K>> }

/** The keys of the parts, each with its schema; the loop hides from the compiler which schema goes with which key. */
const fieldsOf = <P extends ConfiguredName>(isTaken: (part: PartName) => boolean): Fields<P> =>
  Object.fromEntries(
    Object.entries(configuration).flatMap(([part, row]) =>
      row === "code only" || !isTaken(part as PartName) ? [] : [[part, Schema.optionalKey(row.schema as Schema.Top)]]
    )
  ) as unknown as Fields<P>

const common = {
  name: Schema.optionalKey(Schema.String),
  isFailure: Schema.optionalKey(Schema.NonEmptyArray(Schema.Literals(blames)))
}

const onePlace = Schema.makeFilter((config: { readonly bulkhead?: unknown; readonly adaptiveLimit?: unknown }) =>
  config.bulkhead === undefined || config.adaptiveLimit === undefined
    ? undefined
    : { path: ["adaptiveLimit"], issue: "a bulkhead and an adaptive limit are two answers to one question: take one" }
)

/** A pipeline for streams as plain data. The keys are those of `Policy.make`; leave out what there should not be. */
export const StreamPolicyConfig = Schema.Struct({
  ...common,
  ...fieldsOf<ConfiguredInStreams>((part) => parts[part].stream !== "refused")
}).check(onePlace)

/** A pipeline as plain data. The keys are those of `Policy.make`; leave out what there should not be. */
export const PolicyConfig = Schema.Struct({ ...common, ...fieldsOf<ConfiguredName>(() => true) }).check(onePlace)

/** A pipeline for streams as plain data. */
export type StreamPolicyConfig = typeof StreamPolicyConfig.Type

/** A pipeline as plain data. */
export type PolicyConfig = typeof PolicyConfig.Type

type ConfiguredOf<P extends ConfiguredName> = {
  readonly name: string | undefined
  readonly isFailure: Failures.Predicate | undefined
} & { readonly [K in Exclude<P, "bulkhead" | "adaptiveLimit">]: MadeOf<K> | undefined } & (
    | { readonly bulkhead: MadeOf<"bulkhead"> | undefined; readonly adaptiveLimit: undefined }
    | { readonly bulkhead: undefined; readonly adaptiveLimit: MadeOf<"adaptiveLimit"> | undefined }
  )

/**
 * The members of a stream's pipeline from configuration: which of them are there is not known to the compiler, so its
 * errors are those of all of them.
 */
export type ConfiguredStreamMembers = ConfiguredOf<ConfiguredInStreams>

/** The members of a pipeline from configuration, in the same way. */
export type ConfiguredMembers = ConfiguredOf<ConfiguredName>

const isFailureOf = (listed: ReadonlyArray<Blame> | undefined): Failures.Predicate | undefined =>
  listed === undefined ? undefined : Failures.orBlamedOn(() => false, ...listed)

const membersOf = <M extends ConfiguredStreamMembers>(config: PolicyConfig | StreamPolicyConfig): Effect.Effect<M> =>
  Effect.gen(function* () {
    const { isFailure, name } = config
    const paid = config.retry?.budget
    const shared: Shared = { key: name, budget: paid === undefined ? undefined : yield* budgetOf(paid) }
    const members: Record<string, unknown> = { name, isFailure: isFailureOf(isFailure) }
    for (const [part, row] of Object.entries(configuration)) {
      if (row === "code only") continue
      const given = (config as { readonly [part: string]: unknown })[part]
      members[part] = given === undefined ? undefined : yield* row.make(given as never, shared)
    }
    // One member for each key of the configuration, made of what its schema decoded.
    return members as unknown as M
  })

/** Makes the pipeline of a configuration that was decoded by `PolicyConfig`. Its name is its members' key. */
export const make = (config: PolicyConfig): Effect.Effect<Policy.Policy<ConfiguredMembers>> =>
  Effect.map(membersOf<ConfiguredMembers>(config), (members) => Policy.make(members))

/** Makes the pipeline of a configuration that was decoded by `StreamPolicyConfig`. Its name is its members' key. */
export const makeStream = (config: StreamPolicyConfig): Effect.Effect<Policy.Policy<ConfiguredStreamMembers>> =>
  Effect.map(membersOf<ConfiguredStreamMembers>(config), (members) => Policy.make(members))

const strict = { errors: "all", onExcessProperty: "error" } as const
const decode = Schema.decodeUnknownEffect(PolicyConfig, strict)
const decodeStream = Schema.decodeUnknownEffect(StreamPolicyConfig, strict)

/** Reads a configuration and makes its pipeline. Fails with every fault and its path. */
export const load = (input: unknown): Effect.Effect<Policy.Policy<ConfiguredMembers>, Schema.SchemaError> =>
  Effect.flatMap(decode(input), make)

/** As `load`, for `Policy.applyStream`: `attempt` and `hedge` are refused. */
export const loadStream = (input: unknown): Effect.Effect<Policy.Policy<ConfiguredStreamMembers>, Schema.SchemaError> =>
  Effect.flatMap(decodeStream(input), makeStream)
