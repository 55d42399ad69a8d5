import { assert, describe, it } from "@effect/vitest"
import { Cause, Exit } from "effect"
import { type Blame, blameOf, blames, type ByBlame, members, recoverableOf } from "effect-resilience/errors"
import * as errors from "effect-resilience/errors"
import { Failures } from "effect-resilience/policy"

/** What each blame means to a policy: does it count as the dependency's failure, and is it asked again? */
const table: ByBlame<readonly [failure: boolean, retryable: boolean]> = {
  caller: [false, false],
  content: [false, false],
  credential: [true, false],
  quota: [true, false],
  rate: [true, true],
  model: [true, false],
  channel: [true, false],
  upstream: [true, true],
  timeout: [true, true],
  transport: [true, true],
  rejected: [false, false],
  exhausted: [false, false],
  storage: [true, true],
  cancelled: [false, false],
  defect: [false, false]
}

/** An error of each blame. */
const samples: ByBlame<errors.ResilienceError> = {
  caller: new errors.InvalidRequest({}),
  content: new errors.PromptBlocked({}),
  credential: new errors.ChannelInvalidKey({}),
  quota: new errors.ChannelQuotaExhausted({}),
  rate: new errors.ChannelRateLimited({}),
  model: new errors.ModelNotFound({}),
  channel: new errors.ChannelModelMappedError({}),
  upstream: new errors.UpstreamOverloaded({}),
  timeout: new errors.ChannelResponseTimeExceeded({ phase: "attempt", limitMillis: 1, elapsedMillis: 1 }),
  transport: new errors.DoRequestFailed({}),
  rejected: new errors.CircuitOpen({}),
  exhausted: new errors.DeadlineExceeded({}),
  storage: new errors.QueryDataError({}),
  cancelled: new errors.ClientGone({}),
  defect: new errors.InternalError({})
}

describe("Failures: by blame", () => {
  for (const blame of blames) {
    it(blame, () => {
      const error = samples[blame]
      assert.strictEqual(blameOf(error), blame)
      assert.deepStrictEqual([Failures.isFailure(error), Failures.isRetryable(error)], table[blame])
    })
  }

  it("what is asked again is recoverable, for every blame", () => {
    for (const blame of blames) if (table[blame][1]) assert.isTrue(recoverableOf(blame), blame)
  })

  it("every class of the union is known without a look at its fields", () => {
    for (const member of members) {
      const bare = Object.create(member.prototype)
      assert.isDefined(Failures.blameOfUnknown(bare), member.identifier)
    }
  })

  it("a spent quota is asked again only if its reset is known", () => {
    assert.isTrue(Failures.isRetryable(new errors.ChannelQuotaExhausted({ retryAfterMillis: 5 })))
  })

  it("a rejection, if asked for", () => {
    const asked = Failures.orBlamedOn(Failures.isFailure, "rejected", "exhausted")
    assert.isTrue(asked(samples.rejected))
    assert.isTrue(asked(samples.exhausted))
    assert.isFalse(asked(samples.cancelled))
  })
})

describe("Failures: errors that we do not know", () => {
  class Own extends errors.DoRequestFailed {}
  const cases: ReadonlyArray<[string, unknown, Blame | undefined]> = [
    ["a string", "x", undefined],
    ["undefined", undefined, undefined],
    ["null", null, undefined],
    ["an Error", new Error("x"), undefined],
    ["a tag that is not ours", { _tag: "Other" }, undefined],
    ["a foreign error with a tag of ours", Object.assign(new Error("x"), { _tag: "NotFound" }), undefined],
    ["a tag of Object's own", { _tag: "constructor" }, undefined],
    ["an object without a prototype", Object.create(null), undefined],
    ["a subclass of ours", new Own({}), "transport"]
  ]
  for (const [name, error, blame] of cases) {
    it(name, () => {
      assert.strictEqual(Failures.blameOfUnknown(error), blame)
      assert.isTrue(Failures.isFailure(error))
      assert.isTrue(Failures.isRetryable(error))
    })
  }
})

describe("Failures: exits and hints", () => {
  it("only a typed error alone is a failure", () => {
    assert.isFalse(Failures.exitIsFailure(Exit.succeed(1)))
    assert.isTrue(Failures.exitIsFailure(Exit.fail("x")))
    assert.isFalse(Failures.exitIsFailure(Exit.die("bug")))
    assert.isFalse(Failures.exitIsFailure(Exit.interrupt(1)))
    assert.isFalse(Failures.exitIsFailure(Exit.failCause(Cause.combine(Cause.fail("x"), Cause.die("bug")))))
    assert.isFalse(Failures.exitIsFailure(Exit.failCause(Cause.combine(Cause.fail("x"), Cause.interrupt(1)))))
    assert.isFalse(Failures.exitIsFailure(Exit.fail(samples.rejected)))
  })

  it("a failure with undefined is one", () => {
    assert.deepStrictEqual(Failures.errorOf(Cause.fail(undefined))?.error, undefined)
    assert.isDefined(Failures.errorOf(Cause.fail(undefined)))
  })

  const hints: ReadonlyArray<[unknown, number | undefined]> = [
    [{ retryAfterMillis: 5 }, 5],
    [{ retryAfterMillis: 0 }, 0],
    [{ retryAfterMillis: -1 }, undefined],
    [{ retryAfterMillis: Number.NaN }, undefined],
    [{ retryAfterMillis: "5" }, undefined],
    [{}, undefined],
    ["5", undefined]
  ]
  for (const [error, expected] of hints) {
    it(`hint of ${JSON.stringify(error)}`, () => assert.strictEqual(Failures.retryAfterMillisOf(error), expected))
  }
})
