/**
 * Who has changed what: a row in the books for each write of an admin.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { Books, type BooksError, type BooksModule, type BooksNewer, sql } from "../books/index.ts"
import type { UpdateDataError } from "../errors/index.ts"

/** A change that was made. Neither `before` nor `after` holds a secret. */
export interface Change {
  /** What was done: `channel.disable`. */
  readonly what: string
  /** To what: `channels/primary`. */
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

/** Who made it. */
export interface ChangedBy {
  /** The name of a token, or `""` on a relay without tokens. */
  readonly who: string
  readonly requestId: string
}

const auditModule: BooksModule = {
  name: "audit",
  scripts: [
    [
      `CREATE TABLE relay_audit (
         id TEXT PRIMARY KEY,
         at BIGINT NOT NULL,
         who TEXT NOT NULL,
         what TEXT NOT NULL,
         path TEXT NOT NULL,
         before TEXT,
         after TEXT,
         request_id TEXT NOT NULL
       )`,
      `CREATE INDEX relay_audit_at ON relay_audit (at, id)`
    ]
  ]
}

const asText = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value))

/** Writes what admins change. */
export class Audit extends Context.Service<
  Audit,
  {
    /** Writes a row. Where the books are away it is kept and written later. */
    readonly write: (change: Change, by: ChangedBy) => Effect.Effect<void, UpdateDataError>
  }
>()("effect-resilience/operate/Audit") {
  /** In the books. */
  static readonly layer: Layer.Layer<Audit, BooksError | BooksNewer, Books> = Layer.effect(
    Audit,
    Effect.gen(function* () {
      const books = yield* Books
      yield* books.migrate(auditModule)
      return {
        write: ({ after, before, path, what }, { requestId, who }) =>
          Effect.map(Clock.currentTimeMillis, (at) =>
            books.later(
              Effect.asVoid(
                books.run(
                  sql`INSERT INTO relay_audit (id, at, who, what, path, before, after, request_id)
                      VALUES (${crypto.randomUUID()}, ${at}, ${who}, ${what}, ${path}, ${asText(before)}, ${asText(after)}, ${requestId})
                      ON CONFLICT DO NOTHING`
                )
              )
            )
          )
      }
    })
  )
}
