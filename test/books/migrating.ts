/**
 * A process that opens the books at `DATABASE_URL`, makes tables, writes a pair and says `done`.
 */
import { Context, Effect, Layer, Redacted } from "effect"
import { Books } from "#src/books/index"
import * as BooksPostgresNode from "#src/books/BooksPostgresNode"
import { pairs, writePair } from "./kit.ts"

const url = Redacted.make(process.env["DATABASE_URL"] ?? "")

const program = Effect.gen(function* () {
  const books = Context.get(yield* Layer.build(BooksPostgresNode.layer({ url })), Books)
  yield* books.migrate(pairs)
  yield* writePair(books, String(process.pid))
})
await Effect.runPromise(Effect.scoped(program))
process.send?.("done", () => process.disconnect())
