/**
 * `effect-resilience/http`: what a server of any API needs to answer for failures: one envelope for all of them on
 * Effect's `HttpRouter` and `HttpApi`, and what it is made of: bodies, headers, ids, guards, plain functions over plain
 * values.
 */

// Every failure of an API in one envelope
export { ErrorEnvelope } from "../http/ErrorEnvelopeHttp.ts"
export {
  type AnswerableError,
  ApiError,
  type ApiErrorCode,
  type ApiErrorOptions,
  envelopedError,
  isApiErrorCode
} from "../http/index.ts"

// What is wrong with an input, field by field
export { detailsOf, errorCode } from "../http/index.ts"

// An error as an answer
export {
  bodyAsked,
  type ErrorAnswer,
  errorAnswer,
  type FailedRequest,
  type ProblemBody,
  problemBody,
  type StandardBody,
  standardBody
} from "../http/index.ts"

// What may be shown of it
export { publicDetails, publicMessage, withRequestId } from "../http/index.ts"

// Whether and when to ask again
export { defaultRetryAfterMillis, retryHeaders, shouldRetryHeader } from "../http/index.ts"

// Who asks, by what name
export {
  bearerToken,
  callersRequestId,
  callersTraceId,
  makeRequestId,
  requestId,
  type TraceHeaders
} from "../http/index.ts"

// What a server that has no tokens answers to
export {
  type Guard,
  type Host,
  hostAllowed,
  isLoopback,
  normaliseOrigin,
  originAllowed,
  parseHost,
  requestAllowed,
  type RequestSource
} from "../http/index.ts"
