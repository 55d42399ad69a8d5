import { describe, expect, it } from "vitest"
import { anthropicClient, anthropicErrorType, classify } from "#src/dialect/index"
import { blameOf, catalogue, type Code, codeOf, describe as describeError } from "effect-resilience/errors"
import { sample } from "../../errors/samples.ts"

const about = { requestId: "req_1", method: "POST", path: "/v1/messages", now: 0, accept: undefined }

describe("what an Anthropic upstream refuses", () => {
  const answer = (status: number, error: object, headers: { readonly [name: string]: string } = {}) =>
    classify({ status, headers, body: JSON.stringify({ type: "error", error, request_id: "req_x" }), now: 0 })

  const details = (error_code: string) => ({ error_code })

  it.each([
    [400, { type: "invalid_request_error", message: "messages: field required" }, "caller invalid_request"],
    [401, { type: "authentication_error", message: "invalid x-api-key" }, "credential channel:invalid_key"],
    [402, { type: "billing_error", message: "x" }, "quota channel:quota_exhausted"],
    [403, { type: "permission_error", message: "x" }, "credential channel:invalid_key"],
    [404, { type: "not_found_error", message: "model: claude-x" }, "model model_not_found"],
    [409, { type: "conflict_error", message: "x" }, "caller invalid_request"],
    [413, { type: "request_too_large", message: "x" }, "caller payload_too_large"],
    [429, { type: "rate_limit_error", message: "x" }, "rate channel:rate_limited"],
    [500, { type: "api_error", message: "x" }, "upstream bad_response_status_code"],
    [504, { type: "timeout_error", message: "x" }, "timeout channel:response_time_exceeded"],
    [529, { type: "overloaded_error", message: "Overloaded" }, "upstream upstream_overloaded"],
    [
      400,
      { type: "invalid_request_error", details: details("organization_on_hold") },
      "credential channel:invalid_key"
    ],
    [
      400,
      { type: "invalid_request_error", details: details("claude_code_key_creator_not_member") },
      "credential channel:invalid_key"
    ],
    [400, { type: "invalid_request_error", details: details("cmek_key_disabled") }, "credential channel:invalid_key"],
    [
      429,
      { type: "rate_limit_error", details: details("enforced_spend_limit_reached") },
      "quota channel:quota_exhausted"
    ],
    [
      429,
      { type: "rate_limit_error", details: details("contract_spend_limit_reached") },
      "quota channel:quota_exhausted"
    ],
    [
      402,
      { type: "billing_error", details: details("linked_organization_spend_limit_reached") },
      "quota channel:quota_exhausted"
    ],
    [
      402,
      { type: "billing_error", details: details("linked_organization_billing_unavailable") },
      "quota channel:quota_exhausted"
    ],
    [429, { type: "rate_limit_error", details: details("ramp_limit_exceeded") }, "rate channel:rate_limited"],
    [
      400,
      { type: "invalid_request_error", message: "prompt is too long: 210000 tokens > 200000 maximum" },
      "caller context_length_exceeded"
    ],
    [
      400,
      { type: "invalid_request_error", message: "Output blocked by content filtering policy" },
      "content prompt_blocked"
    ]
  ])("%d %j is %s", (status, error, expected) => {
    const classified = answer(status, error)
    expect(`${blameOf(classified.error)} ${codeOf(classified.error)}`).toBe(expected)
  })

  it("says when to ask again, by its headers", () => {
    const hint = (headers: { readonly [name: string]: string }) =>
      answer(429, { type: "rate_limit_error", message: "x" }, headers).error.retryAfterMillis
    expect(hint({ "retry-after": "7" })).toBe(7000)
    expect(
      hint({
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "1970-01-01T00:00:09Z",
        "anthropic-ratelimit-tokens-remaining": "5",
        "anthropic-ratelimit-tokens-reset": "1970-01-01T00:01:00Z"
      })
    ).toBe(9000)
    for (const bucket of ["requests", "tokens", "input-tokens", "output-tokens"]) {
      expect(hint({ [`anthropic-ratelimit-${bucket}-reset`]: "1970-01-01T00:00:09Z" })).toBe(9000)
    }
    expect(hint({})).toBe(undefined)
  })
})

describe("what an Anthropic client is told of an error", () => {
  const types: { readonly [status: number]: string } = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "conflict_error",
    410: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    431: "invalid_request_error",
    499: "invalid_request_error",
    500: "api_error",
    502: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error"
  }

  it("has a type for each status", () => {
    for (const [status, type] of Object.entries(types)) expect(anthropicErrorType(Number(status))).toBe(type)
  })

  it("is right for every error there is: status, type, code, id and hints", () => {
    for (const code of Object.keys(catalogue) as ReadonlyArray<Code>) {
      const error = sample(code)
      const { recoverable, status } = describeError(error)
      const failure = anthropicClient.failure(error, about)
      expect(failure.status).toBe(code === "upstream_overloaded" ? 529 : status)
      expect(failure.headers["request-id"]).toBe("req_1")
      expect(failure.headers["x-should-retry"]).toBe(String(recoverable))
      expect("retry-after" in failure.headers).toBe([429, 503, 529].includes(failure.status))
      const body = JSON.parse(failure.body) as { readonly error: { readonly message: string } }
      expect(body).toMatchObject({
        type: "error",
        error: { type: types[failure.status], details: { error_code: code } },
        request_id: "req_1"
      })
      expect(body.error.message).toMatch(/ \(request id: req_1\)$/)
    }
  })
})
