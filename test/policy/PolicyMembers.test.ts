import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { DoRequestFailed } from "effect-resilience/errors"
import {
  AdaptiveLimit,
  Bulkhead,
  Chaos,
  CircuitBreaker,
  Failures,
  Hedge,
  OutlierEjection,
  Policy,
  Retry,
  RetrySchedule,
  Throttle
} from "effect-resilience/policy"
import { TestClock } from "effect/testing"

const down = Effect.fail(new DoRequestFailed({}))
const thrice = Retry.make({ attempts: 3, schedule: RetrySchedule.immediate })

describe("Policy: chaos", () => {
  it.effect("is innermost: a retry meets its faults, an attempt's limit its latency", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos.make({ fault: { rate: 1, error: () => "hurt" } })
      const faulty = Policy.make({ retry: thrice, chaos })
      const error = yield* Effect.flip(Chaos.allow(Policy.apply(Effect.succeed("fine"), faulty)))
      assert.deepStrictEqual(error.errors, ["hurt", "hurt", "hurt"])
      const latency = yield* Chaos.make({ latency: { rate: 1, delay: "2 seconds" } })
      const late = Policy.make({ attempt: "1 second", chaos: latency })
      const fiber = yield* Effect.forkChild(Effect.flip(Chaos.allow(Policy.apply(Effect.void, late))))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "ChannelResponseTimeExceeded")
    })
  )

  it.effect("does nothing unless it is allowed", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos.make({ outcome: { rate: 1, value: () => 503 } })
      const call = Policy.apply(Effect.succeed("fine"), Policy.make({ chaos }))
      assert.deepStrictEqual([yield* call, yield* Chaos.allow(call)], ["fine", 503])
    })
  )

  it.effect("a stream's is cut inside the pipeline", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos.makeStream({ cut: { rate: 1, at: 1, error: () => "cut" } })
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1) })
      const stream = Policy.applyStream(Stream.make(1, 2), Policy.make({ breaker, chaos }))
      assert.deepStrictEqual(yield* Stream.runCollect(stream), [1, 2])
      assert.strictEqual(yield* Effect.flip(Chaos.allow(Stream.runDrain(stream))), "cut")
      assert.strictEqual((yield* CircuitBreaker.state(breaker))._tag, "Open")
    })
  )
})

describe("Policy: outlier", () => {
  it.effect("counts every attempt, its limit of time too, and no rejection of ours", () =>
    Effect.gen(function* () {
      const ejection = yield* OutlierEjection.make({ members: ["a", "b"], consecutive: 3 })
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1) })
      const outlier = { ejection, member: "a" }
      const refused = Policy.make({ retry: thrice, breaker, outlier })
      yield* Effect.exit(Policy.apply(down, refused))
      yield* Effect.replicateEffect(Effect.exit(Policy.apply(down, refused)), 5)
      assert.isFalse(yield* OutlierEjection.isEjected(ejection, "a"))
      const policy = Policy.make({ attempt: "1 second", outlier })
      yield* Effect.exit(Policy.apply(down, policy))
      const fiber = yield* Effect.forkChild(Effect.exit(Policy.apply(Effect.never, policy)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.isTrue(yield* OutlierEjection.isEjected(ejection, "a"))
    })
  )
})

describe("Policy: hedge", () => {
  it.effect("an attempt for which there is no place leaves the one that runs alone", () =>
    Effect.gen(function* () {
      const hedge = yield* Hedge.make({ idempotent: true, when: "1 second", maxHedges: 3 })
      const bulkhead = yield* Bulkhead.make({ concurrency: 1 })
      let calls = 0
      const slow = Effect.suspend(() => Effect.delay(Effect.succeed(++calls), "5 seconds"))
      const fiber = yield* Effect.forkChild(Effect.exit(Policy.apply(slow, Policy.make({ hedge, bulkhead }))))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.succeed(1))
    })
  )

  it.effect("the first attempt's error, if it is the one that was refused, or if it failed before", () =>
    Effect.gen(function* () {
      const hedge = yield* Hedge.make({ idempotent: true, when: "sequential" })
      const bulkhead = yield* Bulkhead.make({ concurrency: 1 })
      const policy = Policy.make({ hedge, bulkhead })
      const refused = Bulkhead.protect(Effect.flip(Policy.apply(Effect.void, policy)), bulkhead)
      assert.strictEqual((yield* refused)._tag, "BulkheadFull")
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1) })
      const error = yield* Effect.flip(Policy.apply(down, Policy.make({ hedge, breaker })))
      assert.strictEqual(error._tag, "DoRequestFailed")
    })
  )
})

describe("Policy: streams", () => {
  it.effect("a throttle and an adaptive limit guard them too", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make()
      const adaptiveLimit = yield* AdaptiveLimit.make({ rule: AdaptiveLimit.aimd({ initial: 1, min: 1 }) })
      const policy = Policy.make({ throttle, adaptiveLimit })
      const endless = Policy.applyStream(Stream.concat(Stream.make(1), Stream.never), policy)
      const fiber = yield* Effect.forkChild(Stream.runDrain(endless), { startImmediately: true })
      const error = yield* Effect.flip(Stream.runDrain(endless))
      assert.strictEqual(error._tag, "BulkheadFull")
      assert.deepStrictEqual(yield* Throttle.state(throttle), { requests: 2, accepts: 2, chance: 0 })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* AdaptiveLimit.state(adaptiveLimit)).inFlight, 0)
    })
  )
})

describe("the wrong orders do what their table says", () => {
  it.effect("a breaker outside a retry never opens, unless it is told to count what the retry gave up on", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1) })
      const retried = Retry.retry(down, thrice)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(CircuitBreaker.protect(retried, breaker))))
      assert.strictEqual((yield* CircuitBreaker.state(breaker))._tag, "Closed")
      const isFailure = Failures.orBlamedOn(Failures.isFailure, "exhausted")
      yield* Effect.exit(CircuitBreaker.protect(retried, breaker, { isFailure }))
      assert.strictEqual((yield* CircuitBreaker.state(breaker))._tag, "Open")
    })
  )
})
