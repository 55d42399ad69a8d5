/**
 * A cursor names an event for ever: `<stream id>.<seq>`. It is what a client has, and what it comes back with.
 */
import { randomFillSync } from "node:crypto"
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

/** The characters of a time in the order of their codes, so that what is greater sorts later. */
const inOrder = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
/** 22 characters of 6 bits: 128 random bits, and 4. */
const randomLength = 22
/** Ids are drawn in numbers: a call for the bytes of one takes 15 µs, and to write 256 as text no longer than to write one. */
const drawnAtOnce = 256
const bits = Buffer.alloc((drawnAtOnce * randomLength * 6) / 8)
let drawn = ""
let used = 0

const draw = (): string => {
  if (used === drawn.length) {
    drawn = randomFillSync(bits).toString("base64url")
    used = 0
  }
  return drawn.slice(used, (used += randomLength))
}

const timeLength = 7
let toldAt = Number.NaN
let told = ""

/** A time in epoch milliseconds (42 bits, until 2109), in characters that sort as it does. */
const timeText = (at: number): string => {
  if (at !== toldAt) {
    toldAt = at
    told = ""
    for (let rest = at, n = 0; n < timeLength; n++) {
      told = inOrder[rest % 64] + told
      rest = Math.floor(rest / 64)
    }
  }
  return told
}

/**
 * A fresh stream id: when it was drawn, and 128 random bits in 22 characters of base64url. By its time, ids that are
 * drawn together stand together in every index over them, so that a commit changes a few of its pages and not one for
 * each stream. (As UUID version 7 does, RFC 9562 5.7.)
 */
export const makeStreamId = (): StreamId =>
  // `+` would keep the text of all that were drawn together alive, for as long as any of them is.
  [timeText(Date.now()), draw()].join("") as StreamId

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
