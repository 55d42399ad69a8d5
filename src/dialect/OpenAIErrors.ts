/**
 * Errors as OpenAI's clients read them: in a body, or in a frame of a stream.
 */
import { describe, type ResilienceError } from "../errors/index.ts"
import { type Carried, carriedBy, publicDetails, publicMessage, withRequestId } from "../http/index.ts"
import type { Envelope } from "./Dialect.ts"
import { failureAnswer } from "./FailureAnswer.ts"

/** The `type` of an OpenAI error, by its HTTP status. */
export const openaiErrorType = (status: number): string => {
  switch (status) {
    case 401:
      return "authentication_error"
    case 403:
      return "permission_error"
    case 404:
    case 410:
      return "not_found_error"
    case 408:
    case 504:
      return "timeout_error"
    case 429:
      return "rate_limit_error"
    default:
      return status < 500 ? "invalid_request_error" : "server_error"
  }
}

/** `{"error": {…}}` as OpenAI's clients read it. `code` is ours, `upstream_code` the upstream's own. */
export interface OpenAIErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string
    readonly upstream_code?: string
  } & Carried
}

/**
 * The body of an error, for a response or for a frame of a stream. Faults of the caller and of the content show what the
 * upstream or the validation said, redacted, with the `param`; everything else shows the catalogue's message.
 */
export const openaiErrorBody = (error: ResilienceError, requestId: string): OpenAIErrorBody => {
  const { blame, code, status } = describe(error)
  const said = blame === "caller" || blame === "content" ? error.upstream : undefined
  return {
    error: {
      message: withRequestId(publicMessage(error), requestId),
      type: openaiErrorType(status),
      param: said?.param ?? publicDetails(error)?.[0]?.field ?? null,
      code,
      ...(said?.code === undefined ? {} : { upstream_code: said.code }),
      ...carriedBy(error)
    }
  }
}

/** An error in place of an answer. */
export const openaiFailure: Envelope = (error, { requestId }) =>
  failureAnswer(error, describe(error).status, openaiErrorBody(error, requestId))
