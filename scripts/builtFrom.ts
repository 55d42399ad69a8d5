/**
 * What is built of sources, and built again only where they have changed.
 */
import { createHash } from "node:crypto"
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** The checkout. */
export const root = fileURLToPath(new URL("..", import.meta.url))

/** A hash of the sources, which are patterns below the checkout. Some hundreds of files: 30 ms. */
const fingerprint = (sources: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const file of globSync(sources, { cwd: root }).sort()) {
    hash.update(file).update("\0")
    hash.update(readFileSync(join(root, file))).update("\0")
  }
  return hash.digest("hex")
}

const builtFrom = (target: string): string | undefined => {
  const mark = join(target, "built-from")
  return existsSync(mark) ? readFileSync(mark, "utf8") : undefined
}

/** A folder, what it is made of, and how: `build` writes to another one beside it. */
export interface Built {
  readonly target: string
  readonly sources: ReadonlyArray<string>
  readonly build: (folder: string) => Promise<void>
}

/** Builds it in any case. */
export const buildAnew = async ({ target, sources, build }: Built): Promise<void> => {
  const mark = fingerprint(sources)
  mkdirSync(dirname(target), { recursive: true })
  // Beside it, and then in its place: who uses it while it is built uses the old one whole.
  const folder = mkdtempSync(join(dirname(target), `${basename(target)}-`))
  try {
    await build(folder)
    writeFileSync(join(folder, "built-from"), mark)
    // A temporary folder is its owner's alone; this one is for whoever runs the relay.
    chmodSync(folder, 0o755)
    rmSync(target, { recursive: true, force: true })
    renameSync(folder, target)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Builds it unless what is there is made of the very same sources. */
export const buildIfChanged = async (built: Built): Promise<void> => {
  if (builtFrom(built.target) !== fingerprint(built.sources)) await buildAnew(built)
}
