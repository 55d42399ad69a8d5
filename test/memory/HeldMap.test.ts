/**
 * A map that holds cells is a map to who uses it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { HeldMap } from "#src/memory/index"

const step = fc.oneof(
  fc.record({ _tag: fc.constant("set" as const), key: fc.nat(5), value: fc.string() }),
  fc.record({ _tag: fc.constant("delete" as const), key: fc.nat(5) }),
  fc.record({ _tag: fc.constant("clear" as const) })
)

describe("a map that lets go", () => {
  it("says what a map would, after whatever comes and goes", () =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const [held, map] = [new HeldMap<number, string>(), new Map<number, string>()]
        for (const step of steps) {
          switch (step._tag) {
            case "set":
              held.set(step.key, step.value)
              map.set(step.key, step.value)
              break
            case "delete":
              assert.strictEqual(held.delete(step.key), map.delete(step.key))
              break
            case "clear":
              held.clear()
              map.clear()
          }
          assert.strictEqual(held.size, map.size)
          assert.deepStrictEqual(held.values(), [...map.values()])
          for (let key = 0; key < 6; key++) {
            assert.strictEqual(held.get(key), map.get(key))
            assert.strictEqual(held.has(key), map.has(key))
          }
        }
      })
    ))
})
