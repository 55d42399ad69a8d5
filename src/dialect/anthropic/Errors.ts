/**
 * Errors as Anthropic's clients read them: in a body, or in a frame of a stream.
 */
import { describe, type ResilienceError } from "../../errors/index.ts"
import { carriedBy, publicDetails, publicMessage, withRequestId } from "../../http/index.ts"
import type { Envelope } from "../Dialect.ts"
import { failureAnswer } from "../FailureAnswer.ts"
import type { JsonObject } from "../Json.ts"
import { threadUnsupported } from "./Thread.ts"

/** The `type` of an Anthropic error, by its HTTP status. */
export const anthropicErrorType = (status: number): string => {
  switch (status) {
    case 401:
      return "authentication_error"
    case 403:
      return "permission_error"
    case 404:
      return "not_found_error"
    case 408:
    case 504:
      return "timeout_error"
    case 409:
      return "conflict_error"
    case 413:
      return "request_too_large"
    case 429:
      return "rate_limit_error"
    case 529:
      return "overloaded_error"
    default:
      return status < 500 ? "invalid_request_error" : "api_error"
  }
}

/** The HTTP status to an Anthropic client: the catalogue's, but 529 where an upstream is overloaded, as Anthropic's own is. */
export const anthropicStatus = (error: ResilienceError): number => {
  const { code, status } = describe(error)
  return code === "upstream_overloaded" ? 529 : status
}

/** `{"type": "error", …}` as Anthropic's clients read it. `error_code` is ours, `upstream_code` the upstream's own. */
export interface AnthropicErrorBody {
  readonly type: "error"
  readonly error: { readonly type: string; readonly message: string; readonly details: JsonObject }
  readonly request_id: string
}

/**
 * The body of an error, for a response or for a frame of a stream. Faults of the caller and of the content show what the
 * upstream or the validation said, redacted, with the fields that are meant; everything else shows the catalogue's message.
 */
export const anthropicErrorBody = (error: ResilienceError, requestId: string): AnthropicErrorBody => {
  const { blame, code } = describe(error)
  const said = blame === "caller" || blame === "content" ? error.upstream : undefined
  const fields = publicDetails(error)
  const threaded = fields?.some((field) => field.code === threadUnsupported) === true
  return {
    type: "error",
    error: {
      type: anthropicErrorType(anthropicStatus(error)),
      message: withRequestId(publicMessage(error), requestId),
      details: {
        // The one code that is not ours: its SDK goes by it.
        error_code: threaded ? threadUnsupported : code,
        ...(threaded ? { unsupported: ["thread"] } : {}),
        ...(said?.code === undefined ? {} : { upstream_code: said.code }),
        ...(fields === undefined ? {} : { fields }),
        ...carriedBy(error)
      }
    },
    request_id: requestId
  }
}

/** An error as an HTTP answer. Anthropic's SDKs read the request's id from `request-id`. */
export const anthropicFailure: Envelope = (error, { requestId }) =>
  failureAnswer(error, anthropicStatus(error), anthropicErrorBody(error, requestId), { "request-id": requestId })
