/**
 * Why a `ResumableStream` failed: the machine's faults as errors of Effect, one class each. Policies around it read whose
 * fault they are, and ask again for none that says that it is no use.
 */
import * as Data from "effect/Data"
import { Blame, catalogue, codes } from "../errors/index.ts"
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
> {
  /** As policies ask for it: whether asking anew may help, and after how many milliseconds. */
  declare readonly isRetryable: boolean
  declare readonly retryAfterMillis: number | undefined

  constructor(fields: ServerError) {
    super(fields)
    const { recoverable, retry_after: seconds } = fields
    // Beside what the server says, whatever that is called: they are none of its fields.
    Object.defineProperties(this, {
      isRetryable: { value: recoverable, enumerable: false },
      retryAfterMillis: { value: typeof seconds === "number" ? seconds * 1000 : undefined, enumerable: false }
    })
  }

  /** By its code, if that is one of the relay's. */
  get [Blame.of](): Blame | undefined {
    const code = codes.find((known) => known === this.code)
    return code === undefined ? undefined : catalogue[code].blame
  }
}

/** So many requests in a row brought nothing new; why the last one did not. */
export class RetriesExhausted extends Data.TaggedError("RetriesExhausted")<{
  readonly attempts: number
  readonly last: LastFault
  readonly message: string
}> {
  /** As a retry's of ours: no policy retries it, or counts it again. */
  get [Blame.of](): "exhausted" {
    return "exhausted"
  }
}

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
