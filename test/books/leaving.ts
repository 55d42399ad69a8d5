/**
 * Books in memory whose database can be taken away and given back.
 */
import { Effect, type Scope } from "effect"
import { type Books, BooksAway, type BooksError, type BooksNewer, type BooksNotOpened } from "#src/books/index"
import { makeBooks } from "#src/books/BooksLive"
import type { Engine } from "#src/books/Engine"
import { openSqlite } from "#src/books/SqliteFileNode"

/** Books that leave and come back. */
export interface LeavingBooks {
  readonly books: Books["Service"]
  /** Takes them away, or gives them back; or has them fail with something else. */
  readonly setAway: (away: boolean | BooksError) => void
  /** How often the database was asked. */
  readonly asked: () => number
}

/**
 * Opens them. `looksAway`: it is seen that they are away where nobody writes, too; or something else, by an effect.
 * `engine`: as what they pass.
 */
export const leavingBooks = ({
  engine,
  looksAway = false
}: {
  readonly engine?: Engine
  readonly looksAway?: boolean | Effect.Effect<void, BooksError>
} = {}): Effect.Effect<LeavingBooks, BooksError | BooksNewer | BooksNotOpened, Scope.Scope> =>
  Effect.gen(function* () {
    const database = yield* openSqlite({ _tag: "Memory" })
    let away: boolean | BooksError = false
    let asked = 0
    const there = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | BooksError, R> =>
      Effect.suspend((): Effect.Effect<A, E | BooksError, R> => {
        asked++
        if (away === false) return effect
        return Effect.fail(away === true ? new BooksAway({ message: "the books are gone" }) : away)
      })
    const books = yield* makeBooks({
      ...database,
      engine: engine ?? database.engine,
      ...(looksAway === false ? {} : { look: looksAway === true ? there(database.look) : looksAway }),
      run: (statement) => there(database.run(statement)),
      transaction: (body) => there(database.transaction(body))
    })
    return {
      books,
      setAway: (to) => {
        away = to
      },
      asked: () => asked
    }
  })
