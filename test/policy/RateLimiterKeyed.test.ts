import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { RateLimiter, RateLimiterState } from "effect-resilience/policy"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import * as RateLimiterLanes from "#src/policy/limiter/RateLimiterLanes"
import { execFileSync } from "node:child_process"

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

  it.effect("a storm of refused calls makes one error for each millisecond of wait and key", () =>
    Effect.gen(function* () {
      const keyed = yield* RateLimiter.makeKeyed({ limit: 1, window: "1 second" })
      const refused = (key: string) => Effect.flip(RateLimiter.acquire(keyed.get(key)))
      yield* RateLimiter.acquire(keyed.get("a"))
      yield* RateLimiter.acquire(keyed.get("b"))
      const first = yield* refused("a")
      assert.strictEqual(yield* refused("a"), first)
      const other = yield* refused("b")
      assert.deepStrictEqual([first.key, other.key], ["a", "b"])
      yield* TestClock.adjust(1)
      const later = yield* refused("a")
      assert.deepStrictEqual([first.retryAfterMillis, later.retryAfterMillis], [1000, 999])
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
      const piped = Effect.exit(Effect.void.pipe(RateLimiter.protectKey("a")))
      const other = Effect.exit(RateLimiter.protectKey(Effect.void, "b"))
      const exits = yield* Effect.all([use, use, piped, other]).pipe(
        Effect.provide(RateLimiter.layer({ limit: 1, window: "1 second" }))
      )
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, false, true])
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

describe("RateLimiter.makeKeyed: memory", () => {
  // In a process of its own, whose heap nobody else fills. A kept `Map` iterator held 630 bytes for each key ever seen.
  const script = `
    import { Effect } from "effect"
    import { RateLimiter } from "effect-resilience/policy"

    const keys = 200_000
    const keyed = Effect.runSync(RateLimiter.makeKeyed({ limit: 10, window: "10 millis", ...JSON.parse(process.argv[1]) }))
    const heap = () => {
      globalThis.gc()
      return process.memoryUsage().heapUsed
    }
    let n = 0
    const before = heap()
    await Effect.runPromise(
      Effect.whileLoop({
        while: () => n < keys,
        body: () => RateLimiter.acquire(keyed.get("key " + n++)),
        step: () => {}
      })
    )
    const after = heap()
    console.log(JSON.stringify({ perKey: (after - before) / keys, kept: Effect.runSync(keyed.size) }))
  `
  const measure = (options: object): { readonly perKey: number; readonly kept: number } =>
    JSON.parse(
      execFileSync(
        process.execPath,
        [
          "--expose-gc",
          "--disable-warning=ExperimentalWarning",
          "--conditions=effect-resilience-source",
          "--input-type=module",
          "-e",
          script,
          JSON.stringify(options)
        ],
        { encoding: "utf8" }
      )
    )

  for (const [name, options, most] of [
    ["dropped as they are idle", {}, 100_000],
    ["pushed out by others", { window: "1 hour", maxKeys: 1000 }, 1000]
  ] as const) {
    it(`keys seen once leave nothing behind: ${name}`, () => {
      const { kept, perKey } = measure(options)
      assert.isAtMost(kept, most)
      assert.isBelow(perKey, 60)
    })
  }
})

describe("RateLimiterLanes: what always holds", () => {
  const calls = fc.array(fc.record({ key: fc.nat(30), wait: fc.constantFrom(0, 0, 0, 50, 5000) }), { maxLength: 200 })

  it("never more than maxKeys, the newest is kept, and what has the same key has the same limit", () =>
    fc.assert(
      fc.property(calls, fc.integer({ min: 1, max: 40 }), (list, maxKeys) => {
        const lanes = RateLimiterLanes.make(
          () => ({ rule: RateLimiterState.smooth(1000), waiting: 0, refusal: undefined }),
          maxKeys
        )
        let now = 0
        for (const { key, wait } of list) {
          now += wait
          const lane = lanes.find(String(key), now)
          lane.rule.take(lane.rule.peek(now, 1), 1, now)
          assert.strictEqual(lanes.find(String(key), now), lane)
          assert.isAtMost(lanes.size(), maxKeys)
        }
        // All are idle after a while, and go two at a call.
        for (let i = 0; i < 40; i++) lanes.find("last", now + 1e9)
        return lanes.size() <= 1
      }),
      { numRuns: 300 }
    ))
})
