import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ScriptedSelection } from "effect-resilience/testing"
import { Selection, type Target } from "#src/channel/index"
import { channel, wanted } from "../channel/kit/channels.ts"

const target = (id: string): Target => ({ channel: channel(id), keyIndex: 0, key: undefined, model: "m" })

describe("the scripted selection", () => {
  it.effect("gives its targets in order, then none, and writes down what happened", () =>
    Effect.gen(function* () {
      const selection = yield* Selection
      const script = yield* ScriptedSelection.SelectionScript
      const a = yield* selection.pick(wanted())
      const b = yield* selection.pick(wanted({ only: "b" }))
      assert.deepStrictEqual([a.target.channel.id, a.last, b.target.channel.id, b.last], ["a", false, "b", true])
      assert.strictEqual((yield* Effect.flip(selection.pick(wanted())))._tag, "GetChannelFailed")
      a.release({ _tag: "Success" })
      selection.rememberRefusal(a.target, { _tag: "Mode", mode: "prefill" })
      assert.deepStrictEqual([...selection.refused(a.target).modes], ["prefill"])
      assert.deepStrictEqual([...selection.refused(b.target).modes], [])
      selection.rememberRefusal(a.target, { _tag: "Field", path: "temperature" })
      selection.forgetRefusal(a.target, { _tag: "Mode", mode: "prefill" })
      selection.forgetRefusal(b.target, { _tag: "Field", path: "temperature" })
      const { fields, modes } = selection.refused(a.target)
      assert.deepStrictEqual([...fields, ...modes], ["temperature"])
      assert.strictEqual(script.picks[1]?.only, "b")
      assert.deepStrictEqual(
        script.releases.map(({ outcome, target }) => [target.channel.id, outcome._tag]),
        [["a", "Success"]]
      )
    }).pipe(Effect.provide(ScriptedSelection.layer([target("a"), target("b")])))
  )
})
