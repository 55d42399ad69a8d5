import { Effect, type Schedule, Stream } from "effect"
import type {
  ChannelResponseTimeExceeded,
  DeadlineExceeded,
  RetryBudgetExhausted,
  Throttled
} from "effect-resilience/errors"
import { Deadline, RateLimiter, Retry, RetryBudget, RetrySchedule } from "effect-resilience/policy"
import { describe, expect, test } from "tstyche"

declare const call: Effect.Effect<number, "down">
declare const stream: Stream.Stream<number, "down">
declare const countable: RetryBudget.Countable
declare const share: RetryBudget.RetryBudget
declare const limiter: RateLimiter.RateLimiter

describe("Retry", () => {
  test("turns the errors into one, which keeps their type", () => {
    expect(Retry.retry(call, Retry.make())).type.toBe<Effect.Effect<number, Retry.Exhausted<"down">>>()
    expect(call.pipe(Retry.retry(Retry.make()))).type.toBe<Effect.Effect<number, Retry.Exhausted<"down">>>()
    expect(Retry.retryStream(stream, Retry.make())).type.toBe<Stream.Stream<number, Retry.Exhausted<"down">>>()
  })

  test("a result that is refused adds its error", () => {
    const policy = Retry.make({ failOn: (n: number) => (n < 0 ? ("negative" as const) : undefined) })
    expect(Retry.retry(call, policy)).type.toBe<Effect.Effect<number, Retry.Exhausted<"down" | "negative">>>()
  })

  test("a policy that judges strings does not judge numbers", () => {
    const policy = Retry.make({ while: (error: string) => error === "down" })
    expect(Retry.retry).type.toBeCallableWith(call, policy)
    expect(Retry.retry).type.not.toBeCallableWith(Effect.fail(5), policy)
  })

  test("resetting after progress is only for streams that resume", () => {
    expect(Retry.retryStream).type.toBeCallableWith(stream, Retry.standard, {
      partial: "resume" as const,
      resetAfter: 5
    })
    expect(Retry.retryStream).type.not.toBeCallableWith(stream, Retry.standard, { resetAfter: 5 })
  })
})

describe("RetrySchedule", () => {
  test("schedules go to Effect.retry as they are, and keep the original error", () => {
    expect(Effect.retry(call, RetrySchedule.standard)).type.toBe<Effect.Effect<number, "down">>()
    expect(Stream.retry(stream, RetrySchedule.standard)).type.toBe<Stream.Stream<number, "down">>()
  })

  test("a predicate narrows what the schedule takes", () => {
    const schedule = RetrySchedule.immediate.pipe(RetrySchedule.whileRecoverable((error: string) => error !== "stop"))
    expect(schedule).type.toBeAssignableTo<Schedule.Schedule<unknown, string>>()
    expect(schedule).type.not.toBeAssignableTo<Schedule.Schedule<unknown, number>>()
  })

  test("a bound needs attempts or elapsed time", () => {
    expect(RetrySchedule.upTo).type.toBeCallableWith({ attempts: 3 })
    expect(RetrySchedule.upTo).type.toBeCallableWith({ elapsed: "5 seconds" as const })
    expect(RetrySchedule.upTo).type.not.toBeCallableWith({})
  })

  test("a budget that has to know when calls end does not fit a bare schedule", () => {
    expect(RetrySchedule.within).type.toBeCallableWith(countable)
    expect(RetrySchedule.within).type.not.toBeCallableWith(share)
    expect(Retry.make({ budget: share })).type.toBe<Retry.Retry>()
  })
})

describe("what each policy adds", () => {
  test("one class, or nothing", () => {
    expect(Deadline.total(call, "1 second")).type.toBe<Effect.Effect<number, "down" | DeadlineExceeded>>()
    expect(Deadline.attempt(call, "1 second")).type.toBe<Effect.Effect<number, "down" | ChannelResponseTimeExceeded>>()
    expect(Deadline.totalStream(stream, "1 second")).type.toBe<Stream.Stream<number, "down" | DeadlineExceeded>>()
    expect(RateLimiter.protect(call, limiter)).type.toBe<Effect.Effect<number, "down" | Throttled>>()
    expect(RetryBudget.spend(share)(call)).type.toBe<Effect.Effect<number, "down" | RetryBudgetExhausted>>()
    expect(RetryBudget.window()).type.toBe<Effect.Effect<RetryBudget.Countable>>()
  })
})
