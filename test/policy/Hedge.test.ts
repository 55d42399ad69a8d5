import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { type DeadlineExceeded, DoRequestFailed, InvalidRequest } from "effect-resilience/errors"
import { Deadline, Hedge, PolicyConfig, PolicyTelemetry, RetryBudget } from "effect-resilience/policy"
import { seededDraws } from "#src/policy/chaos/SeededDraws"
import * as DurationQuantile from "#src/policy/hedge/DurationQuantile"
import * as HedgeState from "#src/policy/hedge/HedgeState"
import { interruptEverywhere } from "./kit/interruptAt.ts"

/** What an attempt does: how long it takes and how it ends. */
type Script = readonly [millis: number, end: "ok" | "fail" | "fatal" | "die" | { readonly retryAfterMillis: number }]

const make = (options: Omit<Hedge.Options, "idempotent"> = {}) => Hedge.make({ idempotent: true, ...options })

/** Runs scripted attempts and says when each began, which were interrupted, how it ended and when. */
const play = (hedge: Hedge.Hedge, scripts: ReadonlyArray<Script>) =>
  Effect.gen(function* () {
    const zero = yield* Clock.currentTimeMillis
    const now = Effect.map(Clock.currentTimeMillis, (millis) => millis - zero)
    const began: Array<number> = []
    const interrupted: Array<number> = []
    const attempt = (n: number) =>
      Effect.gen(function* () {
        began.push(yield* now)
        const [millis, end] = scripts[n]!
        if (millis > 0) yield* Effect.sleep(millis)
        if (end === "ok") return n
        if (end === "die") return yield* Effect.die(`bug ${n}`)
        if (end === "fatal") return yield* new InvalidRequest({ message: `error ${n}` })
        const hint = end === "fail" ? {} : end
        return yield* new DoRequestFailed({ message: `error ${n}`, ...hint })
      }).pipe(Effect.onInterrupt(() => Effect.sync(() => interrupted.push(n))))
    const fiber = yield* Effect.forkChild(
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Hedge.run(hedge, attempt))
        return { exit, at: yield* now }
      })
    )
    yield* TestClock.adjust("1 minute")
    const { at, exit } = yield* Fiber.join(fiber)
    const result = Exit.isSuccess(exit)
      ? exit.value
      : exit.cause.reasons.map((reason) =>
          reason._tag === "Fail" ? reason.error.message : reason._tag === "Die" ? reason.defect : "interrupted"
        )[0]
    return { result, at, began, interrupted }
  })

describe("Hedge: what users wrote runs in the call", () => {
  const bug = () => {
    throw new Error("bug")
  }
  const late = Effect.delay(Effect.fail(new DoRequestFailed({ retryAfterMillis: 5 })), "10 millis")
  const dies = (call: Effect.Effect<unknown, unknown>) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.exit(call))
      yield* TestClock.adjust("1 minute")
      const exit = yield* Fiber.join(fiber)
      assert.deepStrictEqual(Exit.isFailure(exit) && exit.cause.reasons.map((reason) => reason._tag), ["Die"])
    })

  it.effect("P1: the call dies of an isRetryable or an isFailure that throws after a late failure", () =>
    Effect.gen(function* () {
      for (const options of [{ isRetryable: bug }, { isFailure: bug }]) {
        yield* dies(Hedge.hedged(late, yield* make(options)))
        yield* dies(Hedge.hedged(late, yield* make(), options))
      }
    })
  )

  it.effect("P1: of a budget's cost that throws, at once or when the time has come", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.quota({ cost: bug })
      yield* dies(Hedge.hedged(late, yield* make({ budget })))
      yield* dies(Hedge.hedged(Effect.never, yield* make({ budget, when: 100 })))
    })
  )

  it.effect("P1: of a sink that throws; and then no attempt goes on", () =>
    Effect.gen(function* () {
      let running = 0
      const counted = Effect.acquireUseRelease(
        Effect.sync(() => void running++),
        () => Effect.never,
        () => Effect.sync(() => void running--)
      )
      const call = Hedge.hedged(counted, yield* make({ when: 100 }))
      yield* dies(Effect.provideService(call, PolicyTelemetry.Sink, bug))
      assert.strictEqual(running, 0)
    })
  )
})

describe("Hedge: what cannot help is not waited for", () => {
  /** Fails at once and asks to be left alone for so long; gives when the call was over, and how many attempts it made. */
  const asks = (
    retryAfterMillis: number,
    options: Omit<Hedge.Options, "idempotent">,
    around: <A, E>(call: Effect.Effect<A, E>) => Effect.Effect<A, E | DeadlineExceeded> = (call) => call
  ) =>
    Effect.gen(function* () {
      let attempts = 0
      const target = Effect.suspend(() => {
        attempts++
        return Effect.fail({ retryAfterMillis })
      })
      const start = yield* Clock.currentTimeMillis
      const hedge = yield* make(options)
      const over = Effect.andThen(Effect.flip(around(Hedge.hedged(target, hedge))), Clock.currentTimeMillis)
      const fiber = yield* Effect.forkChild(over)
      yield* TestClock.adjust("2 days")
      return [(yield* Fiber.join(fiber)) - start, attempts]
    })

  it.effect("P7: a target that asks for an hour, a day or for ever: the error at once", () =>
    Effect.gen(function* () {
      for (const millis of [3_600_000, 86_400_000, Number.POSITIVE_INFINITY, 30_001]) {
        assert.deepStrictEqual(yield* asks(millis, {}), [0, 1], String(millis))
      }
      assert.deepStrictEqual(yield* asks(30_000, {}), [30_000, 2])
    })
  )

  it.effect("P7: the cap is an option", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* asks(1001, { maxRetryAfter: "1 second" }), [0, 1])
      assert.deepStrictEqual(yield* asks(3_600_000, { maxRetryAfter: "1 hour" }), [3_600_000, 2])
      assert.throws(() => make({ maxRetryAfter: 0 }), 'Hedge.make: "maxRetryAfter" must be a duration above zero')
      const configured = yield* PolicyConfig.load({ hedge: { idempotent: true, maxRetryAfter: "1 second" } })
      assert.strictEqual(configured.members.hedge?.maxRetryAfterMillis, 1000)
    })
  )

  it.effect("P7: more than the program has time", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* asks(5000, {}, Deadline.total("5 seconds")), [0, 1])
      assert.deepStrictEqual(yield* asks(4999, {}, Deadline.total("5 seconds")), [4999, 2])
    })
  )

  it.effect("P7: a budget that is spent is asked before the wait", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.window({ ratio: 0, minPerSecond: 0 })
      assert.deepStrictEqual(yield* asks(5000, { budget }), [0, 1])
    })
  )

  it.effect("P7: an attempt that runs is not ended by it", () =>
    Effect.gen(function* () {
      const { at, began, result } = yield* play(yield* make({ when: 100, maxHedges: 3 }), [
        [500, "ok"],
        [10, { retryAfterMillis: 3_600_000 }]
      ])
      assert.deepStrictEqual([result, at, began], [0, 500, [0, 100]])
    })
  )

  it.effect("P7: a wait that was paid for and not needed is paid back", () =>
    Effect.gen(function* () {
      const quota = yield* RetryBudget.quota({ capacity: 10, cost: 5, refill: 0 })
      const share = yield* RetryBudget.share({ minConcurrency: 1, maxShare: 0.01 })
      for (const budget of [quota, share]) {
        const { at, result } = yield* play(yield* make({ when: 100, maxHedges: 3, budget }), [
          [500, "ok"],
          [10, { retryAfterMillis: 20_000 }]
        ])
        assert.deepStrictEqual([result, at], [0, 500])
      }
      // The hedge that was made cost 5; the one that was to come, nothing.
      assert.deepStrictEqual([yield* RetryBudget.balance(quota), yield* RetryBudget.balance(share)], [5, 1])
    })
  )
})

describe("Hedge: by a quantile", () => {
  it.effect("P10: the share that the quantile says is hedged, and not two or three times as much", () =>
    Effect.gen(function* () {
      const random = seededDraws(7)
      const hedge = yield* make({ when: { quantile: 0.95 } })
      let hedged = 0
      const calls = 4000
      const attempt = (n: number) =>
        Effect.suspend(() => {
          if (n > 0) hedged++
          // A tail as services have: one in twenty takes some 60 ms longer than the quickest.
          return Effect.sleep(10 - 20 * Math.log(1 - random()))
        })
      const all = Effect.gen(function* () {
        for (let i = 0; i < calls; i++) yield* Hedge.run(hedge, attempt)
      })
      const fiber = yield* Effect.forkChild(all)
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(fiber)
      assert.closeTo(hedged / calls, 0.05, 0.012)
    })
  )
})

describe("Hedge", () => {
  const table: ReadonlyArray<{
    readonly name: string
    readonly options: Omit<Hedge.Options, "idempotent">
    readonly scripts: ReadonlyArray<Script>
    readonly expect: { result: unknown; at: number; began: ReadonlyArray<number>; interrupted: ReadonlyArray<number> }
  }> = [
    {
      name: "a quick call is not hedged",
      options: { when: 100 },
      scripts: [[99, "ok"]],
      expect: { result: 0, at: 99, began: [0], interrupted: [] }
    },
    {
      name: "without options: one more after 2 s (Polly v8)",
      options: {},
      scripts: [
        [5_000, "ok"],
        [500, "ok"]
      ],
      expect: { result: 1, at: 2_500, began: [0, 2_000], interrupted: [0] }
    },
    {
      name: "the first may still win",
      options: { when: 100 },
      scripts: [
        [150, "ok"],
        [100, "ok"]
      ],
      expect: { result: 0, at: 150, began: [0, 100], interrupted: [1] }
    },
    {
      name: "each further attempt waits a delay of its own (A6)",
      options: { when: 100, maxHedges: 3 },
      scripts: [
        [1_000, "ok"],
        [1_000, "ok"],
        [1_000, "ok"],
        [10, "ok"]
      ],
      expect: { result: 3, at: 310, began: [0, 100, 200, 300], interrupted: [0, 1, 2] }
    },
    {
      name: "a failed attempt starts the next at once, and the delay counts from there (A6)",
      options: { when: 100, maxHedges: 2 },
      scripts: [
        [30, "fail"],
        [500, "ok"],
        [20, "ok"]
      ],
      expect: { result: 2, at: 150, began: [0, 30, 130], interrupted: [1] }
    },
    {
      name: "or when its target asked for (A6: push-back)",
      options: { when: 100 },
      scripts: [
        [30, { retryAfterMillis: 400 }],
        [20, "ok"]
      ],
      expect: { result: 1, at: 450, began: [0, 430], interrupted: [] }
    },
    {
      name: "a late attempt's quick failure does not beat the first that still runs (resilience4j: it does)",
      options: { when: 100 },
      scripts: [
        [500, "ok"],
        [10, "fail"]
      ],
      expect: { result: 0, at: 500, began: [0, 100], interrupted: [] }
    },
    {
      name: "when all fail, the error is the first attempt's (Polly v8)",
      options: { when: 100 },
      scripts: [
        [300, "fail"],
        [10, "fail"]
      ],
      expect: { result: "error 0", at: 300, began: [0, 100], interrupted: [] }
    },
    {
      name: "what asking again cannot help ends the call (A6: fatal)",
      options: { when: 100 },
      scripts: [
        [500, "ok"],
        [10, "fatal"]
      ],
      expect: { result: "error 1", at: 110, began: [0, 100], interrupted: [0] }
    },
    {
      name: "so does a defect",
      options: { when: 100 },
      scripts: [
        [500, "ok"],
        [10, "die"]
      ],
      expect: { result: "bug 1", at: 110, began: [0, 100], interrupted: [0] }
    },
    {
      name: "in parallel all begin at once (Polly v8)",
      options: { when: "parallel", maxHedges: 2 },
      scripts: [
        [30, "ok"],
        [20, "fail"],
        [25, "ok"]
      ],
      expect: { result: 2, at: 25, began: [0, 0, 0], interrupted: [0] }
    },
    {
      name: "sequentially one begins when the one before has failed (Polly v8)",
      options: { when: "sequential", maxHedges: 2 },
      scripts: [
        [3_000, "fail"],
        [3_000, "fail"],
        [10, "ok"]
      ],
      expect: { result: 2, at: 6_010, began: [0, 3_000, 6_000], interrupted: [] }
    },
    {
      name: "attempts that end at once",
      options: { when: "parallel", maxHedges: 2 },
      scripts: [
        [0, "fail"],
        [0, "fail"],
        [0, "ok"]
      ],
      expect: { result: 2, at: 0, began: [0, 0, 0], interrupted: [] }
    },
    {
      name: "attempts that fail at once",
      options: { when: 100, maxHedges: 2 },
      scripts: [
        [0, "fail"],
        [0, "fail"],
        [0, "fail"]
      ],
      expect: { result: "error 0", at: 0, began: [0, 0, 0], interrupted: [] }
    }
  ]
  for (const { expect, name, options, scripts } of table) {
    it.effect(name, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* play(yield* make(options), scripts), { ...expect } as never)
      })
    )
  }

  it.effect("hedges after the quantile of past successes, once it has seen enough", () =>
    Effect.gen(function* () {
      const hedge = yield* make({ when: { quantile: 0.9, warmup: 10, window: 10 } })
      const slow: ReadonlyArray<Script> = [
        [10_000, "ok"],
        [1, "ok"]
      ]
      for (let i = 1; i <= 9; i++) yield* play(hedge, [[i * 10, "ok"]])
      assert.deepStrictEqual((yield* play(hedge, slow)).began, [0])
      // Now it knows 10, 20, … 90 and 10,000 ms; the ninth of ten is 90 ms.
      assert.deepStrictEqual((yield* play(hedge, slow)).began, [0, 90])
    })
  )

  it.effect("before that after `until`", () =>
    Effect.gen(function* () {
      const hedge = yield* make({ when: { quantile: 0.9, until: 70 } })
      const { began } = yield* play(hedge, [
        [1_000, "ok"],
        [1, "ok"]
      ])
      assert.deepStrictEqual(began, [0, 70])
    })
  )

  it.effect("a budget that is spent stops hedging, and fails nothing (failsafe-go #141)", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.quota({ capacity: 5, cost: 5, refill: 0 })
      const hedge = yield* make({ when: 100, budget })
      const scripts: ReadonlyArray<Script> = [
        [500, "ok"],
        [500, "ok"]
      ]
      assert.deepStrictEqual((yield* play(hedge, scripts)).began, [0, 100])
      assert.deepStrictEqual(yield* play(hedge, scripts), { result: 0, at: 500, began: [0], interrupted: [] })
      const failing = yield* play(hedge, [
        [10, "fail"],
        [10, "ok"]
      ])
      assert.deepStrictEqual(failing, { result: "error 0", at: 10, began: [0], interrupted: [] })
    })
  )

  it.effect("tells a budget of shares when its attempts end, however they do", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.share({ maxShare: 0.5, minConcurrency: 1 })
      const hedge = yield* make({ when: 100, budget })
      for (let i = 0; i < 3; i++) {
        const { began } = yield* play(hedge, [
          [500, "ok"],
          [10, i === 0 ? "ok" : "fail"]
        ])
        assert.deepStrictEqual(began, [0, 100])
      }
    })
  )

  it.effect("tells of each further attempt", () =>
    Effect.gen(function* () {
      const events: Array<unknown> = []
      yield* play(yield* make({ when: 100 }), [
        [500, "ok"],
        [10, "ok"]
      ]).pipe(
        Effect.provideService(PolicyTelemetry.Sink, ({ attributes, name }) =>
          events.push([name, attributes["attempt"]])
        )
      )
      assert.deepStrictEqual(events, [["OnHedging", 1]])
    })
  )

  it.effect("waits for the finalisers of those who lost", () =>
    Effect.gen(function* () {
      let ended = false
      const slow = Effect.never.pipe(
        Effect.onInterrupt(() =>
          Effect.andThen(
            Effect.sleep(50),
            Effect.sync(() => (ended = true))
          )
        )
      )
      const fiber = yield* Effect.forkChild(
        Hedge.run(yield* make({ when: 100 }), (n) => (n === 0 ? slow : Effect.succeed("ok")))
      )
      yield* TestClock.adjust(100)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(50)
      assert.strictEqual(yield* Fiber.join(fiber), "ok")
      assert.isTrue(ended)
    })
  )

  it.effect("interrupted anywhere, no attempt and no timer is left, and the budget knows", () =>
    Effect.gen(function* () {
      const scenario = Effect.gen(function* () {
        const budget = yield* RetryBudget.share({ maxShare: 0.01, minConcurrency: 1 })
        const hedge = yield* make({ when: 100, maxHedges: 1, budget })
        let running = 0
        const attempt = Effect.acquireUseRelease(
          Effect.sync(() => running++),
          () => Effect.sleep(300),
          () => Effect.sync(() => running--)
        )
        return {
          program: Effect.asVoid(Hedge.hedged(attempt, hedge)),
          check: () =>
            Effect.gen(function* () {
              assert.strictEqual(running, 0)
              assert.strictEqual(yield* RetryBudget.balance(budget), 1)
            })
        }
      })
      const report = yield* interruptEverywhere(scenario)
      assert.isAbove(report.steps, 10)
      assert.isAtLeast(report.waits, 3)
    })
  )

  it("refuses numbers that make no sense, by the option's name", () => {
    assert.throws(() => make({ when: 0 }), /Hedge.make: "when"/)
    assert.throws(() => make({ maxHedges: 11 }), /"maxHedges"/)
    assert.throws(() => make({ when: { quantile: 1 } }), /"quantile"/)
    assert.throws(() => make({ when: { quantile: 0.5, warmup: 10, window: 5 } }), /"warmup"/)
    assert.throws(() => Hedge.make({ idempotent: false } as never), /"idempotent"/)
  })

  describe("state", () => {
    it("for any events: never more attempts than allowed, over only when none runs, never negative", () => {
      const mode = fc.constantFrom<HedgeState.Mode>(
        "parallel",
        "sequential",
        { delayMillis: 5 },
        { delayMillis: undefined }
      )
      const event = fc.constantFrom("due", "failed", "hinted")
      fc.assert(
        fc.property(mode, fc.integer({ min: 1, max: 10 }), fc.array(event), (mode, maxHedges, events) => {
          let step = HedgeState.begin(mode, maxHedges)
          let started = step.start
          for (const event of events) {
            if (step.state.running === 0) break
            step =
              event === "due"
                ? HedgeState.due(step.state)
                : HedgeState.failed(step.state, event === "hinted" ? 10 : undefined)
            started += step.start
            assert.isAtMost(started, 1 + maxHedges)
            assert.isAtLeast(step.state.running, 0)
            assert.strictEqual(step.over, step.state.running === 0 && step.state.left === 0)
          }
        })
      )
    })
  })

  describe("quantile", () => {
    it("is the value at the nearest rank of the newest samples, for any samples", () => {
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 1 }),
          fc.integer({ min: 1, max: 15 }),
          fc.double({ min: 0.01, max: 0.99, noNaN: true }),
          (values, window, quantile) => {
            const samples = DurationQuantile.make({ quantile, warmup: 1, window })
            for (const value of values) DurationQuantile.add(samples, value)
            const sorted = values.slice(-window).toSorted((a, b) => a - b)
            assert.strictEqual(DurationQuantile.value(samples), sorted[Math.ceil(quantile * sorted.length) - 1])
          }
        )
      )
    })
  })
})
