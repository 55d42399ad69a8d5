/**
 * How an upstream's bytes become frames, and how frames of the journal become events again.
 */
import { makeSseParser } from "../sse/index.ts"
import type { Payload } from "./Dialect.ts"
import { isObject, parseJson } from "./Json.ts"

/** A frame came that is larger than may be. */
export interface Overflow {
  readonly maxEventBytes: number
}

/** Cuts bytes into frames. `event` is the event's name, or `message`. */
export interface Framing {
  readonly make: (options: {
    readonly maxEventBytes: number
    readonly onFrame: (event: string, data: string) => void
  }) => {
    readonly feed: (chunk: Uint8Array) => Overflow | undefined
    readonly end: () => void
  }
}

// A server that closes at once behind its last line has said all of it, if that line is whole.
const isWhole = ({ data }: { readonly data: string }): boolean => data.trim() === "[DONE]" || isObject(parseJson(data))

/** Server-sent events, with an upstream's last one even where no blank line ends it. */
export const sse: Framing = {
  make: ({ maxEventBytes, onFrame }) => {
    const parser = makeSseParser({
      maxEventBytes,
      onEvent: ({ data, event }) => onFrame(event, data),
      isWholeAtEnd: isWhole
    })
    return { feed: (chunk) => parser.feed(chunk), end: () => parser.end() }
  }
}

/**
 * JSON Lines: one event a line, and no blank line behind it. The last one counts without its newline, if it is whole. So
 * stream servers that know no server-sent events, and proxies that have taken their fields off.
 */
export const jsonLines: Framing = {
  make: ({ maxEventBytes, onFrame }) => {
    const decoder = new TextDecoder()
    let pending = ""
    let over = false
    const line = (text: string): void => {
      const data = text.trim()
      if (data !== "") onFrame("message", data)
    }
    return {
      feed: (chunk) => {
        if (over) return { maxEventBytes }
        const [first = "", ...others] = decoder.decode(chunk, { stream: true }).split("\n")
        pending += first
        for (const text of others) {
          line(pending)
          pending = text
        }
        over = pending.length > maxEventBytes
        return over ? { maxEventBytes } : undefined
      },
      end: () => {
        if (isWhole({ data: pending })) line(pending)
      }
    }
  }
}

/** The events of committed frames, without their ids. */
export const payloadsOf = (frames: Iterable<string>): ReadonlyArray<Payload> => {
  const payloads: Array<Payload> = []
  const reader = makePayloadReader((payload) => payloads.push(payload))
  for (const frame of frames) reader(frame)
  return payloads
}

/** Reads frames as they come; each must be whole. */
export const makePayloadReader = (onPayload: (payload: Payload) => void): ((frames: string) => void) => {
  const parser = makeSseParser({
    maxEventBytes: Number.MAX_SAFE_INTEGER,
    onEvent: ({ data, event }) => onPayload({ event: event === "message" ? undefined : event, data })
  })
  return (frames) => void parser.feed(frames)
}
