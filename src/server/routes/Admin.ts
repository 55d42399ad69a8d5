/**
 * The routes of the admin API: who may ask is decided here, by the table; what is asked is decided by the API.
 */
import { Effect, type Scope } from "effect"
import { clientDialects } from "../../dialect/index.ts"
import { InternalError, type ResilienceError, stackless } from "../../errors/index.ts"
import type { Caller } from "../../account/index.ts"
import type { Served } from "../Dispatch.ts"
import { type Exchange, respond } from "../Exchange.ts"
import type { Method, Route } from "../Route.ts"
import { ownerOf } from "./Streams.ts"

/** The largest body that is read, in bytes. */
const largestBody = 1_048_576

/** The headers that mean something to it. */
const headersSeen = ["accept", "content-type", "idempotency-key", "traceparent", "x-trace-id"]

const requestOf = (exchange: Exchange, body: string): Request => {
  const headers = new Headers({ "x-request-id": exchange.requestId })
  for (const name of headersSeen) {
    const value = exchange.header(name)
    if (value !== undefined) headers.set(name, value)
  }
  const query = exchange.query.size === 0 ? "" : `?${exchange.query}`
  return new Request(`http://relay${exchange.path}${query}`, {
    method: exchange.method,
    headers,
    ...(body === "" ? {} : { body })
  })
}

const answer = (exchange: Exchange, response: Response): Effect.Effect<void, ResilienceError> =>
  Effect.map(
    Effect.tryPromise({
      try: () => response.bytes(),
      catch: (thrown) => stackless(() => new InternalError({ message: `the admin API failed: ${String(thrown)}` }))
    }),
    (body) => {
      const headers = { ...Object.fromEntries(response.headers), "cache-control": "no-store" }
      respond(exchange, response.status, headers, body.length === 0 ? undefined : body)
    }
  )

const rows: ReadonlyArray<{ readonly method: Method; readonly access: Route["access"]; readonly shows: string }> = [
  { method: "GET", access: "viewer", shows: "what there is to see: `/admin/openapi.json` lists it" },
  { method: "POST", access: "admin", shows: "what is made, switched or tried" },
  { method: "PATCH", access: "admin", shows: "what is changed" },
  { method: "DELETE", access: "admin", shows: "what is taken away" }
]

/** Its rows. */
export const adminRoutes: Effect.Effect<ReadonlyArray<Route>, never, Served | Scope.Scope> = Effect.gen(function* () {
  const load = Effect.flatMap(
    Effect.promise(() => import("../admin/AdminLiveHttp.ts")),
    ({ makeAdminHandler }) => makeAdminHandler
  )
  const services = yield* Effect.context<Served | Scope.Scope>()
  const handler = yield* Effect.cached(Effect.provideContext(load, services))
  const handle = (exchange: Exchange, caller: Caller): Effect.Effect<void, ResilienceError> =>
    Effect.gen(function* () {
      const ask = yield* handler
      const body = exchange.method === "GET" ? "" : yield* exchange.body(largestBody)
      const { requestId } = exchange
      const asker = { who: ownerOf(caller), admin: caller === undefined || caller.admin, requestId }
      yield* answer(exchange, yield* Effect.promise(() => ask(requestOf(exchange, body), asker)))
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
