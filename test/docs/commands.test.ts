/**
 * Commands that the pages tell to type are there.
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { usage } from "#src/cli/Command"
import { root } from "../exports/packageJson.ts"

const pages = globSync(["README.md", "docs/**/*.md", "examples/**/*.md", "bench/*.md"], { cwd: root }).sort()

/** What the pages say where a pattern finds it, each once. */
const said = (pattern: RegExp): ReadonlyArray<string> => [
  ...new Set(
    pages.flatMap((page) => [...readFileSync(join(root, page), "utf8").matchAll(pattern)].map(([, what]) => what!))
  )
]

describe("commands on the pages", () => {
  it("of npm are scripts of the package", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly scripts: object }
    const named = said(/\bnpm run (?:-s )?([\w:]+)/g)
    assert.isAbove(named.length, 5)
    assert.deepStrictEqual(
      named.filter((name) => !Object.hasOwn(scripts, name)),
      []
    )
  })

  it("of effect-resilience are those that it has", () => {
    const named = said(/(?:`|npx |\.bin\/|^)effect-resilience ([a-z]+)/gm)
    assert.includeMembers([...named], ["relay", "check", "schema"])
    assert.deepStrictEqual(
      named.filter((name) => !usage.includes(`effect-resilience ${name}`)),
      []
    )
  })

  it("run examples that there are", () => {
    const named = said(/\b(examples\/[\w/-]+\.(?:ts|yaml))\b/g).filter((file) => file !== "examples/NAME.ts")
    assert.isNotEmpty(named)
    assert.deepStrictEqual(
      named.filter((file) => !existsSync(join(root, file))),
      []
    )
  })
})
