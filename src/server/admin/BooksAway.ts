/**
 * What an admin is told when the books cannot be asked.
 */
import { Effect } from "effect"
import { type BooksError, isBooksError } from "../../books/index.ts"
import { QueryDataError, stackless } from "../../errors/index.ts"

/** The same, failing with `query_data_error` where the books fail. */
export const booksAway = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<E, BooksError> | QueryDataError, R> =>
  Effect.mapError(effect, (error) =>
    isBooksError(error)
      ? stackless(() => new QueryDataError({ message: error.message }))
      : (error as Exclude<E, BooksError>)
  )
