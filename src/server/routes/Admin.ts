/**
 * The routes of the admin API: who may ask is decided here, by the table; what is asked is decided by the API.
 */
import { Effect, type Scope } from "effect"
import { checkDepth, clientDialects } from "../../dialect/index.ts"
import {
  InternalError,
  type InvalidRequest,
  type ResilienceError,
  ShuttingDown,
  stackless
} from "../../errors/index.ts"
import { type NamedWrite, type WriteAnswer, WriteOnce } from "../../operate/index.ts"
import { Relay } from "../../relay/index.ts"
import type { Caller } from "../../account/index.ts"
import type { Served } from "../Dispatch.ts"
import { type Exchange, respond } from "../Exchange.ts"
import { checkKey, idempotencyHeader, replayHeader, streamKeyOf } from "../IdempotencyKey.ts"
import type { Route } from "../Route.ts"
import { ownerOf } from "./Streams.ts"

/** The largest body that is read, in bytes. */
const largestBody = 1_048_576

/** The headers that mean something to it. */
const headersSeen = ["accept", "content-type", "idempotency-key", "traceparent", "x-trace-id"]

/** HEAD is asked as GET is: what is sent of the answer is the exchange's matter. */
const methodOf = ({ method }: Exchange): string => (method === "HEAD" ? "GET" : method)

/** A method that no `Request` is made with: it is told of one that was made with another. */
const unmade = "TRACE"

const requestOf = (exchange: Exchange, body: string): Request => {
  const headers = new Headers({ "x-request-id": exchange.requestId })
  for (const name of headersSeen) {
    const value = exchange.header(name)
    if (value !== undefined) headers.set(name, value)
  }
  const query = exchange.query.size === 0 ? "" : `?${exchange.query}`
  const method = methodOf(exchange)
  const request = new Request(`http://relay${exchange.path}${query}`, {
    method: method === unmade ? "PUT" : method,
    headers,
    ...(body === "" ? {} : { body })
  })
  return method === unmade ? Object.defineProperty(request, "method", { value: method }) : request
}

const textOf = (response: Response): Effect.Effect<string, InternalError> =>
  Effect.tryPromise({
    try: () => response.text(),
    catch: (thrown) => stackless(() => new InternalError({ message: `the admin API failed: ${String(thrown)}` }))
  })

/** What is told, by which headers. */
interface Told {
  readonly headers: { readonly [name: string]: string }
  readonly answer: WriteAnswer
}

const toldBy = (response: Response): Effect.Effect<Told, InternalError> =>
  Effect.map(textOf(response), (body) => ({
    headers: Object.fromEntries(response.headers),
    answer: { status: response.status, contentType: response.headers.get("content-type") ?? undefined, body }
  }))

/** The same write, sent again, as it is known by its idempotency key. */
const namedWrite = (
  exchange: Exchange,
  who: string,
  body: string
): Effect.Effect<NamedWrite | undefined, InvalidRequest> => {
  const key = isWrite(exchange) ? exchange.header(idempotencyHeader) : undefined
  if (key === undefined) return Effect.undefined
  const path = `${exchange.method} ${exchange.path}`
  const { bodyHash, key: hash } = streamKeyOf(key, { path, query: exchange.query.toString(), body })
  return Effect.as(checkKey(key), { who, key: hash, digest: bodyHash })
}

const rows: ReadonlyArray<Pick<Route, "method" | "access" | "shows" | "head" | "others">> = [
  {
    method: "GET",
    access: "viewer",
    shows: "what there is to see: `/admin/openapi.json` lists it",
    head: true,
    others: true
  },
  { method: "POST", access: "admin", shows: "what is made, switched or tried" },
  { method: "PATCH", access: "admin", shows: "what is changed" },
  { method: "DELETE", access: "admin", shows: "what is taken away" }
]

/** Nothing else has a body that anybody reads, nor is done once. */
const isWrite = ({ method }: Exchange): boolean => rows.some((row) => row.method === method && row.access === "admin")

/** Its rows. */
export const adminRoutes: Effect.Effect<ReadonlyArray<Route>, never, Served | Scope.Scope> = Effect.gen(function* () {
  const load = Effect.flatMap(
    Effect.promise(() => import("../admin/AdminLiveHttp.ts")),
    ({ makeAdminHandler }) => makeAdminHandler
  )
  const services = yield* Effect.context<Served | Scope.Scope>()
  const handler = yield* Effect.cached(Effect.provideContext(load, services))
  const writes = yield* WriteOnce
  const relay = yield* Relay
  const once = Effect.fnUntraced(function* <E>(named: NamedWrite, done: Effect.Effect<Told, E>) {
    let headers: Told["headers"] = {}
    const write = Effect.map(done, (told) => {
      headers = told.headers
      return told.answer
    })
    const { answer, replayed } = yield* writes.once(named, write)
    if (!replayed) return { answer, headers }
    const { contentType } = answer
    const typed = contentType === undefined ? {} : { "content-type": contentType }
    return { answer, headers: { ...typed, [replayHeader]: "true" } }
  })
  const handle = (exchange: Exchange, caller: Caller): Effect.Effect<void, ResilienceError> =>
    Effect.gen(function* () {
      const ask = yield* handler
      const body = isWrite(exchange) ? yield* exchange.body(largestBody) : ""
      yield* Effect.fromResult(checkDepth(body))
      // Nothing more is begun by a server that stops.
      if (isWrite(exchange) && relay.stopping()) return yield* Effect.fail(stackless(() => new ShuttingDown({})))
      exchange.atWork = true
      const { requestId } = exchange
      const asker = { who: ownerOf(caller), admin: caller === undefined || caller.admin, requestId }
      const done = Effect.flatMap(
        Effect.promise(() => ask(requestOf(exchange, body), asker)),
        toldBy
      )
      const named = yield* namedWrite(exchange, asker.who, body)
      const { answer, headers } = named === undefined ? yield* done : yield* once(named, done)
      const text = answer.body === "" ? undefined : answer.body
      respond(exchange, answer.status, { ...headers, "cache-control": "no-store" }, text)
    })
  return rows.map(
    (row): Route => ({
      ...row,
      path: "/admin/{path*}",
      envelope: clientDialects.chat.failure,
      handle
    })
  )
})
