import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { InvalidPolicyOption } from "effect-resilience/policy"
import { breakerWindow as BreakerWindow } from "./kit/clock.ts"
import type { CountWindow, TimeWindow, WindowOutcome } from "#src/policy/breaker/BreakerWindow"

const time = (rule: Partial<TimeWindow> = {}) =>
  BreakerWindow.make({ _tag: "Time", durationMillis: 10_000, slices: 10, minimum: 1, failureRate: 1, ...rule })

const count = (rule: Partial<CountWindow> = {}) =>
  BreakerWindow.make({ _tag: "Count", size: 4, minimum: 4, failureRate: 0.5, ...rule })

const outcome = fc.constantFrom<WindowOutcome>("success", "failure", "slow", "slowFailure")

describe("BreakerWindow", () => {
  describe("consecutive", () => {
    it("trips at so many failures in a row, and a success starts again", () => {
      const window = BreakerWindow.make({ _tag: "Consecutive", failures: 3 })
      const said = (["failure", "failure", "success", "failure", "slow", "slowFailure"] as const).map((o) =>
        BreakerWindow.record(window, o, 0)
      )
      assert.deepStrictEqual(said, [false, false, false, false, false, true])
    })
  })

  describe("count", () => {
    it("trips at the threshold (Polly, resilience4j: >=), not before the minimum", () => {
      const window = count()
      const said = (["failure", "failure", "success", "success"] as const).map((o) =>
        BreakerWindow.record(window, o, 0)
      )
      assert.deepStrictEqual(said, [false, false, false, true])
    })

    it("is not fooled by binary fractions: 11 of 20 is 55 %", () => {
      const window = count({ size: 20, minimum: 20, failureRate: 0.55 })
      let tripped = false
      for (let i = 0; i < 20; i++) tripped = BreakerWindow.record(window, i < 11 ? "failure" : "success", 0)
      assert.isTrue(tripped)
    })

    it("forgets the oldest call", () => {
      const window = count({ failureRate: 1 })
      for (const o of ["failure", "slowFailure", "success", "success", "success"] as const) {
        BreakerWindow.record(window, o, 0)
      }
      assert.deepStrictEqual(BreakerWindow.counts(window, 0), { calls: 4, failures: 1, slow: 1 })
    })

    it("trips on slow calls alone, where that is asked for", () => {
      const window = count({ failureRate: 1, slowRate: 0.5 })
      const said = (["slow", "success", "slow", "success"] as const).map((o) => BreakerWindow.record(window, o, 0))
      assert.deepStrictEqual(said, [false, false, false, true])
    })

    it("counts what the last calls were, for any calls", () => {
      fc.assert(
        fc.property(fc.array(outcome), fc.integer({ min: 1, max: 9 }), (outcomes, size) => {
          const window = count({ size, minimum: size, failureRate: 1 })
          for (const o of outcomes) BreakerWindow.record(window, o, 0)
          const last = outcomes.slice(-size)
          assert.deepStrictEqual(BreakerWindow.counts(window, 0), {
            calls: last.length,
            failures: last.filter((o) => o === "failure" || o === "slowFailure").length,
            slow: last.filter((o) => o === "slow" || o === "slowFailure").length
          })
        })
      )
    })
  })

  describe("time", () => {
    it("holds the last 10 s in parts of 1 s", () => {
      const window = time({ minimum: 100 })
      BreakerWindow.record(window, "failure", 500)
      BreakerWindow.record(window, "success", 1_500)
      BreakerWindow.record(window, "slow", 9_999)
      assert.deepStrictEqual({ ...BreakerWindow.counts(window, 9_999) }, { calls: 3, failures: 1, slow: 1 })
      assert.deepStrictEqual({ ...BreakerWindow.counts(window, 10_000) }, { calls: 2, failures: 0, slow: 1 })
      assert.deepStrictEqual({ ...BreakerWindow.counts(window, 11_000) }, { calls: 1, failures: 0, slow: 1 })
      assert.deepStrictEqual({ ...BreakerWindow.counts(window, 19_000) }, { calls: 0, failures: 0, slow: 0 })
    })

    it("has forgotten what is an hour old (cockatiel 4 trips on the first failure after an idle hour)", () => {
      const window = time({ minimum: 5, failureRate: 0.5 })
      for (let i = 0; i < 4; i++) BreakerWindow.record(window, "failure", i)
      const hour = 3_600_000
      assert.isFalse(BreakerWindow.record(window, "failure", hour))
      assert.isFalse(BreakerWindow.record(window, "failure", hour + 1))
      assert.strictEqual(BreakerWindow.counts(window, hour + 1).calls, 2)
    })

    it("keeps counting when the clock goes back a little, and starts again when it goes back by a window", () => {
      const window = time({ minimum: 100 })
      BreakerWindow.record(window, "failure", 50_000)
      BreakerWindow.record(window, "failure", 48_000)
      assert.strictEqual(BreakerWindow.counts(window, 48_000).failures, 2)
      BreakerWindow.record(window, "failure", 20_000)
      assert.strictEqual(BreakerWindow.counts(window, 20_000).failures, 1)
    })

    it("never counts what is older than its duration, always what is younger by a slice, for any calls", () => {
      const call = fc.record({ after: fc.integer({ min: 0, max: 4_000 }), outcome })
      fc.assert(
        fc.property(fc.array(call), fc.integer({ min: 1, max: 12 }), (calls, slices) => {
          const window = time({ slices, minimum: 1_000 })
          let now = 0
          const at: Array<number> = []
          for (const { after, outcome } of calls) {
            now += after
            at.push(now)
            BreakerWindow.record(window, outcome, now)
          }
          const held = BreakerWindow.counts(window, now).calls
          assert.isAtMost(held, at.filter((t) => now - t < 10_000).length)
          assert.isAtLeast(held, at.filter((t) => now - t < 10_000 - 10_000 / slices).length)
        })
      )
    })
  })

  it("refuses numbers that make no sense, by the option's name", () => {
    const message = (rule: Parameters<typeof BreakerWindow.checked>[0]) => {
      try {
        BreakerWindow.checked(rule, "here")
        return "accepted"
      } catch (error) {
        assert.isTrue(error instanceof InvalidPolicyOption.InvalidPolicyOption)
        return (error as Error).message
      }
    }
    assert.include(message({ _tag: "Consecutive", failures: 0 }), '"failures"')
    assert.include(message({ _tag: "Count", size: 4, minimum: 5, failureRate: 0.5 }), '"minimum"')
    assert.include(message({ _tag: "Count", size: NaN, minimum: 1, failureRate: 0.5 }), '"size"')
    assert.include(message({ _tag: "Count", size: 4, minimum: 4, failureRate: 0 }), '"failureRate"')
    assert.include(message({ _tag: "Count", size: 4, minimum: 4, failureRate: 1, slowRate: 1.1 }), '"slowRate"')
    assert.include(
      message({ _tag: "Time", durationMillis: 0, slices: 10, minimum: 1, failureRate: 1 }),
      '"durationMillis"'
    )
    assert.include(message({ _tag: "Time", durationMillis: 1, slices: 0, minimum: 1, failureRate: 1 }), '"slices"')
  })
})
