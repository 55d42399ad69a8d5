/**
 * Who may ask: tokens where there are any, and where there are none a guard against other people's pages.
 */
import { Clock, Effect, Redacted } from "effect"
import { type Caller, countsAt, mayUse, type RateLimits, type Token, type Tokens } from "../account/index.ts"
import {
  AccessDenied,
  QueryDataError,
  RateLimited,
  type ResilienceError,
  stackless,
  Throttled,
  Unauthorized
} from "../errors/index.ts"
import { bearerToken, type makeRequestGuard, originAllowed } from "../http/index.ts"
import { clientAddress, countedAs, makeNetworks, type Networks } from "./ClientAddressNode.ts"
import type { Exchange } from "./Exchange.ts"
import type { Access, Route } from "./Route.ts"

/** What the guard must know of its server. */
export interface AccessOptions {
  readonly tokens: Tokens["Service"]
  /** How often addresses have shown no token that counts. */
  readonly strangers: RateLimits
  /** The proxies whose word counts. */
  readonly trusted: () => Networks
  readonly origins: ReadonlyArray<string>
  readonly port: () => number
  /** `requestAllowed`, remembered. */
  readonly allowed: ReturnType<typeof makeRequestGuard>
}

/** Whether who asks for a route has to show a token. */
const needsToken = ({ tokens }: AccessOptions, access: Access | undefined): boolean => {
  if (access === "anybody") return false
  switch (tokens.needed()) {
    case "never":
      return false
    case "toAsk":
      return access !== "viewer" && access !== "admin"
    case "always":
      return true
  }
}

/**
 * Without tokens: whether a request comes from this machine, or from a page that is listed. With tokens they decide; and
 * how the relay is may be asked by anybody. `route` is the row that was found, if one was.
 */
export const guarded = (exchange: Exchange, route: Route | undefined, options: AccessOptions): boolean =>
  options.tokens.needed() === "always" ||
  needsToken(options, route?.access) ||
  route?.unguarded === true ||
  options.allowed(
    {
      host: exchange.header("host"),
      origin: exchange.header("origin"),
      "sec-fetch-site": exchange.header("sec-fetch-site"),
      "sec-fetch-mode": exchange.header("sec-fetch-mode"),
      "sec-fetch-dest": exchange.header("sec-fetch-dest"),
      referer: exchange.header("referer")
    },
    { port: options.port(), origins: options.origins, page: route?.page }
  )

/** What a client shows, wherever its SDK puts it. */
const presented = (exchange: Exchange, route: Route): ReadonlyArray<string> => {
  const { credentialInQuery } = route
  return [
    ...exchange.headers("authorization").flatMap((value) => {
      const bearer = bearerToken(value)
      return bearer === undefined ? [] : [Redacted.value(bearer)]
    }),
    ...exchange.headers("x-api-key"),
    ...exchange.headers("x-goog-api-key"),
    ...(credentialInQuery === undefined ? [] : exchange.query.getAll(credentialInQuery))
  ].filter((one) => one !== "")
}

/** So many wrong tokens an address may show in a minute: whoever guesses is told less often. */
export const mostStrangers = { requests: 60, tokens: null, perMillis: 60_000 } as const

const unauthorized = (
  exchange: Exchange,
  { strangers, trusted }: AccessOptions,
  message?: string
): Effect.Effect<never, RateLimited | Unauthorized> =>
  Effect.suspend((): Effect.Effect<never, RateLimited | Unauthorized> => {
    const address = clientAddress(exchange.peer, exchange.header("x-forwarded-for"), trusted())
    const { retryAfterMillis } = strangers.take(
      address === undefined ? "" : countedAs(address),
      mostStrangers,
      performance.now()
    )
    return retryAfterMillis === undefined
      ? Effect.fail(stackless(() => new Unauthorized(message === undefined ? {} : { message })))
      : Effect.fail(
          stackless(() => new RateLimited({ retryAfterMillis, message: "too many requests without a token" }))
        )
  })

/** The networks of a token, read once for as long as it has these. */
const read = new WeakMap<ReadonlyArray<string>, Networks>()
const networksOf = (list: ReadonlyArray<string>): Networks => {
  let networks = read.get(list)
  if (networks === undefined) read.set(list, (networks = makeNetworks(list)))
  return networks
}

/** Whether a request comes from one of some networks. */
const comesFrom = (exchange: Exchange, networks: ReadonlyArray<string>, { trusted }: AccessOptions): boolean => {
  const address = clientAddress(exchange.peer, exchange.header("x-forwarded-for"), trusted())
  return address !== undefined && networksOf(networks).has(address)
}

/** Why a token may not ask for a route. Who only looks begins no answer, either: that costs, and is written. */
const refusalOf = (
  { admin, viewer }: Pick<Token, "admin" | "viewer">,
  { access, generates, method }: Route
): string | undefined => {
  switch (access) {
    case "anybody":
      return undefined
    case "token":
      return viewer && !admin && (generates === true || method !== "GET") ? "this token may only look" : undefined
    case "viewer":
      return admin || viewer ? undefined : "this needs an admin or a viewer token"
    case "admin":
      return admin ? undefined : "this needs an admin token"
  }
}

/**
 * Lets a request pass to its route, or says why not. `known` is told whose token it is as soon as that is known, also of a
 * request that does not pass.
 */
export const admit = (
  exchange: Exchange,
  route: Route,
  options: AccessOptions,
  known: (caller: Caller) => void = () => {}
): Effect.Effect<Caller, ResilienceError> => {
  // Where there are no tokens, SDKs send something all the same.
  if (options.tokens.needed() === "never" || route.access === "anybody") return Effect.undefined
  const [first, ...others] = presented(exchange, route)
  if (first === undefined) return needsToken(options, route.access) ? unauthorized(exchange, options) : Effect.undefined
  if (others.some((other) => other !== first)) {
    return unauthorized(exchange, options, "The credentials that were sent are not the same.")
  }
  return Effect.matchEffect(options.tokens.find(Redacted.make(first)), {
    // A token that was seen before is known without the books.
    onFailure: () =>
      Effect.fail(
        stackless(
          () =>
            new Throttled({
              message: "tokens cannot be looked up now: the books are away",
              publicMessage: "Tokens cannot be looked up now.",
              retryAfterMillis: 1000
            })
        )
      ),
    onSuccess: (token): Effect.Effect<Caller, ResilienceError> => {
      if (token === undefined) return unauthorized(exchange, options)
      known(token)
      if (token.addresses !== undefined && !comesFrom(exchange, token.addresses, options)) {
        return Effect.fail(stackless(() => new AccessDenied({ message: "this token may not come from here" })))
      }
      const message = refusalOf(token, route)
      return message === undefined ? Effect.succeed(token) : Effect.fail(stackless(() => new AccessDenied({ message })))
    }
  })
}

/** Whether the owner of an answer, by the name of its token, may ask for a model now; without tokens that is nobody. */
export const ownerMayUse =
  (tokens: Tokens["Service"]) =>
  (owner: string, model: string): Effect.Effect<boolean, QueryDataError> =>
    tokens.needed() !== "never"
      ? Effect.zipWith(
          tokens.get(owner),
          Clock.currentTimeMillis,
          (token, now) => countsAt(token, now) && mayUse(token, model)
        ).pipe(
          Effect.catchTags({
            TokenNotFound: () => Effect.succeed(false),
            TokensUnavailable: () =>
              Effect.fail(stackless(() => new QueryDataError({ message: "tokens cannot be looked up now" })))
          })
        )
      : Effect.succeed(owner === "")

/** Adds what lets a page of an allowed origin read the answer. */
export const allowOrigin = (exchange: Exchange, options: AccessOptions): boolean => {
  const origin = exchange.header("origin")
  if (origin === undefined) return false
  const own = options.tokens.needed() !== "always"
  const listed = originAllowed(origin, own ? exchange.header("host") : undefined, {
    origins: options.origins,
    port: own ? options.port() : -1
  })
  if (!listed) return false
  exchange.setHeader("access-control-allow-origin", origin)
  exchange.setHeader("access-control-expose-headers", "x-request-id, x-stream-id, x-idempotent-replay, retry-after")
  exchange.setHeader("vary", "origin")
  return true
}
