/**
 * Keeps what V8 has compiled of the command's code from one start to the next: a start reads and compiles 2.5 MB, a third of
 * its time.
 *
 * Code that is had from a folder is run as it is there, so the folder is the user's own: `effect-resilience` in the folder that
 * the system gives each user for such things. Where that cannot be had (no home, a file system that is read only, a folder that
 * others may write to) nothing is kept, and nothing else is different. `NODE_COMPILE_CACHE` names another folder, and
 * `NODE_DISABLE_COMPILE_CACHE=1` keeps nothing: both are Node's.
 */
import { mkdirSync, statSync } from "node:fs"
import { enableCompileCache } from "node:module"
import { isAbsolute, join } from "node:path"
import process from "node:process"

/** The variables of an environment. */
export interface Variables {
  readonly [name: string]: string | undefined
}

/** The folder where a user's programs keep what they can do without, by the XDG Base Directory Specification 0.8. */
export const cacheFolder = (environment: Variables): string | undefined => {
  const { HOME: home = "", XDG_CACHE_HOME: named = "" } = environment
  // "All paths set in these environment variables must be absolute": others are as if they were not set.
  if (isAbsolute(named)) return named
  return isAbsolute(home) ? join(home, ".cache") : undefined
}

const isThereOrMade = (folder: string): void => {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  }
}

/** What says whose a folder is, and who may change what is in it. */
const groupWrites = 0o020
const othersWrite = 0o002
const ownersDelete = 0o1000

/**
 * The folder for compiled code, if there can be one: only this user writes to it, and nobody can put another in its place. It
 * is made if it is not there, and so is the one that it is in; a home is not.
 */
export const compiledFolder = (environment: Variables): string | undefined => {
  const all = cacheFolder(environment)
  if (all === undefined) return undefined
  const own = join(all, "effect-resilience")
  try {
    isThereOrMade(all)
    isThereOrMade(own)
    const around = statSync(all).mode
    const found = statSync(own)
    const isReplaced = (around & othersWrite) !== 0 && (around & ownersDelete) === 0
    const isOwn =
      found.isDirectory() && found.uid === process.getuid?.() && (found.mode & (groupWrites | othersWrite)) === 0
    return isOwn && !isReplaced ? own : undefined
  } catch {
    return undefined
  }
}

/** From now on what is loaded is had from there if it can, and kept there when the process ends. */
export const keepCompiled = (): void => {
  if (process.env["NODE_COMPILE_CACHE"] || process.env["NODE_DISABLE_COMPILE_CACHE"]) return
  const folder = compiledFolder(process.env)
  if (folder !== undefined) enableCompileCache(folder)
}
