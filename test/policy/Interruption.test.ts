/**
 * Every policy, interrupted at each of its steps and during each of its waits: what it guards has ended, its permits,
 * probes and tokens are back, and no fiber and no timer of it goes on (the kit looks for those).
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { DoRequestFailed } from "effect-resilience/errors"
import {
  AdaptiveLimit,
  Bulkhead,
  Chaos,
  CircuitBreaker,
  Deadline,
  Fallback,
  Hedge,
  OutlierEjection,
  Policy,
  PolicyHttp,
  RateLimiter,
  Retry,
  RetryBudget,
  RetrySchedule,
  Throttle
} from "effect-resilience/policy"
import { TestClock } from "effect/testing"
import { interruptEverywhere } from "./kit/interruptAt.ts"
import { counting } from "./kit/retries.ts"

type Call = Effect.Effect<string, DoRequestFailed>
type Answer = Stream.Stream<string, DoRequestFailed>

/** A policy on fresh state: how it is applied, and what must hold when all is over. */
interface Case<In> {
  readonly apply: (call: In) => Effect.Effect<unknown, unknown>
  readonly check?: () => Effect.Effect<void>
}

const down = Effect.fail(new DoRequestFailed({}))
const idle = { running: 0, queued: 0 }

/** A breaker whose next call is its only probe. */
const halfOpen = Effect.gen(function* () {
  const breaker = yield* CircuitBreaker.make({ window: CircuitBreaker.consecutive(1), openFor: "1 second" })
  yield* Effect.exit(CircuitBreaker.protect(down, breaker))
  yield* TestClock.adjust("1 second")
  // Interrupted or not, the probe's place is free or the breaker has decided.
  const check = () =>
    Effect.gen(function* () {
      const { _tag } = yield* CircuitBreaker.state(breaker)
      if (_tag === "HalfOpen") yield* CircuitBreaker.protect(Effect.void, breaker)
    }).pipe(Effect.orDie)
  return { breaker, check }
})

/** A bulkhead whose one place is taken for 100 ms. */
const busy = Effect.gen(function* () {
  const bulkhead = yield* Bulkhead.make({ concurrency: 1, queue: 1, maxWait: "1 second" })
  yield* Effect.forkChild(Bulkhead.protect(Effect.sleep("100 millis"), bulkhead), { startImmediately: true })
  const check = () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* Bulkhead.load(bulkhead), idle)
    })
  return { bulkhead, check }
})

/** The same with a limit that adapts. */
const busyLimit = Effect.gen(function* () {
  const limit = yield* AdaptiveLimit.make({ rule: AdaptiveLimit.aimd({ initial: 1, min: 1, max: 1 }), queue: {} })
  yield* Effect.forkChild(AdaptiveLimit.protect(Effect.sleep("100 millis"), limit), { startImmediately: true })
  const check = () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* AdaptiveLimit.state(limit), { limit: 1, inFlight: 0, queued: 0 })
    })
  return { limit, check }
})

/** A limiter whose next turn is in 100 ms; it must be in 100 ms, or be spent, afterwards. */
const spent = Effect.gen(function* () {
  const limiter = yield* RateLimiter.make({ limit: 1, window: "100 millis", maxWait: "1 second" })
  yield* RateLimiter.acquire(limiter)
  const check = () =>
    Effect.sync(() => {
      const now = 1e9
      assert.isTrue(limiter.lane(now).rule.fresh(now))
      assert.strictEqual(limiter.lane(now).waiting, 0)
    })
  return { limiter, check }
}).pipe(Effect.orDie)

const retrying = Effect.map(counting, ({ budget, check }) => ({
  policy: Retry.make({ attempts: 3, schedule: RetrySchedule.constant({ delay: "100 millis" }), budget }),
  check
}))

const everything = Effect.gen(function* () {
  const { bulkhead, check } = yield* busy
  const retry = yield* retrying
  const throttle = yield* Throttle.make({ minimum: 0 })
  const breaker = yield* CircuitBreaker.make()
  const { check: turns, limiter: rateLimiter } = yield* spent
  const ejection = yield* OutlierEjection.make({ members: ["a", "b"] })
  return {
    members: {
      name: "all",
      deadline: "2 seconds",
      retry: retry.policy,
      throttle,
      breaker,
      rateLimiter,
      bulkhead,
      outlier: { ejection, member: "a" }
    },
    check: () => Effect.andThen(Effect.andThen(retry.check(), turns()), check())
  } as const
})

const effects: { readonly [name: string]: Effect.Effect<Case<Call>> } = {
  "Effect.retry with a schedule": Effect.succeed({
    apply: Effect.retry(RetrySchedule.upTo(RetrySchedule.constant({ delay: "100 millis" }), { attempts: 2 }))
  }),
  Retry: Effect.map(retrying, ({ check, policy }) => ({ apply: Retry.retry(policy), check })),
  "RetryBudget.spend": Effect.map(counting, ({ budget, check }) => ({ apply: RetryBudget.spend(budget), check })),
  CircuitBreaker: Effect.map(halfOpen, ({ breaker, check }) => ({
    apply: (call) => CircuitBreaker.protect(call, breaker),
    check
  })),
  Bulkhead: Effect.map(busy, ({ bulkhead, check }) => ({ apply: Bulkhead.protect(bulkhead), check })),
  AdaptiveLimit: Effect.map(busyLimit, ({ check, limit }) => ({ apply: AdaptiveLimit.protect(limit), check })),
  RateLimiter: Effect.map(spent, ({ check, limiter }) => ({ apply: RateLimiter.protect(limiter), check })),
  "Deadline.total": Effect.succeed({ apply: Deadline.total("100 millis") }),
  "Deadline.attempt": Effect.succeed({ apply: Deadline.attempt("1 second") }),
  Hedge: Effect.gen(function* () {
    const { budget, check } = yield* counting
    const hedge = yield* Hedge.make({ idempotent: true, when: "50 millis", maxHedges: 2, budget })
    return { apply: Hedge.hedged(hedge), check }
  }),
  "Hedge, parallel": Effect.map(Hedge.make({ idempotent: true, when: "parallel", maxHedges: 2 }), (hedge) => ({
    apply: Hedge.hedged(hedge)
  })),
  Throttle: Effect.map(Throttle.make(), (throttle) => ({ apply: Throttle.protect(throttle) })),
  Fallback: Effect.succeed({ apply: Fallback.effect(() => Effect.delay(Effect.succeed("less"), "100 millis")) }),
  OutlierEjection: Effect.map(OutlierEjection.make({ members: ["a", "b"], consecutive: 1 }), (ejection) => ({
    apply: OutlierEjection.observe(ejection, "a")
  })),
  Chaos: Effect.map(Chaos.make({ latency: { rate: 1, delay: "100 millis" } }), (chaos) => ({
    apply: (call) => Chaos.allow(Chaos.inject(call, chaos))
  })),
  PolicyHttp: Effect.map(
    PolicyHttp.make({ deadline: "2 seconds", retry: { schedule: RetrySchedule.constant({ delay: "100 millis" }) } }),
    (resilient) => ({
      apply: (call) => {
        const client = HttpClient.make((request) =>
          Effect.map(
            Effect.orElseSucceed(call, () => ""),
            () => HttpClientResponse.fromWeb(request, new Response("busy", { status: 503 }))
          )
        )
        return resilient(client).get("http://api.test/")
      }
    })
  ),
  "a Policy of them all": Effect.gen(function* () {
    const { check, members } = yield* everything
    const hedge = yield* Hedge.make({ idempotent: true, when: "80 millis" })
    const chaos = yield* Chaos.make({ latency: { rate: 1, delay: "10 millis" } })
    const policy = Policy.make({ ...members, hedge, chaos, attempt: "90 millis" })
    return { apply: (call) => Chaos.allow(Policy.apply(call, policy)), check }
  })
}

const streams: { readonly [name: string]: Effect.Effect<Case<Answer>> } = {
  "Retry.retryStream": Effect.map(retrying, ({ check, policy }) => ({
    apply: (answer) => Stream.runDrain(Retry.retryStream(answer, policy)),
    check
  })),
  "CircuitBreaker.protectStream": Effect.map(halfOpen, ({ breaker, check }) => ({
    apply: (answer) => Stream.runDrain(CircuitBreaker.protectStream(answer, breaker)),
    check
  })),
  "Bulkhead.protectStream": Effect.map(busy, ({ bulkhead, check }) => ({
    apply: (answer) => Stream.runDrain(Bulkhead.protectStream(answer, bulkhead)),
    check
  })),
  "AdaptiveLimit.protectStream": Effect.map(busyLimit, ({ check, limit }) => ({
    apply: (answer) => Stream.runDrain(AdaptiveLimit.protectStream(answer, limit)),
    check
  })),
  "RateLimiter.protectStream": Effect.map(spent, ({ check, limiter }) => ({
    apply: (answer) => Stream.runDrain(RateLimiter.protectStream(answer, limiter)),
    check
  })),
  "Throttle.protectStream": Effect.map(Throttle.make(), (throttle) => ({
    apply: (answer) => Stream.runDrain(Throttle.protectStream(answer, throttle))
  })),
  "Deadline.totalStream": Effect.succeed({
    apply: (answer) => Stream.runDrain(Deadline.totalStream(answer, "120 millis"))
  }),
  "Fallback.stream": Effect.succeed({
    apply: (answer) => Stream.runDrain(Fallback.stream(answer, () => Stream.make("less")))
  }),
  "OutlierEjection.observeStream": Effect.map(OutlierEjection.make({ members: ["a", "b"] }), (ejection) => ({
    apply: (answer) => Stream.runDrain(OutlierEjection.observeStream(answer, ejection, "a"))
  })),
  "Chaos.injectStream": Effect.map(
    Chaos.makeStream({ stall: { rate: 1, at: 0, delay: "100 millis" }, duplicate: { rate: 1, at: 0 } }),
    (chaos) => ({ apply: (answer) => Chaos.allow(Stream.runDrain(Chaos.injectStream(answer, chaos))) })
  ),
  "a Policy of them all": Effect.gen(function* () {
    const { check, members } = yield* everything
    const policy = Policy.make(members)
    return { apply: (answer) => Stream.runDrain(Policy.applyStream(answer, policy)), check }
  })
}

/** A scenario around what a policy guards, which must have ended when all is over. */
const scenario = <In>(make: Effect.Effect<Case<In>>, guarded: (use: Call) => In) =>
  Effect.gen(function* () {
    const { apply, check } = yield* make
    let open = 0
    const use = Effect.acquireUseRelease(
      Effect.sync(() => void open++),
      () => Effect.andThen(Effect.sleep("100 millis"), down),
      () => Effect.sync(() => void open--)
    )
    return {
      program: apply(guarded(use)),
      check: () =>
        Effect.andThen(
          Effect.sync(() => assert.strictEqual(open, 0)),
          check?.() ?? Effect.void
        )
    }
  })

const options = { tick: "50 millis", ticks: 100 } as const

describe("an effect interrupted anywhere", () => {
  for (const [name, make] of Object.entries(effects)) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const report = yield* interruptEverywhere(
          scenario(make, (use) => use),
          options
        )
        assert.isAbove(report.steps, 5)
        assert.isAbove(report.waits, 1)
      })
    )
  }
})

describe("a stream interrupted anywhere", () => {
  for (const [name, make] of Object.entries(streams)) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const report = yield* interruptEverywhere(
          scenario(make, (use) => Stream.fromEffect(use)),
          options
        )
        assert.isAbove(report.steps, 5)
        assert.isAbove(report.waits, 1)
      })
    )
  }
})
