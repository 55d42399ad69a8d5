import { assert, describe, it } from "@effect/vitest"
import { InvalidPolicyOption as Option } from "effect-resilience/policy"

const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1]
const where = "Policy.make"

describe("InvalidPolicyOption", () => {
  const table: ReadonlyArray<
    [string, (value: number) => number, good: ReadonlyArray<number>, bad: ReadonlyArray<number>]
  > = [
    ["positiveInt", (v) => Option.positiveInt(where, "x", v), [1, 5, 2 ** 40], [...bad, 0, 1.5]],
    ["nonNegativeInt", (v) => Option.nonNegativeInt(where, "x", v), [0, 5], [...bad, 1.5]],
    ["positive", (v) => Option.positive(where, "x", v), [0.1, 5], [...bad, 0]],
    ["nonNegative", (v) => Option.nonNegative(where, "x", v), [0, 0.1], bad],
    ["atLeast 2", (v) => Option.atLeast(where, "x", v, 2), [2, 3], [...bad, 1.9]],
    ["between 1 and 3", (v) => Option.between(where, "x", v, 1, 3), [1, 2, 3], [...bad, 0.9, 3.1]],
    ["fraction", (v) => Option.fraction(where, "x", v), [0, 0.5, 1], [...bad, 1.1]],
    ["positiveFraction", (v) => Option.positiveFraction(where, "x", v), [0.5, 1], [...bad, 0, 1.1]],
    ["positiveMillis", (v) => Option.positiveMillis(where, "x", v), [1, 2 ** 31 - 1], [...bad, 0, 2 ** 31]],
    ["nonNegativeMillis", (v) => Option.nonNegativeMillis(where, "x", v), [0, 2 ** 31 - 1], [...bad, 2 ** 31]]
  ]
  for (const [name, check, good, wrong] of table) {
    it(name, () => {
      for (const value of good) assert.strictEqual(check(value), value)
      for (const value of wrong) assert.throws(() => check(value), Option.InvalidPolicyOption, `${where}: "x" must be`)
    })
  }

  it("P16: what is no number or no duration at all is refused by name, whatever JavaScript makes of it", () => {
    const checks = table.map(([, check]) => check as (value: unknown) => number)
    for (const value of ["", "1", true, null, [], {}, 1n, Symbol("x"), new Date(), () => 1]) {
      for (const [at, check] of checks.entries()) {
        // One nanosecond is a duration.
        if (typeof value === "bigint" && at >= 8) continue
        assert.throws(() => check(value), Option.InvalidPolicyOption, `${where}: "x" must be`)
      }
    }
    for (const value of [{ seconds: Number.NaN }, [Number.NaN, 1]] as ReadonlyArray<unknown>) {
      for (const check of checks.slice(8)) assert.throws(() => check(value), Option.InvalidPolicyOption)
    }
    assert.strictEqual(Option.nonNegativeMillis(where, "x", { seconds: 1, milliseconds: 5 }), 1005)
    assert.strictEqual(Option.nonNegativeMillis(where, "x", [1, 500_000]), 1000.5)
  })

  it("names the policy, the option, what it must be and what it is", () => {
    const error = new Option.InvalidPolicyOption("CircuitBreaker.make", "failures", "a positive integer", {
      got: Number.NaN
    })
    assert.strictEqual(error.message, 'CircuitBreaker.make: "failures" must be a positive integer, got NaN')
    assert.deepInclude({ ...error }, { _tag: "InvalidPolicyOption", where: "CircuitBreaker.make", option: "failures" })
    assert.strictEqual(error.name, "InvalidPolicyOption")
  })

  it("shows durations and texts as they are written", () => {
    assert.throws(() => Option.positiveMillis(where, "x", "soon" as "1 second"), 'got "soon"')
    assert.throws(() => Option.positiveMillis(where, "x", "-5 seconds"), 'got "-5 seconds"')
    assert.throws(() => Option.positiveMillis(where, "x", { seconds: 0 }), 'got {"seconds":0}')
  })

  it("shows also what is no JSON", () => {
    const itself: { self?: unknown } = {}
    itself.self = itself
    for (const value of [itself, { seconds: 1n }])
      assert.throws(() => Option.positiveMillis(where, "x", value as unknown as "1 second"), "got [object Object]")
    assert.throws(() => Option.positiveInt(where, "x", itself as unknown as number), "got [object Object]")
  })

  it("a minimum above its maximum", () => {
    Option.ordered(where, "min", 1, "max", 1)
    assert.throws(() => Option.ordered(where, "min", 2, "max", 1), '"min" must be at most "max" (1), got 2')
  })
})
