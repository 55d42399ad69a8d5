/**
 * Asking the admin API of a relay, as an operator does.
 */
import { Effect, Layer } from "effect"
import { Books } from "#src/books/index"
import { leavingBooks } from "../books/leaving.ts"
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
  let setAway: (away: boolean) => void = () => {}
  const layer = Layer.effect(
    Books,
    Effect.map(leavingBooks({ looksAway: true }), (leaving) => {
      setAway = leaving.setAway
      return leaving.books
    })
  )
  return { layer: Layer.orDie(layer), leave: (away) => setAway(away) }
}
