import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { type Channel, type ChannelEvent, type Picked, Selection, type Wanted } from "#src/channel/index"
import {
  ChannelInvalidKey,
  ChannelParamOverrideInvalid,
  ChannelRateLimited,
  DoRequestFailed,
  InvalidRequest,
  type ResilienceError
} from "effect-resilience/errors"
import { channel, onChange, selectionOver, tried, wanted } from "./kit/channels.ts"

const pick = (options: Partial<Wanted> = {}) => Selection.use((selection) => selection.pick(wanted(options)))
const failed = (picked: Picked, error: ResilienceError, penalise = true) =>
  picked.release({ _tag: "Failure", error, penalise })
const succeeded = (picked: Picked) => picked.release({ _tag: "Success" })
const ignored = (picked: Picked) => picked.release({ _tag: "Ignored" })
const idOf = (picked: Picked) => `${picked.target.channel.id}#${picked.target.keyIndex}`

const over = (channels: ReadonlyArray<Channel>, tell?: (event: ChannelEvent) => void) =>
  Effect.provide(selectionOver(channels, tell))

/** Picks and lets succeed, `times` times; who it was. */
const picks = (times: number, options: Partial<Wanted> = {}) =>
  pick(options).pipe(
    Effect.tap((picked) => Effect.sync(() => succeeded(picked))),
    Effect.map(idOf),
    Effect.replicateEffect(times)
  )

const share = (ids: ReadonlyArray<string>, id: string) => ids.filter((one) => one === id).length / ids.length

const down = new DoRequestFailed({})
/** Five failures in a row: the circuit opens. */
const trip = (id: string) =>
  Effect.replicateEffect(
    Effect.map(pick({ only: id }), (picked) => failed(picked, down)),
    5
  )

describe("who is picked", () => {
  it.effect("the highest tier that has a usable target", () =>
    Effect.gen(function* () {
      assert.strictEqual(idOf(yield* pick()), "high#0")
      assert.strictEqual(idOf(yield* pick({ tried: tried({ out: ["high"] }) })), "middle#0")
      yield* trip("high")
      yield* trip("middle")
      assert.strictEqual(idOf(yield* pick()), "low#0")
    }).pipe(
      over([channel("low", { priority: -5 }), channel("high", { priority: 10 }), channel("middle", { priority: 0 })])
    )
  )

  it.effect("in a tier by weight", () =>
    Effect.gen(function* () {
      const ids = yield* picks(4000).pipe(Random.withSeed("weights"))
      assert.approximately(share(ids, "a#0"), 0.1, 0.03)
      assert.approximately(share(ids, "b#0"), 0.3, 0.03)
      assert.approximately(share(ids, "c#0"), 0.6, 0.03)
      assert.strictEqual(share(ids, "never#0"), 0)
    }).pipe(
      over([
        channel("a", { weight: 1 }),
        channel("b", { weight: 3 }),
        channel("never", { weight: 0 }),
        channel("c", { weight: 6 })
      ])
    )
  )

  it.effect("all weights zero: equal chances", () =>
    Effect.gen(function* () {
      const ids = yield* picks(3000).pipe(Random.withSeed("zero"))
      for (const id of ["a#0", "b#0", "c#0"]) assert.approximately(share(ids, id), 1 / 3, 0.04)
    }).pipe(over(["a", "b", "c"].map((id) => channel(id, { weight: 0 }))))
  )

  it.effect("a weight of zero is asked when the others of its tier cannot be", () =>
    Effect.gen(function* () {
      assert.strictEqual(idOf(yield* pick({ tried: tried({ out: ["a"] }) })), "spare#0")
    }).pipe(over([channel("a"), channel("spare", { weight: 0 })]))
  )

  it.effect("channels that name the model, with the name that they know it by", () =>
    Effect.gen(function* () {
      const { target } = yield* pick({ model: "gpt-4o" })
      assert.strictEqual(target.channel.id, "b")
      assert.strictEqual(target.model, "gpt-5")
      const selection = yield* Selection
      assert.deepStrictEqual(selection.models(), ["m", "n"])
      assert.isTrue(selection.serves("gpt-x"))
      assert.isFalse(selection.serves("claude"))
    }).pipe(
      over([
        channel("a", { models: ["m"] }),
        channel("b", { models: ["gpt-*", "n", "m"], modelMapping: [["gpt-*", "gpt-5"]] }),
        channel("c", { models: ["claude"], group: "others" })
      ])
    )
  )

  it.effect("channels of the group alone", () =>
    Effect.gen(function* () {
      assert.strictEqual(idOf(yield* pick()), "a#0")
      assert.strictEqual(idOf(yield* pick({ group: "team" })), "b#0")
    }).pipe(over([channel("a"), channel("b", { group: "team", priority: 5 })]))
  )

  it.effect("what suits alone, key by key", () =>
    Effect.gen(function* () {
      assert.strictEqual(idOf(yield* pick({ suits: ({ keyIndex }) => keyIndex === 1 })), "a#1")
      const error = yield* Effect.flip(pick({ suits: () => false }))
      assert.strictEqual(error._tag, "GetChannelFailed")
    }).pipe(over([channel("a", { keyCount: 3 })]))
  )

  it.effect("a channel without keys has the index -1", () =>
    Effect.gen(function* () {
      const { target } = yield* pick()
      assert.strictEqual(target.keyIndex, -1)
      assert.isUndefined(target.key)
    }).pipe(over([channel("a", { keyCount: 0 })]))
  )
})

describe("within one request", () => {
  it.effect("what has not failed comes first, even from a lower tier; then untried keys; then the rest", () =>
    Effect.gen(function* () {
      const next = (options: Parameters<typeof tried>[0]) => Effect.map(pick({ tried: tried(options) }), idOf)
      assert.strictEqual(yield* next({ failed: ["a"], keys: ["a#0"] }), "b#0")
      assert.strictEqual(yield* next({ failed: ["a", "b"], keys: ["a#0", "b#0"] }), "a#1")
      const ids = new Set<string>()
      for (let at = 0; at < 4; at++) ids.add(yield* next({ failed: ["a", "b"], keys: ["a#0", "a#1", "b#0"] }))
      assert.deepStrictEqual([...ids].sort(), ["a#0", "a#1"])
    }).pipe(over([channel("a", { priority: 1, keyCount: 2 }), channel("b")]))
  )

  it.effect("what is out is never asked", () =>
    Effect.gen(function* () {
      const ids = yield* picks(50, { tried: tried({ out: ["a"] }) })
      assert.deepStrictEqual([...new Set(ids)], ["b#0"])
      const error = yield* Effect.flip(pick({ tried: tried({ out: ["a", "b"] }) }))
      assert.strictEqual(error._tag, "GetChannelFailed")
      assert.isUndefined(error.retryAfterMillis)
    }).pipe(over([channel("a"), channel("b")]))
  )

  it.effect("the same channel again: another key first, then the same one, while it is usable", () =>
    Effect.gen(function* () {
      const again = (keys: ReadonlyArray<string>) => pick({ only: "a", tried: tried({ failed: ["a"], keys }) })
      const first = yield* again([])
      failed(first, down)
      assert.strictEqual(idOf(yield* again([idOf(first)])), "a#1")
      assert.strictEqual(idOf(yield* again(["a#0", "a#1"])), "a#0")
      const none = yield* Effect.flip(
        pick({ only: "a", otherKey: true, tried: tried({ failed: ["a"], keys: ["a#0", "a#1"] }) })
      )
      assert.strictEqual(none._tag, "GetChannelFailed")
    }).pipe(over([channel("a", { keyCount: 2 }), channel("b")]))
  )

  it.effect("the same channel again: not while its circuit is open or it cools, but when its hint is over", () =>
    Effect.gen(function* () {
      const again = pick({ only: "a", tried: tried({ failed: ["a"], keys: ["a#0"] }) })
      failed(yield* again, new ChannelRateLimited({ retryAfterMillis: 2_000 }))
      const cooling = yield* Effect.flip(again)
      assert.strictEqual(cooling.retryAfterMillis, 2_000)
      yield* TestClock.adjust(2_000)
      ignored(yield* again)
      yield* trip("a")
      assert.strictEqual((yield* Effect.flip(again)).retryAfterMillis, 10_000)
    }).pipe(over([channel("a"), channel("b")]))
  )

  it.effect("the last one is told so", () =>
    Effect.gen(function* () {
      assert.isFalse((yield* pick()).last)
      assert.isTrue((yield* pick({ tried: tried({ out: ["a"] }) })).last)
      assert.isFalse((yield* pick({ tried: tried({ failed: ["a"] }) })).last)
      assert.isFalse((yield* pick({ only: "a" })).last)
      yield* trip("b")
      assert.isTrue((yield* pick()).last)
      assert.isTrue((yield* pick({ suits: ({ channel }) => channel.id === "a" })).last)
    }).pipe(over([channel("a"), channel("b")]))
  )
})

describe("keys", () => {
  it.effect("in turn, each channel for itself", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* picks(7, { only: "a" }), ["a#0", "a#1", "a#2", "a#0", "a#1", "a#2", "a#0"])
      assert.deepStrictEqual(yield* picks(3, { only: "b" }), ["b#0", "b#1", "b#0"])
    }).pipe(over([channel("a", { keyCount: 3 }), channel("b", { keyCount: 2 })]))
  )

  it.effect("in turn, without those that cool", () =>
    Effect.gen(function* () {
      yield* picks(1)
      failed(yield* pick(), new ChannelInvalidKey({}))
      assert.deepStrictEqual(yield* picks(4), ["a#2", "a#0", "a#2", "a#0"])
    }).pipe(over([channel("a", { keyCount: 3 })]))
  )

  it.effect("by chance", () =>
    Effect.gen(function* () {
      const ids = yield* picks(3000).pipe(Random.withSeed("keys"))
      for (const id of ["a#0", "a#1", "a#2"]) assert.approximately(share(ids, id), 1 / 3, 0.04)
    }).pipe(over([channel("a", { keyCount: 3, keyMode: "random" })]))
  )

  it.effect("when all of a channel are bad another channel is asked", () =>
    Effect.gen(function* () {
      failed(yield* pick({ only: "a" }), new ChannelInvalidKey({}))
      failed(yield* pick({ only: "a" }), new ChannelInvalidKey({}))
      assert.deepStrictEqual([...new Set(yield* picks(20))], ["b#0"])
    }).pipe(over([channel("a", { keyCount: 2, priority: 1 }), channel("b")]))
  )
})

describe("when nothing can be attempted", () => {
  it.effect("a model that nobody names is not found", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(pick({ model: "x" }))
      assert(error._tag === "ModelNotFound")
      assert.strictEqual(error.model, "x")
    }).pipe(over([channel("a")]))
  )

  it.effect("it is said how long the first of them needs", () =>
    Effect.gen(function* () {
      failed(yield* pick({ only: "a" }), new ChannelRateLimited({ retryAfterMillis: 30_000 }))
      failed(yield* pick({ only: "b" }), new ChannelRateLimited({ retryAfterMillis: 20_000 }))
      const first = yield* pick()
      assert.strictEqual(idOf(first), "b#0", "the one due first is asked all the same")
      yield* TestClock.adjust(5_000)
      const error = yield* Effect.flip(pick())
      assert.strictEqual(error._tag, "GetChannelFailed")
      assert.strictEqual(error.retryAfterMillis, 15_000)
    }).pipe(over([channel("a"), channel("b")]))
  )
})

describe("a pool in distress", () => {
  const cool = (id: string, retryAfterMillis: number) =>
    Effect.map(pick({ only: id }), (picked) => failed(picked, new ChannelRateLimited({ retryAfterMillis })))

  it.effect("is asked by one request of a model at a time", () =>
    Effect.gen(function* () {
      yield* cool("a", 60_000)
      const one = yield* pick()
      assert.isTrue(one.last)
      assert.strictEqual((yield* Effect.flip(pick()))._tag, "GetChannelFailed")
      assert.strictEqual(idOf(yield* pick({ model: "n" })), "a#0", "another model is well")
      ignored(one)
      const two = yield* pick()
      ignored(one)
      assert.strictEqual((yield* Effect.flip(pick()))._tag, "GetChannelFailed", "a second release gives nothing back")
      ignored(two)
      ignored(yield* pick())
    }).pipe(over([channel("a", { models: ["*"] })]))
  )

  it.effect("is well again when the one that was asked succeeds", () =>
    Effect.gen(function* () {
      yield* cool("a", 60_000)
      succeeded(yield* pick())
      assert.deepStrictEqual(yield* picks(3), ["a#0", "a#0", "a#0"])
      yield* TestClock.adjust("1 minute")
      yield* trip("a")
      succeeded(yield* pick())
      assert.deepStrictEqual(yield* picks(3), ["a#0", "a#0", "a#0"])
    }).pipe(over([channel("a")]))
  )

  it.effect("does not stay shut when a release is never called", () =>
    Effect.gen(function* () {
      yield* cool("a", 60_000)
      yield* pick()
      yield* TestClock.adjust(9_999)
      assert.strictEqual((yield* Effect.flip(pick()))._tag, "GetChannelFailed")
      yield* TestClock.adjust(1)
      ignored(yield* pick())
    }).pipe(over([channel("a")]))
  )

  it.effect("is not asked by a request that was told there when to come back", () =>
    Effect.gen(function* () {
      const again = pick({ tried: tried({ failed: ["a"], keys: ["a#0"] }) })
      failed(yield* pick(), new ChannelRateLimited({ retryAfterMillis: 30_000 }))
      assert.strictEqual((yield* Effect.flip(again)).retryAfterMillis, 30_000)
      ignored(yield* pick())
    }).pipe(over([channel("a")]))
  )

  it.effect("is asked again by the same request when nobody said how long to wait", () =>
    Effect.gen(function* () {
      failed(yield* pick(), new ChannelRateLimited({}))
      const again = { tried: tried({ failed: ["a"], keys: ["a#0"] }) }
      ignored(yield* pick(again))
      succeeded(yield* pick({ ...again, only: "a" }))
    }).pipe(over([channel("a")]))
  )

  it.effect("is not asked again on the same channel while that rests for good reason", () =>
    Effect.gen(function* () {
      failed(yield* pick(), new ChannelInvalidKey({}))
      assert.strictEqual((yield* Effect.flip(pick({ only: "a" })))._tag, "GetChannelFailed")
      yield* TestClock.adjust("1 hour")
      yield* trip("a")
      assert.strictEqual((yield* Effect.flip(pick({ only: "a" })))._tag, "GetChannelFailed")
    }).pipe(over([channel("a")]))
  )

  it.effect("has keys that this request has not tried asked before those it has", () =>
    Effect.gen(function* () {
      failed(yield* pick(), new ChannelRateLimited({}))
      yield* TestClock.adjust(10)
      failed(yield* pick(), new ChannelRateLimited({}))
      assert.strictEqual(idOf(yield* pick({ only: "a", tried: tried({ keys: ["a#0"] }) })), "a#1")
    }).pipe(over([channel("a", { keyCount: 2 })]))
  )

  it.effect("is not declared while a healthy channel is merely out for this request", () =>
    Effect.gen(function* () {
      yield* trip("b")
      const error = yield* Effect.flip(pick({ tried: tried({ out: ["a"] }) }))
      assert.strictEqual(error._tag, "GetChannelFailed")
      assert.strictEqual(error.retryAfterMillis, 10_000)
    }).pipe(over([channel("a"), channel("b")]))
  )
})

describe("a primary that is down for a minute", () => {
  it.effect("opens, is probed, closes, and traffic returns", () => {
    const log: Array<string> = []
    return Effect.gen(function* () {
      const selection = yield* Selection
      let isDown = true
      const asked: Record<string, number> = { primary: 0, backup: 0 }
      /** One request: it moves on until somebody answers. */
      const request = Effect.gen(function* () {
        const out: Array<string> = []
        for (;;) {
          const picked = yield* selection.pick(wanted({ tried: tried({ out }) }))
          const { id } = picked.target.channel
          asked[id]!++
          if (id === "backup" || !isDown) return succeeded(picked)
          failed(picked, down)
          out.push(id)
        }
      })
      const second = Effect.andThen(Effect.replicateEffect(request, 5), TestClock.adjust("1 second"))

      yield* second
      assert.deepStrictEqual(asked, { primary: 5, backup: 5 })
      assert.deepStrictEqual(log, ["primary enabled -> open (transport)"])
      yield* Effect.replicateEffect(second, 59)
      // After 10, 20 and 40 seconds of rest it was due at 10 and 30: two probes in the minute, and nothing else.
      assert.strictEqual(asked.primary, 7)
      assert.strictEqual(asked.backup, 300)

      isDown = false
      const before = asked.backup
      yield* Effect.replicateEffect(second, 12)
      assert.deepStrictEqual(log.slice(1), ["primary open -> enabled (undefined)"])
      assert.isBelow(asked.backup! - before!, 60)
      const settled = asked.backup
      yield* second
      assert.strictEqual(asked.backup, settled, "all traffic is back")
      assert.deepStrictEqual(yield* selection.states, [
        { channel: "primary", state: "enabled" },
        { channel: "backup", state: "enabled" }
      ])
    }).pipe(
      over(
        [channel("primary", { priority: 10 }), channel("backup")],
        onChange((id, from, to, blame) => void log.push(`${id} ${from} -> ${to} (${blame})`))
      )
    )
  })

  it.effect("is probed by one request, and the others go elsewhere meanwhile", () =>
    Effect.gen(function* () {
      yield* trip("primary")
      yield* TestClock.adjust(10_000)
      const probe = yield* pick()
      assert.strictEqual(idOf(probe), "primary#0")
      assert.deepStrictEqual([...new Set(yield* picks(10))], ["backup#0"])
      ignored(probe)
      assert.strictEqual(idOf(yield* pick()), "primary#0", "an ignored probe gives its place back")
    }).pipe(over([channel("primary", { priority: 10 }), channel("backup")]))
  )

  it.effect("closes by a probe that streams for longer than its place is lent", () =>
    Effect.gen(function* () {
      yield* trip("primary")
      yield* TestClock.adjust(10_000)
      const probe = yield* pick()
      yield* TestClock.adjust(25_000)
      const beside = yield* pick()
      assert.strictEqual(idOf(beside), "primary#0")
      assert.deepStrictEqual(yield* picks(2), ["backup#0", "backup#0"])
      succeeded(probe)
      assert.deepStrictEqual(yield* picks(2), ["primary#0", "primary#0"])
    }).pipe(over([channel("primary", { priority: 10 }), channel("backup")]))
  )

  it.effect("is not opened again by results from before it was", () =>
    Effect.gen(function* () {
      const late = yield* Effect.replicateEffect(pick({ only: "primary" }), 10)
      yield* trip("primary")
      yield* TestClock.adjust(10_000)
      succeeded(yield* pick())
      for (const picked of late) failed(picked, down)
      assert.deepStrictEqual(yield* picks(3), ["primary#0", "primary#0", "primary#0"])
    }).pipe(over([channel("primary", { priority: 10 }), channel("backup")]))
  )
})

describe("penalties", () => {
  it.effect("none for the caller's fault, nor when the request has penalised the channel already", () =>
    Effect.gen(function* () {
      for (let at = 0; at < 20; at++) {
        failed(yield* pick(), new InvalidRequest({}))
        failed(yield* pick(), down, false)
        failed(yield* pick(), new ChannelParamOverrideInvalid({}), false)
      }
      assert.deepStrictEqual(yield* Selection.use((selection) => selection.states), [
        { channel: "a", state: "enabled" }
      ])
    }).pipe(over([channel("a")]))
  )

  it.effect("a cooling channel is seen to be well when its time is over and somebody looks", () => {
    const log: Array<string> = []
    return Effect.gen(function* () {
      failed(yield* pick(), new ChannelRateLimited({ retryAfterMillis: 5_000 }))
      yield* TestClock.adjust(5_000)
      assert.deepStrictEqual(yield* Selection.use((selection) => selection.states), [
        { channel: "a", state: "enabled" }
      ])
      assert.deepStrictEqual(log, ["a enabled cooling rate", "a cooling enabled undefined"])
    }).pipe(
      over(
        [channel("a")],
        onChange((id, from, to, blame) => void log.push(`${id} ${from} ${to} ${blame}`))
      )
    )
  })
})

describe("refused modes", () => {
  it.effect("are remembered per channel and model", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      const a = (yield* pick({ only: "a" })).target
      const b = (yield* pick({ only: "b" })).target
      selection.rememberRefusal(a, { _tag: "Mode", mode: "prefill" })
      assert.deepStrictEqual([...selection.refused(a).modes], ["prefill"])
      assert.deepStrictEqual([...selection.refused({ ...a, model: "other" }).modes], [])
      assert.deepStrictEqual([...selection.refused(b).modes], [])
      selection.rememberRefusal(a, { _tag: "Mode", mode: "message" })
      assert.deepStrictEqual([...selection.refused(a).modes], ["prefill", "message"])
      selection.forgetRefusal(a, { _tag: "Mode", mode: "prefill" })
      assert.deepStrictEqual([...selection.refused(a).modes], ["message"])
    }).pipe(over([channel("a"), channel("b")]))
  )
})
