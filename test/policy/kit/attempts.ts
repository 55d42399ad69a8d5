/** Runs something that retries on the test clock, and tells when its attempts began. */
import { Clock, Duration, Effect, type Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** What was seen of a run. */
export interface Seen<A, E> {
  /** When each attempt began, in milliseconds from the start. */
  readonly at: ReadonlyArray<number>
  readonly exit: Exit.Exit<A, E>
}

/**
 * Builds a program around an attempt that does what `outcome` says for its number (from 1), runs it, and lets the test
 * clock go on for `span` (default one day).
 */
export const observe = <A, E, B, E2>(
  outcome: (attempt: number) => Effect.Effect<A, E>,
  build: (attempt: Effect.Effect<A, E>) => Effect.Effect<B, E2>,
  span: Duration.Input = "1 day"
): Effect.Effect<Seen<B, E2>> =>
  Effect.gen(function* () {
    const at: Array<number> = []
    const start = yield* Clock.currentTimeMillis
    const attempt = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      at.push(now - start)
      return outcome(at.length)
    })
    const fiber = yield* Effect.forkChild(build(attempt))
    yield* TestClock.adjust(Duration.fromInputUnsafe(span))
    return { at, exit: yield* Fiber.await(fiber) }
  })
