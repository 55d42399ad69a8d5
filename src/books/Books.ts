/**
 * The books: what outlives the journal, in SQLite or in PostgreSQL, behind one small face. Repositories lie where their
 * words do (`account/TokensNode.ts` is the first); each brings its own tables with `migrate`, writes statements that
 * both databases understand (`Sql.ts`), and knows nothing of the one below.
 *
 * | Layer | where |
 * |---|---|
 * | `BooksSqliteNode.layer({ path })` | a SQLite file, over Node's own `node:sqlite` |
 * | `BooksPostgresNode.layer({ url })` | PostgreSQL 14 or later, over the optional peer `@effect/sql-pg` |
 * | `BooksMemoryNode.layer` | memory: gone with the process |
 *
 * Three ways to write, and which is for what:
 *
 * - `run` and `transaction` are for who must know that it is written: creating a token, reserving a quota. They fail
 *   when the books are away.
 * - `later` is for who must not wait: a row of the error log, a settlement that stands in the stream's note too. What is
 *   given to it is written in batches, and kept in memory while the books are away.
 */
import { Context, type Effect, type Scope, type SubscriptionRef } from "effect"
import type { BackupRefused, BooksError, BooksNewer } from "./BooksErrors.ts"
import type { Engine } from "./Engine.ts"
import type { Row, Sql } from "./Sql.ts"

/** A repository's tables, and how they came to be. */
export interface BooksModule {
  /** Unique among the modules, and never changed. */
  readonly name: string
  /**
   * Script n leads from version n to n + 1; each is a list of statements. A script that has been released is never
   * changed.
   */
  readonly scripts: ReadonlyArray<ReadonlyArray<string>>
}

/** How the books are. */
export type BooksHealth =
  | { readonly _tag: "Usable" }
  /** Since when (epoch milliseconds), and why. Asked again twice a second, until a write succeeds. */
  | { readonly _tag: "Away"; readonly since: number; readonly message: string }

/** What is kept to be written. */
export interface Pending {
  /** Writes that wait. */
  readonly waiting: number
  /** Writes that were dropped since the books were opened: there was no room for them, or the database refused them. */
  readonly dropped: number
}

/** The books. */
export class Books extends Context.Service<
  Books,
  {
    readonly engine: Engine
    /** Runs one statement; gives its rows, none where it has none. */
    readonly run: (statement: Sql) => Effect.Effect<ReadonlyArray<Row>, BooksError>
    /**
     * Runs one statement that only reads, and may read much: where the database is a file, in a thread of its own, so
     * that no answer waits for it. It sees what is committed, also inside a transaction.
     */
    readonly read: (statement: Sql) => Effect.Effect<ReadonlyArray<Row>, BooksError>
    /**
     * Runs a body whose statements are committed together, or not at all when it fails or is interrupted. Nested, it is
     * a savepoint. Others may wait for it: nothing slow belongs inside. A `BooksAway` out of a commit may mean that it
     * was done all the same.
     */
    readonly transaction: <A, E, R>(body: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BooksError, R>
    /**
     * Brings a module's tables up to its last script, in one transaction and in one process at a time. Books whose
     * tables are newer are left alone and refused.
     */
    readonly migrate: (module: BooksModule) => Effect.Effect<void, BooksNewer | BooksError>
    /**
     * Writes soon, in the order given, several writes in one transaction. While the books are away up to 10,000 writes
     * wait for them; beyond that a new one is dropped, counted and told in the log, as is one that the database refuses.
     * Never fails and never waits. A write may be done twice when a connection breaks at the wrong moment: give each row
     * an id of its own, and say `ON CONFLICT DO NOTHING`. `onSettled` is called once, when it is committed or dropped; it
     * must not throw.
     */
    readonly later: (write: Effect.Effect<void, BooksError>, onSettled?: () => void) => void
    /** What waits, and what was dropped. */
    readonly pending: () => Pending
    /** How the books are, and how that changes. `SubscriptionRef.getUnsafe` reads it without an effect. */
    readonly health: SubscriptionRef.SubscriptionRef<BooksHealth>
    /** Tells all who watch this topic, in every process on these books, once the transaction around it is committed. */
    readonly touch: (topic: string) => Effect.Effect<void, BooksError>
    /**
     * Calls `onChange` when the topic was touched by any process, within half a second, until the scope closes. It must
     * not throw.
     */
    readonly watch: (topic: string, onChange: () => void) => Effect.Effect<void, never, Scope.Scope>
    /**
     * Copies the books into a new file while they are in use: one consistent state, readable by their owner only.
     * PostgreSQL has its own tools for that, which the refusal names.
     */
    readonly backup: (file: string) => Effect.Effect<void, BackupRefused | BooksError>
  }
>()("effect-resilience/books/Books") {}
