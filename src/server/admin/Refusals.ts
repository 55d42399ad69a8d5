/**
 * How what is wrong with settings, and books that are away, are told to whoever asks the admin API.
 */
import { Effect } from "effect"
import { type BooksError, isBooksError } from "../../books/index.ts"
import { maskError, Secrets, stackless, UpdateDataError, ValidationFailed } from "../../errors/index.ts"
import { ConfigurationFaults, formatPath } from "../../settings/index.ts"

/** Faults as one error with a detail for each, and books that cannot be written as a failure of the store. */
export const refusals = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<E, BooksError | ConfigurationFaults> | UpdateDataError | ValidationFailed, R> =>
  Effect.flatMap(Secrets, ({ mask }) =>
    Effect.mapError(
      effect,
      (error): Exclude<E, BooksError | ConfigurationFaults> | UpdateDataError | ValidationFailed => {
        if (error instanceof ConfigurationFaults) {
          // A fault says what was written, and a key may have been written where none belongs.
          return maskError(
            stackless(
              () =>
                new ValidationFailed({
                  message:
                    error.faults.length === 1
                      ? "one value is not right"
                      : `${error.faults.length} values are not right`,
                  details: error.faults.map(({ code = "invalid", message, path }) => ({
                    field: formatPath(path),
                    message,
                    code
                  }))
                })
            ),
            mask
          )
        }
        if (isBooksError(error)) return stackless(() => new UpdateDataError({ message: error.message }))
        return error as Exclude<E, BooksError | ConfigurationFaults>
      }
    )
  )
