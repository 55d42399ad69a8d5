/**
 * `effect-resilience/relay`: the relay, whole and by its seams. `serve` puts it together and runs it; each of its parts is
 * a service in a Layer, and who wants another one writes that Layer alone and gives it to `serve` or `layerFrom`.
 *
 * Logs and metrics are of `effect-resilience/telemetry`, false upstreams for tests of `effect-resilience/testing`.
 */

// The whole
export {
  defaultParts,
  layerFrom,
  type ListenFailed,
  type Method,
  type OwnAnswer,
  type OwnRequest,
  type OwnRoute,
  OwnRoutes,
  type RelayParts,
  type RouteShown,
  type RunningServer,
  serve,
  type ServeError,
  serveHttp
} from "../server/index.ts"
export { printErr, printOut, runMain, runRelay } from "../cli/index.ts"

// Its configuration
export {
  type Configuration,
  configurationJsonSchema,
  ConfigurationFaults,
  decodeConfiguration,
  type DecodeOptions,
  type Environment,
  type Fault,
  formatPath,
  loadConfiguration,
  type Path
} from "../cli/index.ts"
export { type Cell, Settings, type SettingsService } from "../settings/index.ts"

// The sections of it, each with what it decodes to
export { TokensSection } from "../account/index.ts"
export {
  type BreakerOptions,
  BreakerSection,
  type Channel,
  ChannelSection,
  type Timeouts,
  TimeoutsSection
} from "../channel/index.ts"
export { type JournalOptions, JournalSection } from "../journal/JournalSection.ts"
export { type StoreOptions, StoreSection } from "../journal/StoreSection.ts"
export { type RecoveryOptions, RecoverySection, type RetryOptions, RetrySection } from "../relay/index.ts"
export { type ChatOptions, ChatSection, type ServerOptions, ServerSection } from "../server/index.ts"

// Answers
export {
  type AdoptFault,
  type Answer,
  type AnswerEvent,
  type AnswerOutcome,
  type AnswerStart,
  type Counted,
  decodeNote,
  type Errand,
  type Note,
  type NoteStatus,
  type Question,
  Relay,
  type RelayOptions,
  type StartedOnce,
  statusOfNote,
  type TrailEntry
} from "../relay/index.ts"
export type {
  AnswerRequest,
  ClientDialectName,
  Continuation,
  ContinuationMode,
  Refusal,
  Seam,
  UpstreamDialectName,
  Usage
} from "../dialect/index.ts"

// What it tells, and who listens
export {
  type AnswerOver,
  type AnswerRef,
  type Listeners,
  logSink,
  makeListeners,
  metricsSink,
  type RelayEvent,
  RelayEvents,
  type Sink,
  sinkOf
} from "../relay/index.ts"
export type { ChannelEvent, ChannelStateName } from "../channel/index.ts"

// Channels: which there are, which is asked, and how
export {
  type ChannelState,
  type Disabler,
  type Fact,
  keyId,
  type Outcome,
  type Patience,
  type Picked,
  type PickError,
  type Refused,
  Registry,
  type RegistryService,
  Selection,
  type SelectionOptions,
  type SelectionService,
  type Target,
  type Tried,
  Upstream,
  type UpstreamCall,
  type UpstreamCancellation,
  /** Calls to upstreams over sockets. */
  UpstreamNode,
  type UpstreamRequest,
  type UpstreamRoute,
  type UpstreamSink,
  type Wanted
} from "../channel/index.ts"

// The journal
export {
  type Begun,
  type Claim,
  type Cursor,
  formatCursor,
  isStreamId,
  Journal,
  type JournalFault,
  type KeyedStream,
  type Lease,
  type LeaseEnd,
  makeStreamId,
  type NewStream,
  parseCursor,
  type Position,
  type Reader,
  type ReaderSink,
  type StreamId,
  type StreamKey
} from "../journal/index.ts"

// Its stores, and what one is written against
export {
  type Beginning,
  type ClaimReply,
  type Done,
  type End,
  type Fate,
  type FramePart,
  type Frames,
  type IdempotencyKey,
  JournalStore,
  /** Answers in memory: for tests, and for a relay whose answers need not outlive it. */
  JournalStoreMemory,
  /** Answers in a SQLite file: what was shown survives the process. */
  JournalStoreSqliteNode,
  type NewRecord,
  type Outcome as StreamOutcome,
  pageRoom,
  replied,
  type Reply,
  type Share,
  type StreamRecord,
  type Sweep
} from "../journal/index.ts"

// Who may use it
export {
  type Caller,
  type FileToken,
  mayUse,
  type NewToken,
  type Token,
  type TokenChange,
  LastAdmin,
  type PageAsked,
  type TokenChangeError,
  TokenNameTaken,
  TokenNotFound,
  TokenOfFile,
  TokenQuota,
  TokenRate,
  Tokens,
  TokenSettings,
  /** Tokens of the configuration file, alone or beside those of the books. */
  TokensNode,
  TokensUnavailable,
  TokensWithoutBooks,
  type TokensNeeded,
  type TokensPage,
  type TokenWithKey
} from "../account/index.ts"

// What an operator does with it
export {
  type ChannelEdited,
  ChannelEdits,
  type ChannelRefusal,
  type ChannelShown,
  Reload,
  type ReloadedBy,
  type SettingsChanged,
  type SettingShown,
  SettingsStore
} from "../operate/index.ts"
