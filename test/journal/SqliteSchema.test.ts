/**
 * Databases of versions before: brought up to the newest schema, and read as they were.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { JournalStore, JournalStoreSqliteNode, makeStreamId, pageRoom, replied } from "#src/journal/index"
import { sweeping } from "#src/journal/SqliteSchema"
import { SqliteNode } from "#src/store/index"
import type { Round, Step } from "#src/store/SqliteUpkeepThreadNode"
import { claimed, ended, journalOn, makeTold, until } from "./kit.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "schema-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const open = (path: string) =>
  Effect.map(Layer.build(Layer.fresh(JournalStoreSqliteNode.layer({ path }))), (context) =>
    Context.get(context, JournalStore)
  )

const { application, migrations } = JournalStoreSqliteNode
const ids = {
  whole: makeStreamId(),
  second: makeStreamId(),
  swept: makeStreamId(),
  orphan: makeStreamId(),
  bare: makeStreamId()
}

/** Writes a database as version 1 did: two streams that ended, one that was swept, one cut, one without any frame. */
const writeVersion1 = (path: string): void => {
  const database = new DatabaseSync(path)
  database.exec("PRAGMA journal_mode = WAL")
  database.exec(
    "CREATE TABLE owner (epoch INTEGER NOT NULL, opened_at INTEGER NOT NULL) STRICT; INSERT INTO owner VALUES (7, 1000)"
  )
  database.exec(migrations[0] ?? "")
  database.exec(`PRAGMA application_id = ${application}; PRAGMA user_version = 1`)
  const stream = database.prepare("INSERT INTO stream VALUES (?, ?, 'chat', 'alice', ?, ?, ?, ?, ?, ?)")
  stream.run(1, ids.whole, "asked by the first", "note 1", 1_000, 5_000, 6, 0)
  stream.run(2, ids.second, "asked by the second", "note 2", 2_000, 4_000, 6, 0)
  stream.run(3, ids.swept, "", "", 3_000, 3_500, 6, 1)
  stream.run(4, ids.orphan, "asked by the orphan", "note 4", 3_000, null, 7, 0)
  stream.run(5, ids.bare, "asked by the bare", "note 5", 3_000, null, 7, 0)
  const frame = database.prepare("INSERT INTO frame VALUES (?, ?, ?)")
  database.exec("BEGIN")
  for (let seq = 0; seq < 600; seq++) {
    frame.run(1, seq, `a${seq} \u{1f600}\n\n`)
    if (seq < 3) frame.run(2, seq, `b${seq}`)
    if (seq < 5) frame.run(4, seq, `d${seq}`)
  }
  database.exec("COMMIT")
  database.close()
}

describe("a database of version 1", () => {
  it.effect("is brought up: what it has is read to the byte, and what was cut is gone on with", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(10_000)
      const path = join(yield* folder, "relay.db")
      writeVersion1(path)
      const journal = yield* Effect.flatMap(open(path), journalOn)
      const { create, follow, frames, locate, orphans, outcomes } = journal
      assert.deepStrictEqual(
        yield* frames(ids.whole, -1),
        Array.from({ length: 600 }, (_, seq) => `a${seq} \u{1f600}\n\n`)
      )
      for (const after of [0, 254, 255, 256, 597]) {
        const told = makeTold()
        follow(ids.whole, after, told)
        yield* until(() => told.terminal)
        assert.isTrue(told.text.startsWith(`a${after + 1} `))
      }
      assert.deepInclude(yield* locate(ids.second, `${ids.second}.2`), { state: "ended", after: 2, atEnd: true })
      assert.deepInclude((yield* locate(ids.second, undefined)).record, { note: "note 2", endedAt: 4_000, length: 3 })
      assert.strictEqual((yield* Effect.flip(locate(ids.swept, undefined)))._tag, "StreamExpired")
      assert.deepStrictEqual(
        (yield* orphans(9)).map(({ id, length, request, writer }) => [id, length, request, writer]),
        [
          [ids.orphan, 5, "asked by the orphan", "gone"],
          [ids.bare, 0, "asked by the bare", "gone"]
        ]
      )
      // It was written before there were outcomes.
      assert.deepStrictEqual(yield* outcomes("", 9), [])

      const fresh = create({ dialect: "chat", owner: "", request: "", note: "" })
      fresh.append("new")
      const lease = yield* claimed(journal, (yield* locate(ids.orphan, undefined)).record)
      assert.strictEqual(lease.nextSeq(), 5)
      lease.append("end")
      lease.end(ended)
      yield* lease.committed
      assert.deepStrictEqual(yield* frames(ids.orphan, -1), ["d0", "d1", "d2", "d3", "d4", "end"])
      assert.deepStrictEqual(yield* frames(fresh.id, -1), ["new"])
      assert.deepStrictEqual(
        (yield* outcomes("", 9)).map(({ id, outcome }) => [id, outcome]),
        [[ids.orphan, "completed"]]
      )
    })
  )

  it.effect("loses nothing that is not due when it is swept", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(10_000)
      const path = join(yield* folder, "relay.db")
      writeVersion1(path)
      const store = yield* open(path)
      const { frames, locate } = yield* journalOn(store)
      const due = { framesBefore: 4_500, streamsBefore: 3_600, keysBefore: 0, maxBytes: Number.MAX_SAFE_INTEGER }
      yield* replied<void, unknown>((done) => store.sweep(due, done))
      assert.strictEqual((yield* frames(ids.whole, -1)).length, 600)
      assert.deepStrictEqual(yield* frames(ids.second, -1), [])
      assert.strictEqual((yield* Effect.flip(locate(ids.second, undefined)))._tag, "StreamExpired")
      assert.strictEqual((yield* Effect.flip(locate(ids.swept, undefined)))._tag, "StreamNotFound")
      assert.strictEqual((yield* locate(ids.orphan, undefined)).state, "orphan")
    })
  )

  it.effect("has no request of a stream that ended, once it is closed", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "relay.db")
      writeVersion1(path)
      yield* Effect.scoped(open(path))
      const database = new DatabaseSync(path, { readOnly: true })
      const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all()
      assert.deepStrictEqual(
        tables.map((table) => table["name"]),
        ["ended", "identity", "live", "owner", "piece", "stream"]
      )
      database.close()
      const bytes = readFileSync(path, "latin1")
      assert.notInclude(bytes, "asked by the first")
      assert.include(bytes, "asked by the orphan")
    })
  )
})

/** Writes a database as version 2 did before rows were cut: a commit of any size is one row. */
const writeLongRows = (path: string): void => {
  const database = new DatabaseSync(path)
  database.exec("PRAGMA journal_mode = WAL")
  database.exec(
    "CREATE TABLE owner (epoch INTEGER NOT NULL, opened_at INTEGER NOT NULL) STRICT; INSERT INTO owner VALUES (7, 1000)"
  )
  for (const migration of migrations.slice(0, 2)) database.exec(migration)
  database.exec(`PRAGMA application_id = ${application}; PRAGMA user_version = 2`)
  const stream = database.prepare("INSERT INTO stream VALUES (?, ?, 'chat', 'alice', ?, 1000, NULL, NULL, ?)")
  stream.run(1, ids.whole, "note 1", 1)
  stream.run(2, ids.orphan, "note 2", null)
  database.exec(`INSERT INTO ended VALUES (1, 1, 5000, 2, 2001, 1, '[1,3]', 'completed')`)
  database.exec("INSERT INTO live VALUES (2, 'asked by the orphan', 1, 7, 2, NULL)")
  const piece = database.prepare("INSERT INTO piece VALUES (?, ?, ?, ?, ?)")
  const lengths = longFrames.map((frame) => frame.length).join()
  piece.run(1, 1, 1999, lengths, longFrames.join(""))
  piece.run(2, 2, 1999, lengths, longFrames.join(""))
  piece.run(3, 1, 2000, null, "the end")
  database.close()
}

const longFrames = Array.from({ length: 2000 }, (_, n) => `${n} ${"\u{1f600}e".repeat(n % 90)}\n`)

describe("a sweep", () => {
  it("has no parameter with a number, which `node:sqlite` of Node 22.19 cannot bind, and a value for each", () => {
    const steps = (part: Step | Round): ReadonlyArray<Step> =>
      "first" in part ? [part.first, ...part.rest.flatMap(steps)] : [part]
    const all = sweeping({ framesBefore: 1, keysBefore: 2, maxBytes: 3, streamsBefore: 4 }).flatMap(steps)
    assert.isAbove(all.length, 6)
    for (const { params, sql } of all) {
      assert.notMatch(sql, /\?\d/)
      assert.lengthOf(params, sql.split("?").length - 1)
    }
  })

  it.live("goes through more than it chooses at a time, to the last piece, and leaves what is not due", () =>
    Effect.gen(function* () {
      const sqlite = yield* SqliteNode.open({ path: join(yield* folder, "relay.db"), application, migrations })
      const { database } = sqlite
      database.exec("BEGIN")
      const stream = database.prepare("INSERT INTO stream VALUES (?, ?, 'chat', 'alice', 'note', 1000, ?, ?, ?)")
      const end = database.prepare("INSERT INTO ended VALUES (?, ?, ?, 2, ?, ?, ?, 'completed')")
      const piece = database.prepare("INSERT INTO piece VALUES (NULL, ?, ?, NULL, 'x')")
      // Of 9,000 answers each third has a key, and two have five thousand pieces; three end at a time.
      for (let key = 1; key <= 9_000; key++) {
        const keyed = key % 3 === 0
        const pieces = Array.from({ length: key === 7 || key === 8_999 ? 5_000 : 1 }, (_, at) =>
          Number(piece.run(key, at).lastInsertRowid)
        )
        stream.run(key, `id${key}`, keyed ? `key${key}` : null, keyed ? "hash" : null, key)
        end.run(key, key, 1_000 + Math.floor(key / 3), pieces.length, 10, JSON.stringify(pieces))
      }
      // One without an end.
      stream.run(9_001, "live", null, null, null)
      piece.run(9_001, 0)
      database.exec("INSERT INTO live VALUES (9001, 'asked', 1, 1, 1, NULL); COMMIT")
      const sweep = (due: Partial<Parameters<typeof sweeping>[0]>) =>
        Effect.callback<string | undefined>((resume) =>
          sqlite.clean(
            sweeping({ framesBefore: 0, streamsBefore: 0, keysBefore: 0, maxBytes: 1e12, ...due }),
            (fault) => resume(Effect.succeed(fault))
          )
        )
      const count = (from: string) => Number(database.prepare(`SELECT count(*) AS n FROM ${from}`).get()?.["n"])

      // Room for a thousand of them: those that ended last, to the position.
      assert.isUndefined(yield* sweep({ maxBytes: 10_000 }))
      assert.strictEqual(count("ended WHERE state = 2 AND position > 8000"), 1_000)
      assert.strictEqual(count("ended WHERE state = 0 AND bytes = 0 AND pieces = '[]'"), 8_000)
      assert.strictEqual(count("stream WHERE note = '' AND ended <= 8000"), 8_000)
      assert.strictEqual(count("stream WHERE note <> ''"), 1_001)
      assert.strictEqual(count("piece"), 999 + 5_000 + 1)

      // Forgotten wholly: all but who has a key, the last one, and who has no end: also who has got the key of one that
      // was deleted while the sweep went on.
      database.exec(`CREATE TRIGGER anew AFTER DELETE ON stream WHEN old.id = 'id1' BEGIN
        INSERT INTO stream VALUES (old.key, 'anew', 'chat', 'bob', '', 2000, NULL, NULL, NULL); END`)
      assert.isUndefined(yield* sweep({ framesBefore: 9_000, streamsBefore: 9_000 }))
      assert.strictEqual(count("piece"), 1)
      assert.strictEqual(count("stream"), 3_002)
      assert.strictEqual(count("ended"), 3_000)
      assert.isUndefined(yield* sweep({ framesBefore: 9_000, streamsBefore: 9_000, keysBefore: 9_000 }))
      assert.strictEqual(count("stream WHERE id IN ('live', 'anew')"), 2)
      assert.strictEqual(count("stream"), 2)
      assert.strictEqual(count("live"), 1)
      assert.strictEqual(count("ended WHERE position = 9000"), 1)
      assert.strictEqual(count("ended"), 1)
    })
  )
})

describe("a database of version 2 with rows longer than a page", () => {
  it.effect("is read as it is, to the byte and from anywhere, and what was cut is gone on with", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(10_000)
      const path = join(yield* folder, "relay.db")
      writeLongRows(path)
      const journal = yield* Effect.flatMap(open(path), journalOn)
      const all = [...longFrames, "the end"]
      assert.isAbove(longFrames.join("").length, 2 * pageRoom)
      for (const after of [-1, 0, 255, 256, 1000, 1999]) {
        assert.deepStrictEqual(yield* journal.frames(ids.whole, after), all.slice(after + 1))
        const told = makeTold()
        journal.follow(ids.whole, after, told)
        yield* until(() => told.terminal)
        assert.strictEqual(told.text, all.slice(after + 1).join(""))
      }
      const orphan = (yield* journal.locate(ids.orphan, undefined)).record
      assert.deepInclude(orphan, { length: 2000, writer: "gone", request: "asked by the orphan" })
      const lease = yield* claimed(journal, orphan)
      lease.append("and on")
      lease.end(ended)
      yield* lease.committed
      assert.deepStrictEqual(yield* journal.frames(ids.orphan, -1), [...longFrames, "and on"])
    })
  )
})
