/**
 * An error that somebody's own API answers with, by a coarse code: for what the catalogue has no word for.
 */
import * as Data from "effect/Data"
import { Blame, blameOfStatus, type Detail } from "../errors/index.ts"

/** The status of each coarse code. */
const statuses = {
  VALIDATION_ERROR: 422,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  CONFLICT: 409,
  GONE: 410,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RATE_LIMITED: 429,
  HEADERS_TOO_LARGE: 431,
  CLIENT_CLOSED_REQUEST: 499,
  INTERNAL_ERROR: 500,
  BAD_GATEWAY: 502,
  SERVICE_UNAVAILABLE: 503,
  GATEWAY_TIMEOUT: 504
} as const

/** The coarse codes of errors, as clients of an API match them. */
export type ApiErrorCode = keyof typeof statuses

/** Whether a text is a coarse code. */
export const isApiErrorCode = (code: string): code is ApiErrorCode => Object.hasOwn(statuses, code)

/** What an `ApiError` is made of. */
export interface ApiErrorOptions {
  readonly code: ApiErrorCode
  /** What the client reads, as it is. */
  readonly message: string
  /** From 400 to 599. Default: the code's own (`VALIDATION_ERROR` has 422). */
  readonly statusCode?: number | undefined
  readonly details?: ReadonlyArray<Detail> | undefined
  /** A hint: how long to wait before asking again, in milliseconds. It is told on 429 and 503. */
  readonly retryAfterMillis?: number | undefined
  /** A finer code. Default: the coarse one. */
  readonly reason?: string | undefined
  /** Why it failed, for logs and trackers. Never shown. */
  readonly cause?: unknown
}

/**
 * An error of somebody's own API. Its message and details are written for who reads the answer and are shown as they are;
 * what is secret or internal belongs into `cause`.
 *
 * ```ts import.meta.vitest
 * import { ApiError } from "effect-resilience/http"
 *
 * const error = ApiError.make({ code: "CONFLICT", message: "This address is taken." })
 *
 * error.statusCode // => 409
 * error._tag // => "ApiError"
 * ```
 */
export class ApiError extends Data.TaggedError("ApiError")<{
  readonly code: ApiErrorCode
  readonly message: string
  readonly reason: string
  readonly statusCode: number
  readonly details?: ReadonlyArray<Detail> | undefined
  readonly retryAfterMillis?: number | undefined
  readonly cause?: unknown
}> {
  /** Makes one. A `statusCode` that is no status of a failure counts as none. */
  static readonly make = ({
    cause,
    code,
    details,
    message,
    reason = code,
    retryAfterMillis,
    statusCode
  }: ApiErrorOptions): ApiError =>
    new ApiError({
      code,
      reason,
      message,
      // A code that the compiler has not seen has none.
      statusCode: isFailure(statusCode) ? statusCode : ((statuses[code] as number | undefined) ?? 500),
      ...(details === undefined ? {} : { details }),
      ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }),
      ...(cause === undefined ? {} : { cause })
    })

  /** Whose fault it is: policies read it. */
  get [Blame.of](): Blame {
    return this.code === "INTERNAL_ERROR" ? "defect" : blameOfStatus(this.statusCode)
  }
}

/** Whether a status is one of a failure. */
export const isFailure = (status: number | undefined): status is number =>
  status !== undefined && Number.isInteger(status) && status >= 400 && status <= 599
