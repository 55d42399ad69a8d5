/**
 * Routes of a program's own beside the relay's: a page that the program adds, a switch of its demonstration. They pass the
 * same guard and tokens as the relay's, stand in its banner, and answer with JSON. Whoever has an HTTP server of his own
 * adds the relay's routes to that instead: `effect-resilience/router`.
 */
import { Context, Effect } from "effect"
import type { ResilienceError } from "../errors/index.ts"
import { respondJson } from "./Exchange.ts"
import { type Method, type Route, standard } from "./Route.ts"

/** What such a route is asked. */
export interface OwnRequest {
  /** What stands in the place of the path's `{name}`, decoded; `""` without one. */
  readonly parameter: string
  readonly query: URLSearchParams
  /** The body as text; `""` without one. */
  readonly body: string
}

/** What it answers. */
export interface OwnAnswer {
  readonly status: number
  /** Sent as JSON. */
  readonly body: unknown
}

/** A route of the program's own. */
export interface OwnRoute {
  readonly method: Method
  /** `{name}` is one step of the path, `{name*}` one or more. One of the relay's own paths is the relay's. */
  readonly path: string
  /** Who may ask; without tokens everybody on this machine may. */
  readonly access: "anybody" | "token" | "admin"
  /** What it gives, in a few words: for the banner. */
  readonly shows: string
  /** What fails is told like every failure of the relay. */
  readonly handle: (request: OwnRequest) => Effect.Effect<OwnAnswer, ResilienceError>
}

/** The largest body that such a route is given, in bytes. */
const largestBody = 65_536

/**
 * The routes that a relay serves beside its own. Provide it to `serve` or `runRelay`; default: none. The page at `/` is told
 * their paths, and offers what it knows of them.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { OwnRoutes, type OwnRoute } from "effect-resilience/relay"
 *
 * const hello: OwnRoute = {
 *   method: "GET",
 *   path: "/hello/{name}",
 *   access: "anybody",
 *   shows: "a greeting",
 *   handle: ({ parameter }) => Effect.succeed({ status: 200, body: { hello: parameter } })
 * }
 * // runRelay(configuration).pipe(Effect.provideService(OwnRoutes, [hello]))
 * const routes = await Effect.runPromise(OwnRoutes.pipe(Effect.provideService(OwnRoutes, [hello])))
 * routes.map(({ path }) => path) // => ["/hello/{name}"]
 * ```
 */
export const OwnRoutes: Context.Reference<ReadonlyArray<OwnRoute>> = Context.Reference(
  "effect-resilience/server/OwnRoutes",
  { defaultValue: (): ReadonlyArray<OwnRoute> => [] }
)

/** They as rows of the relay's table. */
export const ownRoutes: Effect.Effect<ReadonlyArray<Route>> = Effect.map(OwnRoutes, (own) =>
  own.map(
    ({ access, handle, method, path, shows }): Route => ({
      method,
      path,
      access,
      envelope: standard,
      shows,
      handle: (exchange, _, parameter) =>
        exchange.body(largestBody).pipe(
          Effect.flatMap((body) => handle({ parameter, query: exchange.query, body })),
          Effect.map(({ body, status }) => respondJson(exchange, status, body, { "cache-control": "no-store" }))
        )
    })
  )
)
