/**
 * The books in a SQLite file: one file (and two beside it while it is open) is all there is to look after.
 *
 * What a transaction has answered survives the death of the process in whatever way (write-ahead log,
 * `synchronous = NORMAL`; a power cut may take the last moments, never half of a transaction). Several processes may use
 * one file on one machine.
 */
import { resolve } from "node:path"
import { Effect, Layer } from "effect"
import { Books } from "./Books.ts"
import { notOpened, type OpenError } from "./BooksErrors.ts"
import { makeBooks } from "./BooksLive.ts"
import { openSqlite } from "./SqliteFileNode.ts"

export type { OpenError } from "./BooksErrors.ts"

/**
 * Opens the file at `path`, which is made where there is none, with its folder, and readable by its owner only (mode
 * 0600). Fails, naming the path, when it cannot be opened or written, is damaged, newer, or another program's.
 */
export const layer = (options: { readonly path: string }): Layer.Layer<Books, OpenError> =>
  Layer.effect(
    Books,
    openSqlite({ _tag: "File", path: resolve(options.path) }).pipe(
      Effect.flatMap(makeBooks),
      Effect.mapError(notOpened)
    )
  )
