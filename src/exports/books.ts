/**
 * `effect-resilience/books`: a database for what outlives an answer, in SQLite or PostgreSQL, behind one small face. For
 * programs that keep the relay's tokens there, and for repositories of their own.
 *
 * Its Layers are built on `effect/sql` and `effect/reactivity`, which Effect 4.1 marks unstable.
 */
import * as BooksMemoryNode from "../books/BooksMemoryNode.ts"
import * as BooksPostgresNode from "../books/BooksPostgresNode.ts"
import * as BooksSqliteNode from "../books/BooksSqliteNode.ts"

// The service, and where its books are
export { Books, type BooksHealth, type BooksModule, type Pending } from "../books/index.ts"
export {
  /** Books in memory, gone with the process: for tests. */
  BooksMemoryNode,
  /** Books in PostgreSQL, for several relays at once, through `@effect/sql-pg`. */
  BooksPostgresNode,
  /** Books in a SQLite file. */
  BooksSqliteNode
}

// Statements
export { type Engine, join, literally, type Row, type Sql, sql, type SqlValue } from "../books/index.ts"

// How they fail
export {
  BackupRefused,
  BooksAway,
  BooksBroken,
  BooksBusy,
  type BooksError,
  BooksNewer,
  BooksNotOpened,
  isBooksError,
  NotUnique,
  PeerMissing
} from "../books/index.ts"
