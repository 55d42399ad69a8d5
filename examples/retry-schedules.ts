/**
 * When a retry asks again: the backoffs, a server's hint, and a budget for all. The time is virtual: hours pass at once.
 *
 *   node --conditions=effect-resilience-source examples/retry-schedules.ts
 */
import { Clock, Effect, Exit, Fiber, type Schedule } from "effect"
import { ChannelRateLimited, DoRequestFailed, InvalidRequest, type ResilienceError } from "effect-resilience/errors"
import { Backoff, Retry, RetryBudget, RetrySchedule } from "effect-resilience/policy"
import { TestClock } from "effect/testing"

const seconds = (millis: number): string => `${(millis / 1000).toFixed(1)}s`
const row = (name: string, values: ReadonlyArray<number>): void =>
  console.log(`  ${name.padEnd(34)} ${values.map((value) => seconds(value).padStart(6)).join(" ")}`)

console.log("delays before the 2nd, 3rd, … attempt (chance drawn in the middle)")
const within = { base: "1 second", cap: "30 seconds" } as const
row("exponential, no jitter", Backoff.delays(Backoff.exponential({ ...within, jitter: "none" }), 7))
row("exponential, full jitter", Backoff.delays(Backoff.exponential(within), 7))
row("exponential, equal jitter", Backoff.delays(Backoff.exponential({ ...within, jitter: "equal" }), 7))
row("linear, no jitter", Backoff.delays(Backoff.linear({ ...within, jitter: "none" }), 7))
row("fibonacci, no jitter", Backoff.delays(Backoff.fibonacci({ ...within, jitter: "none" }), 7))
row("decorrelated", Backoff.delays(Backoff.decorrelated(within), 7))

/** When an effect that always fails is asked, in virtual milliseconds. */
const attempts = (error: ResilienceError, schedule: Schedule.Schedule<unknown, ResilienceError>) =>
  Effect.gen(function* () {
    const at: Array<number> = []
    const call = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      at.push(now)
      return Effect.fail(error)
    })
    const fiber = yield* Effect.forkChild(Effect.exit(Effect.retry(call, schedule)))
    yield* TestClock.adjust("1 day")
    yield* Fiber.join(fiber)
    return at
  }).pipe(Effect.provide(TestClock.layer()), Effect.scoped)

const schedule = RetrySchedule.exponential({ ...within, jitter: "none" }).pipe(
  RetrySchedule.whileRecoverable(),
  RetrySchedule.honourRetryAfter({ cap: "1 minute" }),
  RetrySchedule.upTo({ attempts: 5, elapsed: "20 seconds" })
)

const program = Effect.gen(function* () {
  console.log("\nwhen a call is made, with up to 5 attempts in 20 seconds")
  row("a refused connection", yield* attempts(new DoRequestFailed({}), schedule))
  row("429 with retry-after: 7", yield* attempts(new ChannelRateLimited({ retryAfterMillis: 7000 }), schedule))
  row("a request that is wrong", yield* attempts(new InvalidRequest({}), schedule))

  // A hundred callers of a service that is down, each willing to ask three times more.
  const storm = Effect.fnUntraced(function* (budget: RetryBudget.RetryBudget | undefined) {
    let asked = 0
    const call = Effect.suspend(() => {
      asked++
      return Effect.fail(new DoRequestFailed({}))
    })
    const policy = Retry.make({ attempts: 4, schedule: RetrySchedule.immediate, budget })
    for (let caller = 0; caller < 100; caller++) {
      if (Exit.isSuccess(yield* Effect.exit(Retry.retry(call, policy)))) return -1
    }
    return asked
  })
  console.log("\n100 callers of a service that is down, 4 attempts each: how often it is asked")
  console.log(`  without a budget                   ${yield* storm(undefined)}`)
  const budget = yield* RetryBudget.window({ ratio: 0.2, minPerSecond: 0 })
  console.log(`  with a budget of one in five       ${yield* storm(budget)}`)
})

await Effect.runPromise(program)
