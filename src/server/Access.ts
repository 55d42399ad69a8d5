/**
 * Who may ask: tokens where there are any, and where there are none a guard against other people's pages.
 */
import { Redacted, Result } from "effect"
import { findToken, type Token } from "../account/index.ts"
import { AccessDenied, stackless, Unauthorized } from "../errors/index.ts"
import { bearerToken, originAllowed, requestAllowed } from "../http/index.ts"
import type { Exchange } from "./Exchange.ts"
import type { Route } from "./Route.ts"

/** What the guard must know of its server. */
export interface AccessOptions {
  readonly tokens: ReadonlyArray<Token>
  readonly origins: ReadonlyArray<string>
  readonly port: () => number
}

/** Who asks: a token, or anybody where there are none. */
export type Caller = Token | undefined

const needs = (route: Route): "nothing" | "token" | "admin" => {
  switch (route._tag) {
    case "Live":
    case "Ready":
    case "Page":
      return "nothing"
    case "Metrics":
      return "admin"
    default:
      return "token"
  }
}

/** `/chat` and `/streams` take `?token=`, because an `EventSource` cannot send a header. */
const takesQueryToken = (route: Route): boolean =>
  route._tag === "Chat" || route._tag === "ReadStream" || route._tag === "CancelStream"

/**
 * Without tokens: whether a request comes from this machine, or from a page that is listed. With tokens they decide; and
 * how the relay is may be asked by anybody.
 */
export const guarded = (exchange: Exchange, options: AccessOptions): boolean =>
  options.tokens.length > 0 ||
  exchange.path.startsWith("/health/") ||
  requestAllowed(
    { host: exchange.header("host"), origin: exchange.header("origin") },
    { port: options.port(), origins: options.origins }
  )

/** Lets a request pass to its route, or says why not. */
export const admit = (
  exchange: Exchange,
  route: Route,
  options: AccessOptions
): Result.Result<Caller, Unauthorized | AccessDenied> => {
  const need = needs(route)
  if (options.tokens.length === 0 || need === "nothing") return Result.succeed(undefined)
  const query = takesQueryToken(route) ? exchange.query.get("token") : null
  const presented =
    bearerToken(exchange.header("authorization")) ?? (query === null || query === "" ? undefined : Redacted.make(query))
  const token = presented === undefined ? undefined : findToken(options.tokens, presented)
  if (token === undefined) return Result.fail(stackless(() => new Unauthorized({})))
  if (need === "admin" && !token.admin) {
    return Result.fail(stackless(() => new AccessDenied({ message: "this needs an admin token" })))
  }
  return Result.succeed(token)
}

/** Adds what lets a page of an allowed origin read the answer. */
export const allowOrigin = (exchange: Exchange, options: AccessOptions): boolean => {
  const origin = exchange.header("origin")
  if (origin === undefined) return false
  const own = options.tokens.length === 0
  const listed = originAllowed(origin, own ? exchange.header("host") : undefined, {
    origins: options.origins,
    port: own ? options.port() : -1
  })
  if (!listed) return false
  exchange.setHeader("access-control-allow-origin", origin)
  exchange.setHeader("access-control-expose-headers", "x-request-id, x-stream-id, retry-after")
  exchange.setHeader("vary", "origin")
  return true
}
