import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { makeSqliteClient } from "#src/books/SqliteClientNode"
import { folder } from "./kit.ts"

const open = Effect.gen(function* () {
  const path = join(yield* folder, "some.db")
  const database = yield* Effect.acquireRelease(
    Effect.sync(() => new DatabaseSync(path)),
    (database) => Effect.sync(() => database.close())
  )
  database.exec(
    "PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 0; CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT UNIQUE)"
  )
  return { sql: yield* makeSqliteClient({ database, name: "some" }), database, path }
})

const fill = (database: DatabaseSync, count: number) =>
  database.exec(
    `INSERT INTO t SELECT value, 'x' || value FROM json_each('[${Array.from({ length: count }, (_, n) => n).join(",")}]')`
  )

describe("Effect's SqlClient over node:sqlite", () => {
  it.effect("runs statements of the template, with rows, values, raw results and names", () =>
    Effect.gen(function* () {
      const { sql } = yield* open
      assert.deepStrictEqual(
        yield* sql`INSERT INTO ${sql("t")} ${sql.insert([
          { id: 1, x: "a" },
          { id: 2, x: "b" }
        ])}`,
        []
      )
      const rows = yield* sql<{
        readonly id: number
        readonly x: string
      }>`SELECT * FROM t WHERE id IN ${sql.in([1, 2])}`
      assert.deepStrictEqual(
        rows.map(({ id, x }) => [id, x]),
        [
          [1, "a"],
          [2, "b"]
        ]
      )
      assert.deepStrictEqual(yield* sql`SELECT id, x FROM t WHERE id = ${2}`.values, [[2, "b"]])
      assert.deepInclude(yield* sql`UPDATE t SET x = x || '!'`.raw, { changes: 2 })
      assert.deepStrictEqual((yield* sql`DELETE FROM t RETURNING id`).length, 2)
    })
  )

  it.effect("says by Effect's reasons why a statement failed", () =>
    Effect.gen(function* () {
      const { database, sql } = yield* open
      database.exec(
        "CREATE TABLE u (id INTEGER PRIMARY KEY, t INTEGER NOT NULL REFERENCES t (id)); INSERT INTO t VALUES (1, 'a')"
      )
      const table: ReadonlyArray<readonly [string, string]> = [
        ["INSERT INTO t VALUES (1, 'b')", "UniqueViolation"],
        ["INSERT INTO t VALUES (2, 'a')", "UniqueViolation"],
        ["INSERT INTO u VALUES (1, 9)", "ConstraintError"],
        ["INSERT INTO u VALUES (1, NULL)", "ConstraintError"],
        ["SELEC", "SqlSyntaxError"],
        ["SELECT * FROM nowhere", "SqlSyntaxError"]
      ]
      for (const [statement, reason] of table) {
        assert.strictEqual((yield* Effect.flip(sql.unsafe(statement))).reason._tag, reason, statement)
      }
      const unique = (yield* Effect.flip(sql`INSERT INTO t VALUES (2, 'a')`)).reason
      assert.deepInclude(unique, { constraint: "t.x" })
      assert.strictEqual((yield* Effect.flip(sql`SELECT ${new Date(0)}`)).reason._tag, "UnknownError")
    })
  )

  it.effect("reads integers beyond the safe ones only as bigints", () =>
    Effect.gen(function* () {
      const { sql } = yield* open
      const asked = sql<{ readonly n: unknown }>`SELECT 9223372036854775807 AS n`
      assert.strictEqual((yield* Effect.flip(asked)).reason._tag, "UnknownError")
      const rows = yield* Effect.provideService(asked, SqlClient.SafeIntegers, true)
      assert.strictEqual(rows[0]?.n, 9_223_372_036_854_775_807n)
      assert.strictEqual((yield* sql<{ readonly n: unknown }>`SELECT 7 AS n`)[0]?.n, 7)
    })
  )

  it.effect("streams rows in pages, and lets go of a statement that is not read to its end", () =>
    Effect.gen(function* () {
      const { database, sql } = yield* open
      fill(database, 1_000)
      const ids = sql<{ readonly id: number }>`SELECT id FROM t ORDER BY id`.stream
      const all = yield* Stream.runCollect(Stream.map(ids, ({ id }) => id))
      assert.deepStrictEqual(
        all,
        Array.from({ length: 1_000 }, (_, n) => n)
      )
      assert.strictEqual((yield* Stream.runCollect(Stream.take(ids, 3))).length, 3)
      // A statement that is still read would refuse this.
      yield* sql`DROP TABLE t`
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(ids))).reason._tag, "SqlSyntaxError")
    })
  )

  it.effect("nests transactions as savepoints, and calls back after the outermost commit only", () =>
    Effect.gen(function* () {
      const { database, sql } = yield* open
      const told: Array<string> = []
      const tell = (what: string) => sql.afterCommit(Effect.sync(() => void told.push(what)))
      yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`INSERT INTO t VALUES (1, 'a')`
          yield* tell("outer")
          yield* Effect.ignore(
            sql.withTransaction(
              Effect.andThen(Effect.andThen(sql`INSERT INTO t VALUES (2, 'b')`, tell("lost")), Effect.fail("no"))
            )
          )
          yield* sql.withTransaction(Effect.andThen(sql`INSERT INTO t VALUES (3, 'c')`, tell("inner")))
          assert.deepStrictEqual(told, [])
        })
      )
      assert.deepStrictEqual(told, ["outer", "inner"])
      assert.deepStrictEqual(
        database
          .prepare("SELECT id FROM t")
          .all()
          .map(({ id }) => id),
        [1, 3]
      )
      assert.isFalse(database.isTransaction)
    })
  )

  it.live("waits for a lock of another connection while the event loop goes on, and gives up after five seconds", () =>
    Effect.gen(function* () {
      const { path, sql } = yield* open
      const other = new DatabaseSync(path)
      other.exec("BEGIN IMMEDIATE")
      const writing = yield* Effect.forkChild(sql`INSERT INTO t VALUES (1, 'a')`, { startImmediately: true })
      let turns = 0
      const ticking = setInterval(() => turns++, 1)
      yield* Effect.sleep("200 millis")
      clearInterval(ticking)
      assert.isAbove(turns, 20)
      other.exec("COMMIT")
      yield* Fiber.join(writing)

      other.exec("BEGIN IMMEDIATE")
      const before = performance.now()
      const error = yield* Effect.flip(sql.withTransaction(sql`INSERT INTO t VALUES (2, 'b')`))
      assert.strictEqual(error.reason._tag, "LockTimeoutError")
      assert.isTrue(error.isRetryable)
      assert.isAbove(performance.now() - before, 4_500)
      other.close()
    })
  )

  it.live("gives up five seconds after each statement came, however many wait for the same lock", () =>
    Effect.gen(function* () {
      const { path, sql } = yield* open
      const other = new DatabaseSync(path)
      other.exec("BEGIN IMMEDIATE")
      const before = performance.now()
      const writes = Array.from({ length: 6 }, (_, id) => {
        const write = sql`INSERT INTO t VALUES (${id}, 'a')`
        return Effect.flip(id % 2 === 0 ? write : sql.withTransaction(write))
      })
      const errors = yield* Effect.all(writes, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        errors.map(({ reason }) => reason._tag),
        errors.map(() => "LockTimeoutError")
      )
      assert.isBelow(performance.now() - before, 9_000)
      other.exec("COMMIT")
      other.close()
      // Whoever comes then is not kept by what was waited for before.
      yield* sql`INSERT INTO t VALUES (9, 'b')`
    })
  )

  it.effect("keeps a bounded number of prepared statements, and goes on when a table changes", () =>
    Effect.gen(function* () {
      const { sql } = yield* open
      for (let n = 0; n < 500; n++) yield* sql.unsafe(`SELECT ${n} AS n`)
      yield* sql`INSERT INTO t VALUES (1, 'a')`
      const all = sql`SELECT * FROM t`
      yield* all
      yield* sql`ALTER TABLE t ADD COLUMN y TEXT DEFAULT 'y'`
      assert.deepStrictEqual({ ...(yield* all)[0] }, { id: 1, x: "a", y: "y" })
    })
  )
})
