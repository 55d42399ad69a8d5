/**
 * The database below, as far as a statement must know it, and what a driver of one gives to the books.
 */
import type { Effect } from "effect"
import type { BackupRefused, BooksError } from "./BooksErrors.ts"
import { literally, type Row, type Sql } from "./Sql.ts"

/** The few differences, by name. */
export interface Engine {
  readonly name: "sqlite" | "postgres"
  /**
   * Ends a `SELECT` whose rows nobody else may change before the transaction ends. SQLite has one writer at a time, so
   * there it is nothing.
   */
  readonly forUpdate: Sql
  /** Whether one writer locks out all others: who was kept waiting by one cannot write anything then. */
  readonly oneWriter: boolean
  /** Whether what is written is still there when the process is gone, and so for others to read. */
  readonly lasts: boolean
}

/** SQLite in a file. */
export const sqlite: Engine = { name: "sqlite", forUpdate: literally(""), oneWriter: true, lasts: true }

/** SQLite in memory. */
export const sqliteInMemory: Engine = { ...sqlite, lasts: false }

/** PostgreSQL. */
export const postgres: Engine = { name: "postgres", forUpdate: literally(" FOR UPDATE"), oneWriter: false, lasts: true }

/** What a driver gives: primitive operations and no logic. `BooksLive.ts` has all of that. */
export interface Database {
  readonly engine: Engine
  /** What the books are called in a message: a path, or a host and a database. No secret. */
  readonly place: string
  readonly run: (statement: Sql) => Effect.Effect<ReadonlyArray<Row>, BooksError>
  /** Runs a statement that only reads, off the event loop where that can be. */
  readonly read: (statement: Sql) => Effect.Effect<ReadonlyArray<Row>, BooksError>
  readonly transaction: <A, E, R>(body: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BooksError, R>
  /** Taken first inside the transaction of a migration: until its end no other process migrates. */
  readonly lockMigrations: Effect.Effect<void, BooksError>
  /** Looks for what no statement would tell, such as a file that was deleted under us. */
  readonly look: Effect.Effect<void, BooksError>
  readonly backup: (file: string) => Effect.Effect<void, BackupRefused | BooksError>
}
