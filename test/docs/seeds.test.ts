/**
 * The README's table of seeds: each row says where something is and which test shows it, and both are there.
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../exports/packageJson.ts"

const readme = readFileSync(join(root, "README.md"), "utf8")
const section = readme.slice(readme.indexOf("## Seeds"), readme.indexOf("\n## ", readme.indexOf("## Seeds") + 1))

const rows = section
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (part|-)/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, part = "", here = "", shown = ""]) => ({ part, here: filesIn(here), shown: filesIn(shown) }))

function filesIn(cell: string): ReadonlyArray<string> {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, file]) => file!)
}

describe("the seeds of the README", () => {
  it("are four texts, with all of their parts", () => {
    assert.lengthOf(section.match(/^\*\*.+\*\* \(.+\)\./gm) ?? [], 4)
    assert.isAbove(rows.length, 35)
    for (const number of ["1.1", "1.2", "2.1", "2.2", "2.3", "3.1", "3.2", "4.1", "4.2", "5.1", "5.2"]) {
      assert.isTrue(
        rows.some(({ part }) => part.startsWith(`${number} `)),
        number
      )
    }
  })

  it.each(rows.map((row) => [row.part, row] as const))("%s", (_, { here, shown }) => {
    assert.isNotEmpty(here)
    assert.isNotEmpty(shown)
    for (const file of here) assert.match(file, /^(src|docs|examples|web)\//)
    for (const file of shown) assert.match(file, /^test\/.+\.test\.ts$/)
    for (const file of [...here, ...shown]) assert.isTrue(existsSync(join(root, file)), file)
  })
})
