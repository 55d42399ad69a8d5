/**
 * Transactions of PostgreSQL whose every step is bounded in time. The client's own commit cannot be interrupted: over a
 * network that is cut off without a word it would wait for a quarter of an hour, until the kernel gives the connection
 * up, and hold a connection of the pool and its caller as long.
 */
import { Effect } from "effect"
import { SqlClient, type SqlConnection, SqlError } from "effect/sql"

const failure = (message: string, operation: string): SqlError.SqlError => {
  const cause = new Error(message)
  return new SqlError.SqlError({ reason: new SqlError.ConnectionError({ cause, message, operation }) })
}

/** Runs bodies in transactions of `client`, each step of which takes at most `limit` milliseconds. */
export const boundedTransactions = (
  client: SqlClient.SqlClient,
  limit: number
): SqlClient.SqlClient["withTransaction"] => {
  // Interrupted, the client asks the server to stop, waits 5 s for its word, and gives the connection up.
  const step = (connection: SqlConnection.Connection, text: string): Effect.Effect<unknown, SqlError.SqlError> =>
    Effect.timeoutOrElse(Effect.interruptible(connection.executeRaw(text, [])), {
      duration: limit,
      orElse: () => Effect.fail(failure(`${text} was not answered within ${limit} ms`, "transaction"))
    })
  const done = (connection: SqlConnection.Connection, text: string): Effect.Effect<void, SqlError.SqlError> =>
    Effect.asVoid(step(connection, text))

  return SqlClient.makeWithTransaction({
    transactionService: client.transactionService,
    spanAttributes: [["db.system.name", "postgresql"]],
    acquireConnection: (restore) => restore(client.reserve),
    begin: (connection, statement) => done(connection, statement ?? "BEGIN"),
    savepoint: (connection, id) => done(connection, `SAVEPOINT effect_sql_${id}`),
    releaseSavepoint: (connection, id) => done(connection, `RELEASE SAVEPOINT effect_sql_${id}`),
    rollback: (connection) => done(connection, "ROLLBACK"),
    rollbackSavepoint: (connection, id) => done(connection, `ROLLBACK TO SAVEPOINT effect_sql_${id}`),
    commit: (connection) =>
      Effect.flatMap(step(connection, "COMMIT"), (result) =>
        // What PostgreSQL answers when a statement had failed and nobody had minded.
        isRollback(result)
          ? Effect.fail(
              new SqlError.SqlError({
                reason: new SqlError.UnknownError({
                  cause: new Error("the transaction was rolled back, because a statement in it had failed"),
                  operation: "commit"
                })
              })
            )
          : Effect.void
      )
  })
}

const isRollback = (result: unknown): boolean =>
  typeof result === "object" && result !== null && "command" in result && result.command === "ROLLBACK"
