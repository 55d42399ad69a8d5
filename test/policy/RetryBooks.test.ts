import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Schedule, Stream } from "effect"
import { InvalidRequest } from "effect-resilience/errors"
import { Deadline, Retry, RetryBudget, RetryBudgetState as State, RetrySchedule } from "effect-resilience/policy"
import { observe } from "./kit/attempts.ts"
import { interruptEverywhere } from "./kit/interruptAt.ts"

const immediate = RetrySchedule.immediate
const second = RetrySchedule.constant({ delay: "1 second" })

describe("Retry: the books of a budget", () => {
  it.effect("gRPC A6: successes give, failures take, half is the limit", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.tokenRatio({ maxTokens: 10, tokenRatio: 0.1 })
      const policy = Retry.make({ attempts: 2, schedule: immediate, budget })
      const call = (ok: boolean) => Effect.ignore(Retry.retry(ok ? Effect.void : Effect.fail("x"), policy))
      for (const expected of [8, 6, 5]) {
        yield* call(false)
        assert.closeTo(yield* RetryBudget.balance(budget), expected, 1e-9)
      }
      yield* call(true)
      assert.closeTo(yield* RetryBudget.balance(budget), 5.1, 1e-9)
    })
  )

  it.effect("AWS: a retry that helped is given back, a plain success gives 1", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.quota({ capacity: 500, cost: 5 })
      const policy = Retry.make({ attempts: 3, schedule: immediate, budget })
      yield* Effect.ignore(Retry.retry(Effect.fail("x"), policy))
      assert.strictEqual(yield* RetryBudget.balance(budget), 490)
      yield* observe((n) => (n === 1 ? Effect.fail("x") : Effect.void), Retry.retry(policy))
      assert.strictEqual(yield* RetryBudget.balance(budget), 490)
      yield* Retry.retry(Effect.void, policy)
      assert.strictEqual(yield* RetryBudget.balance(budget), 491)
    })
  )

  it.effect("the books are exact for a schedule's own budget too", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.quota({ capacity: 500, cost: 5 })
      const policy = Retry.make({
        schedule: immediate.pipe(RetrySchedule.upTo({ attempts: 3 }), RetrySchedule.within(budget))
      })
      yield* Effect.ignore(Retry.retry(Effect.fail("x"), policy))
      assert.strictEqual(yield* RetryBudget.balance(budget), 490)
      yield* observe((n) => (n === 1 ? Effect.fail("x") : Effect.void), Retry.retry(policy))
      assert.strictEqual(yield* RetryBudget.balance(budget), 490)
    })
  )

  it.effect("every failure is booked, the last one too, wherever the budget and the limit of attempts stand", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.tokenRatio({ maxTokens: 100 })
      const limited = immediate.pipe(RetrySchedule.upTo({ attempts: 3 }), RetrySchedule.within(budget))
      const policies = [
        Retry.make({ attempts: 3, schedule: immediate, budget }),
        Retry.make({ attempts: 3, schedule: RetrySchedule.within(immediate, budget) }),
        Retry.make({ schedule: limited })
      ]
      for (const [n, policy] of policies.entries()) {
        yield* Effect.ignore(Retry.retry(Effect.fail("x"), policy))
        assert.closeTo(yield* RetryBudget.balance(budget), 100 - 3 * (n + 1), 1e-9)
      }
      // Under Effect.retry the request counts as a success when it begins: nothing at the top of the bucket, 0.1 below.
      yield* Effect.ignore(Effect.retry(Effect.fail("x"), limited))
      assert.closeTo(yield* RetryBudget.balance(budget), 91 + 0.1 - 3, 1e-9)
    })
  )

  describe("a success is booked, where a schedule's own budget is", () => {
    const schedules = [
      ["in a schedule of ours", (budget: RetryBudget.Countable) => RetrySchedule.within(immediate, budget)],
      [
        "around a schedule that is not ours",
        (budget: RetryBudget.Countable) =>
          Schedule.spaced(0).pipe(RetrySchedule.within(budget), RetrySchedule.upTo({ attempts: 9 }))
      ]
    ] as const
    for (const [what, make] of schedules) {
      it.effect(what, () =>
        Effect.gen(function* () {
          for (const books of ["exact", "a schedule's"] as const) {
            const budget = yield* RetryBudget.tokenRatio({ maxTokens: 10, tokenRatio: 1 })
            const schedule: Schedule.Schedule<unknown> = make(budget)
            const policy = Retry.make({ schedule })
            const call = (self: Effect.Effect<void, string>): Effect.Effect<void, unknown> =>
              books === "exact" ? Retry.retry(self, policy) : Effect.retry(self, schedule)
            for (let i = 0; i < 9; i++) yield* Effect.ignore(call(Effect.fail("x")))
            const low = yield* RetryBudget.balance(budget)
            // Under `Effect.retry` a request that fails has given its own before.
            assert.strictEqual(low, books === "exact" ? 0 : 5)
            for (let i = 0; i < 3; i++) yield* call(Effect.void)
            assert.strictEqual(yield* RetryBudget.balance(budget), low + 3)
          }
        })
      )
    }
  })

  it.effect("a retry that the deadline forbids is not paid for", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.quota({ capacity: 500, cost: 5 })
      const before = Effect.provideService(Deadline.Current, 500)
      yield* before(Effect.ignore(Retry.retry(Effect.fail("x"), Retry.make({ schedule: second, budget }))))
      yield* before(
        Effect.ignore(Retry.retry(Effect.fail("x"), Retry.make({ schedule: RetrySchedule.within(second, budget) })))
      )
      assert.strictEqual(yield* RetryBudget.balance(budget), 500)
    })
  )

  it.effect("what is not worth asking again costs nothing", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.tokenRatio()
      yield* Effect.ignore(Retry.retry(Effect.fail(new InvalidRequest({})), Retry.make({ budget })))
      assert.strictEqual(yield* RetryBudget.balance(budget), 10)
    })
  )

  it.effect("two budgets of a schedule get back what each of them was paid", () =>
    Effect.gen(function* () {
      const cheap = yield* RetryBudget.quota({ capacity: 100, cost: 5 })
      const dear = yield* RetryBudget.quota({ capacity: 100, cost: 14 })
      const schedule = immediate.pipe(RetrySchedule.within(cheap), RetrySchedule.within(dear))
      const policy = Retry.make({ attempts: 3, schedule })
      const balances = Effect.all([RetryBudget.balance(cheap), RetryBudget.balance(dear)])
      yield* Effect.ignore(Retry.retry(Effect.fail("x"), policy))
      assert.deepStrictEqual(yield* balances, [90, 72])
      yield* observe((n) => (n === 1 ? Effect.fail("x") : Effect.void), Retry.retry(policy))
      assert.deepStrictEqual(yield* balances, [90, 72])
    })
  )

  describe("an attempt that does not begin is not paid for", () => {
    const wait = RetrySchedule.constant({ delay: "200 millis" })
    const quota = RetryBudget.quota({ capacity: 100, cost: 1 })
    const window = RetryBudget.window({ ratio: 0, minPerSecond: 10 })
    const policies = [
      ["a quota", quota, (budget: RetryBudget.Countable) => Retry.make({ attempts: 4, schedule: wait, budget })],
      ["a window", window, (budget: RetryBudget.Countable) => Retry.make({ attempts: 4, schedule: wait, budget })],
      [
        "a schedule's own",
        quota,
        (budget: RetryBudget.Countable) => Retry.make({ attempts: 4, schedule: RetrySchedule.within(wait, budget) })
      ]
    ] as const
    const calls = [
      ["an effect", 1, (failing: Effect.Effect<void, string>, policy: Retry.Retry) => Retry.retry(failing, policy)],
      [
        "a stream",
        20,
        (failing: Effect.Effect<void, string>, policy: Retry.Retry) =>
          Stream.runDrain(Retry.retryStream(Stream.fromEffect(failing), policy))
      ]
    ] as const
    for (const [name, make, policyOf] of policies) {
      for (const [what, steps, call] of calls) {
        it.effect(`${name}, interrupted anywhere: ${what}`, () =>
          Effect.gen(function* () {
            let runs = 0
            let paidInVain = 0
            yield* interruptEverywhere(
              Effect.gen(function* () {
                const budget = yield* make
                let begun = 0
                const failing = Effect.suspend(() => {
                  begun++
                  return Effect.delay(Effect.fail("x"), "50 millis")
                })
                const check = () =>
                  Effect.map(RetryBudget.balance(budget), (left) => {
                    runs++
                    paidInVain += 100 - left - Math.max(0, begun - 1)
                  })
                return { program: call(failing, policyOf(budget)), check }
              })
            )
            assert.isAbove(runs, 100)
            // Each of the three retries has begun a few steps before its own first one.
            assert.isAtMost(paidInVain, 3 * steps)
          })
        )
      }
    }

    it.effect("one budget has paid and another refuses", () =>
      Effect.gen(function* () {
        const first = yield* RetryBudget.quota({ capacity: 100, cost: 5 })
        const empty = yield* RetryBudget.quota({ capacity: 5, cost: () => 6 })
        const both = immediate.pipe(RetrySchedule.within(first), RetrySchedule.within(empty))
        const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          Retry.retry(Effect.fail("x"), Retry.make({ schedule: both })),
          Retry.retry(
            Effect.fail("x"),
            Retry.make({ schedule: RetrySchedule.within(immediate, first), budget: empty })
          ),
          Effect.retry(Effect.fail("x"), both),
          Effect.retry(
            Effect.fail("x"),
            RetrySchedule.within(immediate, first).pipe(RetrySchedule.upTo({ attempts: 1 }))
          )
        ]
        for (const call of calls) {
          assert.isTrue(Exit.isFailure(yield* Effect.exit(call)))
          assert.strictEqual(yield* RetryBudget.balance(first), 100)
        }
      })
    )

    it.effect("a failure that costs no attempt pays nothing, and gives nothing of an earlier payment", () =>
      Effect.gen(function* () {
        const budget = yield* RetryBudget.quota({ capacity: 100, cost: 5, refill: 1 })
        const consumes = (error: unknown) => error !== "free"
        const policies = [
          Retry.make({ attempts: 3, schedule: RetrySchedule.within(immediate, budget), consumes }),
          Retry.make({ attempts: 3, schedule: immediate, budget, consumes })
        ]
        for (const [n, policy] of policies.entries()) {
          const script = [Effect.fail("paid"), Effect.fail("free"), Effect.void]
          yield* observe((attempt) => script[attempt - 1]!, Retry.retry(policy))
          assert.strictEqual(yield* RetryBudget.balance(budget), 96 - 4 * n)
        }
      })
    )
  })

  // A reading of the clock and a handler for success are most of what a budget costs a call that does not fail.
  for (const [name, budget] of [
    ["window", RetryBudget.window()],
    ["tokenRatio", RetryBudget.tokenRatio()],
    ["quota", RetryBudget.quota()],
    ["share", RetryBudget.share()]
  ] as const) {
    it.effect(`a success with ${name} reads the clock once`, () =>
      Effect.gen(function* () {
        const policy = Retry.make({ budget: yield* budget })
        const clock = yield* Clock.Clock
        let readings = 0
        const counted: Clock.Clock = Object.create(clock, {
          currentTimeMillisUnsafe: { value: () => (readings++, clock.currentTimeMillisUnsafe()) },
          monotonicTimeNanosUnsafe: { value: () => (readings++, clock.monotonicTimeNanosUnsafe()) }
        })
        yield* Effect.provideService(Retry.retry(Effect.void, policy), Clock.Clock, counted)
        assert.strictEqual(readings, 1)
      })
    )
  }

  it("what a rule says it needs of a success is all it uses", () => {
    const rules = [
      State.window({ ratio: 0.2, minPerSecond: 1, ttlMillis: 10_000 }),
      State.share({ maxShare: 0.2, minConcurrency: 3 }),
      State.tokenRatio({ maxTokens: 10, tokenRatio: 0.1 }),
      State.quota({ capacity: 100, costOf: () => 5, refill: 1 })
    ]
    for (const rule of rules) {
      rule.request(0)
      rule.retry(0, "x")
      rule.failure(0)
      const before = rule.balance(0)
      rule.success(1e9, 0)
      if (rule.needs === "nothing") assert.strictEqual(rule.balance(0), before, rule.kind)
      else assert.isAbove(rule.balance(0), before, rule.kind)
    }
  })
})
