/**
 * The books in PostgreSQL 14 or later, for several relays at once, through `@effect/sql-pg`. The package is an optional
 * peer and is loaded only here.
 *
 * Tables are made in the first schema of the connection's `search_path`, each with `relay_` before its name, so that the
 * database may hold other things too. A connection that breaks is replaced by the next statement.
 */
import { Duration, Effect, Layer, Redacted, Schedule, type Scope } from "effect"
import { Reactivity } from "effect/reactivity"
import type { SqlError } from "effect/sql"
import { Books } from "./Books.ts"
import {
  BackupRefused,
  BooksAway,
  BooksBroken,
  BooksBusy,
  type BooksError,
  BooksNotOpened,
  NotUnique,
  PeerMissing
} from "./BooksErrors.ts"
import { makeBooks } from "./BooksLive.ts"
import { notOpened, type OpenError } from "./BooksErrors.ts"
import { type Database, postgres } from "./Engine.ts"
import { sql, type SqlValue } from "./Sql.ts"
import { boundedTransactions } from "./PostgresTransactionsNode.ts"
import { overSqlClient } from "./SqlDatabaseNode.ts"

/** What is opened. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with `?sslmode=require` and the like as libpq has them. */
  readonly url: Redacted.Redacted
  /** How long a server that is not there yet is tried for when the books are opened: 30 seconds. */
  readonly wait?: Duration.Input | undefined
  /** The most connections of this process: 10. */
  readonly connections?: number | undefined
  /** How long a statement may take: 10 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/** How often a server that is not there yet is tried, in milliseconds. */
const tryEvery = 500
/** The oldest version, as the server says it. */
const oldest = 140_000
/** "ERB1": the key of the advisory lock under which tables are made. */
const migrationLock = 0x4552_4231

/** Opens the books at `url`. A server that refuses the password, or is too old, is told at once. */
export const layer = (options: PostgresOptions): Layer.Layer<Books, OpenError | PeerMissing> =>
  Layer.effect(
    Books,
    openPostgres(options).pipe(
      Effect.flatMap(makeBooks),
      Effect.mapError((error) => (error._tag === "PeerMissing" ? error : notOpened(error)))
    )
  )

const peer = "@effect/sql-pg"

const hasNul = (value: SqlValue): boolean => typeof value === "string" && value.includes("\0")

/** No text of PostgreSQL has a NUL: a statement with one fails, with all the rows that are in it. */
const withoutNul = (params: ReadonlyArray<SqlValue>): ReadonlyArray<SqlValue> =>
  params.some(hasNul)
    ? params.map((value) => (typeof value === "string" ? value.replaceAll("\0", "\ufffd") : value))
    : params

const openPostgres = Effect.fnUntraced(function* (
  options: PostgresOptions
): Effect.fn.Return<Database, PeerMissing | BooksNotOpened | BooksError, Scope.Scope> {
  const url = URL.parse(Redacted.value(options.url))
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    const message = "the URL of the books is not one of PostgreSQL: postgres://user:password@host/database"
    return yield* Effect.fail(new BooksNotOpened({ message }))
  }
  // Host and database; nothing else of a URL is told.
  const place = url.host === "" ? "PostgreSQL" : `${url.host}${url.pathname}`
  const limit = Duration.toMillis(Duration.fromInputUnsafe(options.timeout ?? "10 seconds"))
  const { make } = yield* Effect.tryPromise({
    try: () => import("@effect/sql-pg/PgClient"),
    catch: () =>
      new PeerMissing({ message: `books in PostgreSQL need the package ${peer}: npm install ${peer}`, package: peer })
  })
  const client = yield* make({
    url: options.url,
    applicationName: "effect-resilience",
    maxConnections: options.connections ?? 10,
    connectTimeout: "5 seconds",
    keepAlive: "30 seconds"
  }).pipe(
    Effect.provide(Reactivity.layer),
    Effect.mapError((error) => new BooksNotOpened({ message: meaningOf(place, error).message }))
  )
  const over = overSqlClient({
    client,
    place,
    mark: (parameter) => `$${parameter}`,
    meaning: (error) => meaningOf(place, error),
    held: withoutNul,
    withTransaction: boundedTransactions(client, limit),
    limit
  })

  const asked = client.unsafe<{ readonly version: string }>("SHOW server_version_num").values
  const [row] = yield* asked.pipe(
    Effect.catchIf(mayCome, (error) =>
      Effect.logWarning(`${meaningOf(place, error).message}; waiting for it`).pipe(
        Effect.andThen(Effect.sleep(tryEvery)),
        Effect.andThen(
          Effect.retry(asked, {
            while: mayCome,
            schedule: Schedule.spaced(tryEvery).pipe(Schedule.upTo({ duration: options.wait ?? "30 seconds" }))
          })
        )
      )
    ),
    Effect.mapError((error) => meaningOf(place, error))
  )
  const version = Number(row?.[0])
  if (!(version >= oldest)) {
    const message = `the books at ${place} are PostgreSQL ${Math.floor(version / 10_000)}: 14 or later is needed`
    return yield* Effect.fail(new BooksNotOpened({ message }))
  }
  return {
    engine: postgres,
    place,
    run: over.run,
    read: over.run,
    transaction: over.transaction,
    lockMigrations: Effect.asVoid(over.run(sql`SELECT pg_advisory_xact_lock(CAST(${migrationLock} AS BIGINT))`)),
    look: Effect.void,
    backup: (file) =>
      Effect.fail(
        new BackupRefused({
          message: `the books at ${place} are in PostgreSQL, which copies itself: pg_dump --format=custom --table='relay_*' --file=${file} "$DATABASE_URL"`
        })
      )
  }
})

const codeOf = ({ reason: { cause } }: SqlError.SqlError): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""

/** Classes of SQLSTATE after which the same statement may succeed, once the server is well again. */
const away = /^(08|53|57P|58|25006)/

/** A server that is not there yet, or starts: any other refusal is final. */
const mayCome = (error: SqlError.SqlError): boolean =>
  error.reason._tag === "ConnectionError" || (error.reason._tag === "UnknownError" && away.test(codeOf(error)))

/** What an error of the client means. Its own words are the server's, which name no parameter's value but of a duplicate. */
const meaningOf = (place: string, error: SqlError.SqlError): BooksError => {
  const { cause } = error.reason
  const said = cause instanceof Error ? cause.message : error.message
  const message = `the books at ${place}: ${said}`
  switch (error.reason._tag) {
    case "ConnectionError":
    case "AuthenticationError":
    case "AuthorizationError":
      return new BooksAway({ message })
    case "DeadlockError":
    case "SerializationError":
    case "LockTimeoutError":
    case "StatementTimeoutError":
      return new BooksBusy({ message })
    case "UniqueViolation":
      return new NotUnique({ message, constraint: error.reason.constraint })
    case "SqlSyntaxError":
    case "ConstraintError":
      return new BooksBroken({ message })
    case "UnknownError":
      return away.test(codeOf(error)) ? new BooksAway({ message }) : new BooksBroken({ message })
  }
}
