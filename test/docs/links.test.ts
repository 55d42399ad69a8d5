/**
 * What a page of the package links to is in the package, under that name: also when it is read on npm.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll } from "vitest"
import { root } from "../exports/packageJson.ts"

const pages = globSync(["*.md", "docs/**/*.md", "examples/**/*.md", "bench/*.md"], { cwd: root }).sort()

/** Where the files of the package are, wherever its README is read. */
const published = "https://unpkg.com/effect-resilience/"

/** The files of the package, as npm itself lists them. */
let packed: ReadonlySet<string> = new Set()

beforeAll(() => {
  const asked = ["pack", "--dry-run", "--json", "--ignore-scripts"]
  const { status, stderr, stdout } = spawnSync("npm", asked, { cwd: root, encoding: "utf8" })
  assert.strictEqual(status, 0, stderr)
  const listed = JSON.parse(stdout) as ReadonlyArray<{ readonly files: ReadonlyArray<{ readonly path: string }> }>
  packed = new Set(listed.flatMap(({ files }) => files.map(({ path }) => path)))
}, 120_000)

const isPacked = (path: string): boolean => packed.has(path)

const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, "")

/** A heading's name in links, as GitHub and npm make it: the second of one name has a number. */
const anchorsOf = (page: string): ReadonlyArray<string> => {
  const seen = new Map<string, number>()
  return [...withoutCode(readFileSync(join(root, page), "utf8")).matchAll(/^#+ (.+)$/gm)].map(([, title]) => {
    const name = title!
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-")
    const count = seen.get(name) ?? 0
    seen.set(name, count + 1)
    return count === 0 ? name : `${name}-${count}`
  })
}

const linksOf = (text: string): ReadonlyArray<string> => [
  ...[...withoutCode(text).matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)].map(([, link]) => link!),
  ...[...withoutCode(text).matchAll(/^\[[^\]]+\]: (\S+)$/gm)].map(([, link]) => link!)
]

/** What of a page leads nowhere. */
const broken = (page: string, text: string): ReadonlyArray<string> =>
  linksOf(text)
    .filter((link) => link.startsWith(published) || !/^[a-z]+:/.test(link))
    .filter((link) => {
      const inPackage = link.startsWith(published)
      const [path, anchor] = (inPackage ? link.slice(published.length) : link).split("#")
      const target = path === "" ? page : inPackage ? path! : join(page, "..", path!)
      return !isPacked(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
    })
    .map((link) => `${page}: ${link}`)

const textOf = (page: string): string => readFileSync(join(root, page), "utf8")

describe("the pages of the package", () => {
  it("are in it, each of them", () => {
    assert.isAbove(pages.length, 20)
    assert.deepStrictEqual(
      pages.filter((page) => !isPacked(page)),
      []
    )
  })

  it("link to what is in it", () => {
    const links = pages.flatMap((page) => broken(page, textOf(page)))
    assert.deepStrictEqual(links, [])
  })

  it("are found from docs/README.md, all but the decisions, which are found by number", () => {
    const found = linksOf(textOf("docs/README.md")).map((link) => join("docs", link.split("#")[0]!))
    const missed = pages.filter(
      (page) => page.startsWith("docs/") && !page.startsWith("docs/decisions/") && !found.includes(page)
    )
    assert.deepStrictEqual(missed, ["docs/README.md"])
  })

  // npm resolves a relative link of a README against `repository` of package.json, and without one against its own site.
  it("of which npm shows the README: its links are whole addresses", () => {
    const links = linksOf(textOf("README.md"))
    assert.isAbove(links.length, 15)
    assert.deepStrictEqual(
      links.filter((link) => !/^(https:\/\/|#)/.test(link)),
      []
    )
  })

  it("would be told otherwise", () => {
    const text =
      "[a](test/exports.test.ts) [b](docs/none.md) [c](#none) [d](docs/errors.md) [e](https://effect.website) " +
      `[f](docs/errors.md#none) [g](docs) [h](${published}docs/none.md) [i](${published}docs/errors.md#blame)`
    assert.deepStrictEqual(broken("README.md", text), [
      "README.md: test/exports.test.ts",
      "README.md: docs/none.md",
      "README.md: #none",
      "README.md: docs/errors.md#none",
      "README.md: docs",
      `README.md: ${published}docs/none.md`
    ])
  })
})
