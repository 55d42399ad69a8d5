// What other floors take: the relay, what it tells, and what it wrote of an answer. How it runs attempts is inside.
export type { Answer } from "./Answer.ts"
export type { AnswerStart } from "./AnswerStart.ts"
export type { AnswerEvent, Question } from "./Ask.ts"
export type { Counted } from "./Count.ts"
export type { Errand } from "./Errand.ts"
export {
  type AnswerOver,
  type AnswerRef,
  type Listeners,
  makeListeners,
  type RefusedAsker,
  type RelayEvent,
  type Sink,
  sinkOf
} from "./Events.ts"
export { LastAsked } from "./LastAsked.ts"
export { loggedText, logSink } from "./LogSink.ts"
export { metricsSink } from "./MetricsSink.ts"
export { decodeNote, headOfNote, type Leave, type Note, type NoteHead, type NoteStatus, statusOfNote } from "./Note.ts"
export { decodeOutcome, type Outcome as AnswerOutcome, type ReadOutcome } from "./Outcome.ts"
export { makeProbe, type Probe, type Probed, type ProbeKind } from "./Probe.ts"
export { type RecoveryOptions, RecoverySection } from "./RecoverySection.ts"
export { type AdoptFault, Relay, type StartedOnce } from "./Relay.ts"
export { RelayEvents } from "./RelayEvents.ts"
export { type RelayOptions } from "./RelayOptions.ts"
export { type RetryOptions, RetrySection } from "./RetrySection.ts"
export { attemptsHeader, endedBy, failoversOf, type TrailEntry } from "./Trail.ts"
