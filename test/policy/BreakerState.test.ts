import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { breakerState as BreakerState } from "./kit/clock.ts"
import type { Admitted, Breaker, Outcome, SettingsInput } from "#src/policy/breaker/BreakerState"

const make = (input: SettingsInput = {}) => BreakerState.make(BreakerState.settings(input))

const admitted = (breaker: Breaker, now: number): Admitted => {
  const admission = BreakerState.admit(breaker, now)
  assert.strictEqual(admission._tag, "Admitted")
  return admission as Admitted
}

const call = (breaker: Breaker, now: number, outcome: Outcome, hint?: number) =>
  BreakerState.settle(breaker, admitted(breaker, now), outcome, now, hint)

const trip = (breaker: Breaker, now: number) => {
  while (breaker.state._tag !== "Open") call(breaker, now, "failure")
}

describe("BreakerState", () => {
  it("without options: 5 failures in a row, 60 s open, 1 probe", () => {
    const breaker = make()
    for (let i = 0; i < 4; i++) call(breaker, i, "failure")
    assert.strictEqual(breaker.state._tag, "Closed")
    call(breaker, 4, "failure")
    assert.deepStrictEqual(BreakerState.admit(breaker, 4), { _tag: "Rejected", retryAfterMillis: 60_000 })
    assert.deepStrictEqual(BreakerState.admit(breaker, 60_003), { _tag: "Rejected", retryAfterMillis: 1 })
    assert.isTrue(admitted(breaker, 60_004).probe)
    assert.deepStrictEqual(BreakerState.admit(breaker, 60_004), { _tag: "Rejected", retryAfterMillis: undefined })
  })

  it("lets every call of a generation through with one and the same value", () => {
    const breaker = make()
    assert.strictEqual(BreakerState.admit(breaker, 0), BreakerState.admit(breaker, 1))
  })

  it("closes on a probe's success and remembers nothing", () => {
    const breaker = make()
    trip(breaker, 0)
    call(breaker, 60_000, "success")
    assert.deepStrictEqual(BreakerState.view(breaker, 60_000), {
      _tag: "Closed",
      openings: 1,
      retryAfterMillis: undefined,
      counts: { calls: 0, failures: 0, slow: 0 }
    })
  })

  it("opens again on a probe's failure or slowness", () => {
    for (const outcome of ["failure", "slow", "slowFailure"] as const) {
      const breaker = make()
      trip(breaker, 0)
      call(breaker, 60_000, outcome)
      assert.strictEqual(BreakerState.retryAfter(breaker, 60_000), 60_000)
    }
  })

  describe("late results", () => {
    it("a failure from before the trip does not open a half-open breaker (cockatiel 4 does)", () => {
      const breaker = make({ window: { _tag: "Consecutive", failures: 1 } })
      const early = admitted(breaker, 0)
      call(breaker, 1, "failure")
      const probe = admitted(breaker, 60_001)
      BreakerState.settle(breaker, early, "failure", 60_002)
      assert.strictEqual(breaker.state._tag, "HalfOpen")
      BreakerState.settle(breaker, probe, "success", 60_003)
      assert.strictEqual(breaker.state._tag, "Closed")
    })

    it("a success from before the trip does not close an open or half-open breaker", () => {
      const breaker = make({ window: { _tag: "Consecutive", failures: 1 } })
      const early = admitted(breaker, 0)
      call(breaker, 1, "failure")
      BreakerState.settle(breaker, early, "success", 2)
      assert.strictEqual(breaker.state._tag, "Open")
      admitted(breaker, 60_001)
      BreakerState.settle(breaker, early, "success", 60_002)
      assert.strictEqual(breaker.state._tag, "HalfOpen")
    })

    it("a probe of an earlier round changes nothing in a later one", () => {
      const breaker = make({ window: { _tag: "Consecutive", failures: 1 }, openMillis: () => 100, probes: 2 })
      call(breaker, 0, "failure")
      const first = admitted(breaker, 100)
      const second = admitted(breaker, 100)
      BreakerState.settle(breaker, first, "failure", 110)
      assert.strictEqual(breaker.state._tag, "Open")
      admitted(breaker, 210)
      BreakerState.settle(breaker, second, "failure", 211)
      assert.strictEqual(breaker.state._tag, "HalfOpen")
    })

    it("failures at once count once for the trip (opossum: never half-open again)", () => {
      const breaker = make()
      const calls = Array.from({ length: 20 }, () => admitted(breaker, 0))
      for (const one of calls) BreakerState.settle(breaker, one, "failure", 1)
      assert.strictEqual(BreakerState.view(breaker, 1).openings, 1)
      assert.isTrue(admitted(breaker, 60_001).probe)
    })
  })

  describe("half-open", () => {
    it("lets so many probes through, closes at its threshold", () => {
      const breaker = make({ probes: 3, probeSuccesses: 2 })
      trip(breaker, 0)
      const probes = [admitted(breaker, 60_000), admitted(breaker, 60_000), admitted(breaker, 60_000)]
      assert.strictEqual(BreakerState.admit(breaker, 60_000)._tag, "Rejected")
      BreakerState.settle(breaker, probes[0]!, "failure", 60_001)
      BreakerState.settle(breaker, probes[1]!, "success", 60_001)
      assert.strictEqual(breaker.state._tag, "HalfOpen")
      BreakerState.settle(breaker, probes[2]!, "success", 60_001)
      assert.strictEqual(breaker.state._tag, "Closed")
    })

    it("opens as soon as its threshold cannot be reached", () => {
      const breaker = make({ probes: 3, probeSuccesses: 2 })
      trip(breaker, 0)
      const probes = [admitted(breaker, 60_000), admitted(breaker, 60_000), admitted(breaker, 60_000)]
      BreakerState.settle(breaker, probes[0]!, "failure", 60_001)
      BreakerState.settle(breaker, probes[1]!, "failure", 60_001)
      assert.strictEqual(breaker.state._tag, "Open")
    })

    it("an ignored probe gives its place back", () => {
      const breaker = make()
      trip(breaker, 0)
      call(breaker, 60_000, "ignored")
      assert.isTrue(admitted(breaker, 60_001).probe)
    })

    it("a probe that never comes back holds the breaker no longer than it was open (opossum: for ever)", () => {
      const breaker = make({ openMillis: () => 1_000 })
      trip(breaker, 0)
      admitted(breaker, 1_000)
      assert.strictEqual(BreakerState.admit(breaker, 1_999)._tag, "Rejected")
      assert.isTrue(admitted(breaker, 2_000).probe)
      assert.strictEqual(BreakerState.admit(breaker, 2_000)._tag, "Rejected")
    })

    it("or no longer than it is told", () => {
      const breaker = make({ openMillis: () => 1_000, probeMillis: 10 })
      trip(breaker, 0)
      admitted(breaker, 1_000)
      assert.isTrue(admitted(breaker, 1_010).probe)
    })
  })

  describe("open time", () => {
    const openings = (input: SettingsInput, rounds: number) => {
      const breaker = make({ window: { _tag: "Consecutive", failures: 1 }, ...input })
      const times: Array<number | undefined> = []
      let now = 0
      for (let i = 0; i < rounds; i++) {
        call(breaker, now, "failure")
        const left = BreakerState.retryAfter(breaker, now)!
        times.push(left)
        now += left
      }
      return times
    }

    it("grows from opening to opening up to its cap", () => {
      const growing = BreakerState.growing({ initialMillis: 10_000, factor: 2 })
      assert.deepStrictEqual(
        openings({ openMillis: growing, maxOpenMillis: 300_000 }, 7),
        [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]
      )
    })

    it("is the cap where the rule gives no number, or infinity", () => {
      assert.deepStrictEqual(openings({ openMillis: () => NaN, maxOpenMillis: 9 }, 1), [9])
      assert.deepStrictEqual(openings({ openMillis: () => Infinity, maxOpenMillis: 9 }, 1), [9])
    })

    it("starts again only after the breaker stayed closed for as long as it was open", () => {
      const run = (stayedClosed: number) => {
        const breaker = make({
          window: { _tag: "Consecutive", failures: 1 },
          openMillis: BreakerState.growing({ initialMillis: 1_000, factor: 2 })
        })
        call(breaker, 0, "failure")
        call(breaker, 1_000, "success")
        call(breaker, 1_000 + stayedClosed, "failure")
        return BreakerState.retryAfter(breaker, 1_000 + stayedClosed)
      }
      assert.strictEqual(run(999), 2_000)
      assert.strictEqual(run(1_000), 1_000)
    })

    it("is lengthened by a hint, up to the cap, and never shortened", () => {
      const hinted = (hint: number) => {
        const breaker = make({ window: { _tag: "Consecutive", failures: 1 }, maxOpenMillis: 100_000 })
        call(breaker, 0, "failure", hint)
        return BreakerState.retryAfter(breaker, 0)
      }
      assert.deepStrictEqual(
        [1_000, 90_000, 86_400_000, NaN, -1].map(hinted),
        [60_000, 90_000, 100_000, 60_000, 60_000]
      )
    })

    it("a hint that comes later lengthens it too", () => {
      const breaker = make({ maxOpenMillis: 100_000 })
      trip(breaker, 0)
      BreakerState.hint(breaker, 1_000, 10)
      assert.strictEqual(BreakerState.retryAfter(breaker, 1_000), 59_000)
      BreakerState.hint(breaker, 1_000, 70_000)
      assert.strictEqual(BreakerState.retryAfter(breaker, 1_000), 70_000)
      BreakerState.hint(breaker, 1_000, 3_600_000)
      assert.strictEqual(BreakerState.retryAfter(breaker, 1_000), 99_000)
    })

    it("a clock that goes back by an hour does not add an hour", () => {
      const breaker = make()
      trip(breaker, 3_600_000)
      assert.deepStrictEqual(BreakerState.admit(breaker, 0), { _tag: "Rejected", retryAfterMillis: 60_000 })
      assert.isTrue(admitted(breaker, 60_000).probe)
    })
  })

  describe("by hand", () => {
    it("isolates for as long as one handle is held", () => {
      const breaker = make()
      BreakerState.isolate(breaker)
      BreakerState.isolate(breaker)
      BreakerState.release(breaker, 1)
      assert.strictEqual(BreakerState.admit(breaker, 1e12)._tag, "Rejected")
      BreakerState.release(breaker, 2)
      assert.strictEqual(BreakerState.admit(breaker, 2)._tag, "Admitted")
      BreakerState.release(breaker, 3)
      assert.strictEqual(breaker.state._tag, "Closed")
    })

    it("forces open until a reset", () => {
      const breaker = make()
      BreakerState.forceOpen(breaker)
      assert.strictEqual(BreakerState.admit(breaker, 1e12)._tag, "Rejected")
      BreakerState.reset(breaker)
      assert.strictEqual(BreakerState.admit(breaker, 0)._tag, "Admitted")
    })

    it("neither undoes the other", () => {
      const breaker = make()
      BreakerState.forceOpen(breaker)
      BreakerState.isolate(breaker)
      BreakerState.release(breaker, 0)
      assert.strictEqual(breaker.state._tag, "ForcedOpen")
      BreakerState.isolate(breaker)
      BreakerState.reset(breaker)
      assert.strictEqual(breaker.state._tag, "Isolated")
      BreakerState.release(breaker, 0)
      assert.strictEqual(breaker.state._tag, "Closed")
    })

    it("results of calls from before change nothing", () => {
      const breaker = make({ window: { _tag: "Consecutive", failures: 1 } })
      const early = admitted(breaker, 0)
      BreakerState.isolate(breaker)
      BreakerState.release(breaker, 1)
      BreakerState.settle(breaker, early, "failure", 2)
      assert.strictEqual(breaker.state._tag, "Closed")
    })
  })

  it("says how it stands without being asked for a place", () => {
    const breaker = make()
    assert.strictEqual(BreakerState.standing(breaker, 0), "available")
    trip(breaker, 0)
    assert.strictEqual(BreakerState.standing(breaker, 59_999), "refused")
    assert.strictEqual(BreakerState.standing(breaker, 60_000), "due")
    assert.strictEqual(breaker.state._tag, "Open")
    admitted(breaker, 60_000)
    assert.strictEqual(BreakerState.standing(breaker, 60_000), "refused")
    assert.strictEqual(BreakerState.standing(breaker, 120_000), "due")
    BreakerState.isolate(breaker)
    assert.strictEqual(BreakerState.standing(breaker, 120_000), "refused")
  })

  it("is idle only when it knows nothing", () => {
    const breaker = make({ openMillis: () => 100 })
    assert.isTrue(BreakerState.isIdle(breaker, 0))
    call(breaker, 0, "failure")
    assert.isFalse(BreakerState.isIdle(breaker, 0))
    trip(breaker, 0)
    call(breaker, 100, "success")
    assert.isFalse(BreakerState.isIdle(breaker, 199))
    assert.isTrue(BreakerState.isIdle(breaker, 200))
  })

  it("refuses numbers that make no sense, by the option's name", () => {
    assert.throws(() => BreakerState.settings({ probes: 0 }), /"probes"/)
    assert.throws(() => BreakerState.settings({ probes: 1, probeSuccesses: 2 }), /"probeSuccesses"/)
    assert.throws(() => BreakerState.settings({ maxOpenMillis: NaN }), /"maxOpenMillis"/)
    assert.throws(() => BreakerState.settings({ probeMillis: -1 }), /"probeMillis"/)
    assert.throws(() => BreakerState.growing({ initialMillis: 0 }), /"initialMillis"/)
    assert.throws(() => BreakerState.growing({ initialMillis: 1, factor: 0.5 }), /"factor"/)
  })

  it("for any calls: never more probes than it has, never open beyond the cap, never shut for ever", () => {
    const event = fc.record({
      after: fc.integer({ min: 0, max: 300 }),
      finish: fc.integer({ min: 0, max: 3 }),
      outcome: fc.constantFrom<Outcome>("success", "failure", "slow", "ignored"),
      hint: fc.option(fc.integer({ min: 0, max: 5_000 }), { nil: undefined })
    })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), (events, probes) => {
        const breaker = make({
          window: { _tag: "Count", size: 3, minimum: 2, failureRate: 0.5 },
          openMillis: BreakerState.growing({ initialMillis: 100, factor: 2 }),
          maxOpenMillis: 1_000,
          probes
        })
        let now = 0
        const inFlight: Array<Admitted> = []
        for (const { after, finish, outcome, hint } of events) {
          now += after
          const admission = BreakerState.admit(breaker, now)
          if (admission._tag === "Admitted") inFlight.push(admission)
          else assert.isAtMost(admission.retryAfterMillis ?? 0, 1_000)
          const ofThisRound = inFlight.filter((a) => a.probe && a.generation === breaker.generation)
          assert.isAtMost(ofThisRound.length, probes)
          const done = inFlight.splice(0, finish)
          for (const one of done) BreakerState.settle(breaker, one, outcome, now, hint)
          if (breaker.state._tag === "HalfOpen") {
            const { admitted, failed, succeeded } = breaker.state
            assert.isTrue(admitted >= 0 && admitted <= probes && failed + succeeded <= probes)
          }
        }
        assert.strictEqual(BreakerState.admit(breaker, now + 1_000)._tag, "Admitted")
      })
    )
  })
})
