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
 * The time at which a program has to be done is in `Current`, a Reference. Our retries begin no delay that would end
 * past it, our queues wait no longer, and your own code can ask for `remaining`.
 *
 * By default the answer comes when the cut-off effect has ended, with its finalisers; nothing runs on unseen. With
 * `onExpiry: "detach"` the answer comes on time, and what cannot be interrupted ends by itself. A success that comes too
 * late is not given, in either mode.
 *
 * **Gotchas**
 *
 * - `total` outermost, `attempt` innermost. The other way round an attempt's limit bounds all retries.
 * - An effect that never suspends sets no timer and cannot be cut off: no timer can fire meanwhile.
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
import { Clock, Context, Duration, Effect, Fiber, Function, Stream } from "effect"
import { ChannelResponseTimeExceeded, DeadlineExceeded, stackless } from "../../errors/index.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"

/**
 * When the running program has to be done, in milliseconds of the fiber's clock; `Infinity` if it has no deadline.
 *
 * Set by `total` and `attempt`. Set it yourself where a deadline comes from outside, such as a header: policies inside
 * heed it, though only `total` cuts anything off.
 */
export const Current = Context.Reference<number>("effect-resilience/Deadline/Current", {
  defaultValue: () => Number.POSITIVE_INFINITY
})

/** Options of `total` and `attempt`. */
export interface Options {
  /**
   * What happens to an effect that cannot be interrupted at once: `wait` for it, or `detach` it and answer on time.
   * Default `wait`.
   */
  readonly onExpiry?: "wait" | "detach" | undefined
}

const millisNow = (fiber: Fiber.Fiber<unknown, unknown>): number => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()

/** How long is left, in milliseconds, not less than 0; `Infinity` without a deadline. */
export const remaining: Effect.Effect<number> = Effect.withFiberSucceed((fiber) => left(fiber))

/** How long is left for a fiber: for authors of policies. One look-up and, only if there is a deadline, one clock. */
export const left = (fiber: Fiber.Fiber<unknown, unknown>): number => {
  const at = fiber.getRef(Current)
  return at === Number.POSITIVE_INFINITY ? at : Math.max(0, at - millisNow(fiber))
}

/** Makes the error of a time that ran out. */
type Expired<E> = (elapsedMillis: number) => E

// Inside an uninterruptible region the effect is one too, as it is for `Effect.timeout`. The field is no part of the
// interface, and the effects that read it cost 200 ns.
const isInterruptible = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  (fiber as { readonly interruptible?: boolean }).interruptible !== false

/**
 * `at` is when the effect is cut off, `current` what it is told.
 *
 * HOT: the effect runs in a fiber of its own, at once, up to its end or its first wait; only then is a timer set. A
 * race with a sleep, as `Effect.timeout` has it, costs 2.3 µs for an effect that never waits, and 9.6 for one that does.
 */
const enforce = <A, E, R, X>(
  self: Effect.Effect<A, E, R>,
  fiber: Fiber.Fiber<unknown, unknown>,
  startedAt: number,
  at: number,
  current: number,
  detach: boolean,
  expired: Expired<X>
): Effect.Effect<A, E | X, R> => {
  const fail = (): Effect.Effect<never, X> => {
    // Not negative, even if the clock went back.
    const error = expired(Math.max(0, millisNow(fiber) - startedAt))
    PolicyTelemetry.emit(fiber, "OnTimeout", () => ({ policy: "Deadline", error }))
    return Effect.fail(error)
  }
  if (at <= startedAt) return fail()
  const context = Context.add(fiber.context as Context.Context<R>, Current, current)
  // All in one step: between starting the effect and being able to stop it no interruption can come.
  return Effect.callback((resume) => {
    const child = Effect.runForkWith(context)(self, { uninterruptible: !isInterruptible(fiber) })
    const exit = child.pollUnsafe()
    if (exit !== undefined) return resume(exit)
    // It waits: now there is a timer, and whichever ends first stops the other.
    let over = false
    const clock = fiber.getRef(Clock.Clock)
    const timer = Effect.runForkWith(context)(clock.sleep(Duration.millis(at - clock.currentTimeMillisUnsafe())))
    child.addObserver((exit) => {
      timer.interruptUnsafe(fiber.id)
      resume(over ? fail() : exit)
    })
    timer.addObserver((exit) => {
      if (exit._tag === "Failure" || child.pollUnsafe() !== undefined) return
      over = true
      child.interruptUnsafe(fiber.id)
      if (detach) resume(fail())
    })
    // Interrupted from outside: nothing of ours goes on.
    return Effect.suspend(() => {
      timer.interruptUnsafe(fiber.id)
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

const totalOf = (limit: Duration.Input, options: Options | undefined): Bound<DeadlineExceeded> => {
  const limitMillis = Check.positiveMillis("Deadline.total", "limit", limit)
  const expired = deadlineExceeded(limitMillis)
  const detach = options?.onExpiry === "detach"
  return (self) =>
    Effect.withFiber((fiber) => {
      const now = millisNow(fiber)
      const at = Math.min(now + limitMillis, fiber.getRef(Current))
      return enforce(self, fiber, now, at, at, detach, expired)
    })
}

const attemptOf = (limit: Duration.Input, options: Options | undefined): Bound<ChannelResponseTimeExceeded> => {
  const limitMillis = Check.positiveMillis("Deadline.attempt", "limit", limit)
  const expired = attemptExceeded(limitMillis)
  const detach = options?.onExpiry === "detach"
  return (self) =>
    Effect.withFiber((fiber) => {
      const now = millisNow(fiber)
      const at = now + limitMillis
      return enforce(self, fiber, now, at, Math.min(at, fiber.getRef(Current)), detach, expired)
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
 * from outside is. With none of its time left it fails without running the effect.
 */
export const total: {
  /** In a pipe. */
  (
    limit: Duration.Input,
    options?: Options
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R>
  /** As a call. */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limit: Duration.Input,
    options?: Options
  ): Effect.Effect<A, E | DeadlineExceeded, R>
} = both(totalOf)

/**
 * Bounds one attempt: fails with `ChannelResponseTimeExceeded` (phase `attempt`) when `limit` (above zero) is over. What
 * is left of a total deadline is that one's business: it cuts off this too.
 */
export const attempt: {
  /** In a pipe. */
  (
    limit: Duration.Input,
    options?: Options
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | ChannelResponseTimeExceeded, R>
  /** As a call. */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limit: Duration.Input,
    options?: Options
  ): Effect.Effect<A, E | ChannelResponseTimeExceeded, R>
} = both(attemptOf)

/**
 * Bounds a whole stream, from its first pull to its end, the consumer's own time included: fails with
 * `DeadlineExceeded`. For the time to the first element, or between two, there are the clocks of the stream floor; a
 * total alone cuts off healthy streams that are merely long.
 */
export const totalStream: {
  /** In a pipe. */
  (
    limit: Duration.Input,
    options?: Options
  ): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | DeadlineExceeded, R>
  /** As a call. */
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    limit: Duration.Input,
    options?: Options
  ): Stream.Stream<A, E | DeadlineExceeded, R>
} = Function.dual(
  (args) => Stream.isStream(args[0]),
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    limit: Duration.Input,
    options?: Options
  ): Stream.Stream<A, E | DeadlineExceeded, R> => {
    const limitMillis = Check.positiveMillis("Deadline.totalStream", "limit", limit)
    const detach = options?.onExpiry === "detach"
    return Stream.transformPull(self, (pull) =>
      Effect.withFiberSucceed((started) => {
        const startedAt = millisNow(started)
        const at = Math.min(startedAt + limitMillis, started.getRef(Current))
        const expired = () => deadlineExceeded(limitMillis)(Math.max(0, millisNow(started) - startedAt))
        return Effect.withFiber((fiber) => enforce(pull, fiber, millisNow(fiber), at, at, detach, expired))
      })
    )
  }
)
