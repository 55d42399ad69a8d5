/**
 * Effect's `SqlClient` over Node's own `node:sqlite`: no published driver for SQLite goes with this version of Effect.
 *
 * One connection, on which statements and transactions take turns. A write that finds the database locked by another
 * process is tried again every few milliseconds until 5 s after it came, its waiting for a turn included, so that of many
 * that wait none waits longer; and without holding up the event loop (SQLite's own waiting would). Transactions begin with
 * `BEGIN IMMEDIATE`, so that only their beginning can be refused for a lock.
 *
 * A statement runs in the event loop: one that reads much holds up everything, so readers ask for pages.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"
import { Clock, Effect, type Fiber, Option, Schedule, type Scope, Semaphore, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import { sqliteCode, sqliteMeaning } from "./SqliteWords.ts"

/** Prepared statements that are kept. */
const kept = 200
/** Rows of a stream that are read at once. */
const pageSize = 128
/** How often it is seen whether a lock of another process is gone. */
const busyRetry = Schedule.spaced("5 millis").pipe(Schedule.jittered)
/** For how long after a statement came, in milliseconds. */
const patience = 5_000

/** An error of `node:sqlite` in Effect's words. Its own classifier reads codes that `node:sqlite` does not set. */
const sqlError = (cause: unknown, operation: string): SqlError.SqlError => {
  const message = cause instanceof Error ? cause.message : String(cause)
  const said = { cause, message, operation }
  const reason = (): SqlError.SqlErrorReason => {
    switch (sqliteMeaning(cause)._tag) {
      case "Busy":
        return new SqlError.LockTimeoutError(said)
      case "Away":
      case "Damaged":
        return new SqlError.ConnectionError(said)
      case "NotUnique":
        return new SqlError.UniqueViolation({
          ...said,
          constraint: message.replace(/^UNIQUE constraint failed: /, "") || "unknown"
        })
      case "Other":
        break
    }
    switch ((sqliteCode(cause) ?? 0) & 0xff) {
      case 1:
        return new SqlError.SqlSyntaxError(said)
      case 19:
        return new SqlError.ConstraintError(said)
      case 23:
        return new SqlError.AuthenticationError(said)
      default:
        return new SqlError.UnknownError(said)
    }
  }
  return new SqlError.SqlError({ reason: reason() })
}

/** What can be bound. `node:sqlite` takes an object that comes first (a Date, say) for names, and binds nothing of it. */
const bindable = (params: ReadonlyArray<unknown>): ReadonlyArray<SQLInputValue> => {
  for (const value of params) {
    if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
      throw new TypeError("a parameter is an object, which SQLite does not know")
    }
  }
  // Anything else that it does not know (a boolean) is refused by `node:sqlite` itself.
  return params as ReadonlyArray<SQLInputValue>
}

const isBusy = (error: SqlError.SqlError): boolean => error.reason._tag === "LockTimeoutError"

type Shape = "rows" | "arrays" | "raw"

/** A connection over an open database. `until`: the moment from which whoever has the turn waits for no lock any more. */
const makeConnection = (database: DatabaseSync, until: () => number): SqlConnection.Connection => {
  const prepared = new Map<string, StatementSync>()
  const prepare = (text: string): StatementSync => {
    const known = prepared.get(text)
    if (known !== undefined) return known
    const statement = database.prepare(text)
    for (const [oldest] of prepared) {
      if (prepared.size < kept) break
      prepared.delete(oldest)
    }
    prepared.set(text, statement)
    return statement
  }

  const ready = (statement: StatementSync, shape: Shape, fiber: Fiber.Fiber<unknown, unknown>): StatementSync => {
    statement.setReadBigInts(fiber.getRef(SqlClient.SafeIntegers))
    statement.setReturnArrays(shape === "arrays")
    return statement
  }

  const once = (statement: StatementSync, params: ReadonlyArray<unknown>, shape: Shape): unknown => {
    const values = bindable(params)
    if (statement.columns().length > 0) return statement.all(...values)
    const changed = statement.run(...values)
    return shape === "raw" ? changed : []
  }

  const run = (text: string, params: ReadonlyArray<unknown>, shape: Shape): Effect.Effect<unknown, SqlError.SqlError> =>
    Effect.withFiber((fiber) => {
      const attempt = Effect.try({
        try: () => once(ready(prepare(text), shape, fiber), params, shape),
        catch: (cause) => sqlError(cause, "execute")
      })
      // Inside a transaction the lock is ours already, and what is busy there stays so.
      if (database.isTransaction) return attempt
      const clock = fiber.getRef(Clock.Clock)
      const mayWait = (error: SqlError.SqlError): boolean => isBusy(error) && clock.currentTimeMillisUnsafe() < until()
      return Effect.retry(attempt, { schedule: busyRetry, while: mayWait })
    })

  const rows: SqlConnection.Connection["execute"] = (text, params, transform) =>
    Effect.map(run(text, params, "rows"), (found) => {
      const all = found as ReadonlyArray<object>
      return transform === undefined ? all : transform(all)
    })
  const arrays: SqlConnection.Connection["executeValues"] = (text, params) =>
    Effect.map(run(text, params, "arrays"), (found) => found as ReadonlyArray<ReadonlyArray<unknown>>)

  return {
    execute: rows,
    executeUnprepared: rows,
    executeRaw: (text, params) => run(text, params, "raw"),
    executeValues: arrays,
    executeValuesUnprepared: arrays,
    executeStream: (text, params, transform) =>
      Stream.unwrap(
        Effect.map(
          Effect.acquireRelease(
            Effect.withFiber((fiber) =>
              Effect.try({
                // A statement of its own: one that is kept might be run again before this one is read to its end.
                try: () => ready(database.prepare(text), "rows", fiber).iterate(...bindable(params)),
                catch: (cause) => sqlError(cause, "stream")
              })
            ),
            (iterator) => Effect.sync(() => void iterator.return?.())
          ),
          (iterator) =>
            Stream.paginate(iterator, () =>
              Effect.map(
                Effect.try({ try: () => readPage(iterator), catch: (cause) => sqlError(cause, "stream") }),
                ({ last, page }) =>
                  [
                    transform === undefined ? page : transform(page),
                    last ? Option.none() : Option.some(iterator)
                  ] as const
              )
            )
        )
      )
  }
}

const readPage = (iterator: Iterator<object>): { readonly page: ReadonlyArray<object>; readonly last: boolean } => {
  const page: Array<object> = []
  while (page.length < pageSize) {
    const next = iterator.next()
    if (next.done === true) return { page, last: true }
    page.push(next.value)
  }
  return { page, last: false }
}

/** A client over an open database, which stays its owner's to close. */
export const makeSqliteClient = (options: {
  readonly database: DatabaseSync
  /** What the database is called in spans. */
  readonly name: string
}): Effect.Effect<SqlClient.SqlClient, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { database } = options
    let until = 0
    const connection = makeConnection(database, () => until)
    const turns = SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(connection),
      semaphore: yield* Semaphore.make(1),
      isTransaction: () => database.isTransaction
    })
    const lease = Effect.flatMap(Clock.currentTimeMillis, (came) =>
      Effect.map(turns.acquirer, (turn) => {
        until = came + patience
        return turn
      })
    )
    return yield* SqlClient.make({
      ...turns,
      acquirer: lease,
      transactionAcquirer: lease,
      // HOT: each statement.
      borrower: (ask) =>
        Effect.flatMap(Clock.currentTimeMillis, (came) =>
          turns.borrower((turn) => {
            until = came + patience
            return ask(turn)
          })
        ),
      compiler: Statement.makeCompilerSqlite(),
      driver: "node-sqlite",
      beginTransaction: "BEGIN IMMEDIATE",
      releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
      prepareTransactionControls: true,
      spanAttributes: [
        ["db.system.name", "sqlite"],
        ["db.namespace", options.name]
      ]
    })
  }).pipe(Effect.provide(Reactivity.layer))
