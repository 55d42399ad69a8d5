import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { BulkheadFull, DoRequestFailed, InvalidRequest } from "effect-resilience/errors"
import { AdaptiveLimit, Bulkhead, PolicyTelemetry, Priority } from "effect-resilience/policy"
import type { LimitRule, MakeRule } from "#src/policy/adaptive/LimitRule"
import { shedChance } from "#src/policy/adaptive/ShedChance"
import { interruptEverywhere } from "./kit/interruptAt.ts"

const started = { startImmediately: true } as const

const draw = (value: number) => ({ nextIntUnsafe: () => 0, nextDoubleUnsafe: () => value })

/** Feeds samples of `[millis, inFlight]`, or drops, and gives the estimate after each. */
const feed = (rule: LimitRule, samples: ReadonlyArray<readonly [number, number] | "drop">, jitter = 0.5) =>
  samples.map((sample) => {
    rule.sample(
      sample === "drop"
        ? { millis: 1, inFlight: 20, dropped: true }
        : { millis: sample[0], inFlight: sample[1], dropped: false },
      () => jitter
    )
    return Number(rule.estimate().toFixed(6))
  })

const times = <A>(n: number, value: A): ReadonlyArray<A> => Array.from({ length: n }, () => value)

describe("rules (Netflix concurrency-limits)", () => {
  describe("Gradient2", () => {
    it("constant times raise it by a part of the queue size", () => {
      const limits = feed(AdaptiveLimit.gradient2()(), times(5, [100, 50]))
      assert.deepStrictEqual(limits, [20.8, 21.6, 22.4, 23.2, 24])
    })
    it("times that quadruple lower it", () => {
      const rule = AdaptiveLimit.gradient2()()
      feed(rule, times(20, [100, 50]))
      assert.deepStrictEqual(feed(rule, times(3, [400, 50])), [33.2, 30.68, 28.412])
    })
    it("holds while less than half of it is in flight", () => {
      assert.deepStrictEqual(feed(AdaptiveLimit.gradient2()(), [[100, 9]]), [20])
    })
    it("a drop lowers it as the worst time would, also a quick one", () => {
      const rule = AdaptiveLimit.gradient2({ initial: 100, min: 1 })()
      assert.deepStrictEqual(feed(rule, ["drop", "drop"]), [90.8, 82.52])
    })
  })

  describe("AIMD", () => {
    it("adds 1 while at least half is in flight, cuts to floor(limit * 0.9) on a drop or past the timeout", () => {
      const rule = AdaptiveLimit.aimd({ min: 1 })()
      assert.deepStrictEqual(
        feed(rule, [[10, 10], [10, 10], "drop", [5_001, 1], [5_000, 8], [5_000, 7]]),
        [21, 21, 18, 16, 17, 17]
      )
    })
    it("stays within its bounds", () => {
      const rule = AdaptiveLimit.aimd({ min: 19, max: 21 })()
      assert.deepStrictEqual(feed(rule, [...times(2, [1, 50] as const), "drop", "drop", "drop"]), [21, 21, 19, 19, 19])
    })
  })

  describe("Vegas", () => {
    it("the first sample and a quicker one only set the least time", () => {
      assert.deepStrictEqual(
        feed(AdaptiveLimit.vegas()(), [
          [100, 20],
          [90, 20]
        ]),
        [20, 20]
      )
    })
    it("queue <= L: + 6 L; < 3 L: + L; > 6 L: - L; between: hold (L = 1 at 20)", () => {
      // The queue is ceil(20 * (1 - 100 / time)).
      const after = (millis: number) =>
        feed(AdaptiveLimit.vegas()(), [
          [100, 20],
          [millis, 20]
        ])[1]
      assert.deepStrictEqual([100, 105, 110, 118, 125, 142, 150].map(after), [26, 26, 21, 20, 20, 20, 19])
    })
    it("L grows with the logarithm of the limit", () => {
      const rule = AdaptiveLimit.vegas({ initial: 100 })()
      assert.deepStrictEqual(feed(rule, [[100, 100], [100, 100], "drop"]), [100, 112, 110])
    })
    it("holds while less than half of it is in flight", () => {
      assert.deepStrictEqual(
        feed(AdaptiveLimit.vegas()(), [
          [100, 20],
          [100, 9]
        ]),
        [20, 20]
      )
    })
    it("smooths", () => {
      assert.deepStrictEqual(
        feed(AdaptiveLimit.vegas({ smoothing: 0.5 })(), [
          [100, 20],
          [100, 20]
        ]),
        [20, 23]
      )
    })
    it("measures the least time anew every U(0.5, 1) * 30 * limit samples", () => {
      const rule = AdaptiveLimit.vegas({ initial: 10, max: 10, probeMultiplier: 1 })()
      // Jitter 0.75, limit 10: sample 8 is the first at or above 7.5. Then 400 ms is the least, and no queue.
      feed(rule, times(7, [100, 10]))
      assert.deepStrictEqual(feed(rule, [[400, 10]]), [10])
      assert.deepStrictEqual(feed(rule, [[400, 10]]), [10])
      const other = AdaptiveLimit.vegas({ initial: 10, max: 10, probeMultiplier: 10 })()
      feed(other, times(7, [100, 10]))
      assert.deepStrictEqual(
        feed(other, [
          [400, 10],
          [400, 10]
        ]),
        [9, 8]
      )
    })
    it("a quick drop is no least time", () => {
      const rule = AdaptiveLimit.vegas()()
      assert.deepStrictEqual(feed(rule, [[100, 20], "drop", [100, 20]]), [20, 19, 25])
    })
  })

  it("stay within their bounds and are never NaN, for any samples", () => {
    const sample = fc.record({
      millis: fc.oneof(fc.double(), fc.double({ min: 0.001, max: 10_000, noNaN: true })),
      inFlight: fc.nat(400),
      dropped: fc.boolean()
    })
    const rules: ReadonlyArray<readonly [MakeRule, number, number]> = [
      [AdaptiveLimit.vegas({ max: 50 }), 1, 50],
      [AdaptiveLimit.gradient2({ min: 5, max: 50 }), 5, 50],
      [AdaptiveLimit.aimd({ min: 5, max: 50 }), 5, 50]
    ]
    for (const [make, min, max] of rules) {
      fc.assert(
        fc.property(fc.array(sample), fc.double({ min: 0, max: 0.999, noNaN: true }), (samples, jitter) => {
          const rule = make()
          for (const one of samples) {
            rule.sample(one, () => jitter)
            assert.isTrue(rule.estimate() >= min && rule.estimate() <= max)
          }
        })
      )
    }
  })

  it("refuse numbers that make no sense, by the option's name", () => {
    assert.throws(() => AdaptiveLimit.vegas({ initial: 0 }), /AdaptiveLimit.vegas: "initial"/)
    assert.throws(() => AdaptiveLimit.vegas({ smoothing: NaN }), /"smoothing"/)
    assert.throws(() => AdaptiveLimit.gradient2({ min: 300 }), /"min"/)
    assert.throws(() => AdaptiveLimit.gradient2({ tolerance: 0.9 }), /"tolerance"/)
    assert.throws(() => AdaptiveLimit.aimd({ backoff: 1 }), /"backoff"/)
    assert.throws(() => AdaptiveLimit.aimd({ backoff: 0.4 }), /"backoff"/)
    assert.throws(() => AdaptiveLimit.make({ queue: { freeFactor: 4 } }), /"freeFactor"/)
  })
})

describe("early shedding (failsafe-go)", () => {
  it("none up to free, certain at max, evenly between", () => {
    assert.deepStrictEqual(
      [0, 40, 45, 50, 59, 60, 100].map((queued) => shedChance(queued, 40, 60)),
      [0, 0, 0.25, 0.5, 0.95, 1, 1]
    )
  })
})

/** A limit of `n` that does not move by itself. */
const fixed = (n: number, options: AdaptiveLimit.Options = {}) =>
  AdaptiveLimit.make({ rule: AdaptiveLimit.aimd({ initial: n, min: 1, max: n }), ...options })

const hold = (limit: AdaptiveLimit.AdaptiveLimit, n: number) =>
  Effect.gen(function* () {
    const latch = yield* Deferred.make<void>()
    const call = AdaptiveLimit.protect(Deferred.await(latch), limit)
    const holders = yield* Effect.replicateEffect(Effect.forkChild(call, started), n)
    return Effect.andThen(Deferred.succeed(latch, undefined), Fiber.awaitAll(holders))
  })

describe("AdaptiveLimit", () => {
  it.effect("refuses beyond the limit, with one value, and tells of it", () =>
    Effect.gen(function* () {
      const limit = yield* fixed(2, { key: "db" })
      const open = yield* hold(limit, 2)
      const events: Array<string> = []
      const call = Effect.flip(AdaptiveLimit.protect(Effect.void, limit)).pipe(
        Effect.provideService(PolicyTelemetry.Sink, (event) => events.push(event.name))
      )
      const error = yield* call
      assert.isTrue(error instanceof BulkheadFull && error.key === "db")
      assert.strictEqual(error, yield* call)
      assert.deepStrictEqual(events, ["OnAdaptiveLimitRejected", "OnAdaptiveLimitRejected"])
      yield* open
      yield* AdaptiveLimit.protect(Effect.void, limit)
    })
  )

  it.effect("learns from successes and failures, and tells of it", () =>
    Effect.gen(function* () {
      const limit = yield* AdaptiveLimit.make({ rule: AdaptiveLimit.aimd({ initial: 10, min: 1, max: 20 }) })
      const events: Array<unknown> = []
      const open = yield* hold(limit, 10)
      yield* TestClock.adjust("100 millis")
      yield* open
      assert.strictEqual((yield* AdaptiveLimit.state(limit)).limit, 16)
      yield* Effect.exit(AdaptiveLimit.protect(Effect.fail(new DoRequestFailed({})), limit)).pipe(
        Effect.provideService(PolicyTelemetry.Sink, ({ attributes, name }) =>
          events.push([name, attributes["from"], attributes["to"]])
        )
      )
      assert.strictEqual((yield* AdaptiveLimit.state(limit)).limit, 14)
      assert.deepStrictEqual(events, [["OnAdaptiveLimitChanged", 16, 14]])
    })
  )

  it.effect("a cancelled call, another policy's rejection, the caller's fault and a defect give no sample", () =>
    Effect.gen(function* () {
      let samples = 0
      const counting: MakeRule = () => ({ name: "aimd", estimate: () => 10, sample: () => void samples++ })
      const limit = yield* AdaptiveLimit.make({ rule: counting })
      const bulkhead = yield* Bulkhead.make({ concurrency: 1 })
      const fiber = yield* Effect.forkChild(AdaptiveLimit.protect(Effect.never, limit), started)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.interrupt(fiber)
      const innocent: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        Effect.fail(new BulkheadFull({})),
        Effect.fail(new InvalidRequest({})),
        Effect.die("bug")
      ]
      for (const effect of innocent) {
        yield* Effect.exit(AdaptiveLimit.protect(Bulkhead.protect(effect, bulkhead), limit))
      }
      assert.strictEqual(samples, 0)
      yield* AdaptiveLimit.protect(Effect.void, limit)
      assert.strictEqual(samples, 1)
    })
  )

  it.effect("those who matter more go first, and those who can wait are shed first", () =>
    Effect.gen(function* () {
      const limit = yield* fixed(2, { queue: { freeFactor: 2, maxFactor: 2 } })
      const open = yield* hold(limit, 2)
      const order: Array<string> = []
      const call = (name: string, priority: Priority.Priority) =>
        Effect.forkChild(
          AdaptiveLimit.protect(
            Effect.sync(() => void order.push(name)),
            limit
          ).pipe(Priority.at(priority), Effect.match({ onSuccess: () => "ran", onFailure: () => "shed" })),
          started
        )
      // The queue holds 4; of sheddable calls 1, of sheddablePlus 2, and of criticalPlus 6.
      const fibers = yield* Effect.all([
        call("a", "sheddable"),
        call("b", "sheddable"),
        call("c", "sheddablePlus"),
        call("d", "sheddablePlus"),
        call("e", "critical"),
        call("f", "critical"),
        call("g", "critical"),
        call("h", "criticalPlus")
      ])
      yield* open
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["ran", "shed", "ran", "shed", "ran", "ran", "shed", "ran"])
      assert.deepStrictEqual(order, ["h", "e", "f", "c", "a"])
    })
  )

  it.effect("sheds early with the chance that the queue gives", () =>
    Effect.gen(function* () {
      const accepted = (random: number) =>
        Effect.gen(function* () {
          const limit = yield* fixed(10, { queue: {} })
          const open = yield* hold(limit, 10)
          const call = Effect.forkChild(Effect.exit(AdaptiveLimit.protect(Effect.void, limit)), started)
          const fibers = yield* Effect.replicateEffect(call, 40).pipe(
            Effect.provideService(Random.Random, draw(random))
          )
          const { queued } = yield* AdaptiveLimit.state(limit)
          yield* open
          const exits = yield* Fiber.joinAll(fibers)
          assert.strictEqual(exits.filter(Exit.isSuccess).length, queued)
          return queued
        })
      // Free up to 20, certain at 30: the chance is (queued - 20) / 10.
      assert.deepStrictEqual([yield* accepted(0), yield* accepted(0.45), yield* accepted(0.999)], [21, 25, 30])
    })
  )

  it.effect("waits no longer than maxWait", () =>
    Effect.gen(function* () {
      const limit = yield* fixed(1, { queue: { maxWait: "1 second" } })
      const open = yield* hold(limit, 1)
      const waiter = yield* Effect.forkChild(Effect.flip(AdaptiveLimit.protect(Effect.void, limit)), started)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(waiter))._tag, "BulkheadFull")
      yield* open
      assert.deepStrictEqual(yield* AdaptiveLimit.state(limit), { limit: 1, inFlight: 0, queued: 0 })
    })
  )

  it.effect("a predicate that throws keeps no place, and nobody waiting", () =>
    Effect.gen(function* () {
      const limit = yield* fixed(1, { queue: {}, isFailure: () => assert.fail("bug") })
      const latch = yield* Deferred.make<void, DoRequestFailed>()
      const first = yield* Effect.forkChild(AdaptiveLimit.protect(Deferred.await(latch), limit), started)
      const second = yield* Effect.forkChild(AdaptiveLimit.protect(Effect.succeed("ran"), limit), started)
      yield* Deferred.fail(latch, new DoRequestFailed({}))
      assert.isTrue(Exit.hasDies(yield* Fiber.await(first)))
      assert.strictEqual(yield* Fiber.join(second), "ran")
      assert.deepStrictEqual(yield* AdaptiveLimit.state(limit), { limit: 1, inFlight: 0, queued: 0 })
    })
  )

  it.effect("interrupted anywhere, running, waiting or just woken, it gives its place back", () =>
    Effect.gen(function* () {
      const scenario = Effect.gen(function* () {
        const limit = yield* fixed(1, { queue: { freeFactor: 5, maxFactor: 5, maxWait: "10 seconds" } })
        const call = AdaptiveLimit.protect(Effect.sleep("100 millis"), limit)
        return {
          program: Effect.all([call, call, call], { concurrency: "unbounded", discard: true }),
          check: () =>
            Effect.map(AdaptiveLimit.state(limit), (state) =>
              assert.deepStrictEqual(state, { limit: 1, inFlight: 0, queued: 0 })
            )
        }
      })
      const report = yield* interruptEverywhere(scenario)
      assert.isAbove(report.steps, 20)
    })
  )
})

describe("AdaptiveLimit.protectStream", () => {
  const first = (millis: number, last: number) =>
    Stream.concat(
      Stream.fromEffect(Effect.delay(Effect.succeed(1), millis)),
      Stream.fromEffect(Effect.delay(Effect.succeed(2), last))
    )

  /** A rule that notes its samples. */
  const noting = Effect.sync(() => {
    const samples: Array<[millis: number, dropped: boolean]> = []
    const rule = {
      name: "aimd",
      estimate: () => 1,
      sample: ({ dropped, millis }: { readonly dropped: boolean; readonly millis: number }) =>
        void samples.push([millis, dropped])
    } as const
    return { samples, rule: () => rule }
  })

  it.effect("keeps its place until it ends", () =>
    Effect.gen(function* () {
      const limit = yield* fixed(1)
      const fiber = yield* Effect.forkChild(Stream.runDrain(first(10, 990).pipe(AdaptiveLimit.protectStream(limit))))
      yield* TestClock.adjust("999 millis")
      const refused = yield* Effect.flip(Stream.runDrain(AdaptiveLimit.protectStream(first(0, 0), limit)))
      assert.strictEqual(refused._tag, "BulkheadFull")
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(fiber)
      assert.strictEqual((yield* AdaptiveLimit.state(limit)).inFlight, 0)
    })
  )

  it.effect("its sample is the time to its first element; a failure is a drop, a reader that leaves is not", () =>
    Effect.gen(function* () {
      const { rule, samples } = yield* noting
      const limit = yield* AdaptiveLimit.make({ rule })
      const run = (stream: Stream.Stream<number, DoRequestFailed>) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(
            Effect.exit(Stream.runDrain(AdaptiveLimit.protectStream(stream, limit)))
          )
          yield* TestClock.adjust("10 seconds")
          yield* Fiber.interrupt(fiber)
        })
      yield* run(first(10, 5000))
      yield* run(Stream.concat(first(10, 20), Stream.fail(new DoRequestFailed({}))))
      yield* run(Stream.take(first(30, 60_000), 1))
      yield* run(first(40, 60_000))
      assert.deepStrictEqual(samples, [
        [10, false],
        [10, true],
        [30, false]
      ])
      assert.strictEqual((yield* AdaptiveLimit.state(limit)).inFlight, 0)
    })
  )
})
