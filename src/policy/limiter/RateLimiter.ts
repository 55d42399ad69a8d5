/**
 * So many calls in a time, and no more: who comes too early waits for its turn, or is refused at once.
 *
 * **When to use**
 *
 * For a quota that somebody else counts, and for a server that minds bursts. Against overload by slow answers limit what
 * is under way (`Bulkhead`, `AdaptiveLimit`).
 *
 * **Details**
 *
 * Turns are given on virtual time: a call that waits knows when it goes, and keeps one timer. One that is cancelled while
 * it waits gives its turn back, to whoever asks next. (Effect's own limiter never gives back: five cancelled waiters at
 * one per second make the sixth wait six seconds. It has no bound on waiting, keeps every key for ever, and takes
 * `limit: 0` with `delay` for no limit at all.)
 *
 * - `smooth`: evenly, one each `window / limit`; above 1,000 a second, as many each millisecond as that makes. For a
 *   server that minds bursts.
 * - `bursty`: `limit` at any time in each `window`. For a quota that is counted so.
 *
 * **Gotchas**
 *
 * - `maxWait` is zero by default: a call whose turn is not now fails with `Throttled`, with the wait that would have been
 *   in `retryAfterMillis`.
 * - The state is this process's: ten processes ask ten times as much.
 * - Outside a retry it does not count the retries.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { RateLimiter } from "effect-resilience/policy"
 *
 * const program = Effect.gen(function* () {
 *   const limiter = yield* RateLimiter.make({ limit: 2, window: "1 minute", kind: "bursty" })
 *   const call = Effect.succeed("ran").pipe(
 *     RateLimiter.protect(limiter),
 *     Effect.catch((error) => Effect.succeed(error._tag))
 *   )
 *   return yield* Effect.all([call, call, call])
 * })
 *
 * await Effect.runPromise(program) // => ["ran", "ran", "Throttled"]
 * ```
 */
import type { Fiber } from "effect"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Function from "effect/Function"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { stackless, Throttled } from "../../errors/index.ts"
import { both } from "../Combinator.ts"
import * as Deadline from "../deadline/Deadline.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as MonotonicClock from "../MonotonicClock.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"
import * as Lanes from "./RateLimiterLanes.ts"
import * as State from "./RateLimiterState.ts"

/** Options of `make`. */
export interface Options {
  /** Names the limiter in its errors and events. Default: none. */
  readonly key?: string | undefined
  /** How many permits there are in a `window`. A positive integer. */
  readonly limit: number
  /** Above zero. */
  readonly window: Duration.Input
  /** Evenly, or at any time in the window. Default `smooth`. */
  readonly kind?: "smooth" | "bursty" | undefined
  /** How long a call may wait; zero refuses at once. Default 0. */
  readonly maxWait?: Duration.Input | undefined
  /** How many calls may wait at once. Default 1,000. */
  readonly maxWaiters?: number | undefined
}

/** Options of `makeKeyed`. */
export interface KeyedOptions extends Omit<Options, "key"> {
  /** No more keys are kept; beyond that one is forgotten that was not asked for of late. Default 100,000. */
  readonly maxKeys?: number | undefined
}

/** A limiter: a value that any number of programs share. */
export interface RateLimiter {
  readonly key: string | undefined
  readonly maxWaitMillis: number
  readonly maxWaiters: number
  readonly lane: (now: number) => Lanes.Lane
}

/** A limiter for each key. A key that nobody uses is dropped as soon as that makes no difference. */
export interface Keyed {
  /** The limiter of a key. Holding it keeps nothing alive: it finds its state anew at each call. */
  readonly get: (key: string) => RateLimiter
  /** How many keys are in memory. */
  readonly size: Effect.Effect<number>
}

interface Settings {
  readonly maxWaitMillis: number
  readonly maxWaiters: number
  readonly makeLane: () => Lanes.Lane
}

const settings = (where: string, options: Options | KeyedOptions): Settings => {
  const limit = Check.positiveInt(where, "limit", options.limit)
  const windowMillis = Check.positiveMillis(where, "window", options.window)
  const kind = options.kind ?? "smooth"
  if (kind !== "smooth" && kind !== "bursty") Check.refuse(where, "kind", '"smooth" or "bursty"', kind)
  return {
    maxWaitMillis: Check.nonNegativeMillis(where, "maxWait", options.maxWait ?? 0),
    maxWaiters: Check.nonNegativeInt(where, "maxWaiters", options.maxWaiters ?? 1000),
    makeLane: () => ({
      rule: kind === "smooth" ? State.smooth(windowMillis / limit) : State.bursty(limit, windowMillis),
      waiting: 0,
      refusal: undefined
    })
  }
}

/** Makes a limiter. Throws `InvalidPolicyOption` for a wrong number, a limit of 0 among them. */
export const make = (options: Options): Effect.Effect<RateLimiter> => {
  const { makeLane, maxWaiters, maxWaitMillis } = settings("RateLimiter.make", options)
  return Effect.sync(() => {
    const lane = makeLane()
    return { key: options.key, maxWaitMillis, maxWaiters, lane: () => lane }
  })
}

/** Makes a limiter for each key that is asked for. Throws `InvalidPolicyOption` for a wrong number. */
export const makeKeyed = (options: KeyedOptions): Effect.Effect<Keyed> => {
  const where = "RateLimiter.makeKeyed"
  const { makeLane, maxWaiters, maxWaitMillis } = settings(where, options)
  const maxKeys = Check.positiveInt(where, "maxKeys", options.maxKeys ?? 100_000)
  return Effect.sync(() => {
    const lanes = Lanes.make(makeLane, maxKeys)
    return {
      get: (key) => ({ key, maxWaitMillis, maxWaiters, lane: (now) => lanes.find(key, now) }),
      size: Effect.sync(lanes.size)
    }
  })
}

/**
 * Whether a turn has come. One within the same millisecond has: no clock and no timer here can tell it from now, and
 * above 1,000 calls a second nearly all would come too early. It is booked for its own time, so the rate stays.
 */
const isNow = (at: number, now: number): boolean => at - now < 1

/** Options of `protect`. */
export interface ProtectOptions {
  /** How many permits the call needs, such as the tokens of a prompt. Default 1. */
  readonly permits?: number | undefined
}

/**
 * Waits for permits and takes them. Adds `Throttled`: the wait would be longer than `maxWait` or than the program's
 * `Deadline` lets, too many wait already, or a `bursty` limit is below what is asked for.
 */
export const acquire = (limiter: RateLimiter, options?: ProtectOptions): Effect.Effect<void, Throttled> =>
  protect(Effect.void, limiter, options)

/**
 * Runs an effect when its turn comes. Adds `Throttled`, as `acquire`.
 *
 * HOT: a call whose turn is now costs 0.4 µs, most of it the clock; Effect's own `consume` 1.5.
 */
export const protect: {
  /**
   * Runs an effect when its turn comes. Adds `Throttled`, as `acquire`.
   *
   * In a pipe.
   */
  (
    limiter: RateLimiter,
    options?: ProtectOptions
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Throttled, R>
  /**
   * Runs an effect when its turn comes. Adds `Throttled`, as `acquire`.
   *
   * As a call.
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limiter: RateLimiter,
    options?: ProtectOptions
  ): Effect.Effect<A, E | Throttled, R>
} = /*#__PURE__*/ both(
  Effect.isEffect,
  { where: "RateLimiter.protect", option: "limiter", maker: "RateLimiter.make" },
  <A, E, R>(self: Effect.Effect<A, E, R>, limiter: RateLimiter, options?: ProtectOptions) => {
    const permits =
      options?.permits === undefined ? 1 : Check.positiveInt("RateLimiter.protect", "permits", options.permits)
    return Effect.withFiber<A, E | Throttled, R>((fiber) => {
      const now = MonotonicClock.millis(fiber)
      const lane = limiter.lane(now)
      const at = lane.rule.peek(now, permits)
      if (isNow(at, now)) {
        lane.rule.take(at, permits, now)
        return self
      }
      if (refuses(limiter, lane, at, now, fiber)) return throttled(limiter, lane, at - now, fiber)
      return Effect.andThen(turn(limiter, permits, fiber), self)
    })
  }
)

/** Runs a stream when its turn comes: one permit for the whole stream. Adds `Throttled`. */
export const protectStream: {
  /**
   * Runs a stream when its turn comes: one permit for the whole stream. Adds `Throttled`.
   *
   * In a pipe.
   */
  (
    limiter: RateLimiter,
    options?: ProtectOptions
  ): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | Throttled, R>
  /**
   * Runs a stream when its turn comes: one permit for the whole stream. Adds `Throttled`.
   *
   * As a call.
   */
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    limiter: RateLimiter,
    options?: ProtectOptions
  ): Stream.Stream<A, E | Throttled, R>
} = /*#__PURE__*/ both(
  Stream.isStream,
  { where: "RateLimiter.protectStream", option: "limiter", maker: "RateLimiter.make" },
  <A, E, R>(self: Stream.Stream<A, E, R>, limiter: RateLimiter, options?: ProtectOptions) =>
    Stream.unwrap(Effect.as(acquire(limiter, options), self))
)

/** Waits for a turn that is not now. The guard stands before the turn is taken, so no interruption can lose it. */
const turn = (
  limiter: RateLimiter,
  permits: number,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<void, Throttled> =>
  Effect.suspend(() => {
    const clock = fiber.getRef(Clock.Clock)
    let lane: Lanes.Lane | undefined
    let at = 0
    let takenAt = 0
    const waiting = Effect.suspend((): Effect.Effect<void, Throttled> => {
      const now = MonotonicClock.millis(fiber)
      const found = limiter.lane(now)
      at = found.rule.peek(now, permits)
      const goes = isNow(at, now)
      if (!goes && refuses(limiter, found, at, now, fiber)) return throttled(limiter, found, at - now, fiber)
      found.rule.take(at, permits, now)
      takenAt = now
      if (goes) return Effect.void
      found.waiting++
      lane = found
      return clock.sleep(Duration.millis(at - now))
    })
    return Effect.onExit(waiting, (exit) => {
      if (lane === undefined) return Effect.void
      lane.waiting--
      const now = MonotonicClock.millis(fiber)
      // After the clock went back the turn is no more where it was, and is lost rather than given twice.
      if (exit._tag === "Failure" && now >= takenAt) lane.rule.refund(at, permits, now)
      return Effect.void
    })
  })

/** Whether a turn to come is too late for a call. */
const refuses = (
  limiter: RateLimiter,
  lane: Lanes.Lane,
  at: number,
  now: number,
  fiber: Fiber.Fiber<unknown, unknown>
): boolean => at - now > limiter.maxWaitMillis || lane.waiting >= limiter.maxWaiters || at >= Deadline.endOf(fiber)

/**
 * Refuses a call. The error is made once for each millisecond of wait: 0.7 µs a call, where a new error takes 4.
 */
const throttled = (
  { key }: RateLimiter,
  lane: Lanes.Lane,
  wait: number,
  fiber: Fiber.Fiber<unknown, unknown>
): Exit.Exit<never, Throttled> => {
  PolicyTelemetry.emit(fiber, "OnRateLimiterRejected", () => ({
    policy: "RateLimiter",
    key,
    attributes: { waitMillis: Math.ceil(wait) }
  }))
  const millis = Math.ceil(wait)
  if (lane.refusal?.millis !== millis) {
    const fields = {
      ...(key === undefined ? {} : { key }),
      ...(Number.isFinite(millis) ? { retryAfterMillis: millis } : {})
    }
    lane.refusal = { millis, exit: Exit.fail(stackless(() => new Throttled(fields))) }
  }
  return lane.refusal.exit
}

/** The limiters that a program shares, by key. */
export class RateLimiters extends Context.Service<RateLimiters, Keyed>()("effect-resilience/policy/RateLimiters") {}

/** As `protect`, with the limiter of this key in the program's `RateLimiters`. Adds `Throttled`. */
export const protectKey: {
  /**
   * As `protect`, with the limiter of this key in the program's `RateLimiters`. Adds `Throttled`.
   *
   * In a pipe.
   */
  (
    key: string,
    options?: ProtectOptions
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Throttled, R | RateLimiters>
  /**
   * As `protect`, with the limiter of this key in the program's `RateLimiters`. Adds `Throttled`.
   *
   * As a call.
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    key: string,
    options?: ProtectOptions
  ): Effect.Effect<A, E | Throttled, R | RateLimiters>
} = /*#__PURE__*/ Function.dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(self: Effect.Effect<A, E, R>, key: string, options?: ProtectOptions) =>
    RateLimiters.use((limiters) => protect(self, limiters.get(key), options))
)

/** Provides `RateLimiters`. */
export const layer = (options: KeyedOptions): Layer.Layer<RateLimiters> =>
  Layer.effect(RateLimiters, makeKeyed(options))
