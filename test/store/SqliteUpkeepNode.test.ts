import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqliteNode } from "#src/store/index"
import { identityOf } from "#src/store/SqlitePlaceNode"
import { startUpkeep } from "#src/store/SqliteUpkeepNode"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "upkeep-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)
const schema = { application: 7, migrations: ["CREATE TABLE item (value TEXT NOT NULL) STRICT"] }

/** Waits until something is so, for at most 10 s. */
const until = (holds: () => boolean) =>
  Effect.gen(function* () {
    for (let n = 0; !holds(); n++) {
      if (n > 1_000) return yield* Effect.die(new Error(`it never came: ${String(holds)}`))
      yield* Effect.sleep(10)
    }
  })

describe("the upkeep of a SQLite store", () => {
  it.live("copies the log back into the database, and keeps it in bounds, while it is written", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "relay.db")
      const sqlite = yield* SqliteNode.open({ path, ...schema })
      const statement = sqlite.database.prepare("INSERT INTO item VALUES (?)")
      const value = "x".repeat(4_000)
      let faults = 0
      let most = 0
      // A writer that never pauses, as under load: some 400 MB of log, if nobody looked after it.
      for (let commits = 0; commits < 12_000; commits++) {
        const done = Effect.callback<void>((resume) =>
          sqlite.write(
            () => {
              for (let n = 0; n < 8; n++) statement.run(value)
            },
            (answer) => {
              if (!answer.ok) faults++
              resume(Effect.void)
            }
          )
        )
        yield* done
        most = Math.max(most, statSync(`${path}-wal`).size)
        if (commits % 50 === 0) yield* Effect.sleep(10)
      }
      assert.strictEqual(faults, 0)
      assert.isBelow(most, 250_000_000)
      yield* until(() => statSync(path).size > 300_000_000)
      assert.strictEqual(sqlite.database.prepare("SELECT count(*) AS n FROM item").get()?.["n"], 96_000)
    })
  )

  it.live("runs deletions in small steps, and says what went wrong", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "relay.db")
      const sqlite = yield* SqliteNode.open({ path, ...schema })
      sqlite.database.exec(
        "INSERT INTO item WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT 'x' FROM n"
      )
      const clean = (sql: string) =>
        Effect.callback<string | undefined>((resume) =>
          sqlite.clean([{ first: { sql, params: [100], most: 100 }, rest: [] }], (fault) =>
            resume(Effect.succeed(fault))
          )
        )
      assert.isUndefined(yield* clean("DELETE FROM item WHERE rowid IN (SELECT rowid FROM item LIMIT ?)"))
      assert.strictEqual(sqlite.database.prepare("SELECT count(*) AS n FROM item").get()?.["n"], 0)
      assert.include(yield* clean("DELETE FROM missing WHERE rowid < ?"), "no such table")
      assert.isUndefined(yield* clean("DELETE FROM item WHERE rowid < ?"))
    })
  )

  it.live(
    "comes to the end of a deletion though there is always something more to delete, as there is under a load",
    () =>
      Effect.gen(function* () {
        const sqlite = yield* SqliteNode.open({ path: join(yield* folder, "relay.db"), ...schema })
        sqlite.database.exec(`
        INSERT INTO item WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) SELECT 'old' FROM n;
        CREATE TRIGGER comes AFTER DELETE ON item BEGIN INSERT INTO item VALUES ('new'); END
      `)
        const few = { sql: "DELETE FROM item WHERE rowid IN (SELECT min(rowid) FROM item)", params: [] }
        const all = {
          sql: "DELETE FROM item WHERE rowid IN (SELECT rowid FROM item ORDER BY rowid LIMIT ?)",
          params: [1_000],
          most: 1_000
        }
        const fault = yield* Effect.callback<string | undefined>((resume) =>
          sqlite.clean([{ first: all, rest: [{ first: few, rest: [all] }] }], (fault) => resume(Effect.succeed(fault)))
        )
        assert.isUndefined(fault)
        const left = sqlite.database.prepare("SELECT count(*) AS n, sum(value = 'old') AS old FROM item").get()
        assert.deepEqual({ ...left }, { n: 250, old: 0 })
      })
  )

  it.live("begins the log anew in time, so that nothing that was deleted stays in it", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "relay.db")
      const database = new DatabaseSync(path)
      database.exec("PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 0")
      // The thread holds the database while it begins the log anew.
      database.exec("PRAGMA busy_timeout = 2000")
      database.exec(schema.migrations[0] ?? "")
      const upkeep = startUpkeep({
        path,
        identity: identityOf(path),
        onUp: () => {},
        onDown: () => {},
        onPlace: () => {},
        renewEvery: 1_500
      })
      yield* Effect.addFinalizer(() => Effect.callback<void>((resume) => upkeep.close(() => resume(Effect.void))))
      database.exec("INSERT INTO item VALUES ('a secret'); DELETE FROM item")
      assert.include(readFileSync(`${path}-wal`, "latin1"), "a secret")
      yield* until(() => statSync(`${path}-wal`).size === 0)
      assert.notInclude(readFileSync(path, "latin1"), "a secret")
      // And again.
      database.exec("INSERT INTO item VALUES ('another')")
      yield* until(() => statSync(`${path}-wal`).size === 0)
      database.close()
    })
  )

  it.live("goes on with the other databases of a process when one is closed, or cannot be read", () =>
    Effect.gen(function* () {
      const base = yield* folder
      const told: Array<string> = []
      const opened = ["first", "second", "third"].map((name) => {
        const path = join(base, `${name}.db`)
        const database = new DatabaseSync(path)
        database.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA busy_timeout = 2000")
        database.exec(schema.migrations[0] ?? "")
        if (name === "third") {
          database.close()
          writeFileSync(path, "this is not a database. ".repeat(500))
        }
        const upkeep = startUpkeep({
          path,
          identity: identityOf(path),
          onUp: () => void told.push(`${name} up`),
          onDown: () => void told.push(`${name} down`),
          onPlace: () => {},
          renewEvery: 1
        })
        return { database, path, close: Effect.callback<void>((resume) => upkeep.close(() => resume(Effect.void))) }
      })
      const [first, second, third] = opened
      if (first === undefined || second === undefined || third === undefined) return assert.fail()
      yield* until(() => told.length === 3)
      assert.sameMembers(told, ["first up", "second up", "third down"])
      yield* first.close
      second.database.exec("INSERT INTO item VALUES ('a value')")
      yield* until(() => statSync(`${second.path}-wal`).size === 0)
      assert.include(readFileSync(second.path, "latin1"), "a value")
      yield* third.close
      yield* second.close
      for (const { database } of [first, second]) database.close()
    })
  )

  it.live("neither makes the file nor looks after another in its place, and says where it is", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "relay.db")
      new DatabaseSync(path).exec("PRAGMA journal_mode = WAL; CREATE TABLE item (value TEXT)")
      const identity = identityOf(path)
      renameSync(path, `${path}.moved`)
      const told: Array<string> = []
      const upkeep = startUpkeep({
        path,
        identity,
        onUp: () => void told.push("up"),
        onDown: () => void told.push("down"),
        onPlace: (there) => void told.push(there ? "there" : "gone")
      })
      yield* Effect.addFinalizer(() => Effect.callback<void>((resume) => upkeep.close(() => resume(Effect.void))))
      yield* until(() => told.length === 1)
      yield* Effect.sleep(600)
      assert.isFalse(existsSync(path))
      renameSync(`${path}.moved`, path)
      yield* until(() => told.includes("up"))
      assert.deepStrictEqual(told, ["gone", "there", "up"])
    })
  )

  it.live("is started again when it dies, and answers what it was asked meanwhile", () =>
    Effect.gen(function* () {
      const base = yield* folder
      const path = join(base, "relay.db")
      new DatabaseSync(path).exec("CREATE TABLE later (x)")
      const sound = readFileSync(path)
      writeFileSync(path, "this is not a database. ".repeat(500))
      const told: Array<string> = []
      const upkeep = startUpkeep({
        path,
        identity: identityOf(path),
        onUp: () => void told.push("up"),
        onDown: () => void told.push("down"),
        onPlace: () => {}
      })
      const asked: Array<string | undefined> = []
      upkeep.clean([{ first: { sql: "DELETE FROM item", params: [] }, rest: [] }], (fault) => void asked.push(fault))
      yield* until(() => told.includes("down"))
      assert.strictEqual(asked.length, 1)
      assert.isString(asked[0])
      writeFileSync(path, sound)
      yield* until(() => told.includes("up"))
      yield* Effect.callback<void>((resume) => upkeep.close(() => resume(Effect.void)))
      assert.deepStrictEqual(told, ["down", "up"])
    })
  )
})
