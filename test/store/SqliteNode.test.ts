import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { SqliteNode } from "#src/store/index"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "sqlite-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)
const place = Effect.map(folder, (path) => join(path, "relay.db"))

const schema = { application: 7, migrations: ["CREATE TABLE item (value TEXT NOT NULL) STRICT"] }
const open = (path: string) => SqliteNode.open({ path, ...schema })
const refused = (path: string) => Effect.flip(Effect.scoped(open(path)))

type Sqlite = Effect.Success<ReturnType<typeof open>>

const insert = (sqlite: Sqlite, value: string) => {
  const statement = sqlite.database.prepare("INSERT INTO item VALUES (?)")
  return Effect.callback<void, { readonly _tag: string; readonly message: string }>((resume) =>
    sqlite.write(
      () => void statement.run(value),
      (answer) => resume(answer.ok ? Effect.void : Effect.fail(answer.error))
    )
  )
}

const items = (path: string) => {
  const database = new DatabaseSync(path, { readOnly: true })
  const values = database
    .prepare("SELECT value FROM item")
    .all()
    .map((row) => row["value"])
  database.close()
  return values
}

const opener = fileURLToPath(new URL("opener.ts", import.meta.url))

/** Starts a process that opens the store, and waits for what it says. */
const openElsewhere = (path: string, ...more: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.callback<{ said: string; pid: number; kill: Effect.Effect<void>; ended: Effect.Effect<number | null> }>(
      (resume) => {
        const flags = ["--disable-warning=ExperimentalWarning", "--conditions=effect-resilience-source"]
        const child = spawn(process.execPath, [...flags, opener, path, ...more], {
          stdio: ["ignore", "pipe", "inherit"]
        })
        const exit = new Promise<number | null>((done) => void child.on("exit", (code) => done(code)))
        const ended = Effect.promise(() => exit)
        const kill = Effect.andThen(
          Effect.sync(() => child.kill("SIGKILL")),
          ended
        )
        child.stdout
          .setEncoding("utf8")
          .once("data", (text: string) =>
            resume(Effect.succeed({ said: text.trim(), pid: child.pid ?? 0, kill: Effect.asVoid(kill), ended }))
          )
      }
    ),
    (child) => child.kill
  )

describe("the owner of a SQLite store", () => {
  it.effect("is one: a second is told who has it, plainly, until the first is closed", () =>
    Effect.gen(function* () {
      const path = yield* place
      const error = yield* Effect.scoped(Effect.andThen(open(path), refused(path)))
      assert.strictEqual(error._tag, "UpdateDataError")
      assert.strictEqual(error.message, `the store at ${path} is in use by another process`)
      yield* Effect.scoped(open(path))
    })
  )

  it.live("is one process: the lock is seen by others, and is free when its owner is killed", () =>
    Effect.gen(function* () {
      const path = yield* place
      const other = yield* openElsewhere(path, "hold")
      assert.strictEqual(other.said, "open")
      const error = yield* Effect.flip(SqliteNode.open({ path, application: 7, migrations: [] }))
      assert.strictEqual(error.message, `the store at ${path} is in use by another process`)
      yield* other.kill
      const { epoch } = yield* SqliteNode.open({ path, application: 7, migrations: [] })
      assert.strictEqual(epoch, 2)
      const third = yield* openElsewhere(path)
      assert.strictEqual(third.said, `the store at ${path} is in use by another process`)
    })
  )

  it.live("is not kept alive by it", () =>
    Effect.gen(function* () {
      const { said, ended } = yield* openElsewhere(yield* place)
      assert.strictEqual(said, "open")
      assert.strictEqual(yield* ended, 0)
    })
  )

  it.effect("has a higher epoch each time, and the time at which it opened", () =>
    Effect.gen(function* () {
      const path = yield* place
      const epochs: Array<[number, number]> = []
      for (const time of [1_000, 2_000, 3_000]) {
        yield* TestClock.setTime(time)
        const { epoch, openedAt } = yield* Effect.scoped(open(path))
        epochs.push([epoch, openedAt])
      }
      assert.deepStrictEqual(epochs, [
        [1, 1_000],
        [2, 2_000],
        [3, 3_000]
      ])
    })
  )

  it.effect("that has been followed by another writes nothing", () =>
    Effect.gen(function* () {
      const path = yield* place
      const sqlite = yield* open(path)
      yield* insert(sqlite, "mine")
      const other = new DatabaseSync(path)
      other.exec("UPDATE owner SET epoch = epoch + 1")
      other.close()
      const error = yield* Effect.flip(insert(sqlite, "not mine"))
      assert.strictEqual(error._tag, "LeaseLost")
      assert.isFalse(sqlite.usable())
      assert.strictEqual((yield* Effect.flip(insert(sqlite, "never")))._tag, "LeaseLost")
      assert.deepStrictEqual(items(path), ["mine"])
    })
  )
})

describe("opening a SQLite store", () => {
  it.effect("makes its folder, and takes any name as a file's", () =>
    Effect.gen(function* () {
      const base = yield* folder
      for (const path of [join(base, "a", "b", "relay.db"), join(base, ":memory:"), join(base, "file:x?mode=memory")]) {
        yield* Effect.scoped(open(path))
        assert.isTrue(statSync(path).isFile())
      }
    })
  )

  it.effect("of a path that cannot be one is refused, with the path", () =>
    Effect.gen(function* () {
      const base = yield* folder
      const file = join(base, "file")
      writeFileSync(file, "text")
      mkdirSync(join(base, "locked.db.lock"))
      for (const path of [base, join(file, "relay.db"), join(base, "locked.db"), join(base, "nul\0.db")]) {
        const error = yield* refused(path)
        assert.strictEqual(error._tag, "UpdateDataError")
        assert.include(error.message, path)
      }
    })
  )

  it.effect("of what is not a database, or a damaged one, is refused, and nothing is touched", () =>
    Effect.gen(function* () {
      const base = yield* folder
      const text = join(base, "text")
      writeFileSync(text, "this is not a database. ".repeat(500))
      const damaged = join(base, "damaged")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const sqlite = yield* open(damaged)
          for (let n = 0; n < 50; n++) yield* insert(sqlite, "x".repeat(3_000))
        })
      )
      const bytes = readFileSync(damaged)
      bytes.fill(0xa5, 3 * 4096, 9 * 4096)
      writeFileSync(damaged, bytes)
      const truncated = join(base, "truncated")
      writeFileSync(truncated, readFileSync(damaged).subarray(0, 4096 * 2 + 100))
      for (const path of [text, damaged, truncated]) {
        const before = readFileSync(path)
        const error = yield* refused(path)
        assert.strictEqual(error._tag, "QueryDataError", path)
        assert.include(error.message, path)
        assert.match(error.message, /is not a database$|is damaged/)
        assert.isTrue(readFileSync(path).equals(before))
      }
    })
  )

  it.effect("of another program's database, or a newer version's, is refused", () =>
    Effect.gen(function* () {
      const path = yield* place
      const other = new DatabaseSync(path)
      other.exec("CREATE TABLE theirs (x)")
      other.close()
      assert.strictEqual((yield* refused(path)).message, `the store at ${path} is the database of another program`)
      const newer = `${path}.newer`
      yield* Effect.scoped(SqliteNode.open({ path: newer, application: 7, migrations: [...schema.migrations, ""] }))
      const error = yield* refused(newer)
      assert.strictEqual(error._tag, "QueryDataError")
      assert.strictEqual(
        error.message,
        `the store at ${newer} was written by a newer version (schema 2; this version knows 1)`
      )
    })
  )

  it.effect("brings an older version up to date, whole or not at all", () =>
    Effect.gen(function* () {
      const path = yield* place
      yield* Effect.scoped(Effect.flatMap(open(path), (sqlite) => insert(sqlite, "kept")))
      const second = "ALTER TABLE item ADD COLUMN more TEXT"
      const upgrade = (...more: ReadonlyArray<string>) =>
        Effect.scoped(SqliteNode.open({ path, application: 7, migrations: [...schema.migrations, ...more] }))
      const failed = yield* Effect.flip(upgrade(second, "CREATE TABLE item (x)"))
      assert.include(failed.message, path)
      yield* Effect.scoped(open(path))
      yield* upgrade(second)
      assert.deepStrictEqual(items(path), ["kept"])
    })
  )
})

describe("writing a SQLite store", () => {
  it.live("waits, in later turns, while the database is busy", () =>
    Effect.gen(function* () {
      const path = yield* place
      const sqlite = yield* open(path)
      const other = new DatabaseSync(path)
      other.exec("BEGIN IMMEDIATE")
      setTimeout(() => other.exec("ROLLBACK"), 50)
      let turns = 0
      const counting = setInterval(() => turns++, 5)
      yield* insert(sqlite, "after all")
      clearInterval(counting)
      other.close()
      assert.isAbove(turns, 2)
      assert.deepStrictEqual(items(path), ["after all"])
    })
  )

  it.live("fails when the database is busy for 5 s", () =>
    Effect.gen(function* () {
      const path = yield* place
      const sqlite = yield* open(path)
      const other = new DatabaseSync(path)
      other.exec("BEGIN IMMEDIATE")
      const error = yield* Effect.flip(insert(sqlite, "never"))
      assert.deepStrictEqual([error._tag, error.message], ["UpdateDataError", `the store at ${path} is busy`])
      other.close()
      yield* insert(sqlite, "next")
      assert.deepStrictEqual(items(path), ["next"])
    })
  )

  it.live("to a full disk fails whole, and works again when there is room", () =>
    Effect.gen(function* () {
      const path = yield* place
      const sqlite = yield* open(path)
      yield* insert(sqlite, "first")
      const pages = sqlite.database.prepare("PRAGMA page_count").get()?.["page_count"]
      sqlite.database.exec(`PRAGMA max_page_count = ${String(pages)}`)
      const error = yield* Effect.flip(insert(sqlite, "x".repeat(100_000)))
      assert.strictEqual(error._tag, "UpdateDataError")
      assert.strictEqual(error.message, `the store at ${path} cannot be written: the disk is full`)
      sqlite.database.exec("PRAGMA max_page_count = 1000000")
      yield* insert(sqlite, "second")
      assert.isTrue(sqlite.usable())
      assert.deepStrictEqual(items(path), ["first", "second"])
    })
  )

  it.effect("after it was closed fails, and reads do", () =>
    Effect.gen(function* () {
      const path = yield* place
      const sqlite = yield* Effect.scoped(open(path))
      const answers: Array<unknown> = []
      sqlite.write(
        () => {},
        (answer) => answers.push(answer.ok || answer.error._tag)
      )
      const read = sqlite.read(() => sqlite.database.prepare("SELECT 1").get())
      assert.deepStrictEqual([answers, read.ok, sqlite.usable()], [["UpdateDataError"], false, false])
    })
  )
})
