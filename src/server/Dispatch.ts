/**
 * From a request to its route: guard, route, token, handler, and what fails on the way told in the route's envelope. It
 * knows no HTTP server: `ServerNode` and `RelayRouterHttp` give it exchanges of theirs.
 */
import { Cause, Clock, Context, Effect, Layer, type Scope } from "effect"
import { Tokens, TokensSection } from "../account/index.ts"
import type { Selection } from "../channel/index.ts"
import type { Envelope } from "../dialect/index.ts"
import {
  AccessDenied,
  InternalError,
  isResilienceError,
  MethodNotAllowed,
  NotFound,
  type ResilienceError,
  stackless
} from "../errors/index.ts"
import type { Journal } from "../journal/index.ts"
import { type Relay, RelayEvents } from "../relay/index.ts"
import { Settings } from "../settings/index.ts"
import type { Metrics } from "../telemetry/index.ts"
import { type AccessOptions, admit, allowOrigin, guarded } from "./Access.ts"
import type { Exchange } from "./Exchange.ts"
import { answerFailure } from "./Failures.ts"
import { Readers } from "./Readers.ts"
import { envelopeAt, envelopeOf, makeRouteTable, type Matched, type RouteShown, type RouteTable } from "./Route.ts"
import { allRoutes } from "./Routes.ts"
import { Streams } from "./routes/Streams.ts"
import { ServerSection } from "./ServerSection.ts"

/** What is needed to answer any request. */
export type Served = Journal | Metrics | Relay | RelayEvents | Selection | Settings | Tokens

/** A request on its way. */
export interface Routed {
  /** How its errors are told. */
  readonly envelope: Envelope
  /** Answers it. Never fails; done when its handler has done its part, which is not when its answer is over. */
  readonly answer: Effect.Effect<void>
}

/** Answers exchanges. */
export interface Dispatcher {
  /** What it serves, in the order in which it is shown. */
  readonly routes: ReadonlyArray<RouteShown>
  readonly readers: Readers["Service"]
  /** `fault` is what is wrong with the request already: then that is its answer. */
  readonly route: (exchange: Exchange, fault?: ResilienceError | undefined) => Routed
}

const preflight = (exchange: Exchange, table: RouteTable, access: AccessOptions): boolean => {
  if (exchange.method !== "OPTIONS" || exchange.header("access-control-request-method") === undefined) return false
  const allowed = allowOrigin(exchange, access)
  exchange.head(allowed ? 204 : 403, {
    ...(allowed
      ? {
          "access-control-allow-methods": table.methods.join(", "),
          "access-control-allow-headers": exchange.header("access-control-request-headers") ?? "*",
          "access-control-max-age": "600"
        }
      : {}),
    "content-length": "0"
  })
  exchange.end()
  return true
}

const dispatch = (
  table: RouteTable,
  matched: Matched,
  exchange: Exchange,
  access: AccessOptions
): Effect.Effect<void, ResilienceError> =>
  Effect.suspend(() => {
    if (preflight(exchange, table, access)) return Effect.void
    allowOrigin(exchange, access)
    if (!guarded(exchange, matched._tag === "NotFound" ? undefined : matched.route, access)) {
      return Effect.fail(stackless(() => new AccessDenied({ message: "this host or origin may not ask here" })))
    }
    if (matched._tag === "NotFound") return Effect.fail(stackless(() => new NotFound({})))
    if (matched._tag === "MethodNotAllowed") {
      return Effect.fail(stackless(() => new MethodNotAllowed({ allow: matched.allow })))
    }
    const { parameter, route } = matched
    return Effect.flatMap(admit(exchange, route, access), (caller) => route.handle(exchange, caller, parameter))
  })

/** Makes it over the relay's services. `port` is the one that is listened on, once that is known. */
export const makeDispatcher = (port: () => number): Effect.Effect<Dispatcher, never, Served | Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* Settings
    const { tell } = yield* RelayEvents
    const clock = yield* Clock.Clock
    const listed = settings.of(TokensSection)
    const services = yield* Layer.build(Layer.provideMerge(Streams.layer, Readers.layer))
    const routes = yield* Effect.provideContext(allRoutes, services)
    const table = makeRouteTable(routes)
    const access: AccessOptions = {
      withTokens: () => listed.current.length > 0,
      tokens: yield* Tokens,
      origins: settings.of(ServerSection).current.origins,
      port
    }
    return {
      routes,
      readers: Context.get(services, Readers),
      route: (exchange, fault) => {
        const matched = table.match(exchange.method, exchange.path)
        const envelope =
          matched._tag === "NotFound" ? envelopeAt(exchange.path) : envelopeOf(matched.route, exchange.header)
        const now = (): number => clock.currentTimeMillisUnsafe()
        const routed = fault === undefined ? dispatch(table, matched, exchange, access) : Effect.fail(fault)
        const answer = Effect.catchCause(routed, (cause) =>
          Effect.sync(() => {
            if (Cause.hasInterruptsOnly(cause)) return exchange.headSent() ? undefined : exchange.destroy()
            const error = Cause.squash(cause)
            if (isResilienceError(error)) return answerFailure(exchange, error, envelope, now())
            const bug = new InternalError({ message: `the server failed: ${String(error)}` })
            tell({ _tag: "RelayErred", requestId: exchange.requestId, error: bug })
            answerFailure(exchange, bug, envelope, now())
          })
        )
        return { envelope, answer }
      }
    }
  })
