import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { DoRequestFailed } from "effect-resilience/errors"
import { Chaos, PolicyTelemetry } from "effect-resilience/policy"
import * as ChaosPlan from "#src/policy/chaos/ChaosPlan"
import { seededDraws } from "#src/policy/chaos/SeededDraws"

const error = () => new DoRequestFailed({})

/** A source of chance that gives these numbers, and fails the test when it is asked for more. */
const draws = (...values: ReadonlyArray<number>) => {
  let next = 0
  return {
    nextIntUnsafe: () => 0,
    nextDoubleUnsafe: () => (next < values.length ? values[next++]! : assert.fail("one draw too many"))
  }
}

const withDraws =
  (...values: ReadonlyArray<number>) =>
  <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Chaos.allow(Effect.provideService(self, Random.Random, draws(...values)))

describe("Chaos", () => {
  it.effect("is off unless the program allows it, and costs no draw", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos.make({ fault: { rate: 1, error } })
      const call = Effect.succeed("fine").pipe(Chaos.inject(chaos))
      assert.strictEqual(yield* Effect.provideService(call, Random.Random, draws()), "fine")
      assert.strictEqual((yield* Effect.exit(Chaos.allow(call)))._tag, "Failure")
      assert.strictEqual((yield* Effect.exit(Effect.provide(call, Chaos.layerAllowed)))._tag, "Failure")
    })
  )

  it.effect("has a kill switch", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos.make({ fault: { rate: 1, error } })
      const call = Chaos.allow(Chaos.inject(Effect.succeed("fine"), chaos))
      yield* Chaos.halt(chaos)
      assert.strictEqual(yield* call, "fine")
      yield* Chaos.resume(chaos)
      assert.strictEqual((yield* Effect.exit(call))._tag, "Failure")
    })
  )

  it.effect("injects what is drawn below its rate: fault, then latency, then outcome (Simmy)", () =>
    Effect.gen(function* () {
      const chaos = yield* Chaos.make({
        fault: { rate: 0.1, error },
        latency: { rate: 0.2, delay: "5 seconds" },
        outcome: { rate: 0.3, value: () => "wrong" }
      })
      const run = (...values: ReadonlyArray<number>) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(
            Chaos.inject(Effect.succeed("fine"), chaos).pipe(withDraws(...values), Effect.exit),
            { startImmediately: true }
          )
          const late = fiber.pollUnsafe() === undefined
          yield* TestClock.adjust("5 seconds")
          const exit = yield* Fiber.join(fiber)
          return [Exit.isSuccess(exit) ? exit.value : "failed", late]
        })
      assert.deepStrictEqual(yield* run(0.099), ["failed", false])
      assert.deepStrictEqual(yield* run(0.1, 0.2, 0.3), ["fine", false])
      assert.deepStrictEqual(yield* run(0.1, 0.199, 0.3), ["fine", true])
      assert.deepStrictEqual(yield* run(0.1, 0.2, 0.299), ["wrong", false])
      assert.deepStrictEqual(yield* run(0.1, 0.199, 0.299), ["wrong", true])
    })
  )

  it.effect("with a seed the same calls are hurt in each run, whatever else is drawn", () =>
    Effect.gen(function* () {
      const hurt = Effect.gen(function* () {
        const chaos = yield* Chaos.make({ seed: 7, fault: { rate: 0.3, error } })
        const calls: Array<boolean> = []
        for (let i = 0; i < 50; i++) {
          yield* Random.next
          calls.push(Exit.isFailure(yield* Effect.exit(Chaos.allow(Chaos.inject(Effect.void, chaos)))))
        }
        return calls
      })
      const first = yield* hurt
      assert.deepStrictEqual(yield* hurt, first)
      const count = first.filter((one) => one).length
      assert.isTrue(count > 5 && count < 25)
    })
  )

  it.effect("tells of what it did", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const chaos = yield* Chaos.make({
        latency: { rate: 1, delay: 0 },
        outcome: { rate: 1, value: () => "wrong" }
      })
      yield* Chaos.allow(Chaos.inject(Effect.succeed("fine"), chaos)).pipe(
        Effect.provideService(PolicyTelemetry.Sink, (event) => events.push(event.name))
      )
      assert.deepStrictEqual(events.toSorted(), ["Chaos.OnLatency", "Chaos.OnOutcome"])
    })
  )

  describe("streams", () => {
    const source = Stream.make("a", "b", "c", "d")
    const collect = <E>(stream: Stream.Stream<string, E>) =>
      Effect.gen(function* () {
        const seen: Array<string> = []
        const exit = yield* Effect.exit(Stream.runForEach(stream, (element) => Effect.sync(() => seen.push(element))))
        return [seen.join(""), exit._tag]
      })

    it.effect("are cut with an error, or as if they were whole", () =>
      Effect.gen(function* () {
        const cut = (at: number, options: { readonly error?: () => DoRequestFailed }) =>
          Effect.gen(function* () {
            const chaos = yield* Chaos.makeStream({ cut: { rate: 1, at, ...options } })
            return yield* Chaos.allow(collect(Chaos.injectStream(source, chaos)))
          })
        assert.deepStrictEqual(yield* cut(2, { error }), ["ab", "Failure"])
        assert.deepStrictEqual(yield* cut(2, {}), ["ab", "Success"])
        assert.deepStrictEqual(yield* cut(0, { error }), ["", "Failure"])
        assert.deepStrictEqual(yield* cut(5, { error }), ["abcd", "Success"])
      })
    )

    it.effect("stall for a while, or for ever, with what came before delivered", () =>
      Effect.gen(function* () {
        const chaos = yield* Chaos.makeStream({ stall: { rate: 1, at: 2, delay: "10 seconds" } })
        const seen: Array<string> = []
        const fiber = yield* Effect.forkChild(
          Chaos.injectStream(source, chaos).pipe(
            Stream.runForEach((element) => Effect.sync(() => seen.push(element))),
            Chaos.allow
          )
        )
        yield* TestClock.adjust("9 seconds")
        assert.deepStrictEqual(seen, ["a", "b"])
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(seen, ["a", "b", "c", "d"])

        const forEver = yield* Chaos.makeStream({ stall: { rate: 1, at: 0 } })
        const stuck = yield* Effect.forkChild(Chaos.allow(Stream.runDrain(Chaos.injectStream(source, forEver))))
        yield* TestClock.adjust("1000 days")
        assert.isUndefined(stuck.pollUnsafe())
        yield* Fiber.interrupt(stuck)
      })
    )

    it.effect("give an element twice", () =>
      Effect.gen(function* () {
        const chaos = yield* Chaos.makeStream({ duplicate: { rate: 1, at: 1 } })
        assert.deepStrictEqual(yield* Chaos.allow(collect(Chaos.injectStream(source, chaos))), ["abbcd", "Success"])
      })
    )

    it.effect("are decided anew for each run, and left alone unless allowed", () =>
      Effect.gen(function* () {
        const chaos = yield* Chaos.makeStream({ cut: { rate: 0.5, at: 1 } })
        const run = collect(Chaos.injectStream(source, chaos))
        assert.deepStrictEqual(yield* withDraws(0.5)(run), ["abcd", "Success"])
        assert.deepStrictEqual(yield* withDraws(0.49)(run), ["a", "Success"])
        assert.deepStrictEqual(yield* run, ["abcd", "Success"])
      })
    )
  })

  it("a rate of 0 never strikes and a rate of 1 always, for any draw", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.9999999, noNaN: true }), (value) => {
        const draw = () => value
        const none = { fault: 0, latency: 0, outcome: 0 }
        assert.deepStrictEqual(ChaosPlan.planCall(none, draw), { fault: false, latency: false, outcome: false })
        assert.isTrue(ChaosPlan.planCall({ ...none, fault: 1 }, draw).fault)
      })
    )
  })

  it("seeded draws are from 0 up to 1 and spread evenly", () => {
    const draw = seededDraws(1)
    const counts = Array.from({ length: 10 }, () => 0)
    for (let i = 0; i < 100_000; i++) {
      const value = draw()
      assert.isTrue(value >= 0 && value < 1)
      counts[Math.floor(value * 10)]!++
    }
    for (const count of counts) assert.isTrue(count > 9_500 && count < 10_500)
  })

  it("refuses numbers that make no sense, by the option's name", () => {
    assert.throws(() => Chaos.make({ fault: { rate: 1.1, error } }), /Chaos.make: "fault.rate"/)
    assert.throws(() => Chaos.make({ latency: { rate: NaN, delay: 1 } }), /"latency.rate"/)
    assert.throws(() => Chaos.make({ latency: { rate: 1, delay: -1 } }), /"latency.delay"/)
    assert.throws(() => Chaos.make({ seed: 0.5 }), /"seed"/)
    assert.throws(() => Chaos.makeStream({ cut: { rate: 1, at: -1 } }), /Chaos.makeStream: "cut.at"/)
  })
})
