/**
 * The relay, whole: every service of it put together and served. Its parts are a record of Layers, each with what it is
 * given: who wants another selection, log or store writes one Layer and puts it in the place of ours.
 */
import { Cause, Effect, Layer, Logger, References, type Scope } from "effect"
import {
  Ledger,
  plainPrice,
  priceOf,
  PricesSection,
  type Quota,
  ProcessesNode,
  QuotaLive,
  Tokens,
  TokensNode,
  TokensSection
} from "../account/index.ts"
import {
  type Books,
  type BooksError,
  type BooksNewer,
  type BooksNotOpened,
  notOpened,
  type PeerMissing
} from "../books/index.ts"
import { Registry, Selection, type Upstream, UpstreamNode } from "../channel/index.ts"
import { Dialects } from "../dialect/index.ts"
import type { QueryDataError, UpdateDataError } from "../errors/index.ts"
import { Journal, type JournalStore, JournalStoreMemory, JournalStoreSqliteNode } from "../journal/index.ts"
import { JournalSection } from "../journal/JournalSection.ts"
import { StoreSection } from "../journal/StoreSection.ts"
import {
  Alerts,
  AlertSink,
  Audit,
  ChannelEdits,
  ErrorCounts,
  ErrorLog,
  KeptEdits,
  Prober,
  Reload,
  SettingsStore,
  Settling,
  Summary,
  Switches,
  WriteOnce
} from "../operate/index.ts"
import { AlertsSection } from "../operate/AlertsSection.ts"
import * as BooksPlaceNode from "../operate/BooksPlaceNode.ts"
import { BooksSection } from "../operate/BooksSection.ts"
import * as TrackerNode from "../operate/TrackerNode.ts"
import { Relay, RelayEvents } from "../relay/index.ts"
import { type ConfigurationFaults, Settings, type SettingsService } from "../settings/index.ts"
import { type ErrorTracker, type EventLevel, EventLog, Metrics } from "../telemetry/index.ts"
import * as EventLogNode from "../telemetry/EventLogNode.ts"
import { ownerMayUse } from "./Access.ts"
import { ChatSection } from "./ChatSection.ts"
import * as KnownSecrets from "./KnownSecrets.ts"
import type { Served } from "./Dispatch.ts"
import { parseRules } from "./ParseRules.ts"
import { ServerSection } from "./ServerSection.ts"
import { type ListenFailed, type RunningServer, serveHttp } from "./ServerNode.ts"

/** Why a relay could not be started. */
export type ServeError =
  | BooksNewer
  | BooksNotOpened
  | ConfigurationFaults
  | ListenFailed
  | PeerMissing
  | QueryDataError
  | UpdateDataError

/** How opening what the settings name may fail. */
type PartsError = Exclude<ServeError, ListenFailed>

/** What fails while the books are opened is no more than that. */
const orNotOpened = <A, R>(
  layer: Layer.Layer<A, BooksError | BooksNewer, R>
): Layer.Layer<A, BooksNewer | BooksNotOpened, R> => Layer.effectContext(Effect.mapError(Layer.build(layer), notOpened))

/** What a relay is put together of. `E`: how building a part may fail. */
export interface RelayParts<E> {
  readonly log: Layer.Layer<EventLog, E>
  readonly metrics: Layer.Layer<Metrics, E>
  /** Where errors go that somebody has to look at. */
  readonly tracker: Layer.Layer<ErrorTracker, E, EventLog | Settings>
  /** Who is told what happens. A sink is added beside ours with `RelayEvents.layerSink`. */
  readonly events: Layer.Layer<RelayEvents, E, EventLog | Metrics>
  /** Who may use it. */
  readonly tokens: Layer.Layer<Tokens, E, Books | Settings>
  /** The channels that there are. */
  readonly registry: Layer.Layer<Registry, E, Settings>
  /** Which of them is asked. */
  readonly selection: Layer.Layer<Selection, E, Registry | RelayEvents | Settings>
  /** How they are asked. */
  readonly upstream: Layer.Layer<Upstream, E>
  /** Where is kept what must outlive the answers. */
  readonly books: Layer.Layer<Books, E, Settings>
  /** How the configuration is read again. */
  readonly reload: Layer.Layer<Reload, E, EventLog | Settings>
  /** Where answers are kept. */
  readonly store: Layer.Layer<JournalStore, E, EventLog | Settings>
}

/**
 * The store of the settings. A file that another relay has is waited for, as long as `store.wait` says; `onWait` is told
 * that it is, once: by default the log.
 */
export const storeLayer = (
  onWait?: (path: string) => void
): Layer.Layer<JournalStore, QueryDataError | UpdateDataError, EventLog | Settings> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const store = (yield* Settings).of(StoreSection).current
      if (store.type === "memory") return JournalStoreMemory.layer
      const { path, wait } = store
      const log = yield* EventLog
      const tell =
        onWait ??
        (() => log.emit("warning", "relay_log", { error: `the store at ${path} is in use: it is waited for` }))
      return JournalStoreSqliteNode.layer({ path, wait, onWait: () => tell(path) })
    })
  )

/** The parts of a relay that runs by its settings alone: on stderr, over sockets, in memory or in a file. */
export const defaultParts: RelayParts<PartsError> = {
  log: EventLogNode.layerStderr,
  metrics: Metrics.layer,
  tracker: TrackerNode.layerSettings,
  events: RelayEvents.layer,
  tokens: Layer.unwrap(
    Effect.map(Settings, (settings) =>
      TokensNode.layer({ file: () => settings.of(TokensSection).current }).pipe(orNotOpened)
    )
  ),
  registry: Registry.layer,
  selection: Layer.unwrap(Effect.map(RelayEvents, ({ tell }) => Selection.layer({ tell }))),
  upstream: UpstreamNode.layer,
  books: BooksPlaceNode.layer,
  reload: Reload.layerNone,
  store: storeLayer()
}

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
      Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
        const said = (Array.isArray(message) ? message : [message]).map(String).join(" ")
        const error = cause.reasons.length === 0 ? said : `${said}: ${Cause.pretty(cause)}`
        log.emit(levels[logLevel] ?? "info", "relay_log", { ...fiber.getRef(References.CurrentLogAnnotations), error })
      })
    ])
  )
)

const journalLayer = Layer.unwrap(
  Effect.map(Settings, (settings) => Journal.layer(settings.of(JournalSection).current))
)

/** Who read the configuration knew all of its dialects: that they are not here is a mistake of the program's. */
const knowsDialects = Effect.gen(function* () {
  const dialects = yield* Dialects
  const { channels } = yield* Registry
  for (const { dialect, id } of channels()) {
    if (dialects.has(dialect)) continue
    const message = `channel ${id} speaks ${JSON.stringify(dialect)}, which the relay was not given (Dialects.layer)`
    return yield* Effect.die(new Error(message))
  }
})

const relayLayer = Layer.unwrap(
  Effect.gen(function* () {
    yield* knowsDialects
    const settings = yield* Settings
    const tokens = yield* Tokens
    return Relay.layer({
      journal: settings.of(JournalSection).current,
      debug: settings.of(ServerSection).current.debug,
      name: settings.of(ServerSection).current.name,
      rules: parseRules(settings, yield* Selection),
      priceOf: (model) => {
        const price = priceOf(settings.of(PricesSection).current, model)
        return price === plainPrice ? undefined : price
      },
      chatTimeout: () => settings.of(ChatSection).current.timeout,
      mayUse: ownerMayUse(tokens)
    })
  })
)

const quotaLayer = Layer.unwrap(
  Effect.map(Settings, (settings) => {
    const alerts = settings.of(AlertsSection)
    return QuotaLive.layer({ lowAt: () => alerts.current.quotaLow, processes: ProcessesNode.make() })
  })
)

/** What tokens may spend, and what they have spent. */
const accountLayer: Layer.Layer<
  Ledger | Quota | Settling,
  BooksNewer | BooksNotOpened,
  Alerts | Books | Journal | RelayEvents | Settings | Tokens
> = orNotOpened(
  // What is settled at start is told, too.
  Layer.merge(
    Settling.layer.pipe(Layer.provideMerge(AlertSink.layerQuota), Layer.provideMerge(quotaLayer)),
    Ledger.layer
  )
)

/** Who is told of what happens, by what the relay calls itself. */
const alertsLayer = Layer.unwrap(
  Effect.map(Settings, (settings) => Alerts.layer({ relay: () => settings.of(ServerSection).current.name }))
)

/** What is switched off and on, and who is told. What was off before a restart is so again, and is told of no more. */
const switchesLayer = AlertSink.layer.pipe(Layer.provideMerge(Switches.layer), Layer.provideMerge(alertsLayer))

/** What an operator does with the relay, and sees of it. */
const operateLayer: Layer.Layer<
  Alerts | Audit | ChannelEdits | ErrorCounts | ErrorLog | SettingsStore | Summary | Switches | WriteOnce,
  BooksNewer | BooksNotOpened,
  Books | ErrorTracker | EventLog | KeptEdits | Registry | RelayEvents | Selection | Settings | Upstream
> = orNotOpened(
  Layer.mergeAll(
    Audit.layer,
    WriteOnce.layer,
    SettingsStore.layer,
    ChannelEdits.layer,
    Prober.layer,
    ErrorLog.layer,
    ErrorCounts.layer,
    Summary.layer,
    TrackerNode.layerSink,
    switchesLayer
  )
)

/** What was said by hand, from the books: it counts before anybody looks. */
const keptEditsLayer = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Settings
    const { secret } = settings.of(ServerSection).current
    const place = BooksPlaceNode.placeOf(settings.of(BooksSection).current, settings.of(StoreSection).current)
    if (secret === undefined && place._tag === "Memory") return KeptEdits.layer(undefined)
    const { makeSeal } = yield* Effect.promise(() => import("../operate/SealNode.ts"))
    const { makeBooksKey } = yield* Effect.promise(() => import("../operate/BooksKeyNode.ts"))
    const own = place._tag === "File" ? makeBooksKey(`${place.path}.key`) : undefined
    return KeptEdits.layer(secret && makeSeal(secret), own)
  })
)

/** Puts parts together: all that a server, or another Effect program, needs to ask the relay. */
export const layerFrom = <E>(
  parts: RelayParts<E>
): Layer.Layer<Exclude<Served, Settings>, BooksNewer | BooksNotOpened | ConfigurationFaults | E, Settings> =>
  Layer.mergeAll(relayLayer, accountLayer, parts.reload).pipe(
    // Before the relay, which tells at once of what it takes up: also what is off is known by then.
    Layer.provideMerge(operateLayer),
    Layer.provideMerge(Layer.merge(parts.selection, parts.upstream)),
    Layer.provideMerge(Layer.merge(Layer.provideMerge(KnownSecrets.layerChannels, parts.registry), parts.tokens)),
    Layer.provideMerge(keptEditsLayer),
    Layer.provideMerge(parts.books),
    // The store comes before the books: who has to wait for it touches nothing else meanwhile.
    Layer.provideMerge(Layer.provide(journalLayer, parts.store)),
    Layer.provideMerge(effectLog),
    Layer.provideMerge(parts.events),
    Layer.provideMerge(parts.tracker),
    Layer.provideMerge(Layer.merge(parts.log, parts.metrics)),
    // Before all that could let one out.
    Layer.provideMerge(KnownSecrets.layerSettings)
  )

/**
 * Starts a relay by its settings and serves it; it is stopped with its scope. `shutdown` stops it gently. `parts` go in
 * the place of ours.
 */
export const serve = <E = never>(
  settings: SettingsService,
  parts: Partial<RelayParts<E>> = {}
): Effect.Effect<RunningServer, ServeError | E, Scope.Scope> =>
  Effect.gen(function* () {
    const whole: RelayParts<PartsError | E> = {
      ...defaultParts,
      ...parts
    }
    const context = yield* Layer.build(Layer.provideMerge(layerFrom(whole), Layer.succeed(Settings, settings)))
    return yield* Effect.provideContext(serveHttp, context)
  })
