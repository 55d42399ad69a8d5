/**
 * Keeps what V8 has compiled of the command's code from one start to the next: a start reads and compiles 2.5 MB, a third of
 * its time.
 *
 * Code that is had from a folder is run as it is there, so the folder is the user's own: `effect-resilience` in the folder that
 * the system gives each user for such things. Where that cannot be had (no home, a file system that is read only, a folder that
 * others may change) nothing is kept, and nothing else is different. `NODE_COMPILE_CACHE` names another folder, and
 * `NODE_DISABLE_COMPILE_CACHE=1` keeps nothing: both are Node's.
 */
import { mkdirSync, realpathSync, statSync } from "node:fs"
import { enableCompileCache } from "node:module"
import { dirname, isAbsolute, join } from "node:path"
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

/** Makes a folder that is not there, in one that is this user's: nobody is left something in his home that is not his. */
const makeIfNone = (folder: string, user: number): void => {
  if (statSync(folder, { throwIfNoEntry: false }) !== undefined) return
  if (statSync(dirname(folder)).uid !== user) throw new Error(`${dirname(folder)} is another's`)
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  }
}

const system = 0
const othersUse = 0o077
const othersWrite = 0o022
const ownersDelete = 0o1000

/** Whether nobody but the user and the system can put another folder in its place: neither it nor any that it is in. */
const isKept = (folder: string, user: number): boolean => {
  const { mode, uid } = statSync(folder)
  const isSafe = (uid === user || uid === system) && ((mode & othersWrite) === 0 || (mode & ownersDelete) !== 0)
  const above = dirname(folder)
  return isSafe && (above === folder || isKept(above, user))
}

/**
 * The folder for compiled code, if there can be one: the user's, nobody else's to read or write, and in none that others may
 * change (as OpenSSH wants it of its keys). It is made if it is not there, and so is the one that it is in; a home is not. Where
 * there are no users (Windows) there is none.
 */
export const compiledFolder = (environment: Variables, user = process.getuid?.()): string | undefined => {
  const all = cacheFolder(environment)
  if (all === undefined || user === undefined) return undefined
  const own = join(all, "effect-resilience")
  try {
    for (const folder of [all, own]) makeIfNone(folder, user)
    // What is looked at is where it is, and not what leads there.
    const place = realpathSync(own)
    const found = statSync(place)
    const isOwn = found.isDirectory() && found.uid === user && (found.mode & othersUse) === 0
    return isOwn && isKept(dirname(place), user) ? place : undefined
  } catch {
    return undefined
  }
}

/** From now on what is loaded is had from there if it can, and kept there when the process ends. */
export const keepCompiled = (): void => {
  // From its sources it is run by who changes them.
  if (import.meta.url.endsWith(".ts")) return
  if (process.env["NODE_COMPILE_CACHE"] || process.env["NODE_DISABLE_COMPILE_CACHE"]) return
  const folder = compiledFolder(process.env)
  if (folder !== undefined) enableCompileCache(folder)
}
