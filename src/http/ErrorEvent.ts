/**
 * An error as the last event of a stream: the data of `event: error`, as the relay writes it and as a server of anybody's
 * own may. After it nothing may come: an error is a stream's end.
 */
import {
  blameOf,
  codePoints,
  describe,
  InternalError,
  redactText,
  type ResilienceError,
  saidBy,
  stackless,
  toResilienceError
} from "../errors/index.ts"
import { type Carried, carriedBy, shownText } from "./Carried.ts"
import { publicMessage } from "./PublicMessage.ts"
import { inWholeSeconds, toldHint } from "./ToldHint.ts"

/** What is known of a stream that ends with an error. */
export interface ErrorEventOptions {
  readonly requestId: string
  /** The text that was shown before. Default: none. */
  readonly partial?: string
  /** When asking again may help, in milliseconds. Default: the error's own hint. */
  readonly retryAfterMillis?: number | undefined
  /** Tells what only a developer may know: the error's own words, and where it was made. Default: no. */
  readonly debug?: boolean
}

/** The data of an `error` event. */
export interface ErrorEvent extends Carried {
  readonly request_id: string
  readonly type: string
  readonly code: string
  readonly severity: string
  readonly message: string
  readonly recoverable: boolean
  /** Whole seconds, from 1 to 3,600; absent where the hint is no number. */
  readonly retry_after?: number
  readonly partial_content: string
  /** In code points. */
  readonly partial_length: number
  readonly detail?: string
  readonly traceback?: string
}

/** Of an error that is nobody's its message is told, without what looks like a secret, and nothing else. */
const known = (error: unknown): ResilienceError => {
  if (blameOf(error) !== undefined) return toResilienceError(error)
  const message = shownText(saidBy(error))
  return stackless(() => new InternalError(message.trim() === "" ? {} : { message, publicMessage: message }))
}

/**
 * The data of the `error` event that ends a stream because of an error, whoever's it is: JSON, once it is printed. An error
 * that is not known to anybody shows its message and nothing else.
 *
 * ```ts import.meta.vitest
 * import { BizError } from "effect-resilience/errors"
 * import { errorEvent } from "effect-resilience/http"
 * import { encodeJsonEvent } from "effect-resilience/sse"
 *
 * const refused = new BizError({ status: 10001, message: "insufficient user balance" })
 * const data = errorEvent(refused, { requestId: "req_1", partial: "Once upon" })
 *
 * data.biz // => { code: 10001, message: "insufficient user balance", extra: {} }
 * data.partial_length // => 9
 * encodeJsonEvent("error", "7", JSON.stringify(data)).startsWith("id: 7\nevent: error\ndata: {") // => true
 *
 * errorEvent(new Error("test error"), { requestId: "req_2" }).message // => "test error"
 * ```
 */
export const errorEvent = (
  error: unknown,
  { debug = false, partial = "", requestId, retryAfterMillis }: ErrorEventOptions
): ErrorEvent => {
  const told = known(error)
  const { code, recoverable, severity, type } = describe(told)
  const hint = toldHint(retryAfterMillis ?? told.retryAfterMillis)
  return {
    request_id: requestId,
    type,
    code,
    severity,
    message: publicMessage(told),
    recoverable,
    ...(hint === undefined ? {} : { retry_after: inWholeSeconds(hint) }),
    partial_content: partial,
    partial_length: codePoints(partial),
    ...carriedBy(told),
    ...(debug ? { detail: redactText(told.message), traceback: redactText(told.stack ?? String(told)) } : {})
  }
}
