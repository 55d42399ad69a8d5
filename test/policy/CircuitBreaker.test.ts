import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { BulkheadFull, CircuitOpen, ClientGone, DoRequestFailed, InvalidRequest } from "effect-resilience/errors"
import {
  BreakerState,
  CircuitBreaker,
  CircuitBreakerStore,
  Deadline,
  PolicyTelemetry,
  RetrySchedule
} from "effect-resilience/policy"
import type { Breaker } from "#src/policy/breaker/BreakerState"
import { interruptEverywhere } from "./kit/interruptAt.ts"

const down = Effect.fail(new DoRequestFailed({}))
const up = Effect.succeed("up")

const tripped = (options: CircuitBreaker.Options = {}) =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1), ...options })
    yield* Effect.exit(CircuitBreaker.protect(down, breaker))
    return breaker
  })

const tagOf = (breaker: CircuitBreaker.CircuitBreaker) => Effect.map(CircuitBreaker.state(breaker), (view) => view._tag)

describe("CircuitBreaker", () => {
  it.effect("without options: 5 failures in a row, 60 s open, 1 probe", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const call = Effect.flip(CircuitBreaker.protect(down, breaker))
      const tags: Array<string> = []
      for (let i = 0; i < 6; i++) tags.push((yield* call)._tag)
      assert.deepStrictEqual(tags, [...Array.from({ length: 5 }, () => "DoRequestFailed"), "CircuitOpen"])
      yield* TestClock.adjust("59 seconds")
      const error = yield* call
      assert.deepStrictEqual([error._tag, error.retryAfterMillis], ["CircuitOpen", 1_000])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* CircuitBreaker.protect(up, breaker), "up")
      assert.strictEqual(yield* tagOf(breaker), "Closed")
    })
  )

  it.effect("rejects with one value for each wait, without a stack, and does not run the effect", () =>
    Effect.gen(function* () {
      const breaker = yield* tripped({ key: "a" })
      let runs = 0
      const call = Effect.flip(
        CircuitBreaker.protect(
          Effect.sync(() => void runs++),
          breaker
        )
      )
      const first = yield* call
      assert.strictEqual(first, yield* call)
      assert.isTrue(first instanceof CircuitOpen)
      assert.deepStrictEqual([first.key, first.retryAfterMillis], ["a", 60_000])
      assert.notInclude(first.stack ?? "", "\n    at ")
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* call).retryAfterMillis, 59_999)
      assert.strictEqual(runs, 0)
    })
  )

  it.effect("counts neither rejections of other policies, nor cancelled calls, the caller's faults or defects", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1) })
      const innocent: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        Effect.fail(new BulkheadFull({})),
        Effect.fail(new CircuitOpen({})),
        Effect.fail(new ClientGone({})),
        Effect.fail(new InvalidRequest({})),
        Effect.die("bug"),
        Effect.interrupt
      ]
      for (const effect of innocent) yield* Effect.exit(CircuitBreaker.protect(effect, breaker))
      assert.strictEqual(yield* tagOf(breaker), "Closed")
      yield* Effect.exit(CircuitBreaker.protect(Effect.fail("whatever"), breaker))
      assert.strictEqual(yield* tagOf(breaker), "Open")
    })
  )

  it.effect("what is not counted does not end a run of failures either", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(2) })
      const calls: ReadonlyArray<Effect.Effect<never, DoRequestFailed | InvalidRequest>> = [
        down,
        Effect.fail(new InvalidRequest({})),
        down
      ]
      for (const effect of calls) {
        yield* Effect.exit(CircuitBreaker.protect(effect, breaker))
      }
      assert.strictEqual(yield* tagOf(breaker), "Open")
    })
  )

  it.effect("judges as it is told, errors and values", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(2) })
      yield* Effect.fail("fine").pipe(
        CircuitBreaker.protect(breaker, { isFailure: (error) => error !== "fine" }),
        Effect.exit
      )
      assert.strictEqual((yield* CircuitBreaker.state(breaker)).counts.failures, 0)
      const call = CircuitBreaker.protect(Effect.succeed({ status: 503 }), breaker, {
        isFailureValue: ({ status }) => status >= 500
      })
      yield* call
      yield* call
      assert.strictEqual(yield* tagOf(breaker), "Open")
    })
  )

  it.effect("trips on slow calls, also when they succeed", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        window: CircuitBreaker.countWindow({ size: 4, minimum: 2, failureRate: 1, slowRate: 0.5 }),
        slowerThan: "1 second"
      })
      const call = (millis: number) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(CircuitBreaker.protect(Effect.sleep(millis), breaker))
          yield* TestClock.adjust(millis)
          yield* Fiber.join(fiber)
        })
      yield* call(999)
      yield* call(1_000)
      assert.strictEqual(yield* tagOf(breaker), "Open")
    })
  )

  it.effect("a time window has forgotten after an idle hour", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        window: CircuitBreaker.timeWindow({ duration: "10 seconds", minimum: 5, failureRate: 0.5 })
      })
      const fail = Effect.exit(CircuitBreaker.protect(down, breaker))
      yield* Effect.replicateEffect(fail, 4)
      yield* TestClock.adjust("1 hour")
      yield* Effect.replicateEffect(fail, 4)
      assert.strictEqual(yield* tagOf(breaker), "Closed")
      yield* fail
      assert.strictEqual(yield* tagOf(breaker), "Open")
    })
  )

  it.effect("is lengthened by the target's hint, up to the cap", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1), maxOpenFor: "5 minutes" })
      const hinted = Effect.fail(new DoRequestFailed({ retryAfterMillis: 86_400_000 }))
      yield* Effect.exit(CircuitBreaker.protect(hinted, breaker))
      assert.strictEqual((yield* CircuitBreaker.state(breaker)).retryAfterMillis, 300_000)
    })
  )

  it.effect("opens for longer than the hour that is the default cap, if it is told to", () =>
    Effect.gen(function* () {
      const breaker = yield* tripped({ openFor: "2 hours" })
      assert.strictEqual((yield* CircuitBreaker.state(breaker)).retryAfterMillis, 7_200_000)
    })
  )

  it.effect("opens by a schedule whatever time its maker has, for it outlives it", () =>
    Effect.gen(function* () {
      const openFor = RetrySchedule.exponential({ base: "10 seconds", cap: "30 seconds", jitter: "none" })
      const breaker = yield* tripped({ openFor }).pipe(Deadline.total("5 seconds"))
      assert.strictEqual((yield* CircuitBreaker.state(breaker)).retryAfterMillis, 10_000)
      yield* TestClock.adjust("10 seconds")
      yield* Effect.exit(CircuitBreaker.protect(down, breaker))
      assert.strictEqual((yield* CircuitBreaker.state(breaker)).retryAfterMillis, 20_000)
    })
  )

  it.effect("opens by a schedule, which goes on with its last delay", () =>
    Effect.gen(function* () {
      const openTimes = (openFor: Schedule.Schedule<unknown, number>) =>
        Effect.gen(function* () {
          const breaker = yield* tripped({ openFor, maxOpenFor: "70 seconds" })
          const times: Array<number | undefined> = []
          for (let i = 0; i < 4; i++) {
            const left = (yield* CircuitBreaker.state(breaker)).retryAfterMillis ?? 0
            times.push(left)
            yield* TestClock.adjust(left)
            yield* Effect.exit(CircuitBreaker.protect(down, breaker))
          }
          return times
        })
      assert.deepStrictEqual(yield* openTimes(Schedule.exponential("10 seconds")), [10_000, 20_000, 40_000, 70_000])
      assert.deepStrictEqual(
        yield* openTimes(Schedule.upTo(Schedule.exponential("10 seconds"), { times: 2 })),
        [10_000, 20_000, 20_000, 20_000]
      )
    })
  )

  it.effect("lets one probe through at a time, and the others know at once", () =>
    Effect.gen(function* () {
      const breaker = yield* tripped()
      yield* TestClock.adjust("60 seconds")
      const latch = yield* Deferred.make<void>()
      const probe = yield* Effect.forkChild(CircuitBreaker.protect(Deferred.await(latch), breaker), {
        startImmediately: true
      })
      const others = yield* Effect.replicateEffect(
        Effect.flip(CircuitBreaker.protect(up as Effect.Effect<string, never>, breaker)),
        3
      )
      assert.deepStrictEqual(
        others.map((error) => error._tag),
        ["CircuitOpen", "CircuitOpen", "CircuitOpen"]
      )
      yield* Deferred.succeed(latch, undefined)
      yield* Fiber.join(probe)
      assert.strictEqual(yield* tagOf(breaker), "Closed")
    })
  )

  it.effect("a late failure from before the trip does not disturb the probe (cockatiel 4: it opens again)", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1) })
      const latch = yield* Deferred.make<void, DoRequestFailed>()
      const early = yield* Effect.forkChild(CircuitBreaker.protect(Deferred.await(latch), breaker), {
        startImmediately: true
      })
      yield* Effect.exit(CircuitBreaker.protect(down, breaker))
      yield* TestClock.adjust("60 seconds")
      const probe = yield* Effect.forkChild(CircuitBreaker.protect(Effect.sleep("1 second"), breaker), {
        startImmediately: true
      })
      yield* Deferred.fail(latch, new DoRequestFailed({}))
      yield* Fiber.await(early)
      assert.strictEqual(yield* tagOf(breaker), "HalfOpen")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(probe)
      assert.strictEqual(yield* tagOf(breaker), "Closed")
    })
  )

  it.effect("interrupted anywhere, a probe gives its place back", () =>
    Effect.gen(function* () {
      const report = yield* interruptEverywhere(
        Effect.gen(function* () {
          const breaker = yield* tripped()
          yield* TestClock.adjust("60 seconds")
          return {
            program: CircuitBreaker.protect(Effect.andThen(Effect.sleep("200 millis"), up), breaker),
            check: () =>
              Effect.gen(function* () {
                // A place is free, whatever was interrupted: nobody waits for the lease of a lost probe.
                assert.strictEqual(yield* CircuitBreaker.protect(up, breaker), "up")
                assert.strictEqual(yield* tagOf(breaker), "Closed")
              }).pipe(Effect.orDie)
          }
        })
      )
      assert.isAbove(report.steps, 5)
      assert.strictEqual(report.waits, 2)
    })
  )

  it.effect("a judge that throws is the call's defect, and the probe gives its place back", () =>
    Effect.gen(function* () {
      const breaker = yield* tripped()
      yield* TestClock.adjust("60 seconds")
      const judge = { isFailureValue: () => assert.fail("bug") }
      const exit = yield* Effect.exit(CircuitBreaker.protect(up, breaker, judge))
      assert.isTrue(Exit.hasDies(exit))
      assert.strictEqual(yield* CircuitBreaker.protect(up, breaker), "up")
    })
  )

  const throws = (): never => assert.fail("bug")
  const deaf = Effect.provideService(PolicyTelemetry.Sink, throws)
  const unreadable: { readonly retryAfterMillis: number } = {
    get retryAfterMillis() {
      return throws()
    }
  }
  for (const [what, probe] of [
    ["a sink", (breaker: CircuitBreaker.CircuitBreaker) => deaf(CircuitBreaker.protect(up, breaker))],
    ["a sink, of a stream", (breaker) => deaf(Stream.runDrain(CircuitBreaker.protectStream(Stream.make(1), breaker)))],
    ["an error that is asked for its hint", (breaker) => CircuitBreaker.protect(Effect.fail(unreadable), breaker)],
    [
      "an error that is asked for its hint, of a stream",
      (breaker) => Stream.runDrain(CircuitBreaker.protectStream(Stream.fail(unreadable), breaker))
    ]
  ] satisfies ReadonlyArray<[string, (breaker: CircuitBreaker.CircuitBreaker) => Effect.Effect<unknown, unknown>]>) {
    it.effect(`so is ${what} that throws`, () =>
      Effect.gen(function* () {
        const breaker = yield* tripped()
        yield* TestClock.adjust("60 seconds")
        assert.isTrue(Exit.hasDies(yield* Effect.exit(probe(breaker))))
        assert.strictEqual(yield* CircuitBreaker.protect(up, breaker), "up")
      })
    )
  }

  it.effect("is not isolated for ever by a sink that throws", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      assert.isTrue(Exit.hasDies(yield* Effect.exit(Effect.scoped(deaf(CircuitBreaker.isolate(breaker))))))
      assert.strictEqual(yield* CircuitBreaker.protect(up, breaker), "up")
    })
  )

  it.effect("is isolated while anybody holds it, and watched while it changes", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ key: "k" })
      const seen = yield* Effect.forkChild(Stream.runCollect(Stream.take(CircuitBreaker.transitions(breaker), 4)), {
        startImmediately: true
      })
      const one = yield* Scope.make()
      const two = yield* Scope.make()
      yield* Scope.provide(CircuitBreaker.isolate(breaker), one)
      yield* Scope.provide(CircuitBreaker.isolate(breaker), two)
      yield* Scope.close(one, Exit.void)
      assert.strictEqual((yield* Effect.flip(CircuitBreaker.protect(down, breaker)))._tag, "CircuitOpen")
      yield* Scope.close(two, Exit.void)
      assert.strictEqual(yield* CircuitBreaker.protect(up, breaker), "up")
      yield* CircuitBreaker.forceOpen(breaker)
      assert.strictEqual((yield* Effect.flip(CircuitBreaker.protect(down, breaker)))._tag, "CircuitOpen")
      yield* CircuitBreaker.reset(breaker)
      const transitions = yield* Fiber.join(seen)
      assert.deepStrictEqual(
        transitions.map(({ key, from, to }) => `${key}: ${from} -> ${to}`),
        ["k: Closed -> Isolated", "k: Isolated -> Closed", "k: Closed -> ForcedOpen", "k: ForcedOpen -> Closed"]
      )
    })
  )

  it.effect("tells of trips, probes, closings and rejections", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      yield* Effect.gen(function* () {
        const breaker = yield* tripped({ key: "k" })
        yield* Effect.exit(CircuitBreaker.protect(up, breaker))
        yield* TestClock.adjust("60 seconds")
        yield* CircuitBreaker.protect(up, breaker)
      }).pipe(Effect.provideService(PolicyTelemetry.Sink, (event) => events.push(`${event.name} ${event.key}`)))
      assert.deepStrictEqual(events, [
        "OnCircuitOpened k",
        "OnCircuitRejected k",
        "OnCircuitHalfOpened k",
        "OnCircuitClosed k"
      ])
    })
  )

  it.effect("a stream is counted by how it ends", () =>
    Effect.gen(function* () {
      const run = <E>(stream: Stream.Stream<number, E>) =>
        Effect.gen(function* () {
          const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.countWindow({ size: 5 }) })
          yield* Effect.exit(Stream.runDrain(Stream.take(CircuitBreaker.protectStream(stream, breaker), 2)))
          const { calls, failures } = (yield* CircuitBreaker.state(breaker)).counts
          return [calls, failures]
        })
      const one = Stream.make(1)
      assert.deepStrictEqual(yield* run(one), [1, 0])
      assert.deepStrictEqual(yield* run(Stream.forever(one)), [1, 0])
      assert.deepStrictEqual(yield* run(Stream.concat(one, Stream.fail(new DoRequestFailed({})))), [1, 1])
      assert.deepStrictEqual(yield* run(Stream.concat(one, Stream.fail(new InvalidRequest({})))), [0, 0])
      assert.deepStrictEqual(yield* run(Stream.concat(one, Stream.die("bug"))), [0, 0])

      const breaker = yield* tripped()
      const rejected = yield* Effect.flip(Stream.runDrain(one.pipe(CircuitBreaker.protectStream(breaker))))
      assert.strictEqual(rejected._tag, "CircuitOpen")
      yield* TestClock.adjust("60 seconds")
      const stuck = yield* Effect.forkChild(Stream.runDrain(CircuitBreaker.protectStream(Stream.never, breaker)), {
        startImmediately: true
      })
      assert.strictEqual((yield* Effect.flip(CircuitBreaker.protect(down, breaker)))._tag, "CircuitOpen")
      yield* Fiber.interrupt(stuck)
      assert.strictEqual(yield* CircuitBreaker.protect(up, breaker), "up")
    })
  )

  it.effect("works on a store that answers with effects", () =>
    Effect.gen(function* () {
      const rows = new Map<string, Breaker>()
      const store: CircuitBreakerStore.Store = {
        open: (settings) => ({
          update: (key, _now, change) =>
            Effect.gen(function* () {
              yield* Effect.yieldNow
              const row = rows.get(key) ?? BreakerState.make(settings)
              const result = change(row)
              rows.set(key, row)
              return result
            })
        })
      }
      yield* Effect.gen(function* () {
        const breaker = yield* tripped({ key: "k" })
        assert.strictEqual((yield* Effect.flip(CircuitBreaker.protect(down, breaker)))._tag, "CircuitOpen")
        yield* TestClock.adjust("60 seconds")
        assert.strictEqual(yield* CircuitBreaker.protect(up, breaker), "up")
        assert.strictEqual(yield* tagOf(breaker), "Closed")
      }).pipe(Effect.provideService(CircuitBreakerStore.CircuitBreakerStore, store))
    })
  )

  it("refuses numbers that make no sense, by the option's name", () => {
    assert.throws(() => CircuitBreaker.make({ probes: NaN }), /CircuitBreaker.make: "probes"/)
    assert.throws(() => CircuitBreaker.make({ openFor: 0 }), /"openFor"/)
    assert.throws(() => CircuitBreaker.make({ maxOpenFor: -1 }), /"maxOpenFor"/)
    assert.throws(() => CircuitBreaker.make({ openFor: "2 minutes", maxOpenFor: "1 minute" }), /"openFor"/)
    assert.throws(() => CircuitBreaker.make({ window: CircuitBreaker.countWindow({ slowRate: 0.5 }) }), /"slowerThan"/)
    assert.throws(() => CircuitBreaker.consecutive(0), /"failures"/)
    assert.throws(() => CircuitBreaker.countWindow({ minimum: 101 }), /"minimum"/)
    assert.throws(() => CircuitBreaker.timeWindow({ duration: 0 }), /"duration"/)
    assert.throws(() => CircuitBreaker.makeKeyed({ maxKeys: 0 }), /"maxKeys"/)
  })
})
