/**
 * A bulkhead: so many calls at once and no more, with a bounded queue before them. What overflows is refused at once,
 * so that one slow dependency cannot take every fiber, socket and byte of the program.
 *
 * **When to use**
 *
 * For what gets slow when it is asked too much at once, if you know how much it takes. If you do not, `AdaptiveLimit`
 * finds out; against too many calls in a time there is `RateLimiter`.
 *
 * **Details**
 *
 * First come, first served: a place that becomes free is handed to whoever waited longest, and no newcomer overtakes. A
 * call that is cancelled while it waits leaves the queue in that moment. (cockatiel 4 notices when its turn comes;
 * Effect's `Semaphore` has no bound on its queue, and its `takeIfAvailable` overtakes.)
 *
 * **Gotchas**
 *
 * - Without a `queue` what does not run at once is refused.
 * - A call that asks the same bulkhead again from inside waits for itself.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { Bulkhead } from "effect-resilience/policy"
 *
 * const program = Effect.gen(function* () {
 *   const bulkhead = yield* Bulkhead.make({ concurrency: 2, queue: 1 })
 *   const call = Effect.sleep("10 millis").pipe(
 *     Bulkhead.protect(bulkhead),
 *     Effect.match({ onSuccess: () => "ran", onFailure: (error) => error._tag })
 *   )
 *   return yield* Effect.all([call, call, call, call], { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program) // => ["ran", "ran", "ran", "BulkheadFull"]
 * ```
 */
import type { Duration, Fiber } from "effect"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { BulkheadFull, stackless } from "../../errors/index.ts"
import { both } from "../Combinator.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"
import * as WaitQueue from "../WaitQueue.ts"

/** How a bulkhead behaves. */
export interface Options {
  /** Names the bulkhead in its errors and events. Default: none. */
  readonly key?: string | undefined
  /** How many calls run at once. Default: 25. */
  readonly concurrency?: number | undefined
  /** How many more may wait. Default: 0, which refuses whatever does not run at once. */
  readonly queue?: number | undefined
  /**
   * How long one may wait before it is refused. Default: as long as it takes, and as the program has time (`Deadline`).
   */
  readonly maxWait?: Duration.Input | undefined
}

/** A bulkhead: a value that any number of programs share. */
export interface Bulkhead {
  readonly key: string | undefined
  readonly concurrency: number
  readonly queueSize: number
  readonly maxWaitMillis: number | undefined
  /** Calls that hold a place. While anybody waits, all places are held. */
  running: number
  readonly queue: WaitQueue.WaitQueue
  readonly full: BulkheadFull
}

/** Makes a bulkhead. Throws `InvalidPolicyOption` for options that make no sense. */
export const make = (options: Options = {}): Effect.Effect<Bulkhead> => {
  const where = "Bulkhead.make"
  const { key } = options
  const concurrency = Check.positiveInt(where, "concurrency", options.concurrency ?? 25)
  const queueSize = Check.nonNegativeInt(where, "queue", options.queue ?? 0)
  const maxWaitMillis =
    options.maxWait === undefined ? undefined : Check.positiveMillis(where, "maxWait", options.maxWait)
  if (maxWaitMillis !== undefined && queueSize === 0) {
    Check.refuse(where, "maxWait", 'with a "queue" above 0, in which one could wait', options.maxWait)
  }
  return Effect.sync(() => ({
    key,
    concurrency,
    queueSize,
    maxWaitMillis,
    running: 0,
    queue: WaitQueue.make(),
    full: stackless(() => new BulkheadFull({ limit: concurrency, ...(key === undefined ? {} : { key }) }))
  }))
}

/**
 * Runs an effect once it has a place. Adds `BulkheadFull`: the queue was full, or the wait too long.
 *
 * Hot path: 0.4 µs while a place is free. The guard that gives the place back stands before the place is taken, so
 * nothing can come between; `Semaphore.withPermit` costs 1.4 µs, `acquireUseRelease` 0.8 µs.
 */
export const protect: {
  /**
   * Runs an effect once it has a place. Adds `BulkheadFull`: the queue was full, or the wait too long.
   *
   * In a pipe.
   */
  (bulkhead: Bulkhead): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadFull, R>
  /**
   * Runs an effect once it has a place. Adds `BulkheadFull`: the queue was full, or the wait too long.
   *
   * As a call.
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, bulkhead: Bulkhead): Effect.Effect<A, E | BulkheadFull, R>
} = /*#__PURE__*/ both(
  Effect.isEffect,
  { where: "Bulkhead.protect", option: "bulkhead", maker: "Bulkhead.make" },
  <A, E, R>(self: Effect.Effect<A, E, R>, bulkhead: Bulkhead): Effect.Effect<A, E | BulkheadFull, R> =>
    Effect.withFiber((fiber) => {
      const seat: WaitQueue.Seat = { held: false }
      return Effect.onExit(
        Effect.suspend(() => (takes(bulkhead, seat) ? self : Effect.andThen(queued(bulkhead, seat, fiber), self))),
        () => give(bulkhead, seat)
      )
    })
)

/** Runs a stream once it has a place, which it keeps until it ends. Adds `BulkheadFull`. */
export const protectStream: {
  /**
   * Runs a stream once it has a place, which it keeps until it ends. Adds `BulkheadFull`.
   *
   * In a pipe.
   */
  (bulkhead: Bulkhead): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | BulkheadFull, R>
  /**
   * Runs a stream once it has a place, which it keeps until it ends. Adds `BulkheadFull`.
   *
   * As a call.
   */
  <A, E, R>(self: Stream.Stream<A, E, R>, bulkhead: Bulkhead): Stream.Stream<A, E | BulkheadFull, R>
} = /*#__PURE__*/ both(
  Stream.isStream,
  { where: "Bulkhead.protectStream", option: "bulkhead", maker: "Bulkhead.make" },
  <A, E, R>(self: Stream.Stream<A, E, R>, bulkhead: Bulkhead): Stream.Stream<A, E | BulkheadFull, R> =>
    Stream.suspend(() => {
      const seat: WaitQueue.Seat = { held: false }
      const taken = Effect.withFiber((fiber) => (takes(bulkhead, seat) ? Effect.void : queued(bulkhead, seat, fiber)))
      return Stream.onExit(Stream.unwrap(Effect.as(taken, self)), () => give(bulkhead, seat))
    })
)

/** How many calls run and how many wait. */
export const load = (bulkhead: Bulkhead): Effect.Effect<{ readonly running: number; readonly queued: number }> =>
  Effect.sync(() => ({ running: bulkhead.running, queued: bulkhead.queue.size }))

const takes = (bulkhead: Bulkhead, seat: WaitQueue.Seat): boolean => {
  if (bulkhead.running >= bulkhead.concurrency) return false
  bulkhead.running++
  seat.held = true
  return true
}

const give = (bulkhead: Bulkhead, seat: WaitQueue.Seat): Effect.Effect<void> => {
  if (seat.held) {
    seat.held = false
    if (!WaitQueue.handOver(bulkhead.queue)) bulkhead.running--
  }
  return Effect.void
}

const queued = (
  bulkhead: Bulkhead,
  seat: WaitQueue.Seat,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<void, BulkheadFull> => {
  if (bulkhead.queue.size >= bulkhead.queueSize) return rejected(bulkhead, fiber)
  return WaitQueue.waitWithin(bulkhead.queue, seat, fiber, bulkhead.maxWaitMillis, () => rejected(bulkhead, fiber))
}

const rejected = (bulkhead: Bulkhead, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<never, BulkheadFull> => {
  const { full: error, key } = bulkhead
  PolicyTelemetry.emit(fiber, "OnBulkheadRejected", () => ({ policy: "Bulkhead", key, error }))
  return Effect.fail(error)
}
