import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as BooksMemoryNode from "#src/books/BooksMemoryNode"
import * as BooksPostgresNode from "#src/books/BooksPostgresNode"
import * as BooksSqliteNode from "#src/books/BooksSqliteNode"
import { folder, openBooks } from "../books/kit.ts"
import { findPostgres, type PostgresServer, startPostgres } from "../support/postgres.ts"
import { sql } from "#src/books/index"
import { processOn } from "./ledgerKit.ts"
import { ledgerSuite } from "./ledgerSuite.ts"

ledgerSuite({ name: "memory", open: Effect.succeed(openBooks(BooksMemoryNode.layer)) })

ledgerSuite({
  name: "SQLite",
  open: Effect.map(folder, (path) => openBooks(BooksSqliteNode.layer({ path: join(path, "books.db") })))
})

const binaries = findPostgres()

describe.skipIf(binaries === undefined)("with a server", () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(binaries ?? "")
  })
  afterAll(() => server.remove())
  ledgerSuite({
    name: "PostgreSQL",
    open: Effect.sync(() => openBooks(BooksPostgresNode.layer({ url: Redacted.make(server.database()) })))
  })
})

describe("the ledger in memory", () => {
  it.live("keeps the newest 200,000 rows, and what the others come to", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const books = yield* openBooks(BooksMemoryNode.layer)
        yield* (yield* processOn(books)).die
        yield* books.run(
          sql`INSERT INTO relay_ledger (id, at, kind, token, token_group, amount, token_charged, group_charged, stream_id)
              WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 201200)
              SELECT printf('%012x%014x', ${Date.now()}, n), ${Date.now()}, 'settle', '', 'default', 1, 0, 0, 's' || n FROM n`
        )
        const { ledger } = yield* processOn(books)
        const count = Effect.map(books.run(sql`SELECT count(*) AS n FROM relay_ledger`), ([row]) => Number(row?.["n"]))
        const kept = yield* Effect.repeat(Effect.delay(count, 20), { until: (rows) => rows <= 200_000, times: 500 })
        assert.strictEqual(kept, 200_000)
        const [oldest] = yield* books.run(sql`SELECT stream_id FROM relay_ledger ORDER BY id LIMIT 1`)
        assert.strictEqual(oldest?.["stream_id"], "s1201")
        assert.deepInclude(yield* ledger.sum, { settled: 201_200, drift: 0 })
      })
    )
  )
})
