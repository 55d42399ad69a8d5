/**
 * Errors as Gemini's clients read them: in a body, or in an event of a stream.
 */
import { describe, type ResilienceError } from "../../errors/index.ts"
import { carriedBy, publicDetails, publicMessage, retryHeaders, withRequestId } from "../../http/index.ts"
import type { Envelope } from "../Dialect.ts"
import { failureAnswer } from "../FailureAnswer.ts"
import type { JsonObject } from "../Json.ts"

/** The `status` of a Gemini error, by its HTTP status. */
export const geminiErrorStatus = (status: number): string => {
  switch (status) {
    case 401:
      return "UNAUTHENTICATED"
    case 403:
      return "PERMISSION_DENIED"
    case 404:
      return "NOT_FOUND"
    case 409:
      return "ABORTED"
    case 429:
      return "RESOURCE_EXHAUSTED"
    case 499:
      return "CANCELLED"
    case 503:
      return "UNAVAILABLE"
    case 504:
      return "DEADLINE_EXCEEDED"
    default:
      return status < 500 ? "INVALID_ARGUMENT" : "INTERNAL"
  }
}

/** `{"error": {…}}` as Gemini's clients read it. */
export interface GeminiErrorBody {
  readonly error: {
    /** The HTTP status, in a stream too. */
    readonly code: number
    readonly message: string
    readonly status: string
    /**
     * `ErrorInfo`: `reason` is our code, `metadata` has the request's id, the upstream's own code, and what the error
     * carries (`biz`, `fault`) as JSON. `RetryInfo` where
     * there is a hint, `BadRequest` where fields are meant.
     */
    readonly details: ReadonlyArray<JsonObject>
  }
}

const typed = (type: string, fields: JsonObject): JsonObject => ({
  "@type": `type.googleapis.com/google.rpc.${type}`,
  ...fields
})

// Seconds, as Google's durations are written.
const seconds = (millis: number): string => `${Math.ceil(millis) / 1000}s`

/**
 * The body of an error, for a response or for an event of a stream. Faults of the caller and of the content show what the
 * upstream or the validation said, redacted, with the fields that are meant; everything else shows the catalogue's message.
 */
export const geminiErrorBody = (error: ResilienceError, requestId: string): GeminiErrorBody => {
  const { blame, code, status } = describe(error)
  const said = blame === "caller" || blame === "content" ? error.upstream : undefined
  const fields = publicDetails(error)
  const hint = retryHeaders(error)["retry-after-ms"]
  return {
    error: {
      code: status,
      message: withRequestId(publicMessage(error), requestId),
      status: geminiErrorStatus(status),
      details: [
        typed("ErrorInfo", {
          reason: code,
          domain: "effect-resilience",
          metadata: {
            request_id: requestId,
            ...(said?.code === undefined ? {} : { upstream_code: said.code }),
            // Google's are texts.
            ...Object.fromEntries(
              Object.entries(carriedBy(error)).map(([name, value]) => [name, JSON.stringify(value)])
            )
          }
        }),
        ...(hint === undefined || error.retryAfterMillis === undefined
          ? []
          : [typed("RetryInfo", { retryDelay: seconds(Number(hint)) })]),
        ...(fields === undefined
          ? []
          : [
              typed("BadRequest", {
                fieldViolations: fields.map(({ field, message }) => ({ field, description: message }))
              })
            ])
      ]
    }
  }
}

/** An error as an HTTP answer. */
export const geminiFailure: Envelope = (error, { requestId }) =>
  failureAnswer(error, describe(error).status, geminiErrorBody(error, requestId))
