import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { type ChannelEvent, keyId, type Outcome, type Picked, Selection } from "#src/channel/index"
import {
  BadResponse,
  ChannelInvalidKey,
  ChannelParamOverrideInvalid,
  ChannelQuotaExhausted,
  ChannelRateLimited,
  ChannelResponseTimeExceeded,
  ClientGone,
  DeadlineExceeded,
  DoRequestFailed,
  InternalError,
  InvalidRequest,
  ModelNotFound,
  PromptBlocked,
  QueryDataError,
  type ResilienceError
} from "effect-resilience/errors"
import * as fc from "fast-check"
import { channel, onChange, selectionOver, tried, wanted } from "./kit/channels.ts"

const hint = fc.option(fc.integer({ min: 0, max: 7_200_000 }), { nil: undefined })
const hinted = (make: (fields: { readonly retryAfterMillis?: number }) => ResilienceError) =>
  hint.map((millis) => make(millis === undefined ? {} : { retryAfterMillis: millis }))

const penal: fc.Arbitrary<ResilienceError> = fc.oneof(
  hinted((fields) => new ChannelRateLimited(fields)),
  hinted((fields) => new ChannelQuotaExhausted(fields)),
  hinted((fields) => new BadResponse(fields)),
  fc.constantFrom(
    new ChannelInvalidKey({}),
    new ChannelParamOverrideInvalid({}),
    new ModelNotFound({}),
    new DoRequestFailed({}),
    new ChannelResponseTimeExceeded({ phase: "idle", limitMillis: 1, elapsedMillis: 1 })
  )
)

const innocent: fc.Arbitrary<ResilienceError> = fc.constantFrom(
  new InvalidRequest({ retryAfterMillis: 60_000 }),
  new PromptBlocked({}),
  new DeadlineExceeded({}),
  new QueryDataError({}),
  new ClientGone({}),
  new InternalError({})
)

const failure = (errors: fc.Arbitrary<ResilienceError>): fc.Arbitrary<Outcome> =>
  errors.map((error) => ({ _tag: "Failure", error, penalise: true }))

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  { weight: 6, arbitrary: failure(penal) },
  { weight: 1, arbitrary: failure(innocent) },
  { weight: 1, arbitrary: fc.constantFrom<Outcome>({ _tag: "Success" }, { _tag: "Ignored" }) }
)

type Step =
  | { readonly _tag: "Pick"; readonly only: string | undefined; readonly model: string }
  | { readonly _tag: "Release"; readonly which: number; readonly outcome: Outcome }
  | { readonly _tag: "Wait"; readonly millis: number }

const model = fc.constantFrom("m", "n")
const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        _tag: fc.constant("Pick" as const),
        only: fc.constantFrom("a", "b", "c", undefined),
        model
      })
    },
    { weight: 5, arbitrary: fc.record({ _tag: fc.constant("Release" as const), which: fc.nat(20), outcome }) },
    { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Wait" as const), millis: fc.nat(20_000) }) }
  ),
  { maxLength: 60 }
)

const channels = [
  channel("a", { models: ["*"], priority: 1, keyCount: 2 }),
  channel("b", { models: ["*"], keyCount: 1 }),
  channel("c", { models: ["m"], keyCount: 3, keyMode: "random", weight: 0 })
]
/** Runs an effect with a clock and a chance of its own, over the channels. */
const runs = (effect: Effect.Effect<void, unknown, Selection>, tell?: (event: ChannelEvent) => void) =>
  Effect.runPromise(
    effect.pipe(
      Effect.provide(selectionOver(channels, tell)),
      Random.withSeed("properties"),
      Effect.provide(TestClock.layer())
    )
  )

/** Does the steps; gives what is still out. */
const run = (steps: ReadonlyArray<Step>) =>
  Effect.gen(function* () {
    const selection = yield* Selection
    const held: Array<Picked> = []
    for (const step of steps) {
      if (step._tag === "Wait") yield* TestClock.adjust(step.millis)
      else if (step._tag === "Release") held.splice(step.which % (held.length + 1), 1)[0]?.release(step.outcome)
      else {
        const picked = yield* Effect.option(selection.pick(wanted({ model: step.model, only: step.only })))
        if (picked._tag === "Some") held.push(picked.value)
      }
    }
    return held
  })

describe("whatever happened before", () => {
  it("a fresh request gets a target: penalties never empty the pool", () =>
    fc.assert(
      fc.asyncProperty(steps, (steps) =>
        runs(
          Effect.gen(function* () {
            for (const picked of yield* run(steps)) picked.release({ _tag: "Ignored" })
            const selection = yield* Selection
            for (const model of ["m", "n"]) {
              const picked = yield* selection.pick(wanted({ model }))
              picked.release({ _tag: "Ignored" })
            }
          })
        )
      )
    ))

  it("with nothing usable, one request at a time is let through", () =>
    fc.assert(
      fc.asyncProperty(steps, (steps) =>
        runs(
          Effect.gen(function* () {
            const selection = yield* Selection
            yield* run(steps)
            const rest: Outcome = {
              _tag: "Failure",
              error: new ChannelRateLimited({ retryAfterMillis: 3_600_000 }),
              penalise: true
            }
            for (const { id } of channels) {
              for (;;) {
                const picked = yield* Effect.option(selection.pick(wanted({ only: id })))
                if (picked._tag === "None") break
                picked.value.release(rest)
              }
            }
            const many = yield* Effect.replicateEffect(Effect.option(selection.pick(wanted())), 10)
            assert.isAtMost(many.filter(({ _tag }) => _tag === "Some").length, 1)
          })
        )
      )
    ))

  it("nobody gets what is out, a key that was tried where another is asked for, or a channel without the model", () =>
    fc.assert(
      fc.asyncProperty(
        steps,
        fc.subarray(["a", "b", "c"]),
        fc.subarray(["a#0", "a#1", "b#0", "c#0", "c#1", "c#2"]),
        model,
        fc.boolean(),
        (steps, out, keys, model, otherKey) =>
          runs(
            Effect.gen(function* () {
              const selection = yield* Selection
              yield* run(steps)
              const picked = yield* Effect.option(
                selection.pick(wanted({ model, otherKey, tried: tried({ out, failed: ["a"], keys }) }))
              )
              if (picked._tag === "None") return
              const { channel, keyIndex } = picked.value.target
              assert.notInclude(out, channel.id)
              if (otherKey) assert.notInclude(keys, keyId(channel.id, keyIndex))
              if (model === "n") assert.notStrictEqual(channel.id, "c")
            })
          )
      )
    ))

  it("what is told of a channel's state adds up to its state", () =>
    fc.assert(
      fc.asyncProperty(steps, (steps) => {
        const states: Record<string, string> = { a: "enabled", b: "enabled", c: "enabled" }
        return runs(
          Effect.gen(function* () {
            for (const picked of yield* run(steps)) picked.release({ _tag: "Success" })
            const now = yield* Selection.use((selection) => selection.states)
            assert.deepStrictEqual(Object.fromEntries(now.map(({ channel, state }) => [channel, state])), states)
          }),
          onChange((id, from, to, blame) => {
            assert.strictEqual(states[id], from)
            assert.notStrictEqual(from, to)
            if (from === "enabled") assert.isDefined(blame)
            if (to === "enabled") assert.isUndefined(blame)
            states[id] = to
          })
        )
      })
    ))
})

describe("faults that are not the target's", () => {
  it("penalise nobody", () =>
    fc.assert(
      fc.asyncProperty(fc.array(failure(innocent), { maxLength: 60 }), (outcomes) =>
        runs(
          Effect.gen(function* () {
            const selection = yield* Selection
            for (const outcome of outcomes) {
              const picked = yield* selection.pick(wanted({ only: "b" }))
              picked.release(outcome)
            }
            yield* selection.pick(wanted({ only: "b" }))
          }),
          onChange(() => assert.fail("a state changed"))
        )
      )
    ))
})
