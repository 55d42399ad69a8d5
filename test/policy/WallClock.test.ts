/** What has passed is measured by the monotonic clock: somebody sets the time, and no policy notices. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { DoRequestFailed } from "effect-resilience/errors"
import {
  AdaptiveLimit,
  CircuitBreaker,
  Deadline,
  OutlierEjection,
  PolicyTelemetry,
  RateLimiter,
  Retry,
  RetryBudget,
  RetrySchedule,
  Throttle
} from "effect-resilience/policy"
import { StreamClocks } from "effect-resilience/stream"
import { TestClock } from "effect/testing"
import { withSteps } from "../support/clocks.ts"
import { failure } from "./kit/retries.ts"

const hour = 3_600_000
const down = Effect.fail(new DoRequestFailed({}))

for (const [direction, by] of [
  ["forward", hour],
  ["back", -hour]
] as const) {
  describe(`the wall clock steps an hour ${direction}`, () => {
    it.effect("P11: no call was slow", () =>
      withSteps((step) =>
        Effect.gen(function* () {
          const window = CircuitBreaker.consecutive(1)
          const breaker = yield* CircuitBreaker.make({ window, slowerThan: "1 second" })
          yield* CircuitBreaker.protect(
            Effect.sync(() => step(by)),
            breaker
          )
          assert.strictEqual((yield* CircuitBreaker.state(breaker))._tag, "Closed")
        })
      )
    )

    it.effect("P11: an open circuit stays open as long as it was to, and its transition has a date", () =>
      withSteps((step) =>
        Effect.gen(function* () {
          const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1), openFor: "1 minute" })
          const seen = yield* Effect.forkChild(Stream.runHead(CircuitBreaker.transitions(breaker)), {
            startImmediately: true
          })
          step(by)
          yield* Effect.exit(CircuitBreaker.protect(down, breaker))
          step(by)
          const refused = yield* Effect.flip(CircuitBreaker.protect(Effect.void, breaker))
          assert.strictEqual(refused.retryAfterMillis, 60_000)
          const transition = yield* Fiber.join(seen)
          assert.strictEqual(transition._tag === "Some" && transition.value.atMillis, by)
          yield* TestClock.adjust("1 minute")
          yield* CircuitBreaker.protect(Effect.void, breaker)
        })
      )
    )

    it.effect("P11: a retry has its elapsed time still before it, and says how much of it went", () =>
      withSteps((step) =>
        Effect.gen(function* () {
          let calls = 0
          const call = Effect.suspend(() => {
            calls++
            step(by)
            return Effect.fail("down")
          })
          const schedule = RetrySchedule.immediate.pipe(RetrySchedule.upTo({ attempts: 3, elapsed: "5 minutes" }))
          const error = yield* Effect.flip(Retry.retry(call, Retry.make({ schedule })))
          assert.deepStrictEqual([calls, error.reason, error.elapsedMillis], [3, "attempts", 0])
          calls = 0
          yield* Effect.flip(Effect.retry(call, schedule))
          assert.strictEqual(calls, 3)
        })
      )
    )

    it.effect("P11: a total inside a total begins, and waits as long as it has", () =>
      withSteps((step) =>
        Effect.gen(function* () {
          const inner = Effect.suspend(() => {
            step(by)
            return Deadline.total(Effect.andThen(Effect.sleep("3 seconds"), Deadline.remaining), "1 minute")
          })
          const fiber = yield* Effect.forkChild(Deadline.total(inner, "5 seconds"))
          yield* TestClock.adjust("5 seconds")
          assert.strictEqual(yield* Fiber.join(fiber), 2000)
        })
      )
    )

    it.effect("P11: a limiter has no more turns, and keeps those that were booked", () =>
      withSteps((step) =>
        Effect.gen(function* () {
          for (const kind of ["smooth", "bursty"] as const) {
            const limiter = yield* RateLimiter.make({ limit: 1, window: "1 minute", kind })
            yield* RateLimiter.acquire(limiter)
            step(by)
            const error = yield* Effect.flip(RateLimiter.acquire(limiter))
            assert.strictEqual(error.retryAfterMillis, 60_000, kind)
          }
        })
      )
    )

    it.effect("P11: throttle, budget and pool forget nothing", () =>
      withSteps((step) =>
        Effect.gen(function* () {
          const throttle = yield* Throttle.make()
          yield* Effect.exit(Throttle.protect(down, throttle))
          const budget = yield* RetryBudget.window({ ratio: 1, minPerSecond: 0 })
          yield* Retry.retry(Effect.void, Retry.make({ budget }))
          const pool = yield* OutlierEjection.make({ members: ["a", "b"], consecutive: 1 })
          yield* Effect.exit(OutlierEjection.observe(down, pool, "a"))
          step(by)
          assert.deepStrictEqual(yield* Throttle.state(throttle), { requests: 1, accepts: 0, chance: 0 })
          assert.strictEqual(yield* RetryBudget.balance(budget), 1)
          assert.isTrue(yield* OutlierEjection.isEjected(pool, "a"))
        })
      )
    )

    it.effect("P11: the clocks of a stream stand where they stood", () =>
      withSteps((step) =>
        Effect.gen(function* () {
          const stream = Stream.fromEffectRepeat(
            Effect.delay(
              Effect.sync(() => step(by)),
              "1 second"
            )
          ).pipe(Stream.take(8), StreamClocks.watch({ headers: "5 seconds", idle: "5 seconds", total: "20 seconds" }))
          const fiber = yield* Effect.forkChild(Stream.runDrain(stream))
          yield* TestClock.adjust("10 seconds")
          yield* Fiber.join(fiber)
        })
      )
    )

    it.effect("P11: an adaptive limit sees no slow call", () =>
      withSteps((step) =>
        Effect.gen(function* () {
          const rule = AdaptiveLimit.aimd({ initial: 30, timeout: "1 second" })
          const limit = yield* AdaptiveLimit.make({ rule })
          yield* AdaptiveLimit.protect(
            Effect.sync(() => step(by)),
            limit
          )
          assert.strictEqual((yield* AdaptiveLimit.state(limit)).limit, 30)
        })
      )
    )
  })
}

describe("what a user is told", () => {
  it.effect("P11: whole milliseconds, a wait rounded up", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1), openFor: "1 second" })
      yield* Effect.exit(CircuitBreaker.protect(down, breaker))
      yield* TestClock.adjust("250500 micros")
      const open = yield* Effect.flip(CircuitBreaker.protect(Effect.void, breaker))
      assert.strictEqual(open.retryAfterMillis, 750)
      assert.strictEqual((yield* CircuitBreaker.state(breaker)).retryAfterMillis, 750)
      const waits: Array<unknown> = []
      const limiter = yield* RateLimiter.make({ limit: 3, window: "1 second" })
      const acquire = RateLimiter.acquire(limiter)
      yield* acquire
      const refused = yield* Effect.exit(acquire).pipe(
        Effect.provideService(PolicyTelemetry.Sink, (event) => waits.push(event.attributes["waitMillis"]))
      )
      assert.strictEqual(failure(refused).retryAfterMillis, 334)
      assert.deepStrictEqual(waits, [334])
      const late = Deadline.total(Effect.never, "1 second").pipe(Effect.flip)
      const fiber = yield* Effect.forkChild(late)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).elapsedMillis, 1000)
    })
  )
})
