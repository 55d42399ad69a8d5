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
import type { Fiber } from "effect"
import * as Effect from "effect/Effect"
import * as Function from "effect/Function"
import * as Stream from "effect/Stream"
import type { RetriesExhausted } from "../../errors/index.ts"
import type * as Chaos from "../chaos/Chaos.ts"
import * as Failures from "../Failures.ts"
import * as Judge from "../Judge.ts"
import * as MonotonicClock from "../MonotonicClock.ts"
import { notMade } from "../NotMade.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"
import type * as Retry from "../retry/Retry.ts"
import {
  type AroundEffect,
  type AroundStream,
  type InsideRetry,
  order,
  type PartName,
  type Parts,
  parts,
  type RefusedInStreams
} from "./PolicyParts.ts"

export type { Limit } from "./PolicyParts.ts"

/** What a pipeline has beside its parts. */
export interface Options extends Judge.Judge {
  /** Names the pipeline in metrics, logs and span events. Default: none, and then its duration is not recorded. */
  readonly name?: string | undefined
}

/**
 * The parts of a pipeline, and what counts as a failure for those of them that were not told themselves: `isFailure` for
 * errors (default `Failures.isFailure`) and `isFailureValue` for results (default: none). A retry and a hedge do not ask
 * again for what is no failure; results are asked for again only by a retry's own `failOn`.
 *
 * A bulkhead and an adaptive limit are two answers to one question: take one.
 */
export type Members = Options & {
  readonly [P in keyof Parts]?: Parts[P]["forEffects"] | Parts[P]["forStreams"] | undefined
} & ({ readonly bulkhead?: undefined } | { readonly adaptiveLimit?: undefined })

const TypeId = "~effect-resilience/policy/Policy"

/** A pipeline. `M` says which parts it has, and so which errors it adds. */
export interface Policy<out M extends Members = Members> {
  readonly [TypeId]: typeof TypeId
  readonly members: M
  /** What the parts do to an effect, from the inside out. */
  readonly layers: ReadonlyArray<PolicyLayer>
}

/** What one part of a pipeline does to an effect. */
export type PolicyLayer = AroundEffect

/** Makes a pipeline. Throws `InvalidPolicyOption` for a wrong limit. */
export const make = <const M extends Members>(members: M & Accepts<M>): Policy<M> => ({
  [TypeId]: TypeId,
  members,
  layers: layersOf(members)
})

/** `X` if the member is there; also if the type leaves that open. */
type If<M, K extends PropertyKey, X> = K extends keyof M ? ([M[K]] extends [undefined] ? never : X) : never

/** What the parts inside the retry add. */
export type Adds<M> = Failing<never, M>["added"]

type RetryOf<M> = M extends { readonly retry?: infer P } ? P : undefined

/** What comes of errors `X` at the retry. */
type Retried<X, P> = [P] extends [undefined]
  ? X
  : P extends Retry.Retry<never, never, infer E2>
    ? RetriesExhausted<X | E2>
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

/**
 * What an effect with errors `E` fails with in a pipeline. It is looked up, and no alias: the compiler shows an alias by its
 * name and arguments, and what is looked up as the union that it is.
 */
interface Failing<E, M> {
  /** What the parts inside the retry add. */
  readonly added: { [K in InsideRetry]: If<M, K, Parts[K]["adds"]> }[InsideRetry]
  /** What those outside of it add. */
  readonly addedOutside: {
    [K in Exclude<PartName, InsideRetry>]: If<M, K, Parts[K]["adds"]>
  }[Exclude<PartName, InsideRetry>]
  /** What the retry is given. */
  readonly inside: E | Failing<E, M>["added"] | InjectedError<M>
  /** What comes out. */
  readonly errors: Retried<Failing<E, M>["inside"], RetryOf<M>> | Failing<E, M>["addedOutside"]
}

/** Everything that an effect with errors `E` can fail with inside a pipeline. */
export type Errors<E, M> = Failing<E, M>["errors"]

type ResultIn<M> = Exclude<RetryOf<M>, undefined> extends Retry.Retry<infer A, never, unknown> ? A : unknown
type ErrorIn<M> = Exclude<RetryOf<M>, undefined> extends Retry.Retry<never, infer E, unknown> ? E : unknown

/** A retry that judges errors and results has to know those that the other parts add. */
type Accepts<M> = [Adds<M> | InjectedError<M>, InjectedResult<M>] extends [ErrorIn<M>, ResultIn<M>]
  ? unknown
  : { readonly retry: Retry.Retry<InjectedResult<M>, ErrorIn<M> | Adds<M> | InjectedError<M>, unknown> }

/** A pipeline that may be applied to effects: its chaos is for effects. */
export type EffectMembers = Members & { readonly [P in PartName]?: Parts[P]["forEffects"] | undefined }

/**
 * Applies a pipeline to an effect. Adds what its parts add: `DeadlineExceeded`, `Throttled`, `CircuitOpen`,
 * `BulkheadFull`, `ChannelResponseTimeExceeded`; a retry makes one `RetriesExhausted` of all that comes from inside of
 * it.
 */
export const apply: {
  /**
   * Applies a pipeline to an effect. Adds what its parts add: `DeadlineExceeded`, `Throttled`, `CircuitOpen`,
   * `BulkheadFull`, `ChannelResponseTimeExceeded`; a retry makes one `RetriesExhausted` of all that comes from inside
   * of it.
   *
   * In a pipe.
   */
  <M extends EffectMembers>(
    policy: Policy<M>
  ): <A extends ResultIn<M>, E extends ErrorIn<M>, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A | InjectedResult<M>, Failing<E, M>["errors"], R>
  /**
   * Applies a pipeline to an effect. Adds what its parts add: `DeadlineExceeded`, `Throttled`, `CircuitOpen`,
   * `BulkheadFull`, `ChannelResponseTimeExceeded`; a retry makes one `RetriesExhausted` of all that comes from inside
   * of it.
   *
   * As a call.
   */
  <A extends ResultIn<M>, E extends ErrorIn<M>, R, M extends EffectMembers>(
    self: Effect.Effect<A, E, R>,
    policy: Policy<M>
  ): Effect.Effect<A | InjectedResult<M>, Failing<E, M>["errors"], R>
} = /*#__PURE__*/ Function.dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, policy: Policy<EffectMembers>) => {
  let out: Effect.Effect<unknown, unknown, R> = self
  for (const layer of policy.layers) out = layer(out)
  return out
})

/** What the parts do to an effect, from the inside out, with all that can be known before there is one. */
const layersOf = (members: Members): ReadonlyArray<PolicyLayer> => {
  const { name } = members
  const judge = Judge.of(members)
  const layers: Array<PolicyLayer> = []
  for (const part of order) {
    const value = members[part]
    // A pipeline with a chaos for streams is applied to no effect: its type does not let it.
    if (Effect.isEffect(value)) notMade("Policy.make", part, value, "its constructor")
    if (value !== undefined) layers.push((parts[part].effect as Around<AroundEffect>)(value, judge))
  }
  if (name !== undefined) {
    layers.push((self) =>
      Effect.withFiber((fiber) => (PolicyTelemetry.listens(fiber) ? named(self, name, fiber) : self))
    )
  }
  return layers
}

/** The form of a part whose value is at hand by the part's own name, which the compiler cannot follow through a loop. */
type Around<Out> = (value: unknown, judge: Judge.Judge, options?: Retry.StreamOptions) => Out

/** Names the pipeline for those who listen, and records how long it took. */
const named = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  name: string,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<A, E, R> => {
  const start = MonotonicClock.millis(fiber)
  const timed = Effect.onExit(self, (exit) => {
    const error = exit._tag === "Success" ? undefined : Failures.errorOf(exit.cause)?.error
    PolicyTelemetry.recordPipeline(fiber, name, MonotonicClock.millis(fiber) - start, error)
    return Effect.void
  })
  return Effect.provideService(timed, PolicyTelemetry.PipelineName, name)
}

const namedStream = <A, E, R>(self: Stream.Stream<A, E, R>, name: string): Stream.Stream<A, E, R> =>
  Stream.unwrap(
    Effect.withFiberSucceed((fiber) => {
      if (!PolicyTelemetry.listens(fiber)) return self
      const start = MonotonicClock.millis(fiber)
      const timed = Stream.onExit(self, (exit) => {
        const error = exit._tag === "Success" ? undefined : Failures.errorOf(exit.cause)?.error
        PolicyTelemetry.recordPipeline(fiber, name, MonotonicClock.millis(fiber) - start, error)
        return Effect.void
      })
      return Stream.provideService(timed, PolicyTelemetry.PipelineName, name)
    })
  )

/** A pipeline that may be applied to streams: no part is in it that they refuse, and its chaos is for streams. */
export type StreamMembers = Members & {
  readonly [P in PartName]?: (P extends RefusedInStreams ? undefined : Parts[P]["forStreams"]) | undefined
}

/**
 * Applies a pipeline to a stream. The retry runs it again only while nothing was delivered; a place is kept for the
 * whole stream, and breaker and pool judge it by its end; throttle and adaptive limit look at its first element; the
 * limiter gives one turn for each run. Adds what its parts add, as `apply`: `CircuitOpen` of a breaker, and so on.
 *
 * The limit of an attempt has no meaning for a stream that may rightly be long: the stream floor has clocks for its
 * first element and for its silences. A hedge has none either: nobody could say which of two streams goes on.
 */
export const applyStream: {
  /**
   * Applies a pipeline to a stream. The retry runs it again only while nothing was delivered; a place is kept for the
   * whole stream, and breaker and pool judge it by its end; throttle and adaptive limit look at its first element; the
   * limiter gives one turn for each run. Adds what its parts add, as `apply`: `CircuitOpen` of a breaker, and so on.
   *
   * In a pipe.
   */
  <M extends StreamMembers>(
    policy: Policy<M>,
    options?: Retry.StreamOptions
  ): <A, E extends ErrorIn<M>, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, Failing<E, M>["errors"], R>
  /**
   * Applies a pipeline to a stream. The retry runs it again only while nothing was delivered; a place is kept for the
   * whole stream, and breaker and pool judge it by its end; throttle and adaptive limit look at its first element; the
   * limiter gives one turn for each run. Adds what its parts add, as `apply`: `CircuitOpen` of a breaker, and so on.
   *
   * As a call.
   */
  <A, E extends ErrorIn<M>, R, M extends StreamMembers>(
    self: Stream.Stream<A, E, R>,
    policy: Policy<M>,
    options?: Retry.StreamOptions
  ): Stream.Stream<A, Failing<E, M>["errors"], R>
} = /*#__PURE__*/ Function.dual(
  (args) => Stream.isStream(args[0]),
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    policy: Policy<StreamMembers>,
    options?: Retry.StreamOptions
  ): Stream.Stream<A, unknown, R> => {
    const { members } = policy
    const judge = Judge.of(members)
    let out: Stream.Stream<A, unknown, R> = self
    for (const part of order) {
      const value = members[part]
      const { stream } = parts[part]
      if (value === undefined || stream === "refused") continue
      out = (stream as Around<AroundStream>)(value, judge, options)(out) as Stream.Stream<A, unknown, R>
    }
    return members.name === undefined ? out : namedStream(out, members.name)
  }
)
