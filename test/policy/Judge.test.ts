/** One filter: what counts as a failure is said in the same two words to every policy that counts, or once to a pipeline. */
import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Stream } from "effect"
import { DoRequestFailed, ModelNotFound } from "effect-resilience/errors"
import {
  AdaptiveLimit,
  CircuitBreaker,
  Hedge,
  type Judge,
  OutlierEjection,
  Policy,
  PolicyConfig,
  Retry,
  RetrySchedule,
  Throttle
} from "effect-resilience/policy"

class NotFound extends Data.TaggedError("NotFound") {}

const notFound = Effect.fail(new NotFound())
const down = Effect.fail(new DoRequestFailed({}))
const isFailure = (error: unknown) => !(error instanceof NotFound)
const isFailureValue = (value: unknown) => value === 503
const times = 5

const tagOf = (breaker: CircuitBreaker.CircuitBreaker) => Effect.map(CircuitBreaker.state(breaker), (view) => view._tag)

/** Each policy that counts, and whether it has counted a failure of the five calls. */
interface Counting {
  readonly members: Policy.EffectMembers & Policy.StreamMembers
  readonly counted: Effect.Effect<boolean>
  readonly protect: (self: Effect.Effect<number, unknown>, judge: Judge.Judge) => Effect.Effect<number, unknown>
}
const counting: { readonly [policy: string]: (judge: Judge.Judge) => Effect.Effect<Counting> } = {
  breaker: (judge) =>
    Effect.map(CircuitBreaker.make({ ...judge, window: CircuitBreaker.consecutive(times) }), (breaker) => ({
      members: { breaker },
      counted: Effect.map(tagOf(breaker), (tag) => tag === "Open"),
      protect: (self, call) => CircuitBreaker.protect(self, breaker, call)
    })),
  throttle: (judge) =>
    Effect.map(Throttle.make(judge), (throttle) => ({
      members: { throttle },
      counted: Effect.map(Throttle.state(throttle), ({ accepts }) => accepts === 0),
      protect: (self, call) => Throttle.protect(self, throttle, call)
    })),
  adaptiveLimit: (judge) =>
    Effect.map(AdaptiveLimit.make({ ...judge, rule: AdaptiveLimit.aimd({ initial: 100 }) }), (adaptiveLimit) => ({
      members: { adaptiveLimit },
      counted: Effect.map(AdaptiveLimit.state(adaptiveLimit), ({ limit }) => limit < 100),
      protect: (self, call) => AdaptiveLimit.protect(self, adaptiveLimit, call)
    })),
  outlier: (judge) =>
    Effect.map(OutlierEjection.make({ ...judge, members: ["a", "b"], consecutive: times }), (ejection) => ({
      members: { outlier: { ejection, member: "a" } },
      counted: OutlierEjection.isEjected(ejection, "a"),
      protect: (self, call) => OutlierEjection.observe(self, ejection, "a", call)
    }))
}

const fiveOf = (call: Effect.Effect<unknown, unknown>) => Effect.replicateEffect(Effect.exit(call), times)

for (const [name, make] of Object.entries(counting)) {
  describe(`one filter: ${name}`, () => {
    const cases: ReadonlyArray<readonly [string, Judge.Judge, Effect.Effect<number, unknown>, boolean]> = [
      ["counts every error of a program's own, by default", {}, notFound, true],
      ["an error that is said to be none does not count", { isFailure }, notFound, false],
      ["another does", { isFailure }, down, true],
      ["no result counts by default", {}, Effect.succeed(503), false],
      ["a result that is said to be a failure does", { isFailureValue }, Effect.succeed(503), true],
      ["another does not", { isFailureValue }, Effect.succeed(200), false]
    ]
    for (const [what, judge, call, expected] of cases) {
      it.effect(`when made: ${what}`, () =>
        Effect.gen(function* () {
          const { counted, protect } = yield* make(judge)
          yield* fiveOf(protect(call, {}))
          assert.strictEqual(yield* counted, expected)
        })
      )
      it.effect(`at the call: ${what}`, () =>
        Effect.gen(function* () {
          const { counted, protect } = yield* make({})
          yield* fiveOf(protect(call, judge))
          assert.strictEqual(yield* counted, expected)
        })
      )
      it.effect(`of the pipeline: ${what}`, () =>
        Effect.gen(function* () {
          const { counted, members } = yield* make({})
          yield* fiveOf(Policy.apply(call, Policy.make<Policy.EffectMembers>({ ...members, ...judge })))
          assert.strictEqual(yield* counted, expected)
        })
      )
    }

    it.effect("what the part was told itself goes before the pipeline, each word by itself", () =>
      Effect.gen(function* () {
        const own = yield* make({ isFailure: () => true })
        const told = Policy.make<Policy.EffectMembers>({ ...own.members, isFailure, isFailureValue })
        yield* fiveOf(Policy.apply(notFound, told))
        assert.isTrue(yield* own.counted)
        const other = yield* make({ isFailure: () => true })
        yield* fiveOf(
          Policy.apply(Effect.succeed(503), Policy.make<Policy.EffectMembers>({ ...other.members, isFailureValue }))
        )
        assert.isTrue(yield* other.counted)
      })
    )

    it.effect("the call goes before what the part was told", () =>
      Effect.gen(function* () {
        const { counted, protect } = yield* make({ isFailure: () => true })
        yield* fiveOf(protect(notFound, { isFailure }))
        assert.isFalse(yield* counted)
      })
    )

    it.effect("streams: by their errors", () =>
      Effect.gen(function* () {
        const deaf = yield* make({})
        const stream = Stream.fail(new NotFound())
        yield* fiveOf(Stream.runDrain(Policy.applyStream(stream, Policy.make<Policy.StreamMembers>(deaf.members))))
        assert.isTrue(yield* deaf.counted)
        const told = yield* make({})
        const policy = Policy.make<Policy.StreamMembers>({ ...told.members, isFailure })
        yield* fiveOf(Stream.runDrain(Policy.applyStream(stream, policy)))
        assert.isFalse(yield* told.counted)
      })
    )
  })
}

describe("one filter: what is no failure is not asked again", () => {
  const asked = (through: (call: Effect.Effect<number, NotFound>) => Effect.Effect<unknown, unknown>) =>
    Effect.gen(function* () {
      let calls = 0
      yield* Effect.exit(
        through(
          Effect.suspend(() => {
            calls++
            return notFound
          })
        )
      )
      return calls
    })
  const options = { attempts: 3, schedule: RetrySchedule.immediate }

  it.effect("by a retry", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* asked(Retry.retry(Retry.make(options))), 3)
      assert.strictEqual(yield* asked(Retry.retry(Retry.make({ ...options, isFailure }))), 1)
      assert.strictEqual(yield* asked(Policy.apply(Policy.make({ isFailure, retry: Retry.make(options) }))), 1)
      const told = Retry.make({ ...options, while: () => true })
      assert.strictEqual(yield* asked(Policy.apply(Policy.make({ isFailure, retry: told }))), 3)
      const own = Retry.make({ ...options, isFailure: () => true })
      assert.strictEqual(yield* asked(Policy.apply(Policy.make({ isFailure, retry: own }))), 3)
    })
  )

  it.effect("nor, where all are failures, what the same target will refuse again", () =>
    Effect.gen(function* () {
      let calls = 0
      const call = Effect.suspend(() => {
        calls++
        return Effect.fail(new ModelNotFound({}))
      })
      yield* Effect.exit(Policy.apply(call, Policy.make({ isFailure: () => true, retry: Retry.make(options) })))
      assert.strictEqual(calls, 1)
    })
  )

  it.effect("by a hedge", () =>
    Effect.gen(function* () {
      const when = "sequential"
      const hedge = yield* Hedge.make({ idempotent: true, when })
      assert.strictEqual(yield* asked(Hedge.hedged(hedge)), 2)
      assert.strictEqual(yield* asked(Hedge.hedged(hedge, { isFailure })), 1)
      assert.strictEqual(yield* asked(Policy.apply(Policy.make({ isFailure, hedge }))), 1)
      assert.strictEqual(yield* asked(Hedge.hedged(yield* Hedge.make({ idempotent: true, when, isFailure }))), 1)
      const told = yield* Hedge.make({ idempotent: true, when, isRetryable: () => true })
      assert.strictEqual(yield* asked(Policy.apply(Policy.make({ isFailure, hedge: told }))), 2)
    })
  )
})

describe("one filter: in configuration, a list of blames", () => {
  const load = (isFailure: ReadonlyArray<string>) =>
    PolicyConfig.load({ isFailure, breaker: { window: { type: "consecutive", failures: times } } })

  it.effect("counts these and no others", () =>
    Effect.gen(function* () {
      const policy = yield* load(["upstream", "timeout"])
      yield* fiveOf(Policy.apply(down, policy))
      yield* fiveOf(Policy.apply(notFound, policy))
      assert.strictEqual(yield* tagOf(policy.members.breaker!), "Closed")
      const other = yield* load(["upstream", "transport"])
      yield* fiveOf(Policy.apply(down, other))
      assert.strictEqual(yield* tagOf(other.members.breaker!), "Open")
    })
  )

  it.effect("a word that is no blame is refused with its path", () =>
    Effect.map(Effect.flip(load(["upstream", "network"])), (error) => assert.include(error.message, '["isFailure"][1]'))
  )

  it.effect("in a stream's pipeline too", () =>
    Effect.gen(function* () {
      const policy = yield* PolicyConfig.loadStream({
        isFailure: ["upstream"],
        breaker: { window: { type: "consecutive", failures: 1 } }
      })
      yield* Effect.exit(Stream.runDrain(Policy.applyStream(Stream.fail(new DoRequestFailed({})), policy)))
      assert.strictEqual(yield* tagOf(policy.members.breaker!), "Closed")
    })
  )
})
