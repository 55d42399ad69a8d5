import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Layer, type Scope, SubscriptionRef } from "effect"
import { Books, type BooksModule, sql } from "#src/books/index"

/** A folder of a test's own. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "books-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Opens books anew, even where the same layer is open already. */
export const openBooks = <E>(layer: Layer.Layer<Books, E>): Effect.Effect<Books["Service"], E, Scope.Scope> =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, Books))

/** Waits, a moment at a time, on the machine's own clock. */
export const until = (holds: () => boolean, within = 15_000): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const end = performance.now() + within
    const look = (): void => {
      if (holds()) return resume(Effect.void)
      if (performance.now() > end) return resume(Effect.die(new Error(`not within ${within} ms`)))
      setTimeout(look, 5)
    }
    look()
  })

/** How the books are now. */
export const healthOf = (books: Books["Service"]): "Usable" | "Away" => SubscriptionRef.getUnsafe(books.health)._tag

/** Pairs of rows that are only ever written together: what is half of one is a transaction that was torn. */
export const pairs: BooksModule = {
  name: "pairs",
  scripts: [
    [
      "CREATE TABLE pair_left (id TEXT PRIMARY KEY)",
      "CREATE TABLE pair_right (id TEXT PRIMARY KEY, said TEXT NOT NULL)"
    ]
  ]
}

/** Writes one pair. */
export const writePair = (books: Books["Service"], id: string) =>
  books.transaction(
    Effect.andThen(
      books.run(sql`INSERT INTO pair_left (id) VALUES (${id})`),
      books.run(sql`INSERT INTO pair_right (id, said) VALUES (${id}, ${"x".repeat(200)})`)
    )
  )

/** The ids of the pairs, and how many ids have one side only. */
export const readPairs = Effect.fnUntraced(function* (books: Books["Service"]) {
  const whole = yield* books.run(sql`SELECT l.id AS id FROM pair_left l JOIN pair_right r ON r.id = l.id`)
  const [left] = yield* books.run(sql`SELECT count(*) AS n FROM pair_left`)
  const [right] = yield* books.run(sql`SELECT count(*) AS n FROM pair_right`)
  const torn = Number(left?.["n"]) + Number(right?.["n"]) - 2 * whole.length
  return { ids: whole.map(({ id }) => String(id)), torn }
})
