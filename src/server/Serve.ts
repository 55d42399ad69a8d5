/**
 * The relay, whole: every service of it put together and served.
 */
import { Cause, Effect, Layer, Logger, type Scope } from "effect"
import { Selection, UpstreamNode } from "../channel/index.ts"
import type { QueryDataError, UpdateDataError } from "../errors/index.ts"
import { Journal, JournalStoreMemory, JournalStoreSqliteNode } from "../journal/index.ts"
import { Relay, RelayEvents, type RelayOptions } from "../relay/index.ts"
import { EventLog, EventLogNode, type EventLevel, Metrics } from "../telemetry/index.ts"
import { type ListenFailed, type RunningServer, serveHttp } from "./ServerNode.ts"

/** Why a relay could not be started. */
export type ServeError = ListenFailed | QueryDataError | UpdateDataError

const storeLayer = (store: RelayOptions["store"]) =>
  store.type === "memory" ? JournalStoreMemory.layer : JournalStoreSqliteNode.layer({ path: store.path })

const levels: { readonly [level: string]: EventLevel } = {
  Fatal: "fatal",
  Error: "error",
  Warn: "warning",
  Debug: "debug"
}

/** What parts of the library say through Effect's own logger goes the way of all log lines. */
const effectLog = Layer.unwrap(
  Effect.map(EventLog, (log) =>
    Logger.layer([
      Logger.make<unknown, void>(({ cause, logLevel, message }) => {
        const said = (Array.isArray(message) ? message : [message]).map(String).join(" ")
        const error = cause.reasons.length === 0 ? said : `${said}: ${Cause.pretty(cause)}`
        log.emit(levels[logLevel] ?? "info", "relay_log", { error })
      })
    ])
  )
)

const services = (options: RelayOptions) => {
  const telemetry = Layer.provideMerge(RelayEvents.layer, Layer.merge(EventLogNode.layerStderr, Metrics.layer))
  const journal = Journal.layer({ retention: options.journal.retention }).pipe(Layer.provide(storeLayer(options.store)))
  const selection = Layer.unwrap(
    Effect.map(RelayEvents, ({ tell }) => {
      for (const { id } of options.channels) tell({ _tag: "ChannelAdded", channel: id })
      return Selection.layer(options.channels, options.breaker, (channel, from, to, blame) =>
        tell({ _tag: "ChannelChanged", channel, from, to, blame })
      )
    })
  )
  const upstream = UpstreamNode.layer
  return Relay.layer(options).pipe(
    Layer.provideMerge(Layer.mergeAll(journal, selection, upstream)),
    Layer.provideMerge(effectLog),
    Layer.provideMerge(telemetry)
  )
}

/** Starts a relay and serves it; it is stopped with its scope. `shutdown` stops it gently. */
export const serve = (options: RelayOptions): Effect.Effect<RunningServer, ServeError, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Layer.build(services(options))
    return yield* Effect.provideContext(serveHttp(options), context)
  })
