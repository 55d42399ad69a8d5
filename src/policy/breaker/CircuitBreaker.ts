/**
 * A circuit breaker: after enough failures it refuses calls at once for a while, so that neither the caller waits for
 * what will fail, nor the target is asked while it is down; then it lets a few calls through and closes if they
 * succeed.
 *
 * **When to use**
 *
 * For what many calls depend on and what can be down as a whole. One breaker for each thing that fails by itself: a
 * host, a tenant's database, a key (`makeKeyed`). Inside a retry, so that each attempt counts.
 *
 * **Details**
 *
 * `BreakerState` decides and says how each corner is decided; `BreakerWindow` has the windows; this module reads the
 * clock, judges exits and tells of transitions. What counts is said by `isFailure` and `isFailureValue`, in the options
 * or at the call; by default an error counts by `Failures.isFailure`.
 *
 * **Gotchas**
 *
 * - Rejections of other policies, the caller's own faults, cancelled calls and defects count for nothing, neither way.
 * - An error of your own has no blame unless you give it one, so it counts, also a "not found". Say so by `isFailure`.
 * - With `slowerThan` the wait for a bulkhead inside the breaker counts too.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { DoRequestFailed } from "effect-resilience/errors"
 * import { CircuitBreaker } from "effect-resilience/policy"
 *
 * const program = Effect.gen(function* () {
 *   const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(2), openFor: "10 seconds" })
 *   const call = Effect.fail(new DoRequestFailed({})).pipe(
 *     CircuitBreaker.protect(breaker),
 *     Effect.flip,
 *     Effect.map((error) => error._tag)
 *   )
 *   return [yield* call, yield* call, yield* call]
 * })
 *
 * await Effect.runPromise(program) // => ["DoRequestFailed", "DoRequestFailed", "CircuitOpen"]
 * ```
 *
 * Effect 4.1 has a breaker in `persistence/CircuitBreaker`: it is unstable, has no time window, slow calls, probes or
 * handles, and costs 13 to 17 µs a call and 60 µs a rejection, where this one costs 0.4 µs and less than 1 µs.
 */
import type { Scope } from "effect"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import * as Stream from "effect/Stream"
import type { CircuitOpen } from "../../errors/index.ts"
import {
  apply,
  change,
  type CircuitBreaker,
  run,
  runStream,
  type Shared,
  type Transition,
  told
} from "./BreakerCall.ts"
import * as BreakerState from "./BreakerState.ts"
import * as BreakerWindow from "./BreakerWindow.ts"
import { CircuitBreakerStore } from "./CircuitBreakerStore.ts"
import { dual } from "effect/Function"
import { both } from "../Combinator.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as Judge from "../Judge.ts"

export type { Judge } from "../Judge.ts"
export type { CircuitBreaker, Transition } from "./BreakerCall.ts"

/** What a breaker watches; made by `consecutive`, `countWindow` and `timeWindow`. */
export type Window = BreakerWindow.WindowRule

/** Trips after so many failures in a row; a slow call counts as one. */
export const consecutive = (failures: number): Window =>
  BreakerWindow.checked({ _tag: "Consecutive", failures }, "CircuitBreaker.consecutive")

/**
 * Trips on a rate over the last `size` calls (default 100, at most a million), once there are `minimum` of them (default all of `size`).
 * The rates are shares above 0 and up to 1, reached or passed: `failureRate` (default 0.5), and `slowRate` (default
 * none), which needs `slowerThan`.
 */
export const countWindow = (
  options: {
    readonly size?: number | undefined
    readonly minimum?: number | undefined
    readonly failureRate?: number | undefined
    readonly slowRate?: number | undefined
  } = {}
): Window => {
  const { size = 100, minimum = size, failureRate = 0.5, slowRate } = options
  return BreakerWindow.checked({ _tag: "Count", size, minimum, failureRate, slowRate }, "CircuitBreaker.countWindow")
}

/**
 * Trips on a rate over the calls of the last `duration` (default 30 seconds, forgotten in 10 `slices`), once there are
 * `minimum` of them (default 10). The rates are as in `countWindow`.
 */
export const timeWindow = (
  options: {
    readonly duration?: Duration.Input | undefined
    readonly slices?: number | undefined
    readonly minimum?: number | undefined
    readonly failureRate?: number | undefined
    readonly slowRate?: number | undefined
  } = {}
): Window => {
  const { duration = "30 seconds", slices = 10, minimum = 10, failureRate = 0.5, slowRate } = options
  const durationMillis = Check.positiveMillis("CircuitBreaker.timeWindow", "duration", duration)
  return BreakerWindow.checked(
    { _tag: "Time", durationMillis, slices, minimum, failureRate, slowRate },
    "CircuitBreaker.timeWindow"
  )
}

/**
 * How a breaker behaves. Without options: 5 failures in a row, 60 seconds open, 1 probe, and `Failures.isFailure` says
 * what counts.
 */
export interface Options extends Judge.Judge {
  /** Names the breaker in its errors and events. Default: none. */
  readonly key?: string | undefined
  /** What trips it. Default: `consecutive(5)`. */
  readonly window?: Window | undefined
  /**
   * How long it stays open. A `Schedule` gives the n-th opening in a row its n-th delay, and then its last one, of
   * which 32 are drawn when the breaker is made. Default: 60 seconds.
   */
  readonly openFor?: Duration.Input | Schedule.Schedule<unknown, number> | undefined
  /**
   * No opening is longer, whatever the schedule or the target's hint. Default: 1 hour, or `openFor` if that is more.
   */
  readonly maxOpenFor?: Duration.Input | undefined
  /** How many calls half-open lets through. Default: 1. */
  readonly probes?: number | undefined
  /** How many of the probes must succeed. Default: all. */
  readonly probeSuccesses?: number | undefined
  /** How long half-open waits for its probes before it lets others through. Default: as long as it was open. */
  readonly probeFor?: Duration.Input | undefined
  /** A call that takes this long or longer is slow. Default: none is. */
  readonly slowerThan?: Duration.Input | undefined
}

/** Options of `makeKeyed`: each key has a breaker of its own, all with these options. */
export interface KeyedOptions extends Omit<Options, "key"> {
  /** A key that was not asked for this long may be dropped. Default: 1 hour. */
  readonly idleFor?: Duration.Input | undefined
  /** No more keys are kept. Default: 10,000. */
  readonly maxKeys?: number | undefined
}

/** A breaker for each key. */
export interface Keyed {
  /** The breaker of a key. Holding it keeps nothing alive: it finds its state anew at each call. */
  readonly get: (key: string) => CircuitBreaker
  /** The transitions of all keys, from now on; a slow reader loses the oldest beyond 128. */
  readonly transitions: Stream.Stream<Transition>
  /** How many keys are in memory. */
  readonly size: Effect.Effect<number>
}

// A breaker outlives whoever makes it: how long that one's program has is none of its business.
const kept = Context.pick(Clock.Clock, Random.Random, Scheduler.Scheduler)
const apart = (context: Context.Context<never>): Context.Context<never> => kept(context)

/** The open times of a schedule, drawn once: what it says does not change from trip to trip. */
const drawn = (where: string, schedule: Schedule.Schedule<unknown, number>) =>
  Effect.gen(function* () {
    const step = yield* Schedule.toStep(schedule)
    const times: Array<number> = []
    let now = yield* Clock.currentTimeMillis
    for (let opening = 1; opening <= 32; opening++) {
      const next = yield* Effect.exit(step(now, opening))
      if (next._tag === "Failure") break
      times.push(Math.max(1, Duration.toMillis(next.value[1])))
      now += times.at(-1)!
    }
    if (times.length === 0) return Check.refuse(where, "openFor", "a schedule with at least one delay", "none")
    return (opening: number) => times[Math.min(opening, times.length) - 1]!
  }).pipe(Effect.updateContext(apart))

const share = (options: KeyedOptions, where: string): Effect.Effect<Shared> => {
  const slowMillis =
    options.slowerThan === undefined ? undefined : Check.positiveMillis(where, "slowerThan", options.slowerThan)
  const window = options.window
  if (window !== undefined && !BreakerWindow.isRule(window)) {
    Check.refuse(where, "window", "what consecutive, countWindow or timeWindow makes", window)
  }
  if (window !== undefined && "slowRate" in window && window.slowRate !== undefined && slowMillis === undefined) {
    Check.refuse(where, "window", 'one without a slowRate, unless "slowerThan" is given', window.slowRate)
  }
  const millis = (name: "maxOpenFor" | "probeFor" | "idleFor") => {
    const value = options[name]
    return value === undefined ? undefined : Check.positiveMillis(where, name, value)
  }
  const openFor = options.openFor ?? "60 seconds"
  const openMillis = Schedule.isSchedule(openFor) ? undefined : Check.positiveMillis(where, "openFor", openFor)
  const maxOpenMillis = millis("maxOpenFor")
  if (openMillis !== undefined && maxOpenMillis !== undefined) {
    Check.orderedMillis(where, "openFor", openMillis, "maxOpenFor", maxOpenMillis, { ...options })
  }
  const input = {
    window,
    maxOpenMillis: maxOpenMillis ?? Math.max(3_600_000, openMillis ?? 0),
    probes: options.probes,
    probeSuccesses: options.probeSuccesses,
    probeMillis: millis("probeFor")
  }
  const limits = {
    idleMillis: millis("idleFor") ?? 3_600_000,
    maxKeys: Check.positiveInt(where, "maxKeys", options.maxKeys ?? 10_000)
  }
  // Checked now, so that a wrong number is thrown where it was written.
  BreakerState.settings(input, where)
  return Effect.gen(function* () {
    const store = yield* CircuitBreakerStore
    const openTimes = Schedule.isSchedule(openFor) ? yield* drawn(where, openFor) : () => openMillis!
    const settings = BreakerState.settings({ ...input, openMillis: openTimes }, where)
    return {
      breakers: store.open(settings, limits),
      slowMillis,
      transitions: yield* PubSub.sliding<Transition>(128),
      rejections: new WeakMap(),
      judge: Judge.of(options)
    }
  })
}

/** Makes one breaker. Throws `InvalidPolicyOption` for options that make no sense. */
export const make = (options: Options = {}): Effect.Effect<CircuitBreaker> =>
  Effect.map(share(options, "CircuitBreaker.make"), (shared) => ({ key: options.key, shared: pinned(shared) }))

/** One breaker needs no look-up by key, and is never dropped. */
const pinned = (shared: Shared): Shared => {
  if (!("find" in shared.breakers)) return shared
  const breaker = shared.breakers.find("", 0)
  return { ...shared, breakers: { find: () => breaker, size: () => 1 } }
}

/** Makes a breaker for each key that is asked for. Throws `InvalidPolicyOption` for options that make no sense. */
export const makeKeyed = (options: KeyedOptions = {}): Effect.Effect<Keyed> =>
  Effect.map(share(options, "CircuitBreaker.makeKeyed"), (shared) => ({
    get: (key) => ({ key, shared }),
    transitions: Stream.fromPubSub(shared.transitions),
    size: Effect.sync(() => ("find" in shared.breakers ? shared.breakers.size() : 0))
  }))

/** The breakers that a program shares, by key. */
export class CircuitBreakers extends Context.Service<CircuitBreakers, Keyed>()(
  "effect-resilience/policy/CircuitBreakers"
) {}

/** Provides `CircuitBreakers`. */
export const layer = (options: KeyedOptions = {}): Layer.Layer<CircuitBreakers> =>
  Layer.effect(CircuitBreakers, makeKeyed(options))

/**
 * Runs an effect if the breaker lets it, and counts how it ends. Adds `CircuitOpen`, with the time that is left in
 * `retryAfterMillis` where it is known. `judge` says what counts for this effect, in place of what the breaker was made
 * with.
 *
 * A call that is cancelled counts for nothing, and as a probe it gives its place back.
 */
export const protect: {
  /**
   * Runs an effect if the breaker lets it, and counts how it ends. Adds `CircuitOpen`, with the time that is left in
   * `retryAfterMillis` where it is known. `judge` says what counts for this effect, in place of what the breaker was
   * made with.
   *
   * In a pipe.
   */
  (breaker: CircuitBreaker): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /**
   * Runs an effect if the breaker lets it, and counts how it ends. Adds `CircuitOpen`, with the time that is left in
   * `retryAfterMillis` where it is known. `judge` says what counts for this effect, in place of what the breaker was
   * made with.
   *
   * In a pipe, with a judge of this effect's own.
   */
  <A, E>(
    breaker: CircuitBreaker,
    judge: Judge.Judge<NoInfer<A>, NoInfer<E>>
  ): <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /**
   * Runs an effect if the breaker lets it, and counts how it ends. Adds `CircuitOpen`, with the time that is left in
   * `retryAfterMillis` where it is known. `judge` says what counts for this effect, in place of what the breaker was
   * made with.
   *
   * As a call.
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    breaker: CircuitBreaker,
    judge?: Judge.Judge<NoInfer<A>, NoInfer<E>>
  ): Effect.Effect<A, E | CircuitOpen, R>
} = /*#__PURE__*/ both(
  Effect.isEffect,
  { where: "CircuitBreaker.protect", option: "breaker", maker: "CircuitBreaker.make" },
  run
)

/**
 * Runs a stream if the breaker lets it. Admitted when it begins; counted by how it ends: an error as in `protect`, an
 * end (also one that the reader chose) as a success, an interruption not at all. How long a stream takes says nothing:
 * none is slow. Adds `CircuitOpen`.
 */
export const protectStream: {
  /**
   * Runs a stream if the breaker lets it. Admitted when it begins; counted by how it ends: an error as in `protect`,
   * an end (also one that the reader chose) as a success, an interruption not at all. How long a stream takes says
   * nothing: none is slow. Adds `CircuitOpen`.
   *
   * In a pipe.
   */
  (breaker: CircuitBreaker): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | CircuitOpen, R>
  /**
   * Runs a stream if the breaker lets it. Admitted when it begins; counted by how it ends: an error as in `protect`,
   * an end (also one that the reader chose) as a success, an interruption not at all. How long a stream takes says
   * nothing: none is slow. Adds `CircuitOpen`.
   *
   * In a pipe, with a judge of this stream's own.
   */
  <A, E>(
    breaker: CircuitBreaker,
    judge: Judge.ErrorJudge<NoInfer<E>>
  ): <R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | CircuitOpen, R>
  /**
   * Runs a stream if the breaker lets it. Admitted when it begins; counted by how it ends: an error as in `protect`,
   * an end (also one that the reader chose) as a success, an interruption not at all. How long a stream takes says
   * nothing: none is slow. Adds `CircuitOpen`.
   *
   * As a call.
   */
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    breaker: CircuitBreaker,
    judge?: Judge.ErrorJudge<NoInfer<E>>
  ): Stream.Stream<A, E | CircuitOpen, R>
} = /*#__PURE__*/ both(
  Stream.isStream,
  { where: "CircuitBreaker.protectStream", option: "breaker", maker: "CircuitBreaker.make" },
  runStream
)

/** As `protect`, with the breaker of this key in the program's `CircuitBreakers`. Adds `CircuitOpen`. */
export const protectKey: {
  /**
   * As `protect`, with the breaker of this key in the program's `CircuitBreakers`. Adds `CircuitOpen`.
   *
   * In a pipe.
   */
  (key: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R | CircuitBreakers>
  /**
   * As `protect`, with the breaker of this key in the program's `CircuitBreakers`. Adds `CircuitOpen`.
   *
   * In a pipe, with a judge of this effect's own.
   */
  <A, E>(
    key: string,
    judge: Judge.Judge<NoInfer<A>, NoInfer<E>>
  ): <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R | CircuitBreakers>
  /**
   * As `protect`, with the breaker of this key in the program's `CircuitBreakers`. Adds `CircuitOpen`.
   *
   * As a call.
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    key: string,
    judge?: Judge.Judge<NoInfer<A>, NoInfer<E>>
  ): Effect.Effect<A, E | CircuitOpen, R | CircuitBreakers>
} = /*#__PURE__*/ dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(self: Effect.Effect<A, E, R>, key: string, judge?: Judge.Judge<A, E>) =>
    CircuitBreakers.use((breakers) => run(self, breakers.get(key), judge))
)

/** How the breaker looks now. */
export const state = (breaker: CircuitBreaker): Effect.Effect<BreakerState.View> =>
  change(breaker, (record, now) => BreakerState.view(record, now))

/** The breaker's transitions, from now on; a slow reader loses the oldest beyond 128. */
export const transitions = (breaker: CircuitBreaker): Stream.Stream<Transition> =>
  Stream.filter(Stream.fromPubSub(breaker.shared.transitions), (transition) => transition.key === breaker.key)

/** Holds the breaker open until the scope closes. It is open for as long as anybody holds it. */
export const isolate = (breaker: CircuitBreaker): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(
    Effect.acquireRelease(apply(breaker, BreakerState.isolate), () => change(breaker, BreakerState.release)),
    (applied) => told(applied, breaker)
  )

/** Holds the breaker open until a `reset`. */
export const forceOpen = (breaker: CircuitBreaker): Effect.Effect<void> => change(breaker, BreakerState.forceOpen)

/** Closes the breaker and forgets all that it counted. It stays open for those who hold it by `isolate`. */
export const reset = (breaker: CircuitBreaker): Effect.Effect<void> => change(breaker, BreakerState.reset)
