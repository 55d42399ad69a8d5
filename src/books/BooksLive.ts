/**
 * The books over any driver: migrations, health, the queue of what is written later, and the news of changes.
 */
import { Clock, Effect, Option, type Scope, Stream, SubscriptionRef } from "effect"
import type { Books, BooksHealth, BooksModule } from "./Books.ts"
import { BooksAway, BooksBusy, type BooksError, type BooksNewer } from "./BooksErrors.ts"
import type { Database } from "./Engine.ts"
import { migrate } from "./Migrations.ts"
import { sql } from "./Sql.ts"
import { makeWriteQueue } from "./WriteQueue.ts"

/** The tables of the books themselves. */
const own: BooksModule = {
  name: "books",
  scripts: [
    [
      "CREATE TABLE relay_topics (topic TEXT PRIMARY KEY, version BIGINT NOT NULL)",
      "CREATE TABLE relay_probe (id BIGINT PRIMARY KEY, at BIGINT NOT NULL)"
    ]
  ]
}

/** How often the books are looked at, in milliseconds: news of other processes, or whether they are back. */
const lookEvery = 500
/** How often it is said that they are busy, in milliseconds at least. */
const tellEvery = 60_000
/** Writes that wait while the books are away. */
const capacity = 10_000

const usable: BooksHealth = { _tag: "Usable" }

/** Opens the books over a driver, for as long as the scope is open. */
export const makeBooks = Effect.fnUntraced(function* (
  database: Database
): Effect.fn.Return<Books["Service"], BooksNewer | BooksError, Scope.Scope> {
  yield* migrate(database, own)
  const health = yield* SubscriptionRef.make<BooksHealth>(usable)

  /** Somebody else holds them: said now and then, for as long as it lasts. */
  let toldBusy = -Infinity
  const sayBusy = ({ message }: BooksError): Effect.Effect<void> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      toldBusy = now
      return Effect.logWarning(message)
    })
  const tellBusy = (error: BooksError): Effect.Effect<void> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => (now - toldBusy < tellEvery ? Effect.void : sayBusy(error)))

  const markAway = (error: BooksError): Effect.Effect<void> =>
    Effect.gen(function* () {
      const { message } = error
      const since = yield* Clock.currentTimeMillis
      // Once: who is told of it may write, which fails, and brings us here again.
      const before = yield* SubscriptionRef.getAndUpdateSome(
        health,
        (now): Option.Option<BooksHealth> =>
          now._tag === "Away" ? Option.none() : Option.some({ _tag: "Away", since, message })
      )
      if (before._tag === "Usable") yield* error._tag === "BooksBusy" ? sayBusy(error) : Effect.logError(message)
    })
  /** Whether nobody can write now: of rows that somebody holds in a database of many writers that is not said. */
  const meansAway = (error: unknown): error is BooksError =>
    error instanceof BooksAway || (database.engine.oneWriter && error instanceof BooksBusy)
  const noticed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.tapError(effect, (error) => (meansAway(error) ? markAway(error) : Effect.void))

  const run: Books["Service"]["run"] = (statement) => noticed(database.run(statement))
  const transaction: Books["Service"]["transaction"] = (body) => noticed(database.transaction(body))

  const queue = yield* makeWriteQueue({
    capacity,
    transaction,
    usable: Effect.suspend(() =>
      SubscriptionRef.getUnsafe(health)._tag === "Usable"
        ? Effect.void
        : Effect.asVoid(Stream.runHead(Stream.filter(SubscriptionRef.changes(health), ({ _tag }) => _tag === "Usable")))
    )
  })

  const watchers = new Set<{ readonly topic: string; readonly onChange: () => void }>()
  const seen = new Map<string, unknown>()
  const readTopics = Effect.map(database.run(sql`SELECT topic, version FROM relay_topics`), (rows) => {
    for (const { topic, version } of rows) {
      if (typeof topic !== "string" || seen.get(topic) === version) continue
      seen.set(topic, version)
      for (const watcher of watchers) if (watcher.topic === topic) watcher.onChange()
    }
  })

  /** They are back when they can be written: a full disk is read without complaint. */
  const probe = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    yield* database.run(
      sql`INSERT INTO relay_probe (id, at) VALUES (1, ${now}) ON CONFLICT (id) DO UPDATE SET at = ${now}`
    )
    yield* SubscriptionRef.set(health, usable)
    yield* Effect.logInfo(`the books at ${database.place} are back`)
  })
  const look = Effect.gen(function* () {
    yield* database.look
    if (SubscriptionRef.getUnsafe(health)._tag === "Away") yield* probe
    yield* readTopics
  }).pipe(Effect.catch((error) => (error._tag === "BooksBusy" ? tellBusy(error) : markAway(error))))
  yield* readTopics
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(lookEvery), look)))

  return {
    engine: database.engine,
    run,
    read: (statement) => noticed(database.read(statement)),
    transaction,
    migrate: (module) => migrate(database, module),
    later: queue.add,
    pending: queue.pending,
    health,
    touch: (topic) =>
      run(
        sql`INSERT INTO relay_topics (topic, version) VALUES (${topic}, 1)
            ON CONFLICT (topic) DO UPDATE SET version = relay_topics.version + 1`
      ).pipe(Effect.asVoid),
    watch: (topic, onChange) => {
      const watcher = { topic, onChange }
      return Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => watchers.add(watcher)),
          () => Effect.sync(() => watchers.delete(watcher))
        )
      )
    },
    backup: database.backup
  }
})
