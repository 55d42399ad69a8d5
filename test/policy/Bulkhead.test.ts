import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { Bulkhead, CircuitBreaker, Deadline, PolicyTelemetry } from "effect-resilience/policy"
import { interruptEverywhere } from "./kit/interruptAt.ts"

const started = { startImmediately: true } as const

/** A bulkhead with all of its places taken until `open`. */
const full = (options: Bulkhead.Options = {}) =>
  Effect.gen(function* () {
    const bulkhead = yield* Bulkhead.make({ concurrency: 1, ...options })
    const latch = yield* Deferred.make<void>()
    const holders = yield* Effect.replicateEffect(
      Effect.forkChild(Bulkhead.protect(Deferred.await(latch), bulkhead), started),
      bulkhead.concurrency
    )
    const open = Effect.andThen(
      Deferred.succeed(latch, undefined),
      Effect.forEach(holders, (holder) => Fiber.await(holder))
    )
    return { bulkhead, open }
  })

describe("Bulkhead", () => {
  it.effect("without options: 25 at once, none waits", () =>
    Effect.gen(function* () {
      const { bulkhead, open } = yield* full({ concurrency: 25 })
      assert.strictEqual((yield* Effect.flip(Bulkhead.protect(Effect.void, bulkhead)))._tag, "BulkheadFull")
      yield* open
      yield* Bulkhead.protect(Effect.void, bulkhead)
      assert.deepStrictEqual(yield* Bulkhead.load(bulkhead), { running: 0, queued: 0 })
    })
  )

  it.effect("refuses with one value, without a stack, and tells of it", () =>
    Effect.gen(function* () {
      const { bulkhead } = yield* full({ key: "db" })
      const events: Array<string> = []
      const call = Bulkhead.protect(Effect.void, bulkhead).pipe(
        Effect.flip,
        Effect.provideService(PolicyTelemetry.Sink, (event) => events.push(`${event.name} ${event.key}`))
      )
      const error = yield* call
      assert.strictEqual(error, yield* call)
      assert.strictEqual(error.key, "db")
      assert.notInclude(error.stack ?? "", "\n    at ")
      assert.deepStrictEqual(events, ["OnBulkheadRejected db", "OnBulkheadRejected db"])
    })
  )

  it.effect("first come, first served, and no newcomer overtakes", () =>
    Effect.gen(function* () {
      const { bulkhead, open } = yield* full({ queue: 3 })
      const order: Array<string> = []
      const call = (name: string) =>
        Bulkhead.protect(
          Effect.sync(() => void order.push(name)),
          bulkhead
        )
      const waiters = yield* Effect.forEach(["a", "b", "c"], (name) => Effect.forkChild(call(name), started))
      yield* open
      const newcomer = yield* Effect.forkChild(Effect.exit(call("late")), started)
      yield* Effect.forEach(waiters, (waiter) => Fiber.join(waiter))
      yield* Fiber.join(newcomer)
      assert.deepStrictEqual(order, ["a", "b", "c", "late"])
    })
  )

  it.effect("a cancelled waiter leaves in that moment (cockatiel 4: when its turn comes)", () =>
    Effect.gen(function* () {
      const { bulkhead, open } = yield* full({ queue: 1 })
      const waiter = yield* Effect.forkChild(Bulkhead.protect(Effect.void, bulkhead), started)
      assert.deepStrictEqual(yield* Bulkhead.load(bulkhead), { running: 1, queued: 1 })
      yield* Fiber.interrupt(waiter)
      assert.deepStrictEqual(yield* Bulkhead.load(bulkhead), { running: 1, queued: 0 })
      const next = yield* Effect.forkChild(Bulkhead.protect(Effect.succeed("ran"), bulkhead), started)
      yield* open
      assert.strictEqual(yield* Fiber.join(next), "ran")
    })
  )

  it.effect("waits no longer than maxWait", () =>
    Effect.gen(function* () {
      const { bulkhead, open } = yield* full({ queue: 1, maxWait: "2 seconds" })
      const waiter = yield* Effect.forkChild(Effect.flip(Bulkhead.protect(Effect.void, bulkhead)), started)
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual(waiter.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(waiter))._tag, "BulkheadFull")
      assert.deepStrictEqual(yield* Bulkhead.load(bulkhead), { running: 1, queued: 0 })
      yield* open
    })
  )

  it.effect("waits no longer than the program has time, and then it is the deadline that is missed", () =>
    Effect.gen(function* () {
      const { bulkhead, open } = yield* full({ queue: 2 })
      const call = Bulkhead.protect(Effect.void, bulkhead)
      const cutOff = yield* Effect.forkChild(Effect.flip(Deadline.total(call, "1 second")), started)
      const told = yield* Effect.forkChild(Effect.flip(Effect.provideService(call, Deadline.Current, 1_000)), started)
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(yield* Bulkhead.load(bulkhead), { running: 1, queued: 2 })
      yield* TestClock.adjust("2 millis")
      assert.strictEqual((yield* Fiber.join(cutOff))._tag, "DeadlineExceeded")
      assert.strictEqual((yield* Fiber.join(told))._tag, "BulkheadFull")
      const late = Effect.provideService(call, Deadline.Current, 1_000)
      assert.strictEqual((yield* Effect.flip(late))._tag, "BulkheadFull")
      yield* open
      assert.deepStrictEqual(yield* Bulkhead.load(bulkhead), { running: 0, queued: 0 })
    })
  )

  it.effect("a full bulkhead does not trip the breaker around it (opossum: it does)", () =>
    Effect.gen(function* () {
      const { bulkhead } = yield* full()
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1) })
      const call = Effect.void.pipe(Bulkhead.protect(bulkhead), CircuitBreaker.protect(breaker), Effect.flip)
      const tags = yield* Effect.replicateEffect(call, 3)
      assert.deepStrictEqual(
        tags.map((error) => error._tag),
        ["BulkheadFull", "BulkheadFull", "BulkheadFull"]
      )
    })
  )

  it.effect("a long queue of quick calls does not overflow the stack", () =>
    Effect.gen(function* () {
      const { bulkhead, open } = yield* full({ queue: 20_000 })
      const call = Effect.forkChild(Bulkhead.protect(Effect.void, bulkhead), started)
      const waiters = yield* Effect.replicateEffect(call, 20_000)
      yield* open
      yield* Effect.forEach(waiters, (waiter) => Fiber.join(waiter), { discard: true })
      assert.deepStrictEqual(yield* Bulkhead.load(bulkhead), { running: 0, queued: 0 })
    })
  )

  it.effect("a stream keeps its place until it ends, also when it is left early", () =>
    Effect.gen(function* () {
      const bulkhead = yield* Bulkhead.make({ concurrency: 1 })
      const stream = Stream.make(1, 2, 3).pipe(
        Stream.rechunk(1),
        Stream.tap(() => Effect.map(Bulkhead.load(bulkhead), ({ running }) => assert.strictEqual(running, 1))),
        Bulkhead.protectStream(bulkhead)
      )
      assert.deepStrictEqual(yield* Stream.runCollect(stream), [1, 2, 3])
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(stream, 1)), [1])
      const after = Stream.fromEffect(Effect.map(Bulkhead.load(bulkhead), ({ running }) => running))
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.concat(stream, after)), [1, 2, 3, 0])
      const failing = Stream.fail("cut").pipe(Bulkhead.protectStream(bulkhead), Stream.runDrain)
      assert.strictEqual(yield* Effect.flip(failing), "cut")
      const stuck = yield* Effect.forkChild(Stream.runDrain(Bulkhead.protectStream(Stream.never, bulkhead)), started)
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(stream)))._tag, "BulkheadFull")
      yield* Fiber.interrupt(stuck)
      assert.deepStrictEqual(yield* Bulkhead.load(bulkhead), { running: 0, queued: 0 })
    })
  )

  it.effect("interrupted anywhere, running, waiting or just woken, it gives its place back", () =>
    Effect.gen(function* () {
      const scenario = Effect.gen(function* () {
        const bulkhead = yield* Bulkhead.make({ concurrency: 1, queue: 5, maxWait: "10 seconds" })
        const call = Bulkhead.protect(Effect.sleep("100 millis"), bulkhead)
        return {
          program: Effect.all([call, call, call], { concurrency: "unbounded", discard: true }),
          check: () =>
            Effect.map(Bulkhead.load(bulkhead), (load) => assert.deepStrictEqual(load, { running: 0, queued: 0 }))
        }
      })
      const report = yield* interruptEverywhere(scenario)
      assert.isAbove(report.steps, 20)
      assert.isAtLeast(report.waits, 3)
    })
  )

  it.effect("never more than its places at once, and all are given back, for any calls and cancellations", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 0, max: 4 }),
          fc.array(fc.record({ yields: fc.nat(4), fails: fc.boolean(), cancelAfter: fc.option(fc.nat(4)) }), {
            maxLength: 15
          }),
          (concurrency, queue, calls) =>
            Effect.runPromise(
              Effect.gen(function* () {
                const bulkhead = yield* Bulkhead.make({ concurrency, queue })
                let running = 0
                let most = 0
                const work = (yields: number, fails: boolean) =>
                  Effect.gen(function* () {
                    running++
                    most = Math.max(most, running)
                    for (let i = 0; i < yields; i++) yield* Effect.yieldNow
                    if (fails) return yield* Effect.fail("failed")
                  }).pipe(Effect.ensuring(Effect.sync(() => void running--)))
                const fibers = yield* Effect.forEach(calls, ({ cancelAfter, fails, yields }) =>
                  Effect.gen(function* () {
                    const fiber = yield* Effect.forkChild(Bulkhead.protect(work(yields, fails), bulkhead), started)
                    if (cancelAfter !== null) {
                      for (let i = 0; i < cancelAfter; i++) yield* Effect.yieldNow
                      yield* Effect.forkChild(Fiber.interrupt(fiber))
                    }
                    return fiber
                  })
                )
                yield* Effect.forEach(fibers, (fiber) => Fiber.await(fiber))
                assert.isAtMost(most, concurrency)
                assert.deepStrictEqual(yield* Bulkhead.load(bulkhead), { running: 0, queued: 0 })
              })
            )
        ),
        { numRuns: 100 }
      )
    )
  )

  it("refuses numbers that make no sense, by the option's name", () => {
    assert.throws(() => Bulkhead.make({ concurrency: 0 }), /Bulkhead.make: "concurrency"/)
    assert.throws(() => Bulkhead.make({ queue: -1 }), /"queue"/)
    assert.throws(() => Bulkhead.make({ queue: 1, maxWait: NaN }), /"maxWait"/)
    assert.throws(() => Bulkhead.make({ maxWait: "1 second" }), /"queue"/)
  })
})
