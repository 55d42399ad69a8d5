/**
 * What a page of the package links to is in the package, under that name: also when it is read on npm.
 */
import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { packed, root } from "../exports/packageJson.ts"

const pages = globSync(["*.md", "docs/**/*.md", "examples/**/*.md"], { cwd: root }).sort()

const isPacked = (path: string): boolean =>
  statSync(join(root, path), { throwIfNoEntry: false }) !== undefined &&
  packed.some((entry) => path === entry || path.startsWith(`${entry}/`))

/** A heading's name in links, as GitHub and npm make it. */
const anchorsOf = (page: string): ReadonlyArray<string> =>
  [...readFileSync(join(root, page), "utf8").matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-")
  )

/** What of a page leads nowhere. */
const broken = (page: string, text: string): ReadonlyArray<string> =>
  [...text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path, anchor] = link.split("#")
      const target = path === "" ? page : join(page, "..", path!)
      return !isPacked(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
    })
    .map((link) => `${page}: ${link}`)

describe("the pages of the package", () => {
  it("are in it, each of them", () => {
    assert.isAbove(pages.length, 20)
    assert.deepStrictEqual(
      pages.filter((page) => !isPacked(page)),
      []
    )
  })

  it("link to what is in it", () => {
    const links = pages.flatMap((page) => broken(page, readFileSync(join(root, page), "utf8")))
    assert.deepStrictEqual(links, [])
  })

  it("would be told otherwise", () => {
    const text =
      "[a](test/exports.test.ts) [b](docs/none.md) [c](#none) [d](docs/errors.md) [e](https://effect.website)"
    assert.deepStrictEqual(broken("README.md", text), [
      "README.md: test/exports.test.ts",
      "README.md: docs/none.md",
      "README.md: #none"
    ])
  })
})
