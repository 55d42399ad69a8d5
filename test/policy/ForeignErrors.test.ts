/** P12: policies judge the errors of others as they judge ours. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Effect, Exit, Fiber, Schedule, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AiError } from "effect/ai"
import { HttpClient, HttpClientResponse } from "effect/http"
import { Blame, catchBlame, ForeignBlame } from "effect-resilience/errors"
import {
  AdaptiveLimit,
  CircuitBreaker,
  Fallback,
  Hedge,
  OutlierEjection,
  Policy,
  Retry,
  RetrySchedule,
  Throttle
} from "effect-resilience/policy"

/** A client whose server always says this. */
const answering = (status: number, headers: Record<string, string> = {}) =>
  HttpClient.make((request) =>
    Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status, headers })))
  ).pipe(HttpClient.filterStatusOk)

/** A call that counts itself. */
const counted = <A, E, R>(call: Effect.Effect<A, E, R>) => {
  const calls = { made: 0 }
  return [calls, Effect.suspend(() => (calls.made++, call))] as const
}

const atOnce = Retry.make({ attempts: 4, schedule: RetrySchedule.immediate })

describe("P12: Effect's HttpClient", () => {
  for (const [status, attempts] of [
    [400, 1],
    [401, 1],
    [404, 1],
    [422, 1],
    [408, 4],
    [429, 4],
    [500, 4],
    [503, 4]
  ] as const) {
    it.effect(`${status} is asked ${attempts === 1 ? "once" : "again"}`, () =>
      Effect.gen(function* () {
        const [calls, call] = counted(answering(status).get("http://service.test/"))
        const error = yield* Effect.flip(call.pipe(Retry.retry(atOnce)))
        assert.strictEqual(calls.made, attempts)
        assert.strictEqual(error.last.reason._tag, "StatusCodeError")
      })
    )
  }

  for (const [status, state] of [
    [401, "Closed"],
    [403, "Closed"],
    [404, "Closed"],
    [409, "Closed"],
    [500, "Open"],
    [503, "Open"]
  ] as const) {
    it.effect(`five of ${status} leave a breaker ${state}`, () =>
      Effect.gen(function* () {
        const breaker = yield* CircuitBreaker.make()
        const call = answering(status).get("http://service.test/").pipe(CircuitBreaker.protect(breaker))
        yield* Effect.replicateEffect(Effect.exit(call), 5)
        assert.strictEqual((yield* CircuitBreaker.state(breaker))._tag, state)
      })
    )
  }

  it.effect("a whole pipeline asks a 404 once and stays closed", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const policy = Policy.make({ retry: atOnce, breaker })
      const [calls, call] = counted(answering(404).get("http://service.test/"))
      yield* Effect.replicateEffect(Effect.exit(call.pipe(Policy.apply(policy))), 6)
      assert.strictEqual(calls.made, 6)
      assert.strictEqual((yield* CircuitBreaker.state(breaker))._tag, "Closed")
    })
  )

  it.effect("a Retry-After is waited for", () =>
    Effect.gen(function* () {
      const retry = Retry.make({ attempts: 2, schedule: RetrySchedule.honourRetryAfter(RetrySchedule.immediate) })
      const [calls, call] = counted(answering(429, { "retry-after": "5" }).get("http://service.test/"))
      const fiber = yield* Effect.forkChild(Effect.exit(call.pipe(Retry.retry(retry))))
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(calls.made, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(calls.made, 2)
      yield* Fiber.join(fiber)
    })
  )

  it.effect("a date is reckoned from the fiber's clock", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 10, 22, 6))
      const retry = Retry.make({ attempts: 2, schedule: RetrySchedule.honourRetryAfter(RetrySchedule.immediate) })
      const headers = { "retry-after": "Sun, 22 Nov 2026 06:00:03 GMT" }
      const [calls, call] = counted(answering(429, headers).get("http://service.test/"))
      const fiber = yield* Effect.forkChild(Effect.exit(call.pipe(Retry.retry(retry))))
      yield* TestClock.adjust("2999 millis")
      assert.strictEqual(calls.made, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(calls.made, 2)
      yield* Fiber.join(fiber)
    })
  )
})

it.effect("P12: an error that says isRetryable: false is asked once", () =>
  Effect.gen(function* () {
    const reason = new AiError.AuthenticationError({ kind: "InvalidKey", metadata: {} })
    const [calls, call] = counted(Effect.fail(AiError.make({ module: "M", method: "m", reason })))
    yield* Effect.exit(call.pipe(Retry.retry(atOnce)))
    yield* Effect.exit(call.pipe(Effect.retry(RetrySchedule.whileRecoverable(Schedule.recurs(3)))))
    assert.strictEqual(calls.made, 2)
  })
)

class Missing extends Data.TaggedError("Missing")<{}> {}

/** As an error that says itself whose fault it is, and as one that the program knows. */
class Annotated extends Data.TaggedError("Annotated")<{}> {
  readonly [Blame.of] = "caller"
}

const known = { blame: (error: unknown) => (error instanceof Missing ? ("caller" as const) : undefined) }

const ways: ReadonlyArray<readonly [string, Missing | Annotated]> = [
  ["an annotated error", new Annotated()],
  ["an error that the program knows", new Missing()]
]

for (const [name, error] of ways) {
  const failing = (suspends: boolean) =>
    counted(suspends ? Effect.andThen(Effect.yieldNow, Effect.fail(error)) : Effect.fail(error))
  const inProgram = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.provideService(self, ForeignBlame, known)

  describe(`P12: ${name} is judged by every policy`, () => {
    for (const suspends of [false, true]) {
      const when = suspends ? "after a wait" : "at once"

      it.effect(`Retry, ${when}`, () =>
        Effect.gen(function* () {
          const [calls, call] = failing(suspends)
          yield* Effect.exit(call.pipe(Retry.retry(atOnce), inProgram))
          assert.strictEqual(calls.made, 1)
        })
      )

      it.effect(`Retry of a stream, ${when}`, () =>
        Effect.gen(function* () {
          const [calls, call] = failing(suspends)
          yield* Effect.exit(Stream.fromEffect(call).pipe(Retry.retryStream(atOnce), Stream.runDrain, inProgram))
          assert.strictEqual(calls.made, 1)
        })
      )

      it.effect(`RetrySchedule, ${when}`, () =>
        Effect.gen(function* () {
          const [calls, call] = failing(suspends)
          const schedule = RetrySchedule.whileRecoverable(Schedule.recurs(3))
          yield* Effect.exit(call.pipe(Effect.retry(schedule), inProgram))
          assert.strictEqual(calls.made, 1)
        })
      )

      // A hedge judges a late attempt outside of its fiber, where there is no program to ask.
      if (!suspends || Blame.of in error)
        it.effect(`Hedge, ${when}`, () =>
          Effect.gen(function* () {
            const hedge = yield* Hedge.make({ idempotent: true, when: "sequential" })
            const [calls, call] = failing(suspends)
            yield* Effect.exit(call.pipe(Hedge.hedged(hedge), inProgram))
            assert.strictEqual(calls.made, 1)
          })
        )

      it.effect(`CircuitBreaker, ${when}`, () =>
        Effect.gen(function* () {
          const breaker = yield* CircuitBreaker.make()
          const [, call] = failing(suspends)
          yield* Effect.replicateEffect(Effect.exit(call.pipe(CircuitBreaker.protect(breaker), inProgram)), 5)
          assert.strictEqual((yield* CircuitBreaker.state(breaker))._tag, "Closed")
        })
      )

      it.effect(`CircuitBreaker around a stream, ${when}`, () =>
        Effect.gen(function* () {
          const breaker = yield* CircuitBreaker.make()
          const [, call] = failing(suspends)
          const stream = Stream.fromEffect(call).pipe(CircuitBreaker.protectStream(breaker), Stream.runDrain)
          yield* Effect.replicateEffect(Effect.exit(stream.pipe(inProgram)), 5)
          assert.strictEqual((yield* CircuitBreaker.state(breaker))._tag, "Closed")
        })
      )

      it.effect(`Throttle, ${when}`, () =>
        Effect.gen(function* () {
          const throttle = yield* Throttle.make()
          const [, call] = failing(suspends)
          yield* Effect.replicateEffect(Effect.exit(Throttle.protect(call, throttle).pipe(inProgram)), 5)
          assert.deepInclude(yield* Throttle.state(throttle), { requests: 5, accepts: 5 })
        })
      )

      it.effect(`AdaptiveLimit, ${when}`, () =>
        Effect.gen(function* () {
          const limit = yield* AdaptiveLimit.make({ rule: AdaptiveLimit.aimd() })
          const before = (yield* AdaptiveLimit.state(limit)).limit
          const [, call] = failing(suspends)
          yield* Effect.replicateEffect(Effect.exit(AdaptiveLimit.protect(call, limit).pipe(inProgram)), 5)
          assert.strictEqual((yield* AdaptiveLimit.state(limit)).limit, before)
        })
      )

      it.effect(`OutlierEjection, ${when}`, () =>
        Effect.gen(function* () {
          const pool = yield* OutlierEjection.make({ members: ["a", "b"], consecutive: 2 })
          const [, call] = failing(suspends)
          yield* Effect.replicateEffect(Effect.exit(OutlierEjection.observe(call, pool, "a").pipe(inProgram)), 5)
          assert.isFalse(yield* OutlierEjection.isEjected(pool, "a"))
        })
      )

      it.effect(`Fallback and catchBlame, ${when}`, () =>
        Effect.gen(function* () {
          const [, call] = failing(suspends)
          const fallback = call.pipe(
            Fallback.onBlame(["caller"], () => Effect.succeed("less")),
            inProgram
          )
          assert.deepStrictEqual(yield* Effect.exit(fallback), Exit.succeed("less"))
          const caught = call.pipe(
            catchBlame("caller", () => Effect.succeed("less")),
            inProgram
          )
          assert.deepStrictEqual(yield* Effect.exit(caught), Exit.succeed("less"))
        })
      )
    }
  })
}

it.effect("what a program says must not throw: it is a bug of the call that is judged", () =>
  Effect.gen(function* () {
    const thrower = {
      blame: () => {
        throw new Error("bug")
      }
    }
    const exit = yield* Effect.fail("down").pipe(
      Retry.retry(atOnce),
      Effect.provideService(ForeignBlame, thrower),
      Effect.exit
    )
    assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
  })
)
