import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { CircuitOpen, DoRequestFailed } from "effect-resilience/errors"
import { CircuitBreaker } from "effect-resilience/policy"

const down = Effect.fail(new DoRequestFailed({}))
const up = Effect.succeed("up")

const tagOf = (breaker: CircuitBreaker.CircuitBreaker) => Effect.map(CircuitBreaker.state(breaker), (view) => view._tag)

describe("CircuitBreaker by key", () => {
  it.effect("each key has its own", () =>
    Effect.gen(function* () {
      const registry = yield* CircuitBreaker.makeKeyed({ window: CircuitBreaker.consecutive(1) })
      yield* Effect.exit(CircuitBreaker.protect(down, registry.get("a")))
      assert.strictEqual(yield* tagOf(registry.get("a")), "Open")
      assert.strictEqual(yield* tagOf(registry.get("b")), "Closed")
    })
  )

  it.effect("a program shares them through a layer", () =>
    Effect.gen(function* () {
      yield* Effect.exit(CircuitBreaker.protectKey(down, "a"))
      const error = yield* Effect.flip(Effect.fail("other").pipe(CircuitBreaker.protectKey("a")))
      assert.isTrue(error instanceof CircuitOpen && error.key === "a")
    }).pipe(Effect.provide(CircuitBreaker.layer({ window: CircuitBreaker.consecutive(1) })))
  )

  it.effect("many keys seen once leave no more than the limit, and idle ones none", () =>
    Effect.gen(function* () {
      const registry = yield* CircuitBreaker.makeKeyed({ maxKeys: 1_000, idleFor: "1 minute" })
      for (let i = 0; i < 20_000; i++) yield* CircuitBreaker.protect(up, registry.get(`key ${i}`))
      assert.strictEqual(yield* registry.size, 1_000)
      yield* TestClock.adjust("1 minute")
      for (let i = 0; i < 1_000; i++) yield* CircuitBreaker.protect(up, registry.get(`later ${i % 10}`))
      for (let i = 0; i < 1_000; i++) yield* CircuitBreaker.protect(up, registry.get(`more ${i}`))
      assert.isAtMost(yield* registry.size, 1_000)
    })
  )

  it.effect("a key that is asked for stays, however many come after it", () =>
    Effect.gen(function* () {
      const registry = yield* CircuitBreaker.makeKeyed({ window: CircuitBreaker.consecutive(2), maxKeys: 10 })
      yield* Effect.exit(CircuitBreaker.protect(down, registry.get("busy")))
      for (let i = 0; i < 1_000; i++) {
        yield* CircuitBreaker.state(registry.get("busy"))
        yield* CircuitBreaker.protect(up, registry.get(`key ${i}`))
      }
      assert.strictEqual((yield* CircuitBreaker.state(registry.get("busy"))).counts.failures, 1)
    })
  )

  it.effect("keys that all rest after failures are bounded too, and held ones are kept beyond the bound", () =>
    Effect.gen(function* () {
      const registry = yield* CircuitBreaker.makeKeyed({ window: CircuitBreaker.consecutive(1), maxKeys: 10 })
      for (let i = 0; i < 100; i++) yield* Effect.exit(CircuitBreaker.protect(down, registry.get(`key ${i}`)))
      assert.strictEqual(yield* registry.size, 10)
      for (let i = 0; i < 30; i++) yield* CircuitBreaker.forceOpen(registry.get(`held ${i}`))
      for (let i = 0; i < 100; i++) yield* CircuitBreaker.protect(up, registry.get(`more ${i}`))
      for (let i = 0; i < 30; i++) assert.strictEqual(yield* tagOf(registry.get(`held ${i}`)), "ForcedOpen")
      assert.isAtMost(yield* registry.size, 30 + 16)
    })
  )

  it.effect("idle keys go as new ones come", () =>
    Effect.gen(function* () {
      const registry = yield* CircuitBreaker.makeKeyed({ idleFor: "1 minute" })
      for (let i = 0; i < 100; i++) yield* CircuitBreaker.protect(up, registry.get(`key ${i}`))
      yield* TestClock.adjust("1 minute")
      for (let i = 0; i < 50; i++) yield* CircuitBreaker.protect(up, registry.get(`later ${i}`))
      assert.strictEqual(yield* registry.size, 50)
    })
  )

  it.effect("a key that is open or held is not dropped for a healthy one", () =>
    Effect.gen(function* () {
      const registry = yield* CircuitBreaker.makeKeyed({
        window: CircuitBreaker.consecutive(1),
        maxKeys: 10,
        idleFor: "1 minute"
      })
      yield* Effect.exit(CircuitBreaker.protect(down, registry.get("open")))
      yield* CircuitBreaker.forceOpen(registry.get("held"))
      for (let i = 0; i < 100; i++) yield* CircuitBreaker.protect(up, registry.get(`key ${i}`))
      assert.strictEqual(yield* tagOf(registry.get("open")), "Open")
      yield* TestClock.adjust("1 hour")
      for (let i = 0; i < 100; i++) yield* CircuitBreaker.protect(up, registry.get(`key ${i}`))
      assert.strictEqual(yield* tagOf(registry.get("held")), "ForcedOpen")
    })
  )

  it.effect("a result that comes after its key was dropped does not touch the key's new breaker", () =>
    Effect.gen(function* () {
      const registry = yield* CircuitBreaker.makeKeyed({ window: CircuitBreaker.consecutive(1), maxKeys: 1 })
      const latch = yield* Deferred.make<void, DoRequestFailed>()
      const early = yield* Effect.forkChild(CircuitBreaker.protect(Deferred.await(latch), registry.get("a")), {
        startImmediately: true
      })
      yield* CircuitBreaker.protect(up, registry.get("b"))
      yield* CircuitBreaker.protect(up, registry.get("a"))
      yield* Deferred.fail(latch, new DoRequestFailed({}))
      yield* Fiber.await(early)
      assert.strictEqual(yield* tagOf(registry.get("a")), "Closed")
    })
  )
})
