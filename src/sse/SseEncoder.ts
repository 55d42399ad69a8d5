/**
 * Server-sent events to text. Nothing that is encoded can forge a field, an event or a comment: data is split at every
 * line end, and an id or an event name that has a line end or NUL in it is refused.
 */

/** An event to encode. */
export interface SseEventFields {
  readonly event?: string | undefined
  readonly id?: string | undefined
  readonly data: string
}

/**
 * An id or an event name contains CR, LF or NUL, or a reconnection time is not a whole number of milliseconds. Ids and
 * names are written by programs, not by people, so this is a programming error, and is thrown.
 */
export class InvalidSseField extends Error {
  override readonly name = "InvalidSseField"
  readonly field: "id" | "event" | "retry"
  constructor(field: "id" | "event" | "retry", message: string) {
    super(message)
    this.field = field
  }
}

const unsafe = /[\r\n\0]/
const lineEnd = /\r\n|\r|\n/g

const checked = (field: "id" | "event", value: string): string => {
  if (value.includes("\n") || value.includes("\r") || value.includes("\0")) {
    throw new InvalidSseField(field, `the ${field} of a server-sent event must not contain CR, LF or NUL`)
  }
  // One space after the colon is dropped by the reader, so that a value that begins with one comes back whole.
  return `${field}: ${value}\n`
}

const lines = (prefix: string, text: string): string =>
  text.includes("\n") || text.includes("\r")
    ? `${prefix} ${text.replace(lineEnd, `\n${prefix} `)}\n`
    : `${prefix} ${text}\n`

/**
 * One event, ended by its blank line. `id` comes first, so that id and data are committed together. Data with line ends
 * (CR, LF or CRLF) becomes several `data:` lines, which a reader joins with LF. An empty `id` clears the reader's.
 *
 * Throws `InvalidSseField` for an id or an event name with CR, LF or NUL.
 *
 * ```ts import.meta.vitest
 * import { encodeEvent } from "effect-resilience/sse"
 *
 * encodeEvent({ event: "note", id: "7", data: "a\nb" }) // => "id: 7\nevent: note\ndata: a\ndata: b\n\n"
 * ```
 */
export const encodeEvent = (event: SseEventFields): string =>
  (event.id === undefined ? "" : checked("id", event.id)) +
  (event.event === undefined ? "" : checked("event", event.event)) +
  lines("data:", event.data) +
  "\n"

/**
 * The same, faster, for data on a single line, such as what `JSON.stringify` gives. It is no less safe: whatever is not
 * on a single line goes the way of `encodeEvent`.
 *
 * ```ts import.meta.vitest
 * import { encodeJsonEvent } from "effect-resilience/sse"
 *
 * encodeJsonEvent(undefined, "s.1", JSON.stringify({ content: "a\nb" })) // => 'id: s.1\ndata: {"content":"a\\nb"}\n\n'
 * ```
 */
export const encodeJsonEvent = (event: string | undefined, id: string, json: string): string =>
  unsafe.test(json) || unsafe.test(id) || (event !== undefined && unsafe.test(event))
    ? encodeEvent({ event, id, data: json })
    : event === undefined
      ? `id: ${id}\ndata: ${json}\n\n`
      : `id: ${id}\nevent: ${event}\ndata: ${json}\n\n`

/**
 * Writes the events of one stream, whose ids count: `<stream>.<seq>`. `data` is not looked at: it is on a single line, as what
 * JSON prints is. Throws `InvalidSseField` for a stream or a name with CR, LF or NUL.
 *
 * HOT: to look through an event makes it flat, and it is made flat once more with all that it is written with: 2.5 µs an
 * answer of twelve.
 */
export const eventsOf = (
  stream: string
): ((event: { readonly event: string | undefined; readonly data: string }, seq: number) => string) => {
  // One piece, and not a tree of three.
  const begin = [checked("id", stream).slice(0, -1), "."].join("")
  return ({ data, event }, seq) =>
    event === undefined
      ? `${begin}${seq}\ndata: ${data}\n\n`
      : `${begin}${seq}\n${checked("event", event)}data: ${data}\n\n`
}

/**
 * A comment: its lines and no blank one. A reader ignores it; it keeps a connection alive. Write it between events.
 *
 * A blank line after it would be harmless by the standard and fatal in practice: once they have seen an `id:`, `openai`
 * and `anthropic` for Python, `openai-go` and `httpx-sse` dispatch an event at any blank line, and fail on its empty data.
 *
 * ```ts import.meta.vitest
 * import { encodeComment } from "effect-resilience/sse"
 *
 * encodeComment("ping") // => ": ping\n"
 * ```
 */
export const encodeComment = (text: string): string => lines(":", text)

/**
 * The reconnection time, in milliseconds, in a block of its own. Throws `InvalidSseField` unless it is a whole number
 * from 0 to 2^31-1.
 *
 * ```ts import.meta.vitest
 * import { encodeRetry } from "effect-resilience/sse"
 *
 * encodeRetry(1500) // => "retry: 1500\n\n"
 * ```
 */
export const encodeRetry = (millis: number): string => {
  if (!Number.isInteger(millis) || millis < 0 || millis > 2_147_483_647) {
    throw new InvalidSseField("retry", `a reconnection time is a whole number of milliseconds, got ${millis}`)
  }
  return `retry: ${millis}\n\n`
}
