/**
 * A cursor names an event for ever: `<stream id>.<seq>`. It is what a client has, and what it comes back with.
 */

/** The id of one event: its stream, and its place in it. */
export interface Cursor {
  readonly stream: string
  /** 0 for the first event, without gaps. */
  readonly seq: number
}

const idGrammar = /^[A-Za-z0-9_-]{22,40}$/
const cursorGrammar = /^([A-Za-z0-9_-]{22,40})\.(0|[1-9][0-9]{0,9})$/

/** Whether a text can be the id of a stream: `[A-Za-z0-9_-]{22,40}`. */
export const isStreamId = (text: string): boolean => idGrammar.test(text)

/** A fresh stream id: 128 random bits in 22 characters of base64url. */
export const makeStreamId = (): string =>
  btoa(String.fromCharCode(...globalThis.crypto.getRandomValues(new Uint8Array(16))))
    .slice(0, 22)
    .replaceAll("+", "-")
    .replaceAll("/", "_")

/**
 * The cursor of an event.
 *
 * ```ts import.meta.vitest
 * import { formatCursor } from "effect-resilience/journal"
 *
 * formatCursor("Zm9vYmFyYmF6cXV4MTIzNA", 7) // => "Zm9vYmFyYmF6cXV4MTIzNA.7"
 * ```
 */
export const formatCursor = (stream: string, seq: number): string => `${stream}.${seq}`

/**
 * Reads a cursor, or gives `undefined` for what is none: nothing is trimmed, and no other form of a number is taken.
 *
 * ```ts import.meta.vitest
 * import { parseCursor } from "effect-resilience/journal"
 *
 * parseCursor("Zm9vYmFyYmF6cXV4MTIzNA.7") // => { stream: "Zm9vYmFyYmF6cXV4MTIzNA", seq: 7 }
 * parseCursor("Zm9vYmFyYmF6cXV4MTIzNA.07") // => undefined
 * ```
 */
export const parseCursor = (text: string): Cursor | undefined => {
  const found = cursorGrammar.exec(text)
  return found === null ? undefined : { stream: found[1] ?? "", seq: Number(found[2]) }
}
