import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import type {
  BulkheadFull,
  ChannelResponseTimeExceeded,
  CircuitOpen,
  DeadlineExceeded,
  Throttled
} from "effect-resilience/errors"
import { CircuitBreaker, Policy, PolicyConfig, type Retry } from "effect-resilience/policy"
import { TestClock } from "effect/testing"

const full = {
  name: "search",
  deadline: "5 seconds",
  retry: {
    attempts: 3,
    elapsed: "1 minute",
    backoff: { type: "exponential", base: "1 second", factor: 2, cap: "10 seconds", jitter: "none" },
    maxRetryAfter: "10 seconds",
    budget: { type: "window", ratio: 0.2, minPerSecond: 10, ttl: "10 seconds" }
  },
  breaker: { window: { type: "time", duration: "30 seconds", minimum: 5, failureRate: 0.5 }, openFor: "10 seconds" },
  rateLimiter: { limit: 100, window: "1 second", kind: "bursty", maxWait: "1 second" },
  bulkhead: { concurrency: 10, queue: 5, maxWait: "1 second" },
  attempt: "2 seconds"
}

const faults = (input: unknown) => Effect.map(Effect.flip(PolicyConfig.load(input)), (error) => error.message)

describe("PolicyConfig", () => {
  it.effect("makes the pipeline that it describes", () =>
    Effect.gen(function* () {
      const policy = yield* PolicyConfig.load(full)
      let calls = 0
      const down = Effect.suspend(() => Effect.fail(`down ${++calls}`))
      const fiber = yield* Effect.forkChild(Effect.exit(Policy.apply(down, policy)))
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(calls, 1)
      yield* TestClock.adjust("1 minute")
      const exit = yield* Fiber.join(fiber)
      const error = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
      assert.strictEqual(calls, 3)
      assert.strictEqual(typeof error === "object" ? error._tag : error, "RetriesExhausted")
      const breaker = policy.members.breaker
      assert.strictEqual(breaker === undefined ? "none" : (yield* CircuitBreaker.state(breaker))._tag, "Closed")
    })
  )

  it.effect("an empty one changes nothing", () =>
    Effect.gen(function* () {
      const policy = yield* PolicyConfig.load({})
      assert.strictEqual(yield* Effect.flip(Policy.apply(Effect.fail("down"), policy)), "down")
    })
  )

  it.effect("the error type is that of all parts, since any may be there", () =>
    Effect.gen(function* () {
      const policy = yield* PolicyConfig.load({})
      type Inside = "down" | ChannelResponseTimeExceeded | BulkheadFull | CircuitOpen | Throttled
      const call: Effect.Effect<number, "down"> = Effect.succeed(1)
      expectTypeOf(Policy.apply(call, policy)).toEqualTypeOf<
        Effect.Effect<number, Inside | Retry.Exhausted<Inside> | DeadlineExceeded>
      >()
    })
  )

  it.effect("reports every fault with its path, all at once", () =>
    Effect.gen(function* () {
      const message = yield* faults({
        deadline: 5000,
        attempt: "0 seconds",
        retry: { attempts: 0, backoff: { type: "exponential", base: "2 seconds", cap: "1 second" } },
        breaker: { window: { type: "consecutive", failures: 0 } },
        rateLimiter: { limit: 0, window: "1 second" },
        bulkhead: { concurency: 10 }
      })
      for (const path of ["deadline", "attempt", "retry", "breaker", "rateLimiter", "bulkhead"]) {
        assert.include(message, `["${path}"]`)
      }
      assert.include(message, "concurency")
      assert.include(message, 'RateLimiter.make: "limit" must be a positive integer, got 0')
      assert.include(message, '"base" must be at most "cap" (1000), got 2000')
    })
  )

  const wrong: ReadonlyArray<[unknown, string]> = [
    [{ retry: { budget: { type: "window", ratio: -1 } } }, '"ratio" must be a number from 0 to 1000, got -1'],
    [{ retry: { budget: { type: "bucket" } } }, '["retry"]["budget"]'],
    [{ retry: { backoff: { type: "exponential", jitter: { proportional: 2 } } } }, '["jitter"]["proportional"]'],
    [{ retry: { attempts: Number.NaN } }, '["retry"]["attempts"]'],
    [{ breaker: { window: { type: "count", failureRate: 2 } } }, '["breaker"]["window"]'],
    [{ bulkhead: { concurrency: 1.5 } }, '"concurrency" must be a positive integer, got 1.5'],
    [{ deadline: "Infinity" }, '["deadline"]'],
    [{ deadline: "soon" }, '["deadline"]'],
    [{ other: 1 }, '["other"]'],
    ["search", "Expected object"]
  ]
  for (const [input, expected] of wrong) {
    it.effect(JSON.stringify(input), () => Effect.map(faults(input), (message) => assert.include(message, expected)))
  }
})
