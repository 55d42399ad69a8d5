/**
 * A cursor names an event for ever: `<stream id>.<seq>`. It is what a client has, and what it comes back with.
 */

import type { Brand } from "effect"

/** The id of a stream: `[A-Za-z0-9_-]{22,40}`. Ours are 128 random bits. */
export type StreamId = string & Brand.Brand<"StreamId">

/** The id of one event: its stream, and its place in it. */
export interface Cursor {
  readonly stream: StreamId
  /** 0 for the first event, without gaps. */
  readonly seq: number
}

const idGrammar = /^[A-Za-z0-9_-]{22,40}$/
const cursorGrammar = /^([A-Za-z0-9_-]{22,40})\.(0|[1-9][0-9]{0,9})$/

/** Whether a text can be the id of a stream: `[A-Za-z0-9_-]{22,40}`. */
export const isStreamId = (text: string): text is StreamId => idGrammar.test(text)

const idBytes = 16
// Random bytes come in a pool: a call for 16 of them costs 15 µs, nearly all of it the call.
const pool = new Uint8Array(256 * idBytes)
let drawn = pool.length

/** A fresh stream id: 128 random bits in 22 characters of base64url. */
export const makeStreamId = (): StreamId => {
  if (drawn === pool.length) {
    globalThis.crypto.getRandomValues(pool)
    drawn = 0
  }
  const bytes = pool.subarray(drawn, (drawn += idBytes))
  return btoa(String.fromCharCode(...bytes))
    .slice(0, 22)
    .replaceAll("+", "-")
    .replaceAll("/", "_") as StreamId
}

/**
 * The cursor of an event.
 *
 * ```ts import.meta.vitest
 * import { formatCursor } from "effect-resilience/relay"
 *
 * formatCursor("Zm9vYmFyYmF6cXV4MTIzNA", 7) // => "Zm9vYmFyYmF6cXV4MTIzNA.7"
 * ```
 */
export const formatCursor = (stream: string, seq: number): string => `${stream}.${seq}`

/**
 * Reads a cursor, or gives `undefined` for what is none: nothing is trimmed, and no other form of a number is taken.
 *
 * ```ts import.meta.vitest
 * import { parseCursor } from "effect-resilience/relay"
 *
 * parseCursor("Zm9vYmFyYmF6cXV4MTIzNA.7") // => { stream: "Zm9vYmFyYmF6cXV4MTIzNA", seq: 7 }
 * parseCursor("Zm9vYmFyYmF6cXV4MTIzNA.07") // => undefined
 * ```
 */
export const parseCursor = (text: string): Cursor | undefined => {
  const found = cursorGrammar.exec(text)
  return found === null ? undefined : { stream: (found[1] ?? "") as StreamId, seq: Number(found[2]) }
}
