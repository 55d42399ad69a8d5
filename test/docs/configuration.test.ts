import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { configurationPage, configurationPageFile, exampleOf } from "../../scripts/configurationPage.ts"

describe("docs/relay/configuration.md", () => {
  it("is what the file's schema says (npm run docs:configuration)", () => {
    assert.strictEqual(readFileSync(configurationPageFile, "utf8"), configurationPage())
  })

  const rows = configurationPage()
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((text) => text.trim())
    )

  it("has for every option what it takes, its unit, its default, what it does, and since when", () => {
    assert.deepInclude(rows, [
      "`budget.ratio`",
      "a number of at least 0",
      "retries a request",
      "`0.2`",
      "Retries for each request.",
      "0.1"
    ])
    assert.deepInclude(rows, [
      "`storeRequests`",
      "true or false",
      "",
      "`true`",
      "Whether requests are kept until their answers have ended; without them no answer goes on after a restart.",
      "0.2"
    ])
    assert.isAbove(rows.length, 50)
    for (const row of rows) {
      assert.strictEqual(row.length, 6, row[0])
      const [name, takes, unit, ...others] = row
      assert.notInclude([name, takes, ...others], "", name)
      assert.notMatch(takes!, /a value/, name)
      // A duration has its unit in its text; a share, a count and an amount say what they count.
      assert.strictEqual(unit === "time", takes!.startsWith("a duration"), name)
    }
  })

  it("says of each limit that is a number what it counts", () => {
    const numbers = rows.filter(([, takes]) => /^an? (integer|number) /.test(takes!))
    assert.isAbove(numbers.length, 10)
    const bare = numbers.filter(([, , unit]) => unit === "").map(([name]) => name)
    assert.deepStrictEqual(bare, ["`port`"], "what it counts goes into `units` of scripts/configurationPage.ts")
  })

  it("has each section's part of examples/relay.yaml, whole", () => {
    const page = configurationPage()
    const sections = [...page.matchAll(/^## `(\w+)`/gm)].map(([, name]) => name!)
    assert.isAbove(sections.length, 8)
    for (const name of sections) assert.isDefined(exampleOf(name), name)
    const example = readFileSync(new URL("../../examples/relay.yaml", import.meta.url), "utf8")
    const keys = [...example.matchAll(/^(\w+):/gm)].map(([, name]) => name!)
    assert.deepStrictEqual([...keys].sort(), [...sections].sort())
    assert.strictEqual(exampleOf("retry")!.split("\n").length, 3)
    assert.match(exampleOf("channels")!, /service_tier: null \}/)
  })
})
