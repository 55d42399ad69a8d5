/**
 * How a request that failed is answered: in the envelope of its route.
 */
import type { Envelope } from "../dialect/index.ts"
import type { ResilienceError } from "../errors/index.ts"
import type { FailedRequest } from "../http/index.ts"
import { type Exchange, respond } from "./Exchange.ts"
import { originOf } from "./RequestOrigin.ts"

/** Answers with an error. Where the head was sent already the connection is broken, so that nobody takes it for whole. */
export const answerFailure = (
  exchange: Exchange,
  error: ResilienceError,
  envelope: Envelope,
  now: number,
  headers: { readonly [name: string]: string } = {}
): void => {
  if (error._tag === "Unauthorized") exchange.setHeader("www-authenticate", "Bearer")
  const about: FailedRequest & { readonly accept: string | undefined } = {
    requestId: exchange.requestId,
    method: exchange.method,
    path: exchange.path,
    now,
    traceId: originOf(exchange, undefined).traceId,
    accept: exchange.header("accept")
  }
  const answer = envelope(error, about)
  respond(exchange, answer.status, { ...answer.headers, ...headers }, answer.body)
}
