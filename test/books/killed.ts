/**
 * A process that writes pairs into books until it is killed, and prints the id of each that is written.
 * Used by `BooksKill.test.ts`: `node killed.ts PATH`.
 */
import { writeSync } from "node:fs"
import { Context, Effect, Layer } from "effect"
import { Books } from "#src/books/index"
import * as BooksSqliteNode from "#src/books/BooksSqliteNode"
import { pairs, writePair } from "./kit.ts"

const program = Effect.gen(function* () {
  const books = Context.get(yield* Layer.build(BooksSqliteNode.layer({ path: process.argv[2] ?? "" })), Books)
  yield* books.migrate(pairs)
  for (let n = 0; ; n++) {
    const id = `${process.pid}-${n}`
    yield* writePair(books, id)
    writeSync(1, `${id}\n`)
    // Others of the same process write through the queue.
    books.later(Effect.asVoid(writePair(books, `${id}-later`)))
    if (n % 8 === 0) yield* Effect.sleep(0)
  }
})
await Effect.runPromise(Effect.scoped(program))
