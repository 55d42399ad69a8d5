import { assert, describe, it } from "@effect/vitest"
import {
  type Blame,
  blameOf,
  blames,
  catalogue,
  coarseCode,
  type Code,
  codeOf,
  codes,
  describe as describeError,
  type ErrorType,
  lookup,
  members,
  recoverableOf,
  type ResilienceError,
  RetriesExhausted,
  RateLimited,
  severityOf,
  type Severity,
  tagOf,
  typeOf
} from "effect-resilience/errors"
import { sample } from "./samples.ts"

// The classes of the contract, 1.1: type, severity, recoverable.
const byBlame: ReadonlyArray<readonly [Blame, ErrorType, Severity, boolean]> = [
  ["caller", "validation", "warning", false],
  ["content", "validation", "warning", false],
  ["credential", "llm_error", "error", false],
  ["quota", "rate_limit", "error", false],
  ["rate", "rate_limit", "warning", true],
  ["model", "llm_error", "error", false],
  ["channel", "llm_error", "error", false],
  ["upstream", "llm_error", "error", true],
  ["timeout", "timeout", "error", true],
  ["transport", "llm_error", "error", true],
  ["rejected", "system_error", "warning", true],
  ["exhausted", "system_error", "error", true],
  ["storage", "system_error", "error", true],
  ["cancelled", "system_error", "warning", false],
  ["defect", "system_error", "fatal", false]
]

// The codes of the contract, 1.2: tag, blame, status, coarse code.
const byCode: ReadonlyArray<readonly [Code, string, Blame, number, string]> = [
  ["invalid_request", "InvalidRequest", "caller", 400, "VALIDATION_ERROR"],
  ["bad_request_body", "BadRequestBody", "caller", 400, "VALIDATION_ERROR"],
  ["read_request_body_failed", "ReadRequestBodyFailed", "caller", 400, "VALIDATION_ERROR"],
  ["convert_request_failed", "ConvertRequestFailed", "caller", 400, "VALIDATION_ERROR"],
  ["context_length_exceeded", "ContextLengthExceeded", "caller", 400, "VALIDATION_ERROR"],
  ["sensitive_words_detected", "SensitiveWordsDetected", "caller", 400, "VALIDATION_ERROR"],
  ["invalid_cursor", "InvalidCursor", "caller", 400, "VALIDATION_ERROR"],
  ["unauthorized", "Unauthorized", "caller", 401, "UNAUTHORIZED"],
  ["access_denied", "AccessDenied", "caller", 403, "FORBIDDEN"],
  ["insufficient_user_quota", "InsufficientUserQuota", "caller", 403, "FORBIDDEN"],
  ["pre_consume_token_quota_failed", "PreConsumeTokenQuotaFailed", "caller", 403, "FORBIDDEN"],
  ["not_found", "NotFound", "caller", 404, "NOT_FOUND"],
  ["stream_not_found", "StreamNotFound", "caller", 404, "NOT_FOUND"],
  ["method_not_allowed", "MethodNotAllowed", "caller", 405, "METHOD_NOT_ALLOWED"],
  ["request_timeout", "RequestTimeout", "caller", 408, "REQUEST_TIMEOUT"],
  ["conflict", "Conflict", "caller", 409, "CONFLICT"],
  ["stream_expired", "StreamExpired", "caller", 410, "GONE"],
  ["payload_too_large", "PayloadTooLarge", "caller", 413, "PAYLOAD_TOO_LARGE"],
  ["unsupported_media_type", "UnsupportedMediaType", "caller", 415, "UNSUPPORTED_MEDIA_TYPE"],
  ["validation_failed", "ValidationFailed", "caller", 422, "VALIDATION_ERROR"],
  ["biz_error", "BizError", "caller", 422, "VALIDATION_ERROR"],
  ["rate_limited", "RateLimited", "caller", 429, "RATE_LIMITED"],
  ["headers_too_large", "HeadersTooLarge", "caller", 431, "HEADERS_TOO_LARGE"],
  ["prompt_blocked", "PromptBlocked", "content", 400, "VALIDATION_ERROR"],
  ["channel:invalid_key", "ChannelInvalidKey", "credential", 502, "BAD_GATEWAY"],
  ["channel:quota_exhausted", "ChannelQuotaExhausted", "quota", 502, "BAD_GATEWAY"],
  ["channel:param_override_invalid", "ChannelParamOverrideInvalid", "channel", 502, "BAD_GATEWAY"],
  ["channel:header_override_invalid", "ChannelHeaderOverrideInvalid", "channel", 502, "BAD_GATEWAY"],
  ["channel:model_mapped_error", "ChannelModelMappedError", "channel", 502, "BAD_GATEWAY"],
  ["channel:aws_client_error", "ChannelAwsClientError", "channel", 502, "BAD_GATEWAY"],
  ["channel:rate_limited", "ChannelRateLimited", "rate", 429, "RATE_LIMITED"],
  ["model_not_found", "ModelNotFound", "model", 404, "NOT_FOUND"],
  ["channel:response_time_exceeded", "ChannelResponseTimeExceeded", "timeout", 504, "GATEWAY_TIMEOUT"],
  ["bad_response_status_code", "BadResponseStatusCode", "upstream", 502, "BAD_GATEWAY"],
  ["bad_response", "BadResponse", "upstream", 502, "BAD_GATEWAY"],
  ["bad_response_body", "BadResponseBody", "upstream", 502, "BAD_GATEWAY"],
  ["empty_response", "EmptyResponse", "upstream", 502, "BAD_GATEWAY"],
  ["read_response_body_failed", "ReadResponseBodyFailed", "upstream", 502, "BAD_GATEWAY"],
  ["aws_invoke_error", "AwsInvokeError", "upstream", 502, "BAD_GATEWAY"],
  ["stream_truncated", "StreamTruncated", "upstream", 502, "BAD_GATEWAY"],
  ["stream_fault", "StreamFault", "upstream", 502, "BAD_GATEWAY"],
  ["upstream_overloaded", "UpstreamOverloaded", "upstream", 503, "SERVICE_UNAVAILABLE"],
  ["do_request_failed", "DoRequestFailed", "transport", 502, "BAD_GATEWAY"],
  ["circuit_open", "CircuitOpen", "rejected", 503, "SERVICE_UNAVAILABLE"],
  ["bulkhead_full", "BulkheadFull", "rejected", 503, "SERVICE_UNAVAILABLE"],
  ["throttled", "Throttled", "rejected", 503, "SERVICE_UNAVAILABLE"],
  ["deadline_exceeded", "DeadlineExceeded", "exhausted", 504, "GATEWAY_TIMEOUT"],
  ["retry_budget_exhausted", "RetryBudgetExhausted", "exhausted", 503, "SERVICE_UNAVAILABLE"],
  // The status of its last: the sample's last is a `rate_limited`.
  ["retries_exhausted", "RetriesExhausted", "exhausted", 429, "RATE_LIMITED"],
  ["get_channel_failed", "GetChannelFailed", "exhausted", 503, "SERVICE_UNAVAILABLE"],
  ["channel:no_available_key", "ChannelNoAvailableKey", "exhausted", 503, "SERVICE_UNAVAILABLE"],
  ["shutting_down", "ShuttingDown", "exhausted", 503, "SERVICE_UNAVAILABLE"],
  ["query_data_error", "QueryDataError", "storage", 500, "INTERNAL_ERROR"],
  ["update_data_error", "UpdateDataError", "storage", 500, "INTERNAL_ERROR"],
  ["lease_lost", "LeaseLost", "storage", 409, "CONFLICT"],
  ["client_gone", "ClientGone", "cancelled", 499, "CLIENT_CLOSED_REQUEST"],
  ["stream_cancelled", "StreamCancelled", "cancelled", 499, "CLIENT_CLOSED_REQUEST"],
  ["internal_error", "InternalError", "defect", 500, "INTERNAL_ERROR"],
  ["application_exception", "ApplicationException", "defect", 500, "INTERNAL_ERROR"]
]

// The exceptions by code.
const typeByCode: { readonly [code: string]: ErrorType } = {
  rate_limited: "rate_limit",
  insufficient_user_quota: "rate_limit",
  pre_consume_token_quota_failed: "rate_limit",
  deadline_exceeded: "timeout"
}
// What an error says of itself where its fields hold figures. A client reads the catalogue's message all the same.
const figures: { readonly [code: string]: string } = {
  "channel:response_time_exceeded": "The upstream did not answer in time: nothing more came in 101 ms, limit 100 ms.",
  retries_exhausted: "3 attempts failed in 12 ms, no more were allowed; the last: Too many requests."
}
const recoverableByCode: { readonly [code: string]: boolean } = { rate_limited: true }

describe("blames", () => {
  it("are those of the contract", () =>
    assert.deepStrictEqual<ReadonlyArray<Blame>>(
      blames,
      byBlame.map(([blame]) => blame)
    ))
  for (const [blame, type, severity, recoverable] of byBlame) {
    it(`${blame} is ${type}, ${severity}, ${recoverable ? "" : "not "}recoverable`, () =>
      assert.deepStrictEqual([typeOf(blame), severityOf(blame), recoverableOf(blame)], [type, severity, recoverable]))
  }
})

describe("codes", () => {
  it("are those of the contract, each with one row and one class", () => {
    assert.deepStrictEqual([...codes].sort(), byCode.map(([code]) => code).sort())
    assert.deepStrictEqual(members.map((member) => member.identifier).sort(), byCode.map(([, tag]) => tag).sort())
  })

  for (const [code, tag, blame, status, coarse] of byCode) {
    it(code, () => {
      const [, type, severity, recoverable] = byBlame.find(([name]) => name === blame)!
      const error = sample(code)
      assert.strictEqual(error._tag, tag)
      assert.strictEqual(tagOf(code), tag)
      assert.strictEqual(codeOf(error), code)
      assert.strictEqual(blameOf(error), blame)
      assert.deepStrictEqual(describeError(error), {
        code,
        blame,
        status,
        type: typeByCode[code] ?? type,
        severity,
        recoverable: recoverableByCode[code] ?? recoverable,
        message: catalogue[code].message
      })
      assert.strictEqual(coarseCode(status), coarse)
      assert.strictEqual(error.message, figures[code] ?? catalogue[code].message)
      assert.instanceOf(error, Error)
    })
  }

  it("a spent quota is recoverable when its reset is known", () => {
    const error = sample("channel:quota_exhausted", { retryAfterMillis: 1000 })
    assert.isTrue(describeError(error).recoverable)
  })

  it("retries_exhausted has the status of its last, and 502 where that is not one of ours", () => {
    const after = (last: unknown) =>
      new RetriesExhausted({ reason: "attempts", attempts: 2, elapsedMillis: 5, last, errors: [] })
    const statusAfter = (last: unknown) => describeError(after(last)).status
    assert.strictEqual(statusAfter(sample("unauthorized")), 401)
    assert.strictEqual(statusAfter(new Error("theirs")), 502)
    assert.strictEqual(statusAfter("text"), 502)
    assert.strictEqual(statusAfter(after(new RateLimited({}))), 502)
    assert.strictEqual(lookup("retries_exhausted").status, "last")
  })

  it("show messages that name nothing internal", () => {
    for (const code of codes) {
      assert.match(catalogue[code].message, /^[A-Z].*\.$/)
      assert.notMatch(catalogue[code].message, /https?:|\d|stack|undefined/)
    }
  })

  it("all codes of a tag have one blame", () => {
    const byTag = new Map<ResilienceError["_tag"], Set<Blame>>()
    for (const code of codes) {
      const tag = tagOf(code)
      byTag.set(tag, (byTag.get(tag) ?? new Set()).add(catalogue[code].blame))
    }
    for (const [tag, found] of byTag) assert.strictEqual(found.size, 1, tag)
  })
})

it("coarse codes fall back on the family of a status", () => {
  assert.strictEqual(coarseCode(418), "VALIDATION_ERROR")
  assert.strictEqual(coarseCode(507), "INTERNAL_ERROR")
})
