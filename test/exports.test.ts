/**
 * What users get, name by name: the list is in `exports/names.txt`, so that a name that goes or comes is seen when the
 * change is read. `npx vitest run test/exports.test.ts --update` writes it anew.
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync } from "node:fs"
import { basename, join } from "node:path"
import { expect } from "vitest"
import { type Name, readNames } from "./exports/names.ts"
import { deprecated, root, subpaths } from "./exports/packageJson.ts"

const source = (subpath: string): string => subpaths.get(subpath)!["effect-resilience-source"]
const faces = [...subpaths.keys()].filter((subpath) => !deprecated.includes(subpath))

const inside = (subpath: string): string => `src/${basename(subpath)}/index.ts`
const namesOf = readNames([...[...subpaths.keys()].map(source), ...deprecated.map(inside)])

const print = ({ kind, name }: Name): string => (kind === "value" ? `  ${name}` : `  ${kind} ${name}`)

/** Every face, and after them every namespace that one of them gives, once. */
const listed = (): string => {
  const namespaces = new Map<string, string>()
  const blocks = faces.map((subpath) => {
    const names = namesOf(source(subpath))
    for (const { file, kind, name } of names) {
      // `Errors` is a face of its own, listed above.
      if (kind === "namespace" && !file.startsWith("exports/")) namespaces.set(file, name)
    }
    return [`effect-resilience${subpath.slice(1)}`, ...names.map(print)].join("\n")
  })
  const inner = [...namespaces]
    .sort(([, one], [, other]) => (one < other ? -1 : 1))
    .map(([file, name]) => [`namespace ${name}`, ...namesOf(`src/${file}`).map(print)].join("\n"))
  return `${[...blocks, ...inner].join("\n\n")}\n`
}

describe("what users get", () => {
  it("is this list of names, and no other", async () => {
    await expect(listed()).toMatchFileSnapshot("./exports/names.txt")
  })

  it("has a docstring for every name", () => {
    const undocumented = faces.flatMap((subpath) => {
      const names = namesOf(source(subpath))
      const inner = names
        .filter(({ kind }) => kind === "namespace")
        .flatMap(({ file, name }) => namesOf(`src/${file}`).map((one) => ({ ...one, name: `${name}.${one.name}` })))
      return [...names, ...inner].filter(({ isDocumented }) => !isDocumented).map(({ name }) => `${subpath} ${name}`)
    })
    assert.deepStrictEqual([...new Set(undocumented)], [])
  })

  it("is namespaces alone at the root", () => {
    assert.deepStrictEqual(
      namesOf(source(".")).filter(({ kind }) => kind !== "namespace"),
      []
    )
  })

  it("is a file of src/exports for each subpath, and each of them has its subpath", () => {
    assert.deepStrictEqual(
      [...subpaths.values()].map((target) => target["effect-resilience-source"]).sort(),
      globSync("src/exports/*.ts", { cwd: root })
        .map((file) => `./${file}`)
        .sort()
    )
    for (const target of subpaths.values()) {
      const file = target["effect-resilience-source"]
      assert.isTrue(existsSync(join(root, file)), file)
      assert.strictEqual(target.default, file.replace("./src/", "./dist/").replace(/\.ts$/, ".js"))
      assert.strictEqual(target.types, file.replace("./src/", "./dist/").replace(/\.ts$/, ".d.ts"))
    }
  })
})

describe("the inside subpaths that are to go", () => {
  it.each(deprecated)("%s gives what its floor's index gives", (subpath) => {
    const names = namesOf(source(subpath)).map(print)
    assert.isAbove(names.length, 0)
    assert.deepStrictEqual(names, namesOf(inside(subpath)).map(print))
  })
})
