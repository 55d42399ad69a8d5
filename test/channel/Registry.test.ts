/**
 * Channels that are replaced while the relay runs: who is picked, what health is kept, and what is told.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { type Channel, type ChannelEvent, type Picked, Registry, Selection, type Wanted } from "#src/channel/index"
import {
  ChannelInvalidKey,
  ChannelParamOverrideInvalid,
  ChannelQuotaExhausted,
  ChannelRateLimited,
  DoRequestFailed,
  type ResilienceError
} from "effect-resilience/errors"
import { Settings } from "#src/settings/index"
import { channel, selectionOver, tried, wanted } from "./kit/channels.ts"

const pick = (options: Partial<Wanted> = {}) => Selection.use((selection) => selection.pick(wanted(options)))
const failed = (picked: Picked, error: ResilienceError) => picked.release({ _tag: "Failure", error, penalise: true })
const ignored = (picked: Picked) => picked.release({ _tag: "Ignored" })
const idOf = (picked: Picked) => `${picked.target.channel.id}#${picked.target.keyIndex}`
const over = (channels: ReadonlyArray<Channel>, tell?: (event: ChannelEvent) => void) =>
  Effect.provide(selectionOver(channels, tell))
const replace = (...channels: ReadonlyArray<Channel>) =>
  Registry.use((registry) => Effect.sync(() => registry.replace(channels)))
/** Who can be picked, without taking anybody. */
const usable = (only: string, options: Partial<Wanted> = {}) =>
  Selection.use((selection) => Effect.sync(() => selection.usable(wanted({ only, ...options }))))
const states = Effect.map(
  Selection.use((selection) => selection.states),
  (all) => all.map(({ channel, state }) => `${channel} ${state}`)
)
const trip = (id: string) =>
  Effect.replicateEffect(
    Effect.map(pick({ only: id }), (picked) => failed(picked, new DoRequestFailed({}))),
    5
  )
const keys = (...texts: ReadonlyArray<string>) => texts.map((text) => Redacted.make(text))

describe("channels that are replaced", () => {
  it.effect("are picked from then on, and models follow", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      const before = yield* pick()
      yield* replace(channel("b", { models: ["n", "o"] }))
      assert.deepStrictEqual(selection.models(), ["n", "o"])
      assert.isFalse(selection.serves("m"))
      assert.strictEqual((yield* Effect.flip(pick()))._tag, "ModelNotFound")
      assert.strictEqual(idOf(yield* pick({ model: "n" })), "b#0")
      assert.strictEqual(before.target.channel.id, "a", "what was picked keeps its channel")
      failed(before, new ChannelInvalidKey({}))
      assert.deepStrictEqual(yield* states, ["b enabled"])
    }).pipe(over([channel("a")]))
  )

  it.effect("are told as they come, go and change", () => {
    const told: Array<ChannelEvent> = []
    return Effect.gen(function* () {
      yield* replace(channel("a", { enabled: false }), channel("c"))
      yield* replace(channel("a"), channel("c"))
      assert.deepStrictEqual(
        told.map((event) =>
          event._tag === "ChannelChanged"
            ? `${event.channel} ${event.from} -> ${event.to}`
            : event._tag === "FactFound"
              ? ""
              : `${event._tag} ${event.channel}`
        ),
        [
          "ChannelAdded a",
          "ChannelAdded b",
          "ChannelRemoved b",
          "a enabled -> disabled",
          "ChannelAdded c",
          "a disabled -> enabled"
        ]
      )
    }).pipe(over([channel("a"), channel("b")], (event) => void told.push(event)))
  })

  it.effect("keep the health of the keys that stayed, wherever they stand now", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* pick(), yield* pick()]
      failed(one, new ChannelInvalidKey({}))
      yield* replace(channel("a", { keys: keys("new", "a-key-1", "a-key-0") }))
      assert.isTrue(yield* usable("a", { suits: ({ keyIndex }) => keyIndex === 0 }))
      assert.isTrue(yield* usable("a", { suits: ({ keyIndex }) => keyIndex === 1 }))
      assert.isFalse(yield* usable("a", { suits: ({ keyIndex }) => keyIndex === 2 }), "the bad key has moved")
      // An attempt that began before belongs to its key, not to its old place.
      failed(two, new ChannelQuotaExhausted({ retryAfterMillis: 60_000 }))
      assert.isTrue(yield* usable("a", { suits: ({ keyIndex }) => keyIndex === 0 }))
      assert.isFalse(yield* usable("a", { suits: ({ keyIndex }) => keyIndex === 1 }))
    }).pipe(over([channel("a", { keyCount: 2 })]))
  )

  it.effect("keep their circuits through a change of rank", () =>
    Effect.gen(function* () {
      yield* trip("a")
      yield* replace(channel("a", { priority: 7, weight: 3, models: ["m", "n"] }), channel("b"))
      assert.deepStrictEqual(yield* states, ["a open", "b enabled"])
      assert.strictEqual(idOf(yield* pick()), "b#0")
    }).pipe(over([channel("a"), channel("b")]))
  )

  it.effect("that are asked otherwise have refused nothing yet; their keys are what they were", () =>
    Effect.gen(function* () {
      failed(yield* pick({ only: "a" }), new ChannelParamOverrideInvalid({}))
      failed(yield* pick({ only: "b" }), new ChannelInvalidKey({}))
      assert.deepStrictEqual([yield* usable("a"), yield* usable("b")], [false, false])
      yield* replace(
        channel("a", { params: { temperature: 1 } }),
        channel("b", { params: { temperature: 1 } }),
        channel("c")
      )
      assert.deepStrictEqual([yield* usable("a"), yield* usable("b")], [true, false])
    }).pipe(over([channel("a"), channel("b"), channel("c")]))
  )

  it.effect("that are another place begin anew", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      const { target } = yield* pick({ only: "a" })
      selection.rememberRefusal(target, { _tag: "Mode", mode: "prefill" })
      yield* trip("a")
      failed(yield* pick({ only: "b" }), new ChannelInvalidKey({}))
      yield* replace(channel("a", { baseUrl: "https://other.test/v1" }), channel("b"), channel("c"))
      assert.deepStrictEqual([yield* usable("a"), yield* usable("b")], [true, false])
      assert.deepStrictEqual([...selection.refused(target).modes], [])
    }).pipe(over([channel("a"), channel("b"), channel("c")]))
  )

  it.effect("that were removed and come back begin anew, whatever is still under way", () =>
    Effect.gen(function* () {
      const late = yield* Effect.replicateEffect(pick({ only: "a" }), 5)
      yield* replace(channel("b"))
      yield* replace(channel("a"), channel("b"))
      for (const picked of late) failed(picked, new DoRequestFailed({}))
      assert.deepStrictEqual(yield* states, ["a enabled", "b enabled"])
    }).pipe(over([channel("a"), channel("b")]))
  )

  it.effect("a changed breaker begins with new circuits, and keeps hints and trials", () =>
    Effect.gen(function* () {
      yield* trip("a")
      failed(yield* pick({ only: "b" }), new ChannelRateLimited({ retryAfterMillis: 60_000 }))
      failed(yield* pick({ only: "c" }), new ChannelInvalidKey({}))
      yield* Settings.use((settings) => settings.change({ "breaker.minimum": 2, "breaker.open": "1 second" }))
      assert.deepStrictEqual([yield* usable("a"), yield* usable("b"), yield* usable("c")], [true, false, false])
      for (let at = 0; at < 2; at++) failed(yield* pick({ only: "a" }), new DoRequestFailed({}))
      assert.isFalse(yield* usable("a"))
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* usable("a"))
    }).pipe(over([channel("a"), channel("b"), channel("c"), channel("d")]))
  )
})

describe("what is switched off by hand", () => {
  it.effect("is never asked, not even when nothing else is left", () =>
    Effect.gen(function* () {
      failed(yield* pick({ only: "b" }), new ChannelRateLimited({ retryAfterMillis: 60_000 }))
      const first = yield* pick()
      assert.strictEqual(idOf(first), "b#0", "in distress the one that rests is asked, and not the one that is off")
      ignored(first)
      assert.isFalse(yield* usable("a"))
      assert.deepStrictEqual(yield* states, ["a disabled", "b cooling"])
    }).pipe(over([channel("a", { enabled: false, priority: 10 }), channel("b")]))
  )

  it.effect("channel:no_available_key, not 404, when a model's channels are all off, or all of their keys", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      assert.strictEqual((yield* Effect.flip(pick()))._tag, "ChannelNoAvailableKey")
      assert.isTrue(selection.serves("m"))
      yield* replace(channel("a", { keyCount: 2 }))
      for (const key of [0, 1]) {
        assert.strictEqual(idOf(yield* pick()).startsWith("a#"), true)
        selection.learn({ _tag: "Disabled", channel: "a", key, disabler: { by: "hand" } })
      }
      assert.strictEqual((yield* Effect.flip(pick()))._tag, "ChannelNoAvailableKey")
      assert.deepStrictEqual(yield* states, ["a disabled"])
      selection.learn({ _tag: "Enabled", channel: "a", key: 1, by: "evidence" })
      assert.strictEqual((yield* Effect.flip(pick()))._tag, "ChannelNoAvailableKey", "evidence does not undo a hand")
      selection.learn({ _tag: "Enabled", channel: "a", key: 1, by: "hand" })
      assert.strictEqual(idOf(yield* pick()), "a#1")
      assert.deepStrictEqual(yield* states, ["a enabled"])
    }).pipe(over([channel("a", { enabled: false }), channel("b", { enabled: false })]))
  )

  it.effect("stays off through any change of the channel", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      selection.learn({ _tag: "Disabled", channel: "a", key: 0, disabler: { by: "hand" } })
      selection.learn({ _tag: "Disabled", channel: "b", key: undefined, disabler: { by: "hand" } })
      yield* replace(
        channel("a", { baseUrl: "https://other.test/v1", keys: keys("x", "a-key-0") }),
        channel("b", { params: { n: 1 } })
      )
      assert.isFalse(yield* usable("a", { suits: ({ keyIndex }) => keyIndex === 1 }))
      assert.isTrue(yield* usable("a", { suits: ({ keyIndex }) => keyIndex === 0 }))
      assert.isFalse(yield* usable("b"))
    }).pipe(over([channel("a"), channel("b")]))
  )
})

describe("facts", () => {
  it.effect("come out of an attempt that brought one: a hint with its end", () => {
    const told: Array<ChannelEvent> = []
    return Effect.gen(function* () {
      failed(yield* pick({ only: "a" }), new ChannelRateLimited({ retryAfterMillis: 5_000 }))
      failed(yield* pick({ only: "b" }), new ChannelQuotaExhausted({ retryAfterMillis: 86_400_000 }))
      failed(yield* pick({ only: "c" }), new ChannelRateLimited({}))
      failed(yield* pick({ only: "c" }), new DoRequestFailed({}))
      assert.deepStrictEqual(
        told.flatMap((event) => (event._tag === "FactFound" ? [event.fact] : [])),
        [
          { _tag: "Hinted", channel: "a", key: 0, model: "m", until: 5_000 },
          { _tag: "Hinted", channel: "b", key: 0, model: undefined, until: 3_600_000 }
        ]
      )
    }).pipe(over([channel("a"), channel("b"), channel("c")], (event) => void told.push(event)))
  })

  it.effect("that were learned elsewhere count here: a hint, and its later end", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      selection.learn({ _tag: "Hinted", channel: "a", key: 0, model: "m", until: 5_000 })
      selection.learn({ _tag: "Hinted", channel: "a", key: 0, model: "m", until: 2_000 })
      selection.learn({ _tag: "Hinted", channel: "b", key: 0, model: undefined, until: 7_200_000 })
      assert.deepStrictEqual([yield* usable("a"), yield* usable("a", { model: "n" })], [false, true])
      assert.deepStrictEqual([yield* usable("b"), yield* usable("b", { model: "n" })], [false, false])
      yield* TestClock.adjust(5_000)
      assert.isTrue(yield* usable("a"))
      yield* TestClock.adjust(3_595_000)
      assert.isTrue(yield* usable("b"), "no hint is longer than an hour")
    }).pipe(over([channel("a", { models: ["*"] }), channel("b", { models: ["*"] }), channel("c", { models: ["*"] })]))
  )

  it.effect("what evidence has disabled rests until its time, and is on again when its trial has gone well", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      selection.learn({ _tag: "Disabled", channel: "a", key: 0, disabler: { by: "evidence", until: 60_000 } })
      assert.deepStrictEqual(yield* states, ["a disabled"])
      const error = yield* Effect.flip(pick({ only: "a" }))
      assert.strictEqual(error.retryAfterMillis, 60_000)
      ignored(yield* pick())
      yield* TestClock.adjust("1 minute")
      assert.isTrue(yield* usable("a"))
      const trial = yield* pick()
      assert.deepStrictEqual(yield* states, ["a disabled"])
      assert.isFalse(yield* usable("a"), "one at a time")
      trial.release({ _tag: "Success" })
      assert.deepStrictEqual(yield* states, ["a enabled"])
      assert.isTrue(yield* usable("a"))
    }).pipe(over([channel("a")]))
  )

  it.effect("of a channel or a key that there is not are nothing", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      selection.learn({ _tag: "Disabled", channel: "x", key: undefined, disabler: { by: "hand" } })
      selection.learn({ _tag: "Disabled", channel: "a", key: 1, disabler: { by: "hand" } })
      yield* replace(channel("a"), channel("x"))
      assert.deepStrictEqual(yield* states, ["a enabled", "x enabled"])
      assert.isTrue(yield* usable("x"))
    }).pipe(over([channel("a")]))
  )
})

describe("usable", () => {
  it.effect("says what pick would do, takes nothing, and moves nobody's turn", () =>
    Effect.gen(function* () {
      for (let at = 0; at < 5; at++) assert.isTrue(yield* usable("a"))
      assert.strictEqual(idOf(yield* pick({ only: "a" })), "a#0")
      assert.isTrue(yield* usable("a"))
      assert.strictEqual(idOf(yield* pick({ only: "a" })), "a#1")
      yield* trip("a")
      yield* trip("a")
      assert.isFalse(yield* usable("a"))
      assert.isFalse(yield* usable("a", { model: "x" }))
      yield* TestClock.adjust("10 seconds")
      for (let at = 0; at < 5; at++) assert.isTrue(yield* usable("a"), "a probe's place is not taken by asking")
      yield* pick({ only: "a" })
    }).pipe(over([channel("a", { keyCount: 2 }), channel("b")]))
  )
})

describe("R24: all channels cool on hints", () => {
  const cool = (id: string, retryAfterMillis: number) =>
    Effect.map(pick({ only: id }), (picked) => failed(picked, new ChannelRateLimited({ retryAfterMillis })))

  it.effect("R24: only the one that is due first is asked, one request at a time", () =>
    Effect.gen(function* () {
      yield* cool("b", 40_000)
      yield* cool("c", 70_000)
      yield* cool("a", 9_000)
      const first = yield* pick()
      assert.strictEqual(idOf(first), "a#0")
      assert.strictEqual((yield* Effect.flip(pick()))._tag, "GetChannelFailed", "one request at a time")
      failed(first, new ChannelRateLimited({ retryAfterMillis: 9_000 }))
      // The same request goes nowhere else, and the next one asks the same channel.
      const error = yield* Effect.flip(pick({ tried: tried({ failed: ["a"], keys: ["a#0"] }) }))
      assert.strictEqual(error.retryAfterMillis, 9_000)
      assert.strictEqual(
        (yield* Effect.flip(pick({ tried: tried({ out: ["a"] }) })))._tag,
        "GetChannelFailed",
        "nor where the first one is out for it"
      )
      assert.strictEqual(idOf(yield* pick()), "a#0")
    }).pipe(over([channel("a"), channel("b"), channel("c")]))
  )

  it.effect("R24: when another is due first, that one is", () =>
    Effect.gen(function* () {
      yield* cool("b", 40_000)
      yield* cool("a", 9_000)
      failed(yield* pick(), new ChannelRateLimited({ retryAfterMillis: 60_000 }))
      assert.strictEqual(idOf(yield* pick()), "b#0")
    }).pipe(over([channel("a"), channel("b")]))
  )
})
