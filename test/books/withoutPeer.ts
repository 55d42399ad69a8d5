/**
 * A process in which `@effect/sql-pg` is not installed: prints how books in PostgreSQL do not open, and that those in
 * memory do. Used by `PeerMissing.test.ts`.
 */
import { registerHooks } from "node:module"
import { Context, Effect, Layer, Redacted } from "effect"

registerHooks({
  resolve: (specifier, context, next) => {
    if (specifier.startsWith("@effect/sql-pg")) {
      throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: "ERR_MODULE_NOT_FOUND" })
    }
    return next(specifier, context)
  }
})
const { Books, sql } = await import("#src/books/index")
const memory = await import("#src/books/BooksMemoryNode")
const postgres = await import("#src/books/BooksPostgresNode")

const open = Layer.build(postgres.layer({ url: Redacted.make("postgres://relay@127.0.0.1:1/books") }))
const missing = await Effect.runPromise(Effect.scoped(Effect.flip(open)))
const rows = await Effect.runPromise(
  Effect.scoped(
    Effect.flatMap(Layer.build(memory.layer), (context) => Context.get(context, Books).run(sql`SELECT 1 AS x`))
  )
)
console.log(JSON.stringify({ tag: missing._tag, message: missing.message, rows: rows.length }))
