/**
 * The error log over books of its own: what is told twice, what is too much or too old, and books that are away.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Books, BooksAway, type BooksError, piecesOf, sql } from "#src/books/index"
import * as BooksMemoryNode from "#src/books/BooksMemoryNode"
import * as BooksPostgresNode from "#src/books/BooksPostgresNode"
import * as BooksSqliteNode from "#src/books/BooksSqliteNode"
import { Registry } from "#src/channel/index"
import { relayFile } from "#src/cli/RelayFile"
import { ClientGone, LeaseLost, UpdateDataError, UpstreamOverloaded } from "#src/errors/index"
import { errorFindOf } from "#src/operate/ErrorFind"
import { insertRows, type PlacedRow, readRow } from "#src/operate/ErrorRows"
import { makeSlots, slotAt } from "#src/operate/ErrorSlots"
import { ErrorLog, type ErrorQuery } from "#src/operate/index"
import { type AnswerRef, LastAsked, RelayEvents, type TrailEntry } from "#src/relay/index"
import { Settings } from "#src/settings/index"
import { findPostgres, type PostgresServer, startPostgres } from "../support/postgres.ts"

const settings = (errorLog: object) =>
  Layer.succeed(
    Settings,
    Result.getOrThrow(
      Settings.make(relayFile(), {
        channels: [{ id: "a", dialect: "openai", baseUrl: "http://127.0.0.1:9", keys: [], models: ["m"] }],
        errorLog
      })
    )
  )

const logOver = <E>(books: Layer.Layer<Books, E>, errorLog: object = {}) =>
  ErrorLog.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(RelayEvents.layerSilent, books, Registry.layerOf([]), settings(errorLog)))
  )

const ref = (streamId: string): AnswerRef => ({
  requestId: `req-${streamId}`,
  streamId,
  owner: "team",
  group: "default",
  model: "m",
  listed: true,
  dialect: "openai",
  delivery: "stream",
  asked: new LastAsked()
})
const entry = (attempt = 1): TrailEntry => ({
  attempt,
  channel: "a",
  key: 0,
  model: "m",
  mode: undefined,
  status: 503,
  blame: "upstream",
  code: "upstream_overloaded",
  durationMillis: 5
})
const attemptEnded = (streamId: string, message = "Overloaded") => ({
  _tag: "AttemptEnded" as const,
  answer: ref(streamId),
  entry: entry(),
  error: new UpstreamOverloaded({ message }),
  firstContentMillis: undefined
})
const streamEnded = (streamId: string, error: UpstreamOverloaded | LeaseLost | UpdateDataError | ClientGone) => ({
  _tag: "StreamEnded" as const,
  answer: ref(streamId),
  error,
  ended: undefined,
  tokenCount: 0,
  usage: { inputTokens: 1, outputTokens: 0, estimated: true },
  attempts: 1,
  credits: 5,
  continuations: 0,
  dropped: [],
  trail: [entry()],
  firstContentMillis: undefined,
  durationMillis: 5
})

const all = Effect.gen(function* () {
  const log = yield* ErrorLog
  const { rows } = yield* Effect.orDie(log.search({ limit: 1000 }))
  return rows
})
/** Over these books, from a day of today on: at the beginning of time there is no place for a row. */
const over =
  <E>(books: Layer.Layer<Books, E>, errorLog: object = {}) =>
  <A, E2>(test: Effect.Effect<A, E2, Layer.Success<ReturnType<typeof logOver<E>>>>) =>
    Effect.andThen(
      TestClock.setTime(Date.parse("2026-11-27T00:00:00Z")),
      Effect.provide(test, logOver(books, errorLog))
    )
/** Lets so many seconds pass, and what is written then be written. */
const pass = (seconds: number) => TestClock.adjust(`${seconds} seconds`)

describe("the error log", () => {
  it.effect("has one row of what two processes tell of one answer, and none of an answer that goes on elsewhere", () =>
    Effect.gen(function* () {
      const { tell } = yield* RelayEvents
      tell(attemptEnded("one"))
      tell(streamEnded("one", new UpdateDataError({ message: "the disk is full" })))
      tell(streamEnded("two", new LeaseLost({})))
      yield* pass(1)
      tell({ _tag: "StreamTakenOver", answer: ref("one"), afterMillis: 5 })
      tell(streamEnded("one", new UpstreamOverloaded({})))
      yield* pass(1)
      assert.deepStrictEqual(
        (yield* all).map(({ code, id }) => [id, code]),
        [
          ["one", "update_data_error"],
          ["one.1", "upstream_overloaded"]
        ]
      )
    }).pipe(over(BooksMemoryNode.layer))
  )

  it.effect("leaves no row of an error that says so, and a request's row alone where the client left", () =>
    Effect.gen(function* () {
      const { tell } = yield* RelayEvents
      tell({ ...attemptEnded("one"), error: new UpstreamOverloaded({ record: false }) })
      tell(streamEnded("one", new UpstreamOverloaded({ record: false })))
      tell({ ...attemptEnded("two"), error: new ClientGone({}) })
      tell(streamEnded("two", new ClientGone({})))
      yield* pass(1)
      assert.deepStrictEqual(
        (yield* all).map(({ class: blame, id, status_code }) => [id, blame, status_code]),
        [["two", "cancelled", 499]]
      )
    }).pipe(over(BooksMemoryNode.layer))
  )

  it.effect("keeps at most maxRows, the newest, and finds none of those that went", () =>
    Effect.gen(function* () {
      const { tell } = yield* RelayEvents
      const log = yield* ErrorLog
      for (let n = 0; n < 1300; n++) tell(attemptEnded(`s${n}`, n < 1000 ? "an early one" : "a late one"))
      yield* pass(1)
      assert.lengthOf(yield* all, 1000)
      yield* pass(30)
      const rows = yield* all
      assert.lengthOf(rows, 300)
      assert.strictEqual(rows[0]?.id, "s1299.1")
      assert.lengthOf((yield* log.search({ limit: 1000, q: "EARLY" })).rows, 0)
      assert.lengthOf((yield* log.search({ limit: 1000, q: "LATE", channel: "a" })).rows, 300)
    }).pipe(over(BooksMemoryNode.layer, { maxRows: 300 }))
  )

  it.effect("counts few rows where they are and many by a reader, which may be a thread that had to be started", () =>
    Effect.gen(function* () {
      const real = yield* Books
      let reads = 0
      const books = Layer.succeed(Books, {
        ...real,
        read: (statement) => {
          reads++
          return real.read(statement)
        }
      } satisfies Books["Service"])
      const log = (maxRows: number) => Layer.fresh(logOver(books, { maxRows }))
      const write = (rows: number, name: string) =>
        Effect.gen(function* () {
          const { tell } = yield* RelayEvents
          for (let n = 0; n < rows; n++) tell(attemptEnded(`${name}${n}`))
          yield* pass(30)
        })
      yield* Effect.provide(write(900, "a"), log(5_000))
      assert.strictEqual(reads, 0)
      yield* Effect.provide(write(500, "b"), log(5_000))
      assert.strictEqual(reads, 0)
      yield* Effect.provide(pass(30), log(300))
      assert.strictEqual(reads, 1)
      const [left] = yield* real.run(sql`SELECT count(*) AS n FROM relay_errors`)
      assert.strictEqual(Number(left?.["n"]), 300)
    }).pipe(Effect.provide(BooksMemoryNode.layer))
  )

  it.effect("looks for a text by the rarest of its trigrams, however many rows have the others", () =>
    Effect.gen(function* () {
      const { tell } = yield* RelayEvents
      const log = yield* ErrorLog
      const books = yield* Books
      for (let at = 100; at < 400; at++) tell(attemptEnded(`n${at}`, `The server gave up after ${at} of 400 tries`))
      yield* pass(1)
      const q = "GAVE up after 237 of"
      const { select, weigh } = errorFindOf(books.engine)
      const weighed = yield* books.read(weigh(q)!)
      const [match] = select({ q }, undefined, 10, weighed).params
      assert.sameMembers(String(match).split(" AND "), ['"237"', '" 23"', '"37 "', '"7 o"'])
      const { rows } = yield* log.search({ limit: 10, q })
      assert.deepStrictEqual(
        rows.map(({ id }) => id),
        ["n237.1"]
      )
      assert.isUndefined(weigh("after"))
      // A row with all trigrams of a text, and not the text: it is left out where it is read.
      for (const message of ["bcd before abc", "ÜBER ABCD"]) tell(attemptEnded(message.slice(-4), message))
      yield* pass(1)
      const read = (q: string) =>
        Effect.map(books.read(select({ q }, undefined, 10)), (rows) => rows.map(({ id }) => id))
      assert.deepStrictEqual(yield* read("abcd"), ["ABCD.1"])
      assert.deepStrictEqual(yield* read("über a"), ["ABCD.1"])
    }).pipe(over(BooksMemoryNode.layer))
  )

  it.effect("finds a text in any case, of any alphabet, however short it is and whatever stands before it", () =>
    Effect.gen(function* () {
      const { tell } = yield* RelayEvents
      const log = yield* ErrorLog
      const messages = ["ΟΔΟΣΕΙΣ ΟΔΟΣ", "Öl für Éva", "𐐀", "boss", "ΆΣ", "a nul\0byte", "日本語"]
      for (const [at, message] of messages.entries()) tell(attemptEnded(`c${at}`, message))
      yield* pass(1)
      const found = (q: string) => Effect.map(log.search({ limit: 10, q }), ({ rows }) => rows.map(({ id }) => id))
      for (const [q, ids] of [
        ["ΟΔΟΣ", ["c0.1"]],
        ["οδοσει", ["c0.1"]],
        ["οδος", ["c0.1"]],
        ["ς", ["c4.1", "c0.1"]],
        ["σ", ["c4.1", "c0.1"]],
        ["öL", ["c1.1"]],
        ["É", ["c1.1"]],
        ["é", ["c1.1"]],
        ["𐐨", ["c2.1"]],
        ["ß", []],
        ["語", ["c6.1"]],
        ["\0", ["c5.1"]],
        ["nul\0byte", ["c5.1"]],
        ["l\0b", ["c5.1"]],
        ["byte", ["c5.1"]],
        ["ye", []]
      ] as const) {
        assert.deepStrictEqual(yield* found(q), [...ids], JSON.stringify(q))
      }
    }).pipe(over(BooksMemoryNode.layer))
  )

  it.effect("finds what is long ago, whether it is near the moment that is asked for or far behind it", () =>
    Effect.gen(function* () {
      const { tell } = yield* RelayEvents
      const log = yield* ErrorLog
      const books = yield* Books
      const find = errorFindOf(books.engine)
      for (const id of ["one", "two"]) tell(attemptEnded(id))
      yield* pass(1)
      const [model] = yield* books.run(sql`SELECT * FROM relay_errors LIMIT 1`)
      const { row } = yield* readRow(model!)
      // More than are looked through one by one.
      const slot = makeSlots(0)
      const many = Array.from({ length: 20_100 }, (_, at): PlacedRow => {
        const moment = row.at + 1000 + at * 10
        return { seq: slot(moment), row: { ...row, id: `b${at}`, at: moment, channel: "b", kind: "request" } }
      })
      for (const rows of piecesOf(many, 64)) {
        yield* books.transaction(Effect.andThen(books.run(insertRows(rows)), books.run(find.index(rows)!)))
      }
      const ids = (query: Omit<ErrorQuery, "limit">, limit = 5) =>
        Effect.map(log.search({ limit, ...query }), ({ next, rows }) => [rows.map(({ id }) => id), next !== undefined])
      const end = many.at(-1)!.row.at + 1
      assert.deepStrictEqual(yield* ids({ channel: "a", to: end }), [["two.1", "one.1"], false])
      assert.deepStrictEqual(yield* ids({ channel: "a", kind: "attempt", to: end }, 1), [["two.1"], true])
      assert.deepStrictEqual(yield* ids({ kind: "request", channel: "b", to: many[20_000]!.row.at }, 2), [
        ["b19999", "b19998"],
        true
      ])
      assert.deepStrictEqual(yield* ids({ kind: "request", from: many[7]!.row.at, to: many[9]!.row.at }), [
        ["b8", "b7"],
        false
      ])
      assert.deepStrictEqual(yield* ids({ kind: "attempt", to: many[3]!.row.at }), [["two.1", "one.1"], false])
      assert.deepStrictEqual(yield* ids({ channel: "nobody", to: end }), [[], false])
    }).pipe(over(BooksMemoryNode.layer))
  )

  it.effect("forgets what is older than its retention", () =>
    Effect.gen(function* () {
      const { tell } = yield* RelayEvents
      tell(attemptEnded("old"))
      yield* pass(50)
      tell(attemptEnded("new"))
      yield* pass(25)
      assert.deepStrictEqual(
        (yield* all).map(({ id }) => id),
        ["new.1"]
      )
    }).pipe(over(BooksMemoryNode.layer, { retention: "1 minute" }))
  )

  it.effect(
    "waits for books that are away with at most 10,000 rows, and writes them in order when they are back",
    () => {
      let away = true
      const orAway = (write: Effect.Effect<void, BooksError>): Effect.Effect<void, BooksError> =>
        Effect.suspend(() => (away ? Effect.fail(new BooksAway({ message: "away" })) : write))
      const books = Layer.effect(
        Books,
        Effect.map(Layer.build(BooksMemoryNode.layer), (built): Books["Service"] => {
          const real = Context.get(built, Books)
          return { ...real, later: (write, onSettled) => real.later(orAway(write), onSettled) }
        })
      )
      return Effect.gen(function* () {
        const { tell } = yield* RelayEvents
        const log = yield* ErrorLog
        for (let n = 0; n < 12_000; n++) {
          if (n % 1000 === 0) yield* TestClock.adjust("1 millis")
          tell(attemptEnded(`s${n}`))
        }
        yield* pass(1)
        assert.lengthOf(yield* all, 0)
        assert.strictEqual(log.dropped(), 2_000)
        away = false
        yield* pass(60)
        const { next, rows } = yield* log.search({ limit: 1000 })
        assert.deepStrictEqual([rows[0]?.id, rows[999]?.id], ["s9999.1", "s9000.1"])
        assert.isString(next)
        tell(attemptEnded("after"))
        yield* pass(1)
        assert.strictEqual((yield* all)[0]?.id, "after.1")
      }).pipe(over(books))
    }
  )
})

describe("places", () => {
  it("grow with time, also within a millisecond, and begin at their moment", () => {
    const slot = makeSlots(0.99)
    const at = Date.parse("2026-11-27T00:00:00Z")
    const given = Array.from({ length: 1500 }, () => slot(at))
    assert.deepStrictEqual(
      given.toSorted((one, other) => one - other),
      given
    )
    assert.strictEqual(new Set(given).size, given.length)
    assert.isAtLeast(given[0]!, slotAt(at))
    assert.isBelow(given[100]!, slotAt(at + 1))
    assert.isTrue(Number.isSafeInteger(slotAt(Date.parse("2080-01-01T00:00:00Z"))))
  })
})

/** What is searched in each database: the same rows are found by the same questions. */
const findsTheSame = Effect.gen(function* () {
  const { tell } = yield* RelayEvents
  const log = yield* ErrorLog
  for (let n = 0; n < 30; n++) {
    tell(attemptEnded(`s${n}`, n % 3 === 0 ? `Ünder 100% load_${n}` : `quiet "${n}"`))
    if (n % 5 === 0) tell(streamEnded(`s${n}`, new UpstreamOverloaded({ message: "gave up" })))
  }
  yield* log.flush
  assert.lengthOf(yield* all, 36)
  const count = (query: Omit<Parameters<typeof log.search>[0], "limit">) =>
    Effect.map(log.search({ limit: 1000, ...query }), ({ rows }) => rows.length)
  assert.strictEqual(yield* count({ kind: "request" }), 6)
  assert.strictEqual(yield* count({ stream_id: "s5" }), 2)
  assert.strictEqual(yield* count({ q: "ünder 100% LOAD_" }), 10)
  assert.strictEqual(yield* count({ q: "100%" }), 10)
  assert.strictEqual(yield* count({ q: "%" }), 10)
  assert.strictEqual(yield* count({ q: '"2' }), 8)
  assert.strictEqual(yield* count({ q: "gave", kind: "request", channel: "a", token: "team", status_code: 503 }), 6)
  assert.strictEqual(yield* count({ q: "gave", kind: "attempt" }), 0)
  tell(attemptEnded("sigma", "ΟΔΟΣ closed"))
  for (const q of ["οδος", "ΟΔΟΣ", "οδοσ cl", "ος"]) assert.strictEqual(yield* count({ q }), 0, q)
  yield* log.flush
  for (const q of ["οδος", "ΟΔΟΣ", "οδοσ cl", "ος"]) assert.strictEqual(yield* count({ q }), 1, q)
  assert.strictEqual(yield* count({ q: "οδοα" }), 0)
  // What a client calls its model, and what an operator asks for, may hold what no database has a text for.
  tell({ ...attemptEnded("nul"), answer: { ...ref("nul"), model: "a\0b" } })
  tell(attemptEnded("beside"))
  yield* log.flush
  assert.strictEqual(yield* count({ stream_id: "beside" }), 1)
  assert.strictEqual(yield* count({ model: "a\0b" }), 1)
  assert.strictEqual(yield* count({ channel: "\0" }), 0)
  const seen: Array<string> = []
  for (let cursor: string | undefined = "", page = 0; cursor !== undefined && page < 20; page++) {
    const one: { readonly rows: ReadonlyArray<{ readonly id: string }>; readonly next: string | undefined } =
      yield* log.search({ limit: 5, ...(cursor === "" ? {} : { cursor }) })
    seen.push(...one.rows.map(({ id }) => id))
    cursor = one.next
  }
  assert.deepStrictEqual(
    seen,
    (yield* all).map(({ id }) => id)
  )
  assert.deepStrictEqual(
    (yield* log.ofRequest("req-s5")).map(({ id }) => id),
    ["s5.1", "s5"]
  )
})

describe("in a file of SQLite", () => {
  const folder = mkdtempSync(join(tmpdir(), "errors-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  it.live("finds by every field, in a thread of its own", () =>
    Effect.provide(findsTheSame, logOver(BooksSqliteNode.layer({ path: join(folder, "books.db") })))
  )
})

const binaries = findPostgres()
describe.skipIf(binaries === undefined)("in PostgreSQL", () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(binaries ?? "")
  })
  afterAll(() => server.remove())
  it.live("finds the same", () =>
    Effect.suspend(() =>
      Effect.provide(findsTheSame, logOver(BooksPostgresNode.layer({ url: Redacted.make(server.database()), wait: 0 })))
    )
  )
})
