/**
 * The caller is to blame: the request is wrong, or not allowed. Nothing is retried and nobody is penalised.
 */
import { Schema } from "effect"
import { fault } from "./Fault.ts"

/** `invalid_request`: the request is invalid. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", fault("invalid_request")) {}

/** `bad_request_body`: the request body is not valid JSON of the expected shape. */
export class BadRequestBody extends Schema.TaggedError<BadRequestBody>()("BadRequestBody", fault("bad_request_body")) {}

/** `read_request_body_failed`: the request body could not be read. */
export class ReadRequestBodyFailed extends Schema.TaggedError<ReadRequestBodyFailed>()(
  "ReadRequestBodyFailed",
  fault("read_request_body_failed")
) {}

/** `convert_request_failed`: the request cannot be expressed for the upstream. */
export class ConvertRequestFailed extends Schema.TaggedError<ConvertRequestFailed>()(
  "ConvertRequestFailed",
  fault("convert_request_failed")
) {}

/** `context_length_exceeded`: the request is longer than the model's context. */
export class ContextLengthExceeded extends Schema.TaggedError<ContextLengthExceeded>()(
  "ContextLengthExceeded",
  fault("context_length_exceeded")
) {}

/** `sensitive_words_detected`: the request contains words that are not allowed here. */
export class SensitiveWordsDetected extends Schema.TaggedError<SensitiveWordsDetected>()(
  "SensitiveWordsDetected",
  fault("sensitive_words_detected")
) {}

/** `invalid_cursor`: the cursor is not one of this stream. */
export class InvalidCursor extends Schema.TaggedError<InvalidCursor>()("InvalidCursor", fault("invalid_cursor")) {}

/** `unauthorized`: a valid token is required. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", fault("unauthorized")) {}

/** `access_denied`: access is denied. */
export class AccessDenied extends Schema.TaggedError<AccessDenied>()("AccessDenied", fault("access_denied")) {}

/** `insufficient_user_quota`: the account's quota is spent. */
export class InsufficientUserQuota extends Schema.TaggedError<InsufficientUserQuota>()(
  "InsufficientUserQuota",
  fault("insufficient_user_quota")
) {}

/** `pre_consume_token_quota_failed`: the token's quota is too small for this request. */
export class PreConsumeTokenQuotaFailed extends Schema.TaggedError<PreConsumeTokenQuotaFailed>()(
  "PreConsumeTokenQuotaFailed",
  fault("pre_consume_token_quota_failed")
) {}

/** `not_found`: there is nothing at this address. */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", fault("not_found")) {}

/** `stream_not_found`: there is no such stream. */
export class StreamNotFound extends Schema.TaggedError<StreamNotFound>()("StreamNotFound", fault("stream_not_found")) {}

/** `method_not_allowed`: the method is not allowed here. */
export class MethodNotAllowed extends Schema.TaggedError<MethodNotAllowed>()("MethodNotAllowed", {
  ...fault("method_not_allowed"),
  allow: Schema.optionalKey(Schema.Array(Schema.String))
}) {}

/** `request_timeout`: the request did not arrive in time. */
export class RequestTimeout extends Schema.TaggedError<RequestTimeout>()("RequestTimeout", fault("request_timeout")) {}

/** `conflict`: the request conflicts with an earlier one. */
export class Conflict extends Schema.TaggedError<Conflict>()("Conflict", fault("conflict")) {}

/** `stream_expired`: the stream has expired. */
export class StreamExpired extends Schema.TaggedError<StreamExpired>()("StreamExpired", fault("stream_expired")) {}

/** `payload_too_large`: the request body is too large. */
export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>()("PayloadTooLarge", {
  ...fault("payload_too_large"),
  limitBytes: Schema.optionalKey(Schema.Finite)
}) {}

/** `unsupported_media_type`: the content type is not supported. */
export class UnsupportedMediaType extends Schema.TaggedError<UnsupportedMediaType>()(
  "UnsupportedMediaType",
  fault("unsupported_media_type")
) {}

/** `validation_failed`: the request does not pass validation. */
export class ValidationFailed extends Schema.TaggedError<ValidationFailed>()(
  "ValidationFailed",
  fault("validation_failed")
) {}

/** `biz_error`: the service refused the request. */
export class BizError extends Schema.TaggedError<BizError>()("BizError", {
  ...fault("biz_error"),
  status: Schema.Int,
  extra: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
}) {}

/** `rate_limited`: too many requests. */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", fault("rate_limited")) {}

/** `headers_too_large`: the request headers are too large. */
export class HeadersTooLarge extends Schema.TaggedError<HeadersTooLarge>()(
  "HeadersTooLarge",
  fault("headers_too_large")
) {}

/** `prompt_blocked`: the request was refused for what it says. */
export class PromptBlocked extends Schema.TaggedError<PromptBlocked>()("PromptBlocked", fault("prompt_blocked")) {}
