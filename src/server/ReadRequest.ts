/**
 * A request as its dialect reads it: body, query and headers, brought together for `parse`.
 */
import { Effect } from "effect"
import { pinHeader } from "../channel/index.ts"
import type { AnswerRequest, Asking, ClientDialect, ParseRules } from "../dialect/index.ts"
import type { ResilienceError } from "../errors/index.ts"
import type { Exchange } from "./Exchange.ts"
import { checkMediaType } from "./MediaType.ts"
import type { Pinned } from "./PinGate.ts"

/** Parameters of a query that are not the request's own: a credential, and the cursor. */
const notAsked = ["token", "key", "last_event_id"]

const queryOf = (query: URLSearchParams): string => {
  if (query.size === 0) return ""
  const own = new URLSearchParams(query)
  for (const name of notAsked) own.delete(name)
  return own.toString()
}

const headersOf = (exchange: Exchange, names: ReadonlyArray<string>): Asking["headers"] => {
  const headers: { [name: string]: string } = {}
  for (const name of names) {
    const value = exchange.header(name)
    if (value !== undefined) headers[name] = value
  }
  return headers
}

/** From here on, in characters, a body is read in a turn of its own: what comes before and behind it is work too. */
export const largeBody = 65_536

/** How a request is read. */
export interface Reading {
  readonly dialect: ClientDialect
  readonly rules: ParseRules
  /** What stands in the place of the path's `{id}`. */
  readonly parameter: string
  readonly pin: Pinned | undefined
  readonly maxBodyBytes: number
}

/** Tells a request's id where the dialect's clients look for it. */
export const tellId = (exchange: Exchange, { idHeader }: ClientDialect): void => {
  if (idHeader !== undefined) exchange.setHeader(idHeader, exchange.requestId)
}

const mediaTypes = ["application/json"]

const parsed = (
  exchange: Exchange,
  { dialect, parameter, pin, rules }: Reading,
  body: string | undefined
): Effect.Effect<AnswerRequest, ResilienceError> => {
  const looked = headersOf(exchange, dialect.looksAt)
  const headers = pin === undefined ? looked : { ...looked, [pinHeader]: pin.written }
  return Effect.fromResult(dialect.parse({ parameter, query: queryOf(exchange.query), headers, body }, rules))
}

/** Reads a request. */
export const readRequest = (exchange: Exchange, reading: Reading): Effect.Effect<AnswerRequest, ResilienceError> => {
  const asksByBody = exchange.method === "POST" && !reading.dialect.asksByQuery(exchange.query)
  if (!asksByBody) return parsed(exchange, reading, undefined)
  return Effect.andThen(
    checkMediaType(exchange, mediaTypes),
    Effect.flatMap(exchange.body(reading.maxBodyBytes), (body) =>
      body.length <= largeBody
        ? parsed(exchange, reading, body)
        : Effect.yieldNow.pipe(
            Effect.andThen(Effect.suspend(() => parsed(exchange, reading, body))),
            Effect.tap(() => Effect.yieldNow)
          )
    )
  )
}
