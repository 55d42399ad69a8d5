/**
 * What cuts an upstream's bytes into frames, and how frames of the journal become events again.
 */
import { makeSseParser } from "../sse/index.ts"
import type { Payload } from "./Dialect.ts"

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
