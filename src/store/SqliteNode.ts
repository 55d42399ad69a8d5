/**
 * A SQLite database that one process owns, over Node's own `node:sqlite`.
 *
 * **What it promises.** What `write` has answered survives the death of the process (write-ahead log,
 * `synchronous=NORMAL`; a power cut may take the last moments, never the order). No second process writes: the owner
 * holds an operating system lock on a file beside the database, which the kernel frees when the process ends in
 * whatever way, so there is no lease to expire and no clock to trust. Against a lock that was got round (a deleted
 * file, a network disk) each write reads the owner's epoch, and a process that has been followed by another writes
 * nothing.
 *
 * **Who may read it.** Its files are their owner's alone (0600, a folder that is made 0700). What is deleted is
 * overwritten with zeros (`secure_delete`), in the database and in the log. The log still has the pages of before until
 * it is begun anew, which the upkeep does within a minute or two and closing does at once; what a file system or a disk
 * keeps of a page that was overwritten is out of reach.
 *
 * **How it is fast.** The writer never waits: `busy_timeout` is 0, and a write that finds the database busy is tried
 * again in a later turn. Copying the log back and deleting are the work of a thread (`SqliteUpkeepNode.ts`).
 */
import { closeSync, openSync } from "node:fs"
import { resolve } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { Clock, type Duration, Effect, type Scope } from "effect"
import { LeaseLost, type QueryDataError, stackless, type UpdateDataError } from "../errors/index.ts"
import type { Reply } from "./Reply.ts"
import { identityOf, placeOf, sizeOf } from "./SqlitePlaceNode.ts"
import { describe, isBusy, openFault, queryFault, updateFault } from "./SqliteFault.ts"
import { startUpkeep, type Upkeep } from "./SqliteUpkeepNode.ts"

/** What is opened. */
export interface SqliteOptions {
  /** The file. Its folder is created. Beside it: `-wal` and `-shm` while it is open, and `.lock`. */
  readonly path: string
  /** SQLite's `application_id`: a database of another program is refused. */
  readonly application: number
  /**
   * The schema: script n leads from version n to n + 1, and a database is brought up to the last when it is opened.
   * One of a newer version is refused.
   */
  readonly migrations: ReadonlyArray<string>
  /** How long to wait for a process that has it. Default: not at all. */
  readonly wait?: Duration.Input | undefined
  /** Called once, if there is something to wait for. */
  readonly onWait?: (() => void) | undefined
}

/** An open database, and the only right to write it. */
export interface Sqlite {
  /** The absolute path. */
  readonly path: string
  readonly database: DatabaseSync
  /** Higher than that of every process that opened it before. */
  readonly epoch: number
  /** When it was opened, epoch milliseconds. */
  readonly openedAt: number
  /**
   * Runs `body` in one transaction, fenced by the epoch, and answers when it is committed. If the database is busy it
   * is run again in later turns, for at most 5 s. `body` must do nothing but run statements.
   */
  readonly write: (body: () => void, done: (answer: Reply<void, UpdateDataError | LeaseLost>) => void) => void
  /** Runs a read. */
  readonly read: <A>(body: () => A) => Reply<A, QueryDataError>
  /** Runs deletions that each do a bounded piece of work, beside the writer. */
  readonly clean: Upkeep["clean"]
  /** Whether writes can be expected to succeed. After one has failed this tries one, at most once a second. */
  readonly usable: () => boolean
  /** Whether another process has followed this one: nothing can be written here any more. */
  readonly lost: () => boolean
}

/** For how long a write is tried while the database is busy, in milliseconds. */
const busyFor = 5_000
/** How often a lock that is waited for is tried, in milliseconds: a try takes some 0.2 ms. */
const tryEvery = 25
/** Up to this size a database is looked through for damage when it is opened (some 100 ms). */
const checkedUpTo = 64 * 1024 * 1024

const done = { ok: true, value: undefined } as const

/**
 * Opens the database and its lock, for as long as the scope is open. Fails when another process has the lock, and goes
 * on having it for `wait`. The lock is that of the file, by whatever path; a hard link is another file to it, and SQLite
 * forbids it. Waiting can be interrupted; the lock is taken within 25 ms of being free.
 */
export const open = Effect.fnUntraced(function* (
  options: SqliteOptions
): Effect.fn.Return<Sqlite, UpdateDataError | QueryDataError, Scope.Scope> {
  const path = resolve(options.path)
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const warn = (message: string): void => void fork(Effect.logWarning(message))
  const opening = <A>(body: () => A): Effect.Effect<A, UpdateDataError | QueryDataError> =>
    Effect.suspend(() => {
      try {
        return Effect.succeed(body())
      } catch (cause) {
        return Effect.fail(cause instanceof Refused ? queryFault(cause.message) : openFault(path, cause))
      }
    })

  // Loaded only here: who never opens a database does not load it.
  const sqlite = yield* Effect.tryPromise({
    try: () => import("node:sqlite"),
    catch: (cause) => updateFault(describe(path, cause))
  })
  const place = yield* opening(() => placeOf(path))

  yield* acquireLock(() => openLock(sqlite.DatabaseSync, path, place.lock), options)
  const openedAt = (yield* Clock.Clock).currentTimeMillisUnsafe()
  // Before the connections, and closed after them: see `UpkeepPlace`.
  const file = yield* Effect.acquireRelease(
    opening(() => openSync(place.file, "r+")),
    (file) => Effect.sync(() => closeSync(file))
  )
  const database = yield* Effect.acquireRelease(
    opening(() => new sqlite.DatabaseSync(place.file)),
    (database) => Effect.sync(() => database.close())
  )
  const epoch = yield* opening(() => prepare(database, path, place.file, openedAt, options))
  let there = true

  const upkeep = yield* Effect.acquireRelease(
    Effect.sync(() =>
      startUpkeep({
        path: place.file,
        identity: identityOf(place.file),
        file,
        renewEvery: 60_000,
        onUp: () => database.isOpen && database.exec("PRAGMA wal_autocheckpoint = 0"),
        onDown: (message) => {
          // Until the thread is back the writer keeps the log in bounds itself.
          if (database.isOpen) database.exec("PRAGMA wal_autocheckpoint = 1000")
          warn(`the upkeep of the store at ${path} is started again: ${message}`)
        },
        onPlace: (found) => {
          if (found === there) return
          there = found
          warn(`the store at ${path} ${found ? "is there again" : missing}`)
        }
      })
    ),
    (upkeep) => Effect.callback<void>((resume) => upkeep.close(() => resume(Effect.void)))
  )

  const begin = database.prepare("BEGIN IMMEDIATE")
  const commit = database.prepare("COMMIT")
  const fence = database.prepare("SELECT epoch FROM owner")
  let state: "sound" | "failing" | "lost" = "sound"
  let probedAt = Number.NEGATIVE_INFINITY

  const lost = (): LeaseLost => {
    state = "lost"
    return stackless(() => new LeaseLost({ message: `the store at ${path} has been taken by another process` }))
  }

  /** One try: an answer, or `undefined` when the database is busy. */
  const attempt = (body: () => void): Reply<void, UpdateDataError | LeaseLost> | undefined => {
    // What is written to a file without a name is gone with the process.
    if (!there) return { ok: false, error: updateFault(`the store at ${path} ${missing}`) }
    try {
      begin.run()
      if (fence.get()?.["epoch"] !== epoch) {
        database.exec("ROLLBACK")
        return { ok: false, error: lost() }
      }
      body()
      commit.run()
      state = "sound"
      return done
    } catch (cause) {
      if (database.isOpen && database.isTransaction) database.exec("ROLLBACK")
      if (isBusy(cause)) return undefined
      if (state === "sound") state = "failing"
      return { ok: false, error: updateFault(describe(path, cause)) }
    }
  }

  const write: Sqlite["write"] = (body, done) => {
    const first = attempt(body)
    if (first !== undefined) return done(first)
    const until = performance.now() + busyFor
    let tries = 0
    const again = (): void => {
      const answer = attempt(body)
      if (answer !== undefined) return done(answer)
      if (performance.now() >= until) return done({ ok: false, error: updateFault(`the store at ${path} is busy`) })
      // Turns at first, since most locks last less than a millisecond; then a millisecond, not to spin for seconds.
      if (tries++ < 16) setImmediate(again)
      else setTimeout(again, 1)
    }
    setImmediate(again)
  }

  return {
    path,
    database,
    epoch,
    openedAt,
    write,
    read: (body) => {
      try {
        return { ok: true, value: body() }
      } catch (cause) {
        return { ok: false, error: queryFault(describe(path, cause)) }
      }
    },
    clean: upkeep.clean,
    usable: () => {
      if (!database.isOpen || state === "lost" || !there) return false
      if (state === "failing" && performance.now() - probedAt >= 1_000) {
        probedAt = performance.now()
        // As much as real work may need: a single page may fit where nothing else does.
        if (attempt(() => database.exec(fillProbe))?.ok === true) attempt(() => database.exec("DROP TABLE probe"))
      }
      return state === "sound"
    },
    lost: () => state === "lost"
  }
})

/** Takes 256 KiB of the disk, to be given back in a commit of its own: pages freed in the same one are never written. */
const fillProbe = "CREATE TABLE IF NOT EXISTS probe (filler BLOB); INSERT INTO probe VALUES (zeroblob(262144))"

const missing = "has been deleted or moved away under the running process"

/** A database that can be read, but is not for us. */
class Refused extends Error {}

/** Takes the lock for as long as the scope is open, or waits for it. */
const acquireLock = (
  open: () => Reply<DatabaseSync, UpdateDataError | QueryDataError> | "held",
  { onWait, path, wait }: SqliteOptions
): Effect.Effect<void, UpdateDataError | QueryDataError, Scope.Scope> => {
  const inUse = Effect.suspend(() =>
    Effect.fail(updateFault(`the store at ${resolve(path)} is in use by another process`))
  )
  /** Tries once, and says whether it has it. */
  const tryIt: Effect.Effect<boolean, UpdateDataError | QueryDataError, Scope.Scope> = Effect.suspend(() => {
    const opened = open()
    if (opened === "held") return Effect.succeed(false)
    if (!opened.ok) return Effect.fail(opened.error)
    return Effect.as(
      Effect.addFinalizer(() => Effect.sync(() => opened.value.close())),
      true
    )
  }).pipe(Effect.uninterruptible)
  if (wait === undefined) return Effect.flatMap(tryIt, (mine) => (mine ? Effect.void : inUse))
  const waiting = Effect.gen(function* () {
    onWait?.()
    while (!(yield* tryIt)) yield* Effect.sleep(tryEvery)
  })
  return Effect.flatMap(tryIt, (mine) =>
    mine ? Effect.void : Effect.timeoutOrElse(waiting, { duration: wait, orElse: () => inUse })
  )
}

/** Takes the owner's lock. The connection is the lock: it is held until it is closed, or the process is gone. */
const openLock = (
  Database: typeof DatabaseSync,
  path: string,
  file: string
): Reply<DatabaseSync, UpdateDataError | QueryDataError> | "held" => {
  let lock: DatabaseSync | undefined
  try {
    lock = new Database(file)
    // Nothing is ever written to it: a rollback journal in memory leaves no file behind.
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
    return { ok: true, value: lock }
  } catch (cause) {
    lock?.close()
    return isBusy(cause) ? "held" : { ok: false, error: openFault(`${path}.lock`, cause) }
  }
}

const pragma = (database: DatabaseSync, name: string): unknown =>
  Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]

/** Refuses what is not ours, brings the schema up to date, and begins a new epoch: in that order. */
const prepare = (
  database: DatabaseSync,
  path: string,
  file: string,
  openedAt: number,
  options: SqliteOptions
): number => {
  const newest = options.migrations.length
  database.exec("PRAGMA busy_timeout = 2000")
  const version = Number(pragma(database, "user_version"))
  const application = Number(pragma(database, "application_id"))
  const tables = Number(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"])
  if (application !== options.application && tables > 0) {
    throw new Refused(`the store at ${path} is the database of another program`)
  }
  if (version > 0 && tables === 0) {
    // Somebody's program has begun it, or ours has lost its tables: nothing that was kept is in it.
    throw new Refused(`the store at ${path} has a version and no tables: move it away to begin anew`)
  }
  if (version > newest) {
    throw new Refused(
      `the store at ${path} was written by a newer version (schema ${version}; this version knows ${newest})`
    )
  }
  const small = sizeOf(file) <= checkedUpTo
  if (small && pragma(database, "quick_check(1)") !== "ok") {
    throw new Refused(`the store at ${path} is damaged: restore it from a copy, or move it away to begin anew`)
  }
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")
  database.exec("PRAGMA secure_delete = ON")
  database.exec("BEGIN IMMEDIATE")
  database.exec(
    "CREATE TABLE IF NOT EXISTS owner (epoch INTEGER NOT NULL, opened_at INTEGER NOT NULL) STRICT;" +
      "INSERT INTO owner SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM owner)"
  )
  for (const migration of options.migrations.slice(version)) database.exec(migration)
  database.exec(`PRAGMA application_id = ${options.application}; PRAGMA user_version = ${newest}`)
  const row = database.prepare("UPDATE owner SET epoch = epoch + 1, opened_at = ? RETURNING epoch").get(openedAt)
  database.exec("COMMIT")
  // What older versions deleted may still lie in free pages.
  if (version > 0 && version < newest && small) database.exec("VACUUM")
  database.exec("PRAGMA busy_timeout = 0")
  return Number(row?.["epoch"])
}
