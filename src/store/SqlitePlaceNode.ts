/**
 * Where a SQLite database lies: its own file, whatever links lead to it, and who may read it.
 */
import { chmodSync, closeSync, mkdirSync, openSync, realpathSync, statSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { dirname } from "node:path"

/** The place of a database. */
export interface SqlitePlace {
  /** The file itself: two paths to it are one. */
  readonly file: string
  /** The file beside it that is its lock. */
  readonly lock: string
}

/** Which file a path leads to now, or `undefined`: two files are the same if these are. */
export const identityOf = (file: string): string | undefined => {
  const found = statSync(file, { throwIfNoEntry: false })
  return found === undefined ? undefined : `${found.dev}:${found.ino}`
}

/** How large a file is, in bytes; 0 if there is none. */
export const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/**
 * Makes a folder and those that it lies in, each for its owner alone, where they are not there. Throws what the file system
 * says. `recursive` of Node's `mkdirSync` is not for it: below a folder in which nobody can make one (`/proc`) it never ends.
 */
export const makeFolder = (path: string): void => {
  if (isFolder(path)) return
  const above = dirname(path)
  if (above !== path) makeFolder(above)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (cause) {
    // Somebody else may have made it just then.
    if (!isFolder(path)) throw cause
  }
}

/** A device, a pipe or a socket: its rights are the system's, and to open a pipe may take for ever. */
class NoFile extends Error {
  readonly syscall = "open"
  readonly code = "ENOTREG"
}

const isNoFile = (path: string): boolean => {
  const found = statSync(path, { throwIfNoEntry: false })
  return found !== undefined && !found.isFile() && !found.isDirectory()
}

/**
 * Makes the folder and the file if they are not there, and takes everybody else's rights to the file, as far as this
 * process may: SQLite gives its log the rights of the file. Throws what the file system says.
 */
export const placeOf = (path: string): SqlitePlace => {
  makeFolder(dirname(path))
  if (isNoFile(path)) throw new NoFile(`${path} is no file`)
  // Opened to append: nothing of what is there is touched. It may be the end of a link that leads to nothing yet.
  closeSync(openSync(path, "a", 0o600))
  const file = realpathSync(path)
  for (const each of [file, `${file}-wal`, `${file}-shm`]) restrict(each)
  const lock = `${file}.lock`
  if (isNoFile(lock)) throw new NoFile(`${lock} is no file`)
  closeSync(openSync(lock, "a", 0o600))
  restrict(lock)
  return { file, lock }
}

/** Its owner's alone. Another's file, or a file system without modes, stays as it is. */
const restrict = (file: string): void => {
  const found = statSync(file, { throwIfNoEntry: false })
  if (found === undefined || !found.isFile() || (found.mode & 0o077) === 0) return
  try {
    chmodSync(file, found.mode & 0o700)
  } catch {
    // It is used all the same.
  }
}

/**
 * The address of a database that is there. To open what is not there would make it, empty; and whoever opens an empty
 * database takes the log beside it for a leftover, and removes it: the log of the file that was moved away just then.
 */
export const addressOf = (file: string): URL => {
  const address = pathToFileURL(file)
  address.searchParams.set("mode", "rw")
  return address
}
