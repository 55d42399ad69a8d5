import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { DoRequestFailed, RetryBudgetExhausted } from "effect-resilience/errors"
import { InvalidPolicyOption, RetryBudget, RetryBudgetState } from "effect-resilience/policy"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { budgetRules } from "./kit/clock.ts"
import { interruptEverywhere } from "./kit/interruptAt.ts"
import { failure } from "./kit/retries.ts"

const { quota, refused, share, tokenRatio, window } = budgetRules
const times = (n: number, f: () => unknown) => {
  for (let i = 0; i < n; i++) f()
}
/** How many retries are let through, of `max` that ask. */
const allowed = (rule: RetryBudgetState.Rule, now = 0, max = 10_000): number => {
  let n = 0
  while (n < max && rule.retry(now, undefined) !== refused) n++
  return n
}

describe("RetryBudgetState.tokenRatio: gRPC proposal A6", () => {
  it("is full at first; failures take 1, successes give the ratio; retries while above half", () => {
    const rule = tokenRatio({ maxTokens: 10, tokenRatio: 0.1 })
    assert.strictEqual(rule.balance(0), 10)
    times(4, () => rule.failure(0))
    assert.strictEqual(rule.balance(0), 6)
    assert.notStrictEqual(rule.retry(0, undefined), refused)
    rule.failure(0)
    // Exactly half is not enough.
    assert.strictEqual(rule.balance(0), 5)
    assert.strictEqual(rule.retry(0, undefined), refused)
    rule.success(0, 0)
    assert.strictEqual(rule.balance(0), 5.1)
    assert.notStrictEqual(rule.retry(0, undefined), refused)
  })

  it("stays between 0 and maxTokens", () => {
    const rule = tokenRatio({ maxTokens: 3, tokenRatio: 1 })
    times(9, () => rule.failure(0))
    assert.strictEqual(rule.balance(0), 0)
    times(9, () => rule.success(0, 0))
    assert.strictEqual(rule.balance(0), 3)
  })

  it("counts thousandths exactly: ten thousand successes of 0.001 are ten", () => {
    const rule = tokenRatio({ maxTokens: 20, tokenRatio: 0.001 })
    times(20, () => rule.failure(0))
    times(10_000, () => rule.success(0, 0))
    assert.strictEqual(rule.balance(0), 10)
  })
})

describe("RetryBudgetState.window: Finagle's RetryBudget, tower's slots", () => {
  // Finagle: ttl 10 s, minRetriesPerSec 10, percentCanRetry 0.2 -> reserve 500000 / 5000 = 100 retries.
  it("the defaults let 100 retries through at first", () => {
    const rule = window({ ratio: 0.2, minPerSecond: 10, ttlMillis: 10_000 })
    assert.strictEqual(rule.balance(0), 100)
    assert.strictEqual(allowed(rule), 100)
  })

  const ratios: ReadonlyArray<[number, number, number]> = [
    [0.2, 100, 20],
    [0.5, 10, 5],
    [1, 10, 10],
    [2, 10, 20],
    // 1000 / 0.3 is rounded down, in favour of the retry.
    [0.3, 10, 3],
    [0, 1000, 0]
  ]
  for (const [ratio, requests, retries] of ratios) {
    it(`ratio ${ratio}: ${requests} requests pay for ${retries} retries`, () => {
      const rule = window({ ratio, minPerSecond: 0, ttlMillis: 10_000 })
      times(requests, () => rule.request(0))
      assert.strictEqual(allowed(rule), retries)
    })
  }

  it("ratio 0 with a reserve is a plain rate: tower's ttl times the reserve", () => {
    const rule = window({ ratio: 0, minPerSecond: 10, ttlMillis: 1000 })
    assert.strictEqual(allowed(rule), 10)
    assert.strictEqual(allowed(rule, 500), 0)
    assert.strictEqual(allowed(rule, 1100), 10)
  })

  it("a deposit lives for its ttl", () => {
    const rule = window({ ratio: 1, minPerSecond: 0, ttlMillis: 10_000 })
    rule.request(0)
    assert.strictEqual(rule.balance(9999), 1)
    assert.strictEqual(rule.balance(10_000), 0)
  })

  it("a long silence empties all slots at once", () => {
    const rule = window({ ratio: 1, minPerSecond: 0, ttlMillis: 10_000 })
    for (let t = 0; t < 10_000; t += 500) rule.request(t)
    assert.strictEqual(rule.balance(3_600_000), 0)
    rule.request(3_600_000)
    assert.strictEqual(allowed(rule, 3_600_000), 1)
  })

  it("a clock that goes back breaks nothing", () => {
    const rule = window({ ratio: 1, minPerSecond: 0, ttlMillis: 10_000 })
    rule.request(50_000)
    rule.request(10_000)
    assert.strictEqual(rule.balance(10_000), 2)
  })

  it("in any order of events, retries never pass reserve plus ratio times the requests of the ttl", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 2000 })), { maxLength: 300 }),
        fc.constantFrom(0.1, 0.2, 0.5, 1),
        (steps, ratio) => {
          const ttlMillis = 10_000
          const rule = window({ ratio, minPerSecond: 1, ttlMillis })
          const requests: Array<number> = []
          const retries: Array<number> = []
          let now = 0
          for (const [isRequest, wait] of steps) {
            now += wait
            if (isRequest) {
              rule.request(now)
              requests.push(now)
            } else if (rule.retry(now, undefined) !== refused) retries.push(now)
            if (rule.balance(now) < 0) return false
            // Over one ttl; the requests of the ttl before it may still pay for retries at its beginning.
            const since = (list: Array<number>, span: number) => list.filter((t) => t > now - span).length
            if (since(retries, ttlMillis) > 2 * 10 + ratio * since(requests, 2 * ttlMillis) + 2) return false
          }
          return true
        }
      ),
      { numRuns: 300 }
    ))
})

describe("RetryBudgetState.quota: the AWS SDKs' standard mode", () => {
  const make = () => quota({ capacity: 500, costOf: () => 5, refill: 1 })

  it("500 pay for 100 retries", () => assert.strictEqual(allowed(make()), 100))

  it("a success gives back what its own retry cost, or 1", () => {
    const rule = make()
    const paid = rule.retry(0, undefined)
    assert.strictEqual(rule.balance(0), 495)
    rule.success(0, paid)
    assert.strictEqual(rule.balance(0), 500)
    times(4, () => rule.retry(0, undefined))
    rule.success(0, 0)
    assert.strictEqual(rule.balance(0), 481)
  })

  it("never passes the capacity", () => {
    const rule = make()
    times(10, () => rule.success(0, 5))
    assert.strictEqual(rule.balance(0), 500)
  })

  it("a cost by error: timeouts cost twice as much", () => {
    const rule = quota({ capacity: 20, costOf: (error) => (error === "timeout" ? 10 : 5), refill: 1 })
    rule.retry(0, "timeout")
    rule.retry(0, "other")
    assert.strictEqual(rule.balance(0), 5)
    assert.strictEqual(rule.retry(0, "timeout"), refused)
    assert.strictEqual(rule.retry(0, "other"), 5)
  })

  it("a cost that is no number, or negative, is refused", () => {
    for (const cost of [Number.NaN, -1]) {
      assert.strictEqual(quota({ capacity: 5, costOf: () => cost, refill: 1 }).retry(0, undefined), refused)
    }
  })
})

describe("RetryBudgetState.share: failsafe-go", () => {
  // Deny iff retries under way >= minConcurrency and their share of everything under way > maxRate.
  const table: ReadonlyArray<[requests: number, retries: number]> = [
    [0, 3],
    [1, 3],
    [12, 4],
    [20, 6],
    [100, 26]
  ]
  for (const [requests, retries] of table) {
    it(`${requests} requests under way: ${retries} retries`, () => {
      const rule = share({ maxShare: 0.2, minConcurrency: 3 })
      times(requests, () => rule.request(0))
      assert.strictEqual(allowed(rule, 0, 1000), retries)
    })
  }

  it("what has ended counts no more", () => {
    const rule = share({ maxShare: 0.2, minConcurrency: 1 })
    rule.request(0)
    assert.strictEqual(allowed(rule), 1)
    rule.retryEnded()
    assert.strictEqual(rule.balance(0), 1)
  })
})

describe("RetryBudget", () => {
  it.effect("spend: runs, or fails at once with a typed refusal", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.quota({ capacity: 5, cost: 5 })
      assert.strictEqual(yield* RetryBudget.spend(budget)(Effect.succeed("ok")), "ok")
      assert.strictEqual(yield* RetryBudget.balance(budget), 5)
      yield* Effect.ignore(RetryBudget.spend(budget)(Effect.fail(new DoRequestFailed({}))))
      const error = yield* Effect.flip(RetryBudget.spend(budget)(Effect.succeed("never")))
      assert.instanceOf(error, RetryBudgetExhausted)
    })
  )

  it.effect("spend: interrupted anywhere, it gives back what is under way", () =>
    interruptEverywhere(
      Effect.gen(function* () {
        const budget = yield* RetryBudget.share({ minConcurrency: 1, maxShare: 0.01 })
        return {
          program: RetryBudget.spend(budget)(Effect.sleep("250 millis")),
          check: () => Effect.map(RetryBudget.balance(budget), (left) => assert.strictEqual(left, 1))
        }
      })
    )
  )

  it.effect("a refusal says nothing of the dependency, and a success is booked by its time", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.window({ ratio: 1, minPerSecond: 0 })
      budget.rule.request(0)
      yield* RetryBudget.spend(budget)(TestClock.adjust("1 second"))
      assert.strictEqual(yield* RetryBudget.balance(budget), 0)
    })
  )

  it("gives back what was paid for an attempt that is not made", () => {
    for (const rule of [
      tokenRatio({ maxTokens: 10, tokenRatio: 0.1 }),
      window({ ratio: 0.5, minPerSecond: 1, ttlMillis: 10_000 }),
      quota({ capacity: 10, costOf: () => 5, refill: 1 }),
      share({ maxShare: 0.01, minConcurrency: 1 })
    ]) {
      const before = rule.balance(0)
      const paid = rule.retry(0, "x")
      assert.notStrictEqual(paid, refused)
      rule.refund(0, paid)
      assert.strictEqual(rule.balance(0), before, rule.kind)
    }
  })

  it.effect("one budget a key: the layer makes each once", () =>
    Effect.gen(function* () {
      const use = (key: string) =>
        Effect.andThen(
          RetryBudget.spendKey(key)(Effect.void),
          RetryBudget.RetryBudgets.use((budgets) => budgets.get(key))
        )
      const [a, b, other] = yield* Effect.all([use("a"), use("a"), use("other")]).pipe(
        Effect.provide(RetryBudget.layer(RetryBudget.window()))
      )
      assert.strictEqual(a, b)
      assert.notStrictEqual(a, other)
    })
  )

  it.effect("keys: no more than the limit, and what is asked for stays", () =>
    Effect.gen(function* () {
      const budgets = yield* RetryBudget.makeKeyed(RetryBudget.window({ ratio: 0, minPerSecond: 1, ttl: "1 second" }), {
        maxKeys: 10
      })
      const kept = yield* budgets.get("kept")
      for (let i = 0; i < 100; i++) {
        yield* budgets.get(String(i))
        assert.strictEqual(yield* budgets.get("kept"), kept)
      }
      assert.strictEqual(yield* budgets.size, 10)
      assert.throws(() => RetryBudget.makeKeyed(RetryBudget.window(), { maxKeys: 0 }), /"maxKeys"/)
    })
  )

  it.effect("a key whose budget is spent refuses, and no other does", () =>
    Effect.gen(function* () {
      const spent = RetryBudget.quota({ capacity: 1, cost: 1 })
      const ask = (key: string) => Effect.exit(RetryBudget.spendKey(key)(Effect.fail("down")))
      const exits = yield* Effect.all([ask("a"), ask("a"), ask("b")]).pipe(Effect.provide(RetryBudget.layer(spent)))
      assert.deepStrictEqual(
        exits.map((exit) => {
          const error = failure(exit)
          return typeof error === "string" ? error : error._tag
        }),
        ["down", "RetryBudgetExhausted", "down"]
      )
    })
  )

  it.effect("a layer is a layer", () =>
    Effect.map(Layer.build(RetryBudget.layer(RetryBudget.quota())), (context) => assert.isDefined(context)).pipe(
      Effect.scoped
    )
  )

  it.effect("a defect of the attempt is no failure of the dependency", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.tokenRatio()
      const exit = yield* Effect.exit(RetryBudget.spend(budget)(Effect.die("bug")))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(yield* RetryBudget.balance(budget), 10)
    })
  )

  const refusals: ReadonlyArray<[() => unknown, string]> = [
    [
      () => RetryBudget.tokenRatio({ maxTokens: 0 }),
      'RetryBudget.tokenRatio: "maxTokens" must be a number from 1 to 1000, got 0'
    ],
    [() => RetryBudget.tokenRatio({ maxTokens: 1001 }), '"maxTokens"'],
    [
      () => RetryBudget.tokenRatio({ tokenRatio: Number.NaN }),
      '"tokenRatio" must be a number from 0.001 to 10, got NaN'
    ],
    [() => RetryBudget.window({ ratio: -0.1 }), '"ratio" must be a number from 0 to 1000, got -0.1'],
    [() => RetryBudget.window({ ttl: "500 millis" }), '"ttl" must be from 1 to 60 seconds'],
    [() => RetryBudget.window({ minPerSecond: Number.POSITIVE_INFINITY }), '"minPerSecond"'],
    [() => RetryBudget.quota({ capacity: 0 }), '"capacity" must be a positive integer, got 0'],
    [() => RetryBudget.quota({ capacity: 3, cost: 5 }), '"cost" must be a number from 0 to 3, got 5'],
    [() => RetryBudget.share({ maxShare: 0 }), '"maxShare" must be a number above 0 and up to 1, got 0'],
    [() => RetryBudget.share({ minConcurrency: -1 }), '"minConcurrency"']
  ]
  for (const [make, expected] of refusals) {
    it(expected, () => assert.throws(make, InvalidPolicyOption.InvalidPolicyOption, expected))
  }
})

describe("RetryBudgetState.quota: fractions", () => {
  for (const [capacity, cost, retries] of [
    [7, 0.7, 10],
    [3, 0.3, 10],
    [10, 0.1, 100],
    [1, 0.3, 3]
  ] as const) {
    it(`${capacity} pay for ${retries} retries of ${cost}`, () => {
      const rule = RetryBudgetState.quota({ capacity, costOf: () => cost, refill: 1 })
      let n = 0
      while (rule.retry(0, undefined) !== RetryBudgetState.refused) n++
      assert.strictEqual(n, retries)
      assert.isAtLeast(rule.balance(0), 0)
    })
  }
})
