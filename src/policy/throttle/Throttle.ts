/**
 * A client-side throttle: when a target accepts less than it is asked, the client itself refuses a part of its
 * requests, as large as needed and no larger, so that an overloaded target spends its time on what it can serve. No
 * states, no probes: it follows the rate of accepts smoothly, where a circuit breaker is open or closed.
 *
 * **When to use**
 *
 * Where many clients share a target that gets overloaded: each backs off as far as it is refused, and none has to be
 * told how much the target takes.
 *
 * **Details**
 *
 * A call that ends without a failure of the target (`Failures.isFailure`) was accepted: a success, a fault of the
 * caller, also a call that was cancelled or that another policy refused, because they say nothing against the target.
 * One that is under way counts as accepted until it fails. `isFailure` and `isFailureValue` say otherwise.
 *
 * **Gotchas**
 *
 * - It never refuses all: at most `maxChance`, or it would not learn that the target is well again.
 * - Few calls say little: below `minimum` of them nothing is refused.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { DoRequestFailed } from "effect-resilience/errors"
 * import { Throttle } from "effect-resilience/policy"
 *
 * const program = Effect.gen(function* () {
 *   const throttle = yield* Throttle.make()
 *   const failing = Effect.exit(Throttle.protect(Effect.fail(new DoRequestFailed({})), throttle))
 *   for (let i = 0; i < 9; i++) yield* failing
 *   return yield* Throttle.state(throttle)
 * })
 *
 * await Effect.runPromise(program) // => { requests: 9, accepts: 0, chance: 0 }
 * ```
 */
import type { Duration, Fiber } from "effect"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { stackless, Throttled } from "../../errors/index.ts"
import { both } from "../Combinator.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as Judge from "../Judge.ts"
import * as MonotonicClock from "../MonotonicClock.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"
import * as ThrottleState from "./ThrottleState.ts"

/** How a throttle behaves. */
export interface Options extends Judge.Judge {
  /** Names the throttle in its errors and events. Default: none. */
  readonly key?: string | undefined
  /** How many requests may come for each that is accepted, above 1: lower refuses sooner. Default: 2. */
  readonly k?: number | undefined
  /** How long requests count. Default: 2 minutes, forgotten in 20 slices. */
  readonly window?: Duration.Input | undefined
  /** Nothing is refused before so many requests are in the window. Default: 10. */
  readonly minimum?: number | undefined
  /** No more than this share is refused, above 0 and up to 1, so that the target is always asked. Default: 0.9. */
  readonly maxChance?: number | undefined
}

/** A throttle: a value that any number of programs share. */
export interface Throttle {
  readonly key: string | undefined
  readonly settings: ThrottleState.Settings
  readonly counts: ThrottleState.Counts
  /** What it was told to count. */
  readonly judge: Judge.Judge
  readonly refusal: Throttled
}

/** Makes a throttle. Throws `InvalidPolicyOption` for options that make no sense. */
export const make = (options: Options = {}): Effect.Effect<Throttle> => {
  const where = "Throttle.make"
  const { k = 2, key } = options
  if (!(typeof k === "number" && k > 1 && k < Number.POSITIVE_INFINITY))
    Check.refuse(where, "k", "a finite number above 1", k)
  const settings: ThrottleState.Settings = {
    k,
    minimum: Check.nonNegativeInt(where, "minimum", options.minimum ?? 10),
    maxChance: Check.positiveFraction(where, "maxChance", options.maxChance ?? 0.9)
  }
  const windowMillis = Check.positiveMillis(where, "window", options.window ?? "2 minutes")
  return Effect.sync(() => ({
    key,
    settings,
    counts: ThrottleState.make(windowMillis, 20),
    judge: Judge.of(options),
    refusal: stackless(() => new Throttled(key === undefined ? {} : { key }))
  }))
}

/**
 * Runs an effect unless its request is refused. Adds `Throttled`. `judge` says what counts for this effect, in place of
 * what the throttle was made with.
 *
 * Hot path: 0.5 µs. Chance is drawn only while something is refused.
 */
export const protect: {
  /**
   * Runs an effect unless its request is refused. Adds `Throttled`. `judge` says what counts for this effect, in
   * place of what the throttle was made with.
   *
   * In a pipe.
   */
  (throttle: Throttle): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Throttled, R>
  /**
   * Runs an effect unless its request is refused. Adds `Throttled`. `judge` says what counts for this effect, in
   * place of what the throttle was made with.
   *
   * In a pipe, with a judge of this effect's own.
   */
  <A, E>(
    throttle: Throttle,
    judge: Judge.Judge<NoInfer<A>, NoInfer<E>>
  ): <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Throttled, R>
  /**
   * Runs an effect unless its request is refused. Adds `Throttled`. `judge` says what counts for this effect, in
   * place of what the throttle was made with.
   *
   * As a call.
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    throttle: Throttle,
    judge?: Judge.Judge<NoInfer<A>, NoInfer<E>>
  ): Effect.Effect<A, E | Throttled, R>
} = /*#__PURE__*/ both(
  Effect.isEffect,
  { where: "Throttle.protect", option: "throttle", maker: "Throttle.make" },
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    throttle: Throttle,
    judge?: Judge.Judge<A, E>
  ): Effect.Effect<A, E | Throttled, R> =>
    Effect.withFiber((fiber): Effect.Effect<A, E | Throttled, R> => {
      const begun = admit(throttle, fiber)
      if (begun === undefined) return Effect.fail(throttle.refusal)
      return Effect.onExit(self, (exit) => {
        if (Judge.exitFailed(exit, throttle.judge, judge))
          ThrottleState.fail(throttle.counts, begun, MonotonicClock.millis(fiber))
        return Effect.void
      })
    })
)

/**
 * Runs a stream unless its request is refused. It was accepted once it has delivered something: a failure before that
 * counts, one after it does not. Adds `Throttled`.
 */
export const protectStream: {
  /**
   * Runs a stream unless its request is refused. It was accepted once it has delivered something: a failure before
   * that counts, one after it does not. Adds `Throttled`.
   *
   * In a pipe.
   */
  (throttle: Throttle): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | Throttled, R>
  /**
   * Runs a stream unless its request is refused. It was accepted once it has delivered something: a failure before
   * that counts, one after it does not. Adds `Throttled`.
   *
   * In a pipe, with a judge of this stream's own.
   */
  <A, E>(
    throttle: Throttle,
    judge: Judge.ErrorJudge<NoInfer<E>>
  ): <R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | Throttled, R>
  /**
   * Runs a stream unless its request is refused. It was accepted once it has delivered something: a failure before
   * that counts, one after it does not. Adds `Throttled`.
   *
   * As a call.
   */
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    throttle: Throttle,
    judge?: Judge.ErrorJudge<NoInfer<E>>
  ): Stream.Stream<A, E | Throttled, R>
} = /*#__PURE__*/ both(
  Stream.isStream,
  { where: "Throttle.protectStream", option: "throttle", maker: "Throttle.make" },
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    throttle: Throttle,
    judge?: Judge.ErrorJudge<E>
  ): Stream.Stream<A, E | Throttled, R> =>
    Stream.unwrap(
      Effect.withFiber((fiber): Effect.Effect<Stream.Stream<A, E, R>, Throttled> => {
        const begun = admit(throttle, fiber)
        if (begun === undefined) return Effect.fail(throttle.refusal)
        let delivered = false
        const noted = Stream.mapArray(self, (elements) => {
          delivered = true
          return elements
        })
        const counted = Stream.onExit(noted, (exit) => {
          if (!delivered && Judge.exitFailed(exit, Judge.ofErrors(throttle.judge), judge)) {
            ThrottleState.fail(throttle.counts, begun, MonotonicClock.millis(fiber))
          }
          return Effect.void
        })
        return Effect.succeed(counted)
      })
    )
)

/** Lets a request through, and says when for `ThrottleState.fail`; `undefined` if it is refused. */
const admit = (throttle: Throttle, fiber: Fiber.Fiber<unknown, unknown>): number | undefined => {
  const { counts, key, refusal: error, settings } = throttle
  const chance = ThrottleState.attempt(counts, settings, MonotonicClock.millis(fiber))
  if (chance === 0 || fiber.getRef(Random.Random).nextDoubleUnsafe() >= chance) return ThrottleState.begin(counts)
  PolicyTelemetry.emit(fiber, "OnThrottled", () => ({ policy: "Throttle", key, error, attributes: { chance } }))
  return undefined
}

/** What the window holds, and the chance that the next request is refused. */
export const state = (
  throttle: Throttle
): Effect.Effect<{ readonly requests: number; readonly accepts: number; readonly chance: number }> =>
  Effect.withFiberSucceed((fiber) => {
    const { accepts, requests } = ThrottleState.view(throttle.counts, MonotonicClock.millis(fiber))
    return { requests, accepts, chance: ThrottleState.chance(throttle.settings, requests, accepts) }
  })
