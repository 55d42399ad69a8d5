/**
 * The end of a stream of which too little is known to make an answer of it: its request was not stored, or its note means
 * nothing to this version.
 */
import { defaultGroup } from "../channel/index.ts"
import { type AnswerEncoder, type ClientDialect, type Replayed, tokenQuarters } from "../dialect/index.ts"
import { blameOf, maskError, type ResilienceError } from "../errors/index.ts"
import type { JournalFault, Lease, StreamRecord } from "../journal/index.ts"
import type { AnswerContext } from "./AnswerStart.ts"
import { creditsOf, settled } from "./Bill.ts"
import { Costs } from "./Costs.ts"
import type { AnswerOver, AnswerRef } from "./Events.ts"
import { LastAsked } from "./LastAsked.ts"
import { firstNote, LateNote, type Note } from "./Note.ts"
import { freesKey, LateOutcome } from "./Outcome.ts"
import { writerLost } from "./Pursuit.ts"
import type { TakeOver } from "./TakeOver.ts"

/** What is known of it. */
export interface Settled {
  readonly context: AnswerContext
  readonly dialect: ClientDialect
  /** What its events show, and what writes it from there on. */
  readonly encoder: AnswerEncoder
  readonly replayed: Replayed
  readonly lease: Lease
  readonly note: Note | undefined
  readonly record: StreamRecord
  readonly decided: TakeOver
  /** Its end could not be written. */
  readonly onFault: (fault: JournalFault) => void
}

/** Ends it, and tells so. */
export const settle = (settling: Settled): void => {
  const { context, decided, dialect, encoder, lease, note, onFault, record, replayed } = settling
  const { createdAt, id, owner } = record
  const error: ResilienceError = maskError(decided._tag === "End" ? decided.error : writerLost(), context.mask)
  const life: Note =
    note ??
    firstNote({
      requestId: "",
      group: defaultGroup,
      model: "",
      startedAt: createdAt,
      timeoutMillis: 0,
      leave: "detach"
    })
  const { group, model, pursuit, requestId, startedAt, trail } = life
  const { begun, beside, reasoning, sealed, text, tokenCount } = replayed
  const opening = record.length === 0 ? encoder.open(model) : []
  const frame = dialect.frames(id)
  for (const payload of [...opening, ...encoder.fail({ error, partial: text, retryAfterMillis: undefined })]) {
    lease.append(frame(payload, lease.nextSeq()))
  }
  const status = blameOf(error) === "cancelled" ? "cancelled" : "error"
  const spent = new Costs(() => life.inputTokens ?? 0)
  spent.restore(life.costs, tokenQuarters(text) + (sealed ? beside : reasoning), life.finish !== undefined)
  const { usage } = spent
  // Nothing is known of how it was asked for: what stands in its events may have been delivered.
  const settlement = settled(life.price, { error, usage, delivered: begun && life.keyed !== "whole" })
  const credits = creditsOf(settlement)
  const durationMillis = Math.max(0, context.wall() - startedAt)
  const answer: AnswerRef = {
    requestId,
    streamId: id,
    owner,
    group,
    model,
    listed: context.selection.models(group).includes(model),
    dialect: dialect.name,
    delivery: "stream",
    asked: new LastAsked()
  }
  const over: AnswerOver = {
    answer,
    error,
    ended: undefined,
    tokenCount,
    usage,
    credits,
    attempts: pursuit.attempts,
    continuations: pursuit.continuations,
    dropped: life.shown?.dropped ?? [],
    trail,
    firstContentMillis: life.shown?.afterMillis,
    durationMillis
  }
  context.events.tell({ _tag: "StreamTakenOver", answer, afterMillis: durationMillis })
  lease.onFault((fault) => {
    context.events.tell({ _tag: "StreamAbandoned", ...over, error: fault, credits: 0 })
    onFault(fault)
  })
  lease.note(() => new LateNote({ ...life, status, error, open: undefined, beside: undefined, credits }))
  lease.end({
    outcome: new LateOutcome({
      requestId,
      owner,
      group,
      model,
      status,
      error,
      usage,
      price: life.price,
      channel: life.open?.channel,
      settlement,
      attempts: pursuit.attempts,
      trail,
      startedAt,
      durationMillis
    }),
    freesKey: freesKey(error, life.keyed !== "whole" && begun),
    onCommitted: () => context.events.tell({ _tag: "StreamEnded", ...over })
  })
}
