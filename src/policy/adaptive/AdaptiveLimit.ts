/**
 * A limit on concurrency that finds its own value from how long calls take and how they end, for targets whose capacity
 * nobody knows or which changes. Beyond it calls are refused, or wait in a queue that sheds early and by priority.
 *
 * **When to use**
 *
 * In place of a `Bulkhead`, where nobody can say how many calls at once are right, or where that changes with the hour.
 *
 * **Details**
 *
 * The rules are `vegas` (default), `gradient2` and `aimd`, each in a file of its own with its source. A success is a
 * sample of its duration; a failure (by `isFailure` and `isFailureValue`, as in every policy that counts) is a drop.
 *
 * **Gotchas**
 *
 * - A call that was cancelled, that another policy refused, that failed by the caller's own fault or by a defect gives no
 *   sample: what it took says nothing of the target. (failsafe-go calls that `Drop`.)
 * - Calls that take very different times for reasons of their own look like load. Take one limit for each kind.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { AdaptiveLimit } from "effect-resilience/policy"
 *
 * const program = Effect.gen(function* () {
 *   const limit = yield* AdaptiveLimit.make({ rule: AdaptiveLimit.aimd({ initial: 2, min: 1 }) })
 *   const call = Effect.sleep("10 millis").pipe(
 *     AdaptiveLimit.protect(limit),
 *     Effect.match({ onSuccess: () => "ran", onFailure: (error) => error._tag })
 *   )
 *   return yield* Effect.all([call, call, call], { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program) // => ["ran", "ran", "BulkheadFull"]
 * ```
 */
import type { Duration, Exit, Fiber } from "effect"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { BulkheadFull, stackless } from "../../errors/index.ts"
import { both } from "../Combinator.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as Judge from "../Judge.ts"
import type { LimitRule, MakeRule } from "./LimitRule.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"
import * as Priority from "./Priority.ts"
import { shedChance } from "./ShedChance.ts"
import { vegas } from "./VegasLimit.ts"
import * as WaitQueue from "../WaitQueue.ts"

export { aimd } from "./AimdLimit.ts"
export { gradient2 } from "./Gradient2Limit.ts"
export { vegas } from "./VegasLimit.ts"

/** How calls wait beyond the limit. */
export interface Queue {
  /** Up to so many times the limit may wait before any is shed (of what is sheddable fewer: `Priority`). Default: 2. */
  readonly freeFactor?: number | undefined
  /** At so many times the limit all are shed; between the two, with a chance that grows from 0 to 1. Default: 3. */
  readonly maxFactor?: number | undefined
  /** How long one may wait. Default: as long as it takes, and as the program has time (`Deadline`). */
  readonly maxWait?: Duration.Input | undefined
}

/** How an adaptive limit behaves. */
export interface Options extends Judge.Judge {
  /** Names the limit in its errors and events. Default: none. */
  readonly key?: string | undefined
  /** Default: `vegas()`. */
  readonly rule?: MakeRule | undefined
  /** Default: no queue; beyond the limit calls are refused. */
  readonly queue?: Queue | undefined
}

interface Waiting {
  readonly freeFactor: number
  readonly maxFactor: number
  readonly maxWaitMillis: number | undefined
}

/** An adaptive limit: a value that any number of programs share. */
export interface AdaptiveLimit {
  readonly key: string | undefined
  readonly rule: LimitRule
  readonly waiting: Waiting | undefined
  /** What it was told to count as a drop. */
  readonly judge: Judge.Judge
  inFlight: number
  /** Those who wait, by priority. Whoever matters more goes first; among equals, whoever waited longest. */
  readonly queues: { readonly [P in Priority.Priority]: WaitQueue.WaitQueue }
  readonly full: BulkheadFull
}

/** Makes an adaptive limit. Throws `InvalidPolicyOption` for options that make no sense. */
export const make = (options: Options = {}): Effect.Effect<AdaptiveLimit> => {
  const where = "AdaptiveLimit.make"
  const { key, queue, rule = vegas() } = options
  if (typeof rule !== "function") Check.refuse(where, "rule", "what vegas, gradient2 or aimd makes", rule)
  const waiting = queue === undefined ? undefined : waitingOf(where, queue)
  return Effect.sync(() => ({
    key,
    rule: rule(),
    waiting,
    judge: Judge.of(options),
    inFlight: 0,
    queues: {
      sheddable: WaitQueue.make(),
      sheddablePlus: WaitQueue.make(),
      critical: WaitQueue.make(),
      criticalPlus: WaitQueue.make()
    },
    full: stackless(() => new BulkheadFull(key === undefined ? {} : { key }))
  }))
}

const waitingOf = (where: string, queue: Queue): Waiting => {
  const freeFactor = Check.nonNegative(where, "freeFactor", queue.freeFactor ?? 2)
  const maxFactor = Check.positive(where, "maxFactor", queue.maxFactor ?? 3)
  Check.ordered(where, "freeFactor", freeFactor, "maxFactor", maxFactor, { ...queue })
  const maxWait = queue.maxWait
  return {
    freeFactor,
    maxFactor,
    maxWaitMillis: maxWait === undefined ? undefined : Check.positiveMillis(where, "maxWait", maxWait)
  }
}

/** What a call holds, and what is known of it when it ends. */
interface Call extends WaitQueue.Seat {
  startedNanos: bigint | undefined
  /** When a stream gave its first element. */
  answeredNanos: bigint | undefined
  inFlight: number
}

/**
 * Runs an effect once the limit lets it. Adds `BulkheadFull`: too much is under way, and the queue (if there is one)
 * was full, shed the call, or kept it too long. The program's `Priority` decides who waits and who is shed. `judge` says
 * what is a drop for this effect, in place of what the limit was made with.
 *
 * Hot path: 0.8 µs while there is room, of which 0.3 µs are the two readings of the monotonic clock.
 */
export const protect: {
  /**
   * Runs an effect once the limit lets it. Adds `BulkheadFull`: too much is under way, and the queue (if there is
   * one) was full, shed the call, or kept it too long. The program's `Priority` decides who waits and who is shed.
   * `judge` says what is a drop for this effect, in place of what the limit was made with.
   *
   * In a pipe.
   */
  (limit: AdaptiveLimit): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadFull, R>
  /**
   * Runs an effect once the limit lets it. Adds `BulkheadFull`: too much is under way, and the queue (if there is
   * one) was full, shed the call, or kept it too long. The program's `Priority` decides who waits and who is shed.
   * `judge` says what is a drop for this effect, in place of what the limit was made with.
   *
   * In a pipe, with a judge of this effect's own.
   */
  <A, E>(
    limit: AdaptiveLimit,
    judge: Judge.Judge<NoInfer<A>, NoInfer<E>>
  ): <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadFull, R>
  /**
   * Runs an effect once the limit lets it. Adds `BulkheadFull`: too much is under way, and the queue (if there is
   * one) was full, shed the call, or kept it too long. The program's `Priority` decides who waits and who is shed.
   * `judge` says what is a drop for this effect, in place of what the limit was made with.
   *
   * As a call.
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limit: AdaptiveLimit,
    judge?: Judge.Judge<NoInfer<A>, NoInfer<E>>
  ): Effect.Effect<A, E | BulkheadFull, R>
} = /*#__PURE__*/ both(
  Effect.isEffect,
  { where: "AdaptiveLimit.protect", option: "limit", maker: "AdaptiveLimit.make" },
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limit: AdaptiveLimit,
    judge?: Judge.Judge<A, E>
  ): Effect.Effect<A, E | BulkheadFull, R> =>
    Effect.withFiber((fiber) => {
      const clock = fiber.getRef(Clock.Clock)
      const call = newCall()
      const started = Effect.suspend(() => {
        call.inFlight = limit.inFlight
        call.startedNanos = clock.monotonicTimeNanosUnsafe()
        return self
      })
      return Effect.onExit(
        Effect.suspend(() => (takes(limit, call) ? started : Effect.andThen(queued(limit, call, fiber), started))),
        (exit) => {
          if (call.held) ended(limit, call, exit, limit.judge, judge, fiber)
          return Effect.void
        }
      )
    })
)

/**
 * Runs a stream once the limit lets it; it keeps its place until it ends. Its sample is the time to its first element,
 * since how long it goes on says nothing of load; a failure at any time is a drop. Adds `BulkheadFull`, as `protect`.
 */
export const protectStream: {
  /**
   * Runs a stream once the limit lets it; it keeps its place until it ends. Its sample is the time to its first
   * element, since how long it goes on says nothing of load; a failure at any time is a drop. Adds `BulkheadFull`, as
   * `protect`.
   *
   * In a pipe.
   */
  (limit: AdaptiveLimit): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | BulkheadFull, R>
  /**
   * Runs a stream once the limit lets it; it keeps its place until it ends. Its sample is the time to its first
   * element, since how long it goes on says nothing of load; a failure at any time is a drop. Adds `BulkheadFull`, as
   * `protect`.
   *
   * In a pipe, with a judge of this stream's own.
   */
  <A, E>(
    limit: AdaptiveLimit,
    judge: Judge.ErrorJudge<NoInfer<E>>
  ): <R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | BulkheadFull, R>
  /**
   * Runs a stream once the limit lets it; it keeps its place until it ends. Its sample is the time to its first
   * element, since how long it goes on says nothing of load; a failure at any time is a drop. Adds `BulkheadFull`, as
   * `protect`.
   *
   * As a call.
   */
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    limit: AdaptiveLimit,
    judge?: Judge.ErrorJudge<NoInfer<E>>
  ): Stream.Stream<A, E | BulkheadFull, R>
} = /*#__PURE__*/ both(
  Stream.isStream,
  { where: "AdaptiveLimit.protectStream", option: "limit", maker: "AdaptiveLimit.make" },
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    limit: AdaptiveLimit,
    judge?: Judge.ErrorJudge<E>
  ): Stream.Stream<A, E | BulkheadFull, R> =>
    Stream.suspend(() => {
      const call = newCall()
      const admitted = Effect.withFiber((fiber): Effect.Effect<Stream.Stream<A, E, R>, BulkheadFull> => {
        const clock = fiber.getRef(Clock.Clock)
        const noted = Stream.mapArray(self, (elements) => {
          call.answeredNanos ??= clock.monotonicTimeNanosUnsafe()
          return elements
        })
        const started = Effect.sync(() => {
          call.inFlight = limit.inFlight
          call.startedNanos = clock.monotonicTimeNanosUnsafe()
          return noted
        })
        return takes(limit, call) ? started : Effect.andThen(queued(limit, call, fiber), started)
      })
      return Stream.onExit(Stream.unwrap(admitted), (exit) =>
        Effect.withFiber((fiber) => {
          // A stream has no one result to judge.
          if (call.held) ended(limit, call, exit as Exit.Exit<never, E>, Judge.ofErrors(limit.judge), judge, fiber)
          return Effect.void
        })
      )
    })
)

const newCall = (): Call => ({ held: false, startedNanos: undefined, answeredNanos: undefined, inFlight: 0 })

/** How many may run, how many do, and how many wait. */
export const state = (
  limit: AdaptiveLimit
): Effect.Effect<{ readonly limit: number; readonly inFlight: number; readonly queued: number }> =>
  Effect.sync(() => ({ limit: whole(limit), inFlight: limit.inFlight, queued: queuedIn(limit) }))

const whole = (limit: AdaptiveLimit): number => Math.max(1, Math.floor(limit.rule.estimate()))

const queuedIn = ({ queues }: AdaptiveLimit): number =>
  queues.criticalPlus.size + queues.critical.size + queues.sheddablePlus.size + queues.sheddable.size

const takes = (limit: AdaptiveLimit, call: Call): boolean => {
  if (limit.inFlight >= whole(limit) || queuedIn(limit) > 0) return false
  limit.inFlight++
  call.held = true
  return true
}

const ended = <A, E>(
  limit: AdaptiveLimit,
  call: Call,
  exit: Exit.Exit<A, E | BulkheadFull>,
  own: Judge.Judge<A, E>,
  judge: Judge.Judge<A, E> | undefined,
  fiber: Fiber.Fiber<unknown, unknown>
): void => {
  // The place first: a predicate or a rule that throws must not keep it.
  call.held = false
  limit.inFlight--
  if (queuedIn(limit) > 0) fill(limit)
  // What had a place fails with its own errors only.
  learn(limit, call, exit, Judge.exitFailed(exit as Exit.Exit<A, E>, own, judge), fiber)
  if (queuedIn(limit) > 0) fill(limit)
}

const learn = (
  limit: AdaptiveLimit,
  call: Call,
  exit: Exit.Exit<unknown, unknown>,
  dropped: boolean,
  fiber: Fiber.Fiber<unknown, unknown>
): void => {
  // Handed its place in the moment of its cancellation: it never ran. Cancelled, or no fault of the target: no sample.
  if (call.startedNanos !== undefined && (dropped || exit._tag === "Success")) {
    const before = whole(limit)
    const answered = call.answeredNanos ?? fiber.getRef(Clock.Clock).monotonicTimeNanosUnsafe()
    const nanos = answered - call.startedNanos
    const sample = { millis: Number(nanos) / 1e6, inFlight: call.inFlight, dropped }
    limit.rule.sample(sample, () => fiber.getRef(Random.Random).nextDoubleUnsafe())
    const after = whole(limit)
    if (after !== before) {
      PolicyTelemetry.emit(fiber, "OnAdaptiveLimitChanged", () => ({
        policy: "AdaptiveLimit",
        key: limit.key,
        attributes: { from: before, to: after, rule: limit.rule.name }
      }))
    }
  }
}

/** Hands free places to those who wait, those who matter most first. */
const fill = (limit: AdaptiveLimit): void => {
  const { critical, criticalPlus, sheddable, sheddablePlus } = limit.queues
  for (const queue of [criticalPlus, critical, sheddablePlus, sheddable]) {
    while (limit.inFlight < whole(limit) && WaitQueue.handOver(queue)) limit.inFlight++
  }
}

const queued = (
  limit: AdaptiveLimit,
  call: Call,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<void, BulkheadFull> => {
  const { waiting } = limit
  if (waiting === undefined) return rejected(limit, fiber)
  const priority = fiber.getRef(Priority.Current)
  const room = whole(limit) * Priority.shares[priority]
  const chance = shedChance(queuedIn(limit), room * waiting.freeFactor, room * waiting.maxFactor)
  if (chance > 0 && fiber.getRef(Random.Random).nextDoubleUnsafe() < chance) return rejected(limit, fiber)
  const queue = limit.queues[priority]
  return WaitQueue.waitWithin(queue, call, fiber, waiting.maxWaitMillis, () => rejected(limit, fiber))
}

const rejected = (limit: AdaptiveLimit, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<never, BulkheadFull> => {
  const { full: error, key } = limit
  PolicyTelemetry.emit(fiber, "OnAdaptiveLimitRejected", () => ({ policy: "AdaptiveLimit", key, error }))
  return Effect.fail(error)
}
