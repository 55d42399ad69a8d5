/**
 * The body of an HTTP error: our own, and `application/problem+json` for who asks for it. Pure: whoever answers says
 * which request it was and what time it is.
 */
import { type Detail, excerpt } from "../errors/index.ts"
import { bodyAsked } from "./Accept.ts"
import { type AnswerableError, type Told, toldOf } from "./Told.ts"

/** The request that an error answers. */
export interface FailedRequest {
  readonly requestId: string
  readonly method: string
  /** The path of the URL; a query or a fragment is cut off, and what is longer than any path. */
  readonly path: string
  /** The time now, in epoch milliseconds. */
  readonly now: number
  readonly traceId?: string | undefined
}

/** Our own body of an error. `code` is coarse and follows the status; `reason` is the catalogue's code. */
export interface StandardBody {
  readonly error: {
    readonly code: string
    readonly reason: string
    readonly message: string
    readonly statusCode: number
    readonly requestId: string
    /** ISO 8601, UTC. */
    readonly timestamp: string
    readonly details?: ReadonlyArray<Detail>
    readonly path: string
    readonly method: string
    readonly traceId?: string
  }
}

/** The body of `application/problem+json` (RFC 9457). `instance` is the path that was asked. */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly instance: string
  readonly code: string
  readonly reason: string
  readonly requestId: string
  readonly details?: ReadonlyArray<Detail>
}

/** An HTTP answer, whole. */
export interface ErrorAnswer {
  readonly status: number
  readonly headers: { readonly [name: string]: string }
  readonly body: string
}

/** The longest path that is told, in UTF-16 units. */
const longestPath = 1024

const bare = (path: string): string => excerpt(/^[^?#]*/.exec(path)![0], longestPath)

/** An error as our own body. */
export const standardBody = (error: AnswerableError, request: FailedRequest): StandardBody =>
  standardOf(toldOf(error), request)

const standardOf = ({ code, details, message, reason, status }: Told, request: FailedRequest): StandardBody => ({
  error: {
    code,
    reason,
    message,
    statusCode: status,
    requestId: request.requestId,
    timestamp: new Date(request.now).toISOString(),
    ...(details === undefined ? {} : { details }),
    path: bare(request.path),
    method: request.method,
    ...(request.traceId === undefined ? {} : { traceId: request.traceId })
  }
})

/** An error as `application/problem+json`. Its `type` is the URN of the fine code, its `title` that code's message. */
export const problemBody = (error: AnswerableError, request: FailedRequest): ProblemBody =>
  problemOf(toldOf(error), request)

const problemOf = ({ code, details, message, reason, status, title }: Told, request: FailedRequest): ProblemBody => ({
  type: `urn:effect-resilience:${reason}`,
  title,
  status,
  detail: message,
  instance: bare(request.path),
  code,
  reason,
  requestId: request.requestId,
  ...(details === undefined ? {} : { details })
})

/**
 * An error as a whole HTTP answer: the body that `Accept` asks for, with the headers that go with it (`content-type`,
 * `x-request-id`, hints for 429 and 503, `allow` for 405). `cache-control: no-store`: no cache keeps a failure.
 */
export const errorAnswer = (
  error: AnswerableError,
  request: FailedRequest,
  accept: string | undefined
): ErrorAnswer => {
  const told = toldOf(error)
  const problem = bodyAsked(accept) === "problem"
  return {
    status: told.status,
    headers: {
      "content-type": problem ? "application/problem+json" : "application/json",
      "cache-control": "no-store",
      "x-request-id": request.requestId,
      ...(request.traceId === undefined ? {} : { "x-trace-id": request.traceId }),
      ...told.headers
    },
    body: JSON.stringify(problem ? problemOf(told, request) : standardOf(told, request))
  }
}
