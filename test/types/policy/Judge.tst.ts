import type { Effect, Stream } from "effect"
import type { BulkheadFull, CircuitOpen, DoRequestFailed, Throttled } from "effect-resilience/errors"
import { AdaptiveLimit, CircuitBreaker, Hedge, OutlierEjection, Retry, Throttle } from "effect-resilience/policy"
import { StreamClocks } from "effect-resilience/stream"
import { describe, expect, test } from "tstyche"

declare const call: Effect.Effect<number, DoRequestFailed, "Network">
declare const answer: Stream.Stream<number, DoRequestFailed, "Network">
declare const breaker: CircuitBreaker.CircuitBreaker
declare const throttle: Throttle.Throttle
declare const limit: AdaptiveLimit.AdaptiveLimit
declare const ejection: OutlierEjection.OutlierEjection
declare const hedge: Hedge.Hedge

type With<E> = Effect.Effect<number, DoRequestFailed | E, "Network">

describe("P15: a judge written in place knows the errors and results of the pipe", () => {
  const seesError = (error: DoRequestFailed) => error.details === undefined
  const seesValue = (value: number) => value > 500

  test("of effects", () => {
    const judge = { isFailure: seesError, isFailureValue: seesValue }
    expect(call.pipe(CircuitBreaker.protect(breaker, judge))).type.toBe<With<CircuitOpen>>()
    expect(call.pipe(Throttle.protect(throttle, judge))).type.toBe<With<Throttled>>()
    expect(call.pipe(AdaptiveLimit.protect(limit, judge))).type.toBe<With<BulkheadFull>>()
    expect(call.pipe(OutlierEjection.observe(ejection, "a", judge))).type.toBe<With<never>>()
    call.pipe(
      Throttle.protect(throttle, {
        isFailure: (error) => {
          expect(error).type.toBe<DoRequestFailed>()
          return true
        },
        isFailureValue: (value) => {
          expect(value).type.toBe<number>()
          return true
        }
      })
    )
    call.pipe(
      Hedge.hedged(hedge, {
        isRetryable: (error) => {
          expect(error).type.toBe<DoRequestFailed>()
          return true
        }
      })
    )
  })

  test("of streams, which have no one result", () => {
    answer.pipe(
      CircuitBreaker.protectStream(breaker, {
        isFailure: (error) => {
          expect(error).type.toBe<DoRequestFailed>()
          return true
        }
      })
    )
    expect(Throttle.protectStream).type.not.toBeCallableWith(answer, throttle, { isFailureValue: () => true })
  })

  test("one that judges other errors does not compile", () => {
    const other = { isFailure: (error: "other") => error === "other" }
    expect(CircuitBreaker.protect).type.not.toBeCallableWith(call, breaker, other)
    expect(Throttle.protect).type.not.toBeCallableWith(call, throttle, other)
    expect(AdaptiveLimit.protect).type.not.toBeCallableWith(call, limit, other)
    expect(OutlierEjection.observe).type.not.toBeCallableWith(call, ejection, "a", other)
  })

  test("without one, a policy that was put aside keeps the type of what it is used for", () => {
    const protect = Throttle.protect(throttle)
    expect(protect(call)).type.toBe<With<Throttled>>()
    const open = CircuitBreaker.protect(breaker)
    expect(open(call)).type.toBe<With<CircuitOpen>>()
  })
})

describe("P15: Retry with options in place", () => {
  test("its predicates know the errors and results of the pipe", () => {
    const retried = call.pipe(
      Retry.retry({
        failOn: (value) => {
          expect(value).type.toBe<number>()
          return value < 0 ? ("negative" as const) : undefined
        },
        while: (error) => {
          expect(error).type.toBe<DoRequestFailed | "negative">()
          return error !== "negative"
        }
      })
    )
    expect(retried).type.toBe<Effect.Effect<number, Retry.Exhausted<DoRequestFailed | "negative">, "Network">>()
    expect(Retry.retry(call, { attempts: 2, consumes: (error) => error.details === undefined })).type.toBe<
      Effect.Effect<number, Retry.Exhausted<DoRequestFailed>, "Network">
    >()
  })

  test("of streams", () => {
    const retried = answer.pipe(
      Retry.retryStream({
        while: (error) => {
          expect(error).type.toBe<DoRequestFailed>()
          return true
        }
      })
    )
    expect(retried).type.toBe<Stream.Stream<number, Retry.Exhausted<DoRequestFailed>, "Network">>()
  })
})

describe("P15: StreamClocks", () => {
  test("isContent written in place knows the elements of the pipe", () => {
    const watched = answer.pipe(
      StreamClocks.watch({
        idle: "1 second",
        isContent: (element) => {
          expect(element).type.toBe<number>()
          return element > 0
        }
      })
    )
    expect(watched).type.toBe<Stream.Stream<number, DoRequestFailed | StreamClocks.ClockError, "Network">>()
  })

  test("put aside, it keeps the type of what it watches", () => {
    const idle = StreamClocks.watch({ idle: "1 second" })
    expect(idle(answer)).type.toBe<Stream.Stream<number, DoRequestFailed | StreamClocks.ClockError, "Network">>()
    const positive = StreamClocks.watch({ isContent: (element: number) => element > 0 })
    expect(positive(answer)).type.toBe<Stream.Stream<number, DoRequestFailed | StreamClocks.ClockError, "Network">>()
  })
})
