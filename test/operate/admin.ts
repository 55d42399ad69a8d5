/**
 * Asking the admin API of a relay, as an operator does.
 */
import { Effect, Layer } from "effect"
import { Books, BooksAway } from "#src/books/index"
import { makeBooks } from "#src/books/BooksLive"
import { openSqlite } from "#src/books/SqliteFileNode"
import { read } from "../support/sse.ts"

/** An answer of the admin API. */
export interface AdminAnswer {
  readonly status: number
  readonly headers: { readonly [name: string]: string | ReadonlyArray<string> | undefined }
  /** `undefined` where there is none. */
  readonly body: never
  readonly text: string
}

/** Asks: `key` is the admin's, none where there are no tokens. */
export const adminOf =
  (url: string, key?: string) =>
  async (
    method: string,
    path: string,
    body?: unknown,
    headers: { readonly [name: string]: string } = {}
  ): Promise<AdminAnswer> => {
    const answer = await read(`${url}/admin/${path}`, {
      method,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers
      },
      ...(body === undefined ? {} : { body })
    })
    const { headers: told, status, text } = answer
    return { status, headers: told, text, body: (text === "" ? undefined : JSON.parse(text)) as never }
  }

/** What a 422 says: each field, its code and its message. */
export const faultsIn = ({
  body
}: AdminAnswer): ReadonlyArray<readonly [field: string, code: string, message: string]> =>
  (
    body as { readonly error: { readonly details?: ReadonlyArray<Record<"field" | "code" | "message", string>> } }
  ).error.details?.map(({ code, field, message }) => [field, code, message] as const) ?? []

/** Books in memory that can be away, as a part of a relay. */
export const booksThatLeave = (): { readonly layer: Layer.Layer<Books>; readonly leave: (away: boolean) => void } => {
  let away = false
  const there = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | BooksAway, R> =>
    Effect.suspend(
      (): Effect.Effect<A, E | BooksAway, R> =>
        away ? Effect.fail(new BooksAway({ message: "the books are gone" })) : effect
    )
  const layer = Layer.effect(
    Books,
    Effect.gen(function* () {
      const database = yield* openSqlite({ _tag: "Memory" })
      return yield* makeBooks({
        ...database,
        look: there(database.look),
        run: (statement) => there(database.run(statement)),
        transaction: (body) => there(database.transaction(body))
      })
    })
  )
  return { layer: Layer.orDie(layer), leave: (now) => void (away = now) }
}
