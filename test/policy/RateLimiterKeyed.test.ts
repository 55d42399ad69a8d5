import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { RateLimiter } from "effect-resilience/policy"
import { TestClock } from "effect/testing"

describe("RateLimiter.makeKeyed", () => {
  it.effect("each key has a limit of its own", () =>
    Effect.gen(function* () {
      const keyed = yield* RateLimiter.makeKeyed({ limit: 1, window: "1 second" })
      yield* RateLimiter.acquire(keyed.get("a"))
      yield* RateLimiter.acquire(keyed.get("b"))
      const error = yield* Effect.flip(RateLimiter.acquire(keyed.get("a")))
      assert.strictEqual(error.key, "a")
    })
  )

  // Effect's memory store keeps every key for ever.
  it.effect("a hundred thousand keys seen once do not stay", () =>
    Effect.gen(function* () {
      const keyed = yield* RateLimiter.makeKeyed({ limit: 1, window: "1 second" })
      let largest = 0
      for (let i = 0; i < 1000; i++) {
        for (let j = 0; j < 100; j++) yield* RateLimiter.acquire(keyed.get(`${i}.${j}`))
        yield* TestClock.adjust("1 second")
        largest = Math.max(largest, yield* keyed.size)
      }
      assert.isAtMost(largest, 300)
    })
  )

  it.effect("never more than maxKeys", () =>
    Effect.gen(function* () {
      const keyed = yield* RateLimiter.makeKeyed({ limit: 1, window: "1 hour", maxKeys: 10 })
      for (let i = 0; i < 100; i++) yield* RateLimiter.acquire(keyed.get(String(i)))
      assert.strictEqual(yield* keyed.size, 10)
    })
  )

  it.effect("by name, from a layer", () =>
    Effect.gen(function* () {
      const use = Effect.flatMap(RateLimiter.RateLimiters, (keyed) => Effect.exit(RateLimiter.acquire(keyed.get("a"))))
      const [first, second] = yield* Effect.all([use, use]).pipe(
        Effect.provide(RateLimiter.layer({ limit: 1, window: "1 second" }))
      )
      assert.isTrue(Exit.isSuccess(first) && Exit.isFailure(second))
    })
  )
})

describe("RateLimiter.makeKeyed: eviction", () => {
  // A key that is forgotten begins anew: whoever can make up keys would else have no limit on any.
  it.effect("a flood of new keys does not push out one that is in use", () =>
    Effect.gen(function* () {
      const keyed = yield* RateLimiter.makeKeyed({ limit: 1, window: "1 hour", maxKeys: 100 })
      let ran = 0
      for (let i = 0; i < 1000; i++) {
        if (Exit.isSuccess(yield* Effect.exit(RateLimiter.acquire(keyed.get("in use"))))) ran++
        yield* RateLimiter.acquire(keyed.get(String(i)))
      }
      assert.strictEqual(ran, 1)
      assert.strictEqual(yield* keyed.size, 100)
    })
  )

  it.effect("nor one that somebody waits for", () =>
    Effect.gen(function* () {
      const keyed = yield* RateLimiter.makeKeyed({ limit: 1, window: "1 minute", maxWait: "1 hour", maxKeys: 10 })
      const call = RateLimiter.acquire(keyed.get("waited for"))
      yield* call
      const waiting = yield* Effect.forkChild(call, { startImmediately: true })
      for (let i = 0; i < 100; i++) yield* RateLimiter.acquire(keyed.get(String(i)))
      const third = yield* Effect.forkChild(call, { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.isDefined(waiting.pollUnsafe())
      assert.isUndefined(third.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      assert.isDefined(third.pollUnsafe())
      assert.isAtMost(yield* keyed.size, 10)
    })
  )
})
