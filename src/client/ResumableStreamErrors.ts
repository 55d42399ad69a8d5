/**
 * Why a `ResumableStream` failed: the machine's faults as errors of Effect, one class each.
 */
import * as Data from "effect/Data"
import { type ClientFault, faultMessage, type LastFault, type ServerError } from "./ClientFault.ts"

/** An event is missing: after `lastEventId` came `received`. What was read so far is right. */
export class StreamGap extends Data.TaggedError("StreamGap")<{
  readonly lastEventId: string
  readonly received: string
  readonly message: string
}> {}

/** 410: the stream is no longer kept. `partial` is the text that was read of it. */
export class StreamExpired extends Data.TaggedError("StreamExpired")<{
  readonly partial: string
  readonly message: string
}> {}

/** 200, and no event stream: most often a proxy's page, or a wrong address. */
export class BadContentType extends Data.TaggedError("BadContentType")<{
  readonly contentType: string
  readonly message: string
}> {}

/** A status that is not asked again, or whose hint is over `maxHint`. `code` is the code in its body, or `""`. */
export class HttpFaultError extends Data.TaggedError("HttpFault")<{
  readonly status: number
  readonly code: string
  readonly retryAfterMillis: number | undefined
  readonly message: string
}> {}

/** The stream's own `error` event, which said that asking anew does not help, or whose hint is over `maxHint`. */
export class ServerFaultError extends Data.TaggedError("ServerFault")<
  Omit<ServerError, "message"> & { readonly message: string }
> {}

/** So many requests in a row brought nothing new; why the last one did not. */
export class RetriesExhausted extends Data.TaggedError("RetriesExhausted")<{
  readonly attempts: number
  readonly last: LastFault
  readonly message: string
}> {}

/** Why a stream failed. */
export type ResumableStreamError =
  | StreamGap
  | StreamExpired
  | BadContentType
  | HttpFaultError
  | ServerFaultError
  | RetriesExhausted

/** A fault as an error. */
export const errorOf = (fault: ClientFault): ResumableStreamError => {
  const message = faultMessage(fault)
  switch (fault._tag) {
    case "StreamGap":
      return new StreamGap({ ...fault, message })
    case "StreamExpired":
      return new StreamExpired({ ...fault, message })
    case "BadContentType":
      return new BadContentType({ ...fault, message })
    case "HttpFault":
      return new HttpFaultError({ ...fault, message })
    case "ServerFault":
      return new ServerFaultError(fault.error)
    case "RetriesExhausted":
      return new RetriesExhausted({ ...fault, message })
  }
}
