import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Metric, Stream } from "effect"
import type {
  BulkheadFull,
  ChannelResponseTimeExceeded,
  CircuitOpen,
  DeadlineExceeded,
  Throttled
} from "effect-resilience/errors"
import {
  AdaptiveLimit,
  Bulkhead,
  CircuitBreaker,
  InvalidPolicyOption,
  Policy,
  PolicyTelemetry,
  RateLimiter,
  Retry,
  RetrySchedule
} from "effect-resilience/policy"
import { TestClock } from "effect/testing"
import { interruptEverywhere } from "./kit/interruptAt.ts"

const call: Effect.Effect<number, "down"> = Effect.fail("down")
const immediate = Retry.make({ attempts: 3, schedule: RetrySchedule.immediate })

/** Runs an effect while the test clock goes on; gives its exit and how long it took. */
const timed = <A, E>(self: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    let took = Number.NaN
    const noted = Effect.onExit(self, () => Effect.map(Clock.currentTimeMillis, (now) => void (took = now - start)))
    const fiber = yield* Effect.forkChild(noted)
    yield* TestClock.adjust("1 hour")
    const exit = yield* Fiber.await(fiber)
    const error = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
    return { exit, took, error }
  })

describe("Policy: the error type is exactly what the parts add", () => {
  it.effect("one by one", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const bulkhead = yield* Bulkhead.make()
      const adaptiveLimit = yield* AdaptiveLimit.make()
      const rateLimiter = yield* RateLimiter.make({ limit: 1000, window: "1 second" })
      type Out<E> = Effect.Effect<number, E>
      expectTypeOf(Policy.apply(call, Policy.make({}))).toEqualTypeOf<Out<"down">>()
      expectTypeOf(Policy.apply(call, Policy.make({ name: "x" }))).toEqualTypeOf<Out<"down">>()
      expectTypeOf(Policy.apply(call, Policy.make({ deadline: 5 }))).toEqualTypeOf<Out<"down" | DeadlineExceeded>>()
      expectTypeOf(Policy.apply(call, Policy.make({ attempt: 5 }))).toEqualTypeOf<
        Out<"down" | ChannelResponseTimeExceeded>
      >()
      expectTypeOf(Policy.apply(call, Policy.make({ breaker }))).toEqualTypeOf<Out<"down" | CircuitOpen>>()
      expectTypeOf(Policy.apply(call, Policy.make({ bulkhead }))).toEqualTypeOf<Out<"down" | BulkheadFull>>()
      expectTypeOf(Policy.apply(call, Policy.make({ adaptiveLimit }))).toEqualTypeOf<Out<"down" | BulkheadFull>>()
      expectTypeOf(Policy.apply(call, Policy.make({ rateLimiter }))).toEqualTypeOf<Out<"down" | Throttled>>()
      expectTypeOf(Policy.apply(call, Policy.make({ retry: immediate }))).toEqualTypeOf<Out<Retry.Exhausted<"down">>>()
      expectTypeOf(call.pipe(Policy.apply(Policy.make({ retry: immediate, breaker, deadline: 5 })))).toEqualTypeOf<
        Out<Retry.Exhausted<"down" | CircuitOpen> | DeadlineExceeded>
      >()
      // @ts-expect-error a bulkhead and an adaptive limit exclude one another
      Policy.make({ bulkhead, adaptiveLimit })
      const judging = Retry.make({ while: (error: "down") => error === "down" })
      Policy.apply(call, Policy.make({ retry: judging }))
      // @ts-expect-error this retry cannot judge the CircuitOpen that the breaker adds
      Policy.make({ retry: judging, breaker })
      // @ts-expect-error this retry cannot judge the effect's error
      Policy.apply(Effect.fail(5), Policy.make({ retry: judging }))
      // @ts-expect-error an attempt's limit has no meaning for a stream
      Policy.applyStream(Stream.fail("x"), Policy.make({ attempt: "1 second" }))
    })
  )

  it("a wrong limit is refused when the pipeline is made", () => {
    assert.throws(
      () => Policy.make({ deadline: 0 }),
      InvalidPolicyOption.InvalidPolicyOption,
      'Policy.make: "deadline"'
    )
    assert.throws(
      () => Policy.make({ attempt: { limit: Number.NaN } }),
      InvalidPolicyOption.InvalidPolicyOption,
      'Policy.make: "attempt"'
    )
  })
})

describe("Policy: the order", () => {
  it.effect("the deadline bounds attempts and backoffs together", () =>
    Effect.gen(function* () {
      const policy = Policy.make({ deadline: "5 seconds", retry: Retry.make({ attempts: 9 }), attempt: "2 seconds" })
      const { took } = yield* timed(Policy.apply(Effect.never, policy))
      assert.isAtMost(took, 5000)
    })
  )

  it.effect("each attempt has its own limit, and a slow one is tried again", () =>
    Effect.gen(function* () {
      let calls = 0
      const slowTwice = Effect.suspend(() => (++calls < 3 ? Effect.never : Effect.succeed("ok")))
      const policy = Policy.make({ retry: immediate, attempt: "1 second" })
      const { exit, took } = yield* timed(Policy.apply(slowTwice, policy))
      assert.deepStrictEqual(exit, Exit.succeed("ok"))
      assert.strictEqual(took, 2000)
    })
  )

  it.effect("the breaker sees every attempt, and an open circuit is not asked again", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(3) })
      const policy = Policy.make({ retry: Retry.make({ attempts: 9, schedule: RetrySchedule.immediate }), breaker })
      let calls = 0
      const down = Effect.suspend(() => Effect.fail(++calls))
      const { error } = yield* timed(Policy.apply(down, policy))
      assert.strictEqual(calls, 3)
      assert.strictEqual(error?.reason, "notRecoverable")
      assert.deepStrictEqual(
        error?.errors.map((e) => (typeof e === "number" ? e : e._tag)),
        [1, 2, 3, "CircuitOpen"]
      )
    })
  )

  it.effect("waiting for a place is not the attempt's time", () =>
    Effect.gen(function* () {
      const bulkhead = yield* Bulkhead.make({ concurrency: 1, queue: 5 })
      const policy = Policy.make({ bulkhead, attempt: "1 second" })
      const one = Effect.delay(Effect.succeed("ok"), "900 millis").pipe(Policy.apply(policy))
      const { exit } = yield* timed(Effect.all([one, one, one], { concurrency: "unbounded" }))
      assert.deepStrictEqual(exit, Exit.succeed(["ok", "ok", "ok"]))
    })
  )

  it.effect("retries count against the rate limit", () =>
    Effect.gen(function* () {
      const rateLimiter = yield* RateLimiter.make({ limit: 1, window: "1 second", maxWait: "1 minute" })
      const { took } = yield* timed(Policy.apply(call, Policy.make({ retry: immediate, rateLimiter })))
      assert.strictEqual(took, 2000)
    })
  )

  it.effect("a full bulkhead is no failure of the target", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1) })
      const bulkhead = yield* Bulkhead.make({ concurrency: 1 })
      const one = Effect.sleep("1 second").pipe(Policy.apply(Policy.make({ breaker, bulkhead })), Effect.exit)
      yield* timed(Effect.all([one, one, one, one], { concurrency: "unbounded" }))
      // opossum opens here, for four healthy calls.
      assert.strictEqual((yield* CircuitBreaker.state(breaker))._tag, "Closed")
    })
  )
})

describe("Policy: all together", () => {
  it.effect("interrupted anywhere, everything is given back", () =>
    Effect.gen(function* () {
      const report = yield* interruptEverywhere(
        Effect.gen(function* () {
          const bulkhead = yield* Bulkhead.make({ concurrency: 1, queue: 5 })
          const breaker = yield* CircuitBreaker.make()
          let open = 0
          const use = Effect.acquireUseRelease(
            Effect.sync(() => void open++),
            () => Effect.delay(Effect.fail("down"), "150 millis"),
            () => Effect.sync(() => void open--)
          )
          const policy = Policy.make({
            deadline: "1 second",
            retry: Retry.make({ attempts: 3, schedule: RetrySchedule.constant({ delay: "100 millis" }) }),
            breaker,
            bulkhead,
            attempt: "120 millis"
          })
          const check = () =>
            Effect.gen(function* () {
              assert.strictEqual(open, 0)
              assert.deepStrictEqual(yield* Bulkhead.load(bulkhead), { running: 0, queued: 0 })
            })
          return { program: Policy.apply(use, policy), check }
        })
      )
      assert.isAbove(report.steps, 40)
      assert.isAbove(report.waits, 3)
    })
  )

  it.effect("a named pipeline is measured, and its events bear its name", () =>
    Effect.gen(function* () {
      const policy = Policy.make({ name: "search", retry: Retry.make({ attempts: 2 }) })
      const events: Array<PolicyTelemetry.Event> = []
      yield* timed(Policy.apply(call, policy)).pipe(
        Effect.provideService(PolicyTelemetry.Sink, (event) => events.push(event)),
        Effect.provide(PolicyTelemetry.layerMetrics)
      )
      assert.deepStrictEqual(new Set(events.map((event) => event.pipeline)), new Set(["search"]))
      const snapshot = yield* Metric.snapshot
      const duration = snapshot.find((metric) => metric.id === "resilience.policy.pipeline.duration")
      assert.deepInclude(duration?.attributes, { "pipeline.name": "search", "exception.type": "RetriesExhausted" })
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("so is a named stream", () =>
    Effect.gen(function* () {
      const policy = Policy.make({
        name: "feed",
        retry: Retry.make({ attempts: 2, schedule: RetrySchedule.immediate })
      })
      const events: Array<PolicyTelemetry.Event> = []
      yield* Effect.exit(Stream.runDrain(Policy.applyStream(Stream.fail("down"), policy))).pipe(
        Effect.provideService(PolicyTelemetry.Sink, (event) => events.push(event)),
        Effect.provide(PolicyTelemetry.layerMetrics)
      )
      assert.deepStrictEqual(
        events.map((event) => [event.name, event.pipeline]),
        [
          ["OnRetry", "feed"],
          ["OnRetriesExhausted", "feed"]
        ]
      )
      const snapshot = yield* Metric.snapshot
      assert.isDefined(snapshot.find((metric) => metric.id === "resilience.policy.pipeline.duration"))
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("a stream: retried before its first element, bounded in all", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      let runs = 0
      const stream = Stream.suspend(() => (++runs < 3 ? Stream.fail("down") : Stream.make(1, 2)))
      const policy = Policy.make({ deadline: "5 seconds", retry: immediate, breaker })
      assert.deepStrictEqual(yield* Stream.runCollect(stream.pipe(Policy.applyStream(policy))), [1, 2])
      const slow = Stream.concat(Stream.make(1), Stream.never).pipe(Policy.applyStream(policy))
      const { error, took } = yield* timed(Stream.runDrain(slow))
      assert.strictEqual(took, 5000)
      assert.strictEqual(error?._tag, "DeadlineExceeded")
    })
  )
})
