/**
 * What the package says of itself.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"

export const root = join(import.meta.dirname, "../..")

interface Target {
  readonly "effect-resilience-source": string
  readonly types: string
  readonly default: string
}

const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: { readonly [subpath: string]: Target | string }
}

/** The subpaths that hold a module, each with where it lies. */
export const subpaths: ReadonlyMap<string, Target> = new Map(
  Object.entries(exports).flatMap(([subpath, target]) => (typeof target === "string" ? [] : [[subpath, target]]))
)

/** The six inside subpaths, which are to go: each gives what its floor's index gives. */
export const deprecated: ReadonlyArray<string> = ["./store", "./journal", "./channel", "./account", "./server", "./cli"]
