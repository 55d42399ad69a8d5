import type { Effect, Stream } from "effect"
import type { BulkheadFull, DoRequestFailed, Throttled } from "effect-resilience/errors"
import { AdaptiveLimit, Bulkhead, OutlierEjection, Priority, Throttle } from "effect-resilience/policy"
import { describe, expect, test } from "tstyche"

declare const bulkhead: Bulkhead.Bulkhead
declare const limit: AdaptiveLimit.AdaptiveLimit
declare const throttle: Throttle.Throttle
declare const ejection: OutlierEjection.OutlierEjection
declare const call: Effect.Effect<string, DoRequestFailed, "Network">
declare const answer: Stream.Stream<string, DoRequestFailed, "Network">

type With<E> = Effect.Effect<string, DoRequestFailed | E, "Network">

describe("what limits add to the errors", () => {
  test("Bulkhead: BulkheadFull", () => {
    expect(call.pipe(Bulkhead.protect(bulkhead))).type.toBe<With<BulkheadFull>>()
    expect(Bulkhead.protect(call, bulkhead)).type.toBe<With<BulkheadFull>>()
    expect(answer.pipe(Bulkhead.protectStream(bulkhead))).type.toBe<
      Stream.Stream<string, DoRequestFailed | BulkheadFull, "Network">
    >()
  })

  test("AdaptiveLimit: BulkheadFull", () => {
    expect(call.pipe(AdaptiveLimit.protect(limit))).type.toBe<With<BulkheadFull>>()
    expect(AdaptiveLimit.protect(call, limit)).type.toBe<With<BulkheadFull>>()
    expect(answer.pipe(AdaptiveLimit.protectStream(limit))).type.toBe<
      Stream.Stream<string, DoRequestFailed | BulkheadFull, "Network">
    >()
  })

  test("Throttle: Throttled", () => {
    expect(call.pipe(Throttle.protect(throttle))).type.toBe<With<Throttled>>()
    expect(Throttle.protect(call, throttle)).type.toBe<With<Throttled>>()
    expect(answer.pipe(Throttle.protectStream(throttle))).type.toBe<
      Stream.Stream<string, DoRequestFailed | Throttled, "Network">
    >()
  })

  test("OutlierEjection and Priority: nothing", () => {
    expect(call.pipe(OutlierEjection.observe(ejection, "a"))).type.toBe<With<never>>()
    expect(answer.pipe(OutlierEjection.observeStream(ejection, "a"))).type.toBe<typeof answer>()
    expect(call.pipe(Priority.at("sheddable"))).type.toBe<With<never>>()
    expect(Priority.at).type.not.toBeCallableWith("urgent")
  })

  test("together: exactly the union", () => {
    const all = call.pipe(
      OutlierEjection.observe(ejection, "a"),
      Throttle.protect(throttle),
      AdaptiveLimit.protect(limit),
      Bulkhead.protect(bulkhead)
    )
    expect(all).type.toBe<With<Throttled | BulkheadFull>>()
  })
})
