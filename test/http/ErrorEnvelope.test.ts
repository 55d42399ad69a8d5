/**
 * One envelope for every failure of somebody's own API.
 */
import { describe, expect, it } from "@effect/vitest"
import { Data, Effect, Layer, Logger, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiClient, HttpApiEndpoint, HttpApiError, HttpApiGroup } from "effect/http-api"
import * as HttpPlatform from "effect/http/HttpPlatform"
import * as Etag from "effect/http/Etag"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import { NodeServices } from "@effect/platform-node"
import { CircuitOpen, Conflict, InternalError } from "effect-resilience/errors"
import { ApiError, ErrorEnvelope } from "effect-resilience/http"
import { ErrorTracker, TrackedErrors } from "effect-resilience/telemetry"

const Email = Schema.String.check(Schema.isPattern(/.+@.+/)).annotate(ErrorEnvelope.code("INVALID_EMAIL"))

const NewUser = Schema.Struct({
  email: Email,
  age: Schema.Number.check(
    Schema.isGreaterThanOrEqualTo(18, { ...ErrorEnvelope.code("VALUE_OUT_OF_RANGE"), message: "must be at least 18" })
  ),
  tags: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
  address: Schema.optionalKey(Schema.Struct({ city: Schema.String }))
})

class OutOfStock extends Data.TaggedError("OutOfStock")<{ readonly statusCode: number }> {}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Told
}

interface Told {
  readonly error: {
    readonly [field: string]: unknown
    readonly requestId: string
    readonly timestamp: string
    readonly details: ReadonlyArray<{ readonly field: string; readonly code: string; readonly message: string }>
  }
}

/** What the log says is looked at where a test is about it. */
const silent = Logger.layer([])

type Ask = (path: string, init?: RequestInit) => Effect.Effect<Answer>

const serving = (
  routes: Layer.Layer<never, never, HttpRouter.HttpRouter>,
  use: (ask: Ask) => Effect.Effect<void>,
  loggers: ReadonlyArray<Logger.Logger<unknown, unknown>> = []
) =>
  Effect.acquireUseRelease(
    Effect.sync(() =>
      HttpRouter.toWebHandler(routes.pipe(Layer.provideMerge(Logger.layer(loggers))), { disableLogger: true })
    ),
    ({ handler }) =>
      use((path, init) =>
        Effect.promise(async () => {
          const answer = await handler(new Request(`http://localhost${path}`, init))
          const text = await answer.text()
          return {
            status: answer.status,
            headers: answer.headers,
            body: (text === "" ? undefined : JSON.parse(text)) as Told
          }
        })
      ),
    ({ dispose }) => Effect.promise(dispose)
  )

const json = (body: unknown): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: typeof body === "string" ? body : JSON.stringify(body)
})

const routes = Layer.mergeAll(
  HttpRouter.add("POST", "/users", Effect.as(HttpServerRequest.schemaBodyJson(NewUser), HttpServerResponse.empty())),
  HttpRouter.add("GET", "/users", HttpServerResponse.jsonUnsafe([])),
  HttpRouter.add("GET", "/users/:id", Effect.fail(ApiError.make({ code: "NOT_FOUND", message: "No such user." }))),
  HttpRouter.add("GET", "/taken", Effect.fail(new Conflict({ message: "taken" }))),
  HttpRouter.add("GET", "/open", Effect.fail(new CircuitOpen({ retryAfterMillis: 2_100 }))),
  HttpRouter.add(
    "GET",
    "/busy",
    Effect.fail(ApiError.make({ code: "SERVICE_UNAVAILABLE", message: "Busy.", retryAfterMillis: 500 }))
  ),
  HttpRouter.add(
    "GET",
    "/teapot",
    Effect.fail(ApiError.make({ code: "VALIDATION_ERROR", message: "Tea.", statusCode: 418 }))
  ),
  HttpRouter.add("GET", "/stock", Effect.fail(new OutOfStock({ statusCode: 409 }))),
  HttpRouter.add("GET", "/bug", Effect.die(new Error("password is hunter2"))),
  HttpRouter.add("GET", "/who", Effect.fail("who knows")),
  HttpRouter.add("GET", "/bare", HttpServerResponse.empty({ status: 403, headers: { "x-why": "because" } })),
  HttpRouter.add("GET", "/own", HttpServerResponse.jsonUnsafe({ mine: true }, { status: 404 })),
  HttpRouter.add("GET", "/gone", Effect.fail(new HttpApiError.Gone({})))
)

const enveloped = routes.pipe(Layer.provide(ErrorEnvelope.layer))

describe("the envelope of a router", () => {
  it.live("tells an error of one's own API in the standard body", () =>
    serving(enveloped, (ask) =>
      Effect.gen(function* () {
        const { body, headers, status } = yield* ask("/users/7?secret=1", {
          headers: { "x-request-id": "req_abc", "x-trace-id": "trace_001" }
        })
        expect(status).toBe(404)
        expect(headers.get("x-request-id")).toBe("req_abc")
        expect(headers.get("x-trace-id")).toBe("trace_001")
        expect(headers.get("content-type")).toBe("application/json")
        expect(headers.get("cache-control")).toBe("no-store")
        const { timestamp, ...error } = body.error
        expect(new Date(timestamp).getTime()).toBeGreaterThan(Date.now() - 60_000)
        expect(error).toEqual({
          code: "NOT_FOUND",
          reason: "NOT_FOUND",
          message: "No such user.",
          statusCode: 404,
          requestId: "req_abc",
          path: "/users/7",
          method: "GET",
          traceId: "trace_001"
        })
      })
    )
  )

  const cases: ReadonlyArray<readonly [string, number, string, string]> = [
    ["/taken", 409, "CONFLICT", "conflict"],
    ["/open", 503, "SERVICE_UNAVAILABLE", "circuit_open"],
    ["/busy", 503, "SERVICE_UNAVAILABLE", "SERVICE_UNAVAILABLE"],
    ["/teapot", 418, "VALIDATION_ERROR", "VALIDATION_ERROR"],
    ["/stock", 409, "CONFLICT", "conflict"],
    ["/bug", 500, "INTERNAL_ERROR", "internal_error"],
    ["/who", 500, "INTERNAL_ERROR", "internal_error"],
    ["/bare", 403, "FORBIDDEN", "access_denied"],
    ["/gone", 410, "GONE", "GONE"],
    ["/nowhere", 404, "NOT_FOUND", "not_found"]
  ]
  it.live.each(cases)("%s is %d %s", ([path, status, code, reason]) =>
    serving(enveloped, (ask) =>
      Effect.gen(function* () {
        const answer = yield* ask(path)
        expect(answer.status).toBe(status)
        expect(answer.body.error).toMatchObject({ code, reason, statusCode: status, path, method: "GET" })
        expect(answer.body.error.requestId).toMatch(/^req_[A-Za-z0-9]{24}$/)
        expect(answer.headers.get("x-request-id")).toBe(answer.body.error.requestId)
        expect(JSON.stringify(answer.body)).not.toContain("hunter2")
      })
    )
  )

  it.live("says when to come again", () =>
    serving(enveloped, (ask) =>
      Effect.gen(function* () {
        const open = yield* ask("/open")
        expect([open.headers.get("retry-after"), open.headers.get("retry-after-ms")]).toEqual(["3", "2100"])
        const busy = yield* ask("/busy")
        expect([busy.headers.get("retry-after"), busy.headers.get("retry-after-ms")]).toEqual(["1", "500"])
      })
    )
  )

  it.live("tells all faults of a body at once, by field, with codes of one's own", () =>
    serving(enveloped, (ask) =>
      Effect.gen(function* () {
        const { body, status } = yield* ask("/users", json({ email: "x", age: 3, tags: ["a", "", 1], address: {} }))
        expect(status).toBe(422)
        expect(body.error.code).toBe("VALIDATION_ERROR")
        expect(body.error.reason).toBe("validation_failed")
        expect(body.error.details.map(({ code, field }) => [field, code])).toEqual([
          ["email", "INVALID_EMAIL"],
          ["age", "VALUE_OUT_OF_RANGE"],
          ["tags[1]", "invalid"],
          ["tags[2]", "type"],
          ["address.city", "missing"]
        ])
        expect(body.error.details[1]!.message).toBe("must be at least 18")
      })
    )
  )

  it.live("a body that is no JSON is 400 bad_request_body, and one that is right is let through", () =>
    serving(enveloped, (ask) =>
      Effect.gen(function* () {
        const broken = yield* ask("/users", json('{"email":'))
        expect([broken.status, broken.body.error.reason]).toEqual([400, "bad_request_body"])
        const none = yield* ask("/users", json(""))
        expect([none.status, none.body.error.reason]).toEqual([400, "bad_request_body"])
        const right = yield* ask("/users", json({ email: "a@b", age: 18 }))
        expect(right.status).toBe(204)
        expect(right.headers.get("x-request-id")).toMatch(/^req_/)
      })
    )
  )

  it.live("a wrong method is 405, with the methods of the routes that were added", () =>
    serving(enveloped, (ask) =>
      Effect.gen(function* () {
        const { body, headers, status } = yield* ask("/users", { method: "DELETE" })
        expect([status, body.error.code, headers.get("allow")]).toEqual([405, "METHOD_NOT_ALLOWED", "GET, HEAD, POST"])
        const one = yield* ask("/users/7", { method: "PUT" })
        expect([one.status, one.headers.get("allow")]).toEqual([405, "GET, HEAD"])
      })
    )
  )

  it.live("an answer with a body of its own is left as it is, and what else a bare one says stays", () =>
    serving(enveloped, (ask) =>
      Effect.gen(function* () {
        const own = yield* ask("/own")
        expect([own.status, own.body]).toEqual([404, { mine: true }])
        const bare = yield* ask("/bare")
        expect(bare.headers.get("x-why")).toBe("because")
      })
    )
  )

  it.live("a bad trace id is dropped, and one of W3C's is read", () =>
    serving(enveloped, (ask) =>
      Effect.gen(function* () {
        const bad = yield* ask("/taken", { headers: { "x-trace-id": "<script>" } })
        expect(bad.body.error.traceId).toBeUndefined()
        expect(bad.headers.get("x-trace-id")).toBeNull()
        const w3c = yield* ask("/taken", {
          headers: { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" }
        })
        expect(w3c.body.error.traceId).toBe("4bf92f3577b34da6a3ce929d0e0e4736")
      })
    )
  )

  it.live("problem+json for who asks for it", () =>
    serving(enveloped, (ask) =>
      Effect.gen(function* () {
        const { body, headers } = yield* ask("/users/7", { headers: { accept: "application/problem+json" } })
        expect(headers.get("content-type")).toBe("application/problem+json")
        expect(body).toMatchObject({ status: 404, detail: "No such user.", instance: "/users/7", code: "NOT_FOUND" })
      })
    )
  )

  it.live("the log is told by the status, with the cause of what is ours", () => {
    const lines: Array<readonly [string, string, boolean]> = []
    const logger = Logger.make(({ cause, logLevel, message }) => {
      lines.push([logLevel, String(Array.isArray(message) ? message[0] : message), cause.reasons.length > 0])
    })
    return serving(
      enveloped,
      (ask) =>
        Effect.gen(function* () {
          yield* ask("/bug?token=s3cret")
          yield* ask("/taken")
          expect(lines.map(([level, message]) => [level, message])).toEqual([
            ["Error", "GET /bug failed with 500 INTERNAL_ERROR"],
            ["Warn", "GET /taken failed with 409 CONFLICT"]
          ])
          expect(lines.map(([, , hasCause]) => hasCause)).toEqual([true, false])
        }),
      [logger]
    )
  })

  it.live("the tracker is told of bugs alone", () => {
    const told: Array<unknown> = []
    const memory = ErrorTracker.layerSend(
      ({ fingerprint, message, tags }) => void told.push({ fingerprint, message, tags })
    )
    return serving(routes.pipe(Layer.provide(ErrorEnvelope.layer), Layer.provide(memory)), (ask) =>
      Effect.gen(function* () {
        yield* ask("/bug", { headers: { "x-request-id": "req_1" } })
        yield* ask("/taken")
        yield* ask("/open")
        yield* ask("/nowhere")
        yield* ask("/users", json({}))
        yield* ask("/users", json("{"))
        expect(told).toHaveLength(1)
        expect(told[0]).toMatchObject({
          tags: { code: "internal_error", class: "defect", status: 500, request_id: "req_1" }
        })
      })
    )
  })
})

// ----------------------------------------------------------------------------------------------------------- HttpApi

const Users = HttpApiGroup.make("users")
  .add(
    HttpApiEndpoint.post("create", "/users", { payload: NewUser, success: Schema.Struct({ id: Schema.Int }) }),
    HttpApiEndpoint.get("one", "/users/:id", {
      params: { id: Schema.NumberFromString.check(Schema.isInt()) },
      success: Schema.Struct({ id: Schema.Int })
    }),
    HttpApiEndpoint.get("list", "/users", {
      query: { page: Schema.NumberFromString.check(Schema.isInt()) },
      success: Schema.Array(Schema.Int)
    })
  )
  .middleware(ErrorEnvelope)

const Api = HttpApi.make("api").add(Users)

const UsersLive = HttpApiBuilder.group(Api, "users", (handlers) =>
  handlers
    .handle("create", ({ payload }) =>
      payload.email === "a@taken"
        ? Effect.fail(ApiError.make({ code: "CONFLICT", message: "This address is taken." }))
        : payload.email === "a@broken"
          ? Effect.fail(new CircuitOpen({ retryAfterMillis: 3_000 }))
          : Effect.succeed({ id: 1 })
    )
    .handle("one", ({ params }) => (params.id === 1 ? Effect.succeed({ id: 1 }) : Effect.die(new InternalError({}))))
    .handle("list", () => Effect.succeed([]))
)

const apiRoutes = HttpApiBuilder.layer(Api).pipe(
  Layer.provide(UsersLive),
  Layer.provide(ErrorEnvelope.layer),
  Layer.provide([HttpPlatform.layer, Etag.layer]),
  Layer.provide(NodeServices.layer)
)

describe("the envelope of an HttpApi", () => {
  it.live("field errors, conflicts, bad ids, queries, types and methods", () =>
    serving(apiRoutes, (ask) =>
      Effect.gen(function* () {
        const faults = yield* ask("/users", json({ email: "x", age: 1 }))
        expect(faults.status).toBe(422)
        expect(faults.body.error.details.map(({ code, field }) => [field, code])).toEqual([
          ["email", "INVALID_EMAIL"],
          ["age", "VALUE_OUT_OF_RANGE"]
        ])
        const empty = yield* ask("/users", json({}))
        expect(empty.body.error.details.map(({ code, field }) => [field, code])).toEqual([
          ["email", "missing"],
          ["age", "missing"]
        ])
        const taken = yield* ask("/users", json({ email: "a@taken", age: 20 }))
        expect([taken.status, taken.body.error.code, taken.body.error.message]).toEqual([
          409,
          "CONFLICT",
          "This address is taken."
        ])
        expect(taken.headers.get("x-request-id")).toBe(taken.body.error.requestId)
        const bad = yield* ask("/users/abc")
        expect([bad.status, bad.body.error.code, bad.body.error.details[0]!.field]).toEqual([404, "NOT_FOUND", "id"])
        const query = yield* ask("/users?page=x")
        expect([query.status, query.body.error.details[0]!.field]).toEqual([422, "page"])
        const broken = yield* ask("/users", json("{"))
        expect([broken.status, broken.body.error.reason]).toEqual([400, "bad_request_body"])
        for (const init of [json(""), { method: "POST" }]) {
          const none = yield* ask("/users", init)
          expect([none.status, none.body.error.reason, none.body.error.details]).toEqual([
            400,
            "bad_request_body",
            undefined
          ])
        }
        const text = yield* ask("/users", { method: "POST", headers: { "content-type": "text/csv" }, body: "a" })
        expect([text.status, text.body.error.code]).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"])
        const method = yield* ask("/users", { method: "DELETE" })
        expect([method.status, method.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"])
        const bug = yield* ask("/users/2")
        expect([bug.status, bug.body.error.reason]).toEqual([500, "internal_error"])
      })
    )
  )

  it.live("a client gets the same error back", () =>
    Effect.acquireUseRelease(
      Effect.sync(() => HttpRouter.toWebHandler(apiRoutes.pipe(Layer.provideMerge(silent)), { disableLogger: true })),
      ({ handler }) =>
        Effect.gen(function* () {
          const client = yield* HttpApiClient.make(Api, { baseUrl: "http://localhost" })
          const taken = yield* Effect.flip(client.users.create({ payload: { email: "a@taken", age: 20 } }))
          expect(taken).toBeInstanceOf(ApiError)
          expect(taken).toMatchObject({ code: "CONFLICT", message: "This address is taken.", statusCode: 409 })
          const open = yield* Effect.flip(client.users.create({ payload: { email: "a@broken", age: 20 } }))
          expect(open).toBeInstanceOf(CircuitOpen)
          expect(open).toMatchObject({ retryAfterMillis: 3_000 })
        }).pipe(
          Effect.provide(ErrorEnvelope.layerClient),
          Effect.provide(FetchHttpClient.layer),
          Effect.provideService(FetchHttpClient.Fetch, (input, init) => handler(new Request(input, init)))
        ),
      ({ dispose }) => Effect.promise(dispose)
    )
  )
})

it.effect("the list of the tracker", () =>
  Effect.gen(function* () {
    const tracker = yield* ErrorTracker
    tracker.track(new InternalError({ message: "key sk-ant-REDACTED leaked" }), { channel: "a" })
    tracker.track(new Conflict({}))
    const { errors } = yield* TrackedErrors
    expect(errors).toHaveLength(1)
    expect(errors[0]!.message).not.toContain("sk-ant-abcdef")
    expect(errors[0]!.fingerprint[0]).toBe("internal_error")
    expect(errors[0]!.place).toContain("ErrorEnvelope.test.ts:")
    expect(errors[0]!.stack).not.toContain(process.cwd())
  }).pipe(Effect.provide(ErrorTracker.layerMemory))
)
