import { assert, describe, it } from "@effect/vitest"
import { Backoff, InvalidPolicyOption } from "effect-resilience/policy"
import * as fc from "fast-check"

const close = (actual: ReadonlyArray<number>, expected: ReadonlyArray<number>, tolerance = 0.001) => {
  assert.strictEqual(actual.length, expected.length)
  actual.forEach((value, i) => assert.closeTo(value, expected[i]!, tolerance))
}

const message = (f: () => unknown): string => {
  try {
    f()
    return "nothing was thrown"
  } catch (error) {
    assert.instanceOf(error, InvalidPolicyOption.InvalidPolicyOption)
    return error.message
  }
}

describe("Backoff: exact values", () => {
  // Brooker, AWS architecture blog: expo(n) = min(cap, base * 2^n); full U(0, v); equal v/2 + U(0, v/2).
  const base = { base: "100 millis", cap: "1 second" } as const
  const tables = [
    ["exponential, none", Backoff.exponential({ ...base, jitter: "none" }), 0.5, [100, 200, 400, 800, 1000, 1000]],
    ["exponential, full, U=0", Backoff.exponential({ ...base, jitter: "full" }), 0, [0, 0, 0, 0]],
    ["exponential, full, U=.5", Backoff.exponential({ ...base, jitter: "full" }), 0.5, [50, 100, 200, 400, 500, 500]],
    ["exponential, equal, U=0", Backoff.exponential({ ...base, jitter: "equal" }), 0, [50, 100, 200, 400, 500]],
    ["exponential, equal, U=.5", Backoff.exponential({ ...base, jitter: "equal" }), 0.5, [75, 150, 300, 600, 750]],
    // cockatiel documents an exponent and ignores it: exponent 3 gives 100, 200, 400 there.
    ["exponential, factor 3", Backoff.exponential({ ...base, factor: 3, jitter: "none" }), 0, [100, 300, 900, 1000]],
    ["exponential, factor 1", Backoff.exponential({ ...base, factor: 1, jitter: "none" }), 0, [100, 100, 100]],
    // Polly RetryHelper.cs: linear = (attempt + 1) * base.
    ["linear", Backoff.linear({ ...base, jitter: "none" }), 0, [100, 200, 300, 400]],
    ["linear, increment", Backoff.linear({ ...base, increment: "50 millis", jitter: "none" }), 0, [100, 150, 200]],
    ["fibonacci", Backoff.fibonacci({ ...base, jitter: "none" }), 0, [100, 100, 200, 300, 500, 800, 1000, 1000]],
    ["constant", Backoff.constant({ delay: "250 millis" }), 0.9, [250, 250, 250]],
    ["constant, zero", Backoff.constant({ delay: 0 }), 0.9, [0, 0, 0]],
    // Brooker's simulator: sleep = min(cap, U(base, sleep * 3)).
    ["decorrelated, U=0", Backoff.decorrelated(base), 0, [100, 100, 100]],
    ["decorrelated, U=.5", Backoff.decorrelated(base), 0.5, [200, 350, 575, 912.5, 1000]],
    ["decorrelated, U=1-", Backoff.decorrelated(base), 0.999999, [300, 900, 1000, 1000]]
  ] as const
  for (const [name, backoff, draw, expected] of tables) {
    it(name, () =>
      close(
        Backoff.delays(backoff, expected.length, () => draw),
        expected,
        0.01
      )
    )
  }

  // Polly RetryHelper.ApplyJitter: delay * (0.75 .. 1.25); U=0 -> .75, .4 -> .95, .6 -> 1.05, 1 -> 1.25.
  it("proportional jitter is Polly's", () => {
    const backoff = Backoff.constant({ delay: "1 second", jitter: "proportional" })
    const at = (draw: number) => Backoff.delays(backoff, 1, () => draw)[0]!
    close([at(0), at(0.4), at(0.6), at(1)], [750, 950, 1050, 1250])
  })

  // Polly RetryHelper.cs, DecorrelatedJitterBackoffV2, base 1000 ms.
  it("decorrelatedV2 is Polly's", () => {
    const backoff = Backoff.decorrelatedV2({ base: "1 second", cap: "1 hour" })
    close(
      Backoff.delays(backoff, 6, () => 0.5),
      [897.405, 1093.004, 2035.748, 4045.979, 8083.632, 16_163.663]
    )
    close(
      Backoff.delays(backoff, 5, () => 0),
      [0, 1377.182, 1460.067, 2865.85, 5717.807]
    )
  })

  it("the defaults are 1 second, doubled, at most 30 seconds, full jitter", () => {
    close(
      Backoff.delays(Backoff.exponential(), 7, () => 0.5),
      [500, 1000, 2000, 4000, 8000, 15_000, 15_000]
    )
  })

  it("a base above the default cap lifts it", () => {
    close(Backoff.delays(Backoff.exponential({ base: "1 minute", jitter: "none" }), 2), [60_000, 60_000])
  })
})

describe("Backoff: what always holds", () => {
  const kinds = {
    exponential: (o: { base: number; cap: number; jitter: Backoff.Jitter; factor: number }) => Backoff.exponential(o),
    linear: (o: { base: number; cap: number; jitter: Backoff.Jitter; factor: number }) => Backoff.linear(o),
    fibonacci: (o: { base: number; cap: number; jitter: Backoff.Jitter; factor: number }) => Backoff.fibonacci(o),
    decorrelated: (o: { base: number; cap: number; jitter: Backoff.Jitter; factor: number }) => Backoff.decorrelated(o),
    decorrelatedV2: (o: { base: number; cap: number; jitter: Backoff.Jitter; factor: number }) =>
      Backoff.decorrelatedV2(o)
  }
  const jitter = fc.oneof(
    fc.constantFrom<Backoff.Jitter>("none", "full", "equal", "proportional"),
    fc.record({ proportional: fc.double({ min: 0, max: 1, noNaN: true }) })
  )
  const options = fc
    .tuple(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.integer({ min: 1, max: 2 ** 31 - 1 }))
    .chain(([a, b]) =>
      fc.record({
        base: fc.constant(Math.min(a, b)),
        cap: fc.constant(Math.max(a, b)),
        jitter,
        factor: fc.double({ min: 1, max: 1e6, noNaN: true })
      })
    )
  for (const [name, make] of Object.entries(kinds)) {
    it(`${name} never passes the cap, never is negative, NaN or infinite, at any attempt`, () =>
      fc.assert(
        fc.property(options, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }), (o, draws) => {
          const backoff = make(o)
          let state = backoff.initial
          // Far attempts too: Effect's own exponential sleeps for ever at 1100, cockatiel's decorrelated becomes NaN.
          for (const attempt of [1, 2, 3, 10, 31, 64, 500, 1100, 5000, 1e9]) {
            const step = backoff.step(attempt, state, draws[attempt % draws.length]!)
            state = step.state
            if (!(step.delayMillis >= 0 && step.delayMillis <= o.cap)) return false
          }
          return true
        }),
        { numRuns: 300 }
      ))
  }

  it("proportional jitter at the cap still spreads", () => {
    const backoff = Backoff.exponential({ base: "1 second", cap: "1 second", jitter: "proportional" })
    const drawn = [0, 0.25, 0.5, 0.75, 0.99].map((draw) => Backoff.delays(backoff, 1, () => draw)[0]!)
    assert.strictEqual(new Set(drawn).size, 5)
    assert.isAtMost(Math.max(...drawn), 1000)
  })
})

describe("Backoff: refused options", () => {
  const cases: ReadonlyArray<[() => unknown, string]> = [
    [() => Backoff.exponential({ base: 0 }), '"base" must be a duration above zero'],
    [() => Backoff.exponential({ base: Number.NaN }), '"base" must be a duration above zero'],
    [() => Backoff.exponential({ base: -1 }), '"base" must be a duration above zero'],
    [() => Backoff.exponential({ cap: "Infinity" }), '"cap" must be a duration above zero'],
    // cockatiel takes 2^31 ms, and Node makes 1 ms of it.
    [() => Backoff.constant({ delay: 2 ** 31 }), '"delay" must be a duration, zero or more'],
    [
      () => Backoff.exponential({ base: "2 seconds", cap: "1 second" }),
      '"base" must be at most "cap" ("1 second"), got "2 seconds"'
    ],
    [() => Backoff.exponential({ factor: 0.5 }), '"factor" must be a finite number, 1 or more, got 0.5'],
    [() => Backoff.exponential({ factor: Number.POSITIVE_INFINITY }), '"factor" must be a finite number'],
    [
      () => Backoff.exponential({ jitter: { proportional: 2 } }),
      '"jitter.proportional" must be a number from 0 to 1, got 2'
    ],
    [() => Backoff.exponential({ jitter: { proportional: Number.NaN } }), '"jitter.proportional"'],
    [() => Backoff.exponential({ jitter: "some" as "full" }), '"jitter" must be "none"']
  ]
  for (const [make, expected] of cases) {
    it(expected, () => assert.include(message(make), expected))
  }
})
