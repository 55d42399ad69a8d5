import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { CircuitOpen, DoRequestFailed } from "effect-resilience/errors"
import { OutlierEjection, PolicyTelemetry } from "effect-resilience/policy"
import * as OutlierState from "#src/policy/outlier/OutlierState"

const names = (n: number) => Array.from({ length: n }, (_, i) => `m${i}`)

const down = Effect.fail(new DoRequestFailed({}))

const calls = (ejection: OutlierEjection.OutlierEjection, member: string, n: number, failures = 0) =>
  Effect.gen(function* () {
    for (let i = 0; i < n; i++) {
      const call = i < failures ? down : Effect.void
      yield* Effect.exit(OutlierEjection.observe(call, ejection, member))
    }
  })

describe("OutlierEjection (Envoy)", () => {
  it.effect("5 failures in a row eject for 30 s, then 60 s", () =>
    Effect.gen(function* () {
      const pool = yield* OutlierEjection.make({ members: ["a", "b"], successRate: "off" })
      yield* calls(pool, "a", 4, 4)
      assert.deepStrictEqual(yield* OutlierEjection.available(pool), ["a", "b"])
      yield* calls(pool, "a", 1, 1)
      assert.deepStrictEqual(yield* OutlierEjection.available(pool), ["b"])
      yield* TestClock.adjust("29999 millis")
      assert.isTrue(yield* OutlierEjection.isEjected(pool, "a"))
      yield* TestClock.adjust("1 millis")
      assert.isFalse(yield* OutlierEjection.isEjected(pool, "a"))
      yield* calls(pool, "a", 5, 5)
      yield* TestClock.adjust("59 seconds")
      assert.isTrue(yield* OutlierEjection.isEjected(pool, "a"))
      yield* TestClock.adjust("1 second")
      assert.isFalse(yield* OutlierEjection.isEjected(pool, "a"))
    })
  )

  it.effect("a success starts the run again; rejections and faults of others are not part of it", () =>
    Effect.gen(function* () {
      const pool = yield* OutlierEjection.make({ members: ["a", "b"], consecutive: 2 })
      yield* calls(pool, "a", 2, 1)
      yield* calls(pool, "a", 1, 1)
      yield* Effect.exit(OutlierEjection.observe(Effect.fail(new CircuitOpen({})), pool, "a"))
      yield* Effect.exit(OutlierEjection.observe(Effect.interrupt, pool, "a"))
      assert.isFalse(yield* OutlierEjection.isEjected(pool, "a"))
      yield* calls(pool, "a", 1, 1)
      assert.isTrue(yield* OutlierEjection.isEjected(pool, "a"))
    })
  )

  it.effect("ejects up to a tenth, or one, and never the last", () =>
    Effect.gen(function* () {
      const left = (n: number, maxShare?: number) =>
        Effect.gen(function* () {
          const pool = yield* OutlierEjection.make({ members: names(n), consecutive: 1, maxShare, successRate: "off" })
          for (const name of names(n)) yield* calls(pool, name, 1, 1)
          return (yield* OutlierEjection.available(pool)).length
        })
      assert.deepStrictEqual(
        [yield* left(1), yield* left(2), yield* left(9), yield* left(20), yield* left(10, 0.5), yield* left(4, 1)],
        [1, 1, 8, 18, 5, 1]
      )
    })
  )

  it("the threshold is the mean less 1.9 deviations of the population", () => {
    // Mean 0.9, deviation 0.2: 0.52.
    assert.closeTo(OutlierState.successThreshold([1, 1, 1, 1, 0.5], 1.9), 0.52, 1e-12)
    assert.strictEqual(OutlierState.successThreshold([0.7, 0.7], 1.9), 0.7)
  })

  it.effect("compares success rates after each interval, with 5 members of 100 calls", () =>
    Effect.gen(function* () {
      const run = (failures: ReadonlyArray<number>, volume: number) =>
        Effect.gen(function* () {
          const members = names(failures.length)
          const pool = yield* OutlierEjection.make({ members, consecutive: 0 })
          yield* OutlierEjection.available(pool)
          for (const [i, failed] of failures.entries()) yield* calls(pool, members[i]!, volume, failed)
          assert.lengthOf(yield* OutlierEjection.available(pool), members.length)
          yield* TestClock.adjust("10 seconds")
          return (yield* OutlierEjection.available(pool)).filter((name) => name === "m0").length
        })
      assert.strictEqual(yield* run([50, 0, 0, 0, 0], 100), 0)
      assert.strictEqual(yield* run([50, 0, 0, 0], 100), 1)
      assert.strictEqual(yield* run([50, 0, 0, 0, 0], 99), 1)
      assert.strictEqual(yield* run([20, 20, 20, 20, 20], 100), 1)
    })
  )

  it.effect("an ejection weighs less after each good interval", () =>
    Effect.gen(function* () {
      const pool = yield* OutlierEjection.make({ members: ["a", "b"], consecutive: 1, successRate: "off" })
      yield* calls(pool, "a", 1, 1)
      yield* TestClock.adjust("30 seconds")
      yield* OutlierEjection.available(pool)
      yield* TestClock.adjust("10 seconds")
      yield* OutlierEjection.available(pool)
      yield* TestClock.adjust("10 seconds")
      yield* OutlierEjection.available(pool)
      yield* calls(pool, "a", 1, 1)
      yield* TestClock.adjust("30 seconds")
      assert.isFalse(yield* OutlierEjection.isEjected(pool, "a"))
    })
  )

  const ejectedFor = () =>
    Effect.gen(function* () {
      const waits: Array<unknown> = []
      yield* Effect.gen(function* () {
        const pool = yield* OutlierEjection.make({ members: names(10) })
        for (let second = 0; second < 600; second++) {
          if (!(yield* OutlierEjection.isEjected(pool, "m0"))) yield* calls(pool, "m0", 5, 5)
          yield* TestClock.adjust("1 second")
        }
      }).pipe(
        Effect.provideService(PolicyTelemetry.Sink, (event) => {
          if (event.name === "OnOutlierEjected") waits.push(event.attributes["forMillis"])
        })
      )
      return waits
    })

  it.effect("P8: a member that fails again at once is left out for longer and longer", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* ejectedFor()).slice(0, 4), [30_000, 60_000, 90_000, 120_000])
    })
  )

  it("P8: whenever it returns in its interval", () => {
    for (let offset = 0; offset < 10_000; offset += 500) {
      const pool = OutlierState.make({
        consecutive: 1,
        intervalMillis: 10_000,
        baseMillis: 30_000,
        maxMillis: 300_000,
        maxShare: 0.5,
        minMembers: 5,
        minVolume: 100,
        factor: 0
      })
      OutlierState.setMembers(pool, names(2))
      OutlierState.advance(pool, 0)
      let now = offset
      const waits: Array<number> = []
      for (let i = 0; i < 3; i++) {
        const [ejection] = OutlierState.record(pool, "m0", false, now).filter(({ what }) => what === "ejected")
        waits.push(ejection!.forMillis)
        for (let passed = 0; passed < ejection!.forMillis; passed += 250) OutlierState.advance(pool, (now += 250))
      }
      assert.deepStrictEqual(waits, [30_000, 60_000, 90_000], String(offset))
    }
  })

  it.effect("P8: an hour in which nobody asked counts as the good intervals that it was", () =>
    Effect.gen(function* () {
      const pool = yield* OutlierEjection.make({ members: ["a", "b"], consecutive: 1, successRate: "off" })
      for (const wait of ["30 seconds", "60 seconds", "1 hour", "29 seconds"] as const) {
        yield* calls(pool, "a", 1, 1)
        yield* TestClock.adjust(wait)
      }
      assert.isTrue(yield* OutlierEjection.isEjected(pool, "a"))
      yield* TestClock.adjust("1 second")
      assert.isFalse(yield* OutlierEjection.isEjected(pool, "a"))
    })
  )

  it.effect("however often it was ejected, each good interval makes the next ejection shorter", () =>
    Effect.gen(function* () {
      const waits: Array<number> = []
      const options = { consecutive: 1, base: "30 seconds", max: "100 seconds", successRate: "off" } as const
      yield* Effect.gen(function* () {
        const pool = yield* OutlierEjection.make({ members: ["a", "b"], ...options })
        for (let i = 0; i < 8; i++) {
          yield* calls(pool, "a", 1, 1)
          yield* TestClock.adjust(waits.at(-1)!)
        }
        for (let i = 0; i < 4; i++) {
          yield* TestClock.adjust("10 seconds")
          yield* OutlierEjection.available(pool)
        }
        yield* calls(pool, "a", 1, 1)
      }).pipe(
        Effect.provideService(PolicyTelemetry.Sink, (event) => {
          if (event.name === "OnOutlierEjected") waits.push(Number(event.attributes["forMillis"]))
        })
      )
      const longest = 100_000
      assert.deepStrictEqual(waits, [30_000, 60_000, 90_000, longest, longest, longest, longest, longest, 30_000])
    })
  )

  it.effect("follows its members, and counts nobody else", () =>
    Effect.gen(function* () {
      const pool = yield* OutlierEjection.make({ members: ["a", "b"], consecutive: 1 })
      yield* calls(pool, "a", 1, 1)
      yield* calls(pool, "stranger", 3, 3)
      yield* OutlierEjection.setMembers(pool, ["a", "c"])
      assert.deepStrictEqual(yield* OutlierEjection.available(pool), ["c"])
      yield* OutlierEjection.setMembers(pool, ["c"])
      yield* OutlierEjection.setMembers(pool, ["a", "c"])
      assert.deepStrictEqual(yield* OutlierEjection.available(pool), ["c", "a"])
    })
  )

  it.effect("never leaves out all who are left when the pool shrinks", () =>
    Effect.gen(function* () {
      const pool = yield* OutlierEjection.make({ members: ["a", "b", "c"], consecutive: 1, maxShare: 1 })
      yield* calls(pool, "a", 1, 1)
      yield* TestClock.adjust("1 second")
      yield* calls(pool, "b", 1, 1)
      yield* OutlierEjection.setMembers(pool, ["a", "b"])
      assert.deepStrictEqual(yield* OutlierEjection.available(pool), ["a"])
      yield* OutlierEjection.setMembers(pool, ["b"])
      assert.deepStrictEqual(yield* OutlierEjection.available(pool), ["b"])
    })
  )

  it.effect("late failures while it is out do not eject it again when it returns", () =>
    Effect.gen(function* () {
      const pool = yield* OutlierEjection.make({ members: ["a", "b"], consecutive: 2, successRate: "off" })
      yield* calls(pool, "a", 5, 5)
      yield* TestClock.adjust("30 seconds")
      yield* calls(pool, "a", 1, 1)
      assert.isFalse(yield* OutlierEjection.isEjected(pool, "a"))
    })
  )

  it.effect("tells of who leaves and who returns", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      yield* Effect.gen(function* () {
        const pool = yield* OutlierEjection.make({ members: ["a", "b"], consecutive: 1 })
        yield* calls(pool, "a", 1, 1)
        yield* TestClock.adjust("30 seconds")
        yield* OutlierEjection.available(pool)
      }).pipe(Effect.provideService(PolicyTelemetry.Sink, (event) => events.push(`${event.name} ${event.key}`)))
      assert.deepStrictEqual(events, ["OnOutlierEjected a", "OnOutlierReturned a"])
    })
  )

  it("never leaves out more than the ceiling nor for longer than the maximum, for any calls and any clock", () => {
    const event = fc.record({
      member: fc.nat(9),
      success: fc.boolean(),
      after: fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: -100_000, max: 100_000 }))
    })
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 200 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (events, maxShare) => {
          const pool = OutlierState.make({
            consecutive: 2,
            intervalMillis: 1_000,
            baseMillis: 3_000,
            maxMillis: 10_000,
            maxShare,
            minMembers: 2,
            minVolume: 2,
            factor: 1
          })
          OutlierState.setMembers(pool, names(10))
          let now = 1e6
          for (const { after, member, success } of events) {
            now += after
            OutlierState.record(pool, `m${member}`, success, now)
            const out = Array.from(pool.members.values()).filter((one) => one.ejectedUntil !== undefined)
            assert.isAtMost(out.length, Math.min(9, Math.max(1, Math.floor(10 * maxShare))))
            for (const one of out) assert.isAtMost(one.ejectedUntil! - now, 10_000)
          }
        }
      )
    )
  })

  it("refuses numbers that make no sense, by the option's name", () => {
    assert.throws(() => OutlierEjection.make({ maxShare: 0 }), /OutlierEjection.make: "maxShare"/)
    assert.throws(() => OutlierEjection.make({ consecutive: -1 }), /"consecutive"/)
    assert.throws(() => OutlierEjection.make({ base: "301 seconds" }), /"base"/)
    assert.throws(() => OutlierEjection.make({ successRate: { factor: NaN } }), /"factor"/)
    assert.throws(() => OutlierEjection.make({ successRate: { minVolume: 0 } }), /"minVolume"/)
  })
})

describe("OutlierEjection.observeStream", () => {
  it.effect("counts a stream by how it ends", () =>
    Effect.gen(function* () {
      const pool = yield* OutlierEjection.make({ members: ["a", "b"], consecutive: 2 })
      const run = (stream: Stream.Stream<number, DoRequestFailed | CircuitOpen>) =>
        Effect.exit(Stream.runDrain(stream.pipe(OutlierEjection.observeStream(pool, "a"))))
      const cut = Stream.concat(Stream.make(1), Stream.fail(new DoRequestFailed({})))
      yield* run(cut)
      yield* run(Stream.make(1))
      yield* run(cut)
      yield* run(Stream.fail(new CircuitOpen({})))
      assert.isFalse(yield* OutlierEjection.isEjected(pool, "a"))
      yield* run(cut)
      assert.isTrue(yield* OutlierEjection.isEjected(pool, "a"))
    })
  )
})
