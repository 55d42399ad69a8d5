import { fork } from "node:child_process"
import { connect, createServer, type Socket } from "node:net"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Redacted } from "effect"
import { sql } from "#src/books/index"
import * as BooksPostgresNode from "#src/books/BooksPostgresNode"
import { findPostgres, type PostgresServer, startPostgres } from "../support/postgres.ts"
import { healthOf, openBooks, pairs, readPairs, until, writePair } from "./kit.ts"
import { booksSuite } from "./suite.ts"

const binaries = findPostgres()

describe.skipIf(binaries === undefined)("with a server", () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(binaries ?? "")
  })
  afterAll(() => server.remove())

  const open = (url: string, options: Omit<BooksPostgresNode.PostgresOptions, "url"> = { wait: 0 }) =>
    openBooks(BooksPostgresNode.layer({ url: Redacted.make(url), ...options })).pipe(
      Effect.catchTag("PeerMissing", (missing) => Effect.die(missing))
    )
  const refusal = (url: string) => Effect.flip(Effect.scoped(open(url)))

  booksSuite({
    name: "PostgreSQL",
    shared: true,
    place: Effect.sync(() => {
      const url = server.database()
      return { open: open(url) }
    })
  })

  describe("books in PostgreSQL", () => {
    it.live("are refused at once, without the password, where it is wrong or the database is none", () =>
      Effect.gen(function* () {
        const url = server.database()
        const table: ReadonlyArray<readonly [string, RegExp]> = [
          [url.replace(/:[^:@]*@/, ":wr0ng-secret@"), /password authentication failed/],
          [`${url}_nowhere`, /does not exist/],
          ["postgres://relay:wr0ng-secret@127.0.0.1:1/books", /ECONNREFUSED/],
          ["not a url", /not one of PostgreSQL/],
          ["mysql://relay:wr0ng-secret@127.0.0.1/books", /not one of PostgreSQL/]
        ]
        for (const [wrong, message] of table) {
          const error = yield* refusal(wrong)
          assert.strictEqual(error._tag, "BooksNotOpened", wrong)
          assert.match(error.message, message)
          assert.notInclude(error.message, "wr0ng-secret")
        }
      })
    )

    it.live("wait for a server that is not there yet", () =>
      Effect.gen(function* () {
        const url = server.database()
        yield* Effect.promise(() => server.stop())
        const said: Array<string> = []
        const log = Logger.layer([Logger.make<unknown, void>(({ message }) => void said.push(String(message)))])
        const opening = yield* Effect.forkChild(Effect.provide(open(url, { wait: "20 seconds" }), log), {
          startImmediately: true
        })
        yield* Effect.sleep("3500 millis")
        assert.isUndefined(opening.pollUnsafe())
        // Once, however often it is asked.
        assert.lengthOf(said, 1)
        assert.match(said[0]!, /; waiting for it$/)
        yield* Effect.promise(() => server.start())
        const books = yield* Fiber.join(opening)
        yield* books.run(sql`SELECT 1`)
      })
    )

    it.live("keep what cannot be written while the server is gone, and write it when it is back", () =>
      Effect.gen(function* () {
        const books = yield* open(server.database())
        yield* books.migrate(pairs)
        yield* writePair(books, "before")
        yield* Effect.promise(() => server.stop())
        for (let n = 0; n < 300; n++) books.later(writePair(books, `${n}`).pipe(Effect.asVoid))
        assert.strictEqual((yield* Effect.flip(writePair(books, "lost")))._tag, "BooksAway")
        assert.strictEqual(healthOf(books), "Away")
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(books.pending(), { waiting: 300, dropped: 0 })
        yield* Effect.promise(() => server.start())
        yield* until(() => books.pending().waiting === 0)
        assert.strictEqual(healthOf(books), "Usable")
        const { ids, torn } = yield* readPairs(books)
        assert.strictEqual(torn, 0)
        assert.strictEqual(ids.length, 301)
        assert.notInclude(ids, "lost")
      })
    )

    it.live("fail a transaction whose connection is cut, typed, and go on with a new one", () =>
      Effect.gen(function* () {
        const books = yield* open(server.database())
        yield* books.migrate(pairs)
        const cut = books.transaction(
          Effect.gen(function* () {
            yield* books.run(sql`INSERT INTO pair_left (id) VALUES (${"a"})`)
            yield* books.run(sql`SELECT pg_terminate_backend(pg_backend_pid())`)
          })
        )
        assert.strictEqual((yield* Effect.flip(cut))._tag, "BooksAway")
        yield* until(() => healthOf(books) === "Usable", 3_000)
        yield* writePair(books, "b")
        assert.deepStrictEqual(yield* readPairs(books), { ids: ["b"], torn: 0 })
      })
    )

    it.live("let nobody wait for a server that is cut off without a word", () =>
      Effect.gen(function* () {
        const url = new URL(server.database())
        const wire = yield* cuttable(Number(url.port))
        url.port = String(wire.port)
        const books = yield* open(url.href, { timeout: "1 second" })
        yield* books.migrate(pairs)
        const before = performance.now()
        const writing = books.transaction(
          Effect.andThen(
            books.run(sql`INSERT INTO pair_left (id) VALUES (${"a"})`),
            // Now the commit is on its way, and nothing answers.
            Effect.sync(wire.cut)
          )
        )
        assert.strictEqual((yield* Effect.flip(writing))._tag, "BooksAway")
        assert.isBelow(performance.now() - before, 10_000)
        assert.strictEqual(healthOf(books), "Away")
        const reading = yield* Effect.flip(books.run(sql`SELECT 1`))
        assert.strictEqual(reading._tag, "BooksAway")
        assert.isBelow(performance.now() - before, 20_000)
      })
    )

    it.live("are made once by processes that begin at the same time", () =>
      Effect.gen(function* () {
        const url = server.database()
        const said = yield* Effect.all(
          Array.from({ length: 3 }, () => migrateInProcess(url)),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(said, ["done", "done", "done"])
        const books = yield* open(url)
        assert.strictEqual((yield* readPairs(books)).ids.length, 3)
      })
    )

    it.live("say how PostgreSQL is copied, and copy nothing", () =>
      Effect.gen(function* () {
        const url = server.database()
        const error = yield* Effect.flip((yield* open(url)).backup("copy.sql"))
        assert.deepInclude(error, { _tag: "BackupRefused" })
        assert.match(error.message, /pg_dump .*--file=copy\.sql /)
        assert.notInclude(error.message, new URL(url).password)
      })
    )
  })
})

/** A wire to a port of this machine that can be cut: from then on nothing passes, and nothing is closed. */
const cuttable = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly cut: () => void; readonly close: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      let whole = true
      const server = createServer((near) => {
        const far = connect(port, "127.0.0.1")
        for (const [from, to] of [
          [near, far],
          [far, near]
        ] as const) {
          sockets.add(from)
          from.on("data", (chunk) => whole && to.write(chunk))
          from.on("close", () => whole && to.destroy())
          from.on("error", () => {})
        }
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(
          Effect.succeed({
            port: typeof address === "object" && address !== null ? address.port : 0,
            cut: () => {
              whole = false
            },
            close: () => {
              for (const socket of sockets) socket.destroy()
              server.close()
            }
          })
        )
      })
    }),
    (wire) => Effect.sync(wire.close)
  )

/** Opens the books in a process of its own, which makes the tables and writes a pair. */
const migrateInProcess = (url: string) =>
  Effect.callback<string>((resume) => {
    const child = fork(fileURLToPath(new URL("migrating.ts", import.meta.url)), {
      execArgv: ["--disable-warning=ExperimentalWarning", "--conditions=effect-resilience-source"],
      env: { PATH: process.env["PATH"], DATABASE_URL: url },
      stdio: "inherit"
    })
    child.once("message", (said) => resume(Effect.succeed(String(said))))
    child.once("exit", (code) => resume(Effect.succeed(`ended with ${code}`)))
  })
