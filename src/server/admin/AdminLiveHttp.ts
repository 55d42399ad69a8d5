/**
 * The admin API, served: handlers of all parts on one router, which answers a web `Request` with a `Response`. It is loaded
 * with the first request for it: a relay that nobody looks at does not pay for it.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { HttpEffect, HttpRouter, HttpServer, type HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { ErrorEnvelope } from "../../http/ErrorEnvelopeHttp.ts"
import { Audit } from "../../operate/index.ts"
import { AdminApi } from "./AdminApiHttp.ts"
import { AuditLive } from "./AuditLiveHttp.ts"
import { AdminCaller, type AdminCallerService } from "./AdminCaller.ts"
import { ChannelsLive } from "./ChannelsLiveHttp.ts"
import type { Served } from "../Dispatch.ts"
import { ChannelEditsLive } from "./ChannelEditsLiveHttp.ts"
import { SettingsLive } from "./SettingsLiveHttp.ts"
import { ErrorsLive } from "./ErrorsLiveHttp.ts"
import { QuotaLive } from "./QuotaLiveHttp.ts"
import { StreamsLive } from "./StreamsLiveHttp.ts"
import { SummaryLive } from "./SummaryLiveHttp.ts"
import { TokensLive } from "./TokensLiveHttp.ts"

const parts = Layer.mergeAll(
  StreamsLive,
  AuditLive,
  TokensLive,
  SettingsLive,
  ChannelEditsLive,
  QuotaLive,
  ChannelsLive,
  ErrorsLive,
  SummaryLive
)

/** What handlers need of the relay while they run, and not when they are made. */
const whileHandling = Layer.effect(Audit, Effect.service(Audit))

const routes = HttpApiBuilder.layer(AdminApi, { openapiPath: "/admin/openapi.json" }).pipe(
  Layer.provide(parts),
  HttpRouter.provideRequest(whileHandling),
  Layer.provide(ErrorEnvelope.layer)
)

/** Answers a request of somebody who may ask. */
export type AdminHandler = (request: Request, caller: AdminCallerService) => Promise<Response>

/** Builds it over the relay's services, for as long as the scope is open. */
export const makeAdminHandler: Effect.Effect<AdminHandler, never, Served | Scope.Scope> = Effect.gen(function* () {
  const services = yield* Effect.context<Served>()
  const built = yield* Layer.build(
    Layer.provideMerge(routes, HttpRouter.layer).pipe(Layer.provide(HttpServer.layerServices))
  )
  const app = Context.get(built, HttpRouter.HttpRouter).asHttpEffect()
  // What it still wants is given with each request.
  const handler = HttpEffect.toWebHandlerWith<Served, HttpServerRequest.HttpServerRequest | Scope.Scope>(services)(app)
  return (request, caller) => handler(request, Context.make(AdminCaller, caller) as Context.Context<never>)
})
