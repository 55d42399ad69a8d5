/**
 * `effect-resilience/http`: what a server of any API needs to answer for failures: bodies, headers, ids, guards. Plain
 * functions over plain values; nothing unstable.
 */

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

// An error as the end of a stream
export { type ErrorEvent, errorEvent, type ErrorEventOptions } from "../http/index.ts"
export { type BizStatus, type Carried, carriedBy, type CarriedFault, carriedIn } from "../http/index.ts"

// What may be shown of it
export { publicDetails, publicMessage, withRequestId } from "../http/index.ts"

// Whether and when to ask again
export { defaultRetryAfterMillis, retryHeaders, shouldRetryHeader } from "../http/index.ts"

// Who asks, by what name
export { bearerToken, callersRequestId, makeRequestId, requestId } from "../http/index.ts"

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
