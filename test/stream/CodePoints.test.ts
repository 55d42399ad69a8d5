import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import {
  asWritten,
  inSmallLetters,
  isSpace,
  lastPoints,
  pointAt,
  pointsOf,
  type Reading,
  withoutFirst,
  withoutSpace
} from "#src/stream/CodePoints"

const text = fc
  .array(fc.constantFrom("a", "B", "İ", " ", "\n", "\u2003", "\ufeff", "é", "😀", "\ud83d", "\ude00"), {
    maxLength: 20
  })
  .map((parts) => parts.join(""))

/** The same by what the language has for a whole text. */
const characters = (text: string): ReadonlyArray<string> => Array.from(text)
const pointsIn = (text: string): ReadonlyArray<number> => Array.from(text, (one) => one.codePointAt(0)!)
const readings: ReadonlyArray<readonly [Reading, (text: string) => ReadonlyArray<number>]> = [
  [asWritten, pointsIn],
  [
    withoutSpace,
    (text) =>
      characters(text)
        .filter((one) => /\S/u.test(one))
        .flatMap(pointsIn)
  ],
  [
    inSmallLetters,
    (text) =>
      characters(text)
        .filter((one) => /\S/u.test(one))
        .map((one) => one.toLowerCase())
        .flatMap(pointsIn)
  ]
]

describe("for every text, halves of surrogate pairs too", () => {
  it("its code points come one after the other, and the last of them alone", () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 25 }), (text, most) => {
        for (const [reading, all] of readings) {
          assert.deepStrictEqual([...pointsOf(text, reading)], all(text))
          assert.deepStrictEqual(lastPoints(text, most, reading), all(text).slice(-most))
        }
      })
    )
  })

  it("its first code points are left out", () => {
    fc.assert(
      fc.property(text, fc.nat(25), (text, count) =>
        assert.strictEqual(withoutFirst(text, count), characters(text).slice(count).join(""))
      )
    )
  })
})

it("white space is what a regular expression says", () => {
  for (let point = 0; point <= 0xffff; point++) {
    if (isSpace(point) !== /\s/u.test(String.fromCodePoint(point))) assert.fail(point.toString(16))
  }
})

it("a half that ends a part of a longer text is alone, however often it is read", () => {
  const longer = "The quick brown fox jumps over 😀 and away"
  const at = longer.indexOf("\ud83d")
  for (let i = 0; i < 20_000; i++) {
    const part = longer.slice(0, at + 1)
    if (pointAt(part, at) !== 0xd83d) assert.fail(`read as a whole, the ${i}th time`)
  }
})
