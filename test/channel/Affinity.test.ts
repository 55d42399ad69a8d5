/**
 * Where sessions are at home, and what of that a pick heeds.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import * as FastCheck from "fast-check"
import { Affinity, type Channel, type Home, type Picked, Selection, type Wanted } from "#src/channel/index"
import { parsePin } from "#src/channel/Pin"
import { ChannelInvalidKey, ChannelRateLimited, type DoRequestFailed } from "effect-resilience/errors"
import { TestClock } from "effect/testing"
import { channel, selectionOver, tried, wanted } from "./kit/channels.ts"

const home: Home = { channel: "a", key: 1 }

describe("Affinity", () => {
  it("knows a home until its time is over, and an answer prolongs it", () => {
    const homes = new Affinity({ ttl: 100, max: 10 })
    assert.isUndefined(homes.find("s", 0))
    homes.keep("s", home, 0)
    assert.deepInclude(homes.find("s", 99), home)
    assert.isUndefined(homes.find("s", 100))
    homes.keep("s", home, 200)
    homes.keep("s", { channel: "b", key: 0 }, 250)
    assert.deepInclude(homes.find("s", 349), { channel: "b", key: 0 })
    assert.isUndefined(homes.find("s", 350))
    assert.strictEqual(homes.size, 0)
  })

  it("forgets what was heard of least recently when there is no room", () => {
    const homes = new Affinity({ ttl: 100, max: 2 })
    homes.keep("one", home, 0)
    homes.keep("two", home, 1)
    homes.find("one", 2)
    homes.keep("three", home, 3)
    assert.isUndefined(homes.find("two", 4))
    assert.isDefined(homes.find("one", 4))
    homes.configure({ ttl: 100, max: 1 })
    assert.strictEqual(homes.size, 1)
    assert.isDefined(homes.find("one", 5))
  })

  it("is what a list that is searched from its end would be, and never larger than it may", () => {
    const step = FastCheck.record({
      session: FastCheck.integer({ min: 0, max: 6 }).map(String),
      keeps: FastCheck.boolean(),
      key: FastCheck.integer({ min: 0, max: 3 }),
      passes: FastCheck.integer({ min: 0, max: 40 })
    })
    FastCheck.assert(
      FastCheck.property(FastCheck.array(step, { maxLength: 60 }), (steps) => {
        const bounds = { ttl: 100, max: 3 }
        const homes = new Affinity(bounds)
        let listed: ReadonlyArray<{ session: string; key: number; until: number }> = []
        let now = 0
        for (const { keeps, key, passes, session } of steps) {
          now += passes
          const others = listed.filter((one) => one.session !== session)
          const one = listed.find((one) => one.session === session)
          if (keeps) {
            homes.keep(session, { channel: "a", key }, now)
            listed = [...others, { session, key, until: now + bounds.ttl }].slice(-bounds.max)
          } else {
            const known = one !== undefined && one.until > now ? one : undefined
            assert.strictEqual(homes.find(session, now)?.key, known?.key)
            listed = known === undefined ? others : [...others, known]
          }
          assert.strictEqual(homes.size, listed.length)
        }
      })
    )
  })
})

const pick = (options: Partial<Wanted> = {}) => Selection.use((selection) => selection.pick(wanted(options)))
const idOf = ({ target }: Picked) => `${target.channel.id}#${target.keyIndex}`
const over = (channels: ReadonlyArray<Channel>) => Effect.provide(selectionOver(channels))
const fails = (options: Partial<Wanted>, error: DoRequestFailed | ChannelInvalidKey | ChannelRateLimited) =>
  Effect.map(pick(options), (picked) => picked.release({ _tag: "Failure", error, penalise: true }))
const always = (id: string, options: Partial<Wanted>) =>
  Effect.gen(function* () {
    for (let time = 0; time < 8; time++) {
      const picked = yield* pick(options)
      picked.release({ _tag: "Success" })
      assert.strictEqual(idOf(picked), id)
    }
  }).pipe(Random.withSeed("always"))

describe("a preference", () => {
  const pool = [channel("a", { keyCount: 3 }), channel("b", { keyCount: 3 }), channel("spare", { priority: -1 })]

  it.effect("is asked before chance and turns, as long as it is well", () =>
    Effect.gen(function* () {
      yield* always("b#2", { prefer: { channel: "b", key: 2 } })
      yield* fails({ prefer: { channel: "b", key: 2 } }, new ChannelInvalidKey({}))
      const elsewhere = yield* pick({ prefer: { channel: "b", key: 2 } })
      assert.notStrictEqual(idOf(elsewhere), "b#2")
    }).pipe(over(pool))
  )

  it.effect("is none for what the request has failed on, nor for a lower tier, nor for what is not there", () =>
    Effect.gen(function* () {
      const prefer = { channel: "b", key: 2 }
      yield* always("a#0", { prefer, tried: tried({ failed: ["b"] }) }).pipe(
        over([channel("a"), channel("b", { keyCount: 3 })])
      )
      yield* always("a#0", { prefer: { channel: "spare", key: 0 } })
      yield* always("a#0", { prefer: { channel: "gone", key: 0 } })
      yield* always("a#0", { prefer: { channel: "a", key: 7 } })
    }).pipe(over([channel("a"), channel("spare", { priority: -1 })]))
  )
})

describe("a pin", () => {
  it.each([
    ["a", { channel: "a", key: undefined }],
    ["a-1:0", { channel: "a-1", key: 0 }],
    [" a:12 ", { channel: "a", key: 12 }],
    ["a:01", undefined],
    ["a:-1", undefined],
    ["a:", undefined],
    ["A", undefined],
    ["a b", undefined],
    ["a:1:2", undefined]
  ])("%s", (text, pin) => assert.deepStrictEqual(parsePin(text), pin))

  const a: Wanted["pin"] = { channel: "a", key: undefined }

  it.effect("gives nothing else, of whatever tier or group it is, and that it failed is no reason", () =>
    Effect.gen(function* () {
      yield* always("a#0", { pin: a })
      yield* always("a#0", { pin: a, tried: tried({ failed: ["a"], keys: ["a#0"] }) })
      assert.strictEqual((yield* Effect.flip(pick({ pin: a, tried: tried({ out: ["a"] }) })))._tag, "GetChannelFailed")
      const selection = yield* Selection
      assert.strictEqual(selection.fresh(wanted({ pin: a, tried: tried({ failed: ["a"] }) })), 0)
    }).pipe(over([channel("a", { priority: -1, group: "others" }), channel("b")]))
  )

  it.effect("is not kept from a key that rests; of several keys one that is well comes first", () =>
    Effect.gen(function* () {
      const slow = new ChannelRateLimited({ retryAfterMillis: 60_000 })
      yield* fails({ pin: { channel: "a", key: 0 } }, slow)
      yield* always("a#1", { pin: a })
      yield* fails({ pin: { channel: "a", key: 1 } }, new ChannelInvalidKey({}))
      for (const key of [0, 1]) {
        const picked = yield* pick({ pin: { channel: "a", key }, wait: { upToMillis: 1000, leftMillis: 1000 } })
        assert.strictEqual(idOf(picked), `a#${key}`)
        picked.release({ _tag: "Ignored" })
      }
      yield* TestClock.adjust("1 second")
      // Who is not pinned goes elsewhere meanwhile.
      yield* always("b#0", {})
    }).pipe(over([channel("a", { keyCount: 2, priority: 1 }), channel("b")]))
  )

  it.effect("says what there is, and what is switched off", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      const standing = (id: string, key?: number) => selection.standing({ channel: id, key }).is
      assert.deepStrictEqual(
        [standing("a"), standing("a", 1), standing("a", 2), standing("x"), standing("off"), standing("keyless", 0)],
        ["there", "there", "unknown", "unknown", "off", "there"]
      )
      selection.learn({ _tag: "Disabled", channel: "a", key: 1, disabler: { by: "hand" } })
      assert.deepStrictEqual([standing("a"), standing("a", 0), standing("a", 1)], ["there", "there", "off"])
      selection.learn({ _tag: "Disabled", channel: "a", key: 0, disabler: { by: "evidence", until: 60_000 } })
      assert.deepStrictEqual([standing("a"), standing("a", 0)], ["off", "off"])
      yield* TestClock.adjust("61 seconds")
      assert.deepStrictEqual([standing("a"), standing("a", 0), standing("a", 1)], ["there", "there", "off"])
    }).pipe(
      over([channel("a", { keyCount: 2 }), channel("off", { enabled: false }), channel("keyless", { keyCount: 0 })])
    )
  )
})
