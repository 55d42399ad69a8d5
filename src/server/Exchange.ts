/**
 * One HTTP exchange as the routes see it: a request, and the few ways to answer it. `ExchangeNode` makes it of
 * `node:http`; a test makes it of nothing.
 */
import type { Effect } from "effect"
import type { BadRequestBody, PayloadTooLarge, ReadRequestBodyFailed } from "../errors/index.ts"
import type { TrailEntry } from "../relay/index.ts"

/** One request and its answer. */
export interface Exchange {
  readonly method: string
  /** Decoded no further than the wire: begins with a slash, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** A request header by its lower-case name; of repeated ones, the first. */
  readonly header: (name: string) => string | undefined
  /** All that a request has of one, each as it was sent. */
  readonly headers: (name: string) => ReadonlyArray<string>
  readonly requestId: string
  /** The model that is asked for, once that is known: for who tells that it was refused. */
  model?: string | undefined
  /** What was tried for it, where no event tells of its end: likewise. */
  trail?: ReadonlyArray<TrailEntry> | undefined
  /** Its handler has all of the request, and gives the whole answer: a server that stops waits for it, as for a stream. */
  atWork?: true
  /** The address at the other end of the connection; `undefined` where it has none. */
  readonly peer: string | undefined
  /** Reads the body as UTF-8, unpacked where it came packed. `maxBytes` bounds it before and after. */
  readonly body: (maxBytes: number) => Effect.Effect<string, BadRequestBody | PayloadTooLarge | ReadRequestBodyFailed>
  /** Adds a header to the answer, whatever it will be. */
  readonly setHeader: (name: string, value: string) => void
  readonly headSent: () => boolean
  /** Decides status and headers. They leave with the first write, or with `flush`. */
  readonly head: (status: number, headers: { readonly [name: string]: string }) => void
  readonly flush: () => void
  /** Writes; `false` means that the connection is full, and `onDrain` will tell. */
  readonly write: (content: string | Uint8Array) => boolean
  readonly end: (body?: string | Uint8Array) => void
  /** Breaks the connection, so that nobody takes what was written for whole. */
  readonly destroy: () => void
  /** Called once when the exchange is over: its answer was sent, or its connection is gone. */
  readonly onClose: (listener: () => void) => void
  readonly onDrain: (listener: () => void) => void
  /**
   * What was written is to be taken: a client that takes nothing of it for so many milliseconds is cut off. It holds until
   * all of it was taken.
   */
  readonly cutIfStuck: (millis: number) => void
}

/** Answers whole. */
export const respond = (
  exchange: Exchange,
  status: number,
  headers: { readonly [name: string]: string },
  body: string | Uint8Array | undefined
): void => {
  if (exchange.headSent()) return exchange.destroy()
  exchange.head(
    status,
    body === undefined ? headers : { ...headers, "content-length": String(Buffer.byteLength(body)) }
  )
  exchange.end(body)
}

/** Answers with JSON. */
export const respondJson = (
  exchange: Exchange,
  status: number,
  body: unknown,
  headers: { readonly [name: string]: string } = {}
): void =>
  respond(exchange, status, { "content-type": "application/json; charset=utf-8", ...headers }, JSON.stringify(body))
