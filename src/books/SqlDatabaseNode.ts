/**
 * A driver of the books over any `SqlClient` of Effect's: the one place where its types and errors become ours.
 */
import { Cause, Effect } from "effect"
import { type SqlClient, SqlError } from "effect/sql"
import { BooksAway, BooksBroken, type BooksError } from "./BooksErrors.ts"
import type { Database } from "./Engine.ts"
import { type Row, type Sql, type SqlValue, textOf } from "./Sql.ts"

/** What differs between the clients. */
export interface SqlDatabaseOptions {
  readonly client: SqlClient.SqlClient
  readonly place: string
  /** The mark of a parameter, counted from 1. */
  readonly mark: (parameter: number) => string
  /** What an error of the client means. */
  readonly meaning: (error: SqlError.SqlError) => BooksError
  /** Runs a body in a transaction of the client: its own way, unless another is given. */
  readonly withTransaction?: SqlClient.SqlClient["withTransaction"] | undefined
  /** The parameters as the database can hold them. Absent: it holds what there is. */
  readonly held?: ((params: ReadonlyArray<SqlValue>) => ReadonlyArray<SqlValue>) | undefined
  /** How long a statement may take, in milliseconds. Absent: as long as it takes. */
  readonly limit?: number | undefined
}

/** From so many parts on the text of a statement is remembered with them. */
const longStatement = 100

/** `run` and `transaction` over a client. */
export const overSqlClient = (options: SqlDatabaseOptions): Pick<Database, "run" | "transaction"> => {
  const { client, held, limit, mark, meaning, place } = options
  const withTransaction = options.withTransaction ?? client.withTransaction

  const late = (): Effect.Effect<never, BooksAway> =>
    Effect.fail(new BooksAway({ message: `the books at ${place} did not answer within ${limit} ms` }))

  /** The rows are the client's own objects and nobody else's: an integer is made a number in its place. */
  const plain = (rows: ReadonlyArray<Record<string, unknown>>): Effect.Effect<ReadonlyArray<Row>, BooksBroken> => {
    for (const row of rows) {
      for (const column in row) {
        const found = row[column]
        if (typeof found === "string" || typeof found === "number" || found === null) continue
        const integer = typeof found === "bigint" ? Number(found) : Number.NaN
        if (!Number.isSafeInteger(integer)) {
          const message = `the books at ${place}: the column ${column} holds what is not read here`
          return Effect.fail(new BooksBroken({ message }))
        }
        row[column] = integer
      }
    }
    return Effect.succeed(rows as ReadonlyArray<Row>)
  }

  const long = new WeakMap<ReadonlyArray<string>, string>()
  /** HOT: a statement of many rows has thousands of parts, which are the same ones each time. */
  const textFor = (statement: Sql): string => {
    if (statement.texts.length < longStatement) return textOf(statement, mark)
    const known = long.get(statement.texts) ?? textOf(statement, mark)
    long.set(statement.texts, known)
    return known
  }

  const run: Database["run"] = (statement) => {
    const asked = client
      .unsafe<Record<string, unknown>>(
        textFor(statement),
        held === undefined ? statement.params : held(statement.params)
      )
      .pipe(Effect.mapError(meaning), Effect.flatMap(plain))
    return limit === undefined ? asked : Effect.timeoutOrElse(asked, { duration: limit, orElse: late })
  }

  /** A connection that breaks inside a transaction cannot roll back either, which the client tells as a defect. */
  const inWords = <E>(cause: Cause.Cause<E | SqlError.SqlError>): Effect.Effect<never, E | BooksError> => {
    for (const reason of cause.reasons) {
      const error = Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : undefined
      if (SqlError.isSqlError(error)) return Effect.fail(meaning(error))
    }
    return Effect.failCause(cause as Cause.Cause<E>)
  }

  return { run, transaction: (body) => Effect.catchCause(withTransaction(body), inWords) }
}
