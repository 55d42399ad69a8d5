import { assert, describe, it } from "@effect/vitest"
import { depthOf, parseJson } from "#src/dialect/Json"
import { beyondLimits } from "#src/dialect/JsonScan"
import { printJson } from "#src/dialect/ExactNumbers"
import * as fc from "fast-check"

const none = { values: Infinity, fields: Infinity, depth: Infinity }

/** What a value holds, counted by walking through it. A list counts as a value itself. */
const walked = (value: unknown): { values: number; fields: number } => {
  if (typeof value !== "object" || value === null) return { values: 0, fields: 0 }
  const children = Object.values(value).map(walked)
  const own = Object.keys(value).length
  return {
    // Between the elements of a list are one fewer commas than elements; the list's own bracket makes up for it.
    values: children.reduce((sum, { values }) => sum + values, Array.isArray(value) ? Math.max(own, 1) : own),
    fields: Math.max(Array.isArray(value) ? 0 : own, ...children.map(({ fields }) => fields))
  }
}

describe("S17: what a body holds is known before it is parsed", () => {
  const json = fc
    .jsonValue({ maxDepth: 6 })
    .filter((value) => typeof value === "object" && value !== null)
    .map((value) => ({ value, text: JSON.stringify(value, null, 1) }))

  it("S17: values, fields and depth are those of the parsed value", () => {
    fc.assert(
      fc.property(json, ({ text }) => {
        const value = JSON.parse(text) as unknown
        const { fields, values } = walked(value)
        const depth = depthOf(value)
        assert.isUndefined(beyondLimits(text, { values, fields, depth }))
        if (values > 0) assert.strictEqual(beyondLimits(text, { ...none, values: values - 1 }), "values")
        if (fields > 0) assert.strictEqual(beyondLimits(text, { ...none, fields: fields - 1 }), "fields")
        assert.strictEqual(beyondLimits(text, { ...none, depth: depth - 1 }), "depth")
      })
    )
  })

  it.each([
    [String.raw`{"a":"[[[[,,,,::::"}`, undefined],
    [String.raw`{"a":"\\","b":"\"[[[[","c":1}`, "fields"],
    [String.raw`{"a\"":"\\\"{{{{"}`, undefined],
    ["[[[", "depth"],
    ["[1,2,3", "values"],
    ['"never ends', undefined],
    ["]]]]}}}}", undefined],
    ["", undefined]
  ])("S17: %s: %s", (text, beyond) => {
    assert.strictEqual(beyondLimits(text, { values: 2, fields: 2, depth: 2 }), beyond)
  })

  it("S17: what is too much is left alone where it becomes so", () => {
    // No prefix that is over the limit is read beyond it: garbage behind it is not seen.
    const text = `{${Array.from({ length: 4 }, (_, n) => `"k${n}":1`).join()}`
    assert.strictEqual(beyondLimits(`${text},${"[".repeat(100)}`, { values: 100, fields: 3, depth: 2 }), "fields")
  })

  it("S17: a hundred thousand long numbers are read in one pass, each to the digit", () => {
    const text = `{"a":[${Array.from({ length: 100_000 }, () => "9007199254740993").join()}],"__proto__":9007199254740993}`
    const value = parseJson(text)
    assert.isTrue(printJson(value as object) === text)
  })
})
