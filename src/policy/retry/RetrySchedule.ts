/**
 * Schedules for retrying: the published backoffs, and what a retry should heed beside them. Each is an Effect
 * `Schedule`, so it goes to `Effect.retry`, `Stream.retry` and `Retry` as it is.
 *
 * Built on Effect's `Schedule`, whose own parts are not enough here: its exponential has no cap and sleeps for ever at
 * attempt 1100, its jitter is always ±20 % and passes a cap, and `upTo({ duration })` starts at the first failure and
 * overshoots by a whole delay.
 *
 * Every schedule here keeps these promises. A delay is never negative, NaN, infinite or longer than 2^31 - 1 ms. A
 * delay that would end at or past the program's `Deadline` is not begun. Elapsed time counts from the first attempt's
 * beginning. Time comes from `Clock` and chance from `Random`.
 *
 * The order in a pipe matters: base, `whileRecoverable`, `honourRetryAfter`, `upTo`, `within`. A budget is asked last, so
 * that it is not charged for a retry that something else refused.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { DoRequestFailed } from "effect-resilience/errors"
 * import { RetrySchedule } from "effect-resilience/policy"
 *
 * const schedule = RetrySchedule.exponential({ base: "1 millis", cap: "10 millis" }).pipe(
 *   RetrySchedule.whileRecoverable(),
 *   RetrySchedule.honourRetryAfter({ cap: "10 millis" }),
 *   RetrySchedule.upTo({ attempts: 3, elapsed: "5 seconds" })
 * )
 *
 * let calls = 0
 * const flaky = Effect.suspend(() => ++calls < 3 ? Effect.fail(new DoRequestFailed({})) : Effect.succeed("ok"))
 *
 * await Effect.runPromise(Effect.retry(flaky, schedule)) // => "ok"
 * calls // => 3
 * ```
 */
import type { Duration } from "effect"
import * as Function from "effect/Function"
import * as Schedule from "effect/Schedule"
import * as Backoff from "./Backoff.ts"
import * as Failures from "../Failures.ts"
import * as Check from "../InvalidPolicyOption.ts"
import type { Countable } from "../budget/RetryBudget.ts"
import * as RetryPlan from "./RetryPlan.ts"

/**
 * The schedule of a backoff. It gives each delay and does not end by itself: bound it with `upTo`.
 */
export const fromBackoff = (backoff: Backoff.Backoff): Schedule.Schedule<Duration.Duration> =>
  RetryPlan.toSchedule({
    budgets: [],
    start: () => {
      let state = backoff.initial
      return (at) => {
        const step = backoff.step(at.attempt, state, backoff.random ? RetryPlan.draw(at) : 0)
        state = step.state
        return step.delayMillis
      }
    }
  })

/**
 * `base`, `base * factor`, … up to `cap`. Defaults: 1 second, 2, 30 seconds, full jitter. See `Backoff.exponential`.
 */
export const exponential = (options?: Backoff.Exponential): Schedule.Schedule<Duration.Duration> =>
  fromBackoff(Backoff.exponential(options))

/** `base`, `base + increment`, … up to `cap`. Defaults: 1 second, `base`, 30 seconds, full jitter. */
export const linear = (options?: Backoff.Linear): Schedule.Schedule<Duration.Duration> =>
  fromBackoff(Backoff.linear(options))

/** Always the same delay. Defaults: 1 second, no jitter. */
export const constant = (options?: Backoff.Constant): Schedule.Schedule<Duration.Duration> =>
  fromBackoff(Backoff.constant(options))

/** `base` times 1, 1, 2, 3, 5, 8, … up to `cap`. Defaults: 1 second, 30 seconds, full jitter. */
export const fibonacci = (options?: Backoff.Fibonacci): Schedule.Schedule<Duration.Duration> =>
  fromBackoff(Backoff.fibonacci(options))

/** Brooker's decorrelated jitter. Defaults: 1 second, 30 seconds. See `Backoff.decorrelated`. */
export const decorrelated = (options?: Backoff.Decorrelated): Schedule.Schedule<Duration.Duration> =>
  fromBackoff(Backoff.decorrelated(options))

/** Polly's decorrelated jitter V2. Defaults: 1 second, 30 seconds. See `Backoff.decorrelatedV2`. */
export const decorrelatedV2 = (options?: Backoff.Decorrelated): Schedule.Schedule<Duration.Duration> =>
  fromBackoff(Backoff.decorrelatedV2(options))

/** No delay at all. For tests, and for what costs nothing to ask again; bound it with `upTo`. */
export const immediate: Schedule.Schedule<Duration.Duration> = constant({ delay: 0 })

// Options and predicates are never schedules, so the first argument tells the two ways to call a combinator apart.
const dataFirst = (args: IArguments): boolean => Schedule.isSchedule(args[0])

/**
 * Stops, with reason `notRecoverable`, at the first error that is not worth asking again. Without a predicate:
 * `Failures.isRetryable`, which leaves out the caller's faults and every policy's rejections.
 */
export const whileRecoverable: {
  /**
   * Stops, with reason `notRecoverable`, at the first error that is not worth asking again. Without a predicate:
   * `Failures.isRetryable`, which leaves out the caller's faults and every policy's rejections.
   *
   * In a pipe.
   */
  <E = unknown>(
    predicate?: Failures.Predicate<E>
  ): <Output, Input, Error, Env>(
    self: Schedule.Schedule<Output, Input, Error, Env>
  ) => Schedule.Schedule<Output, Input & E, Error, Env>
  /**
   * Stops, with reason `notRecoverable`, at the first error that is not worth asking again. Without a predicate:
   * `Failures.isRetryable`, which leaves out the caller's faults and every policy's rejections.
   *
   * As a call.
   */
  <Output, Input, Error, Env, E = unknown>(
    self: Schedule.Schedule<Output, Input, Error, Env>,
    predicate?: Failures.Predicate<E>
  ): Schedule.Schedule<Output, Input & E, Error, Env>
} = /*#__PURE__*/ Function.dual(
  dataFirst,
  <Output, Input, Error, Env>(
    self: Schedule.Schedule<Output, Input, Error, Env>,
    predicate: Failures.Predicate<Input> = Failures.isRetryable
  ): Schedule.Schedule<Output, Input, Error, Env> =>
    RetryPlan.withStage(self, () => (delayMillis, at) => (predicate(at.input) ? delayMillis : "notRecoverable"))
)

/** Options of `honourRetryAfter`. */
export interface HonourRetryAfter<in E = unknown> {
  /** How long an error asks to wait, in milliseconds; `undefined` if it says nothing. Default: its `retryAfterMillis`. */
  readonly hint?: ((error: E) => number | undefined) | undefined
  /** The shortest wait for an error with a hint, even if that says 0. Default 0. */
  readonly floor?: Duration.Input | undefined
  /** The longest wait that a hint may ask for. Default 1 minute. */
  readonly cap?: Duration.Input | undefined
  /** What to do with a hint beyond `cap`: wait for `cap`, or stop (`notRecoverable`). Default `wait`. */
  readonly beyondCap?: "wait" | "stop" | undefined
  /**
   * `atLeast`: the longer of the hint and our own backoff, whose jitter keeps a crowd apart. `exactly`: the hint alone,
   * as gRPC's pushback. Default `atLeast`.
   */
  readonly mode?: "atLeast" | "exactly" | undefined
}

/**
 * Waits as long as the server asked for. A hint that ends at or past the program's `Deadline`, or past an `upTo` after
 * it, stops the retry at once: it is neither waited for in vain nor shortened.
 *
 * A hint that is negative or no number counts as none.
 */
export const honourRetryAfter: {
  /**
   * Waits as long as the server asked for. A hint that ends at or past the program's `Deadline`, or past an `upTo`
   * after it, stops the retry at once: it is neither waited for in vain nor shortened.
   *
   * In a pipe.
   */
  <E = unknown>(
    options?: HonourRetryAfter<E>
  ): <Output, Input, Error, Env>(
    self: Schedule.Schedule<Output, Input, Error, Env>
  ) => Schedule.Schedule<Output, Input & E, Error, Env>
  /**
   * Waits as long as the server asked for. A hint that ends at or past the program's `Deadline`, or past an `upTo`
   * after it, stops the retry at once: it is neither waited for in vain nor shortened.
   *
   * As a call.
   */
  <Output, Input, Error, Env, E = unknown>(
    self: Schedule.Schedule<Output, Input, Error, Env>,
    options?: HonourRetryAfter<E>
  ): Schedule.Schedule<Output, Input & E, Error, Env>
} = /*#__PURE__*/ Function.dual(
  dataFirst,
  <Output, Input, Error, Env>(
    self: Schedule.Schedule<Output, Input, Error, Env>,
    options?: HonourRetryAfter<Input>
  ): Schedule.Schedule<Output, Input, Error, Env> => {
    const where = "RetrySchedule.honourRetryAfter"
    const hintOf = options?.hint ?? Failures.retryAfterMillisOf
    const floor = options?.floor === undefined ? 0 : Check.nonNegativeMillis(where, "floor", options.floor)
    const cap = options?.cap === undefined ? Math.max(60_000, floor) : Check.positiveMillis(where, "cap", options.cap)
    Check.orderedMillis(where, "floor", floor, "cap", cap, { ...options })
    const stops = options?.beyondCap === "stop"
    const exactly = options?.mode === "exactly"
    const stage: RetryPlan.Stage<Input> = (delayMillis, at) => {
      const hint = hintOf(at.input)
      if (hint === undefined || !(hint >= 0)) return delayMillis
      if (hint > cap && stops) return "notRecoverable"
      const wait = Math.min(Math.max(hint, floor), cap)
      at.leastMillis = wait
      return exactly ? wait : Math.max(wait, delayMillis)
    }
    return RetryPlan.withStage(self, () => stage)
  }
)

/** Options of `upTo`: attempts, elapsed time, or both. */
export type UpTo =
  | { readonly attempts: number; readonly elapsed?: Duration.Input | undefined }
  | { readonly attempts?: number | undefined; readonly elapsed: Duration.Input }

/**
 * Ends a schedule. `attempts` counts all of them, the first included. `elapsed` counts from the beginning of the first
 * attempt; the last delay is clipped, so that the last attempt begins exactly when the time is up, and none after it.
 *
 * A server's hint is not clipped: if it does not fit, the schedule ends (`elapsed`).
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { RetrySchedule } from "effect-resilience/policy"
 *
 * let calls = 0
 * const down = Effect.suspend(() => Effect.fail(++calls))
 *
 * Effect.runSync(Effect.flip(Effect.retry(down, RetrySchedule.upTo(RetrySchedule.immediate, { attempts: 4 })))) // => 4
 * ```
 */
export const upTo: {
  /**
   * Ends a schedule. `attempts` counts all of them, the first included. `elapsed` counts from the beginning of the
   * first attempt; the last delay is clipped, so that the last attempt begins exactly when the time is up, and none
   * after it.
   *
   * In a pipe.
   */
  (
    options: UpTo
  ): <Output, Input, Error, Env>(
    self: Schedule.Schedule<Output, Input, Error, Env>
  ) => Schedule.Schedule<Output, Input, Error, Env>
  /**
   * Ends a schedule. `attempts` counts all of them, the first included. `elapsed` counts from the beginning of the
   * first attempt; the last delay is clipped, so that the last attempt begins exactly when the time is up, and none
   * after it.
   *
   * As a call.
   */
  <Output, Input, Error, Env>(
    self: Schedule.Schedule<Output, Input, Error, Env>,
    options: UpTo
  ): Schedule.Schedule<Output, Input, Error, Env>
} = /*#__PURE__*/ Function.dual(
  2,
  <Output, Input, Error, Env>(
    self: Schedule.Schedule<Output, Input, Error, Env>,
    options: UpTo
  ): Schedule.Schedule<Output, Input, Error, Env> => {
    const where = "RetrySchedule.upTo"
    if (options.attempts === undefined && options.elapsed === undefined) {
      Check.refuse(where, "attempts", 'given, unless "elapsed" is', undefined)
    }
    const attempts =
      options.attempts === undefined ? Number.POSITIVE_INFINITY : Check.positiveInt(where, "attempts", options.attempts)
    const limit =
      options.elapsed === undefined ? Number.POSITIVE_INFINITY : Check.positiveMillis(where, "elapsed", options.elapsed)
    const stage: RetryPlan.Stage<Input> = (delayMillis, at) => {
      if (at.attempt >= attempts) return "attempts"
      const left = limit - Math.max(0, at.now - at.startedAt)
      if (left <= 0 || at.leastMillis > left) return "elapsed"
      return Math.min(delayMillis, left)
    }
    return RetryPlan.withStage(self, () => stage)
  }
)

/**
 * Retries only while a budget lets it (`budget` when it does not, and the original error stays). It never waits.
 *
 * A schedule hears of failures only. Under `Effect.retry` a request therefore counts as a success when it begins, and
 * a `quota` gets nothing back for a retry that helped. Under `Retry` the books are exact, unless a combinator of Effect's
 * own is around the schedule: `Retry` does not see a budget behind that, which then hears of requests that fail and of no
 * others. Give it to `Retry` itself, as you do `RetryBudget.share`, which needs to know when calls end.
 */
export const within: {
  /**
   * Retries only while a budget lets it (`budget` when it does not, and the original error stays). It never waits.
   *
   * In a pipe.
   */
  (
    budget: Countable
  ): <Output, Input, Error, Env>(
    self: Schedule.Schedule<Output, Input, Error, Env>
  ) => Schedule.Schedule<Output, Input, Error, Env>
  /**
   * Retries only while a budget lets it (`budget` when it does not, and the original error stays). It never waits.
   *
   * As a call.
   */
  <Output, Input, Error, Env>(
    self: Schedule.Schedule<Output, Input, Error, Env>,
    budget: Countable
  ): Schedule.Schedule<Output, Input, Error, Env>
} = /*#__PURE__*/ Function.dual(2, RetryPlan.withBudget)

/**
 * What to use when nothing is known: 3 attempts, 1 second, doubled, at most 30 seconds, full jitter. It stops at errors
 * that are not worth asking again, and waits as a server asks, for at most those 30 seconds.
 */
export const standard: Schedule.Schedule<Duration.Duration> = exponential().pipe(
  whileRecoverable(),
  honourRetryAfter({ cap: "30 seconds" }),
  upTo({ attempts: 3 })
)
