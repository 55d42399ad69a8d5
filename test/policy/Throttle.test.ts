import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { BulkheadFull, DoRequestFailed, InvalidRequest, Throttled } from "effect-resilience/errors"
import { PolicyTelemetry, Throttle } from "effect-resilience/policy"
import * as ThrottleState from "#src/policy/throttle/ThrottleState"

const down = Effect.fail(new DoRequestFailed({}))
const draw = (value: number) => ({ nextIntUnsafe: () => 0, nextDoubleUnsafe: () => value })

describe("Throttle", () => {
  describe("chance", () => {
    const of = (k: number, requests: number, accepts: number, maxChance = 1) =>
      Number(ThrottleState.chance({ k, minimum: 0, maxChance }, requests, accepts).toFixed(6))

    it("is that of the SRE book, chapter 21", () => {
      assert.deepStrictEqual(
        [of(2, 100, 100), of(2, 100, 50), of(2, 100, 40), of(2, 100, 0), of(1.1, 100, 50)],
        [0, 0, 0.19802, 0.990099, 0.445545]
      )
    })
    it("is that of failsafe-go 0.9.7, with k = 1 / (1 - threshold)", () => {
      const k = 1 / (1 - 0.1)
      assert.deepStrictEqual(
        [of(k, 100, 95), of(k, 120, 90), of(k, 1_000, 10, 0.8), of(k, 1, 0)],
        [0, 0.165289, 0.8, 0.5]
      )
    })
    it("is a share up to its maximum, for any counts", () => {
      fc.assert(
        fc.property(fc.nat(10_000), fc.nat(20_000), fc.double({ min: 1.001, max: 10, noNaN: true }), (r, a, k) => {
          const chance = ThrottleState.chance({ k, minimum: 5, maxChance: 0.9 }, r, a)
          assert.isTrue(chance >= 0 && chance <= 0.9)
          if (r <= a) assert.strictEqual(chance, 0)
        })
      )
    })
  })

  it.effect("refuses with the chance that the window gives, with one value, and tells of it", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make({ key: "api" })
      yield* Effect.replicateEffect(Effect.exit(Throttle.protect(down, throttle)), 10)
      assert.deepStrictEqual(yield* Throttle.state(throttle), { requests: 10, accepts: 0, chance: 0.9 })
      const events: Array<string> = []
      const call = (random: number) =>
        Effect.flip(Throttle.protect(down, throttle)).pipe(
          Effect.provideService(Random.Random, draw(random)),
          Effect.provideService(PolicyTelemetry.Sink, (event) => events.push(event.name))
        )
      const refused = yield* call(0.899)
      assert.isTrue(refused instanceof Throttled && refused.key === "api")
      assert.strictEqual(yield* call(0.899), refused)
      assert.strictEqual((yield* call(0.9))._tag, "DoRequestFailed")
      assert.deepStrictEqual(events, ["OnThrottled", "OnThrottled"])
    })
  )

  it.effect("counts what it refuses as a request (go-zero #5011)", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make({ minimum: 0 })
      yield* Effect.exit(Throttle.protect(down, throttle))
      yield* Effect.replicateEffect(Effect.exit(Throttle.protect(Effect.void, throttle)), 5).pipe(
        Effect.provideService(Random.Random, draw(0))
      )
      assert.deepStrictEqual((yield* Throttle.state(throttle)).requests, 6)
      assert.deepStrictEqual((yield* Throttle.state(throttle)).accepts, 0)
    })
  )

  it.effect("a cancelled call, another policy's rejection, the caller's fault and a defect count as accepted", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make()
      const fiber = yield* Effect.forkChild(Throttle.protect(Effect.never, throttle), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      const innocent: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        Effect.fail(new BulkheadFull({})),
        Effect.fail(new InvalidRequest({})),
        Effect.die("bug")
      ]
      for (const effect of innocent) yield* Effect.exit(Throttle.protect(effect, throttle))
      assert.deepStrictEqual(yield* Throttle.state(throttle), { requests: 4, accepts: 4, chance: 0 })
    })
  )

  it.effect("forgets after two minutes", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make()
      yield* Effect.replicateEffect(Effect.exit(Throttle.protect(down, throttle)), 10)
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* Throttle.state(throttle), { requests: 0, accepts: 0, chance: 0 })
    })
  )

  it.effect("lets through about what the target takes", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make({ k: 1.1 })
      let asked = 0
      // The target takes 10 requests in a second and refuses the rest; 100 come.
      for (let second = 0; second < 300; second++) {
        let left = 10
        const call = Effect.suspend(() => {
          if (second >= 180) asked++
          return left-- > 0 ? Effect.void : down
        })
        yield* Effect.replicateEffect(Effect.exit(Throttle.protect(call, throttle)), 100)
        yield* TestClock.adjust("1 second")
      }
      // Two minutes at 100 a second; a share of 0.9 is the most that is refused, so at least 10 a second are asked.
      assert.isAtLeast(asked / 120, 10)
      assert.isAtMost(asked / 120, 14)
    }).pipe(Random.withSeed("throttle"))
  )

  it("refuses numbers that make no sense, by the option's name", () => {
    assert.throws(() => Throttle.make({ k: 1 }), /Throttle.make: "k"/)
    assert.throws(() => Throttle.make({ window: 0 }), /"window"/)
    assert.throws(() => Throttle.make({ minimum: -1 }), /"minimum"/)
    assert.throws(() => Throttle.make({ maxChance: 1.5 }), /"maxChance"/)
  })
})

describe("Throttle: what is under way", () => {
  it.effect("a burst of calls to a healthy target is let through", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make()
      const call = Effect.exit(Throttle.protect(Effect.sleep("1 minute"), throttle))
      const fiber = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 50 }, () => call),
          { concurrency: 50 }
        )
      )
      yield* TestClock.adjust("1 minute")
      assert.isTrue((yield* Fiber.join(fiber)).every((exit) => exit._tag === "Success"))
      assert.deepStrictEqual(yield* Throttle.state(throttle), { requests: 50, accepts: 50, chance: 0 })
    })
  )

  it.effect("it counts as accepted until it fails, and its failure is forgotten with its request", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make()
      const slow = Effect.exit(Throttle.protect(Effect.delay(down, "1 minute"), throttle))
      const fibers = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 10 }, () => slow),
          { concurrency: 10 }
        )
      )
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(yield* Throttle.state(throttle), { requests: 10, accepts: 10, chance: 0 })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fibers)
      assert.deepStrictEqual(yield* Throttle.state(throttle), { requests: 10, accepts: 0, chance: 0.9 })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Throttle.state(throttle), { requests: 0, accepts: 0, chance: 0 })
    })
  )

  it.effect("one that fails after the window has left takes nothing from others", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make({ window: "10 seconds" })
      const late = yield* Effect.forkChild(Effect.exit(Throttle.protect(Effect.delay(down, "1 minute"), throttle)))
      yield* TestClock.adjust("59 seconds")
      yield* Throttle.protect(Effect.void, throttle)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
      assert.deepStrictEqual(yield* Throttle.state(throttle), { requests: 1, accepts: 1, chance: 0 })
    })
  )
})

describe("Throttle.protectStream", () => {
  const failing = Stream.fail(new DoRequestFailed({}))
  const counted = (stream: Stream.Stream<number, DoRequestFailed>) =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make()
      yield* Effect.exit(Stream.runDrain(stream.pipe(Throttle.protectStream(throttle))))
      const { accepts, requests } = yield* Throttle.state(throttle)
      return [requests, accepts]
    })

  it.effect("accepted once it has delivered something", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* counted(failing), [1, 0])
      assert.deepStrictEqual(yield* counted(Stream.concat(Stream.make(1), failing)), [1, 1])
      assert.deepStrictEqual(yield* counted(Stream.make(1, 2)), [1, 1])
      assert.deepStrictEqual(yield* counted(Stream.empty), [1, 1])
    })
  )

  it.effect("refused without being run", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make({ minimum: 0 })
      yield* Effect.exit(Throttle.protect(down, throttle))
      let runs = 0
      const stream = Stream.suspend(() => Stream.make(++runs))
      const error = yield* Effect.flip(Stream.runDrain(Throttle.protectStream(stream, throttle))).pipe(
        Effect.provideService(Random.Random, draw(0))
      )
      assert.strictEqual(error._tag, "Throttled")
      assert.strictEqual(runs, 0)
    })
  )
})
