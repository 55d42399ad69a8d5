import { assert, describe, it } from "@effect/vitest"
import { isExactModel, mapModel, matchesModel, patternCovers, patternsMeet } from "#src/dialect/index"
import * as fc from "fast-check"

describe("model patterns", () => {
  const table: ReadonlyArray<readonly [pattern: string, name: string, matches: boolean]> = [
    ["gpt-5", "gpt-5", true],
    ["gpt-5", "gpt-5-mini", false],
    ["gpt-5", "GPT-5", false],
    ["gpt-*", "gpt-5", true],
    ["gpt-*", "gpt-", true],
    ["gpt-*", "xgpt-5", false],
    ["*", "", true],
    ["*", "anything/at all", true],
    ["*-mini", "gpt-5-mini", true],
    ["*-mini", "gpt-5-mini-2", false],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "acb", false],
    ["*ab*ab*", "abab", true],
    ["*ab*ab*", "abxa", false],
    ["ab*ba", "aba", false],
    ["**", "x", true],
    ["", "", true],
    ["", "x", false],
    ["gpt.5", "gptx5", false],
    ["a[b]?(c)*", "a[b]?(c)d", true]
  ]
  for (const [pattern, name, matches] of table) {
    it(`${JSON.stringify(pattern)} ${matches ? "matches" : "does not match"} ${JSON.stringify(name)}`, () => {
      assert.strictEqual(matchesModel(pattern, name), matches)
    })
  }

  it("agrees with a regular expression", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 })
    const name = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 })
    fc.assert(
      fc.property(letters, name, (pattern, name) => {
        const expected = new RegExp(`^${pattern.replaceAll("*", "[^]*")}$`).test(name)
        assert.strictEqual(matchesModel(pattern, name), expected)
      }),
      { numRuns: 2000 }
    )
  })

  it("takes linear time for what blows up a backtracking matcher", () => {
    const name = "a".repeat(1_000_000)
    const start = performance.now()
    assert.isFalse(matchesModel("*a*a*a*a*a*a*a*a*b", name))
    assert.isFalse(matchesModel("*a*a*a*a*a*a*ab*a", name))
    assert.isBelow(performance.now() - start, 1000)
  })

  it("knows a plain name from a pattern", () => {
    assert.isTrue(isExactModel("gpt-5"))
    assert.isFalse(isExactModel("gpt-*"))
  })

  it("maps by the first pattern in file order, once", () => {
    const mapping = [
      ["gpt-4*", "gpt-5"],
      ["gpt-5", "o3"],
      ["*", "other"]
    ] as const
    assert.strictEqual(mapModel(mapping, "gpt-4o"), "gpt-5")
    assert.strictEqual(mapModel(mapping, "gpt-5"), "o3")
    assert.strictEqual(mapModel(mapping, "claude"), "other")
    assert.strictEqual(mapModel([], "claude"), "claude")
  })
})

describe("two patterns", () => {
  const pattern = fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 4 }).map((parts) => parts.join(""))
  // Of two patterns of four each, what both match is found among the names of at most six.
  const names = [""]
  for (let at = 0; names[at]!.length < 6; at++) names.push(`${names[at]}a`, `${names[at]}b`)

  it("meet where some name matches both", () => {
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        const common = names.some((name) => matchesModel(a, name) && matchesModel(b, name))
        assert.strictEqual(patternsMeet(a, b), common)
        assert.strictEqual(patternsMeet(b, a), common)
      }),
      { numRuns: 2000 }
    )
  })

  it("cover one another where every name that matches one matches the other", () => {
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        // A letter that no pattern has stands for what a star may be.
        const all = [...names, ...names.map((name) => name.replace("b", "c")), "cc", "acc", "cca"]
        const every = all.every((name) => !matchesModel(b, name) || matchesModel(a, name))
        if (patternCovers(a, b)) assert.isTrue(every)
        else assert.isFalse(matchesModel(a, b.replaceAll("*", "c")))
      }),
      { numRuns: 2000 }
    )
  })
})
