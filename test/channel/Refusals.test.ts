import { assert, describe, it } from "@effect/vitest"
import { Refusals } from "#src/channel/Refusals"
import { channel } from "./kit/channels.ts"

const target = (id: string, model = "m") => ({ channel: channel(id), keyIndex: 0, key: undefined, model })
const hour = 3_600_000
const temperature = { _tag: "Field", path: "temperature" } as const
const prefill = { _tag: "Mode", mode: "prefill" } as const

describe("refusals", () => {
  for (const start of [0, Date.UTC(2026, 10, 26)]) {
    it(`are remembered for an hour, for their channel and model (from ${start})`, () => {
      const refusals = new Refusals()
      refusals.remember(target("a"), prefill, start)
      refusals.remember(target("a"), temperature, start + 1)
      const at = (now: number) => {
        const { fields, modes } = refusals.of(target("a"), now)
        return [...modes, ...fields]
      }
      assert.deepStrictEqual(at(start + hour - 1), ["prefill", "temperature"])
      assert.deepStrictEqual(at(start + hour), ["temperature"])
      assert.deepStrictEqual(at(start + hour + 1), [])
      assert.strictEqual(refusals.of(target("a", "n"), start).fields.size, 0)
      assert.strictEqual(refusals.of(target("b"), start).fields.size, 0)
    })
  }

  it("begin their hour anew when they are heard again", () => {
    const refusals = new Refusals()
    refusals.remember(target("a"), temperature, 0)
    refusals.remember(target("a"), temperature, hour / 2)
    assert.strictEqual(refusals.of(target("a"), hour).fields.size, 1)
  })

  it("are taken back one by one", () => {
    const refusals = new Refusals()
    refusals.remember(target("a"), temperature, 0)
    refusals.remember(target("a"), prefill, 0)
    refusals.retract(target("a"), temperature)
    refusals.retract(target("b"), temperature)
    const { fields, modes } = refusals.of(target("a"), 1)
    assert.deepStrictEqual([...modes, ...fields], ["prefill"])
  })

  it("go with their channel, and with no other whose id begins alike", () => {
    const refusals = new Refusals()
    refusals.remember(target("a"), temperature, 0)
    refusals.remember(target("ab"), temperature, 0)
    refusals.forget("a")
    assert.strictEqual(refusals.of(target("a"), 1).fields.size, 0)
    assert.strictEqual(refusals.of(target("ab"), 1).fields.size, 1)
  })

  it("are those of a thousand targets at most", () => {
    const refusals = new Refusals()
    for (let at = 0; at <= 1_000; at++) refusals.remember(target("a", `m${at}`), temperature, 0)
    assert.strictEqual(refusals.of(target("a", "m0"), 1).fields.size, 0)
    assert.strictEqual(refusals.of(target("a", "m1"), 1).fields.size, 1)
    assert.strictEqual(refusals.of(target("a", "m1000"), 1).fields.size, 1)
  })
})
