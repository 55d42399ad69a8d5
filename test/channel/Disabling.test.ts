/**
 * Keys and channels that evidence switches off, and that come back.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import {
  BadResponse,
  ChannelInvalidKey,
  ChannelParamOverrideInvalid,
  ChannelQuotaExhausted,
  DoRequestFailed,
  InvalidRequest,
  ModelNotFound,
  type ResilienceError
} from "effect-resilience/errors"
import {
  BreakerSection,
  type Channel,
  type ChannelEvent,
  DisableSection,
  makeWitness,
  type Picked,
  Registry,
  Selection,
  type Wanted,
  type Witness
} from "#src/channel/index"
import { Settings, settingsFile } from "#src/settings/index"
import { channel, wanted } from "./kit/channels.ts"

const over = (channels: ReadonlyArray<Channel>, disable: object = {}, tell: (event: ChannelEvent) => void = () => {}) =>
  Effect.provide(
    Selection.layer({ tell }).pipe(
      Layer.provideMerge(Registry.layerOf(channels)),
      Layer.provideMerge(
        Layer.orDie(Settings.layer(settingsFile({ sections: [BreakerSection, DisableSection] }), { disable }))
      )
    )
  )

const pick = (options: Partial<Wanted> = {}) => Selection.use((selection) => selection.pick(wanted(options)))
const idOf = (picked: Picked) => `${picked.target.channel.id}#${picked.target.keyIndex}`
const fail = (picked: Pick<Picked, "release">, error: ResilienceError, witness: Witness = makeWitness()) =>
  picked.release({
    _tag: "Failure",
    error,
    penalise: true,
    testimony: { _tag: "Answer", byStatus: true, sent: "{}", witness }
  })
const dead = () => new ChannelInvalidKey({ upstream: { status: 401 } })
/** So many requests are refused by one key, each half a minute after the other. */
const refused = (times: number, key: number, error: () => ResilienceError = dead) =>
  Effect.replicateEffect(
    Effect.gen(function* () {
      fail(yield* pick({ suits: ({ keyIndex }) => keyIndex === key }), error())
      yield* TestClock.adjust("30 seconds")
    }),
    times
  )
const detail = (id: string) =>
  Selection.use((selection) => Effect.sync(() => selection.details().find(({ channel }) => channel.id === id)!))
const keysOf = (id: string) => Effect.map(detail(id), ({ keys }) => keys.map(({ state }) => state))

describe("a key", () => {
  it.effect("is cooling after one refusal, and off for all models after the second", () =>
    Effect.gen(function* () {
      yield* refused(1, 0)
      assert.deepStrictEqual(yield* keysOf("a"), ["cooling", "enabled"])
      yield* refused(1, 0)
      const { keys, state } = yield* detail("a")
      assert.strictEqual(state, "enabled")
      const { index, until, reason, evidence, state: first, effective } = keys[0]!
      assert.deepStrictEqual(
        { index, until, reason, evidence, first, effective },
        {
          index: 0,
          until: 330_000,
          reason: "channel:invalid_key",
          evidence: "status 401 (2)",
          first: "disabled",
          effective: "disabled"
        }
      )
      for (const model of ["m", "other"]) assert.strictEqual(idOf(yield* pick({ model })), "a#1")
      yield* TestClock.adjust("4 minutes")
      assert.strictEqual(idOf(yield* pick()), "a#1", "its cooling would be over by now")
    }).pipe(over([channel("a", { keyCount: 2, models: ["*"] })]))
  )

  it.effect("comes back by one request when its time is over, and is told", () => {
    const told: Array<string> = []
    return Effect.gen(function* () {
      yield* refused(2, 0)
      yield* TestClock.adjust("270 seconds")
      const trial = yield* pick()
      assert.strictEqual(idOf(trial), "a#0")
      assert.strictEqual((yield* Effect.flip(pick()))._tag, "GetChannelFailed", "one at a time")
      trial.release({ _tag: "Success" })
      assert.deepStrictEqual(yield* keysOf("a"), ["enabled"])
      yield* pick()
      yield* pick()
      assert.deepStrictEqual(told, [
        "a enabled -> cooling",
        "Disabled 0 330000 channel:invalid_key",
        "a cooling -> disabled channel:invalid_key status 401 (2) 330000",
        "Enabled 0 evidence",
        "a disabled -> enabled"
      ])
    }).pipe(
      over([channel("a")], {}, (event) => {
        if (event._tag === "ChannelChanged") {
          const { channel, evidence, from, reason, to, until } = event
          const why = reason === undefined ? "" : ` ${reason} ${evidence} ${until}`
          told.push(`${channel} ${from} -> ${to}${why}`)
        } else if (event._tag === "FactFound") {
          const { fact } = event
          if (fact._tag === "Enabled") told.push(`Enabled ${fact.key} ${fact.by}`)
          else if (fact._tag === "Disabled" && fact.disabler.by === "evidence") {
            told.push(`Disabled ${fact.key} ${fact.disabler.until} ${fact.disabler.reason}`)
          }
        }
      })
    )
  })

  it.effect("that is still refused rests for twice as long; what is not about it says nothing", () =>
    Effect.gen(function* () {
      yield* refused(2, 0)
      yield* TestClock.adjust("270 seconds")
      for (const error of [new DoRequestFailed({}), new ModelNotFound({}), new InvalidRequest({})]) {
        const trial = yield* pick({ model: `x${error._tag}` })
        fail(trial, error)
        assert.strictEqual((yield* detail("a")).keys[0]!.until, 330_000, error._tag)
      }
      fail(yield* pick(), dead())
      assert.strictEqual((yield* detail("a")).keys[0]!.until, 330_000 + 600_000)
    }).pipe(over([channel("a", { models: ["*"] })]))
  )

  it.effect("has its trial when that is due, whatever else was under way on it", () =>
    Effect.gen(function* () {
      const underWay = yield* Effect.replicateEffect(pick({ only: "a" }), 3)
      for (const picked of underWay) fail(picked, dead())
      assert.strictEqual((yield* detail("a")).keys[0]!.until, 3_000)
      yield* TestClock.adjust("3 seconds")
      const trial = yield* pick()
      assert.strictEqual(idOf(trial), "a#0")
      trial.release({ _tag: "Success" })
      assert.deepStrictEqual(yield* keysOf("a"), ["enabled"])
    }).pipe(over([channel("a", { priority: 1 }), channel("b")], { trial: "3 seconds" }))
  )

  it.effect("that is known to be off from elsewhere cools no longer than that", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      yield* refused(1, 0)
      fail(yield* pick(), dead())
      selection.learn({ _tag: "Disabled", channel: "a", key: 0, disabler: { by: "evidence", until: 31_000 } })
      assert.strictEqual(idOf(yield* pick()), "b#0")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(idOf(yield* pick()), "a#0")
    }).pipe(over([channel("a", { priority: 1 }), channel("b")], { after: 3 }))
  )

  it.effect("stays off beside others that take its place, and keeps off through a change of the channel", () =>
    Effect.gen(function* () {
      yield* refused(2, 0)
      const registry = yield* Registry
      registry.replace([channel("a", { keys: ["a-key-1", "new", "a-key-0"].map((key) => Redacted.make(key)) })])
      assert.deepStrictEqual(yield* keysOf("a"), ["enabled", "enabled", "disabled"])
    }).pipe(over([channel("a", { keyCount: 2 })]))
  )
})

describe("what does not switch off", () => {
  it.effect("17: one request, whatever it is refused by: it is heard once", () =>
    Effect.gen(function* () {
      const witness = makeWitness()
      for (const id of ["a", "b", "c", "d"]) fail(yield* pick({ only: id }), dead(), witness)
      const states = yield* Effect.forEach(["a", "b", "c", "d"], keysOf)
      assert.deepStrictEqual(states.flat(), ["disabled", "cooling", "cooling", "cooling"])
    }).pipe(
      over(
        ["a", "b", "c", "d"].map((id) => channel(id)),
        { after: 1 }
      )
    )
  )

  it.effect("17: an unknown 403 that fails over through all keys, again and again", () =>
    Effect.gen(function* () {
      for (let request = 0; request < 20; request++) {
        const witness = makeWitness()
        for (const id of ["a", "b", "c"]) {
          const picked = yield* Effect.option(pick({ only: id }))
          if (picked._tag === "Some") fail(picked.value, new ChannelInvalidKey({ upstream: { status: 403 } }), witness)
        }
        yield* TestClock.adjust("10 minutes")
      }
      for (const id of ["a", "b", "c"]) assert.notInclude(yield* keysOf(id), "disabled")
    }).pipe(over(["a", "b", "c"].map((id) => channel(id))))
  )

  it.effect("16: one refusal, or two that are far apart", () =>
    Effect.gen(function* () {
      yield* refused(1, 0)
      yield* TestClock.adjust("10 minutes")
      yield* refused(1, 0)
      assert.deepStrictEqual(yield* keysOf("a"), ["cooling"])
    }).pipe(over([channel("a")]))
  )

  it.effect("a success does not forgive evidence, and evidence of one key is not another's", () =>
    Effect.gen(function* () {
      yield* refused(1, 0)
      yield* refused(1, 1)
      const picked = yield* pick({ suits: ({ keyIndex }) => keyIndex === 0 })
      picked.release({ _tag: "Success" })
      assert.deepStrictEqual(yield* keysOf("a"), ["enabled", "cooling"])
      yield* refused(1, 0)
      assert.deepStrictEqual(yield* keysOf("a"), ["disabled", "cooling"])
    }).pipe(over([channel("a", { keyCount: 2 })]))
  )

  it.effect("an outage, a caller, or a lacking model", () =>
    Effect.gen(function* () {
      for (const error of [
        new BadResponse({}),
        new DoRequestFailed({}),
        new InvalidRequest({}),
        new ModelNotFound({})
      ]) {
        for (let times = 0; times < 20; times++) {
          const picked = yield* Effect.option(pick())
          if (picked._tag === "Some") fail(picked.value, error)
          yield* TestClock.adjust("20 seconds")
        }
        assert.notInclude(yield* keysOf("a"), "disabled", error._tag)
      }
    }).pipe(over([channel("a")]))
  )

  it.effect("what says disable: false; and nothing where disable.enabled is false", () =>
    Effect.gen(function* () {
      yield* refused(6, 0)
      assert.deepStrictEqual(yield* keysOf("a"), ["cooling"])
    }).pipe(over([channel("a", { disable: false })]))
  )

  it.effect("anything, where disable.enabled is false", () =>
    Effect.gen(function* () {
      yield* refused(6, 0)
      assert.deepStrictEqual(yield* keysOf("a"), ["cooling"])
    }).pipe(over([channel("a")], { enabled: false }))
  )
})

describe("a channel", () => {
  it.effect("is off at once by its own fault, and comes back as a key does", () =>
    Effect.gen(function* () {
      fail(yield* pick(), new ChannelParamOverrideInvalid({}))
      const { evidence, keys, reason, state, until } = yield* detail("a")
      assert.deepStrictEqual(
        { evidence, reason, state, until },
        { evidence: "class channel", reason: "channel:param_override_invalid", state: "disabled", until: 300_000 }
      )
      assert.deepStrictEqual(
        keys.map(({ effective, state }) => [state, effective]),
        [["enabled", "disabled"]]
      )
      assert.strictEqual(idOf(yield* pick()), "b#0")
      yield* TestClock.adjust("5 minutes")
      ;(yield* pick({ only: "a" })).release({ _tag: "Success" })
      assert.strictEqual((yield* detail("a")).state, "enabled")
    }).pipe(over([channel("a", { priority: 1 }), channel("b")]))
  )

  it.effect("has its trial when that is due, whatever else was under way on it", () =>
    Effect.gen(function* () {
      const underWay = yield* Effect.replicateEffect(pick({ only: "a" }), 3)
      for (const picked of underWay) fail(picked, new ChannelParamOverrideInvalid({}))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(idOf(yield* pick()), "a#0")
    }).pipe(over([channel("a", { priority: 1 }), channel("b")], { trial: "3 seconds" }))
  )

  it.effect("is off when all of its keys are, until one of them is well", () =>
    Effect.gen(function* () {
      yield* refused(2, 0)
      assert.strictEqual((yield* detail("a")).state, "enabled")
      yield* refused(2, 1)
      const { reason, state, until } = yield* detail("a")
      assert.deepStrictEqual({ reason, state, until }, { reason: "no_key_left", state: "disabled", until: 330_000 })
      yield* TestClock.adjust("210 seconds")
      const trial = yield* pick()
      assert.strictEqual(idOf(trial), "a#0")
      trial.release({ _tag: "Success" })
      assert.strictEqual((yield* detail("a")).state, "enabled")
      assert.deepStrictEqual(yield* keysOf("a"), ["enabled", "disabled"])
    }).pipe(over([channel("a", { keyCount: 2 })]))
  )

  it.effect("without keys is its own key", () =>
    Effect.gen(function* () {
      yield* refused(2, -1)
      const { evidence, state } = yield* detail("a")
      assert.deepStrictEqual({ evidence, state }, { evidence: "status 401 (2)", state: "disabled" })
    }).pipe(over([channel("a", { keys: [] })]))
  )
})

describe("when nothing usable is left", () => {
  it.effect("the one that is due first is asked all the same, one request at a time, and may come back by that", () =>
    Effect.gen(function* () {
      yield* refused(2, 0)
      yield* refused(2, 1)
      const asked = yield* pick()
      assert.strictEqual(idOf(asked), "a#0")
      assert.strictEqual((yield* Effect.flip(pick()))._tag, "GetChannelFailed")
      fail(asked, dead())
      const { keys } = yield* detail("a")
      assert.deepStrictEqual(
        keys.map(({ until }) => until),
        [330_000, 390_000],
        "a refusal before its time says nothing new"
      )
      ;(yield* pick()).release({ _tag: "Success" })
      assert.deepStrictEqual(yield* keysOf("a"), ["enabled", "disabled"])
    }).pipe(over([channel("a", { keyCount: 2 })]))
  )

  it.effect("what is off by hand is never asked", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      yield* refused(2, 0)
      selection.learn({ _tag: "Disabled", channel: "a", key: 1, disabler: { by: "hand" } })
      for (let times = 0; times < 3; times++) {
        const picked = yield* pick()
        assert.strictEqual(idOf(picked), "a#0")
        fail(picked, dead())
      }
      selection.learn({ _tag: "Disabled", channel: "a", key: 0, disabler: { by: "hand" } })
      assert.strictEqual((yield* Effect.flip(pick()))._tag, "ChannelNoAvailableKey")
      const { keys, reason } = yield* detail("a")
      assert.deepStrictEqual([reason, ...keys.map(({ state }) => state)], ["by_hand", "off", "off"])
    }).pipe(over([channel("a", { keyCount: 2 })]))
  )
})

describe("a quota that is spent", () => {
  it.effect("is evidence by its code, and its hint still counts", () =>
    Effect.gen(function* () {
      const spent = () => new ChannelQuotaExhausted({ upstream: { status: 402, code: "billing_not_active" } })
      yield* refused(2, 0, spent)
      assert.deepStrictEqual(yield* keysOf("a"), ["disabled"])
    }).pipe(over([channel("a")]))
  )
})

describe("where a prober tries what is off", () => {
  it.effect("requests leave it to that, and try it themselves only when it does not come", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      yield* refused(2, 0)
      yield* TestClock.adjust("270 seconds")
      assert.strictEqual(idOf(yield* pick()), "a#1")
      const probe = selection.probe("a", 0, "m")!
      probe.release({
        _tag: "Failure",
        error: new DoRequestFailed({}),
        penalise: true,
        testimony: { _tag: "Probe", seen: "probe" }
      })
      const until = (yield* detail("a")).keys[0]!.until!
      assert.strictEqual(until, 330_000 + 600_000, "a failed probe doubles the rest")
      yield* TestClock.adjust(until - 330_000 + 119_000)
      const two = Effect.replicateEffect(Effect.map(pick(), idOf), 2)
      assert.deepStrictEqual(yield* two, ["a#1", "a#1"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* two, ["a#0", "a#1"])
      selection.probe("a", 0, "m")!.release({ _tag: "Success" })
      assert.deepStrictEqual(yield* keysOf("a"), ["enabled", "enabled"])
    }).pipe(over([channel("a", { keyCount: 2 })], { probe: "1 minute" }))
  )

  it.effect("a probe that fails on a well key is a piece of evidence; what is off by hand is not probed", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      for (let times = 0; times < 2; times++) {
        selection.probe("a", 0, "m")!.release({
          _tag: "Failure",
          error: new DoRequestFailed({}),
          penalise: true,
          testimony: { _tag: "Probe", seen: "probe do_request_failed" }
        })
      }
      assert.strictEqual((yield* detail("a")).keys[0]!.evidence, "probe do_request_failed (2)")
      selection.learn({ _tag: "Disabled", channel: "a", key: 0, disabler: { by: "hand" } })
      assert.isUndefined(selection.probe("a", 0, "m"))
      assert.isUndefined(selection.probe("a", 1, "m"))
      assert.isUndefined(selection.probe("x", 0, "m"))
    }).pipe(over([channel("a")]))
  )
})

describe("circuits", () => {
  it.effect("are told when they open, and when they close again", () => {
    const told: Array<string> = []
    return Effect.gen(function* () {
      for (let times = 0; times < 5; times++) fail(yield* pick(), new DoRequestFailed({}))
      yield* TestClock.adjust("5 seconds")
      fail(yield* pick(), new DoRequestFailed({}))
      yield* TestClock.adjust("10 seconds")
      ;(yield* pick()).release({ _tag: "Success" })
      assert.deepStrictEqual(told, ["a#0 m open", "a#0 m closed"])
    }).pipe(
      over([channel("a")], {}, (event) => {
        if (event._tag === "CircuitChanged") told.push(`${event.channel}#${event.key} ${event.model} ${event.to}`)
      })
    )
  })
})
