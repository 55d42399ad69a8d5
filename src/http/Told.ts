/**
 * What an answer says of a failure, whoever made the error: one of ours, or of somebody's own API.
 */
import { catalogue, type Code, coarseCode, describe, type Detail, type ResilienceError } from "../errors/index.ts"
import { ApiError, isFailure } from "./ApiError.ts"
import { publicDetails, publicMessage, shownDetails, shownMessage } from "./PublicMessage.ts"
import { retryHeaders, retryHeadersOf } from "./RetryHeaders.ts"

/** What can be answered with. */
export type AnswerableError = ResilienceError | ApiError

/** What an answer says of a failure. */
export interface Told {
  readonly status: number
  /** The coarse code. */
  readonly code: string
  /** The fine one: of the catalogue, or the coarse one where nothing finer is known. */
  readonly reason: string
  readonly message: string
  /** What every failure of its kind is called. */
  readonly title: string
  readonly details: ReadonlyArray<Detail> | undefined
  /** Headers of the answer that belong to the failure. */
  readonly headers: { readonly [name: string]: string }
}

const ofApi = ({ code, details, message, reason, retryAfterMillis, statusCode }: ApiError): Told => {
  // An error is no answer that went well, whatever it says of itself.
  const status = isFailure(statusCode) ? statusCode : 500
  const row: Code | undefined = titles[status]
  return {
    status,
    code,
    reason,
    message: shownMessage(message),
    title: row === undefined ? code : catalogue[row].message,
    details: details === undefined || details.length === 0 ? undefined : shownDetails(details),
    headers: retryHeadersOf(status, retryAfterMillis)
  }
}

/** Rows whose message says what a status means to whoever reads it. */
const titles: { readonly [status: number]: Code } = {
  400: "invalid_request",
  401: "unauthorized",
  403: "access_denied",
  404: "not_found",
  405: "method_not_allowed",
  408: "request_timeout",
  409: "conflict",
  413: "payload_too_large",
  415: "unsupported_media_type",
  422: "validation_failed",
  429: "rate_limited",
  431: "headers_too_large",
  500: "internal_error"
}

const ofOurs = (error: ResilienceError): Told => {
  const { code, status } = describe(error)
  return {
    status,
    code: coarseCode(status),
    reason: code,
    message: publicMessage(error),
    title: catalogue[code].message,
    details: publicDetails(error),
    headers: {
      ...(error._tag === "MethodNotAllowed" && error.allow !== undefined ? { allow: error.allow.join(", ") } : {}),
      ...retryHeaders(error)
    }
  }
}

/** What an answer says of an error. */
export const toldOf = (error: AnswerableError): Told => (error instanceof ApiError ? ofApi(error) : ofOurs(error))
