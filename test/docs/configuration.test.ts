import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { configurationPage, configurationPageFile } from "../../scripts/configurationPage.ts"

describe("docs/relay/configuration.md", () => {
  it("is what the file's schema says (npm run docs:configuration)", () => {
    assert.strictEqual(readFileSync(configurationPageFile, "utf8"), configurationPage())
  })

  it("has for every option what it takes, its default and what it does", () => {
    const rows = configurationPage()
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .map((line) =>
        line
          .slice(1, -1)
          .split("|")
          .map((text) => text.trim())
      )
    assert.deepInclude(rows, ["`budget.ratio`", "a number of at least 0", "`0.2`", "Retries for each request."])
    assert.isAbove(rows.length, 50)
    for (const row of rows) {
      assert.strictEqual(row.length, 4, row[0])
      assert.notInclude(row, "")
      assert.notInclude(row, "a value")
    }
  })
})
