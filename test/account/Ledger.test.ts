import { join } from "node:path"
import { afterAll, beforeAll, describe } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as BooksMemoryNode from "#src/books/BooksMemoryNode"
import * as BooksPostgresNode from "#src/books/BooksPostgresNode"
import * as BooksSqliteNode from "#src/books/BooksSqliteNode"
import { folder, openBooks } from "../books/kit.ts"
import { findPostgres, type PostgresServer, startPostgres } from "../support/postgres.ts"
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
