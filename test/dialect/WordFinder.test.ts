/**
 * Words that are looked for.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { foldWidely, makeWordFinder } from "#src/dialect/index"

describe("words in a text", () => {
  it.each([
    [["bomb"], "how to make a BOMB", true],
    [["bomb"], "how to make a bom b", false],
    [["he", "she", "hers"], "ushers", true],
    [["abcd", "bc"], "xabcx", true],
    [["ﬁre"], "FIRE", true],
    [["secret"], "ｓｅｃｒｅｔ plans", true],
    [["straße"], "STRASSE", true],
    [["ΟΔΟΣ"], "ΟΔΟΣΕΙΣ", true],
    [["οδοσ"], "η οδός μας: οδος", true],
    [["敏感"], "这是敏感词", true],
    [["  "], "anything", false],
    [[], "anything", false],
    [["a b"], "a b", true]
  ])("%j in %j: %s", (words, text, expected) => {
    assert.strictEqual(makeWordFinder(words, foldWidely).isIn(text), expected)
  })

  it("says what a search for each word would", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 6 })
    fc.assert(
      fc.property(
        fc.array(letters, { maxLength: 12 }),
        fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 60 }),
        (words, text) => {
          const expected = words.some((word) => word !== "" && text.includes(word))
          assert.strictEqual(makeWordFinder(words, foldWidely).isIn(text), expected)
        }
      ),
      { numRuns: 1_000 }
    )
  })

  it("tells all words that a text holds, as a search for each would", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(
        fc.uniqueArray(letters, { maxLength: 12 }),
        fc.string({ unit: fc.constantFrom("a", "b", "c", "A", "B"), maxLength: 60 }),
        (words, text) => {
          const expected = words.filter((word) => text.toLowerCase().includes(word)).toSorted()
          assert.deepStrictEqual([...makeWordFinder(words).allIn(text)].toSorted(), expected)
        }
      ),
      { numRuns: 1_000 }
    )
  })

  it("tells them as they were written, and white space around them does not count", () => {
    const finder = makeWordFinder([" Credit Balance ", "balance is", "low"])
    assert.deepStrictEqual(finder.allIn("your credit balance is too LOW, your balance is low"), [
      " Credit Balance ",
      "balance is",
      "low"
    ])
    assert.deepStrictEqual(finder.allIn("all is well"), [])
  })
})
