/**
 * Brings the tables of a module up to date: in one transaction, by one process at a time, and never backwards.
 */
import { Effect } from "effect"
import { stackless } from "../errors/index.ts"
import type { BooksModule } from "./Books.ts"
import { type BooksError, BooksNewer } from "./BooksErrors.ts"
import type { Database } from "./Engine.ts"
import { literally, sql } from "./Sql.ts"

/** The versions that the modules have. Made by whoever migrates first. */
const versions = literally("CREATE TABLE IF NOT EXISTS relay_modules (name TEXT PRIMARY KEY, version BIGINT NOT NULL)")

/** Runs the scripts of a module that the database has not seen. */
export const migrate = (database: Database, module: BooksModule): Effect.Effect<void, BooksNewer | BooksError> =>
  database.transaction(
    Effect.gen(function* () {
      yield* database.lockMigrations
      yield* database.run(versions)
      const [row] = yield* database.run(sql`SELECT version FROM relay_modules WHERE name = ${module.name}`)
      const found = Number(row?.["version"] ?? 0)
      const known = module.scripts.length
      if (found > known) {
        const message = `the books at ${database.place} were written by a newer version (${module.name} ${found}; this version knows ${known})`
        return yield* stackless(() => new BooksNewer({ message, module: module.name, found, known }))
      }
      if (found === known) return
      for (const script of module.scripts.slice(found)) {
        for (const statement of script) yield* database.run(literally(statement))
      }
      yield* database.run(
        sql`INSERT INTO relay_modules (name, version) VALUES (${module.name}, ${known})
            ON CONFLICT (name) DO UPDATE SET version = ${known}`
      )
    })
  )
