import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Stream } from "effect"
import { Throttled } from "effect-resilience/errors"
import { Deadline, InvalidPolicyOption, PolicyTelemetry, RateLimiter } from "effect-resilience/policy"
import { TestClock } from "effect/testing"
import { interruptEverywhere } from "./kit/interruptAt.ts"

describe("RateLimiter", () => {
  const at = Clock.currentTimeMillis

  it.effect("those who wait go in turn, each at its time", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.make({ limit: 10, window: "1 second", maxWait: "10 seconds" })
      const all = Effect.all(
        Array.from({ length: 4 }, () => RateLimiter.protect(at, limiter)),
        { concurrency: "unbounded" }
      )
      const fiber = yield* Effect.forkChild(all)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [0, 100, 200, 300])
    })
  )

  it.effect("refuses at once what would wait too long, and says how long that were", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.make({ limit: 2, window: "1 second", key: "api" })
      yield* RateLimiter.acquire(limiter)
      const error = yield* Effect.flip(RateLimiter.acquire(limiter))
      assert.instanceOf(error, Throttled)
      assert.deepInclude({ ...error }, { key: "api", retryAfterMillis: 500 })
    })
  )

  it.effect("a refused call takes nothing", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.make({ limit: 1, window: "1 second" })
      yield* RateLimiter.acquire(limiter)
      for (let i = 0; i < 50; i++) yield* Effect.flip(RateLimiter.acquire(limiter))
      yield* TestClock.adjust("1 second")
      yield* RateLimiter.acquire(limiter)
    })
  )

  it.effect("bounds how many wait", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.make({ limit: 1, window: "1 second", maxWait: "1 minute", maxWaiters: 2 })
      yield* RateLimiter.acquire(limiter)
      yield* Effect.forkChild(RateLimiter.acquire(limiter))
      yield* Effect.forkChild(RateLimiter.acquire(limiter))
      yield* Effect.yieldNow
      assert.strictEqual((yield* Effect.flip(RateLimiter.acquire(limiter)))._tag, "Throttled")
      yield* TestClock.adjust("1 second")
      const third = yield* Effect.forkChild(Effect.exit(RateLimiter.acquire(limiter)))
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(third)))
    })
  )

  it.effect("does not wait past the deadline", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.make({ limit: 1, window: "1 minute", maxWait: "1 hour" })
      yield* RateLimiter.acquire(limiter)
      const error = yield* RateLimiter.acquire(limiter).pipe(Deadline.total("10 seconds"), Effect.flip)
      assert.strictEqual(error._tag, "Throttled")
    })
  )

  it.effect("permits: a call that needs more takes more", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.make({ limit: 10, window: "1 second", kind: "bursty" })
      yield* RateLimiter.acquire(limiter, { permits: 8 })
      assert.strictEqual((yield* Effect.flip(RateLimiter.acquire(limiter, { permits: 3 }))).retryAfterMillis, 1000)
      yield* RateLimiter.acquire(limiter, { permits: 2 })
      assert.isUndefined((yield* Effect.flip(RateLimiter.acquire(limiter, { permits: 11 }))).retryAfterMillis)
    })
  )

  it.effect("interrupted anywhere, a waiter gives its turn back", () =>
    Effect.gen(function* () {
      const report = yield* interruptEverywhere(
        Effect.gen(function* () {
          const limiter = yield* RateLimiter.make({ limit: 1, window: "1 second", maxWait: "1 minute" })
          yield* Effect.orDie(RateLimiter.acquire(limiter))
          const start = yield* at
          const check = (exit: Exit.Exit<string, Throttled>) =>
            Effect.map(at, (now) => {
              const lane = limiter.lane(now)
              assert.strictEqual(lane.waiting, 0)
              // Either its turn was used, or the next one has it.
              const next = lane.rule.peek(now, 1)
              if (Exit.isFailure(exit) && now < start + 1000) assert.strictEqual(next, start + 1000)
            })
          return { program: RateLimiter.protect(Effect.succeed("ran"), limiter), check }
        })
      )
      assert.isAbove(report.steps, 5)
      assert.isAtLeast(report.waits, 10)
    })
  )

  it.effect("tells of refusals", () =>
    Effect.gen(function* () {
      const names: Array<string> = []
      const limiter = yield* RateLimiter.make({ limit: 1, window: "1 second" })
      yield* RateLimiter.acquire(limiter)
      yield* Effect.ignore(RateLimiter.acquire(limiter)).pipe(
        Effect.provideService(PolicyTelemetry.Sink, (event) => names.push(event.name))
      )
      assert.deepStrictEqual(names, ["OnRateLimiterRejected"])
    })
  )

  it.effect("a stream takes one turn", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.make({ limit: 1, window: "1 second" })
      const stream = Stream.make(1, 2, 3).pipe(RateLimiter.protectStream(limiter))
      assert.deepStrictEqual(yield* Stream.runCollect(stream), [1, 2, 3])
      assert.strictEqual((yield* Effect.flip(Stream.runCollect(stream)))._tag, "Throttled")
    })
  )
})

describe("RateLimiter: refused options", () => {
  const refusals: ReadonlyArray<[RateLimiter.Options, string]> = [
    // Effect's limiter takes it for no limit at all.
    [{ limit: 0, window: 1000 }, 'RateLimiter.make: "limit" must be a positive integer, got 0'],
    [{ limit: Number.NaN, window: 1000 }, '"limit" must be a positive integer, got NaN'],
    [{ limit: 1, window: 0 }, '"window" must be a duration above zero'],
    [{ limit: 1, window: 1000, maxWait: -1 }, '"maxWait" must be a duration, zero or more'],
    [{ limit: 1, window: 1000, maxWaiters: 0.5 }, '"maxWaiters" must be a whole number'],
    [{ limit: 1, window: 1000, kind: "other" as "smooth" }, '"kind" must be "smooth" or "bursty", got "other"']
  ]
  for (const [options, expected] of refusals) {
    it(expected, () =>
      assert.throws(() => RateLimiter.make(options), InvalidPolicyOption.InvalidPolicyOption, expected)
    )
  }
})
