/**
 * Books in memory, gone with the process: for tests, and for a relay whose store is memory too. It is SQLite all the
 * same, so that what works here works on a file.
 */
import { Effect, Layer } from "effect"
import { Books } from "./Books.ts"
import { makeBooks } from "./BooksLive.ts"
import { notOpened, type OpenError } from "./BooksErrors.ts"
import { openSqlite } from "./SqliteFileNode.ts"

/** Empty books. Each build of the layer has its own. */
export const layer: Layer.Layer<Books, OpenError> = Layer.effect(
  Books,
  openSqlite({ _tag: "Memory" }).pipe(Effect.flatMap(makeBooks), Effect.mapError(notOpened))
)
