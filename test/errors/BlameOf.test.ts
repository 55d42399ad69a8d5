/** P12: everybody's errors have a blame. The values are Effect's own. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Duration, Effect, Fiber, Layer, PlatformError, Schema } from "effect"
import { AiError } from "effect/ai"
import { HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"
import { CircuitBreaker as EffectBreaker, Persistence, RateLimiter as EffectLimiter } from "effect/persistence"
import { RpcClientError } from "effect/rpc"
import { Socket } from "effect/socket"
import { SqlError } from "effect/sql"
import { TestClock } from "effect/testing"
import {
  Blame,
  blameOf,
  blameOfStatus,
  blames,
  CircuitOpen,
  DoRequestFailed,
  ForeignBlame,
  isResilienceError,
  toResilienceError
} from "effect-resilience/errors"
import { Failures } from "effect-resilience/policy"

const request = HttpClientRequest.get("http://service.test/things")
const responseOf = (status: number, headers: Record<string, string> = {}) =>
  HttpClientResponse.fromWeb(request, new Response(null, { status, headers }))

const statusError = (status: number, headers?: Record<string, string>) =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.StatusCodeError({ request, response: responseOf(status, headers) })
  })

const cause = new Error("theirs")
const ai = (reason: AiError.AiErrorReason) => AiError.make({ module: "M", method: "m", reason })

/** The blame; whether it is asked again; whether a breaker counts it. */
type Judged = readonly [blame: Blame | undefined, retried: boolean, counted: boolean]

const judge = (error: unknown): Judged => [blameOf(error), Failures.isRetryable(error), Failures.isFailure(error)]

const asCaller: Judged = ["caller", false, false]
const asUpstream: Judged = ["upstream", true, true]
const asTransport: Judged = ["transport", true, true]
const asStorage: Judged = ["storage", true, true]
const asCredential: Judged = ["credential", false, false]
const asDefect: Judged = ["defect", false, false]

describe("P12: what Effect.tryPromise caught", () => {
  const caught = (error: unknown) =>
    // An SDK rejects with whatever it likes.
    Effect.flip(Effect.tryPromise(() => Promise.reject(error as Error)))

  it.effect("is judged as if nobody had caught it", () =>
    Effect.gen(function* () {
      const refused = Object.assign(new Error("bad key"), { status: 401 })
      const busy = Object.assign(new Error("busy"), { status: 429, headers: { "retry-after": "2" } })
      const hopeless = Object.assign(new Error("no"), { isRetryable: false })
      const ours = new CircuitOpen({ retryAfterMillis: 5 })
      for (const error of [refused, busy, hopeless, ours, new DoRequestFailed({ retry: false }), new Error("?"), "?"]) {
        const wrapped = yield* caught(error)
        assert.isTrue(Cause.isUnknownError(wrapped))
        assert.deepStrictEqual(judge(wrapped), judge(error), String(error))
        assert.strictEqual(Failures.retryAfterMillisOf(wrapped), Failures.retryAfterMillisOf(error))
      }
      assert.deepStrictEqual(judge(yield* caught(refused)), asCredential)
      assert.strictEqual(Failures.retryAfterMillisOf(yield* caught(busy)), 2000)
    })
  )

  it.effect("is asked of the program, and told as what it is", () =>
    Effect.gen(function* () {
      class Sdk extends Error {}
      const known = { blame: (error: unknown) => (error instanceof Sdk ? ("caller" as const) : undefined) }
      const wrapped = yield* caught(new Sdk("no such table"))
      const judged = Effect.sync(() => judge(wrapped))
      assert.deepStrictEqual(yield* judged.pipe(Effect.provideService(ForeignBlame, known)), asCaller)
      assert.include(toResilienceError(wrapped).message, "no such table")
      const busy = toResilienceError(yield* caught(Object.assign(new Error("busy"), { status: 503 })))
      assert.deepStrictEqual([busy._tag, busy.upstream], ["UpstreamOverloaded", { status: 503 }])
      const ours = new CircuitOpen({})
      assert.strictEqual(toResilienceError(yield* caught(ours)), ours)
    })
  )
})

describe("P12: HttpClientError", () => {
  const byStatus: ReadonlyArray<readonly [Judged, ReadonlyArray<number>]> = [
    [asCaller, [400, 404, 405, 406, 409, 410, 413, 415, 418, 422, 431]],
    [asCredential, [401, 403]],
    [["quota", false, false], [402]],
    [["content", false, false], [451]],
    [
      ["rate", true, true],
      [425, 429]
    ],
    [
      ["timeout", true, true],
      [408, 504, 524]
    ],
    [asUpstream, [302, 500, 501, 502, 503, 529]]
  ]
  for (const [expected, statuses] of byStatus) {
    for (const status of statuses) it(`${status}`, () => assert.deepStrictEqual(judge(statusError(status)), expected))
  }

  const reasons: ReadonlyArray<readonly [HttpClientError.HttpClientErrorReason, Judged]> = [
    [new HttpClientError.TransportError({ request, cause }), asTransport],
    [new HttpClientError.EncodeError({ request }), asCaller],
    [new HttpClientError.InvalidUrlError({ request }), asCaller],
    [new HttpClientError.DecodeError({ request, response: responseOf(200) }), asUpstream],
    [new HttpClientError.DecodeError({ request, response: responseOf(404) }), asCaller],
    [new HttpClientError.EmptyBodyError({ request, response: responseOf(200) }), asUpstream]
  ]
  for (const [reason, expected] of reasons) {
    const status = "response" in reason ? ` of ${reason.response.status}` : ""
    it(`${reason._tag}${status}`, () =>
      assert.deepStrictEqual(judge(new HttpClientError.HttpClientError({ reason })), expected))
  }

  const hints: ReadonlyArray<readonly [number, Record<string, string>, number | undefined]> = [
    [429, { "retry-after": "2" }, 2000],
    [429, { "x-ratelimit-reset": "7" }, 7000],
    [503, { "retry-after": "3", "x-ratelimit-reset": "7" }, 3000],
    [503, { "x-ratelimit-reset": "7" }, undefined],
    [500, {}, undefined]
  ]
  for (const [status, headers, expected] of hints) {
    it(`${status} with ${JSON.stringify(headers)} is a hint of ${expected}`, () =>
      assert.strictEqual(Failures.retryAfterMillisOf(statusError(status, headers)), expected))
  }

  it("402 with a hint is asked again", () =>
    assert.isTrue(Failures.isRetryable(statusError(402, { "retry-after": "1" }))))
})

describe("P12: errors of an HttpApi", () => {
  class OutOfStock extends Schema.TaggedError<OutOfStock>()(
    "OutOfStock",
    { item: Schema.String },
    { httpApiStatus: 409 }
  ) {}
  class Resting extends Schema.TaggedError<Resting>()("Resting", {}, { httpApiStatus: 503 }) {}
  class Unknown extends Schema.TaggedError<Unknown>()("Unknown", {}) {}
  class Blamed extends Schema.TaggedError<Blamed>()("Blamed", {}, { httpApiStatus: 404 }) {
    readonly [Blame.of] = "upstream"
  }
  const errors: ReadonlyArray<readonly [object, Judged]> = [
    [new HttpApiError.BadRequest({}), asCaller],
    [new HttpApiError.Unauthorized({}), asCredential],
    [new HttpApiError.Forbidden({}), asCredential],
    [new HttpApiError.NotFound({}), asCaller],
    [new HttpApiError.Conflict({}), asCaller],
    [new HttpApiError.RequestTimeout({}), ["timeout", true, true]],
    [new HttpApiError.InternalServerError({}), asUpstream],
    [new HttpApiError.ServiceUnavailable({}), asUpstream],
    [new OutOfStock({ item: "tea" }), asCaller],
    [new Resting({}), asUpstream],
    [new Unknown({}), [undefined, true, true]],
    [new Blamed({}), asUpstream]
  ]
  for (const [error, expected] of errors) {
    it(error.constructor.name, () => assert.deepStrictEqual(judge(error), expected))
  }

  it("keep their status as errors of ours", () => {
    assert.strictEqual(toResilienceError(new Resting({}))._tag, "UpstreamOverloaded")
    assert.deepStrictEqual(toResilienceError(new OutOfStock({ item: "tea" })).upstream, { status: 409 })
  })

  it("a body that cannot be written is the caller's", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(HttpClientRequest.bodyJson(request, { n: 1n }))
      assert.deepStrictEqual(judge(error), asCaller)
    }).pipe(Effect.runPromise))
})

describe("P12: AiError", () => {
  const metadata = {}
  // Each reason that there is: a new one does not compile until it is judged.
  const reasons: { readonly [T in AiError.AiErrorReason["_tag"]]: readonly [AiError.AiErrorReason, Judged] } = {
    RateLimitError: [new AiError.RateLimitError({ metadata }), ["rate", true, true]],
    QuotaExhaustedError: [new AiError.QuotaExhaustedError({ metadata }), ["quota", false, false]],
    AuthenticationError: [new AiError.AuthenticationError({ kind: "InvalidKey", metadata }), asCredential],
    ContentPolicyError: [new AiError.ContentPolicyError({ description: "d", metadata }), ["content", false, false]],
    InvalidRequestError: [new AiError.InvalidRequestError({ metadata }), asCaller],
    InvalidResponseError: [new AiError.InvalidResponseError({ description: "d", metadata }), ["upstream", false, true]],
    InternalProviderError: [new AiError.InternalProviderError({ description: "d", metadata }), asUpstream],
    NetworkError: [new AiError.NetworkError({ reason: "TransportError", method: "GET", url: "u" }), asTransport],
    InvalidOutputError: [new AiError.InvalidOutputError({ description: "d", metadata }), asUpstream],
    StructuredOutputError: [
      new AiError.StructuredOutputError({ description: "d", responseText: "t", metadata }),
      asUpstream
    ],
    UnsupportedSchemaError: [new AiError.UnsupportedSchemaError({ description: "d", metadata }), asCaller],
    UnknownError: [new AiError.UnknownError({ metadata }), [undefined, false, true]],
    ToolNotFoundError: [new AiError.ToolNotFoundError({ toolName: "t", availableTools: [] }), asUpstream],
    ToolParameterValidationError: [
      new AiError.ToolParameterValidationError({ toolName: "t", description: "d" }),
      asUpstream
    ],
    InvalidToolResultError: [new AiError.InvalidToolResultError({ toolName: "t", description: "d" }), asDefect],
    ToolResultEncodingError: [
      new AiError.ToolResultEncodingError({ toolName: "t", toolResult: 1, description: "d" }),
      asDefect
    ],
    ToolConfigurationError: [new AiError.ToolConfigurationError({ toolName: "t", description: "d" }), asDefect],
    ToolkitRequiredError: [new AiError.ToolkitRequiredError({ pendingApprovals: [] }), asDefect],
    InvalidUserInputError: [new AiError.InvalidUserInputError({ description: "d" }), asCaller]
  }
  for (const [tag, [reason, expected]] of Object.entries(reasons)) {
    it(tag, () => {
      assert.deepStrictEqual(judge(ai(reason)), expected)
      assert.deepStrictEqual(judge(reason), expected, "the reason alone")
    })
  }

  it("a request that cannot be sent is the caller's", () => {
    for (const reason of ["EncodeError", "InvalidUrlError"] as const) {
      assert.deepStrictEqual(judge(ai(new AiError.NetworkError({ reason, method: "GET", url: "u" }))), asCaller)
    }
  })

  it("an unknown error goes by its status", () => {
    const http = { response: { status: 404, headers: {} } }
    assert.deepStrictEqual(judge(ai(new AiError.UnknownError({ metadata, http }))), asCaller)
  })

  it("says when to come again: retryAfter, resetAt, or the headers of its response", () => {
    const http = { response: { status: 500, headers: { "retry-after": "4" } } }
    const hint = Failures.retryAfterMillisOf
    assert.strictEqual(hint(ai(new AiError.RateLimitError({ retryAfter: Duration.seconds(2), metadata }))), 2000)
    assert.strictEqual(hint(ai(new AiError.InternalProviderError({ description: "d", metadata, http }))), 4000)
    assert.isUndefined(hint(ai(new AiError.RateLimitError({ metadata }))))
  })
})

describe("P12: SqlError", () => {
  const reasons: { readonly [T in SqlError.SqlErrorReason["_tag"]]: readonly [SqlError.SqlErrorReason, Judged] } = {
    ConnectionError: [new SqlError.ConnectionError({ cause }), asStorage],
    AuthenticationError: [new SqlError.AuthenticationError({ cause }), asCredential],
    AuthorizationError: [new SqlError.AuthorizationError({ cause }), asCredential],
    SqlSyntaxError: [new SqlError.SqlSyntaxError({ cause }), asDefect],
    UniqueViolation: [new SqlError.UniqueViolation({ cause, constraint: "c" }), asCaller],
    ConstraintError: [new SqlError.ConstraintError({ cause }), asCaller],
    DeadlockError: [new SqlError.DeadlockError({ cause }), asStorage],
    SerializationError: [new SqlError.SerializationError({ cause }), asStorage],
    LockTimeoutError: [new SqlError.LockTimeoutError({ cause }), asStorage],
    StatementTimeoutError: [new SqlError.StatementTimeoutError({ cause }), ["timeout", true, true]],
    UnknownError: [new SqlError.UnknownError({ cause }), ["storage", false, true]]
  }
  for (const [tag, [reason, expected]] of Object.entries(reasons)) {
    it(tag, () => {
      assert.deepStrictEqual(judge(new SqlError.SqlError({ reason })), expected)
      assert.deepStrictEqual(judge(reason), expected, "the reason alone")
    })
  }
})

describe("P12: PlatformError", () => {
  const where = { module: "FileSystem", method: "open" }
  const tags: { readonly [T in PlatformError.SystemErrorTag]: Judged } = {
    AlreadyExists: asCaller,
    BadResource: asCaller,
    Busy: asStorage,
    InvalidData: asCaller,
    NotFound: asCaller,
    PermissionDenied: asCredential,
    TimedOut: ["timeout", true, true],
    UnexpectedEof: asStorage,
    Unknown: asStorage,
    WouldBlock: asStorage,
    WriteZero: asStorage
  }
  for (const [tag, expected] of Object.entries(tags)) {
    it(tag, () =>
      assert.deepStrictEqual(
        judge(PlatformError.systemError({ _tag: tag as PlatformError.SystemErrorTag, ...where })),
        expected
      )
    )
  }
  it("BadArgument", () => assert.deepStrictEqual(judge(PlatformError.badArgument(where)), asCaller))
})

describe("P12: RpcClientError", () => {
  const rpc = (reason: RpcClientError.RpcClientError["reason"]) => new RpcClientError.RpcClientError({ reason })
  const over = (error: HttpClientError.HttpClientError) =>
    rpc(HttpClientError.HttpClientErrorSchema.fromHttpClientError(error))

  it("over HTTP is judged as its HttpClientError, with its hint", () => {
    for (const status of [401, 404, 429, 503, 504])
      assert.deepStrictEqual(judge(over(statusError(status))), judge(statusError(status)), String(status))
    const reset = new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) })
    assert.deepStrictEqual(judge(over(reset)), asTransport)
    assert.strictEqual(Failures.retryAfterMillisOf(over(statusError(503, { "retry-after": "2" }))), 2000)
  })

  it("over a socket is the transport's, and what cannot be read the upstream's", () => {
    assert.deepStrictEqual(judge(rpc(new Socket.SocketReadError({ cause }))), asTransport)
    assert.deepStrictEqual(judge(rpc(new RpcClientError.RpcClientDefect({ message: "garbled", cause }))), asUpstream)
  })
})

describe("P12: other errors of Effect", () => {
  const asRejected: Judged = ["rejected", false, false]
  const limited = new EffectLimiter.RateLimitExceeded({
    key: "k",
    retryAfter: Duration.seconds(2),
    limit: 1,
    remaining: 0
  })
  const cases: ReadonlyArray<readonly [string, unknown, Judged]> = [
    ["TimeoutError", new Cause.TimeoutError(), ["timeout", true, true]],
    ["ExceededCapacityError", new Cause.ExceededCapacityError(), asRejected],
    ["IllegalArgumentError", new Cause.IllegalArgumentError(), asDefect],
    ["NoSuchElementError", new Cause.NoSuchElementError(), [undefined, true, true]],
    ["SocketError", new Socket.SocketError({ reason: new Socket.SocketCloseError({ code: 1006 }) }), asTransport],
    ["PersistenceError", new Persistence.PersistenceError({ message: "m" }), asStorage],
    ["RateLimiterError, exceeded", new EffectLimiter.RateLimiterError({ reason: limited }), asRejected],
    [
      "RateLimiterError, store",
      new EffectLimiter.RateLimiterError({ reason: new EffectLimiter.RateLimitStoreError({ message: "m" }) }),
      asStorage
    ],
    [
      "CircuitBreakerError, store",
      new EffectBreaker.CircuitBreakerError({ reason: new EffectBreaker.CircuitBreakerStoreError({ message: "m" }) }),
      asStorage
    ]
  ]
  for (const [name, error, expected] of cases) it(name, () => assert.deepStrictEqual(judge(error), expected))

  it.effect("what Effect.timeout fails with", () =>
    Effect.gen(function* () {
      const late = yield* Effect.forkChild(Effect.flip(Effect.never.pipe(Effect.timeout("1 second"))))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(blameOf(yield* Fiber.join(late)), "timeout")
    })
  )

  it("a limiter's refusal says when to come again", () =>
    assert.strictEqual(Failures.retryAfterMillisOf(new EffectLimiter.RateLimiterError({ reason: limited })), 2000))
})

describe("P12: errors of anybody", () => {
  it("go by a status, wherever they keep it", () => {
    for (const error of [{ status: 404 }, { statusCode: 404 }, { response: { status: 404 } }]) {
      assert.deepStrictEqual(judge(Object.assign(new Error("x"), error)), asCaller)
    }
    assert.deepStrictEqual(judge(Object.assign(new Error("x"), { status: 1 })), [undefined, true, true])
    assert.deepStrictEqual(judge(Object.assign(new Error("x"), { status: "404" })), [undefined, true, true])
  })

  it("are not asked again if they say so", () => {
    assert.deepStrictEqual(judge(Object.assign(new Error("x"), { isRetryable: false })), [undefined, false, true])
    assert.deepStrictEqual(judge(Object.assign(new Error("x"), { status: 503, isRetryable: false })), [
      "upstream",
      false,
      true
    ])
    assert.isTrue(Failures.isRetryable(Object.assign(new Error("x"), { isRetryable: true })))
  })

  it("say whose fault they are by Blame.of", () => {
    class Annotated extends Data.TaggedError("Annotated")<{ readonly ours: boolean }> {
      get [Blame.of](): Blame {
        return this.ours ? "defect" : "transport"
      }
    }
    assert.deepStrictEqual(judge(new Annotated({ ours: true })), asDefect)
    assert.deepStrictEqual(judge(new Annotated({ ours: false })), asTransport)
    for (const blame of blames) assert.strictEqual(blameOf({ [Blame.of]: blame }), blame)
    assert.isUndefined(blameOf({ [Blame.of]: "nobody" }), "what is no blame is none")
    assert.isUndefined(blameOf({ [Blame.of]: "toString" }))
    assert.strictEqual(blameOf({ [Blame.of]: "rate", status: 404 }), "rate", "the annotation before the status")
  })

  it("are read without trust in their shape", () => {
    for (const error of [
      { _tag: "HttpClientError" },
      { _tag: "AiError", reason: null },
      { _tag: "SqlError", reason: { _tag: "toString" } },
      { _tag: "PlatformError", reason: "x" },
      { _tag: "constructor" },
      { _tag: 5 },
      Object.create(null)
    ]) {
      assert.deepStrictEqual(judge(error), [undefined, true, true])
    }
  })
})

describe("P12: what a program says of others' errors, in one place", () => {
  class Refused extends Data.TaggedError("Refused")<{}> {}
  const program = { blame: (error: unknown) => (error instanceof Refused ? ("caller" as const) : undefined) }

  it.effect("is asked in the fibers that it is provided to", () =>
    Effect.gen(function* () {
      const judged = Effect.sync(() => judge(new Refused()))
      assert.deepStrictEqual(yield* judged, [undefined, true, true])
      assert.deepStrictEqual(yield* Effect.provideService(judged, ForeignBlame, program), asCaller)
      assert.deepStrictEqual(yield* Effect.provide(judged, Layer.succeed(ForeignBlame, program)), asCaller)
    })
  )

  it.effect("wins over what is known of Effect's errors, and not over what an error says itself", () =>
    Effect.gen(function* () {
      const all = { blame: () => "storage" as const }
      const seen = yield* Effect.sync(() => [
        blameOf(statusError(404)),
        blameOf("a text"),
        blameOf(new CircuitOpen({})),
        blameOf({ [Blame.of]: "rate" })
      ]).pipe(Effect.provideService(ForeignBlame, all))
      assert.deepStrictEqual(seen, ["storage", "storage", "rejected", "rate"])
    })
  )
})

describe("toResilienceError", () => {
  it("gives ours as they are", () => {
    const error = new DoRequestFailed({})
    assert.strictEqual(toResilienceError(error), error)
  })

  it("gives each blame a class of that blame", () => {
    for (const blame of blames) {
      const made = toResilienceError(Object.assign(new Error("theirs"), { [Blame.of]: blame }))
      assert.isTrue(isResilienceError(made))
      assert.strictEqual(blameOf(made), blame)
      assert.strictEqual(made.message, "theirs")
    }
  })

  it("keeps the status and the hint", () => {
    const made = Failures.toResilienceError(statusError(429, { "retry-after": "2" }))
    assert.strictEqual(made._tag, "ChannelRateLimited")
    assert.deepStrictEqual(made.upstream, { status: 429 })
    assert.strictEqual(made.retryAfterMillis, 2000)
    assert.strictEqual(toResilienceError(statusError(503))._tag, "UpstreamOverloaded")
    assert.strictEqual(toResilienceError(statusError(500))._tag, "BadResponseStatusCode")
  })

  it("of which nothing is known is the upstream's", () =>
    assert.strictEqual(toResilienceError("x")._tag, "BadResponse"))
})

it("a status blames as for a plain dependency", () => {
  for (let status = 400; status < 600; status++) {
    const error = statusError(status)
    assert.strictEqual(blameOf(error), blameOfStatus(status))
    const again = new Set([408, 425, 429]).has(status) || status >= 500
    assert.strictEqual(Failures.isRetryable(error), again, `${status}`)
    assert.strictEqual(Failures.isFailure(error), again, `${status}`)
  }
})
