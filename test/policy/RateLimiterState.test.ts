/** The rules of the limiter, from 0 and, by `TodaysClock.test.ts`, at the clock of today. */
import { assert, describe, it } from "@effect/vitest"
import type { RateLimiterState } from "effect-resilience/policy"
import * as fc from "fast-check"
import { limiterRules } from "./kit/clock.ts"

const { bursty, smooth } = limiterRules
/** Takes permits as early as can be; gives when. */
const reserve = (rule: RateLimiterState.Rule, now: number, permits = 1): number => {
  const at = rule.peek(now, permits)
  rule.take(at, permits, now)
  return at
}
const many = (rule: RateLimiterState.Rule, now: number, n: number) =>
  Array.from({ length: n }, () => reserve(rule, now))

describe("RateLimiterState.smooth: failsafe-go's smooth limiter", () => {
  it("one each interval", () => assert.deepStrictEqual(many(smooth(100), 0, 5), [0, 100, 200, 300, 400]))

  it("saves nothing up", () => {
    const rule = smooth(100)
    reserve(rule, 0)
    assert.deepStrictEqual(many(rule, 10_000, 3), [10_000, 10_100, 10_200])
  })

  it("n permits take n intervals", () => {
    const rule = smooth(100)
    assert.strictEqual(reserve(rule, 0, 3), 0)
    assert.strictEqual(reserve(rule, 0), 300)
  })

  it("fractions do not drift: 3 per second for a thousand calls", () => {
    assert.closeTo(many(smooth(1000 / 3), 0, 1000).at(-1)!, 333_000, 0.01)
  })

  // The steps of such a time are 0.0002 ms: each interval alone would be rounded to 0.00977, or to none at all.
  for (const interval of [0.01, 0.0001]) {
    it(`nor at a time of today: each ${interval} ms, a hundred thousand times`, () => {
      const rule = smooth(interval)
      const now = 1_764_000_000_000
      for (let i = 0; i < 100_000; i++) reserve(rule, now)
      assert.closeTo(rule.peek(now, 1), now + 100_000 * interval, 0.001)
    })
  }

  it("what is given back goes to the next who asks", () => {
    const rule = smooth(100)
    many(rule, 0, 5)
    rule.refund(200, 1, 0)
    assert.deepStrictEqual(many(rule, 0, 2), [200, 500])
  })

  // Effect's limiter: five cancelled waiters, and the next one waits 5994 ms.
  it("five cancelled waiters leave no trace", () => {
    const rule = smooth(1000)
    for (const at of many(rule, 0, 6).slice(1)) rule.refund(at, 1, 0)
    assert.strictEqual(reserve(rule, 0), 1000)
  })

  // The end of a turn and the beginning of the next differed by a step of the clock, which was more than counted as none.
  it("R26: a turn that is given back is used by whoever asks next, at any rate", () => {
    for (let limit = 1; limit <= 1000; limit += 7) {
      const rule = smooth(1000 / limit)
      for (let n = 0; n < 20; n++) {
        reserve(rule, 0.25)
        const turn = reserve(rule, 0.25)
        rule.refund(turn, 1, 0.25)
        assert.closeTo(rule.peek(0.25, 1), turn, 0.001, `${limit} a second, the last turn`)
        const [before] = many(rule, 0.25, 3)
        rule.refund(before!, 1, 0.25)
        assert.closeTo(reserve(rule, 0.25), before!, 0.001, `${limit} a second, in between`)
      }
    }
  })

  it("what is past is spent", () => {
    const rule = smooth(100)
    const [at] = many(rule, 0, 2)
    rule.refund(at!, 1, 50)
    assert.strictEqual(reserve(rule, 50), 200)
  })

  it("a gap whose time has come is used from now on, and one that is past is lost", () => {
    const rule = smooth(100)
    many(rule, 0, 4)
    rule.refund(100, 2, 0)
    assert.strictEqual(rule.peek(150, 1), 150)
    assert.strictEqual(rule.peek(250, 1), 400)
  })
})

describe("RateLimiterState.bursty: failsafe-go's bursty limiter", () => {
  it("all at once in a period, the rest in the next ones", () => {
    assert.deepStrictEqual(many(bursty(2, 1000), 5000, 5), [5000, 5000, 6000, 6000, 7000])
  })

  it("periods follow each other from the first use", () => {
    const rule = bursty(2, 1000)
    many(rule, 500, 2)
    assert.strictEqual(reserve(rule, 1400), 1500)
    assert.strictEqual(reserve(rule, 1600), 1600)
    assert.strictEqual(reserve(rule, 1600), 2500)
  })

  it("saves nothing up", () => {
    const rule = bursty(2, 1000)
    reserve(rule, 0)
    assert.deepStrictEqual(many(rule, 60_000, 3), [60_000, 60_000, 61_000])
  })

  it("more permits than the limit never fit", () => {
    assert.strictEqual(bursty(2, 1000).peek(0, 3), Number.POSITIVE_INFINITY)
  })

  it("a small call fills the room that a large one left", () => {
    const rule = bursty(3, 1000)
    assert.deepStrictEqual([reserve(rule, 0, 2), reserve(rule, 0, 2), reserve(rule, 0, 1)], [0, 1000, 0])
  })

  it("R26: a period that is no whole number of milliseconds has its limit, and gives back", () => {
    for (const period of [1, 1000 / 7, 10 / 3]) {
      const rule = bursty(2, period)
      const turns = many(rule, 0.25, 2001)
      assert.closeTo(turns.at(-1)!, 0.25 + 1000 * period, 0.01)
      for (let i = 2; i < turns.length; i += 2) assert.isAbove(turns[i]!, turns[i - 1]! + period / 2)
      rule.refund(turns[20]!, 1, 0.25)
      assert.closeTo(reserve(rule, 0.25), turns[20]!, 0.001)
    }
  })

  it("gives back", () => {
    const rule = bursty(1, 1000)
    many(rule, 0, 3)
    rule.refund(1000, 1, 0)
    assert.deepStrictEqual(many(rule, 0, 2), [1000, 3000])
  })
})

describe("RateLimiterState: what always holds", () => {
  const steps = fc.array(
    fc.record({
      wait: fc.integer({ min: 0, max: 400 }),
      cancel: fc.option(fc.nat(5), { nil: undefined }),
      permits: fc.integer({ min: 1, max: 3 })
    }),
    { maxLength: 120 }
  )
  /** Plays steps; gives the permits that were used, by time. */
  const play = (
    rule: RateLimiterState.Rule,
    list: ReadonlyArray<{ wait: number; cancel: number | undefined; permits: number }>
  ) => {
    let now = 0
    const held: Array<{ at: number; permits: number }> = []
    for (const step of list) {
      now += step.wait
      if (step.cancel !== undefined) {
        const waiting = held.filter((one) => one.at > now)
        const one = waiting[step.cancel % Math.max(1, waiting.length)]
        if (one !== undefined) {
          rule.refund(one.at, one.permits, now)
          held.splice(held.indexOf(one), 1)
        }
      }
      const at = reserve(rule, now, step.permits)
      assert.isAtLeast(at, now)
      held.push({ at, permits: step.permits })
    }
    return held.sort((a, b) => a.at - b.at)
  }

  it("smooth: with refunds in any order, no two calls come closer than their permits say", () =>
    fc.assert(
      fc.property(steps, (list) => {
        const held = play(smooth(100), list)
        for (let i = 1; i < held.length; i++) {
          const before = held[i - 1]!
          if (held[i]!.at < before.at + before.permits * 100 - 0.001) return false
        }
        return true
      }),
      { numRuns: 500 }
    ))

  it("bursty: with refunds in any order, no period has more than its limit", () =>
    fc.assert(
      fc.property(steps, (list) => {
        const origin = list[0]?.wait ?? 0
        const periods = new Map<number, number>()
        for (const { at, permits } of play(bursty(3, 1000), list)) {
          const period = Math.floor((at - origin) / 1000)
          periods.set(period, (periods.get(period) ?? 0) + permits)
        }
        return [...periods.values()].every((n) => n <= 3)
      }),
      { numRuns: 500 }
    ))

  it("smooth: when all are cancelled, the next goes as if none had been", () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 20 }),
        fc.nat(),
        (sizes, seed) => {
          const rule = smooth(100)
          reserve(rule, 0)
          const taken = sizes.map((permits) => ({ permits, at: reserve(rule, 0, permits) }))
          taken.sort((a, b) => ((a.at * 7919 + seed) % 101) - ((b.at * 7919 + seed) % 101))
          for (const { at, permits } of taken) rule.refund(at, permits, 0)
          return reserve(rule, 0) === 100
        }
      )
    ))
})

describe("RateLimiter: a clock that goes back", () => {
  for (const [name, make] of [
    ["smooth", () => smooth(100)],
    ["bursty", () => bursty(1, 100)]
  ] as const) {
    it(`${name}: takes the bookings with it`, () => {
      const rule = make()
      const hour = 3_600_000
      reserve(rule, hour)
      assert.strictEqual(rule.peek(0, 1), 100)
      assert.isFalse(rule.fresh(0))
      assert.isTrue(rule.fresh(100))
      assert.strictEqual(reserve(rule, 100), 100)
    })
  }

  it("smooth: a turn from before is not given twice", () => {
    const rule = smooth(100)
    const turns = [1000, 1000, 1000].map((now) => reserve(rule, now))
    assert.strictEqual(reserve(rule, 0), 300)
    for (const at of turns) rule.refund(at, 1, 0)
    assert.strictEqual(reserve(rule, 0), 400)
  })
})
