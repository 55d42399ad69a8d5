/**
 * Books in memory whose database can be taken away and given back.
 */
import { Effect, type Scope } from "effect"
import { type Books, BooksAway, type BooksError, type BooksNewer, type BooksNotOpened } from "#src/books/index"
import { makeBooks } from "#src/books/BooksLive"
import { openSqlite } from "#src/books/SqliteFileNode"

/** Books that leave and come back. */
export interface LeavingBooks {
  readonly books: Books["Service"]
  readonly setAway: (away: boolean) => void
  /** How often the database was asked. */
  readonly asked: () => number
}

/** Opens them. `looksAway`: it is seen that they are away where nobody writes, too; or something else, by an effect. */
export const leavingBooks = ({
  looksAway = false
}: {
  readonly looksAway?: boolean | Effect.Effect<void, BooksError>
} = {}): Effect.Effect<LeavingBooks, BooksError | BooksNewer | BooksNotOpened, Scope.Scope> =>
  Effect.gen(function* () {
    const database = yield* openSqlite({ _tag: "Memory" })
    let away = false
    let asked = 0
    const there = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | BooksAway, R> =>
      Effect.suspend((): Effect.Effect<A, E | BooksAway, R> => {
        asked++
        return away ? Effect.fail(new BooksAway({ message: "the books are gone" })) : effect
      })
    const books = yield* makeBooks({
      ...database,
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
