/**
 * How books fail: what may be asked again, what may not, and why they were not opened.
 *
 * A message names the books by their place (a path, or a host and a database) and never holds a secret or a parameter
 * of a statement.
 */
import { Data } from "effect"
import { Blame } from "../errors/index.ts"

/** The database cannot be reached, written or read now: the same may succeed when it is back. */
export class BooksAway extends Data.TaggedError("BooksAway")<{ readonly message: string }> {
  readonly [Blame.of] = "storage"
}

/** The database is well, but others were in the way (a lock, a deadlock): the same may succeed at once. */
export class BooksBusy extends Data.TaggedError("BooksBusy")<{ readonly message: string }> {
  readonly [Blame.of] = "storage"
}

/**
 * What was asked cannot be done, now or later: a statement that the database does not take, a value that does not fit.
 * A mistake of ours, or a schema that is not ours.
 */
export class BooksBroken extends Data.TaggedError("BooksBroken")<{ readonly message: string }> {
  readonly [Blame.of] = "storage"
}

/**
 * A row with the same unique value is there already. Which constraint it was is spelled by each database in its own
 * way: for logs only. Where it may happen, `ON CONFLICT DO NOTHING RETURNING` is the better question.
 */
export class NotUnique extends Data.TaggedError("NotUnique")<{
  readonly message: string
  readonly constraint: string
}> {}

/** How a statement or a transaction fails. */
export type BooksError = BooksAway | BooksBusy | BooksBroken | NotUnique

/** Whether a failure is one of the books. */
export const isBooksError = (error: unknown): error is BooksError =>
  error instanceof BooksAway || error instanceof BooksBusy || error instanceof BooksBroken || error instanceof NotUnique

/** The books cannot be opened as they are: a wrong path, password or file, a damaged one, a server that is too old. */
export class BooksNotOpened extends Data.TaggedError("BooksNotOpened")<{ readonly message: string }> {}

/** The books were written by a newer version of this program; nothing was changed. */
export class BooksNewer extends Data.TaggedError("BooksNewer")<{
  readonly message: string
  readonly module: string
  /** The version that the books have. */
  readonly found: number
  /** The newest version that this program knows. */
  readonly known: number
}> {}

/** A package that is needed for this is not installed. */
export class PeerMissing extends Data.TaggedError("PeerMissing")<{
  readonly message: string
  readonly package: string
}> {}

/** The books were not copied: the message says why, and what to do instead. */
export class BackupRefused extends Data.TaggedError("BackupRefused")<{ readonly message: string }> {}

/** Why books do not open. */
export type OpenError = BooksNotOpened | BooksNewer

/** What failed while opening is no more than that: they were not opened. */
export const notOpened = (error: BooksError | OpenError): OpenError =>
  error._tag === "BooksNewer" || error._tag === "BooksNotOpened"
    ? error
    : new BooksNotOpened({ message: error.message })
