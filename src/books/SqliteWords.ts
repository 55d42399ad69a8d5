/**
 * What SQLite's result codes mean for the books.
 */
import { BooksAway, BooksBroken, BooksBusy, type BooksError, NotUnique } from "./BooksErrors.ts"

/** What a result code means. */
export type SqliteMeaning =
  /** Somebody else holds the lock. */
  | { readonly _tag: "Busy" }
  /** The file cannot be used now. */
  | { readonly _tag: "Away"; readonly said: string }
  /** The file is not one of ours, or is not whole. */
  | { readonly _tag: "Damaged"; readonly said: string }
  | { readonly _tag: "NotUnique" }
  | { readonly _tag: "Other" }

const primary: { readonly [code: number]: SqliteMeaning } = {
  3: { _tag: "Away", said: "may not be opened: permission denied" },
  5: { _tag: "Busy" },
  6: { _tag: "Busy" },
  8: { _tag: "Away", said: "cannot be written: they are read-only" },
  10: { _tag: "Away", said: "cannot be read or written: the disk reports an error" },
  11: { _tag: "Damaged", said: "are damaged: restore them from a copy" },
  13: { _tag: "Away", said: "cannot be written: the disk is full" },
  14: { _tag: "Away", said: "cannot be opened: the folder or file may not be used, or is none" },
  26: { _tag: "Damaged", said: "are not a database" }
}

/** SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE and _ROWID. */
const unique: ReadonlyArray<number> = [1555, 2067, 2579]

/** The extended result code of an error of `node:sqlite`, or `undefined` for any other error. */
export const sqliteCode = (cause: unknown): number | undefined => {
  const code = typeof cause === "object" && cause !== null && "errcode" in cause ? cause.errcode : undefined
  return typeof code === "number" ? code : undefined
}

/** What an error of `node:sqlite` means. */
export const sqliteMeaning = (cause: unknown): SqliteMeaning => {
  const code = sqliteCode(cause)
  if (code === undefined) return { _tag: "Other" }
  return unique.includes(code) ? { _tag: "NotUnique" } : (primary[code & 0xff] ?? { _tag: "Other" })
}

/** An error of `node:sqlite` as one of the books. */
export const sqliteError = (place: string, cause: unknown): BooksError => {
  const meaning = sqliteMeaning(cause)
  const said = cause instanceof Error ? cause.message : String(cause)
  switch (meaning._tag) {
    case "Busy":
      return new BooksBusy({ message: `the books at ${place} are busy` })
    case "Away":
      return new BooksAway({ message: `the books at ${place} ${meaning.said}` })
    case "Damaged":
      return new BooksAway({ message: `the books at ${place} ${meaning.said}` })
    case "NotUnique":
      return new NotUnique({ message: `the books at ${place}: ${said}`, constraint: said })
    case "Other":
      return new BooksBroken({ message: `the books at ${place}: ${said}` })
  }
}
