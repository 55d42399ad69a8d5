/**
 * The caller is to blame: the request is wrong, or not allowed. Nothing is retried and nobody is penalised.
 */
import { fault } from "./Fault.ts"

/** `invalid_request`: the request is invalid. */
export class InvalidRequest extends /*#__PURE__*/ fault("invalid_request") {}

/** `bad_request_body`: the request body is not valid JSON of the expected shape. */
export class BadRequestBody extends /*#__PURE__*/ fault("bad_request_body") {}

/** `read_request_body_failed`: the request body could not be read. */
export class ReadRequestBodyFailed extends /*#__PURE__*/ fault("read_request_body_failed") {}

/** `convert_request_failed`: the request cannot be expressed for the upstream. */
export class ConvertRequestFailed extends /*#__PURE__*/ fault("convert_request_failed") {}

/** `context_length_exceeded`: the request is longer than the model's context. */
export class ContextLengthExceeded extends /*#__PURE__*/ fault("context_length_exceeded") {}

/** `sensitive_words_detected`: the request contains words that are not allowed here. */
export class SensitiveWordsDetected extends /*#__PURE__*/ fault("sensitive_words_detected") {}

/** `invalid_cursor`: the cursor is not one of this stream. */
export class InvalidCursor extends /*#__PURE__*/ fault("invalid_cursor") {}

/** `unauthorized`: a valid token is required. */
export class Unauthorized extends /*#__PURE__*/ fault("unauthorized") {}

/** `access_denied`: access is denied. */
export class AccessDenied extends /*#__PURE__*/ fault("access_denied") {}

/** `insufficient_user_quota`: the account's quota is spent. */
export class InsufficientUserQuota extends /*#__PURE__*/ fault("insufficient_user_quota") {}

/** `pre_consume_token_quota_failed`: the token's quota is too small for this request. */
export class PreConsumeTokenQuotaFailed extends /*#__PURE__*/ fault("pre_consume_token_quota_failed") {}

/** `not_found`: there is nothing at this address. */
export class NotFound extends /*#__PURE__*/ fault("not_found") {}

/** `stream_not_found`: there is no such stream. */
export class StreamNotFound extends /*#__PURE__*/ fault("stream_not_found") {}

/** `method_not_allowed`: the method is not allowed here. */
export class MethodNotAllowed extends /*#__PURE__*/ fault("method_not_allowed")<{
  /** The methods that are allowed. */
  readonly allow?: ReadonlyArray<string>
}> {}

/** `request_timeout`: the request did not arrive in time. */
export class RequestTimeout extends /*#__PURE__*/ fault("request_timeout") {}

/** `conflict`: the request conflicts with an earlier one. */
export class Conflict extends /*#__PURE__*/ fault("conflict") {}

/** `stream_expired`: the stream has expired. */
export class StreamExpired extends /*#__PURE__*/ fault("stream_expired") {}

/** `payload_too_large`: the request body is too large. */
export class PayloadTooLarge extends /*#__PURE__*/ fault("payload_too_large")<{
  readonly limitBytes?: number
}> {}

/** `unsupported_media_type`: the content type is not supported. */
export class UnsupportedMediaType extends /*#__PURE__*/ fault("unsupported_media_type") {}

/** `validation_failed`: the request does not pass validation. */
export class ValidationFailed extends /*#__PURE__*/ fault("validation_failed") {}

/** `biz_error`: the service refused the request. */
export class BizError extends /*#__PURE__*/ fault("biz_error")<{
  /** The service's own status, no HTTP one. */
  readonly status: number
  readonly extra?: { readonly [name: string]: string }
}> {}

/** `rate_limited`: too many requests. */
export class RateLimited extends /*#__PURE__*/ fault("rate_limited") {}

/** `headers_too_large`: the request headers are too large. */
export class HeadersTooLarge extends /*#__PURE__*/ fault("headers_too_large") {}

/** `prompt_blocked`: the request was refused for what it says. */
export class PromptBlocked extends /*#__PURE__*/ fault("prompt_blocked") {}

/** The classes of this family, in the catalogue's order. */
export const callerErrors = [
  InvalidRequest,
  BadRequestBody,
  ReadRequestBodyFailed,
  ConvertRequestFailed,
  ContextLengthExceeded,
  SensitiveWordsDetected,
  InvalidCursor,
  Unauthorized,
  AccessDenied,
  InsufficientUserQuota,
  PreConsumeTokenQuotaFailed,
  NotFound,
  StreamNotFound,
  MethodNotAllowed,
  RequestTimeout,
  Conflict,
  StreamExpired,
  PayloadTooLarge,
  UnsupportedMediaType,
  ValidationFailed,
  BizError,
  RateLimited,
  HeadersTooLarge,
  PromptBlocked
] as const
