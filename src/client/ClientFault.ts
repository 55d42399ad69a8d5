/**
 * Why a client gave up, as plain data: the same for the client without Effect and for `ResumableStream`, which makes an
 * error of each.
 */

/** What an `error` event of the stream says. Fields that a server has not said are absent. */
export interface ServerError {
  readonly type?: string | undefined
  readonly code?: string | undefined
  readonly message: string
  /** Whether asking anew may help. */
  readonly recoverable: boolean
  readonly severity?: string | undefined
  readonly request_id?: string | undefined
  /** Seconds. */
  readonly retry_after?: number | undefined
  readonly partial_content?: string | undefined
  readonly partial_length?: number | undefined
  /** Who cancelled the stream, and why. */
  readonly fault?: unknown
  /** A business error of who answered. */
  readonly biz?: unknown
}

/** No answer came, or the stream ended without a terminal event. */
export interface ConnectionFault {
  readonly _tag: "ConnectionFault"
  readonly message: string
}

/** An answer whose status is not 200 or 204. */
export interface HttpFault {
  readonly _tag: "HttpFault"
  /** 0 in a browser for a redirect of a POST: there it has no other. */
  readonly status: number
  /** The error code in the body, or `""`. */
  readonly code: string
  readonly retryAfterMillis: number | undefined
}

/** The stream's own `error` event. */
export interface ServerFault {
  readonly _tag: "ServerFault"
  readonly error: ServerError
}

/** Why the last of several requests brought nothing. */
export type LastFault = ConnectionFault | HttpFault | ServerFault

/** Why a client gave up. */
export type ClientFault =
  /** An event is missing: what was expected next was not what came. */
  | { readonly _tag: "StreamGap"; readonly lastEventId: string; readonly received: string }
  /** 410: the stream is no longer kept. `partial` is the text that was read of it. */
  | { readonly _tag: "StreamExpired"; readonly partial: string }
  /** 200, and no event stream. */
  | { readonly _tag: "BadContentType"; readonly contentType: string }
  | HttpFault
  | ServerFault
  /** So many requests in a row brought nothing new; why the last one did not. */
  | { readonly _tag: "RetriesExhausted"; readonly attempts: number; readonly last: LastFault }

/** A fault in words. */
export const faultMessage = (fault: ClientFault | ConnectionFault): string => {
  switch (fault._tag) {
    case "StreamGap":
      return `events missing before ${fault.received}`
    case "StreamExpired":
      return "stream expired"
    case "BadContentType":
      return `not an event stream: ${fault.contentType}`
    case "HttpFault":
      return `status ${fault.status} ${fault.code}`.trim()
    case "ServerFault":
      return fault.error.message
    case "ConnectionFault":
      return fault.message
    case "RetriesExhausted":
      return `${fault.attempts} requests failed: ${faultMessage(fault.last)}`
  }
}
