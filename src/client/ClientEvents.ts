/**
 * What `RetryStreamingClient` calls its handlers with.
 */
import type { AttemptData, ContentData, DoneData, FailoverData, InitData } from "./ChatData.ts"
import type { ClientFault, ServerError } from "./ClientFault.ts"

/** A retry that is waited for. */
export interface RetryNotice {
  /** Counted from 1. */
  readonly attempt: number
  readonly maxRetries: number
  /** Milliseconds. */
  readonly delay: number
  /** `network_error`, `stream_cut`, `http_503` (any status), or the code of the stream's own error. */
  readonly reason: string
}

/** No answer came, an answer was refused, or the connection broke. */
export interface ConnectionError {
  readonly type: "connection"
  readonly message: string
}

/** The events of the client itself and those of the relay's streams, each with what its handlers get. */
export interface ClientEvents {
  /** A connection was made: the first one, and each that a retry has made. */
  readonly open: readonly []
  /** A piece of the answer. */
  readonly message: readonly [content: string]
  /** The connection is gone, and comes back after a wait. */
  readonly retry: readonly [notice: RetryNotice]
  /** Something failed: what the server says, or the connection. `retry` or `fatal` follows, or a wait for the network. */
  readonly error: readonly [error: ServerError | ConnectionError]
  /** It gave up. Nothing follows. */
  readonly fatal: readonly [message: string, error: ClientFault]
  /** A new answer begins: what was assembled of the one before is to be cleared. */
  readonly reset: readonly []
  /** The answer is whole, or there is nothing more of it. Nothing follows. */
  readonly end: readonly []
  readonly init: readonly [data: InitData]
  readonly reasoning: readonly [data: ContentData]
  readonly attempt: readonly [data: AttemptData]
  readonly failover: readonly [data: FailoverData]
  readonly done: readonly [data: DoneData]
}

/** The names that mean something here already: a stream's events of these names are not handed on under them. */
export const ownNames = /^(open|retry|fatal|reset|end)$/

/** Any other event of a stream, by its name. */
export type OtherName<Name extends string> = Name extends keyof ClientEvents ? never : Name

/** Handlers by the name of their event. Those of other events get the data parsed, or as text where it is no JSON. */
export type ClientHandlers = {
  readonly [Name in keyof ClientEvents]?: ((...args: ClientEvents[Name]) => void) | undefined
}
