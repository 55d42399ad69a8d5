import { assert, describe, it } from "@effect/vitest"
import {
  BadResponse,
  ChannelInvalidKey,
  ChannelRateLimited,
  CircuitOpen,
  codeOf,
  DoRequestFailed,
  GetChannelFailed,
  InternalError,
  InvalidCursor,
  InvalidRequest,
  MethodNotAllowed,
  ModelNotFound,
  PromptBlocked,
  RateLimited,
  type ResilienceError,
  RetriesExhausted,
  ValidationFailed
} from "effect-resilience/errors"
import {
  ApiError,
  bodyAsked,
  errorAnswer,
  type FailedRequest,
  problemBody,
  publicMessage,
  retryHeaders,
  shouldRetryHeader,
  standardBody,
  withRequestId
} from "effect-resilience/http"

const request: FailedRequest = {
  requestId: "req_1",
  method: "GET",
  path: "/streams/abc?token=secret#x",
  now: Date.UTC(2026, 0, 2, 3, 4, 5, 6)
}

describe("the standard body", () => {
  it("says what, where and when, and leaves out what is absent", () => {
    assert.deepStrictEqual(standardBody(new InvalidCursor({}), request), {
      error: {
        code: "VALIDATION_ERROR",
        reason: "invalid_cursor",
        message: "The cursor is not one of this stream.",
        statusCode: 400,
        requestId: "req_1",
        timestamp: "2026-01-02T03:04:05.006Z",
        path: "/streams/abc",
        method: "GET"
      }
    })
  })

  it("has the details of what is wrong, redacted, and the trace", () => {
    const error = new ValidationFailed({
      details: [{ field: "messages[0].url", message: "cannot read https://internal.example.com/x", code: "url" }]
    })
    const body = standardBody(error, { ...request, traceId: "t1" }).error
    assert.deepStrictEqual(body.details, [
      { field: "messages[0].url", message: "cannot read https://***", code: "url" }
    ])
    assert.strictEqual(body.traceId, "t1")
    assert.strictEqual(body.statusCode, 422)
  })

  it("is that of a failure, whatever an error says of its status", () => {
    const lies = new ApiError({ code: "CONFLICT", reason: "r", message: "m", statusCode: 200 })
    // As a program without types has it.
    const unknown = ApiError.make({ code: JSON.parse('"TEAPOT"'), message: "m" })
    for (const error of [lies, unknown]) assert.strictEqual(standardBody(error, request).error.statusCode, 500)
  })

  it("shows no details of what is nobody's business", () => {
    const error = new BadResponse({ details: [{ field: "x", message: "y", code: "z" }] })
    assert.notProperty(standardBody(error, request).error, "details")
  })

  const coarse: ReadonlyArray<readonly [ResilienceError, number, string]> = [
    [new ChannelRateLimited({}), 429, "RATE_LIMITED"],
    [new ModelNotFound({}), 404, "NOT_FOUND"],
    [new ChannelInvalidKey({}), 502, "BAD_GATEWAY"],
    [new GetChannelFailed({}), 503, "SERVICE_UNAVAILABLE"],
    [new InternalError({}), 500, "INTERNAL_ERROR"],
    [
      new RetriesExhausted({
        reason: "attempts",
        attempts: 3,
        elapsedMillis: 1,
        last: new ChannelRateLimited({}),
        errors: []
      }),
      429,
      "RATE_LIMITED"
    ]
  ]
  for (const [error, status, code] of coarse) {
    it(`${codeOf(error)} is ${status} ${code}`, () => {
      const body = standardBody(error, request).error
      assert.deepStrictEqual([body.statusCode, body.code, body.reason], [status, code, codeOf(error)])
    })
  }
})

describe("application/problem+json", () => {
  it("has the members of RFC 9457 and ours", () => {
    const error = new InvalidRequest({
      message: "model must be a string",
      details: [{ field: "model", message: "expected a string", code: "type" }]
    })
    assert.deepStrictEqual(problemBody(error, request), {
      type: "urn:effect-resilience:invalid_request",
      title: "The request is invalid.",
      status: 400,
      detail: "model must be a string",
      instance: "/streams/abc",
      code: "VALIDATION_ERROR",
      reason: "invalid_request",
      requestId: "req_1",
      details: [{ field: "model", message: "expected a string", code: "type" }]
    })
  })

  const table: ReadonlyArray<readonly [string | undefined, "standard" | "problem"]> = [
    [undefined, "standard"],
    ["", "standard"],
    ["*/*", "standard"],
    ["application/*", "standard"],
    ["application/json", "standard"],
    ["application/problem+json", "problem"],
    ["Application/Problem+JSON; charset=utf-8", "problem"],
    ["text/event-stream, application/problem+json", "problem"],
    ["application/json, application/problem+json", "problem"],
    ["application/json, application/problem+json;q=0.5", "standard"],
    ["application/json;q=0.4, application/problem+json;q=0.5", "problem"],
    ["application/problem+json;q=0", "standard"],
    ["application/problem+json;q=zero", "problem"],
    [",,;;q=1,", "standard"]
  ]
  for (const [accept, asked] of table) {
    it(`${JSON.stringify(accept)} asks for ${asked}`, () => assert.strictEqual(bodyAsked(accept), asked))
  }
})

describe("what a client may read", () => {
  const internal = "connect ECONNREFUSED 10.1.2.3:443 with sk-proj-abcdef123456"
  const table: ReadonlyArray<readonly [string, ResilienceError, string]> = [
    ["a caller reads its own fault", new InvalidRequest({ message: "n must be 1" }), "n must be 1"],
    [
      "redacted",
      new InvalidRequest({ message: "bad key sk-proj-abcdef123456 at https://h.example.com/a" }),
      "bad key *** at https://***"
    ],
    [
      "in the upstream's words, where it said it",
      new InvalidRequest({ message: "status 400", upstream: { message: "max_tokens is too large" } }),
      "max_tokens is too large"
    ],
    ["a refusal for content too", new PromptBlocked({ message: "not about that" }), "not about that"],
    ["the catalogue's where there are no words", new InvalidRequest({ message: " " }), "The request is invalid."],
    [
      "the catalogue's for a transport fault",
      new DoRequestFailed({ message: internal }),
      "The upstream could not be reached."
    ],
    [
      "the catalogue's for a key's fault",
      new ChannelInvalidKey({ message: internal, upstream: { message: internal } }),
      "The upstream refused its credential."
    ],
    ["the catalogue's for our own bug", new InternalError({ message: internal }), "Internal error."]
  ]
  for (const [name, error, message] of table) {
    it(name, () => {
      assert.strictEqual(publicMessage(error), message)
      assert.strictEqual(standardBody(error, request).error.message, message)
      assert.strictEqual(problemBody(error, request).detail, message)
    })
  }

  it("with the request's id at its end", () => {
    assert.strictEqual(withRequestId("No.", "req_1"), "No. (request id: req_1)")
  })
})

describe("hints", () => {
  const table: ReadonlyArray<readonly [string, ResilienceError, { readonly [name: string]: string }]> = [
    ["429 with a hint", new RateLimited({ retryAfterMillis: 2_500 }), { "retry-after": "3", "retry-after-ms": "2500" }],
    ["429 without", new RateLimited({}), { "retry-after": "1", "retry-after-ms": "1000" }],
    ["503, rounded up", new CircuitOpen({ retryAfterMillis: 0.2 }), { "retry-after": "1", "retry-after-ms": "1" }],
    ["503, now", new GetChannelFailed({ retryAfterMillis: 0 }), { "retry-after": "1", "retry-after-ms": "1" }],
    ["a negative one", new CircuitOpen({ retryAfterMillis: -5 }), { "retry-after": "1", "retry-after-ms": "1000" }],
    [
      "a day",
      new ChannelRateLimited({ retryAfterMillis: 86_400_000 }),
      { "retry-after": "3600", "retry-after-ms": "3600000" }
    ],
    ["502", new BadResponse({ retryAfterMillis: 2_500 }), {}],
    ["400", new InvalidRequest({ retryAfterMillis: 2_500 }), {}]
  ]
  for (const [name, error, headers] of table) {
    it(name, () => assert.deepStrictEqual(retryHeaders(error), headers))
  }

  it("say whether asking again may help", () => {
    assert.deepStrictEqual(shouldRetryHeader(new CircuitOpen({})), { "x-should-retry": "true" })
    assert.deepStrictEqual(shouldRetryHeader(new InvalidRequest({})), { "x-should-retry": "false" })
    assert.deepStrictEqual(shouldRetryHeader(new RateLimited({})), { "x-should-retry": "true" })
  })
})

describe("a whole answer", () => {
  it("is JSON with its headers", () => {
    const answer = errorAnswer(new MethodNotAllowed({ allow: ["GET", "DELETE"] }), request, undefined)
    assert.strictEqual(answer.status, 405)
    assert.deepStrictEqual(answer.headers, {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-request-id": "req_1",
      allow: "GET, DELETE"
    })
    assert.strictEqual(JSON.parse(answer.body).error.reason, "method_not_allowed")
  })

  it("is a problem with its hints", () => {
    const answer = errorAnswer(new GetChannelFailed({ retryAfterMillis: 5_000 }), request, "application/problem+json")
    assert.strictEqual(answer.headers["content-type"], "application/problem+json")
    assert.strictEqual(answer.headers["retry-after"], "5")
    assert.strictEqual(JSON.parse(answer.body).status, 503)
  })
})
