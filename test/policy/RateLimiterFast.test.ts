import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { RateLimiter } from "effect-resilience/policy"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"

describe("RateLimiter: more than one a millisecond", () => {
  /** How many of `calls` calls run in each of these milliseconds. */
  const served = (options: Omit<RateLimiter.Options, "window">, calls: ReadonlyArray<number>) =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.make({ window: "1 second", ...options })
      const ran: Array<number> = []
      for (const n of calls) {
        let count = 0
        for (let i = 0; i < n; i++) if (Exit.isSuccess(yield* Effect.exit(RateLimiter.acquire(limiter)))) count++
        ran.push(count)
        yield* TestClock.adjust(1)
      }
      return ran
    })

  // A turn 0.01 ms from now counted as too early: of 20,000 calls at 80,000 a second 174 ran.
  it.effect("100,000 a second: a hundred each millisecond", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* served({ limit: 100_000 }, [80, 80, 200, 200, 0, 200]), [80, 80, 100, 100, 0, 100])
    })
  )

  it.effect("1,500 a second: three in two milliseconds", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* served({ limit: 1500 }, [9, 9, 9, 9, 9, 9]), [2, 1, 2, 1, 2, 1])
    })
  )

  it.effect("1,000 a second: one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* served({ limit: 1000 }, [9, 9, 0, 9]), [1, 1, 0, 1])
    })
  )

  it.effect("who waits less than a millisecond does not wait, and is no waiter", () =>
    Effect.gen(function* () {
      const options = { limit: 2000, maxWait: "1 second", maxWaiters: 0 } as const
      assert.deepStrictEqual(yield* served(options, [3, 3]), [2, 2])
    })
  )

  const traffic = fc.record({
    limit: fc.integer({ min: 1, max: 300_000 }),
    calls: fc.array(fc.nat(400), { minLength: 1, maxLength: 20 })
  })

  it.effect("the rate of a long time is the limit, whatever comes when", () =>
    Effect.forEach(fc.sample(traffic, { numRuns: 60, seed: 1 }), ({ calls, limit }) =>
      Effect.gen(function* () {
        const ran = yield* served({ limit }, calls)
        for (const i of ran.keys()) {
          const busy = calls.slice(i).every((n) => n > limit / 1000)
          let total = 0
          for (let j = i; j < ran.length; j++) {
            total += ran[j]!
            const due = ((j + 1 - i) * limit) / 1000
            // No more than the rate, from any millisecond on; and no fewer, while there are callers.
            assert.isAtMost(total, Math.ceil(due + 1e-6) + 1)
            if (busy) assert.isAtLeast(total, Math.floor(due - limit / 1000) - 1)
          }
        }
      })
    )
  )
})
