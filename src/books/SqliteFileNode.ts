/**
 * Opening a SQLite database of the books, in a file or in memory.
 */
import { chmodSync, closeSync, openSync, realpathSync, statSync } from "node:fs"
import { dirname } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { Effect, type Scope } from "effect"
import { stackless } from "../errors/index.ts"
import { identityOf, makeFolder } from "../store/SqlitePlaceNode.ts"
import { startUpkeep, type Upkeep } from "../store/SqliteUpkeepNode.ts"
import { BooksAway, BooksNotOpened } from "./BooksErrors.ts"
import { type Database, sqlite, sqliteInMemory } from "./Engine.ts"
import { backUp } from "./SqliteBackupNode.ts"
import { makeSqliteClient } from "./SqliteClientNode.ts"
import { makeSqliteRead } from "./SqliteReadNode.ts"
import { sqliteError } from "./SqliteWords.ts"
import { overSqlClient } from "./SqlDatabaseNode.ts"

/** "ERB1": the mark of our databases. A database of another program, and a journal, are refused. */
const application = 0x4552_4231
/** Up to this size a database is looked through for damage when it is opened (some 100 ms). */
const checkedUpTo = 64 * 1024 * 1024

/** From when on a database is kept in order, in milliseconds: a command that only looks at the books is over by then. */
const keptAfter = 1_000
/** For how long the log is begun anew while somebody reads it, in milliseconds: those who write wait meanwhile. */
const patience = 100

/** Where a database is. */
export type SqlitePlace = { readonly _tag: "Memory" } | { readonly _tag: "File"; readonly path: string }

/** Opens a database, for as long as the scope is open. */
export const openSqlite = Effect.fnUntraced(function* (
  place: SqlitePlace
): Effect.fn.Return<Database, BooksNotOpened, Scope.Scope> {
  const name = place._tag === "Memory" ? "memory" : place.path
  const opening = <A>(body: () => A): Effect.Effect<A, BooksNotOpened> =>
    Effect.try({
      try: body,
      catch: (cause) => new BooksNotOpened({ message: cause instanceof Refused ? cause.message : told(name, cause) })
    })

  // Loaded only here: who never opens a database does not load it.
  const { DatabaseSync } = yield* Effect.tryPromise({
    try: () => import("node:sqlite"),
    catch: (cause) => new BooksNotOpened({ message: told(name, cause) })
  })
  if (place._tag === "File") yield* opening(() => reserve(place.path))
  const database = yield* Effect.acquireRelease(
    opening(() => new DatabaseSync(place._tag === "Memory" ? ":memory:" : place.path)),
    (database) => Effect.sync(() => database.close())
  )
  yield* opening(() => prepare(database, place, name))
  if (place._tag === "File") {
    yield* keepInOrder(database, yield* opening(() => realpathSync(place.path)))
  }
  const opened = place._tag === "Memory" ? undefined : yield* opening(() => statSync(place.path).ino)

  let gone: BooksAway | undefined
  const look = Effect.suspend(() => {
    if (gone !== undefined || place._tag === "Memory") return gone === undefined ? Effect.void : Effect.fail(gone)
    if (statSync(place.path, { throwIfNoEntry: false })?.ino === opened) return Effect.void
    const message = `the books at ${name} are no longer there: the file was removed or replaced; restart to open them anew`
    gone = stackless(() => new BooksAway({ message }))
    return Effect.fail(gone)
  })
  const present = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | BooksAway, R> =>
    Effect.suspend((): Effect.Effect<A, E | BooksAway, R> => (gone === undefined ? effect : Effect.fail(gone)))

  const client = yield* makeSqliteClient({ database, name })
  const over = overSqlClient({
    client,
    place: name,
    mark: () => "?",
    meaning: (error) => sqliteError(name, error.reason.cause)
  })
  const read = place._tag === "Memory" ? over.run : yield* makeSqliteRead({ path: place.path, name })
  return {
    engine: place._tag === "Memory" ? sqliteInMemory : sqlite,
    place: name,
    run: (statement) => present(over.run(statement)),
    read: (statement) => present(read(statement)),
    transaction: (body) => present(over.transaction(body)),
    // A transaction of SQLite begins with the write lock: it is the only one.
    lockMigrations: Effect.void,
    look,
    backup: (file) => backUp({ database, place, file, name })
  }
})

/** Has its log copied back by a thread, which else the writer does itself, and everybody waits. */
const keepInOrder = (database: DatabaseSync, path: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    let upkeep: Upkeep | undefined
    const copyFrom = (pages: number): void => {
      if (database.isOpen) database.exec(`PRAGMA wal_autocheckpoint = ${pages}`)
    }
    const start = setTimeout(() => {
      upkeep = startUpkeep({
        path,
        identity: identityOf(path),
        patience,
        onUp: () => copyFrom(0),
        onDown: (message) => {
          copyFrom(1_000)
          fork(Effect.logWarning(`the upkeep of the books at ${path} is started again: ${message}`))
        },
        // Whether they are there is looked at before each use.
        onPlace: () => {}
      })
    }, keptAfter).unref()
    yield* Effect.addFinalizer(() =>
      Effect.callback<void>((resume) => {
        clearTimeout(start)
        if (upkeep === undefined) return resume(Effect.void)
        upkeep.close(() => resume(Effect.void))
      })
    )
  })

/** A database that can be read, but is not for us. */
class Refused extends Error {}

const told = (name: string, cause: unknown): string => sqliteError(name, cause).message

/** Makes the file, for its owner only; SQLite gives the same mode to the files beside it. */
const reserve = (path: string): void => {
  makeFolder(dirname(path))
  const found = statSync(path, { throwIfNoEntry: false })
  // The rights of a device are the system's, and to open a pipe may take for ever.
  if (found !== undefined && !found.isFile() && !found.isDirectory()) {
    throw new Refused(`the books at ${path} cannot be opened: that is no file`)
  }
  closeSync(openSync(path, "a", 0o600))
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600)
}

const pragma = (database: DatabaseSync, name: string): unknown =>
  Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]

/** Refuses what is not ours, then sets the database up. */
const prepare = (database: DatabaseSync, place: SqlitePlace, name: string): void => {
  database.exec("PRAGMA busy_timeout = 2000; PRAGMA foreign_keys = ON")
  if (place._tag === "File") {
    const tables = Number(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"])
    if (tables > 0 && pragma(database, "application_id") !== application) {
      throw new Refused(`the books at ${name} are the database of another program, or of the journal`)
    }
    if (statSync(place.path).size <= checkedUpTo && pragma(database, "quick_check(1)") !== "ok") {
      throw new Refused(`the books at ${name} are damaged: restore them from a copy`)
    }
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    if (pragma(database, "application_id") !== application) database.exec(`PRAGMA application_id = ${application}`)
  }
  // From here on a lock is waited for without holding up the event loop.
  database.exec("PRAGMA busy_timeout = 0")
}
