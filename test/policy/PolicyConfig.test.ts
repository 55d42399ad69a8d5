import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import type {
  BulkheadFull,
  ChannelResponseTimeExceeded,
  CircuitOpen,
  DeadlineExceeded,
  Throttled
} from "effect-resilience/errors"
import { Chaos, CircuitBreaker, Policy, PolicyConfig, type Retry } from "effect-resilience/policy"
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
      assert.include(message, '"base" must be at most "cap" (1s), got 2s')
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

describe("PolicyConfig: every member", () => {
  it.effect("hedge, throttle and adaptive limit, as in code", () =>
    Effect.gen(function* () {
      const { members } = yield* PolicyConfig.load({
        name: "search",
        deadline: { limit: "5 seconds", onExpiry: "detach" },
        retry: { budget: { type: "quota", capacity: 7 } },
        hedge: { idempotent: true, when: { quantile: 0.9, until: "1 second" }, maxHedges: 2 },
        throttle: { k: 3, window: "1 minute", minimum: 4, maxChance: 0.5 },
        breaker: { window: { type: "time", slices: 5 } },
        adaptiveLimit: { rule: { type: "aimd", initial: 5, min: 1 }, queue: { maxWait: "1 second" } },
        attempt: "1 second"
      })
      assert.strictEqual(members.hedge?.maxHedges, 2)
      assert.strictEqual(members.hedge?.budget, members.retry?.budget?.rule)
      assert.isDefined(members.hedge?.samples)
      assert.deepStrictEqual(members.throttle?.settings, { k: 3, minimum: 4, maxChance: 0.5 })
      assert.strictEqual(members.adaptiveLimit?.rule.name, "aimd")
      assert.deepStrictEqual(
        [members.throttle?.key, members.breaker?.key, members.adaptiveLimit?.key],
        ["search", "search", "search"]
      )
      assert.isUndefined(members.bulkhead)
    })
  )

  it.effect("a hedge with a budget of its own", () =>
    Effect.gen(function* () {
      const { members } = yield* PolicyConfig.load({
        retry: { budget: { type: "window" } },
        hedge: { idempotent: true, when: "parallel", budget: { type: "share" } }
      })
      assert.strictEqual(members.hedge?.budget?.kind, "share")
      assert.strictEqual(members.retry?.budget?.rule.kind, "window")
    })
  )

  it.effect("delays of zero, where the policies take them", () =>
    Effect.gen(function* () {
      const { members } = yield* PolicyConfig.load({
        retry: { backoff: { type: "constant", delay: "0 seconds" } },
        rateLimiter: { limit: 1, window: "1 second", maxWait: "0 seconds" }
      })
      assert.strictEqual(members.rateLimiter?.maxWaitMillis, 0)
    })
  )

  it.effect("what is no data is added to the loaded one", () =>
    Effect.gen(function* () {
      const { members } = yield* PolicyConfig.load({ retry: { attempts: 1 }, breaker: {} })
      const chaos = yield* Chaos.make({ fault: { rate: 1, error: () => "hurt" } })
      const call = Effect.void.pipe(Policy.apply(Policy.make({ ...members, chaos })), Chaos.allow, Effect.flip)
      const error = yield* call
      assert.strictEqual(typeof error === "object" && "last" in error ? error.last : error, "hurt")
    })
  )

  const refused: ReadonlyArray<[unknown, string]> = [
    [{ bulkhead: {}, adaptiveLimit: {} }, "take one"],
    [{ hedge: {} }, '["hedge"]["idempotent"]'],
    [{ hedge: { idempotent: false } }, '["hedge"]["idempotent"]'],
    [{ hedge: { idempotent: true, when: "sometimes" } }, '["hedge"]["when"]'],
    [{ hedge: { idempotent: true, maxHedges: 11 } }, '"maxHedges" must be a number from 1 to 10, got 11'],
    [{ hedge: { idempotent: true, when: { quantile: 1 } } }, '"quantile" must be above 0 and below 1, got 1'],
    [{ throttle: { k: 1 } }, '"k" must be a finite number above 1, got 1'],
    [{ adaptiveLimit: { rule: { type: "gradient2", min: 30 } } }, '"min" must be at most "initial" (20), got 30'],
    [{ adaptiveLimit: { queue: { freeFactor: 4 } } }, '"freeFactor" must be at most "maxFactor" (3), got 4'],
    [{ deadline: { limit: "1 second", onExpiry: "later" } }, '["deadline"]'],
    [{ chaos: {} }, '["chaos"]']
  ]
  for (const [input, expected] of refused) {
    it.effect(JSON.stringify(input), () => Effect.map(faults(input), (message) => assert.include(message, expected)))
  }
})

describe("PolicyConfig.loadStream", () => {
  it.effect("makes a pipeline that goes to streams", () =>
    Effect.gen(function* () {
      const { attempt: _, ...config } = full
      const policy = yield* PolicyConfig.loadStream({
        ...config,
        retry: { attempts: 2, backoff: { type: "constant", delay: "0 seconds" } }
      })
      let runs = 0
      const stream = Stream.suspend(() => (++runs < 2 ? Stream.fail("down") : Stream.make(1, 2)))
      assert.deepStrictEqual(yield* Stream.runCollect(stream.pipe(Policy.applyStream(policy))), [1, 2])
    })
  )

  for (const input of [{ attempt: "1 second" }, { hedge: { idempotent: true } }]) {
    it.effect(`refuses ${JSON.stringify(input)}`, () =>
      Effect.map(Effect.flip(PolicyConfig.loadStream(input)), (error) =>
        assert.include(error.message, `["${Object.keys(input)[0]}"]`)
      )
    )
  }
})
