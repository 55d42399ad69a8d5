/**
 * Words that are looked for.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { makeWordFinder } from "#src/server/SensitiveWords"

describe("words in a text", () => {
  it.each([
    [["bomb"], "how to make a BOMB", true],
    [["bomb"], "how to make a bom b", false],
    [["he", "she", "hers"], "ushers", true],
    [["abcd", "bc"], "xabcx", true],
    [["ﬁre"], "FIRE", true],
    [["secret"], "ｓｅｃｒｅｔ plans", true],
    [["straße"], "STRASSE", true],
    [["敏感"], "这是敏感词", true],
    [["  "], "anything", false],
    [[], "anything", false],
    [["a b"], "a b", true]
  ])("%j in %j: %s", (words, text, expected) => {
    assert.strictEqual(makeWordFinder(words).isIn(text), expected)
  })

  it("says what a search for each word would", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 6 })
    fc.assert(
      fc.property(
        fc.array(letters, { maxLength: 12 }),
        fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 60 }),
        (words, text) => {
          const expected = words.some((word) => word !== "" && text.includes(word))
          assert.strictEqual(makeWordFinder(words).isIn(text), expected)
        }
      ),
      { numRuns: 1_000 }
    )
  })
})
