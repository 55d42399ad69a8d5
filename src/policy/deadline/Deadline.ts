/**
 * Ends what takes too long, and tells everything inside how long it still has.
 *
 * **When to use**
 *
 * `total` bounds a whole request, its retries and waits included, and fails with `DeadlineExceeded`, which no other policy
 * retries or counts. `attempt` bounds one try, inside a retry, and fails with `ChannelResponseTimeExceeded` (phase
 * `attempt`), which is retried and counted like any failure of the dependency.
 *
 * **Details**
 *
 * Everything inside knows how long it still has: our retries begin no delay that would end past it, our queues wait no
 * longer, and your own code can ask for `remaining`. A deadline that came from outside is told by `inherit`.
 *
 * By default the answer comes when the cut-off effect has ended, with its finalisers; nothing runs on unseen. With
 * `onExpiry: "detach"` the answer comes on time, and what cannot be interrupted ends by itself. A success that comes too
 * late is not given, in either mode.
 *
 * **Gotchas**
 *
 * - `total` outermost, `attempt` innermost. The other way round an attempt's limit bounds all retries.
 * - An effect that never suspends sets no timer and cannot be cut off: no timer can fire meanwhile.
 * - Work that is detached inside has its own life once the deadline is over. Until then it heeds it.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { Deadline } from "effect-resilience/policy"
 *
 * const slow = Effect.never.pipe(Deadline.total("10 millis"), Effect.flip)
 *
 * const error = await Effect.runPromise(slow)
 * error.limitMillis // => 10
 * ```
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Function from "effect/Function"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ChannelResponseTimeExceeded, DeadlineExceeded, stackless } from "../../errors/index.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as MonotonicClock from "../MonotonicClock.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"
import * as Timer from "../Timer.ts"

/**
 * A deadline from outside, such as one that came in a header: when the program has to be done, in milliseconds of the
 * fiber's monotonic clock; `Infinity` if there is none. `inherit` sets it from the time that is left, which is what
 * headers say.
 *
 * Everything inside heeds it, though only `total` cuts anything off. `total` and `attempt` do not set it: `remaining`
 * knows of them all.
 */
export const Current = /*#__PURE__*/ Context.Reference<number>("effect-resilience/Deadline/Current", {
  defaultValue: () => Number.POSITIVE_INFINITY
})

/**
 * A limit that is enforced around a fiber. What is begun inside and lives longer, such as a detached fiber, is bound by
 * it until it is over, and then has its own life: the context that it took along never ends.
 */
interface Enforced {
  readonly at: number
  /** The deadline from outside that this one enforces: those inside leave it to it. */
  readonly inherited: number
  readonly outer: Enforced | undefined
  over: boolean
}

const Enclosing = /*#__PURE__*/ Context.Reference<Enforced | undefined>("effect-resilience/Deadline/Enclosing", {
  defaultValue: () => undefined
})

/** The innermost limit that is not over: what is over is not kept. */
const enclosing = (fiber: Fiber.Fiber<unknown, unknown>): Enforced | undefined => {
  let bound = fiber.getRef(Enclosing)
  while (bound?.over === true) bound = bound.outer
  return bound
}

/** A deadline from outside that nobody around the fiber enforces yet. */
const unenforced = (fiber: Fiber.Fiber<unknown, unknown>, around: Enforced | undefined): number => {
  const at = fiber.getRef(Current)
  if (at === Number.POSITIVE_INFINITY) return at
  for (let bound = around; bound !== undefined; bound = bound.outer) {
    if (!bound.over && bound.inherited === at) return Number.POSITIVE_INFINITY
  }
  return at
}

/** Options of `total` and `attempt`. */
export interface Options {
  /**
   * What happens to an effect that cannot be interrupted at once: `wait` for it, or `detach` it and answer on time.
   * Default `wait`.
   */
  readonly onExpiry?: "wait" | "detach" | undefined
}

/** How long is left, in milliseconds, not less than 0; `Infinity` without a deadline. */
export const remaining: Effect.Effect<number> = Effect.withFiberSucceed((fiber) => left(fiber))

/**
 * When a fiber has to be done, in milliseconds of its monotonic clock; `Infinity` without a deadline. For authors of
 * policies: two look-ups.
 */
export const endOf = (fiber: Fiber.Fiber<unknown, unknown>): number => {
  let at = fiber.getRef(Current)
  for (let bound = fiber.getRef(Enclosing); bound !== undefined; bound = bound.outer) {
    if (!bound.over && bound.at < at) at = bound.at
  }
  return at
}

/** How long is left for a fiber: for authors of policies. As `endOf` and, only if there is a deadline, one clock. */
export const left = (fiber: Fiber.Fiber<unknown, unknown>): number => {
  const at = endOf(fiber)
  return at === Number.POSITIVE_INFINITY ? at : Math.max(0, at - MonotonicClock.millis(fiber))
}

/**
 * Tells everything inside that it has to be done in so long, because somebody outside waits no longer. Nothing is cut
 * off: put a `total` inside for that. A `limit` of zero is one that has passed.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { Deadline } from "effect-resilience/policy"
 *
 * const waited = Effect.never.pipe(Deadline.total("1 minute"), Deadline.inherit("10 millis"), Effect.flip)
 *
 * const error = await Effect.runPromise(waited)
 * error._tag // => "DeadlineExceeded"
 * ```
 */
export const inherit: {
  /**
   * Tells everything inside that it has to be done in so long, because somebody outside waits no longer. Nothing is
   * cut off: put a `total` inside for that. A `limit` of zero is one that has passed.
   *
   * In a pipe.
   */
  (limit: Duration.Input): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Tells everything inside that it has to be done in so long, because somebody outside waits no longer. Nothing is
   * cut off: put a `total` inside for that. A `limit` of zero is one that has passed.
   *
   * As a call.
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, limit: Duration.Input): Effect.Effect<A, E, R>
} = /*#__PURE__*/ Function.dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, limit: Duration.Input): Effect.Effect<A, E, R> => {
    const limitMillis = Check.nonNegativeMillis("Deadline.inherit", "limit", limit)
    return Effect.withFiber((fiber) => {
      const at = Math.min(MonotonicClock.millis(fiber) + limitMillis, fiber.getRef(Current))
      return Effect.provideService(self, Current, at)
    })
  }
)

/** Makes the error of a time that ran out. */
type Expired<E> = (elapsedMillis: number) => E

/**
 * Cuts an effect off at `bound.at`. Also inside an uninterruptible region, such as a finaliser: what is cut off there is
 * a fiber of its own, as with `Effect.timeout`.
 *
 * HOT: the effect runs in a fiber of its own, at once, up to its end or its first wait; only then is a timer set. A
 * race with a sleep, as `Effect.timeout` has it, costs 2.3 µs for an effect that never waits, and 9.6 for one that does.
 */
const enforce = <A, E, R, X>(
  self: Effect.Effect<A, E, R>,
  fiber: Fiber.Fiber<unknown, unknown>,
  startedAt: number,
  bound: Enforced,
  lives: "for this effect" | "for a stream",
  detach: boolean,
  expired: Expired<X>
): Effect.Effect<A, E | X, R> => {
  // In the call's own fiber: a sink that throws is its defect, and not the timer's.
  const fail = () =>
    Effect.suspend((): Effect.Effect<never, X> => {
      const error = expired(Math.round(MonotonicClock.millis(fiber) - startedAt))
      PolicyTelemetry.emit(fiber, "OnTimeout", () => ({ policy: "Deadline", error }))
      return Effect.fail(error)
    })
  if (bound.at <= startedAt) return fail()
  const context = Context.add(fiber.context as Context.Context<R>, Enclosing, bound)
  // All in one step: between starting the effect and being able to stop it no interruption can come.
  return Effect.callback((resume) => {
    const child = Effect.runForkWith(context)(self)
    const exit = child.pollUnsafe()
    if (exit !== undefined) {
      if (lives === "for this effect") bound.over = true
      return resume(exit)
    }
    // It waits: now there is a timer, and whichever ends first stops the other.
    let over = false
    const stopTimer = Timer.start(fiber, bound.at - MonotonicClock.millis(fiber), () => {
      if (child.pollUnsafe() !== undefined) return
      over = true
      child.interruptUnsafe(fiber.id)
      if (detach) resume(fail())
    })
    child.addObserver((exit) => {
      if (lives === "for this effect") bound.over = true
      stopTimer()
      resume(over ? fail() : exit)
    })
    // Interrupted from outside: nothing of ours goes on.
    return Effect.suspend(() => {
      stopTimer()
      child.interruptUnsafe(fiber.id)
      return detach ? Effect.void : Effect.asVoid(Fiber.await(child))
    })
  })
}

const deadlineExceeded =
  (limitMillis: number): Expired<DeadlineExceeded> =>
  (elapsedMillis) =>
    stackless(() => new DeadlineExceeded({ limitMillis, elapsedMillis }))

const attemptExceeded =
  (limitMillis: number): Expired<ChannelResponseTimeExceeded> =>
  (elapsedMillis) =>
    stackless(() => new ChannelResponseTimeExceeded({ phase: "attempt", limitMillis, elapsedMillis }))

/** A limit that was looked at once, for as many effects as you like. */
type Bound<X> = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | X, R>

/**
 * What a total enforces: its own limit, and a deadline from outside that nobody enforces yet. What an enclosing limit
 * enforces is left to that one, whose error then says whose time it was.
 */
const totalBound = (fiber: Fiber.Fiber<unknown, unknown>, now: number, limitMillis: number): Enforced => {
  const outer = enclosing(fiber)
  const inherited = unenforced(fiber, outer)
  return { at: Math.min(now + limitMillis, inherited), inherited, outer, over: false }
}

const totalOf = (limit: Duration.Input, options: Options | undefined): Bound<DeadlineExceeded> => {
  const limitMillis = Check.positiveMillis("Deadline.total", "limit", limit)
  const expired = deadlineExceeded(limitMillis)
  const detach = options?.onExpiry === "detach"
  return (self) =>
    Effect.withFiber((fiber) => {
      const now = MonotonicClock.millis(fiber)
      return enforce(self, fiber, now, totalBound(fiber, now, limitMillis), "for this effect", detach, expired)
    })
}

const attemptOf = (limit: Duration.Input, options: Options | undefined): Bound<ChannelResponseTimeExceeded> => {
  const limitMillis = Check.positiveMillis("Deadline.attempt", "limit", limit)
  const expired = attemptExceeded(limitMillis)
  const detach = options?.onExpiry === "detach"
  return (self) =>
    Effect.withFiber((fiber) => {
      const now = MonotonicClock.millis(fiber)
      // A deadline from outside is the total's business.
      const bound = { at: now + limitMillis, inherited: Number.POSITIVE_INFINITY, outer: enclosing(fiber), over: false }
      return enforce(self, fiber, now, bound, "for this effect", detach, expired)
    })
}

/** Both forms: in a pipe the limit is looked at when it is given, and not for each effect. */
const both = <X>(bound: (limit: Duration.Input, options: Options | undefined) => Bound<X>) => {
  function limiter(limit: Duration.Input, options?: Options): Bound<X>
  function limiter<A, E, R>(
    self: Effect.Effect<A, E, R>,
    limit: Duration.Input,
    options?: Options
  ): Effect.Effect<A, E | X, R>
  function limiter<A, E, R>(
    first: Duration.Input | Effect.Effect<A, E, R>,
    second?: Duration.Input | Options,
    options?: Options
  ): Bound<X> | Effect.Effect<A, E | X, R> {
    return Effect.isEffect(first)
      ? bound(second as Duration.Input, options)(first)
      : bound(first, second as Options | undefined)
  }
  return limiter
}

/**
 * Bounds everything inside: fails with `DeadlineExceeded` when `limit` (above zero) is over, or when an earlier deadline
 * from outside (`inherit`) is; if that has passed, without running the effect. A limit around it cuts it off by itself,
 * with its own error.
 */
export const total: {
  /**
   * Bounds everything inside: fails with `DeadlineExceeded` when `limit` (above zero) is over, or when an earlier
   * deadline from outside (`inherit`) is; if that has passed, without running the effect. A limit around it cuts it
   * off by itself, with its own error.
   *
   * In a pipe.
   */
  (
    limit: Duration.Input,
    options?: Options
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R>
  /**
   * Bounds everything inside: fails with `DeadlineExceeded` when `limit` (above zero) is over, or when an earlier
   * deadline from outside (`inherit`) is; if that has passed, without running the effect. A limit around it cuts it
   * off by itself, with its own error.
   *
   * As a call.
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limit: Duration.Input,
    options?: Options
  ): Effect.Effect<A, E | DeadlineExceeded, R>
} = /*#__PURE__*/ both(totalOf)

/**
 * Bounds one attempt: fails with `ChannelResponseTimeExceeded` (phase `attempt`) when `limit` (above zero) is over. What
 * is left of a total deadline is that one's business: it cuts off this too.
 */
export const attempt: {
  /**
   * Bounds one attempt: fails with `ChannelResponseTimeExceeded` (phase `attempt`) when `limit` (above zero) is over.
   * What is left of a total deadline is that one's business: it cuts off this too.
   *
   * In a pipe.
   */
  (
    limit: Duration.Input,
    options?: Options
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | ChannelResponseTimeExceeded, R>
  /**
   * Bounds one attempt: fails with `ChannelResponseTimeExceeded` (phase `attempt`) when `limit` (above zero) is over.
   * What is left of a total deadline is that one's business: it cuts off this too.
   *
   * As a call.
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limit: Duration.Input,
    options?: Options
  ): Effect.Effect<A, E | ChannelResponseTimeExceeded, R>
} = /*#__PURE__*/ both(attemptOf)

/**
 * Bounds a whole stream, from its first pull to its end, the consumer's own time included: fails with
 * `DeadlineExceeded`. For the time to the first element, or between two, there are the clocks of the stream floor; a
 * total alone cuts off healthy streams that are merely long.
 */
export const totalStream: {
  /**
   * Bounds a whole stream, from its first pull to its end, the consumer's own time included: fails with
   * `DeadlineExceeded`. For the time to the first element, or between two, there are the clocks of the stream floor;
   * a total alone cuts off healthy streams that are merely long.
   *
   * In a pipe.
   */
  (
    limit: Duration.Input,
    options?: Options
  ): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | DeadlineExceeded, R>
  /**
   * Bounds a whole stream, from its first pull to its end, the consumer's own time included: fails with
   * `DeadlineExceeded`. For the time to the first element, or between two, there are the clocks of the stream floor;
   * a total alone cuts off healthy streams that are merely long.
   *
   * As a call.
   */
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    limit: Duration.Input,
    options?: Options
  ): Stream.Stream<A, E | DeadlineExceeded, R>
} = /*#__PURE__*/ Function.dual(
  (args) => Stream.isStream(args[0]),
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    limit: Duration.Input,
    options?: Options
  ): Stream.Stream<A, E | DeadlineExceeded, R> => {
    const limitMillis = Check.positiveMillis("Deadline.totalStream", "limit", limit)
    const detach = options?.onExpiry === "detach"
    return Stream.transformPull(self, (pull, scope) =>
      Effect.withFiber((started) => {
        const startedAt = MonotonicClock.millis(started)
        const bound = totalBound(started, startedAt, limitMillis)
        const expired = () => deadlineExceeded(limitMillis)(Math.round(MonotonicClock.millis(started) - startedAt))
        const bounded = Effect.withFiber((fiber) =>
          enforce(pull, fiber, MonotonicClock.millis(fiber), bound, "for a stream", detach, expired)
        )
        const ends = Scope.addFinalizer(
          scope,
          Effect.sync(() => void (bound.over = true))
        )
        return Effect.as(ends, bounded)
      })
    )
  }
)
