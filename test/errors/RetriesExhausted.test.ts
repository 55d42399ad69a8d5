/** P13: what a retry fails with opens to its last error, and is found by that error's blame. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import {
  blameOf,
  catchBlame,
  describe as describeError,
  DoRequestFailed,
  isBlamedOn,
  lastOf,
  RetriesExhausted,
  Unauthorized,
  type UpstreamOverloaded
} from "effect-resilience/errors"
import { CircuitBreaker, Deadline, Fallback, Retry, RetrySchedule } from "effect-resilience/policy"

type Failure = DoRequestFailed | Unauthorized | UpstreamOverloaded

const retry = Retry.make({ attempts: 2, schedule: RetrySchedule.immediate })
const retried = (error: Failure) => Effect.fail<Failure>(error).pipe(Retry.retry(retry))

const unreachable = new DoRequestFailed({ message: "connection reset" })
const refused = new Unauthorized({})

describe("P13: after a retry", () => {
  it.effect("catchBlame goes by the last error", () =>
    Effect.gen(function* () {
      const caught = (error: Failure) =>
        retried(error).pipe(catchBlame("transport", (e) => Effect.succeed(e.last._tag)))
      assert.strictEqual(yield* caught(unreachable), "DoRequestFailed")
      const left = yield* Effect.flip(caught(refused))
      assert.instanceOf(left, RetriesExhausted)
      assert.strictEqual(left.last, refused)
    })
  )

  it.effect("Fallback.onBlame goes by the last error", () =>
    Effect.gen(function* () {
      const safe = (error: Failure) =>
        retried(error).pipe(Fallback.onBlame(["transport"], () => Effect.succeed("cached")))
      assert.strictEqual(yield* safe(unreachable), "cached")
      assert.strictEqual((yield* Effect.flip(safe(refused))).last, refused)
    })
  )

  it.effect("it is still found as exhausted", () =>
    Effect.gen(function* () {
      const caught = retried(refused).pipe(catchBlame("exhausted", (error) => Effect.succeed(error.attempts)))
      assert.strictEqual(yield* caught, 1)
    })
  )

  it.effect("a retry of a retry too", () =>
    Effect.gen(function* () {
      const twice = retried(unreachable).pipe(Retry.retry(Retry.make({ attempts: 1 })))
      assert.strictEqual(yield* twice.pipe(catchBlame("transport", () => Effect.succeed("caught"))), "caught")
    })
  )

  it("nobody counts or repeats it a second time: its own blame is exhausted", () => {
    const fields = { reason: "attempts", attempts: 2, elapsedMillis: 5, errors: [] } as const
    const error = new RetriesExhausted({ ...fields, last: unreachable })
    assert.strictEqual(blameOf(error), "exhausted")
    assert.isTrue(isBlamedOn(error, ["transport"]) && isBlamedOn(error, ["exhausted"]))
    assert.isFalse(isBlamedOn(error, ["caller", "upstream"]))
    assert.strictEqual(describeError(new RetriesExhausted({ ...fields, last: refused })).status, 401)
  })

  it.effect("Retry.unwrap gives the last error back, in a pipe and as a call", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Effect.flip(retried(unreachable).pipe(Retry.unwrap)), unreachable)
      assert.strictEqual(yield* Effect.flip(Retry.unwrap(retried(refused))), refused)
      assert.strictEqual(yield* Effect.flip(Retry.unwrap(Effect.fail("other"))), "other")
      assert.deepStrictEqual(yield* Effect.exit(Retry.unwrap(Effect.succeed(1))), Exit.succeed(1))
      const stream = Stream.fail(unreachable).pipe(Retry.retryStream(retry), Stream.mapError(lastOf), Stream.runDrain)
      assert.strictEqual(yield* Effect.flip(stream), unreachable)
    })
  )

  it.effect("its message ends in the last one's", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(retried(unreachable))
      assert.isTrue(error.message.endsWith("; the last: connection reset"), error.message)
      const sdk = Effect.tryPromise(() => Promise.reject(new Error("bad key")))
      const caught = yield* Effect.flip(Retry.retry(sdk, retry))
      assert.isTrue(caught.message.endsWith("An error occurred in Effect.tryPromise: bad key"), caught.message)
    })
  )

  it.effect("the two examples of the README work together", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const steady = Effect.fail<Failure>(unreachable).pipe(
        CircuitBreaker.protect(breaker),
        Retry.retry(retry),
        Deadline.total("5 seconds"),
        catchBlame("transport", () => Effect.succeed("cached"))
      )
      assert.strictEqual(yield* steady, "cached")
    })
  )
})
