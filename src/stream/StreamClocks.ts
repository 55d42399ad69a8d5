/**
 * The four clocks for a `Stream`: until anything is answered, until the first content, from one content to the next, and
 * until the end, each with its own typed error. The rules are in `ClockState`.
 */
import type { Cause, Duration } from "effect"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { dual } from "effect/Function"
import type { ChannelResponseTimeExceeded, DeadlineExceeded } from "../errors/index.ts"
import { InvalidPolicyOption, MonotonicClock } from "../policy/index.ts"
import {
  answered,
  checkClocks,
  clockError,
  type ClockLimits,
  content,
  hold,
  release,
  startClocks
} from "./ClockState.ts"

/** How long to wait for what. A clock that is left out does not run. */
export interface Options<in A> {
  /** Until the first element of any kind. */
  readonly headers?: Duration.Input | undefined
  /** Until the first content, from the start. */
  readonly firstContent?: Duration.Input | undefined
  /** From one content to the next. */
  readonly idle?: Duration.Input | undefined
  /** Until the end, from the start. */
  readonly total?: Duration.Input | undefined
  /** Which elements are content: the others reset nothing. Default: all. */
  readonly isContent?: ((element: A) => boolean) | undefined
  /** How many elements are taken ahead of the consumer. Default 16. */
  readonly bufferSize?: number | undefined
}

/** What a clock fails with: `ChannelResponseTimeExceeded` with its phase, and `DeadlineExceeded` for `total`. */
export type ClockError = ChannelResponseTimeExceeded | DeadlineExceeded

const where = "StreamClocks.watch"

const limitsOf = (options: Options<never>): ClockLimits => {
  const millis = (option: "headers" | "firstContent" | "idle" | "total") => {
    const value = options[option]
    return value === undefined ? undefined : InvalidPolicyOption.positiveMillis(where, option, value)
  }
  return {
    headersMillis: millis("headers"),
    firstContentMillis: millis("firstContent"),
    idleMillis: millis("idle"),
    totalMillis: millis("total")
  }
}

/**
 * Watches a stream with the four clocks. What came before a clock ran out is given first. While the consumer is slow
 * the clocks stand still, all but `total`. When a clock runs out the source is interrupted, and its finalisers run.
 * Adds `ChannelResponseTimeExceeded`, whose `phase` says which clock it was, and for `total` `DeadlineExceeded`.
 *
 * One fiber pumps and one watches, however many elements come; an element that comes alone costs 1.1 µs, where a
 * timer for each pull costs 10.
 * A duration that is zero, negative, infinite or not a number throws `InvalidPolicyOption`, as does a `bufferSize` that is
 * no positive integer.
 *
 * ```ts import.meta.vitest
 * import { Effect, Stream } from "effect"
 * import { StreamClocks } from "effect-resilience/stream"
 *
 * const silent = Stream.concat(Stream.make("a"), Stream.never)
 * const watched = silent.pipe(StreamClocks.watch({ idle: "10 millis", total: "1 minute" }), Stream.runDrain)
 *
 * const error = await Effect.runPromise(Effect.flip(watched))
 * error._tag // => "ChannelResponseTimeExceeded"
 * ```
 */
export const watch: {
  /**
   * Watches a stream with the four clocks. What came before a clock ran out is given first. While the consumer is slow
   * the clocks stand still, all but `total`. When a clock runs out the source is interrupted, and its finalisers run.
   * Adds `ChannelResponseTimeExceeded`, whose `phase` says which clock it was, and for `total` `DeadlineExceeded`.
   *
   * In a pipe.
   */
  (
    options: Options<never> & { readonly isContent?: undefined }
  ): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | ChannelResponseTimeExceeded | DeadlineExceeded, R>
  /**
   * Watches a stream with the four clocks. What came before a clock ran out is given first. While the consumer is slow
   * the clocks stand still, all but `total`. When a clock runs out the source is interrupted, and its finalisers run.
   * Adds `ChannelResponseTimeExceeded`, whose `phase` says which clock it was, and for `total` `DeadlineExceeded`.
   *
   * In a pipe, with a predicate that knows its elements.
   */
  <A>(
    options: Options<NoInfer<A>>
  ): <E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | ChannelResponseTimeExceeded | DeadlineExceeded, R>
  /**
   * Watches a stream with the four clocks. What came before a clock ran out is given first. While the consumer is slow
   * the clocks stand still, all but `total`. When a clock runs out the source is interrupted, and its finalisers run.
   * Adds `ChannelResponseTimeExceeded`, whose `phase` says which clock it was, and for `total` `DeadlineExceeded`.
   *
   * In a pipe, with a predicate that says which elements it takes.
   */
  <A>(
    options: Options<A>
  ): <B extends A, E, R>(
    self: Stream.Stream<B, E, R>
  ) => Stream.Stream<B, E | ChannelResponseTimeExceeded | DeadlineExceeded, R>
  /**
   * Watches a stream with the four clocks. What came before a clock ran out is given first. While the consumer is slow
   * the clocks stand still, all but `total`. When a clock runs out the source is interrupted, and its finalisers run.
   * Adds `ChannelResponseTimeExceeded`, whose `phase` says which clock it was, and for `total` `DeadlineExceeded`.
   *
   * As a call.
   */
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    options: Options<A>
  ): Stream.Stream<A, E | ChannelResponseTimeExceeded | DeadlineExceeded, R>
} = dual(2, <A, E, R>(self: Stream.Stream<A, E, R>, options: Options<A>): Stream.Stream<A, E | ClockError, R> => {
  const limits = limitsOf(options)
  const bufferSize = InvalidPolicyOption.positiveInt(where, "bufferSize", options.bufferSize ?? 16)
  const { isContent } = options
  return Stream.callback<A, E | ClockError, R>(
    Effect.fnUntraced(function* (queue: Queue.Queue<A, E | ClockError | Cause.Done>) {
      const clock = yield* Effect.clockWith(Effect.succeed)
      const scope = yield* Effect.scope
      const pump = yield* Effect.withFiberSucceed((fiber) => fiber)
      const state = startClocks(MonotonicClock.read(clock))
      const watchdog: Effect.Effect<void> = Effect.suspend(() => {
        const now = MonotonicClock.read(clock)
        const found = checkClocks(limits, state, now)
        if (found._tag === "Expired") {
          const elapsedMillis = Math.round(found.elapsedMillis)
          // The consumer hears of it once it has taken all that came before; the source is not kept for as long.
          return Effect.map(Queue.fail(queue, clockError({ ...found, elapsedMillis })), () => pump.interruptUnsafe())
        }
        return found.checkAt === Infinity ? Effect.void : Effect.andThen(Effect.sleep(found.checkAt - now), watchdog)
      })
      yield* Effect.forkScoped(watchdog)
      yield* Stream.runForEachArray(self, (elements) => {
        const now = MonotonicClock.read(clock)
        answered(state)
        if (isContent === undefined || elements.some(isContent)) content(state, now)
        const rest = Queue.offerAllUnsafe(queue, elements)
        if (rest.length === 0) return Effect.void
        hold(state, now)
        // In a fiber of its own: what came before a clock ran out waits for its place also when the pump is interrupted.
        const placed = Effect.forkIn(Queue.offerAll(queue, rest), scope, { startImmediately: true })
        return Effect.map(Effect.flatMap(placed, Fiber.join), () => release(state, MonotonicClock.read(clock)))
      })
      yield* Queue.end(queue)
    }),
    { bufferSize }
  )
})
