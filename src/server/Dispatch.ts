/**
 * From a request to its route: guard, route, token, handler, and what fails on the way told in the route's envelope. It
 * knows no HTTP server: `ServerNode` and `RelayRouterHttp` give it exchanges of theirs.
 */
import { Cause, Clock, Context, Effect, Layer, type Scope } from "effect"
import { type Caller, type Ledger, type Quota, RateLimits, Tokens } from "../account/index.ts"
import type { Books } from "../books/index.ts"
import type { Registry, Selection, Upstream } from "../channel/index.ts"
import {
  AccessDenied,
  InternalError,
  isResilienceError,
  MethodNotAllowed,
  NotFound,
  type ResilienceError,
  stackless
} from "../errors/index.ts"
import { makeRequestGuard } from "../http/index.ts"
import type { Journal } from "../journal/index.ts"
import type {
  Alerts,
  Audit,
  ChannelEdits,
  ErrorCounts,
  ErrorLog,
  Reload,
  SettingsStore,
  Settling,
  Summary,
  Switches,
  WriteOnce
} from "../operate/index.ts"
import { ErrorLogSection } from "../operate/ErrorLogSection.ts"
import { type RefusedAsker, type Relay, RelayEvents } from "../relay/index.ts"
import { Settings } from "../settings/index.ts"
import type { ErrorTracker, EventLog, Metrics } from "../telemetry/index.ts"
import { type AccessOptions, admit, allowOrigin, guarded } from "./Access.ts"
import type { Exchange } from "./Exchange.ts"
import { answerFailure } from "./Failures.ts"
import { notRelayedAt } from "./NotRelayed.ts"
import { RateGate } from "./RateGate.ts"
import { Readers } from "./Readers.ts"
import { envelopeAt, envelopeOf, makeRouteTable, type Matched, type RouteShown, type RouteTable } from "./Route.ts"
import { allRoutes } from "./Routes.ts"
import { originOf } from "./RequestOrigin.ts"
import { Streams } from "./routes/Streams.ts"
import { ServerSection } from "./ServerSection.ts"
import { trustedProxies } from "./TrustedProxies.ts"

/** What is needed to answer any request. */
export type Served =
  | Alerts
  | Audit
  | Books
  | ChannelEdits
  | ErrorCounts
  | ErrorLog
  | ErrorTracker
  | EventLog
  | Journal
  | Ledger
  | Metrics
  | Quota
  | Registry
  | Relay
  | RelayEvents
  | Reload
  | Selection
  | Settings
  | SettingsStore
  | Settling
  | Switches
  | Summary
  | Tokens
  | Upstream
  | WriteOnce

/** A request on its way. */
export interface Routed {
  /** Answers it with an error, in its envelope, and tells that it was refused. */
  readonly refuse: (error: ResilienceError) => void
  /** Answers it. Never fails; done when its handler has done its part, which is not when its answer is over. */
  readonly answer: Effect.Effect<void>
}

/** A request that was answered with an error, and nothing else. */
export interface Refused {
  readonly requestId: string
  readonly method: string
  readonly path: string
  readonly error: ResilienceError
}

/** Answers exchanges. */
export interface Dispatcher {
  /** What it serves, in the order in which it is shown. */
  readonly routes: ReadonlyArray<RouteShown>
  readonly readers: Readers["Service"]
  /** Tells of a request that was answered with an error before it was one: nobody else does. */
  readonly refused: (refused: Refused) => void
  /** `fault` is what is wrong with the request already: then that is its answer. */
  readonly route: (exchange: Exchange, fault?: ResilienceError | undefined) => Routed
}

const foreign = (): AccessDenied =>
  stackless(() => new AccessDenied({ message: "this host or origin may not ask here" }))

/** The longest list of headers that is allowed by its names; whoever asks for more gets none. */
const longestHeaderList = 4096

const headersAllowed = (asked: string | undefined): string =>
  asked === undefined ? "*" : asked.length <= longestHeaderList ? asked : ""

const preflight = (
  exchange: Exchange,
  table: RouteTable,
  access: AccessOptions,
  told: (error: ResilienceError) => void
): boolean => {
  if (exchange.method !== "OPTIONS" || exchange.header("access-control-request-method") === undefined) return false
  const allowed = allowOrigin(exchange, access)
  // It has no body, so that it is told here.
  if (!allowed) told(foreign())
  exchange.head(allowed ? 204 : 403, {
    ...(allowed
      ? {
          "access-control-allow-methods": table.methods.join(", "),
          "access-control-allow-headers": headersAllowed(exchange.header("access-control-request-headers")),
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
  access: AccessOptions,
  told: (error: ResilienceError) => void,
  /** Called once it is known who asks, and again when that one may. */
  admitted: (caller: Caller) => void
): Effect.Effect<void, ResilienceError> =>
  Effect.suspend(() => {
    if (preflight(exchange, table, access, told)) return Effect.void
    allowOrigin(exchange, access)
    if (!guarded(exchange, matched._tag === "NotFound" ? undefined : matched.route, access)) {
      return Effect.fail(foreign())
    }
    if (matched._tag === "NotFound") {
      return Effect.fail(notRelayedAt(exchange.path) ?? stackless(() => new NotFound({})))
    }
    if (matched._tag === "MethodNotAllowed") {
      return Effect.fail(stackless(() => new MethodNotAllowed({ allow: matched.allow })))
    }
    const { parameter, route } = matched
    return Effect.flatMap(admit(exchange, route, access, admitted), (caller) => {
      admitted(caller)
      return route.handle(exchange, caller, parameter)
    })
  })

/** Makes it over the relay's services. `port` is the one that is listened on, once that is known. */
export const makeDispatcher = (port: () => number): Effect.Effect<Dispatcher, never, Served | Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* Settings
    const { tell } = yield* RelayEvents
    const clock = yield* Clock.Clock
    const services = yield* Layer.build(
      Layer.mergeAll(Layer.provideMerge(Streams.layer, Readers.layer), RateGate.layer)
    )
    const routes = yield* Effect.provideContext(allRoutes, services)
    const table = makeRouteTable(routes)
    const access: AccessOptions = {
      tokens: yield* Tokens,
      strangers: new RateLimits(),
      trusted: trustedProxies(settings),
      origins: settings.of(ServerSection).current.origins,
      port,
      allowed: makeRequestGuard()
    }
    const now = (): number => clock.currentTimeMillisUnsafe()
    const errorLog = settings.of(ErrorLogSection)
    const tellRefused = (refused: Refused, matched: Matched, asked?: RefusedAsker): void => {
      const generates = matched._tag === "Found" && matched.route.generates === true
      tell({ _tag: "RequestRefused", ...refused, generates, asked })
    }
    const askerOf = (exchange: Exchange, caller: Caller, isStranger: boolean): RefusedAsker => ({
      isStranger,
      owner: caller?.name,
      group: caller?.group,
      model: exchange.model,
      trail: exchange.trail,
      ...originOf(exchange, errorLog.current.ip ? access.trusted() : undefined)
    })
    return {
      routes,
      readers: Context.get(services, Readers),
      refused: (refused) => tellRefused(refused, table.match(refused.method, refused.path)),
      route: (exchange, fault) => {
        const { method, path, requestId } = exchange
        const matched = table.match(method, path)
        const envelope = matched._tag === "NotFound" ? envelopeAt(path, exchange) : envelopeOf(matched.route, exchange)
        let asks: Caller
        let isStranger = true
        const told = (error: ResilienceError): void => {
          // A body that could not be read has no client left, or one that was told on its connection what is wrong.
          if (error._tag === "ReadRequestBodyFailed") return
          tellRefused({ requestId, method, path, error }, matched, askerOf(exchange, asks, isStranger))
        }
        const admitted = (caller: Caller): void => {
          asks = caller
          isStranger = false
        }
        const refuse = (error: ResilienceError): void => {
          told(error)
          answerFailure(exchange, error, envelope, now())
        }
        const routed =
          fault === undefined ? dispatch(table, matched, exchange, access, told, admitted) : Effect.fail(fault)
        const answer = Effect.catchCause(routed, (cause) =>
          Effect.sync(() => {
            if (Cause.hasInterruptsOnly(cause)) return exchange.headSent() ? undefined : exchange.destroy()
            const error = Cause.squash(cause)
            if (isResilienceError(error)) return refuse(error)
            const bug = new InternalError({ message: `the server failed: ${String(error)}` })
            tell({ _tag: "RelayErred", requestId, error: bug })
            answerFailure(exchange, bug, envelope, now())
          })
        )
        return { refuse, answer }
      }
    }
  })
