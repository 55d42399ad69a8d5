/**
 * Resilient HTTP for any Effect program: a pipeline around Effect's `HttpClient`, by combinator or by Layer.
 *
 * **When to use**
 *
 * For a client of plain HTTP services, in place of `HttpClient.retryTransient`, which sends POST again, waits a day if
 * told to, and makes 16 attempts of `times: 3`.
 *
 * **Details**
 *
 * - Failures are asked again: transport errors, and answers 408, 429, 500, 502, 503 and 504, also where the client makes
 *   an error of a status (`filterStatusOk`). `Retry-After` (and its many relatives, see `RetryHints`) is heeded for up to
 *   30 seconds, whatever the schedule, and of 429 a limit's reset too; so is `x-should-retry: false`.
 * - Only what may be sent twice: GET, HEAD, OPTIONS, PUT, DELETE, TRACE and QUERY, and any request with an
 *   `idempotency-key`; a request whose body can be read only once is sent once.
 * - Each origin has a breaker, and a rate limit if you give one. 429 does not trip the breaker: the server is well.
 * - When all attempts failed, what comes out is what came last: the response as it is, for `filterStatusOk` and the like,
 *   or the client's own error. A response that is asked for again is read to its end or cut off, beside the next attempt.
 *
 * **Gotchas**
 *
 * - Limits of time are for the headers of the answer; its body comes after.
 * - It is built on `effect/http`, which Effect 4.1 marks unstable.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 * import { PolicyHttp, RetrySchedule } from "effect-resilience/policy"
 *
 * let sent = 0
 * const server = HttpClient.make((request) =>
 *   Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("hi", { status: ++sent < 3 ? 503 : 200 })))
 * )
 *
 * const program = Effect.gen(function* () {
 *   const resilient = yield* PolicyHttp.make({ retry: { schedule: RetrySchedule.immediate } })
 *   const response = yield* resilient(server).get("http://api.test/")
 *   return response.status
 * })
 *
 * await Effect.runPromise(program) // => 200
 * sent // => 3
 * ```
 */
import type { Duration, Schedule } from "effect"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type {
  BulkheadFull,
  ChannelResponseTimeExceeded,
  CircuitOpen,
  DeadlineExceeded,
  Throttled
} from "../../errors/index.ts"
import * as Bulkhead from "../bulkhead/Bulkhead.ts"
import * as CircuitBreaker from "../breaker/CircuitBreaker.ts"
import * as Deadline from "../deadline/Deadline.ts"
import * as Failures from "../Failures.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as RateLimiter from "../limiter/RateLimiter.ts"
import * as Retry from "../retry/Retry.ts"
import type { RetryBudget } from "../budget/RetryBudget.ts"
import * as RetrySchedule from "../retry/RetrySchedule.ts"
import * as RetryHints from "../retry/RetryHints.ts"

/** What the policies themselves can fail with. */
export type Rejection = BulkheadFull | ChannelResponseTimeExceeded | CircuitOpen | DeadlineExceeded | Throttled

/** Options of the retry; `false` for none. */
export interface RetryOptions {
  /** How many attempts, the first included. Default 3. */
  readonly attempts?: number | undefined
  /** How long to wait. Default: exponential from 1 s to 30 s, full jitter. */
  readonly schedule?: Schedule.Schedule<unknown> | undefined
  /**
   * How long a server may ask to be left alone (`Retry-After` and its relatives): the next attempt comes no earlier, and
   * no later than this for the hint's sake. `"ignore"`: its hints are not heeded. Default 30 seconds.
   */
  readonly maxRetryAfter?: Duration.Input | "ignore" | undefined
  /** What pays for further attempts. Default: none. */
  readonly budget?: RetryBudget | undefined
  /** Whether a request may be sent twice. Default: by its method, or if it has an `idempotency-key`. */
  readonly isIdempotent?: ((request: HttpClientRequest.HttpClientRequest) => boolean) | undefined
}

/** Options of `make`, `layer`. */
export interface Options {
  /** Bounds a request with all its attempts, up to the headers. Default: none. */
  readonly deadline?: Duration.Input | undefined
  /** Bounds one attempt, up to the headers. Default 30 seconds. */
  readonly attempt?: Duration.Input | undefined
  /** Default: 3 attempts. `false`: none is sent twice. */
  readonly retry?: RetryOptions | false | undefined
  /** A breaker for each origin. Default: 5 failures in a row open it for 60 seconds. `false`: none. */
  readonly breaker?: CircuitBreaker.KeyedOptions | false | undefined
  /** A rate limit for each origin. Default: none. */
  readonly rateLimiter?: RateLimiter.KeyedOptions | undefined
  /** How many requests at once, over all origins, up to the headers. Default: any number. */
  readonly bulkhead?: Bulkhead.Options | undefined
}

/** A response that counts as a failure while it is inside the policies. */
class FailedResponse<out E = unknown> {
  readonly response: HttpClientResponse.HttpClientResponse
  readonly retryAfterMillis: number | undefined
  /** How it came: as a response, or as an error of the client's own. */
  readonly given: Effect.Effect<HttpClientResponse.HttpClientResponse, E>

  constructor(
    response: HttpClientResponse.HttpClientResponse,
    given: Effect.Effect<HttpClientResponse.HttpClientResponse, E>,
    now: number
  ) {
    this.response = response
    this.retryAfterMillis = RetryHints.fromError(response, () => now)
    this.given = given
  }
}

/** The response of which a client has made an error for its status (`HttpClient.filterStatusOk`). */
const refusedOf = (error: unknown): HttpClientResponse.HttpClientResponse | undefined =>
  HttpClientError.isHttpClientError(error) && error.reason._tag === "StatusCodeError"
    ? error.reason.response
    : undefined

const transient: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])
const idempotent: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "QUERY"])

const isIdempotentByDefault = (request: HttpClientRequest.HttpClientRequest): boolean =>
  idempotent.has(request.method) || request.headers["idempotency-key"] !== undefined

/** Whether the client's own error comes of the network: others (a wrong URL, a body that cannot be encoded) come again. */
const isTransport = (error: unknown): boolean =>
  Failures.isRetryable(error) && (!HttpClientError.isHttpClientError(error) || error.reason._tag === "TransportError")

const isRetryable = (error: unknown): boolean =>
  error instanceof FailedResponse ? error.response.headers["x-should-retry"] !== "false" : isTransport(error)

const breakerJudge: CircuitBreaker.Judge<unknown, unknown> = {
  isFailure: (error) =>
    error instanceof FailedResponse
      ? error.response.status !== 429
      : HttpClientError.isHttpClientError(error)
        ? isTransport(error)
        : Failures.isFailure(error)
}

/**
 * The origin of a URL, without the cost of parsing it, and without who asks: it is told in errors and events. An address
 * that has none is of the page that asks.
 */
const originOf = (url: string): string => {
  const parts = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?([^/?#]+)/i.exec(url)
  return parts === null ? "" : `${parts[1]}${parts[2]}`.toLowerCase()
}

/**
 * Reads a response that nobody will, at most its first bytes and for a second: an unread one holds its connection. It
 * does so on nobody's time, for a body that stalls is no reason for the next request to wait.
 */
const discard = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<unknown> =>
  Stream.runDrain(Stream.take(response.stream, 1)).pipe(
    Effect.timeoutOption("1 second"),
    Effect.ignoreCause,
    Effect.forkDetach({ startImmediately: true })
  )

/** Whether a body can be sent again: told by what it holds, since a raw one may be anything. */
const isReplayable = (body: HttpBody.HttpBody): boolean => {
  switch (body._tag) {
    case "Empty":
    case "Uint8Array":
    case "FormData":
      return true
    case "Stream":
      return false
    case "Raw":
      return isValue(body.body)
  }
}

const isValue = (held: unknown): boolean =>
  held === undefined ||
  held === null ||
  typeof held === "string" ||
  held instanceof ArrayBuffer ||
  ArrayBuffer.isView(held) ||
  held instanceof Blob ||
  held instanceof URLSearchParams ||
  held instanceof FormData

/** What stands around one request. */
type Guard = <E, R>(
  attempt: Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>,
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<HttpClientResponse.HttpClientResponse, E | Rejection, R>

const scheduleOf = ({ maxRetryAfter: cap = "30 seconds", schedule = RetrySchedule.exponential() }: RetryOptions) =>
  cap === "ignore" ? schedule : RetrySchedule.honourRetryAfter(schedule, { cap })

const makeGuard = (options: Options): Effect.Effect<Guard> => {
  const where = "PolicyHttp.make"
  const attemptMillis = Check.positiveMillis(where, "attempt", options.attempt ?? "30 seconds")
  const deadlineMillis =
    options.deadline === undefined ? undefined : Check.positiveMillis(where, "deadline", options.deadline)
  const { retry: retryOptions = {} } = options
  const isIdempotent = (retryOptions === false ? undefined : retryOptions.isIdempotent) ?? isIdempotentByDefault
  const retry =
    retryOptions === false
      ? undefined
      : Retry.make({
          attempts: retryOptions.attempts ?? 3,
          schedule: scheduleOf(retryOptions),
          budget: retryOptions.budget,
          while: isRetryable
        })
  return Effect.gen(function* () {
    const breakers = options.breaker === false ? undefined : yield* CircuitBreaker.makeKeyed(options.breaker)
    const limiters = options.rateLimiter === undefined ? undefined : yield* RateLimiter.makeKeyed(options.rateLimiter)
    const bulkhead = options.bulkhead === undefined ? undefined : yield* Bulkhead.make(options.bulkhead)

    const guarded = <E, R>(
      attempt: Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>,
      request: HttpClientRequest.HttpClientRequest
    ): Effect.Effect<HttpClientResponse.HttpClientResponse, E | Rejection, R> =>
      Effect.suspend(() => {
        const origin = originOf(request.url)
        let failed: HttpClientResponse.HttpClientResponse | undefined
        type Inside = Effect.Effect<HttpClientResponse.HttpClientResponse, E | FailedResponse<E> | Rejection, R>
        const judge = (
          response: HttpClientResponse.HttpClientResponse | undefined,
          given: FailedResponse<E>["given"]
        ): Inside => {
          if (response === undefined || !transient.has(response.status)) return given
          failed = response
          return Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(new FailedResponse(response, given, now)))
        }
        const judged: Inside = Effect.matchEffect(attempt, {
          onSuccess: (response) => judge(response, Effect.succeed(response)),
          onFailure: (error) => judge(refusedOf(error), Effect.fail(error))
        })
        // Only now, when it is sure that this attempt replaces it, may the response before be thrown away.
        let inside: Inside = Effect.suspend((): Inside => {
          if (failed === undefined) return judged
          const before = failed
          failed = undefined
          return Effect.andThen(discard(before), judged)
        })
        inside = Deadline.attempt(inside, attemptMillis)
        if (bulkhead !== undefined) inside = Bulkhead.protect(inside, bulkhead)
        if (limiters !== undefined) inside = RateLimiter.protect(inside, limiters.get(origin))
        if (breakers !== undefined) inside = CircuitBreaker.protect(inside, breakers.get(origin), breakerJudge)
        if (retry !== undefined && isReplayable(request.body) && isIdempotent(request)) {
          inside = Effect.mapError(Retry.retry(inside, retry), (exhausted) => exhausted.last)
        }
        if (deadlineMillis !== undefined) inside = Deadline.total(inside, deadlineMillis)
        const answered = Effect.catch(inside, (error) => {
          if (!(error instanceof FailedResponse)) return Effect.fail(error)
          failed = undefined
          return error.given
        })
        // Also where the request is interrupted while it waits for its next attempt.
        return Effect.onExit(answered, () => (failed === undefined ? Effect.void : discard(failed)))
      })
    return guarded
  })
}

/**
 * Makes the combinator. Its policies have state, so make it once for each client that should share it. Throws
 * `InvalidPolicyOption` for wrong numbers.
 */
export const make = (
  options: Options = {}
): Effect.Effect<
  <E, R>(
    client: HttpClient.HttpClient.With<E, R>
  ) => HttpClient.HttpClient.With<
    E | BulkheadFull | ChannelResponseTimeExceeded | CircuitOpen | DeadlineExceeded | Throttled,
    R
  >
> => Effect.map(makeGuard(options), (guard) => (client) => HttpClient.transform(client, guard))

const rejections: ReadonlySet<string> = new Set<Rejection["_tag"]>([
  "BulkheadFull",
  "ChannelResponseTimeExceeded",
  "CircuitOpen",
  "DeadlineExceeded",
  "Throttled"
])

const isRejection = (error: HttpClientError.HttpClientError | Rejection): error is Rejection =>
  rejections.has(error._tag)

/**
 * Makes every HTTP request of a program resilient: takes the `HttpClient` that is there and provides it anew. What the
 * policies refuse becomes an `HttpClientError` (`TransportError`) whose `cause` is our own error.
 *
 * ```ts
 * const HttpLive = PolicyHttp.layer().pipe(Layer.provide(NodeHttpClient.layerUndici))
 * ```
 */
export const layer = (options: Options = {}): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const guard = yield* makeGuard(options)
      return HttpClient.transform(client, (effect, request) =>
        Effect.mapError(guard(effect, request), (error) =>
          isRejection(error)
            ? new HttpClientError.HttpClientError({
                reason: new HttpClientError.TransportError({ request, cause: error, description: error.message })
              })
            : error
        )
      )
    })
  )
