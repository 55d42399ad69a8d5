/**
 * A pipeline: several policies as one value, in an order that is right, applied to effects and to streams.
 *
 * The order is fixed, from the outside in:
 *
 * `deadline` → `retry` → `hedge` → `throttle` → `breaker` → `rateLimiter` → `bulkhead` or `adaptiveLimit` → `outlier` →
 * `attempt` → `chaos` → the call
 *
 * Each wrong order, and what it does:
 *
 * | wrong | what happens |
 * |---|---|
 * | `retry` outside `deadline` | the limit begins anew with each attempt: a "5 second" call takes 3 × 5 s and the backoffs |
 * | `attempt` outside `retry` | one slow attempt takes the time of all; the retry is cut off and helps nobody |
 * | `breaker` outside `retry` | it sees a `RetriesExhausted`, which blames nobody: it never opens; told to count it, it sees one failure for three |
 * | `bulkhead` outside `retry` | a call in its backoff holds a place, and does nothing with it |
 * | `rateLimiter` outside `retry` | retries are not counted: the server sees three times the limit |
 * | `bulkhead` outside `breaker` | while the circuit is open, calls queue up only to be refused |
 * | `attempt` outside `bulkhead` | waiting for a place counts as the dependency's slowness, and trips the breaker |
 * | `hedge` inside `breaker` | several calls count as one, and the loser's failures as none |
 * | `outlier` outside `retry` | a member that fails two times in three looks well |
 * | `chaos` outside of anything | what it goes round is not tested |
 * | `Fallback` inside `retry` | the first failure is answered, and nothing is ever retried |
 *
 * A fallback is no part of a pipeline, because it belongs to the caller and not to the target: one pipeline serves many
 * calls, and each has another answer to fall back on. Pipe it after. Another order, for the rare case that wants it, is a
 * pipe of the policies themselves.
 *
 * A breaker that counts slow calls (`slowerThan`) counts their wait for a place too: keep the bulkhead's queue short.
 *
 * **Errors**: exactly what the parts add. `retry` turns what comes from inside into one `RetriesExhausted`.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { Bulkhead, CircuitBreaker, Policy, Retry, RetrySchedule } from "effect-resilience/policy"
 *
 * const program = Effect.gen(function* () {
 *   const policy = Policy.make({
 *     name: "search",
 *     deadline: "5 seconds",
 *     retry: Retry.make({ attempts: 3, schedule: RetrySchedule.immediate }),
 *     breaker: yield* CircuitBreaker.make(),
 *     bulkhead: yield* Bulkhead.make({ concurrency: 10 }),
 *     attempt: "1 second"
 *   })
 *   let calls = 0
 *   const flaky = Effect.suspend(() => ++calls < 3 ? Effect.fail("down") : Effect.succeed("found"))
 *   return yield* flaky.pipe(Policy.apply(policy))
 * })
 *
 * await Effect.runPromise(program) // => "found"
 * ```
 */
import { Clock, type Duration, Effect, type Fiber, Function, Stream } from "effect"
import type {
  BulkheadFull,
  ChannelResponseTimeExceeded,
  CircuitOpen,
  DeadlineExceeded,
  Throttled
} from "../../errors/index.ts"
import * as AdaptiveLimit from "../adaptive/AdaptiveLimit.ts"
import * as Bulkhead from "../bulkhead/Bulkhead.ts"
import * as Chaos from "../chaos/Chaos.ts"
import * as CircuitBreaker from "../breaker/CircuitBreaker.ts"
import * as Deadline from "../deadline/Deadline.ts"
import * as Failures from "../Failures.ts"
import * as Hedge from "../hedge/Hedge.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as OutlierEjection from "../outlier/OutlierEjection.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"
import * as RateLimiter from "../limiter/RateLimiter.ts"
import * as Retry from "../retry/Retry.ts"
import * as Throttle from "../throttle/Throttle.ts"

/** A time limit: a duration, or one with what happens to the uninterruptible. */
export type Limit = Duration.Input | ({ readonly limit: Duration.Input } & Deadline.Options)

interface Common {
  /** Names the pipeline in metrics, logs and span events. Default: none, and then its duration is not recorded. */
  readonly name?: string | undefined
  /** Bounds everything, retries and waits included. Adds `DeadlineExceeded`. */
  readonly deadline?: Limit | undefined
  /** Asks again. What comes from inside becomes one `RetriesExhausted`. */
  readonly retry?: Retry.Any | undefined
  /** Asks twice at once. Only for what may run more than once. Adds nothing. */
  readonly hedge?: Hedge.Hedge | undefined
  /** Refuses by what the target accepted of late. Adds `Throttled`. */
  readonly throttle?: Throttle.Throttle | undefined
  /** Refuses while the target rests. Adds `CircuitOpen`. */
  readonly breaker?: CircuitBreaker.CircuitBreaker | undefined
  /** So many attempts in a time. Adds `Throttled`. */
  readonly rateLimiter?: RateLimiter.RateLimiter | undefined
  /** Counts each attempt for a member of a pool. Adds nothing: whoever selects among the members asks the pool. */
  readonly outlier?: { readonly ejection: OutlierEjection.OutlierEjection; readonly member: string } | undefined
  /** Bounds one attempt, its waiting for a place not included. Adds `ChannelResponseTimeExceeded`. */
  readonly attempt?: Limit | undefined
  /** Hurts some of the attempts, where it is allowed (`Chaos.allow`). Adds its errors, and its values to the results. */
  readonly chaos?: Chaos.Chaos<unknown, unknown> | Chaos.StreamChaos<unknown> | undefined
}

/** The parts of a pipeline. A bulkhead and an adaptive limit are two answers to one question: take one. */
export type Members = Common &
  (
    | {
        /** So many attempts at once. Adds `BulkheadFull`. */
        readonly bulkhead?: Bulkhead.Bulkhead | undefined
        readonly adaptiveLimit?: undefined
      }
    | {
        readonly bulkhead?: undefined
        /** As many attempts at once as the target can take. Adds `BulkheadFull`. */
        readonly adaptiveLimit?: AdaptiveLimit.AdaptiveLimit | undefined
      }
  )

const TypeId = "~effect-resilience/policy/Policy"

/** A pipeline. `M` says which parts it has, and so which errors it adds. */
export interface Policy<out M extends Members = Members> {
  readonly [TypeId]: typeof TypeId
  readonly members: M
  /** What the parts do to an effect, from the inside out. */
  readonly layers: ReadonlyArray<PolicyLayer>
}

/** What one part of a pipeline does to an effect. */
export type PolicyLayer = <R>(self: Effect.Effect<unknown, unknown, R>) => Effect.Effect<unknown, unknown, R>

/** Makes a pipeline. Throws `InvalidPolicyOption` for a wrong limit. */
export const make = <const M extends Members>(members: M & Accepts<M>): Policy<M> => {
  for (const option of ["deadline", "attempt"] as const) {
    const limit = members[option]
    if (limit !== undefined) Check.positiveMillis("Policy.make", option, durationOf(limit))
  }
  return { [TypeId]: TypeId, members, layers: layersOf(members) }
}

/** `X` if the member is there; also if the type leaves that open. */
type If<M, K extends PropertyKey, X> = K extends keyof M ? ([M[K]] extends [undefined] ? never : X) : never

/** What the parts inside the retry add. */
export type Adds<M> =
  | If<M, "attempt", ChannelResponseTimeExceeded>
  | If<M, "bulkhead" | "adaptiveLimit", BulkheadFull>
  | If<M, "breaker", CircuitOpen>
  | If<M, "rateLimiter" | "throttle", Throttled>

type RetryOf<M> = M extends { readonly retry?: infer P } ? P : undefined

/** What comes of errors `X` at the retry. */
type Retried<X, P> = [P] extends [undefined]
  ? X
  : P extends Retry.Retry<never, never, infer E2>
    ? Retry.Exhausted<X | E2>
    : X

type ChaosOf<M> = M extends { readonly chaos?: infer C } ? C : undefined

/** The errors that a pipeline's chaos injects. */
export type InjectedError<M> =
  ChaosOf<M> extends infer C
    ? C extends Chaos.Chaos<unknown, infer E> | Chaos.StreamChaos<infer E>
      ? E
      : never
    : never

/** The results that a pipeline's chaos injects. */
export type InjectedResult<M> =
  ChaosOf<M> extends infer C ? (C extends Chaos.Chaos<infer A, unknown> ? A : never) : never

/** Everything that an effect with errors `E` can fail with inside a pipeline. */
export type Errors<E, M> = Retried<E | Adds<M> | InjectedError<M>, RetryOf<M>> | If<M, "deadline", DeadlineExceeded>

type ResultIn<M> = Exclude<RetryOf<M>, undefined> extends Retry.Retry<infer A, never, unknown> ? A : unknown
type ErrorIn<M> = Exclude<RetryOf<M>, undefined> extends Retry.Retry<never, infer E, unknown> ? E : unknown

/** A retry that judges errors and results has to know those that the other parts add. */
type Accepts<M> = [Adds<M> | InjectedError<M>, InjectedResult<M>] extends [ErrorIn<M>, ResultIn<M>]
  ? unknown
  : { readonly retry: Retry.Retry<InjectedResult<M>, ErrorIn<M> | Adds<M> | InjectedError<M>, unknown> }

const isLimit = (limit: Limit): limit is { readonly limit: Duration.Input } & Deadline.Options =>
  typeof limit === "object" && limit !== null && "limit" in limit

const durationOf = (limit: Limit): Duration.Input => (isLimit(limit) ? limit.limit : limit)

const optionsOf = (limit: Limit): Deadline.Options | undefined => (isLimit(limit) ? limit : undefined)

/** A pipeline that may be applied to effects: its chaos is for effects. */
export type EffectMembers = Members & { readonly chaos?: Chaos.Chaos<unknown, unknown> | undefined }

/** Applies a pipeline to an effect. */
export const apply: {
  /** In a pipe. */
  <M extends EffectMembers>(
    policy: Policy<M>
  ): <A extends ResultIn<M>, E extends ErrorIn<M>, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A | InjectedResult<M>, Errors<E, M>, R>
  /** As a call. */
  <A extends ResultIn<M>, E extends ErrorIn<M>, R, M extends EffectMembers>(
    self: Effect.Effect<A, E, R>,
    policy: Policy<M>
  ): Effect.Effect<A | InjectedResult<M>, Errors<E, M>, R>
} = Function.dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, policy: Policy<EffectMembers>) => {
  let out: Effect.Effect<unknown, unknown, R> = self
  for (const layer of policy.layers) out = layer(out)
  return out
})

/** What the parts do to an effect, from the inside out, with all that can be known before there is one. */
const layersOf = (m: Members): ReadonlyArray<PolicyLayer> => {
  const layers: Array<PolicyLayer> = []
  const add = (layer: PolicyLayer) => layers.push(layer)
  const { adaptiveLimit, breaker, bulkhead, chaos, hedge, name, outlier, rateLimiter, retry, throttle } = m
  // A pipeline with a chaos for streams is applied to no effect: its type does not let it.
  if (chaos !== undefined) add((self) => Chaos.inject(self, chaos as Chaos.Chaos<unknown, unknown>))
  if (m.attempt !== undefined) add(Deadline.attempt(durationOf(m.attempt), optionsOf(m.attempt)))
  if (outlier !== undefined) add((self) => OutlierEjection.observe(self, outlier.ejection, outlier.member))
  if (bulkhead !== undefined) add((self) => Bulkhead.protect(self, bulkhead))
  if (adaptiveLimit !== undefined) add((self) => AdaptiveLimit.protect(self, adaptiveLimit))
  if (rateLimiter !== undefined) add((self) => RateLimiter.protect(self, rateLimiter))
  if (breaker !== undefined) add((self) => CircuitBreaker.protect(self, breaker))
  if (throttle !== undefined) add((self) => Throttle.protect(self, throttle))
  if (hedge !== undefined) add((self) => Hedge.hedged(self, hedge))
  if (retry !== undefined) add((self) => Retry.retry(self, retry as Retry.Retry))
  if (m.deadline !== undefined) add(Deadline.total(durationOf(m.deadline), optionsOf(m.deadline)))
  if (name !== undefined) {
    add((self) => Effect.withFiber((fiber) => (PolicyTelemetry.listens(fiber) ? named(self, name, fiber) : self)))
  }
  return layers
}

/** Names the pipeline for those who listen, and records how long it took. */
const named = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  name: string,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<A, E, R> => {
  const clock = fiber.getRef(Clock.Clock)
  const start = clock.currentTimeMillisUnsafe()
  const timed = Effect.onExit(self, (exit) => {
    const error = exit._tag === "Success" ? undefined : Failures.errorOf(exit.cause)?.error
    PolicyTelemetry.recordPipeline(fiber, name, clock.currentTimeMillisUnsafe() - start, error)
    return Effect.void
  })
  return Effect.provideService(timed, PolicyTelemetry.PipelineName, name)
}

const namedStream = <A, E, R>(self: Stream.Stream<A, E, R>, name: string): Stream.Stream<A, E, R> =>
  Stream.unwrap(
    Effect.withFiberSucceed((fiber) => {
      if (!PolicyTelemetry.listens(fiber)) return self
      const clock = fiber.getRef(Clock.Clock)
      const start = clock.currentTimeMillisUnsafe()
      const timed = Stream.onExit(self, (exit) => {
        const error = exit._tag === "Success" ? undefined : Failures.errorOf(exit.cause)?.error
        PolicyTelemetry.recordPipeline(fiber, name, clock.currentTimeMillisUnsafe() - start, error)
        return Effect.void
      })
      return Stream.provideService(timed, PolicyTelemetry.PipelineName, name)
    })
  )

/** A pipeline that may be applied to streams: no hedge and no attempt's limit is in it, and its chaos is for streams. */
export type StreamMembers = Members & {
  readonly hedge?: undefined
  readonly attempt?: undefined
  readonly chaos?: Chaos.StreamChaos<unknown> | undefined
}

/**
 * Applies a pipeline to a stream. The retry runs it again only while nothing was delivered; a place is kept for the whole
 * stream, and breaker and pool judge it by its end; throttle and adaptive limit look at its first element; the limiter
 * gives one turn for each run.
 *
 * The limit of an attempt has no meaning for a stream that may rightly be long: the stream floor has clocks for its
 * first element and for its silences. A hedge has none either: nobody could say which of two streams goes on.
 */
export const applyStream: {
  /** In a pipe. */
  <M extends StreamMembers>(
    policy: Policy<M>,
    options?: Retry.StreamOptions
  ): <A, E extends ErrorIn<M>, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, Errors<E, M>, R>
  /** As a call. */
  <A, E extends ErrorIn<M>, R, M extends StreamMembers>(
    self: Stream.Stream<A, E, R>,
    policy: Policy<M>,
    options?: Retry.StreamOptions
  ): Stream.Stream<A, Errors<E, M>, R>
} = Function.dual(
  (args) => Stream.isStream(args[0]),
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    policy: Policy<StreamMembers>,
    options?: Retry.StreamOptions
  ): Stream.Stream<A, unknown, R> => {
    const m = policy.members
    let out: Stream.Stream<A, unknown, R> = self
    if (m.chaos !== undefined) out = Chaos.injectStream(out, m.chaos)
    if (m.outlier !== undefined) out = OutlierEjection.observeStream(out, m.outlier.ejection, m.outlier.member)
    if (m.bulkhead !== undefined) out = Bulkhead.protectStream(out, m.bulkhead)
    if (m.adaptiveLimit !== undefined) out = AdaptiveLimit.protectStream(out, m.adaptiveLimit)
    if (m.rateLimiter !== undefined) out = RateLimiter.protectStream(out, m.rateLimiter)
    if (m.breaker !== undefined) out = CircuitBreaker.protectStream(out, m.breaker)
    if (m.throttle !== undefined) out = Throttle.protectStream(out, m.throttle)
    if (m.retry !== undefined) out = Retry.retryStream(out, m.retry as Retry.Retry, options)
    if (m.deadline !== undefined) out = Deadline.totalStream(out, durationOf(m.deadline), optionsOf(m.deadline))
    return m.name === undefined ? out : namedStream(out, m.name)
  }
)
