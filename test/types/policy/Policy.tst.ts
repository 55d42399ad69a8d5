import { Effect, type Layer, type Stream } from "effect"
import type { HttpClient } from "effect/http"
import type {
  BulkheadFull,
  ChannelResponseTimeExceeded,
  CircuitOpen,
  DeadlineExceeded,
  DoRequestFailed,
  StreamTruncated,
  Throttled
} from "effect-resilience/errors"
import {
  type AdaptiveLimit,
  type Bulkhead,
  type Chaos,
  type CircuitBreaker,
  type Hedge,
  type OutlierEjection,
  Policy,
  PolicyConfig,
  PolicyHttp,
  type RateLimiter,
  Retry,
  type Throttle
} from "effect-resilience/policy"
import { describe, expect, test } from "tstyche"

declare const call: Effect.Effect<string, DoRequestFailed, "Network">
declare const answer: Stream.Stream<string, DoRequestFailed, "Network">
declare const breaker: CircuitBreaker.CircuitBreaker
declare const bulkhead: Bulkhead.Bulkhead
declare const adaptiveLimit: AdaptiveLimit.AdaptiveLimit
declare const rateLimiter: RateLimiter.RateLimiter
declare const throttle: Throttle.Throttle
declare const hedge: Hedge.Hedge
declare const ejection: OutlierEjection.OutlierEjection
declare const chaos: Chaos.Chaos<number, "hurt">
declare const latency: Chaos.Chaos
declare const cut: Chaos.StreamChaos<StreamTruncated>

const retry = Retry.standard
const outlier = { ejection, member: "a" }

type With<E> = Effect.Effect<string, DoRequestFailed | E, "Network">
type Stream_<E> = Stream.Stream<string, DoRequestFailed | E, "Network">

describe("Policy.apply: the errors are exactly what the members add", () => {
  test("each by itself", () => {
    expect(Policy.apply(call, Policy.make({}))).type.toBe<With<never>>()
    expect(Policy.apply(call, Policy.make({ name: "x" }))).type.toBe<With<never>>()
    expect(Policy.apply(call, Policy.make({ deadline: "1 second" }))).type.toBe<With<DeadlineExceeded>>()
    expect(Policy.apply(call, Policy.make({ attempt: "1 second" }))).type.toBe<With<ChannelResponseTimeExceeded>>()
    expect(Policy.apply(call, Policy.make({ hedge }))).type.toBe<With<never>>()
    expect(Policy.apply(call, Policy.make({ throttle }))).type.toBe<With<Throttled>>()
    expect(Policy.apply(call, Policy.make({ breaker }))).type.toBe<With<CircuitOpen>>()
    expect(Policy.apply(call, Policy.make({ rateLimiter }))).type.toBe<With<Throttled>>()
    expect(Policy.apply(call, Policy.make({ bulkhead }))).type.toBe<With<BulkheadFull>>()
    expect(Policy.apply(call, Policy.make({ adaptiveLimit }))).type.toBe<With<BulkheadFull>>()
    expect(Policy.apply(call, Policy.make({ outlier }))).type.toBe<With<never>>()
    expect(Policy.apply(call, Policy.make({ chaos: latency }))).type.toBe<With<never>>()
    expect(Policy.apply(call, Policy.make({ chaos }))).type.toBe<
      Effect.Effect<string | number, DoRequestFailed | "hurt", "Network">
    >()
  })

  test("a retry makes one error of what comes from inside", () => {
    expect(Policy.apply(call, Policy.make({ retry }))).type.toBe<
      Effect.Effect<string, Retry.Exhausted<DoRequestFailed>, "Network">
    >()
    const all = Policy.make({
      name: "all",
      deadline: "5 seconds",
      retry,
      hedge,
      throttle,
      breaker,
      rateLimiter,
      bulkhead,
      outlier,
      attempt: "1 second",
      chaos
    })
    type Inside = DoRequestFailed | Throttled | CircuitOpen | BulkheadFull | ChannelResponseTimeExceeded | "hurt"
    expect(call.pipe(Policy.apply(all))).type.toBe<
      Effect.Effect<string | number, Retry.Exhausted<Inside> | DeadlineExceeded, "Network">
    >()
  })
})

describe("Policy: what excludes one another does not compile", () => {
  test("a bulkhead and an adaptive limit", () => {
    expect(Policy.make).type.not.toBeCallableWith({ bulkhead, adaptiveLimit })
  })

  test("a retry that cannot judge what the others add", () => {
    const judging = Retry.make({ while: (error: DoRequestFailed) => error.details === undefined })
    expect(Policy.make).type.toBeCallableWith({ retry: judging })
    expect(Policy.make).type.not.toBeCallableWith({ retry: judging, breaker })
    expect(Policy.make).type.not.toBeCallableWith({ retry: judging, chaos })
    expect(Policy.make).type.toBeCallableWith({ retry: judging, outlier, chaos: latency })
    const results = Retry.make({ failOn: (text: string) => (text === "" ? ("empty" as const) : undefined) })
    expect(Policy.make).type.toBeCallableWith({ retry: results, breaker })
    expect(Policy.make).type.not.toBeCallableWith({ retry: results, chaos })
  })

  test("a stream's chaos and an effect, an effect's and a stream", () => {
    expect(Policy.apply).type.not.toBeCallableWith(call, Policy.make({ chaos: cut }))
    expect(Policy.applyStream).type.not.toBeCallableWith(answer, Policy.make({ chaos }))
  })

  test("a hedge or an attempt's limit, and a stream", () => {
    expect(Policy.applyStream).type.not.toBeCallableWith(answer, Policy.make({ hedge }))
    expect(Policy.applyStream).type.not.toBeCallableWith(answer, Policy.make({ attempt: "1 second" }))
  })
})

describe("Policy.applyStream", () => {
  test("adds what the members add", () => {
    expect(Policy.applyStream(answer, Policy.make({ throttle }))).type.toBe<Stream_<Throttled>>()
    expect(Policy.applyStream(answer, Policy.make({ adaptiveLimit, outlier }))).type.toBe<Stream_<BulkheadFull>>()
    expect(Policy.applyStream(answer, Policy.make({ chaos: cut }))).type.toBe<Stream_<StreamTruncated>>()
    expect(
      answer.pipe(Policy.applyStream(Policy.make({ retry, breaker, deadline: "1 minute", chaos: cut })))
    ).type.toBe<
      Stream.Stream<
        string,
        Retry.Exhausted<DoRequestFailed | CircuitOpen | StreamTruncated> | DeadlineExceeded,
        "Network"
      >
    >()
  })
})

describe("PolicyConfig", () => {
  test("a loaded pipeline may have any member, so it may fail with any of their errors", () => {
    type Inside = DoRequestFailed | ChannelResponseTimeExceeded | BulkheadFull | CircuitOpen | Throttled
    type Out = Inside | Retry.Exhausted<Inside> | DeadlineExceeded
    const program = Effect.flatMap(PolicyConfig.load({}), (policy) => {
      expect(Policy.apply(call, policy)).type.toBe<Effect.Effect<string, Out, "Network">>()
      expect(Policy.applyStream).type.not.toBeCallableWith(answer, policy)
      return Effect.void
    })
    expect(program).type.toBeAssignableTo<Effect.Effect<void, unknown>>()
  })

  test("one for streams goes to streams", () => {
    type Inside = DoRequestFailed | BulkheadFull | CircuitOpen | Throttled
    type Out = Inside | Retry.Exhausted<Inside> | DeadlineExceeded
    Effect.flatMap(PolicyConfig.loadStream({}), (policy) => {
      expect(Policy.applyStream(answer, policy)).type.toBe<Stream.Stream<string, Out, "Network">>()
      return Effect.void
    })
  })
})

describe("PolicyHttp", () => {
  test("adds the rejections of its policies; its layer adds nothing", () => {
    Effect.flatMap(PolicyHttp.make(), (resilient) => {
      const client = null as unknown as HttpClient.HttpClient.With<"down">
      expect(resilient(client)).type.toBe<HttpClient.HttpClient.With<"down" | PolicyHttp.Rejection>>()
      return Effect.void
    })
    expect(PolicyHttp.layer()).type.toBe<Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient>>()
  })
})
