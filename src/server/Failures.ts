/**
 * How a request that failed is answered: in the dialect's envelope under `/v1`, in our own body elsewhere.
 */
import { openaiErrorBody } from "../dialect/index.ts"
import { describe, type ResilienceError } from "../errors/index.ts"
import { errorAnswer, retryHeaders, shouldRetryHeader } from "../http/index.ts"
import { type Exchange, respond } from "./Exchange.ts"
import { isDialectPath } from "./Route.ts"

/** Answers with an error. Where the head was sent already the connection is broken, so that nobody takes it for whole. */
export const answerFailure = (
  exchange: Exchange,
  error: ResilienceError,
  now: number,
  headers: { readonly [name: string]: string } = {}
): void => {
  if (error._tag === "Unauthorized") exchange.setHeader("www-authenticate", "Bearer")
  if (isDialectPath(exchange.path)) {
    const allow =
      error._tag === "MethodNotAllowed" && error.allow !== undefined ? { allow: error.allow.join(", ") } : {}
    respond(
      exchange,
      describe(error).status,
      {
        "content-type": "application/json",
        "cache-control": "no-store",
        ...allow,
        ...retryHeaders(error),
        ...shouldRetryHeader(error),
        ...headers
      },
      JSON.stringify(openaiErrorBody(error, exchange.requestId))
    )
    return
  }
  const answer = errorAnswer(
    error,
    { requestId: exchange.requestId, method: exchange.method, path: exchange.path, now },
    exchange.header("accept")
  )
  respond(exchange, answer.status, { ...answer.headers, ...headers }, answer.body)
}
