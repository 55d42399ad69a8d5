/**
 * What SQLite and the file system say, in plain words and with the path of the store.
 */
import { QueryDataError, stackless, UpdateDataError } from "../errors/index.ts"

/** SQLite's primary result codes that mean something of their own here. */
const plain: { readonly [code: number]: string } = {
  3: "may not be opened: permission denied",
  5: "is busy",
  6: "is busy",
  8: "cannot be written: it is read-only",
  10: "cannot be read or written: the disk reports an error",
  11: "is damaged: restore it from a copy, or move it away to begin anew",
  13: "cannot be written: the disk is full",
  14: "cannot be opened: its folder or file may not be used, or is none",
  26: "is not a database"
}

/** What the file system calls the same. */
const spoken: { readonly [code: string]: number } = {
  EACCES: 3,
  EPERM: 3,
  EROFS: 8,
  EIO: 10,
  ENOSPC: 13,
  EISDIR: 14,
  // A device, a pipe, a socket.
  ENOTREG: 14,
  // A folder is made where there is none, and this is one's name.
  EEXIST: 14,
  ENOTDIR: 14,
  ENOENT: 14,
  ELOOP: 14
}

/** The primary result code of an error of SQLite, the one that means the same for one of the file system, or `undefined`. */
export const sqliteCode = (cause: unknown): number | undefined => {
  if (typeof cause !== "object" || cause === null) return undefined
  if ("errcode" in cause && typeof cause.errcode === "number") return cause.errcode & 0xff
  return "syscall" in cause && "code" in cause ? spoken[String(cause.code)] : undefined
}

/** Another connection holds the lock that was needed: trying again may succeed. */
export const isBusy = (cause: unknown): boolean => {
  const code = sqliteCode(cause)
  return code === 5 || code === 6
}

/** One sentence about an error: `the store at PATH is not a database`. */
export const describe = (path: string, cause: unknown): string => {
  const code = sqliteCode(cause)
  const known = code === undefined ? undefined : plain[code]
  if (known !== undefined) return `the store at ${path} ${known}`
  const said = cause instanceof Error ? cause.message : String(cause)
  return `the store at ${path} failed: ${said}`
}

/** The store could not be written, or not be opened. */
export const updateFault = (message: string): UpdateDataError => stackless(() => new UpdateDataError({ message }))

/** What is stored could not be read. */
export const queryFault = (message: string): QueryDataError => stackless(() => new QueryDataError({ message }))

/** The error for a store that cannot be opened: damaged, or not ours, is a `QueryDataError`. */
export const openFault = (path: string, cause: unknown): UpdateDataError | QueryDataError => {
  const code = sqliteCode(cause)
  const message = describe(path, cause)
  return code === 11 || code === 26 ? queryFault(message) : updateFault(message)
}
