import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Metric, Schedule } from "effect"
import {
  ChannelRateLimited,
  CircuitOpen,
  DoRequestFailed,
  InvalidRequest,
  RetriesExhausted
} from "effect-resilience/errors"
import {
  Deadline,
  InvalidPolicyOption,
  PolicyTelemetry,
  Retry,
  RetryBudget,
  RetrySchedule
} from "effect-resilience/policy"
import { TestClock } from "effect/testing"
import { observe } from "./kit/attempts.ts"
import { interruptEverywhere } from "./kit/interruptAt.ts"
import { counting, failure } from "./kit/retries.ts"

const immediate = RetrySchedule.immediate
const second = RetrySchedule.constant({ delay: "1 second" })
const down = new DoRequestFailed({})

describe("Retry: when it stops and what it says", () => {
  it.effect("attempts: the last error, all errors, how many and how long", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ attempts: 3, schedule: second })
      const seen = yield* observe((n) => Effect.delay(Effect.fail(`error ${n}`), "100 millis"), Retry.retry(policy))
      const error = failure(seen.exit)
      assert.instanceOf(error, RetriesExhausted)
      assert.deepStrictEqual(seen.at, [0, 1100, 2200])
      assert.deepInclude({ ...error }, { reason: "attempts", attempts: 3, elapsedMillis: 2300, last: "error 3" })
      assert.deepStrictEqual(error.errors, ["error 1", "error 2", "error 3"])
    })
  )

  const cases: ReadonlyArray<[string, Retry.Retry, unknown, string, number]> = [
    [
      "the schedule's attempts",
      Retry.make({ schedule: RetrySchedule.upTo(immediate, { attempts: 4 }) }),
      down,
      "attempts",
      4
    ],
    [
      "the schedule's elapsed time",
      Retry.make({ schedule: RetrySchedule.upTo(second, { elapsed: 2500 }) }),
      down,
      "elapsed",
      4
    ],
    [
      "the caller's fault",
      Retry.make({ attempts: 5, schedule: immediate }),
      new InvalidRequest({}),
      "notRecoverable",
      1
    ],
    [
      "another policy's rejection",
      Retry.make({ attempts: 5, schedule: immediate }),
      new CircuitOpen({}),
      "notRecoverable",
      1
    ],
    [
      "a rejection, when asked for",
      Retry.make({ attempts: 5, schedule: immediate, while: () => true }),
      new CircuitOpen({}),
      "attempts",
      5
    ],
    ["a schedule that is not ours", Retry.make({ schedule: Schedule.recurs(2) }), down, "attempts", 3],
    [
      "a spaced schedule that is not ours",
      Retry.make({ attempts: 3, schedule: Schedule.spaced("1 minute") }),
      down,
      "attempts",
      3
    ]
  ]
  for (const [name, policy, error, reason, attempts] of cases) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const seen = yield* observe(() => Effect.fail(error), Retry.retry(policy))
        const exhausted = failure(seen.exit)
        assert.strictEqual(exhausted.reason, reason)
        assert.strictEqual(exhausted.attempts, attempts)
        assert.strictEqual(seen.at.length, attempts)
        assert.strictEqual(exhausted.last, error)
      })
    )
  }

  it.effect("budget", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.quota({ capacity: 10, cost: 5 })
      const seen = yield* observe((n) => Effect.fail(n), Retry.retry(Retry.make({ schedule: immediate, budget })))
      assert.deepInclude({ ...failure(seen.exit) }, { reason: "budget", attempts: 3, last: 3 })
    })
  )

  it.effect("deadline: a delay that would end past it is not begun", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ schedule: second })
      const seen = yield* observe(() => Effect.fail("x"), Retry.retry(policy), "10 seconds").pipe(
        Effect.provideService(Deadline.Current, 2500)
      )
      assert.deepInclude({ ...failure(seen.exit) }, { reason: "deadline", attempts: 3, elapsedMillis: 2000 })
    })
  )

  it.effect("keeps the newest errors only", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ attempts: 100, schedule: immediate, keepErrors: 3 })
      const seen = yield* observe((n) => Effect.fail(n), Retry.retry(policy))
      assert.deepStrictEqual(failure(seen.exit).errors, [98, 99, 100])
    })
  )

  it.effect("defects and interruptions pass as they are, and are not retried", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ attempts: 3, schedule: immediate })
      assert.deepStrictEqual(yield* Effect.exit(Retry.retry(Effect.die("bug"), policy)), Exit.die("bug"))
      const interrupted = yield* Effect.exit(Retry.retry(Effect.interrupt, policy))
      assert.isTrue(Exit.hasInterrupts(interrupted))
      const both = Cause.combine(Cause.fail("error"), Cause.die("bug"))
      const exit = yield* Effect.exit(Retry.retry(Effect.failCause(both), policy))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  it.effect("succeeds in the end, with the result as it is", () =>
    Effect.gen(function* () {
      const seen = yield* observe(
        (n) => (n < 3 ? Effect.fail("x") : Effect.succeed({ n })),
        Retry.retry(Retry.make({ schedule: second }))
      )
      assert.deepStrictEqual(seen.exit, Exit.succeed({ n: 3 }))
    })
  )
})

describe("Retry: results, free failures, hints", () => {
  it.effect("retries on a result as on an error", () =>
    Effect.gen(function* () {
      const policy = Retry.make({
        attempts: 3,
        schedule: immediate,
        failOn: (status: number) => (status >= 500 ? (`status ${status}` as const) : undefined)
      })
      const good = yield* observe((n) => Effect.succeed(n < 3 ? 503 : 200), Retry.retry(policy))
      assert.deepStrictEqual(good.exit, Exit.succeed(200))
      const bad = yield* observe(() => Effect.succeed(503), Retry.retry(policy))
      const error = failure(bad.exit)
      const last: `status ${number}` = error.last
      assert.strictEqual(last, "status 503")
    })
  )

  it.effect("a failure that does not consume is tried again at once, and only so often", () =>
    Effect.gen(function* () {
      const policy = Retry.make({
        attempts: 2,
        schedule: second,
        free: 3,
        consumes: (error: string) => error !== "refused"
      })
      const mixed = yield* observe((n) => Effect.fail(n <= 2 ? "refused" : "down"), Retry.retry(policy))
      assert.deepStrictEqual(mixed.at, [0, 0, 0, 1000])
      assert.strictEqual(failure(mixed.exit).attempts, 4)
      const always = yield* observe(() => Effect.fail("refused"), Retry.retry(policy))
      assert.deepStrictEqual(always.at, [0, 0, 0, 0, 1000])
    })
  )

  it.effect("waits as long as the server asked for", () =>
    Effect.gen(function* () {
      const seen = yield* observe(
        (n) => (n === 1 ? Effect.fail(new ChannelRateLimited({ retryAfterMillis: 20_000 })) : Effect.succeed("ok")),
        Retry.retry(Retry.make())
      )
      assert.deepStrictEqual(seen.at, [0, 20_000])
    })
  )
})

describe("Retry: interruption", () => {
  // cockatiel: an abort at 20 ms of a 300 ms backoff returns after 302 ms, and the function is called once more.
  it.effect("a delay ends at once, and nothing is called after it", () =>
    Effect.gen(function* () {
      let calls = 0
      const policy = Retry.make({ schedule: second })
      const fiber = yield* Effect.forkChild(
        Retry.retry(
          Effect.suspend(() => Effect.fail(++calls)),
          policy
        )
      )
      yield* TestClock.adjust("20 millis")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* Clock.currentTimeMillis, 20)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(calls, 1)
    })
  )

  it.effect("at every step and wait: a share budget gets back what is under way", () =>
    Effect.gen(function* () {
      const report = yield* interruptEverywhere(
        Effect.gen(function* () {
          const { budget, check } = yield* counting
          const policy = Retry.make({ attempts: 4, schedule: RetrySchedule.constant({ delay: "200 millis" }), budget })
          const program = Retry.retry(Effect.delay(Effect.fail("x"), "50 millis"), policy)
          return { program, check }
        })
      )
      assert.isAbove(report.steps, 20)
      assert.isAbove(report.waits, 5)
    })
  )
})

describe("Retry: elapsed time counts from the beginning of the first attempt", () => {
  const limited = RetrySchedule.upTo({ elapsed: "10 seconds" })
  const schedules = [
    ["a schedule of ours", second.pipe(limited)],
    ["around a schedule that is not ours", Schedule.spaced("1 second").pipe(limited)],
    [
      "in a schedule that is not ours",
      Schedule.modifyDelay(second.pipe(limited), ({ duration }) => Effect.succeed(duration))
    ]
  ] as const
  for (const [what, schedule] of schedules) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const seen = yield* observe(
          () => Effect.delay(Effect.fail(down), "6 seconds"),
          Retry.retry(Retry.make({ schedule }))
        )
        assert.deepStrictEqual(seen.at, [0, 7000])
      })
    )
  }
})

describe("Retry: fairness and telemetry", () => {
  it.effect("retries without a delay let other fibers have a turn", () =>
    Effect.gen(function* () {
      let other = 0
      yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => void other++)
          )
        )
      )
      yield* Effect.ignore(
        Retry.retry(Effect.fail("x"), Retry.make({ attempts: 200, schedule: immediate, yieldEvery: 10 }))
      )
      assert.isAtLeast(other, 5)
    })
  )

  it.effect("tells of each retry and of the end", () =>
    Effect.gen(function* () {
      const events: Array<PolicyTelemetry.Event> = []
      yield* observe((n) => Effect.fail(`error ${n}`), Retry.retry(Retry.make({ attempts: 3, schedule: second }))).pipe(
        Effect.provideService(PolicyTelemetry.Sink, (event) => events.push(event))
      )
      assert.deepStrictEqual(
        events.map((event) => [event.name, event.error, event.attributes]),
        [
          ["OnRetry", "error 1", { attempt: 1, delayMillis: 1000 }],
          ["OnRetry", "error 2", { attempt: 2, delayMillis: 1000 }],
          ["OnRetriesExhausted", "error 3", { reason: "attempts", attempts: 3, elapsedMillis: 2000 }]
        ]
      )
    })
  )

  it.effect("counts events and measures attempts once metrics are on", () =>
    Effect.gen(function* () {
      const seen = observe(
        (n) => Effect.delay(n < 3 ? Effect.fail(down) : Effect.void, "100 millis"),
        Retry.retry(Retry.make({ schedule: second }))
      )
      yield* Effect.provide(seen, PolicyTelemetry.layerMetrics)
      const snapshot = yield* Metric.snapshot
      const durations = snapshot.filter((metric) => metric.id === "resilience.policy.attempt.duration")
      assert.deepStrictEqual(
        durations
          .map((metric) => [metric.attributes?.["attempt.number"], metric.attributes?.["attempt.handled"]])
          .sort(),
        [
          ["0", "true"],
          ["1", "true"],
          ["2", "false"]
        ]
      )
      const retries = snapshot.find((metric) => metric.attributes?.["event.name"] === "OnRetry")
      assert.deepInclude(retries?.attributes, { "policy.name": "Retry", "exception.type": "DoRequestFailed" })
      assert.deepInclude(retries?.state, { count: 2 })
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})

describe("Retry: refused options", () => {
  for (const option of ["attempts", "keepErrors", "yieldEvery"] as const) {
    for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      it(`${option}: ${value}`, () =>
        assert.throws(
          () => Retry.make({ [option]: value }),
          InvalidPolicyOption.InvalidPolicyOption,
          `Retry.make: "${option}" must be a positive integer, got ${value}`
        ))
    }
  }
})

describe("Retry: corners", () => {
  it.effect("a clock that goes back makes no elapsed time negative", () =>
    Effect.gen(function* () {
      let now = 10_000
      const clock: Clock.Clock = Object.create(yield* Clock.Clock, { currentTimeMillisUnsafe: { value: () => now } })
      const call = Effect.suspend(() => {
        now -= 1000
        return Effect.fail("x")
      })
      const { elapsedMillis } = yield* Effect.flip(
        Retry.retry(call, Retry.make({ attempts: 2, schedule: immediate }))
      ).pipe(Effect.provideService(Clock.Clock, clock))
      assert.strictEqual(elapsedMillis, 0)
    })
  )
})
