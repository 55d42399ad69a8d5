/**
 * How the relay does: for balancers, probes and Prometheus.
 */
import { Effect } from "effect"
import { Selection } from "../../channel/index.ts"
import { clientDialects } from "../../dialect/index.ts"
import { Journal } from "../../journal/index.ts"
import { Relay } from "../../relay/index.ts"
import { Metrics, prometheusContentType } from "../../telemetry/index.ts"
import { respond, respondJson } from "../Exchange.ts"
import type { Route } from "../Route.ts"

/** Metrics and health. */
export const operationRoutes: Effect.Effect<
  ReadonlyArray<Route>,
  never,
  Journal | Metrics | Relay | Selection
> = Effect.gen(function* () {
  const relay = yield* Relay
  const journal = yield* Journal
  const metrics = yield* Metrics
  const selection = yield* Selection
  const envelope = clientDialects.chat.failure
  return [
    {
      method: "GET",
      path: "/metrics",
      access: "admin",
      envelope,
      shows: "Prometheus",
      head: true,
      // The end of a channel's rest is noticed when somebody looks.
      handle: (exchange) =>
        Effect.map(Effect.andThen(selection.states, metrics.render), (text) =>
          respond(exchange, 200, { "content-type": prometheusContentType }, text)
        )
    },
    {
      method: "GET",
      path: "/health/live",
      access: "anybody",
      envelope,
      shows: "200 while it runs",
      head: true,
      unguarded: true,
      handle: (exchange) => Effect.sync(() => respondJson(exchange, 200, { status: "live" }))
    },
    {
      method: "GET",
      path: "/health/ready",
      access: "anybody",
      envelope,
      shows: "200 while it takes requests, else 503",
      head: true,
      unguarded: true,
      handle: (exchange) =>
        Effect.sync(() => {
          const reason = relay.stopping() ? "shutting down" : journal.usable() ? undefined : "store"
          respondJson(exchange, reason === undefined ? 200 : 503, {
            status: reason === undefined ? "ready" : "not ready",
            reason
          })
        })
    }
  ]
})
