import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Schedule, Stream } from "effect"
import { ChannelRateLimited, CircuitOpen, DoRequestFailed, InvalidRequest } from "effect-resilience/errors"
import { Deadline, InvalidPolicyOption, RetryBudget, RetrySchedule } from "effect-resilience/policy"
import * as fc from "fast-check"
import { withDraws } from "./kit/draws.ts"
import { observe } from "./kit/attempts.ts"

const fails =
  <E>(error: E) =>
  () =>
    Effect.fail(error)
const down = new DoRequestFailed({})

/** When the attempts begin if all fail. */
const times = <E>(
  schedule: Schedule.Schedule<unknown, E>,
  options: { readonly error: E; readonly takes?: Duration.Input; readonly span?: Duration.Input }
) =>
  observe(
    () => Effect.delay(Effect.fail(options.error), options.takes ?? 0),
    Effect.retry(schedule),
    options.span ?? "1 day"
  ).pipe(Effect.map(({ at }) => at))

describe("RetrySchedule: under Effect.retry, on virtual time", () => {
  it.effect("exponential without jitter", () =>
    Effect.gen(function* () {
      const schedule = RetrySchedule.exponential({ base: "1 second", cap: "5 seconds", jitter: "none" })
      const at = yield* times(RetrySchedule.upTo(schedule, { attempts: 6 }), { error: down })
      assert.deepStrictEqual(at, [0, 1000, 3000, 7000, 12_000, 17_000])
    })
  )

  it.effect("draws come from the fiber's Random", () =>
    Effect.gen(function* () {
      const schedule = RetrySchedule.exponential({ base: "1 second", cap: "5 seconds" })
      const at = yield* times(RetrySchedule.upTo(schedule, { attempts: 4 }), { error: down }).pipe(
        withDraws(0.5, 0.25, 1)
      )
      assert.deepStrictEqual(at, [0, 500, 1000, 5000])
    })
  )

  it.effect("a decorrelated schedule keeps its state in the run, so two runs are the same", () =>
    Effect.gen(function* () {
      const schedule = RetrySchedule.upTo(RetrySchedule.decorrelated({ base: "100 millis", cap: "1 second" }), {
        attempts: 4
      })
      const first = yield* times(schedule, { error: down, span: "2 hours" }).pipe(withDraws(0.5))
      const second = yield* times(schedule, { error: down, span: "2 hours" }).pipe(withDraws(0.5))
      assert.deepStrictEqual(first, [0, 200, 550, 1125])
      assert.deepStrictEqual(second, first)
    })
  )

  it.effect("standard: 3 attempts, 1 s, doubled, full jitter", () =>
    Effect.gen(function* () {
      const at = yield* times(RetrySchedule.standard, { error: down }).pipe(withDraws(0.5))
      assert.deepStrictEqual(at, [0, 500, 1500])
    })
  )

  it.effect("the error that comes out is the last attempt's own", () =>
    Effect.gen(function* () {
      const seen = yield* observe((n) => Effect.fail(`error ${n}`), Effect.retry(RetrySchedule.standard))
      assert.deepStrictEqual(seen.exit, Exit.fail("error 3"))
    })
  )

  it.effect("gives its delay, so Effect's own combinators can go on from it", () =>
    Effect.gen(function* () {
      const schedule = RetrySchedule.constant({ delay: "2 seconds" }).pipe(
        Schedule.while(({ output }) => Duration.toMillis(output) < 5000),
        RetrySchedule.upTo({ attempts: 3 })
      )
      assert.deepStrictEqual(yield* times(schedule, { error: down }), [0, 2000, 4000])
    })
  )
})

describe("RetrySchedule.upTo", () => {
  it.effect("clips the last delay: the last attempt begins exactly when the time is up", () =>
    Effect.gen(function* () {
      const schedule = RetrySchedule.exponential({ base: "1 second", jitter: "none" }).pipe(
        RetrySchedule.upTo({ elapsed: "5 seconds" })
      )
      // Effect's own upTo({ duration: "5 seconds" }) makes its last attempt at 7 s.
      assert.deepStrictEqual(yield* times(schedule, { error: down }), [0, 1000, 3000, 5000])
    })
  )

  it.effect("counts from the beginning of the first attempt, not from its failure", () =>
    Effect.gen(function* () {
      const schedule = RetrySchedule.constant({ delay: "4 seconds" }).pipe(
        RetrySchedule.upTo({ elapsed: "10 seconds" })
      )
      // Effect's own gives up at 20 s here.
      assert.deepStrictEqual(yield* times(schedule, { error: down, takes: "8 seconds" }), [0, 10_000])
    })
  )

  it.effect("does so around a schedule that is not ours, too", () =>
    Effect.gen(function* () {
      const schedule = Schedule.exponential("1 second").pipe(RetrySchedule.upTo({ elapsed: "5 seconds" }))
      assert.deepStrictEqual(yield* times(schedule, { error: down }), [0, 1000, 3000, 5000])
    })
  )

  it.effect("attempts count the first one", () =>
    Effect.gen(function* () {
      for (const attempts of [1, 2, 5]) {
        const at = yield* times(RetrySchedule.upTo(RetrySchedule.immediate, { attempts }), { error: down })
        assert.strictEqual(at.length, attempts)
      }
    })
  )
})

describe("RetrySchedule.whileRecoverable", () => {
  it.effect("stops at what is not worth asking again", () =>
    Effect.gen(function* () {
      const schedule = RetrySchedule.immediate.pipe(
        RetrySchedule.whileRecoverable(),
        RetrySchedule.upTo({ attempts: 3 })
      )
      const count = <E>(error: E) => Effect.map(times(schedule, { error }), (at) => at.length)
      assert.strictEqual(yield* count(down), 3)
      assert.strictEqual(yield* count("an error we do not know"), 3)
      assert.strictEqual(yield* count(new InvalidRequest({})), 1)
      // cockatiel#107: retry burns its attempts on an open circuit.
      assert.strictEqual(yield* count(new CircuitOpen({})), 1)
    })
  )

  it.effect("takes a predicate", () =>
    Effect.gen(function* () {
      const schedule = RetrySchedule.immediate.pipe(
        RetrySchedule.whileRecoverable((error: string) => error !== "stop"),
        RetrySchedule.upTo({ attempts: 5 })
      )
      const seen = yield* observe((n) => Effect.fail(n === 2 ? "stop" : "go"), Effect.retry(schedule))
      assert.strictEqual(seen.at.length, 2)
    })
  )

  it.effect("defects and interruptions are not retried", () =>
    Effect.gen(function* () {
      const seen = yield* observe(() => Effect.die("bug"), Effect.retry(RetrySchedule.standard))
      assert.strictEqual(seen.at.length, 1)
    })
  )
})

describe("RetrySchedule.honourRetryAfter", () => {
  const limited = (retryAfterMillis: number) => new ChannelRateLimited({ retryAfterMillis })
  const second = RetrySchedule.constant({ delay: "1 second" })
  const next = <E>(schedule: Schedule.Schedule<unknown, E>, error: E) =>
    Effect.map(times(RetrySchedule.upTo(schedule, { attempts: 2 }), { error }), (at) => at[1])

  it.effect("waits as long as was asked, and never less than its own backoff", () =>
    Effect.gen(function* () {
      const schedule = RetrySchedule.honourRetryAfter(second)
      assert.strictEqual(yield* next(schedule, limited(7000)), 7000)
      assert.strictEqual(yield* next(schedule, limited(10)), 1000)
      assert.strictEqual(yield* next(schedule, limited(0)), 1000)
    })
  )

  const cases: ReadonlyArray<[string, RetrySchedule.HonourRetryAfter | undefined, number, number | undefined]> = [
    ["exactly", { mode: "exactly" }, 10, 10],
    ["exactly, zero is at once", { mode: "exactly" }, 0, 0],
    ["the floor lifts a hint of zero", { mode: "exactly", floor: "200 millis" }, 0, 200],
    ["the cap is 1 minute", undefined, 86_400_000, 60_000],
    ["a cap", { cap: "5 seconds" }, 86_400_000, 5000],
    ["stops beyond the cap when told so", { cap: "5 seconds", beyondCap: "stop" }, 5001, undefined],
    ["waits at the cap when told to stop beyond it", { cap: "5 seconds", beyondCap: "stop" }, 5000, 5000]
  ]
  for (const [name, options, hint, expected] of cases) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const schedule = second.pipe(RetrySchedule.honourRetryAfter(options))
        assert.strictEqual(yield* next(schedule, limited(hint)), expected)
      })
    )
  }

  it.effect("a function reads the hint; what is no number is none", () =>
    Effect.gen(function* () {
      const schedule = second.pipe(RetrySchedule.honourRetryAfter({ hint: (wait: number) => wait }))
      assert.strictEqual(yield* next(schedule, 3000), 3000)
      assert.strictEqual(yield* next(schedule, Number.NaN), 1000)
    })
  )

  it.effect("a hint past the elapsed limit ends the retry at once, unshortened", () =>
    Effect.gen(function* () {
      const schedule = second.pipe(RetrySchedule.honourRetryAfter(), RetrySchedule.upTo({ elapsed: "5 seconds" }))
      assert.deepStrictEqual(yield* times(schedule, { error: limited(6000) }), [0])
    })
  )

  it.effect("a hint or a backoff past the deadline is not begun", () =>
    Effect.gen(function* () {
      const schedule = second.pipe(RetrySchedule.honourRetryAfter(), RetrySchedule.upTo({ attempts: 9 }))
      const before = (at: number) => Effect.provideService(Deadline.Current, at)
      assert.deepStrictEqual(yield* times(schedule, { error: limited(6000), span: 0 }).pipe(before(6000)), [0])
      assert.deepStrictEqual(
        yield* times(schedule, { error: down, span: "1 hour" }).pipe(before(2500)),
        [0, 1000, 2000]
      )
    })
  )
})

describe("RetrySchedule.within", () => {
  it.effect("a refused retry gives the original error at once", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.quota({ capacity: 10, cost: 5, refill: 0 })
      const schedule = RetrySchedule.immediate.pipe(RetrySchedule.upTo({ attempts: 9 }), RetrySchedule.within(budget))
      const seen = yield* observe((n) => Effect.fail(n), Effect.retry(schedule))
      assert.deepStrictEqual(seen.exit, Exit.fail(3))
      assert.strictEqual(yield* RetryBudget.balance(budget), 0)
    })
  )

  it.effect("a window counts each request that begins", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.window({ ratio: 0.5, minPerSecond: 0 })
      const schedule = RetrySchedule.immediate.pipe(RetrySchedule.upTo({ attempts: 2 }), RetrySchedule.within(budget))
      let calls = 0
      const call = Effect.ignore(
        Effect.retry(
          Effect.suspend(() => Effect.fail(++calls)),
          schedule
        )
      )
      for (let i = 0; i < 10; i++) yield* call
      assert.strictEqual(calls, 15)
    })
  )

  it.effect("works around a schedule that is not ours", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.quota({ capacity: 10, cost: 5, refill: 0 })
      const seen = yield* observe(fails("x"), Effect.retry(Schedule.forever.pipe(RetrySchedule.within(budget))))
      assert.strictEqual(seen.at.length, 3)
    })
  )
})

describe("RetrySchedule: around a schedule that is not ours all is as around the same one of ours", () => {
  type Stages = (self: Schedule.Schedule<unknown>) => Schedule.Schedule<unknown>
  const stacks: ReadonlyArray<readonly [string, Stages]> = [
    [
      "a hint, and a limit of time, which do not clip it",
      (self) => self.pipe(RetrySchedule.honourRetryAfter(), RetrySchedule.upTo({ elapsed: "12 seconds" }))
    ],
    [
      "a limit of time, and a hint beyond it",
      (self) => self.pipe(RetrySchedule.upTo({ elapsed: "12 seconds" }), RetrySchedule.honourRetryAfter())
    ],
    [
      "what is worth asking again, a hint that is too long, and a limit of attempts",
      (self) =>
        self.pipe(
          RetrySchedule.whileRecoverable(),
          RetrySchedule.honourRetryAfter({ cap: "3 seconds", beyondCap: "stop" }),
          RetrySchedule.upTo({ attempts: 4 })
        )
    ],
    [
      "a hint alone, and both limits",
      (self) =>
        self.pipe(
          RetrySchedule.honourRetryAfter({ mode: "exactly" }),
          RetrySchedule.upTo({ attempts: 4, elapsed: "30 seconds" })
        )
    ]
  ]
  const errors = ["x", { retryAfterMillis: 5000 }, { retryAfterMillis: 0 }, { isRetryable: false }]
  for (const [what, stages] of stacks) {
    it.effect(what, () =>
      Effect.gen(function* () {
        for (const error of errors) {
          for (const limit of ["7 seconds", "1 hour"] as const) {
            const run = (self: Schedule.Schedule<unknown>) =>
              Effect.gen(function* () {
                const budget = yield* RetryBudget.tokenRatio({ maxTokens: 100 })
                const schedule = self.pipe(stages, RetrySchedule.within(budget))
                const at = yield* times(schedule, { error, takes: "500 millis" }).pipe(Deadline.inherit(limit))
                return { at, left: yield* RetryBudget.balance(budget) }
              })
            const ours = yield* run(RetrySchedule.constant({ delay: "1 second" }))
            assert.deepStrictEqual(yield* run(Schedule.spaced("1 second")), ours)
          }
        }
      })
    )
  }

  it.effect("the failure after which it has no more is booked, too", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.tokenRatio({ maxTokens: 100 })
      yield* times(Schedule.recurs(2).pipe(RetrySchedule.within(budget)), { error: "x" })
      assert.closeTo(yield* RetryBudget.balance(budget), 97, 1e-9)
    })
  )
})

describe("RetrySchedule: what always holds", () => {
  it.effect("a schedule that is not ours is bounded once it is wrapped: never Infinity, NaN or past 2^31 - 1 ms", () =>
    Effect.gen(function* () {
      for (const delay of [Number.POSITIVE_INFINITY, 2 ** 40, -5, Number.NaN]) {
        const schedule = Schedule.spaced(delay).pipe(RetrySchedule.upTo({ attempts: 2 }))
        const step = yield* Schedule.toStep(schedule)
        const [, next] = yield* Effect.orDie(step(0, undefined))
        const millis = Duration.toMillis(next)
        assert.isTrue(millis >= 0 && millis <= 2 ** 31 - 1, `${delay} became ${millis}`)
      }
    })
  )

  it.effect("elapsed time never passes its limit by a delay, whatever the errors ask for", () =>
    Effect.gen(function* () {
      const cases = fc.sample(
        fc.record({
          base: fc.integer({ min: 1, max: 5000 }),
          elapsed: fc.integer({ min: 1, max: 60_000 }),
          hint: fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: undefined }),
          takes: fc.integer({ min: 0, max: 3000 })
        }),
        60
      )
      for (const { base, elapsed, hint, takes } of cases) {
        const schedule = RetrySchedule.exponential({ base }).pipe(
          RetrySchedule.honourRetryAfter(),
          RetrySchedule.upTo({ elapsed, attempts: 100 })
        )
        const error = hint === undefined ? down : new ChannelRateLimited({ retryAfterMillis: hint })
        const at = yield* times(schedule, { error, takes })
        assert.isAtMost(at.at(-1)!, elapsed + 0.001)
      }
    })
  )

  it.effect("a stream takes them as they are", () =>
    Effect.gen(function* () {
      let runs = 0
      const stream = Stream.suspend(() => (++runs < 3 ? Stream.fail(down) : Stream.make("a", "b")))
      const schedule = RetrySchedule.immediate.pipe(RetrySchedule.upTo({ attempts: 3 }))
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.retry(stream, schedule)), ["a", "b"])
    })
  )
})

describe("RetrySchedule: refused options", () => {
  const refused: ReadonlyArray<[() => unknown, string]> = [
    [() => RetrySchedule.upTo({ attempts: 0 }), 'RetrySchedule.upTo: "attempts" must be a positive integer, got 0'],
    [() => RetrySchedule.upTo({ attempts: 1.5 }), '"attempts" must be a positive integer, got 1.5'],
    [() => RetrySchedule.upTo({ elapsed: 0 }), '"elapsed" must be a duration above zero'],
    [() => RetrySchedule.upTo({} as RetrySchedule.UpTo), '"attempts" must be given'],
    [() => RetrySchedule.honourRetryAfter({ cap: 0 }), '"cap" must be a duration above zero'],
    [() => RetrySchedule.honourRetryAfter({ floor: 5, cap: 1 }), '"floor" must be at most "cap" (1), got 5']
  ]
  for (const [make, expected] of refused) {
    it(expected, () => {
      // A combinator in a pipe checks its options when it meets its schedule.
      const apply = () => (make() as (schedule: unknown) => unknown)(RetrySchedule.immediate)
      assert.throws(apply, InvalidPolicyOption.InvalidPolicyOption, expected)
    })
  }
})
