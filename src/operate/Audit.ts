/**
 * The audit: who changed what at run time, one row a change, in the books.
 *
 * A row is written before the change is answered, so whoever made it finds it there. While the books are away it waits
 * in memory with all that does, and is written when they are back.
 */
import { Clock, Context, Effect, Layer, Random, Redacted, type Scope } from "effect"
import {
  Books,
  type BooksError,
  type BooksModule,
  type BooksNewer,
  BooksBroken,
  type Row,
  type Sql,
  sql
} from "../books/index.ts"
import { isSecretName, Secrets, type SecretsService } from "../errors/index.ts"
import { Settings, untilNextSweep } from "../settings/index.ts"
import { AuditSection } from "./AuditSection.ts"

/** A change that was made. Neither `before` nor `after` holds a secret. */
export interface Change {
  /** What was done: `token.create`, `channel.disable`. */
  readonly what: string
  /** To what: `tokens/alice`, `channels/primary`. */
  readonly path: string
  /** How it was, and how it is now, as JSON has it; nothing where there was or is nothing. */
  readonly before: unknown
  readonly after: unknown
}

/** Who made it. */
export interface ChangedBy {
  /** The name of a token, or `""` on a relay without tokens. */
  readonly who: string
  readonly requestId: string
}

/** A change as it stands in the audit. */
export interface AuditRow extends Change, ChangedBy {
  /** Later changes have greater ones. */
  readonly id: string
  /** Epoch milliseconds. */
  readonly at: number
}

/** Some of the rows, the newest first. */
export interface AuditPage {
  readonly rows: ReadonlyArray<AuditRow>
  /** Where the next page begins; `undefined` on the last one. */
  readonly next: string | undefined
}

/** The audit's table. */
export const auditModule: BooksModule = {
  name: "audit",
  scripts: [
    [
      `CREATE TABLE relay_audit (
         id TEXT PRIMARY KEY,
         at BIGINT NOT NULL,
         who TEXT NOT NULL,
         what TEXT NOT NULL,
         path TEXT NOT NULL,
         before_json TEXT NOT NULL,
         after_json TEXT NOT NULL,
         request_id TEXT NOT NULL
       )`
    ]
  ]
}

// Of a token the audit tells the name.
const isSecret = (name: string): boolean => name !== "token" && isSecretName(name)

/**
 * A value as it may be kept: what is `Redacted`, or stands under the name of a secret, is `null`; known secrets are
 * masked. Who tells of a change leaves secrets out by itself: this is for what was missed.
 */
const withoutSecrets = (value: unknown, mask: SecretsService["mask"]): unknown => {
  if (typeof value === "string") return mask(value)
  if (typeof value !== "object" || value === null) return value ?? null
  if (Redacted.isRedacted(value)) return null
  if (Array.isArray(value)) return value.map((one) => withoutSecrets(one, mask))
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [mask(name), isSecret(name) ? null : withoutSecrets(one, mask)])
  )
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")

/** The id of the first row that could be written at a time. */
const firstIdAt = (at: number): string => hex(Math.max(0, at), 12)

/**
 * Gives ids that sort by when they were given: the millisecond, how many came before in it, and chance, so that two
 * processes give no two alike. Lower-case hex sorts alike in every database, whatever its collation.
 */
const makeIds = (): ((now: number, chance: number) => string) => {
  let last = 0
  let count = 0
  return (now, chance) => {
    // A clock that was set back does not put later rows before earlier ones.
    count = now > last ? 0 : count + 1
    last = Math.max(last, now)
    return `${firstIdAt(last)}${hex(count, 6)}${hex(chance, 8)}`
  }
}

const insert = ({ after, at, before, id, path, requestId, what, who }: AuditRow, mask: SecretsService["mask"]): Sql =>
  sql`INSERT INTO relay_audit (id, at, who, what, path, before_json, after_json, request_id)
      VALUES (${id}, ${at}, ${who}, ${what}, ${mask(path)}, ${JSON.stringify(withoutSecrets(before, mask))},
              ${JSON.stringify(withoutSecrets(after, mask))}, ${requestId})
      ON CONFLICT (id) DO NOTHING`

const read = (row: Row): Effect.Effect<AuditRow, BooksBroken> =>
  Effect.try({
    try: () => ({
      id: String(row["id"]),
      at: Number(row["at"]),
      who: String(row["who"]),
      what: String(row["what"]),
      path: String(row["path"]),
      before: JSON.parse(String(row["before_json"])) as unknown,
      after: JSON.parse(String(row["after_json"])) as unknown,
      requestId: String(row["request_id"])
    }),
    catch: () => new BooksBroken({ message: `the row ${String(row["id"])} of the audit cannot be read` })
  })

/** So many go in one statement: the books wait for no longer. */
const sweepBatch = 1_000

/**
 * Who changed what.
 *
 * ```ts import.meta.vitest
 * import { Effect, Layer, Result } from "effect"
 * import { BooksMemoryNode } from "effect-resilience/books"
 * import { settingsFile, Settings } from "effect-resilience/settings"
 * import { Audit } from "#src/operate/Audit"
 * import { AuditSection } from "#src/operate/AuditSection"
 *
 * const settings = Layer.succeed(Settings, Result.getOrThrow(Settings.make(settingsFile({ sections: [AuditSection] }), {})))
 * const layer = Audit.layer.pipe(Layer.provide(BooksMemoryNode.layer), Layer.provide(settings))
 * const by = { who: "alice", requestId: "req_1" }
 * const program = Effect.gen(function* () {
 *   const audit = yield* Audit
 *   const [before, after] = [{ enabled: true }, { enabled: false }]
 *   yield* audit.write({ what: "token.update", path: "tokens/bob", before, after }, by)
 *   const { rows } = yield* audit.list({ limit: 10 })
 *   return rows.map(({ after, what, who }) => ({ who, what, after }))
 * })
 *
 * await Effect.runPromise(Effect.provide(program, layer))
 * // => [{ who: "alice", what: "token.update", after: { enabled: false } }]
 * ```
 */
export class Audit extends Context.Service<
  Audit,
  {
    /** Writes a row; done once it can be read. Never fails: while the books are away the row waits for them. */
    readonly write: (change: Change, by: ChangedBy) => Effect.Effect<void>
    /** Rows, the newest first: from where a page before ended, or from the newest on. */
    readonly list: (options: {
      readonly limit: number
      readonly cursor?: string | undefined
    }) => Effect.Effect<AuditPage, BooksError>
  }
>()("effect-resilience/operate/Audit") {
  /** In the books. Rows that are older than `audit.retention` are removed, within a quarter of it and an hour at most. */
  static readonly layer: Layer.Layer<Audit, BooksNewer | BooksError, Books | Settings> = Layer.effect(
    Audit,
    Effect.suspend(() => make)
  )
}

const make: Effect.Effect<Audit["Service"], BooksNewer | BooksError, Books | Scope.Scope | Settings> = Effect.gen(
  function* () {
    const books = yield* Books
    const section = (yield* Settings).of(AuditSection)
    const { mask } = yield* Secrets
    yield* books.migrate(auditModule)
    const idOf = makeIds()

    const sweep = Effect.gen(function* () {
      const oldest = firstIdAt((yield* Clock.currentTimeMillis) - section.current.retention)
      const removed = yield* books.run(
        sql`DELETE FROM relay_audit
            WHERE id IN (SELECT id FROM relay_audit WHERE id < ${oldest} ORDER BY id LIMIT ${sweepBatch}) RETURNING id`
      )
      return removed.length === sweepBatch
    }).pipe(
      Effect.repeat({ while: (more) => more }),
      // What is too old is there at the next one, too.
      Effect.ignore
    )
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(sweep, untilNextSweep(section))))

    return {
      write: Effect.fnUntraced(function* (change, by) {
        const at = yield* Clock.currentTimeMillis
        const chance = yield* Random.nextIntBetween(0, 2 ** 32 - 1)
        const write = Effect.asVoid(books.run(insert({ ...change, ...by, id: idOf(at, chance), at }, mask)))
        yield* Effect.catch(write, () => Effect.sync(() => books.later(write)))
      }),
      list: ({ cursor, limit }) =>
        Effect.gen(function* () {
          const from = cursor === undefined ? sql`` : sql` WHERE id < ${cursor}`
          const found = yield* books.run(sql`SELECT * FROM relay_audit${from} ORDER BY id DESC LIMIT ${limit + 1}`)
          const rows = yield* Effect.forEach(found.slice(0, limit), read)
          return { rows, next: found.length > limit ? rows.at(-1)?.id : undefined }
        })
    }
  }
)
