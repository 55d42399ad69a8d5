import { assert, describe, it } from "@effect/vitest"
import { excerpt, fewNames, isNameSized } from "#src/errors/index"

describe("a name", () => {
  it("has at most 256 code points, of one unit or two", () => {
    assert.isTrue(isNameSized("x".repeat(256)))
    assert.isFalse(isNameSized("x".repeat(257)))
    assert.isTrue(isNameSized("🚀".repeat(256)))
    assert.isFalse(isNameSized(`${"🚀".repeat(256)}x`))
    assert.isFalse(isNameSized("x".repeat(5_000_000)))
    assert.isTrue(isNameSized(""))
  })
})

describe("an excerpt", () => {
  it("is the text, or its beginning and an ellipsis", () => {
    assert.strictEqual(excerpt("abc", 3), "abc")
    assert.strictEqual(excerpt("abcd", 3), "abc…")
    assert.strictEqual(excerpt("", 3), "")
  })
  it("never ends in half a character", () => {
    assert.strictEqual(excerpt("ab🚀d", 3), "ab…")
    assert.strictEqual(excerpt("ab🚀d", 4), "ab🚀…")
  })
  it("of many names is the first of them, each as long as a name", () => {
    const few = ["a", "b"]
    assert.strictEqual(fewNames(few), few)
    const told = fewNames(Array.from({ length: 100 }, () => "x".repeat(1000)))
    assert.lengthOf(told, 65)
    assert.strictEqual(told[0], `${"x".repeat(256)}…`)
    assert.strictEqual(told.at(-1), "...")
  })
})
