/**
 * How the relay does: for balancers, probes and Prometheus.
 */
import { Effect, SubscriptionRef } from "effect"
import { Books } from "../../books/index.ts"
import { Selection } from "../../channel/index.ts"
import { clientDialects } from "../../dialect/index.ts"
import { Journal } from "../../journal/index.ts"
import { ErrorCounts } from "../../operate/index.ts"
import { Relay } from "../../relay/index.ts"
import { Metrics, prometheusContentType } from "../../telemetry/index.ts"
import { respond, respondJson } from "../Exchange.ts"
import { keyStates } from "../KeyStates.ts"
import type { Route } from "../Route.ts"

/** Why it takes no requests, for who reads the answer. Anybody may ask, so that no channel is named. */
const unready = {
  "shutting down": "The relay is shutting down: what is under way ends, and nothing is begun.",
  store: "The store cannot be written: what is shown is stored first, so that nothing can be shown."
} as const

/** Metrics and health. */
export const operationRoutes: Effect.Effect<
  ReadonlyArray<Route>,
  never,
  Books | ErrorCounts | Journal | Metrics | Relay | Selection
> = Effect.gen(function* () {
  const relay = yield* Relay
  const journal = yield* Journal
  const metrics = yield* Metrics
  const selection = yield* Selection
  const { health } = yield* Books
  const errors = yield* ErrorCounts
  const envelope = clientDialects.chat.failure
  const tellKeys = Effect.sync(keyStates(metrics, selection))
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
        Effect.map(Effect.andThen(Effect.andThen(selection.states, tellKeys), metrics.render), (text) =>
          respond(exchange, 200, { "content-type": prometheusContentType }, text)
        )
    },
    {
      method: "GET",
      path: "/metrics/errors",
      access: "admin",
      envelope,
      shows: "how many errors clients were told, by code, status and class",
      head: true,
      handle: (exchange) =>
        Effect.sync(() => {
          const { since, ...counts } = errors.current()
          respondJson(exchange, 200, { ...counts, since: new Date(since).toISOString() })
        })
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
      shows: "200 while it takes requests, else 503 and why",
      head: true,
      unguarded: true,
      handle: (exchange) =>
        Effect.sync(() => {
          const reason = relay.stopping() ? "shutting down" : journal.usable() ? undefined : "store"
          if (reason !== undefined) {
            return respondJson(exchange, 503, { status: "not ready", ready: false, reason, message: unready[reason] })
          }
          // Answers go on without the books; and where no key is usable, a request is what finds one well again: a balancer
          // that sent them elsewhere would help nobody.
          const degraded = [
            ...(SubscriptionRef.getUnsafe(health)._tag === "Away" ? ["books"] : []),
            ...(selection.canAsk() ? [] : ["channels"])
          ]
          respondJson(exchange, 200, { status: "ready", ready: true, ...(degraded.length > 0 ? { degraded } : {}) })
        })
    }
  ]
})
