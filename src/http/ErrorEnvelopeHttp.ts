/**
 * One envelope for all failures of somebody's own API, on `HttpRouter` and on `HttpApi`: the standard body (or
 * `application/problem+json` for who asks for it), with the request's id and the trace's, a log line by the status, and a
 * tracker that is told.
 *
 * ```
 * Routes.pipe(Layer.provide(ErrorEnvelope.layer), HttpRouter.serve)          // every failure of these routes
 * HttpApi.make("users").add(...).middleware(ErrorEnvelope)                   // handlers may fail with our errors
 * ```
 *
 * | what failed | answer |
 * |---|---|
 * | an error of this library, an `ApiError` | its own status |
 * | a body, a query or headers that their schema refuses | 422 `validation_failed`, one detail a field, all of them |
 * | a parameter of the path that its schema refuses | 404 `not_found`, with its detail |
 * | JSON that is none | 400 `bad_request_body` |
 * | a path that no route has; a method that its routes do not take | 404; 405 with `allow` |
 * | a status of 400 and more without a body | the body of that status |
 * | any other error, any defect | 500 `internal_error`; what it was is in the log |
 *
 * An answer that has a body of its own is left as it is.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { unhandled } from "effect/Types"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { BadRequestBody, InternalError, MethodNotAllowed, NotFound, stackless } from "../errors/index.ts"
import { ErrorTracker } from "../telemetry/index.ts"
import { envelopedError } from "./EnvelopedError.ts"
import { type Failure, errorOfIssue, errorOfStatus, failureOf } from "./FailureOf.ts"
import { errorCode } from "./FieldFaults.ts"
import { callersRequestId, makeRequestId } from "./RequestId.ts"
import { nothingSeen, remembering, type SeenRoutes } from "./SeenRoutesHttp.ts"
import { errorAnswer, type FailedRequest, type StandardBody, standardBody } from "./StandardBody.ts"
import { type AnswerableError, toldOf } from "./Told.ts"
import { callersTraceId } from "./TraceId.ts"
import { isWithoutBody, wholeIssue } from "./WholeIssueHttp.ts"

// -------------------------------------------------------------------------------------------------- the schema

/** The statuses that an `HttpApi` with the envelope declares. */
const declared = [400, 401, 403, 404, 408, 409, 410, 413, 415, 422, 429, 500, 502, 503, 504] as const

const Body = Schema.Struct({
  error: Schema.Struct({
    code: Schema.String,
    reason: Schema.String,
    message: Schema.String,
    statusCode: Schema.Int,
    requestId: Schema.String,
    timestamp: Schema.String,
    details: Schema.optionalKey(
      Schema.Array(Schema.Struct({ field: Schema.String, message: Schema.String, code: Schema.String }))
    ),
    path: Schema.String,
    method: Schema.String,
    traceId: Schema.optionalKey(Schema.String)
  })
}).annotate({ identifier: "ErrorEnvelope" })

const isAnswerable = (value: unknown): value is AnswerableError => failureOf(value)._tag === "Known"

// What answers fails with the errors themselves and writes the body with the request at hand; a client reads it back.
const declaredAs = (status: (typeof declared)[number]) =>
  Body.pipe(
    Schema.decodeTo(
      Schema.declare(isAnswerable, { expected: "an error that can be answered with" }),
      SchemaTransformation.transform<AnswerableError, StandardBody>({
        decode: (body) => envelopedError(status, body) ?? errorOfStatus(status),
        encode: (error) => standardBody(error, { requestId: "", method: "", path: "", now: 0 })
      })
    ),
    HttpApiSchema.status(status)
  )

// ----------------------------------------------------------------------------------------------- what a failure is

/** The failure that a cause is about; `undefined` where somebody has only stopped waiting. */
const thrownBy = (cause: Cause.Cause<unknown>): { readonly thrown: unknown } | undefined => {
  const failed = cause.reasons.find(Cause.isFailReason)
  if (failed !== undefined) return { thrown: failed.error }
  const died = cause.reasons.find(Cause.isDieReason)
  return died === undefined ? undefined : { thrown: died.defect }
}

// ------------------------------------------------------------------------------------------------------ the answer

type Tracker = Option.Option<ErrorTracker["Service"]>

interface Asked {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly failed: FailedRequest
  readonly seen: SeenRoutes
  readonly tracker: Tracker
}

/** The request that is being answered: what is caught within is told of the same request. */
const CurrentAsked = Context.Reference<Asked | undefined>("effect-resilience/http/ErrorEnvelope/CurrentAsked", {
  defaultValue: () => undefined
})

interface Around {
  readonly seen: SeenRoutes
  readonly tracker: Tracker
}

const askedNow = ({ seen, tracker }: Around): Effect.Effect<Asked, never, HttpServerRequest.HttpServerRequest> =>
  Effect.gen(function* () {
    const outer = yield* CurrentAsked
    if (outer !== undefined) return outer
    const request = yield* HttpServerRequest.HttpServerRequest
    const random = yield* Random.Random
    const now = yield* Clock.currentTimeMillis
    const { headers, method } = request
    return {
      request,
      seen,
      tracker: Option.isSome(tracker) ? tracker : yield* Effect.serviceOption(ErrorTracker),
      failed: {
        requestId: callersRequestId(headers["x-request-id"]) ?? makeRequestId(() => random.nextDoubleUnsafe()),
        traceId: callersTraceId({ "x-trace-id": headers["x-trace-id"], traceparent: headers["traceparent"] }),
        method,
        path: pathOf(request.originalUrl),
        now
      }
    }
  })

/** Some servers give the whole URL. */
const pathOf = (url: string): string => url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").replace(/[?#].*$/s, "")

const errorFor = (failure: Failure, { request, seen }: Asked): Effect.Effect<AnswerableError> => {
  switch (failure._tag) {
    case "Known":
      return Effect.succeed(failure.error)
    case "NoRoute": {
      const allow = seen.allowed(request.url)
      return Effect.succeed(stackless(() => (allow.length === 0 ? new NotFound({}) : new MethodNotAllowed({ allow }))))
    }
    case "Refused":
      return Effect.flatMap(isWithoutBody(failure.slot, request), (isWithout) =>
        isWithout
          ? Effect.succeed(stackless(() => new BadRequestBody({})))
          : Effect.map(wholeIssue(failure.slot, failure.issue, request), (issue) => errorOfIssue(failure.slot, issue))
      )
    case "Unknown":
      return Effect.succeed(stackless(() => new InternalError({})))
  }
}

const logged = (error: AnswerableError, cause: Cause.Cause<unknown>, { failed }: Asked): Effect.Effect<void> => {
  const { code, reason, status } = toldOf(error)
  const line = `${failed.method} ${failed.path} failed with ${status} ${code}`
  const write =
    status >= 500 ? Effect.logError(line, cause) : status >= 400 ? Effect.logWarning(line) : Effect.logDebug(line)
  return Effect.annotateLogs(write, {
    request_id: failed.requestId,
    ...(failed.traceId === undefined ? {} : { trace_id: failed.traceId }),
    code: reason,
    status_code: status
  })
}

const tracked = (error: unknown, status: number, { failed, tracker }: Asked): void => {
  if (Option.isSome(tracker)) tracker.value.track(error, { requestId: failed.requestId, status })
}

const answered = (error: AnswerableError, { failed, request }: Asked): HttpServerResponse.HttpServerResponse => {
  const { body, headers, status } = errorAnswer(error, failed, request.headers["accept"])
  return HttpServerResponse.text(body, { status, headers, contentType: headers["content-type"] ?? "application/json" })
}

/** What is told of a failure, wherever it was caught. */
const answerCause = (
  cause: Cause.Cause<unknown>,
  asked: Asked
): Effect.Effect<HttpServerResponse.HttpServerResponse, unknown> => {
  const found = thrownBy(cause)
  if (found === undefined) return Effect.failCause(cause)
  const { thrown } = found
  const failure = failureOf(thrown)
  return Effect.gen(function* () {
    // An error that makes an answer of its own: a redirect, a status, a body. What has no body gets one.
    if (
      failure._tag === "Unknown" &&
      (HttpServerResponse.isHttpServerResponse(thrown) || HttpServerRespondable.isRespondable(thrown))
    ) {
      const own = yield* Effect.orDie(
        HttpServerResponse.isHttpServerResponse(thrown)
          ? Effect.succeed(thrown)
          : HttpServerRespondable.toResponse(thrown)
      )
      return yield* finished(own, asked)
    }
    const error = yield* errorFor(failure, asked)
    yield* logged(error, cause, asked)
    tracked(failure._tag === "Unknown" ? thrown : error, toldOf(error).status, asked)
    return answered(error, asked)
  })
}

/** Whether a failed answer says nothing that anybody has written. */
const isBare = (response: HttpServerResponse.HttpServerResponse): boolean =>
  response.status >= 400 &&
  (response.body._tag === "Empty" ||
    // What `HttpApi` answers for a body of a type that no route takes.
    (response.status === 415 && response.body.contentType?.startsWith("text/plain") === true))

const isHeader = (response: HttpServerResponse.HttpServerResponse, name: string): boolean =>
  response.headers[name] !== undefined

const finished = (
  response: HttpServerResponse.HttpServerResponse,
  asked: Asked
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const { requestId, traceId } = asked.failed
  if (isBare(response)) {
    const error = errorOfStatus(response.status)
    tracked(error, response.status, asked)
    // What else it says (`connection`, `www-authenticate`) stays.
    return Effect.as(
      logged(error, Cause.empty, asked),
      HttpServerResponse.setHeaders(answered(error, asked), response.headers)
    )
  }
  return Effect.succeed(
    HttpServerResponse.setHeaders(response, {
      ...(isHeader(response, "x-request-id") ? {} : { "x-request-id": requestId }),
      ...(traceId === undefined || isHeader(response, "x-trace-id") ? {} : { "x-trace-id": traceId })
    })
  )
}

/** Answers for what fails within. */
const around =
  (what: Around) =>
  <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, R | HttpServerRequest.HttpServerRequest> =>
    Effect.flatMap(askedNow(what), (asked) =>
      Effect.matchCauseEffect(app, {
        onSuccess: (response) => finished(response, asked),
        onFailure: (cause) => answerCause(cause, asked)
      }).pipe(Effect.provideService(CurrentAsked, asked))
    )

// ----------------------------------------------------------------------------------------------------- the envelope

/** Reads the error of a failed answer back, for a client of an `HttpApi`. */
const readBack: HttpApiMiddleware.HttpApiMiddlewareClient<AnswerableError, AnswerableError, never> = ({
  next,
  request
}) =>
  Effect.flatMap(next(request), (response) => {
    if (response.status < 400) return Effect.succeed(response)
    return Effect.flatMap(Effect.option(response.json), (body) => {
      const error = Option.isNone(body)
        ? undefined
        : envelopedError(response.status, body.value, hintOf(response.headers))
      return error === undefined ? Effect.succeed(response) : Effect.fail(error)
    })
  })

const hintOf = (headers: { readonly [name: string]: string }): number | undefined => {
  const millis = Number(headers["retry-after-ms"] ?? Number.NaN)
  if (millis >= 0) return millis
  const seconds = Number(headers["retry-after"] ?? Number.NaN)
  return seconds >= 0 ? seconds * 1000 : undefined
}

/**
 * The envelope. `ErrorEnvelope.layer` answers for every failure of the routes that it is provided to; on an `HttpApi`,
 * `.middleware(ErrorEnvelope)` lets handlers fail with `ApiError` and with every error of this library, and declares the
 * answers in its OpenAPI document.
 *
 * ```ts import.meta.vitest
 * import { Effect, Layer } from "effect"
 * import { HttpRouter } from "effect/http"
 * import { ApiError, ErrorEnvelope } from "effect-resilience/http"
 *
 * const taken = ApiError.make({ code: "CONFLICT", message: "This address is taken." })
 * const Routes = HttpRouter.add("POST", "/users", Effect.fail(taken)).pipe(Layer.provide(ErrorEnvelope.layer))
 * const { dispose, handler } = HttpRouter.toWebHandler(Routes, { disableLogger: true })
 *
 * const answer = await handler(new Request("http://localhost/users", { method: "POST" }))
 * const wrong = await handler(new Request("http://localhost/users"))
 * const { error } = await answer.json()
 * await dispose()
 *
 * answer.status // => 409
 * error.code // => "CONFLICT"
 * error.message // => "This address is taken."
 * error.path // => "/users"
 * wrong.status // => 405
 * wrong.headers.get("allow") // => "POST"
 * ```
 */
export class ErrorEnvelope extends HttpApiMiddleware.Service<ErrorEnvelope, { clientError: AnswerableError }>()(
  "effect-resilience/http/ErrorEnvelope",
  { error: declared.map(declaredAs) }
) {
  /**
   * Answers for what fails within, whatever serves it: for `HttpRouter.middleware(ErrorEnvelope.middleware, { global: true })`
   * and for a plain effect that gives an answer. It has seen no routes: a wrong method is a 404.
   */
  static readonly middleware = around({ seen: nothingSeen, tracker: Option.none() })

  /**
   * Answers for every failure of the routes that it is provided to, and gives them the router that they are added to. It
   * tells the `ErrorTracker`, where there is one. Needs the `HttpRouter` that `HttpRouter.serve` gives.
   */
  static readonly layer: Layer.Layer<
    // The last says that whatever its routes fail with is answered.
    ErrorEnvelope | HttpRouter.HttpRouter | HttpRouter.Request<"Error", unknown>,
    never,
    HttpRouter.HttpRouter
  > = Layer.effectContext(
    Effect.gen(function* () {
      const tracker = yield* Effect.serviceOption(ErrorTracker)
      const { router, seen } = remembering(yield* HttpRouter.HttpRouter, yield* HttpRouter.RouterConfig)
      const answer = around({ seen, tracker })
      yield* router.addGlobalMiddleware(
        (app) => answer(app) as Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled>
      )
      const services = Context.make(HttpRouter.HttpRouter, router).pipe(
        Context.add(
          ErrorEnvelope,
          (app) => answer(app) as Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled>
        )
      )
      return services as Context.Context<ErrorEnvelope | HttpRouter.HttpRouter | HttpRouter.Request<"Error", unknown>>
    })
  )

  /**
   * For clients that are made from an `HttpApi`: the error of an envelope comes back as the class that it was, whatever its
   * status, with the hint of its headers.
   */
  static readonly layerClient: Layer.Layer<HttpApiMiddleware.ForClient<ErrorEnvelope>> = HttpApiMiddleware.layerClient(
    ErrorEnvelope,
    readBack
  )

  /** The annotation that gives the faults of a schema, or of one check, a code of your own (see `errorCode`). */
  static readonly code = errorCode
}
