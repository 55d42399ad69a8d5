import { execFileSync } from "node:child_process"
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { sql } from "#src/books/index"
import * as BooksSqliteNode from "#src/books/BooksSqliteNode"
import { JournalStoreSqliteNode } from "#src/journal/index"
import { folder, healthOf, openBooks, pairs, readPairs, until, writePair } from "./kit.ts"
import { booksSuite } from "./suite.ts"

const open = (path: string) => openBooks(BooksSqliteNode.layer({ path }))

booksSuite({
  name: "SQLite",
  shared: true,
  place: Effect.map(folder, (path) => ({ open: open(join(path, "books.db")) }))
})

/** Makes books with some pairs in them, and closes them. */
const withPairs = (path: string, count: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const books = yield* open(path)
      yield* books.migrate(pairs)
      for (let n = 0; n < count; n++) yield* writePair(books, `${n}`)
    })
  )

const refusal = (path: string) => Effect.flip(Effect.scoped(open(path)))

describe("books in a SQLite file", () => {
  it.live("are made with their folder, for their owner only, also where the file was there and open to all", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const path = join(home, "deep", "er", "books.db")
      const books = yield* open(path)
      yield* books.migrate(pairs)
      yield* writePair(books, "a")
      for (const file of [path, `${path}-wal`, `${path}-shm`]) assert.strictEqual(statSync(file).mode & 0o777, 0o600)

      const empty = join(home, "empty.db")
      writeFileSync(empty, "", { mode: 0o644 })
      chmodSync(empty, 0o644)
      yield* open(empty)
      assert.strictEqual(statSync(empty).mode & 0o777, 0o600)
    })
  )

  it.live("S11: refuse what is no file, at once, and leave it its rights", () =>
    Effect.gen(function* () {
      const pipe = join(yield* folder, "pipe")
      execFileSync("mkfifo", ["-m", "644", pipe])
      const error = yield* Effect.flip(open(pipe))
      assert.strictEqual(error.message, `the books at ${pipe} cannot be opened: that is no file`)
      assert.strictEqual(statSync(pipe).mode & 0o777, 0o644)
    })
  )

  it.live("refuse what is not theirs, by path: a folder, a text, another program's database, a journal", () =>
    Effect.gen(function* () {
      const home = yield* folder
      mkdirSync(join(home, "folder"))
      writeFileSync(join(home, "text"), "not a database at all, but long enough to be looked at ".repeat(20))
      const foreign = new DatabaseSync(join(home, "foreign"))
      foreign.exec("CREATE TABLE theirs (id TEXT)")
      foreign.close()
      yield* Effect.scoped(Layer.build(JournalStoreSqliteNode.layer({ path: join(home, "journal") })))
      const table: ReadonlyArray<readonly [string, RegExp]> = [
        ["folder", /./],
        ["text", /are not a database/],
        ["foreign", /database of another program/],
        ["journal", /or of the journal/]
      ]
      for (const [name, message] of table) {
        const error = yield* refusal(join(home, name))
        assert.strictEqual(error._tag, "BooksNotOpened")
        assert.include(error.message, join(home, name))
        assert.match(error.message, message)
      }
    })
  )

  it.live("refuse a damaged file", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "books.db")
      yield* withPairs(path, 200)
      // The head stays, and the pages of the tables are garbage.
      const bytes = readFileSync(path)
      writeFileSync(path, bytes.fill(7, 4096))
      const error = yield* refusal(path)
      assert.strictEqual(error._tag, "BooksNotOpened")
      assert.match(error.message, /are damaged/)
    })
  )

  it.live("refuse a file whose own tables are newer", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "books.db")
      yield* Effect.scoped(Effect.flatMap(open(path), ({ run }) => run(sql`UPDATE relay_modules SET version = 99`)))
      assert.strictEqual((yield* refusal(path))._tag, "BooksNewer")
    })
  )

  it.live("wait for a lock of another process without holding up the program", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "books.db")
      const books = yield* open(path)
      yield* books.migrate(pairs)
      const other = new DatabaseSync(path)
      other.exec("BEGIN IMMEDIATE")
      const writing = yield* Effect.forkChild(writePair(books, "a"), { startImmediately: true })
      const before = performance.now()
      yield* Effect.sleep("100 millis")
      assert.isBelow(performance.now() - before, 1_000)
      assert.isUndefined(writing.pollUnsafe())
      other.exec("COMMIT")
      other.close()
      yield* Fiber.join(writing)
      assert.deepStrictEqual(yield* readPairs(books), { ids: ["a"], torn: 0 })
    })
  )

  it.live("fail as busy when the lock is held for more than five seconds, and are away until they can be written", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "books.db")
      const books = yield* open(path)
      yield* books.migrate(pairs)
      const other = new DatabaseSync(path)
      other.exec("BEGIN IMMEDIATE")
      assert.strictEqual((yield* Effect.flip(writePair(books, "a")))._tag, "BooksBusy")
      assert.strictEqual(healthOf(books), "Away")
      other.close()
      yield* writePair(books, "a")
    })
  )

  it.live("have their log copied back and cut by a thread, and close with it", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "books.db")
      const log = `${path}-wal`
      yield* Effect.scoped(
        Effect.gen(function* () {
          const books = yield* open(path)
          yield* books.migrate(pairs)
          // The thread looks after them from a second on, on a busy host from three on; who copies a log back in the writer's
          // place never cuts it.
          yield* Effect.sleep(4_000)
          const value = "x".repeat(1_000_000)
          for (let n = 0; n < 6; n++) {
            yield* books.run(sql`INSERT INTO pair_right (id, said) VALUES (${String(n)}, ${value})`)
          }
          assert.isAbove(statSync(log).size, 4_000_000)
          yield* until(() => statSync(log).size === 0)
          assert.isAbove(statSync(path).size, 6_000_000)
          assert.strictEqual(healthOf(books), "Usable")
          yield* writePair(books, "after")
          assert.isAbove(statSync(log).size, 0)
        })
      )
      // Whoever is the last to close takes the log away: no connection of the thread's is left.
      assert.isFalse(existsSync(log))
    })
  )

  it.live("say that they are away when the file is removed under them, and write nothing into the void", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "books.db")
      const books = yield* open(path)
      yield* books.migrate(pairs)
      renameSync(path, `${path}.moved`)
      yield* until(() => healthOf(books) === "Away", 2_000)
      const error = yield* Effect.flip(writePair(books, "a"))
      assert.strictEqual(error._tag, "BooksAway")
      assert.match(error.message, /removed or replaced; restart/)
      copyFileSync(`${path}.moved`, path)
      yield* Effect.sleep("700 millis")
      assert.strictEqual(healthOf(books), "Away")
    })
  )
})

describe("a backup of a SQLite file", () => {
  it.live("is one whole state, while the books are written, for their owner only", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const books = yield* open(join(home, "books.db"))
      yield* books.migrate(pairs)
      for (let n = 0; n < 500; n++) yield* writePair(books, `before-${n}`)
      let written = 0
      const writing = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(
            Effect.suspend(() => writePair(books, `${written++}`)),
            Effect.sleep(0)
          )
        )
      )
      yield* until(() => written > 10)
      const file = join(home, "copy.db")
      yield* books.backup(file)
      const during = written
      yield* until(() => written > during + 10)
      yield* Fiber.interrupt(writing)

      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      assert.isFalse(existsSync(`${file}.partial`))
      const copy = yield* open(file)
      const { ids, torn } = yield* readPairs(copy)
      assert.strictEqual(torn, 0)
      assert.isAbove(ids.length, 500)
      assert.isBelow(ids.length, 500 + during + 1)
      // Of what was written meanwhile it has a beginning, without a gap.
      const meanwhile = ids.filter((id) => !id.startsWith("before"))
      assert.strictEqual(Math.max(...meanwhile.map(Number)), meanwhile.length - 1)
    })
  )

  it.live("is refused where there is a file already, and where it cannot be written", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const books = yield* open(join(home, "books.db"))
      const there = yield* Effect.flip(books.backup(join(home, "books.db")))
      assert.deepInclude(there, { _tag: "BackupRefused" })
      assert.match(there.message, /there is a file at .* already/)
      const nowhere = yield* Effect.flip(books.backup(join(home, "no", "such", "copy.db")))
      assert.deepInclude(nowhere, { _tag: "BackupRefused" })
    })
  )
})
