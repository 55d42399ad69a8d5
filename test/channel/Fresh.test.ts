/**
 * A target for an attempt beside another one: a channel that the request has not failed on, usable now, or none.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { ChannelInvalidKey, ChannelRateLimited } from "effect-resilience/errors"
import { Selection, type Wanted } from "#src/channel/index"
import { channel, selectionOver, tried, wanted } from "./kit/channels.ts"

const pick = (options: Partial<Wanted> = {}) => Selection.use((selection) => selection.pick(wanted(options)))

/** Who a fresh one would be; `pick`, `peek` and `usable` must say the same. */
const fresh = (options: Partial<Wanted>) =>
  Effect.gen(function* () {
    const selection = yield* Selection
    const asked = wanted({ ...options, fresh: true })
    const usable = selection.usable(asked)
    const peeked = yield* Effect.option(selection.peek(asked))
    const picked = yield* Effect.option(selection.pick(asked))
    assert.strictEqual(peeked._tag, picked._tag)
    assert.strictEqual(usable, picked._tag === "Some")
    if (picked._tag === "None") return undefined
    picked.value.release({ _tag: "Ignored" })
    return picked.value.target.channel.id
  })

const both = [channel("a", { priority: 1 }), channel("b")]

describe("a fresh target", () => {
  it.effect("is a channel that is usable and that the request has not failed on", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* fresh({ tried: tried({ out: ["a"] }) }), "b")
      assert.strictEqual(yield* fresh({ tried: tried({ out: ["a"], failed: ["b"] }) }), undefined)
      // Otherwise it would be asked again.
      const again = yield* pick({ tried: tried({ out: ["a"], failed: ["b"] }) })
      assert.strictEqual(again.target.channel.id, "b")
    }).pipe(Effect.provide(selectionOver(both)))
  )

  it.effect("is none where all rest, however long nobody has asked", () =>
    Effect.gen(function* () {
      for (const only of ["a", "b"]) {
        const picked = yield* pick({ only })
        picked.release({ _tag: "Failure", error: new ChannelInvalidKey({}), penalise: true })
      }
      assert.strictEqual(yield* fresh({}), undefined)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* fresh({}), undefined)
      // Who has nobody else asks the one that is due first.
      assert.strictEqual((yield* pick()).target.channel.id, "a")
    }).pipe(Effect.provide(selectionOver(both)))
  )

  it.effect("is the last one where every other is out: nothing cuts it", () =>
    Effect.gen(function* () {
      const picked = yield* pick({ tried: tried({ out: ["a"] }), fresh: true })
      assert.isTrue(picked.last)
    }).pipe(Effect.provide(selectionOver(both)))
  )

  it.effect("is no channel that rests on a guess, though that may be asked again", () =>
    Effect.gen(function* () {
      const picked = yield* pick({ only: "b" })
      picked.release({ _tag: "Failure", error: new ChannelRateLimited({}), penalise: true })
      assert.strictEqual(yield* fresh({ tried: tried({ out: ["a"] }) }), undefined)
    }).pipe(Effect.provide(selectionOver(both)))
  )
})
