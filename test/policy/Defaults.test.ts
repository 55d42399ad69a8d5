/** What users may rely on without giving an option: each policy's published defaults, seen from outside. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { DoRequestFailed, type RetriesExhausted } from "effect-resilience/errors"
import {
  AdaptiveLimit,
  Bulkhead,
  CircuitBreaker,
  Hedge,
  Policy,
  PolicyConfig,
  Retry,
  RetryBudget,
  RetrySchedule,
  Throttle
} from "effect-resilience/policy"
import { TestClock } from "effect/testing"
import { observe } from "./kit/attempts.ts"
import { withDraws } from "./kit/draws.ts"
import { failure } from "./kit/retries.ts"

const down = Effect.fail(new DoRequestFailed({}))

describe("defaults", () => {
  it.effect("CircuitBreaker: 5 failures in a row, 60 s open, 1 probe", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const call = Effect.exit(CircuitBreaker.protect(down, breaker))
      const state = Effect.map(CircuitBreaker.state(breaker), ({ _tag }) => _tag)
      yield* Effect.replicateEffect(call, 4)
      assert.strictEqual(yield* state, "Closed")
      yield* call
      assert.strictEqual(yield* state, "Open")
      yield* TestClock.adjust("59999 millis")
      const { retryAfterMillis } = yield* Effect.flip(CircuitBreaker.protect(Effect.void, breaker)).pipe(Effect.orDie)
      assert.strictEqual(retryAfterMillis, 1)
      yield* TestClock.adjust("1 millis")
      // While the one probe is under way a second call is refused; then the circuit is closed.
      const second = yield* CircuitBreaker.protect(Effect.exit(CircuitBreaker.protect(Effect.void, breaker)), breaker)
      assert.strictEqual(failure(second)._tag, "CircuitOpen")
      assert.strictEqual(yield* state, "Closed")
    })
  )

  it.effect("RetrySchedule.standard: 3 attempts, 1 s, doubled, full jitter; the original error comes out", () =>
    Effect.gen(function* () {
      for (const [draw, expected] of [
        [0, [0, 0, 0]],
        [0.5, [0, 500, 1500]],
        [1, [0, 1000, 3000]]
      ] as const) {
        const seen = yield* observe((n) => Effect.fail(`error ${n}`), Effect.retry(RetrySchedule.standard)).pipe(
          withDraws(draw)
        )
        assert.deepStrictEqual(seen, { at: [...expected], exit: Exit.fail("error 3") })
      }
    })
  )

  it.effect("its delays are capped at 30 s, and so is what a server may ask for", () =>
    Effect.gen(function* () {
      const long = RetrySchedule.upTo(RetrySchedule.exponential(), { attempts: 8 })
      const seen = yield* observe(() => Effect.fail("x"), Effect.retry(long)).pipe(withDraws(1))
      assert.deepStrictEqual(seen.at, [0, 1000, 3000, 7000, 15_000, 31_000, 61_000, 91_000])
      const asked = yield* observe(
        () => Effect.fail({ retryAfterMillis: 3_600_000 }),
        Effect.retry(RetrySchedule.standard)
      )
      assert.deepStrictEqual(asked.at, [0, 30_000, 60_000])
    })
  )

  it.effect("a pipeline's retry: RetriesExhausted with reason, last and attempts", () =>
    Effect.gen(function* () {
      const policies = [
        Policy.make({ retry: Retry.standard }),
        Policy.make({ retry: Retry.make() }),
        yield* PolicyConfig.load({ retry: {} })
      ]
      for (const policy of policies) {
        const seen = yield* observe(
          (n): Effect.Effect<never, string> => Effect.fail(`error ${n}`),
          (call) => Policy.apply(call, policy as Policy.Policy<{ readonly retry: Retry.Retry }>)
        ).pipe(withDraws(1))
        assert.deepStrictEqual(seen.at, [0, 1000, 3000])
        const error: RetriesExhausted = failure(seen.exit)
        assert.strictEqual(error._tag, "RetriesExhausted")
        assert.deepInclude({ ...error }, { reason: "attempts", last: "error 3", attempts: 3 })
      }
    })
  )

  it.effect("budgets: 100 retries of a window, half of 10 tokens, 500 for 5 each, 3 at once", () =>
    Effect.gen(function* () {
      const budgets = [RetryBudget.window(), RetryBudget.tokenRatio(), RetryBudget.quota(), RetryBudget.share()]
      const balances = yield* Effect.forEach(budgets, (make: Effect.Effect<RetryBudget.RetryBudget>) =>
        Effect.flatMap(make, RetryBudget.balance)
      )
      assert.deepStrictEqual(balances, [100, 10, 500, 1])
    })
  )

  it.effect("Bulkhead 25 and no queue, AdaptiveLimit 20, Throttle quiet below 10 requests", () =>
    Effect.gen(function* () {
      const { concurrency, queueSize } = yield* Bulkhead.make()
      assert.deepStrictEqual([concurrency, queueSize], [25, 0])
      assert.strictEqual((yield* AdaptiveLimit.state(yield* AdaptiveLimit.make())).limit, 20)
      const throttle = yield* Throttle.make()
      yield* Effect.replicateEffect(Effect.exit(Throttle.protect(down, throttle)), 9)
      assert.strictEqual((yield* Throttle.state(throttle)).chance, 0)
      yield* Effect.exit(Throttle.protect(down, throttle))
      assert.strictEqual((yield* Throttle.state(throttle)).chance, 0.9)
    })
  )

  it.effect("Hedge: one more attempt after 2 s", () =>
    Effect.gen(function* () {
      const hedge = yield* Hedge.make({ idempotent: true })
      const seen = yield* observe((n) => (n === 1 ? Effect.never : Effect.succeed(n)), Hedge.hedged(hedge))
      assert.deepStrictEqual(seen, { at: [0, 2000], exit: Exit.succeed(2) })
    })
  )
})
