/**
 * What `npm run check:walls` decides by: an edit that does not fit any more is told and not passed over, and a place that
 * is silent is found.
 */
import { assert, describe, it } from "@effect/vitest"
import { edited, errorsByFile, silent } from "../../scripts/walls/Wall.ts"
import { walls } from "../../scripts/walls/list.ts"

const files = new Map<string, string | undefined>([
  ["a.ts", "one two two"],
  ["b.ts", undefined]
])

describe("an edit", () => {
  it("is made where its text is, once; further ones on top of it", () => {
    const edits = [
      { file: "a.ts", find: "one", put: "$& three" },
      { file: "a.ts", find: "three", put: "four" },
      { file: "b.ts", create: "new" }
    ]
    const done = edited(edits, files)
    assert.deepStrictEqual(done._tag === "Edited" ? [...done.files] : done, [
      ["a.ts", "$& four two two"],
      ["b.ts", "new"]
    ])
  })

  it("is stale where its text is gone, or is there twice, or a file is not as it should be", () => {
    const why = (edit: Parameters<typeof edited>[0][number]) => {
      const done = edited([edit], files)
      return done._tag === "Stale" ? done.why : "it fits"
    }
    assert.strictEqual(why({ file: "a.ts", find: "five", put: "" }), "a.ts has 0 times: five")
    assert.strictEqual(why({ file: "a.ts", find: "two", put: "" }), "a.ts has 2 times: two")
    assert.strictEqual(why({ file: "b.ts", find: "two", put: "" }), "b.ts is not there")
    assert.strictEqual(why({ file: "a.ts", create: "" }), "a.ts is there already")
  })
})

describe("who complains", () => {
  const output = [
    "src/a.ts(1,2): error TS2322: Type 'x' is not assignable to type 'y'.",
    "  src/b.ts(3,4): error TS1: a line of the message above",
    "src/a.ts(9,1): error TS2741: Property 'walls' is missing in type '{}'.",
    "src/c.ts(3,4): error TS1360: Type '{}' does not satisfy the expected type."
  ].join("\n")

  it("is counted by file", () => {
    assert.deepStrictEqual(
      [...errorsByFile(output)],
      [
        ["src/a.ts", 2],
        ["src/c.ts", 1]
      ]
    )
    assert.strictEqual(errorsByFile("").size, 0)
  })

  it("is missed where it is silent, or complains of fewer places than were forgotten", () => {
    const wall = { name: "x", edits: [], complain: { "src/a.ts": 2, "src/b.ts": 1, "src/c.ts": 2 } }
    assert.deepStrictEqual(silent(wall, errorsByFile(output)), ["src/b.ts (0 of 1)", "src/c.ts (1 of 2)"])
  })

  it("is named by every experiment", () => {
    assert.deepStrictEqual(
      walls.filter(({ complain }) => Object.keys(complain).length === 0).map(({ name }) => name),
      []
    )
    assert.strictEqual(new Set(walls.map(({ name }) => name)).size, walls.length)
  })
})
