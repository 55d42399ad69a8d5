import { assert, describe, it } from "@effect/vitest"
import { withoutRefused } from "effect-resilience/dialect"

const body = {
  model: "m",
  output: { effort: "low" },
  both: { one: 1, other: 2 },
  tools: [{ name: "a", strict: true, more: { deep: 1 } }, { name: "b" }, "c"]
}

const left = (...refused: ReadonlyArray<string>) => withoutRefused(body, new Set(refused), () => undefined).body

describe("what a target has refused", () => {
  it("goes, and an object that it leaves empty", () => {
    assert.notProperty(left("model"), "model")
    assert.notProperty(left("output.effort"), "output")
    assert.deepStrictEqual(left("both.one")["both"], { other: 2 })
  })

  it("goes from each of a list", () => {
    assert.deepStrictEqual(left("tools[].strict")["tools"], [{ name: "a", more: { deep: 1 } }, { name: "b" }, "c"])
    assert.deepStrictEqual(left("tools[].more.deep")["tools"], [{ name: "a", strict: true }, { name: "b" }, "c"])
  })

  it("is the body itself where it holds no such field", () => {
    for (const path of [
      "none",
      "model.none",
      "tools[]",
      "tools[].none",
      "model[].none",
      "none[].none",
      "tools.strict"
    ]) {
      assert.strictEqual(left(path), body, path)
    }
  })

  it("is told by the client's path, where a client had written it", () => {
    const told = (path: string) => (path === "model" || path === "tools[].strict" ? `said.${path}` : undefined)
    const { dropped } = withoutRefused(body, new Set(["model", "output.effort", "tools[].strict", "none"]), told)
    assert.deepStrictEqual(dropped, ["said.model", "said.tools[].strict"])
  })
})
