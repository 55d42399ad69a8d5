/**
 * How the clients of the world read server-sent events: each family has its own rule of when an event is dispatched,
 * written down here as it stands in its source, so that what we write is judged by all of them.
 */

/** One event as a client's decoder gives it to its program. */
export interface Dispatched {
  readonly event: string | undefined
  readonly data: string
}

/** Reads a stream's whole text. */
export type Decoder = (text: string) => ReadonlyArray<Dispatched>

interface Pending {
  event: string | undefined
  data: Array<string>
  id: string | undefined
  retry: string | undefined
}

const decodeLines = (text: string, dispatches: (pending: Pending) => boolean): ReadonlyArray<Dispatched> => {
  const events: Array<Dispatched> = []
  const pending: Pending = { event: undefined, data: [], id: undefined, retry: undefined }
  for (const line of text.split(/\r\n|\n|\r/).slice(0, -1)) {
    if (line === "") {
      if (dispatches(pending)) events.push({ event: pending.event, data: pending.data.join("\n") })
      pending.event = undefined
      pending.data = []
      pending.retry = undefined
      continue
    }
    if (line.startsWith(":")) continue
    const colon = line.indexOf(":")
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "")
    if (field === "event") pending.event = value
    else if (field === "data") pending.data.push(value)
    else if (field === "id") pending.id = value
    else if (field === "retry") pending.retry = value
  }
  return events
}

/**
 * `openai` for Python, `_streaming.py`: a blank line dispatches whatever is pending, and an id, which is never cleared,
 * counts as pending. So after the first id any blank line is an event. `anthropic` for Python and `openai-go` do the same.
 */
export const pythonDecoder: Decoder = (text) =>
  decodeLines(
    text,
    ({ data, event, id, retry }) =>
      (event !== undefined && event !== "") || data.length > 0 || (id !== undefined && id !== "") || retry !== undefined
  )

/** `openai` and `@anthropic-ai/sdk` for Node, `core/streaming.ts`: a blank line dispatches where there is an event or data. */
export const nodeDecoder: Decoder = (text) =>
  decodeLines(text, ({ data, event }) => (event !== undefined && event !== "") || data.length > 0)

/** The standard (HTML, 9.2.6), as browsers and the `eventsource` package read: without data nothing is dispatched. */
export const standardDecoder: Decoder = (text) => decodeLines(text, ({ data }) => data.length > 0)

/** A program that reads line by line and looks only at what begins with `data:`. */
export const lineDecoder: Decoder = (text) =>
  text
    .split("\n")
    .filter((line) => line.startsWith("data:"))
    .map((line) => ({ event: undefined, data: line.slice(5).trim() }))

/** All of them, by name. */
export const decoders: { readonly [family: string]: Decoder } = {
  python: pythonDecoder,
  node: nodeDecoder,
  standard: standardDecoder,
  line: lineDecoder
}
