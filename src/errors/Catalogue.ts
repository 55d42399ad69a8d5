/**
 * The catalogue: one row for every error code. A row says who is to blame, which HTTP status a client sees, and the
 * message that is safe to show. Type, severity and recoverability follow from the blame unless the row says otherwise.
 */
import { type Blame, type ErrorType, recoverableOf, type Severity, severityOf, typeOf } from "./Blame.ts"

/** One row as it is written. */
export interface Row {
  readonly blame: Blame
  /** The HTTP status to a client; `"last"` is the status of the last attempt's error. */
  readonly status: number | "last"
  /** What a client may read. It names no host, key, path or internal. */
  readonly message: string
  readonly type?: ErrorType
  readonly recoverable?: boolean
}

const row = <const B extends Blame>(
  blame: B,
  status: Row["status"],
  message: string,
  more?: Pick<Row, "type" | "recoverable">
): Row & { readonly blame: B } => ({
  blame,
  status,
  message,
  ...more
})

/** Every error code and its row. */
export const catalogue = {
  invalid_request: row("caller", 400, "The request is invalid."),
  bad_request_body: row("caller", 400, "The request body is not valid JSON of the expected shape."),
  read_request_body_failed: row("caller", 400, "The request body could not be read."),
  convert_request_failed: row("caller", 400, "The request cannot be expressed for the upstream."),
  context_length_exceeded: row("caller", 400, "The request is longer than the model's context."),
  sensitive_words_detected: row("caller", 400, "The request contains words that are not allowed here."),
  invalid_cursor: row("caller", 400, "The cursor is not one of this stream."),
  unauthorized: row("caller", 401, "A valid token is required."),
  access_denied: row("caller", 403, "Access is denied."),
  insufficient_user_quota: row("caller", 403, "The account's quota is spent.", { type: "rate_limit" }),
  pre_consume_token_quota_failed: row("caller", 403, "The token's quota is too small for this request.", {
    type: "rate_limit"
  }),
  not_found: row("caller", 404, "There is nothing at this address."),
  stream_not_found: row("caller", 404, "There is no such stream."),
  method_not_allowed: row("caller", 405, "The method is not allowed here."),
  request_timeout: row("caller", 408, "The request did not arrive in time."),
  conflict: row("caller", 409, "The request conflicts with an earlier one."),
  stream_expired: row("caller", 410, "The stream has expired."),
  payload_too_large: row("caller", 413, "The request body is too large."),
  unsupported_media_type: row("caller", 415, "The content type is not supported."),
  validation_failed: row("caller", 422, "The request does not pass validation."),
  biz_error: row("caller", 422, "The service refused the request."),
  rate_limited: row("caller", 429, "Too many requests.", { type: "rate_limit", recoverable: true }),
  headers_too_large: row("caller", 431, "The request headers are too large."),

  prompt_blocked: row("content", 400, "The request was refused for what it says."),

  "channel:invalid_key": row("credential", 502, "The upstream refused its credential."),
  "channel:quota_exhausted": row("quota", 502, "The upstream's quota is spent."),
  "channel:param_override_invalid": row("channel", 502, "The channel's parameter override is invalid."),
  "channel:header_override_invalid": row("channel", 502, "The channel's header override is invalid."),
  "channel:model_mapped_error": row("channel", 502, "The channel's model mapping is invalid."),
  "channel:aws_client_error": row("channel", 502, "The channel's AWS client failed."),
  "channel:rate_limited": row("rate", 429, "The upstream is receiving too many requests."),
  model_not_found: row("model", 404, "The model does not exist or is not served here."),
  "channel:response_time_exceeded": row("timeout", 504, "The upstream did not answer in time."),

  bad_response_status_code: row("upstream", 502, "The upstream answered with an unexpected status."),
  bad_response: row("upstream", 502, "The upstream's answer is not one."),
  bad_response_body: row("upstream", 502, "The upstream's answer could not be understood."),
  empty_response: row("upstream", 502, "The upstream's answer was empty."),
  read_response_body_failed: row("upstream", 502, "The upstream's answer could not be read."),
  aws_invoke_error: row("upstream", 502, "The upstream's AWS call failed."),
  stream_truncated: row("upstream", 502, "The answer was cut off before its end."),
  stream_fault: row("upstream", 502, "The stream failed."),
  upstream_overloaded: row("upstream", 503, "The upstream is overloaded."),
  do_request_failed: row("transport", 502, "The upstream could not be reached."),

  circuit_open: row("rejected", 503, "The target is resting after failures."),
  bulkhead_full: row("rejected", 503, "Too many requests are under way."),
  throttled: row("rejected", 503, "The request was throttled."),

  deadline_exceeded: row("exhausted", 504, "The request ran out of time.", { type: "timeout" }),
  retry_budget_exhausted: row("exhausted", 503, "The retry budget is spent."),
  retries_exhausted: row("exhausted", "last", "Every attempt failed."),
  get_channel_failed: row("exhausted", 503, "No channel can take the request now."),
  "channel:no_available_key": row("exhausted", 503, "No channel for this model has a usable key."),
  shutting_down: row("exhausted", 503, "The service is shutting down."),

  query_data_error: row("storage", 500, "Stored data could not be read."),
  update_data_error: row("storage", 500, "Data could not be stored."),
  lease_lost: row("storage", 409, "The stream is being written by another process."),

  client_gone: row("cancelled", 499, "The client went away."),
  stream_cancelled: row("cancelled", 499, "The stream was cancelled."),

  internal_error: row("defect", 500, "Internal error."),
  application_exception: row("defect", 500, "Internal error.")
} as const satisfies Record<string, Row>

/** An error code: the catalogue's keys. */
export type Code = keyof typeof catalogue

type Pascal<S extends string> = S extends `${infer Head}:${infer Rest}`
  ? `${Capitalize<Head>}${Pascal<Rest>}`
  : S extends `${infer Head}_${infer Rest}`
    ? `${Capitalize<Head>}${Pascal<Rest>}`
    : Capitalize<S>

/** The tag of a code: its PascalCase (`channel:invalid_key` is `ChannelInvalidKey`). */
export type TagOf<C extends Code> = Pascal<C>

/** All codes, in the catalogue's order. */
export const codes = Object.keys(catalogue) as ReadonlyArray<Code>

const pascal = (code: string): string =>
  code
    .split(/[_:]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("")

/** The tag of a code. */
export const tagOf = <C extends Code>(code: C): TagOf<C> => pascal(code) as TagOf<C>

/** The code of each tag: the catalogue read backwards. */
export const codeByTag = Object.fromEntries(codes.map((code) => [pascal(code), code])) as {
  readonly [C in Code as TagOf<C>]: C
}

/** A catalogue row with everything that follows from it. */
export interface Entry {
  readonly code: Code
  readonly blame: Blame
  readonly status: number | "last"
  readonly type: ErrorType
  readonly severity: Severity
  readonly recoverable: boolean
  readonly message: string
}

/** Looks up a code, with the blame's answers filled in. */
export const lookup = (code: Code): Entry => {
  const found: Row = catalogue[code]
  return {
    code,
    blame: found.blame,
    status: found.status,
    type: found.type ?? typeOf(found.blame),
    severity: severityOf(found.blame),
    recoverable: found.recoverable ?? recoverableOf(found.blame),
    message: found.message
  }
}

const coarse: { readonly [status: number]: string } = {
  400: "VALIDATION_ERROR",
  401: "UNAUTHORIZED",
  403: "FORBIDDEN",
  404: "NOT_FOUND",
  405: "METHOD_NOT_ALLOWED",
  408: "REQUEST_TIMEOUT",
  409: "CONFLICT",
  410: "GONE",
  413: "PAYLOAD_TOO_LARGE",
  415: "UNSUPPORTED_MEDIA_TYPE",
  422: "VALIDATION_ERROR",
  429: "RATE_LIMITED",
  431: "HEADERS_TOO_LARGE",
  499: "CLIENT_CLOSED_REQUEST",
  500: "INTERNAL_ERROR",
  502: "BAD_GATEWAY",
  503: "SERVICE_UNAVAILABLE",
  504: "GATEWAY_TIMEOUT"
}

/** The coarse code of an HTTP status, as the standard body shows it. */
export const coarseCode = (status: number): string =>
  coarse[status] ?? (status < 500 ? "VALIDATION_ERROR" : "INTERNAL_ERROR")
