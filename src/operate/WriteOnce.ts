/**
 * Writes that are sent again: of several requests of one admin with one idempotency key, one is done, and the others get
 * its answer.
 *
 * That a request was begun is in the books before it is done. Where it is not known whether it was done (its process was
 * killed, or the books went away at its end), nobody does it again: it is looked for by a person. So nothing is ever
 * done twice, credits given least of all. A request that was refused has done nothing, and leaves its key free.
 *
 * An answer that shows a secret once is kept without it. In the process that gave it the whole of it is kept too, in
 * memory and for minutes, for a client whose connection broke at that moment.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { Books, type BooksError, type BooksModule, type BooksNewer, isBooksError, sql } from "../books/index.ts"
import { Conflict, QueryDataError, Secrets, stackless } from "../errors/index.ts"

/** A request that may come again. */
export interface NamedWrite {
  /** The name of the admin's token, or `""`. */
  readonly who: string
  /** A digest of the idempotency key. */
  readonly key: string
  /** A digest of all that must be the same where the key is. */
  readonly digest: string
}

/** An answer to a write. */
export interface WriteAnswer {
  readonly status: number
  /** `undefined` where it has no body. */
  readonly contentType: string | undefined
  readonly body: string
}

/** An answer, and whether it is that of a request before. */
export interface AnsweredWrite {
  readonly answer: WriteAnswer
  readonly replayed: boolean
}

/** The table. `status` is nothing while it is not known how the request went. */
export const writesModule: BooksModule = {
  name: "writes",
  scripts: [
    [
      `CREATE TABLE relay_writes (
         who TEXT NOT NULL,
         write_key TEXT NOT NULL,
         digest TEXT NOT NULL,
         at BIGINT NOT NULL,
         status BIGINT,
         content_type TEXT,
         body TEXT,
         PRIMARY KEY (who, write_key)
       )`,
      "CREATE INDEX relay_writes_at ON relay_writes (at)"
    ]
  ]
}

/** How long a key stands for its request, in milliseconds: a day. */
const retention = 86_400_000
/** How long an answer is kept whole in memory, in milliseconds, and how many are. */
const wholeFor = 600_000
const mostWhole = 1_000

const otherRequest = (): Conflict =>
  new Conflict({ message: "the idempotency key was sent before, with another request" })

const unknownFate = (): Conflict =>
  new Conflict({
    message:
      "a request with this idempotency key is under way, or was cut off: look whether it was done before you send it with another key"
  })

/** An answer without what is shown once: the field `key` of its body, where that is a text and no number of a key. */
const withoutShownOnce = (body: string, mask: (text: string) => string): string => {
  if (!body.includes('"key"')) return mask(body)
  const value: unknown = JSON.parse(body)
  const shows = typeof value === "object" && value !== null && "key" in value && typeof value.key === "string"
  return mask(shows ? JSON.stringify({ ...value, key: null }) : body)
}

/** Writes that are sent again. */
export class WriteOnce extends Context.Service<
  WriteOnce,
  {
    /**
     * Does a write, or gives the answer that it had within the last 24 hours. Fails with `Conflict` where the key was
     * sent with another request, or where that one is under way or its fate is unknown; with `QueryDataError` where the
     * books cannot be asked: then nothing was done. Not interruptible.
     */
    readonly once: <E, R>(
      named: NamedWrite,
      write: Effect.Effect<WriteAnswer, E, R>
    ) => Effect.Effect<AnsweredWrite, E | Conflict | QueryDataError, R>
  }
>()("effect-resilience/operate/WriteOnce") {
  /** In the books. */
  static readonly layer: Layer.Layer<WriteOnce, BooksNewer | BooksError, Books> = Layer.effect(
    WriteOnce,
    Effect.suspend(() => make)
  )
}

type Before =
  | { readonly _tag: "None" }
  | { readonly _tag: "OtherRequest" }
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "Answered"; readonly answer: WriteAnswer }

const make = Effect.gen(function* () {
  const books = yield* Books
  const { run } = books
  const { mask } = yield* Secrets
  yield* books.migrate(writesModule)
  /** Answers that had something to show once, whole, by who and key: the oldest first. */
  const whole = new Map<string, { readonly body: string; readonly until: number }>()
  const idOf = ({ key, who }: NamedWrite): string => `${key} ${who}`

  const keepWhole = (named: NamedWrite, body: string, now: number): void => {
    for (const [id, { until }] of whole) {
      if (until > now && whole.size < mostWhole) break
      whole.delete(id)
    }
    whole.set(idOf(named), { body, until: now + wholeFor })
  }

  const begin = Effect.fnUntraced(function* (named: NamedWrite, now: number) {
    const { digest, key, who } = named
    yield* run(sql`DELETE FROM relay_writes WHERE at < ${now - retention}`)
    const begun = yield* run(
      sql`INSERT INTO relay_writes (who, write_key, digest, at) VALUES (${who}, ${key}, ${digest}, ${now})
          ON CONFLICT (who, write_key) DO NOTHING RETURNING who`
    )
    if (begun.length > 0) return { _tag: "None" } satisfies Before
    const [row] = yield* run(
      sql`SELECT digest, status, content_type, body FROM relay_writes WHERE who = ${who} AND write_key = ${key}`
    )
    // It may have been freed at this moment.
    if (row === undefined) return { _tag: "Unknown" } satisfies Before
    if (row["digest"] !== digest) return { _tag: "OtherRequest" } satisfies Before
    const { body, content_type: contentType, status } = row
    if (typeof status !== "number") return { _tag: "Unknown" } satisfies Before
    const kept = whole.get(idOf(named))
    return {
      _tag: "Answered",
      answer: {
        status,
        contentType: typeof contentType === "string" ? contentType : undefined,
        body: kept !== undefined && kept.until > now ? kept.body : String(body)
      }
    } satisfies Before
  })

  /** What became of it. If that cannot be written now, it is when the books are back; until then it is unknown. */
  const settle = (named: NamedWrite, { body, contentType, status }: WriteAnswer, now: number): Effect.Effect<void> => {
    const { key, who } = named
    const at = sql`WHERE who = ${who} AND write_key = ${key}`
    if (status >= 500) return Effect.void
    const kept = withoutShownOnce(body, mask)
    if (status < 300 && kept !== body) keepWhole(named, body, now)
    const done = Effect.asVoid(
      run(
        status < 300
          ? sql`UPDATE relay_writes SET status = ${status}, content_type = ${contentType ?? null}, body = ${kept} ${at}`
          : sql`DELETE FROM relay_writes ${at}`
      )
    )
    return Effect.catch(done, () => Effect.sync(() => books.later(done)))
  }

  return WriteOnce.of({
    once: (named, write) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const before: Before = yield* Effect.mapError(begin(named, now), (error) =>
          stackless(() => new QueryDataError({ message: isBooksError(error) ? error.message : String(error) }))
        )
        switch (before._tag) {
          case "OtherRequest":
            return yield* Effect.fail(stackless(otherRequest))
          case "Unknown":
            return yield* Effect.fail(stackless(unknownFate))
          case "Answered":
            return { answer: before.answer, replayed: true }
          case "None": {
            const answer = yield* write
            yield* settle(named, answer, yield* Clock.currentTimeMillis)
            return { answer, replayed: false }
          }
        }
      }).pipe(Effect.uninterruptible)
  })
})
