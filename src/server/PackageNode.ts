/**
 * The package that this module is of, whether it runs from `src`, `dist` or `dist/bin`.
 */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const above = (from: string): string => {
  const parent = dirname(from)
  return existsSync(join(from, "package.json")) || parent === from ? from : above(parent)
}

/** Its folder: the nearest one with a `package.json`. */
export const packageFolder = above(dirname(fileURLToPath(import.meta.url)))

/** Its version, read from its `package.json`. */
export const packageVersion = (): string => {
  const text = readFileSync(join(packageFolder, "package.json"), "utf8")
  return (JSON.parse(text) as { readonly version: string }).version
}
