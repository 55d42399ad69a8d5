import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import {
  type Channel,
  type ChannelEvent,
  type Fact,
  keyId,
  type Outcome,
  type Picked,
  Registry,
  Selection
} from "#src/channel/index"
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
  /** Some of the channels, some of them switched off, with other keys, or at another place. */
  | { readonly _tag: "Replace"; readonly channels: ReadonlyArray<Channel> }
  | { readonly _tag: "Learn"; readonly fact: Fact }

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
const runs = (effect: Effect.Effect<void, unknown, Selection | Registry>, tell?: (event: ChannelEvent) => void) =>
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
      else if (step._tag === "Replace") (yield* Registry).replace(step.channels)
      else if (step._tag === "Learn") selection.learn(step.fact)
      else if (step._tag === "Release") held.splice(step.which % (held.length + 1), 1)[0]?.release(step.outcome)
      else {
        const picked = yield* Effect.option(selection.pick(wanted({ model: step.model, only: step.only })))
        if (picked._tag === "Some") held.push(picked.value)
      }
    }
    return held
  })

const changedChannel = (channel: Channel): fc.Arbitrary<Channel> =>
  fc
    .record({ enabled: fc.boolean(), moved: fc.boolean(), turned: fc.boolean(), params: fc.constantFrom({}, { n: 1 }) })
    .map(({ enabled, moved, params, turned }) => ({
      ...channel,
      enabled,
      params,
      baseUrl: moved ? "https://elsewhere.test/v1" : channel.baseUrl,
      keys: turned ? channel.keys.toReversed().slice(0, 2) : channel.keys
    }))
const someChannels = fc.tuple(...channels.map(changedChannel)).chain((all) => fc.subarray(all))
const fact: fc.Arbitrary<Fact> = fc
  .record({ channel: fc.constantFrom("a", "b", "c", "x"), key: fc.nat(2) })
  .chain((at) =>
    fc.oneof(
      fc
        .record({ until: fc.nat(7_200_000), model: fc.constantFrom("m", undefined) })
        .map((hint): Fact => ({ _tag: "Hinted", ...at, ...hint })),
      fc.nat(100_000).map((until): Fact => ({ _tag: "Disabled", ...at, disabler: { by: "evidence", until } })),
      fc.constantFrom<Fact>(
        { _tag: "Disabled", ...at, disabler: { by: "hand" } },
        { _tag: "Disabled", channel: at.channel, key: undefined, disabler: { by: "hand" } },
        { _tag: "Enabled", ...at, by: "evidence" },
        { _tag: "Enabled", channel: at.channel, key: undefined, by: "hand" }
      )
    )
  )
const manySteps: fc.Arbitrary<ReadonlyArray<Step>> = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: steps },
      {
        weight: 2,
        arbitrary: someChannels.map((channels): ReadonlyArray<Step> => [{ _tag: "Replace", channels }])
      },
      { weight: 2, arbitrary: fact.map((fact): ReadonlyArray<Step> => [{ _tag: "Learn", fact }]) }
    ),
    { maxLength: 8 }
  )
  .map((parts) => parts.flat())

describe("channels that are replaced, and facts that are learned, at any time", () => {
  it("nobody gets what is gone or off by hand; one that is on can be had; what is told adds up", () => {
    const told = new Map<string, string>()
    const tell = (event: ChannelEvent): void => {
      switch (event._tag) {
        case "ChannelAdded":
          assert.isFalse(told.has(event.channel))
          return void told.set(event.channel, "enabled")
        case "ChannelRemoved":
          return void assert.isTrue(told.delete(event.channel))
        case "ChannelChanged":
          assert.strictEqual(told.get(event.channel), event.from)
          assert.notStrictEqual(event.from, event.to)
          return void told.set(event.channel, event.to)
        case "FactFound":
          return void assert.isAbove(channels.filter(({ id }) => id === event.fact.channel).length, 0)
      }
    }
    return fc.assert(
      fc.asyncProperty(manySteps, (steps) => {
        told.clear()
        return runs(
          Effect.gen(function* () {
            const selection = yield* Selection
            const registry = yield* Registry
            for (const picked of yield* run(steps)) picked.release({ _tag: "Ignored" })
            const now = yield* selection.states
            assert.deepStrictEqual(
              Object.fromEntries(now.map(({ channel, state }) => [channel, state])),
              Object.fromEntries(told)
            )
            const could = selection.usable(wanted())
            const picked = yield* Effect.result(selection.pick(wanted()))
            assert.strictEqual(could, picked._tag === "Success")
            if (picked._tag === "Success") {
              const { target } = picked.success
              assert.include(registry.channels(), target.channel)
              assert.isTrue(target.channel.enabled)
              assert.strictEqual(target.key, target.channel.keys[target.keyIndex])
              return
            }
            const { _tag } = picked.failure
            if (registry.channels().length === 0) assert.strictEqual(_tag, "ModelNotFound")
            else assert.strictEqual(_tag, "ChannelNoAvailableKey", "penalties alone never empty the pool")
          }),
          tell
        )
      })
    )
  })
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

describe("channels of several groups", () => {
  const groups = ["gold", "default", "silver"]
  const grouped = groups.flatMap((group) => [
    channel(`${group}-a`, { group, models: ["*"], priority: 1, keyCount: 2 }),
    channel(`${group}-b`, { group, models: ["m"], keyCount: 2, keyMode: "random" }),
    channel(`${group}-c`, { group, models: ["*"] })
  ])
  type Asked =
    | { readonly _tag: "Ask"; readonly group: string; readonly model: string; readonly only: string | undefined }
    | { readonly _tag: "Release"; readonly group: string; readonly which: number; readonly outcome: Outcome }
    | { readonly _tag: "Wait"; readonly millis: number }
  const group = fc.constantFrom(...groups)
  const asked: fc.Arbitrary<ReadonlyArray<Asked>> = fc.array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          _tag: fc.constant("Ask" as const),
          group,
          model,
          only: fc.constantFrom("a", "b", undefined)
        })
      },
      { weight: 5, arbitrary: fc.record({ _tag: fc.constant("Release" as const), group, which: fc.nat(20), outcome }) },
      { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Wait" as const), millis: fc.nat(20_000) }) }
    ),
    { maxLength: 60 }
  )

  /** What each group is told, step by step, where its selection has these channels. Chance is the step's own. */
  const toldOf = (steps: ReadonlyArray<Asked>, groupsThere: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const selection = yield* Selection
      const held = new Map(groups.map((name) => [name, [] as Array<Picked>]))
      const told: Array<string> = []
      for (const [index, step] of steps.entries()) {
        if (step._tag === "Wait") {
          yield* TestClock.adjust(step.millis)
          continue
        }
        if (!groupsThere.includes(step.group)) continue
        const mine = held.get(step.group)!
        if (step._tag === "Release") {
          mine.splice(step.which % (mine.length + 1), 1)[0]?.release(step.outcome)
          continue
        }
        const one = wanted({
          group: step.group,
          model: step.model,
          only: step.only && `${step.group}-${step.only}`
        })
        const could = selection.usable(one)
        const fresh = selection.fresh(one)
        const seeded = Random.withSeed(`step ${index}`)
        const peeked = yield* Effect.result(seeded(selection.peek(one)))
        const picked = yield* Effect.result(seeded(selection.pick(one)))
        if (picked._tag === "Success") mine.push(picked.success)
        const shown = (result: typeof peeked | typeof picked): string => {
          if (result._tag === "Failure") return JSON.stringify(result.failure)
          const { channel, keyIndex } = "target" in result.success ? result.success.target : result.success
          assert.strictEqual(channel.group, step.group)
          return `${channel.id}#${keyIndex}`
        }
        told.push(`${step.group} ${could} ${fresh} ${shown(peeked)} ${shown(picked)}`)
      }
      for (const name of groupsThere) {
        told.push(`${name} ${selection.models(name).join()} ${selection.serves("n", name)}`)
      }
      return told
    }).pipe(
      Effect.provide(selectionOver(grouped.filter((one) => groupsThere.includes(one.group)))),
      Effect.provide(TestClock.layer())
    )

  it("where nothing is usable in any, one request of each group is let through", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const selection = yield* Selection
        for (const group of groups) {
          for (let time = 0; time < 8; time++) {
            const picked = yield* Effect.option(selection.pick(wanted({ group })))
            if (picked._tag === "Some") {
              picked.value.release({ _tag: "Failure", error: new ChannelInvalidKey({}), penalise: true })
            }
          }
        }
        for (const group of groups) {
          assert.strictEqual((yield* selection.pick(wanted({ group }))).target.channel.group, group)
          assert.isFalse(selection.usable(wanted({ group })))
        }
      }).pipe(Effect.provide(selectionOver(grouped)), Effect.provide(TestClock.layer()))
    ))

  it("each group is as if there were no other, whatever is asked of the others and fails there", () =>
    fc.assert(
      fc.asyncProperty(asked, (steps) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const together = yield* toldOf(steps, groups)
            for (const name of groups) {
              assert.deepStrictEqual(
                together.filter((line) => line.startsWith(`${name} `)),
                yield* toldOf(steps, [name])
              )
            }
          })
        )
      )
    ))
})
