import { execFileSync, spawn } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger } from "effect"
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

/** Waits until something is so, for at most 20 s of real time. */
const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const end = performance.now() + 20_000
    const look = (): void => {
      if (holds()) resume(Effect.void)
      else if (performance.now() > end) resume(Effect.die(new Error(`it never came: ${String(holds)}`)))
      else setTimeout(look, 5)
    }
    look()
  })

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

describe("waiting for a SQLite store", () => {
  const waiting = (path: string, wait: "30 seconds" | "300 millis", told: Array<string>) =>
    SqliteNode.open({ path, ...schema, wait, onWait: () => void told.push("waits") })

  it.live("takes it the moment that the process which has it is killed, and tells once that it waits", () =>
    Effect.gen(function* () {
      const path = yield* place
      const other = yield* openElsewhere(path, "hold")
      const told: Array<string> = []
      const fiber = yield* Effect.forkChild(waiting(path, "30 seconds", told), { startImmediately: true })
      yield* Effect.sleep(200)
      assert.isUndefined(fiber.pollUnsafe())
      yield* other.kill
      const free = performance.now()
      const { epoch } = yield* Fiber.join(fiber)
      assert.isBelow(performance.now() - free, 1_000)
      assert.deepStrictEqual([told, epoch], [["waits"], 2])
    })
  )

  it.effect("tells nothing where there is nothing to wait for", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      yield* waiting(yield* place, "30 seconds", told)
      assert.deepStrictEqual(told, [])
    })
  )

  it.effect("is over when the time is: in use, as without waiting", () =>
    Effect.gen(function* () {
      const path = yield* place
      yield* open(path)
      const told: Array<string> = []
      const fiber = yield* Effect.forkChild(Effect.flip(Effect.scoped(waiting(path, "30 seconds", told))), {
        startImmediately: true
      })
      yield* until(() => told.length === 1)
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).message, `the store at ${path} is in use by another process`)
      assert.deepStrictEqual(told, ["waits"])
    })
  )

  it.live("can be interrupted, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const path = yield* place
      const told: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* open(path)
          const fiber = yield* Effect.forkChild(Effect.scoped(waiting(path, "30 seconds", told)))
          yield* until(() => told.length === 1)
          const asked = performance.now()
          yield* Fiber.interrupt(fiber)
          assert.isBelow(performance.now() - asked, 500)
        })
      )
      yield* Effect.scoped(open(path))
    })
  )
})

describe("who may read a SQLite store", () => {
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

  it.live(
    "S11: what is no file is refused at once, and keeps its rights: a pipe, and what a link to one leads to",
    () =>
      Effect.gen(function* () {
        const base = yield* folder
        const pipe = join(base, "pipe")
        execFileSync("mkfifo", ["-m", "644", pipe])
        symlinkSync(pipe, join(base, "link"))
        for (const path of [pipe, join(base, "link")]) {
          const error = yield* refused(path)
          assert.strictEqual(
            error.message,
            `the store at ${path} cannot be opened: its folder or file may not be used, or is none`
          )
        }
        const path = join(base, "relay.db")
        execFileSync("mkfifo", ["-m", "644", `${path}.lock`])
        assert.include((yield* refused(path)).message, "cannot be opened")
        for (const kept of [pipe, `${path}.lock`]) assert.strictEqual(modeOf(kept), "644")
      })
  )

  it.effect("S11: its owner alone: every file is 0600, a folder that was made 0700, whatever the umask", () =>
    Effect.gen(function* () {
      const base = yield* folder
      const before = process.umask(0)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.umask(before)))
      const path = join(base, "made", "relay.db")
      yield* Effect.flatMap(open(path), (sqlite) => insert(sqlite, "a secret"))
      assert.strictEqual(modeOf(join(base, "made")), "700")
      assert.deepStrictEqual(
        readdirSync(join(base, "made")).map((name) => [name, modeOf(join(base, "made", name))]),
        ["relay.db", "relay.db-shm", "relay.db-wal", "relay.db.lock"].map((name) => [name, "600"])
      )
    })
  )

  it.effect("S11: a database that others could read is theirs no longer", () =>
    Effect.gen(function* () {
      const path = yield* place
      yield* Effect.scoped(open(path))
      for (const file of [path, `${path}.lock`]) chmodSync(file, 0o644)
      const sqlite = yield* open(path)
      yield* insert(sqlite, "a secret")
      for (const file of [path, `${path}-wal`, `${path}.lock`]) assert.strictEqual(modeOf(file), "600", file)
    })
  )

  it.effect("S11: by whatever path: a link to a database that is in use is refused", () =>
    Effect.gen(function* () {
      const base = yield* folder
      const path = join(base, "relay.db")
      mkdirSync(join(base, "elsewhere"))
      symlinkSync(path, join(base, "elsewhere", "file.db"))
      symlinkSync(base, join(base, "elsewhere", "folder"))
      const links = [join(base, "elsewhere", "file.db"), join(base, "elsewhere", "folder", "relay.db")]
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Effect.flatMap(open(path), (sqlite) => insert(sqlite, "kept"))
          for (const link of links) {
            assert.strictEqual((yield* refused(link)).message, `the store at ${link} is in use by another process`)
          }
        })
      )
      // The first of them may also be the one that makes the file.
      rmSync(path)
      for (const link of links) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* open(link)
            assert.include((yield* refused(path)).message, "in use by another process")
          })
        )
      }
      assert.isFalse(existsSync(join(base, "elsewhere", "file.db.lock")))
    })
  )

  it.effect("S11: what was deleted is in no file once it is closed", () =>
    Effect.gen(function* () {
      const path = yield* place
      yield* Effect.scoped(
        Effect.gen(function* () {
          const sqlite = yield* open(path)
          yield* insert(sqlite, `a secret ${"x".repeat(20_000)}`)
          yield* insert(sqlite, "kept")
          assert.include(readFileSync(`${path}-wal`, "latin1"), "a secret")
          yield* Effect.callback<void>((resume) =>
            sqlite.write(
              () => void sqlite.database.exec("DELETE FROM item WHERE value LIKE 'a secret%'"),
              () => resume(Effect.void)
            )
          )
        })
      )
      const bytes = readFileSync(path, "latin1")
      assert.notInclude(bytes, "a secret")
      assert.notInclude(bytes, "xxxx")
      assert.include(bytes, "kept")
      assert.isFalse(existsSync(`${path}-wal`))
    })
  )
})

describe("a SQLite store whose file is gone", () => {
  it.live("S9: is not usable and writes nothing, says so once, and goes on when the file is back", () =>
    Effect.gen(function* () {
      const path = yield* place
      const said: Array<string> = []
      const log = Logger.layer([Logger.make<unknown, void>(({ message }) => void said.push(String(message)))])
      const sqlite = yield* open(path).pipe(Effect.provide(log))
      yield* insert(sqlite, "before")
      for (const gone of ["deleted", "moved"] as const) {
        renameSync(path, `${path}.${gone}`)
        yield* until(() => !sqlite.usable())
        const error = yield* Effect.flip(insert(sqlite, "never"))
        assert.strictEqual(
          error.message,
          `the store at ${path} has been deleted or moved away under the running process`
        )
        assert.isFalse(sqlite.usable())
        renameSync(`${path}.${gone}`, path)
        yield* until(() => sqlite.usable())
      }
      yield* insert(sqlite, "after")
      // That the upkeep began anew, if it met the file just as it went, is another matter.
      assert.deepStrictEqual(
        said.filter((line) => !line.startsWith("the upkeep")),
        [
          `the store at ${path} has been deleted or moved away under the running process`,
          `the store at ${path} is there again`,
          `the store at ${path} has been deleted or moved away under the running process`,
          `the store at ${path} is there again`
        ]
      )
      // Another file of the same name is not the one.
      rmSync(path)
      writeFileSync(path, "")
      yield* until(() => !sqlite.usable())
    })
  )
})
