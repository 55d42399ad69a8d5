/**
 * What the error log makes of the relay's events: rows. It only collects; who writes them does so later.
 *
 * A row has an id of its own, the stream's with the number of the attempt, so that what two processes tell of one answer
 * stands there once. What another process goes on with (`lease_lost`) is told there, and here it is nothing.
 */
import { blameOf, codeOf, describe, excerpt, type ResilienceError } from "../errors/index.ts"
import {
  type AnswerOver,
  type AnswerRef,
  endedBy,
  loggedText,
  type RelayEvent,
  type Sink,
  sinkOf,
  type TrailEntry
} from "../relay/index.ts"
import type { ErrorLogOptions } from "./ErrorLogSection.ts"
import type { ErrorRow, TrailStep } from "./ErrorRow.ts"
import { originOf } from "./ErrorWords.ts"
import type { PlacedRow } from "./ErrorRows.ts"

/** A row that may have to wait for what is not known yet. */
export interface DraftRow extends PlacedRow {
  /** The answer's own list: an attempt that was under way at its end is in it a moment later. */
  readonly attempts: ReadonlyArray<TrailEntry> | undefined
  /** Another process may have told of the same. */
  readonly taken: boolean
}

/** What the sink is given. */
export interface ErrorLogSinkOptions {
  readonly settings: { readonly current: ErrorLogOptions }
  /** What a channel speaks. */
  readonly dialectOf: (channel: string) => string | undefined
  readonly now: () => number
  readonly slot: (at: number) => number
  readonly mask: (text: string) => string
  readonly add: (row: DraftRow) => void
}

/** The longest message, in UTF-16 units. */
const longestMessage = 1024
/** A request without a token that counts is told so often at most, in milliseconds: whoever guesses makes no rows. */
const strangersEvery = 1_000

/** What is remembered of an answer under way that has had trouble. */
interface Trouble {
  /** What was said of the attempts that failed, by the code of each. */
  readonly said: Map<string, string>
  seam: string | undefined
  continuation: string | undefined
  last: TrailEntry | undefined
}

const whole = (millis: number | undefined): number | null => (millis === undefined ? null : Math.round(millis))
const orNull = <A>(value: A | undefined): A | null => value ?? null
const keyOf = (key: number): number | null => (key < 0 ? null : key)

/** What is said of the fault of what went well. */
const wentWell = {
  class: null,
  code: null,
  error_type: null,
  status_code: 200,
  upstream_code: null,
  message: null,
  retry_after_ms: null
} as const satisfies Partial<ErrorRow>

/** Attempts in short. */
export const trailSteps = (trail: ReadonlyArray<TrailEntry>): ReadonlyArray<TrailStep> =>
  trail.map((entry) => ({
    attempt: entry.attempt,
    channel: entry.channel,
    key: keyOf(entry.key),
    channel_model: entry.model,
    continuation: orNull(entry.mode),
    class: orNull(entry.blame),
    code: orNull(entry.code),
    upstream_status: orNull(entry.status),
    upstream_request_id: orNull(entry.upstreamRequestId),
    duration_ms: Math.round(entry.durationMillis)
  }))

/** The sink of an error log. */
export const errorLogSink = (options: ErrorLogSinkOptions): Sink => {
  const { add, dialectOf, mask, now, settings, slot } = options
  const troubles = new Map<string, Trouble>()
  const taken = new Set<string>()
  let strangerAt = Number.NEGATIVE_INFINITY

  const troubleOf = ({ streamId }: AnswerRef): Trouble => {
    let trouble = troubles.get(streamId)
    if (trouble === undefined) {
      trouble = { said: new Map(), seam: undefined, continuation: undefined, last: undefined }
      // A count or an embedding is no stream, and nobody tells of its end.
      if (streamId !== "") troubles.set(streamId, trouble)
    }
    return trouble
  }
  const forget = ({ streamId }: AnswerRef): void => {
    troubles.delete(streamId)
    taken.delete(streamId)
  }
  const textOf = (text: string): string => excerpt(mask(text), longestMessage)

  /** Who asked for what. */
  const askedBy = ({ address, delivery, group, model, owner, requestId, streamId, traceId }: AnswerRef) => ({
    request_id: requestId,
    stream_id: streamId === "" ? null : streamId,
    ...(traceId === undefined ? {} : { trace_id: traceId }),
    ...(address === undefined || !settings.current.ip ? {} : { ip: address }),
    token: owner === "" ? null : owner,
    group,
    model,
    stream: delivery !== "whole"
  })

  /** Whose fault, and what is said of it. */
  const faultOf = (error: ResilienceError, channel: string | undefined, said: string | undefined) => {
    const { upstream } = error
    return {
      class: blameOf(error),
      code: codeOf(error),
      error_type: originOf(error, channel === undefined ? undefined : { dialect: dialectOf(channel) }),
      status_code: describe(error).status,
      upstream_code: orNull(upstream?.code ?? upstream?.type),
      message: textOf(said ?? loggedText(error)),
      retry_after_ms: whole(error.retryAfterMillis)
    }
  }

  const attemptEnded = (event: Extract<RelayEvent, { readonly _tag: "AttemptEnded" }>): void => {
    const { answer, entry, error, firstContentMillis, said } = event
    if (error === undefined) return
    const trouble = troubleOf(answer)
    trouble.last = entry
    if (said !== undefined) trouble.said.set(codeOf(error), said)
    // Who was let go has not failed.
    if (!settings.current.enabled || error.record === false || blameOf(error) === "cancelled") return
    const at = now()
    const row: ErrorRow = {
      id: answer.streamId === "" ? crypto.randomUUID() : `${answer.streamId}.${entry.attempt}`,
      at,
      kind: "attempt",
      ...askedBy(answer),
      ...faultOf(error, entry.channel, said),
      channel: entry.channel,
      channel_model: entry.model,
      key: keyOf(entry.key),
      attempt: entry.attempt,
      upstream_status: orNull(error.upstream?.status ?? entry.status),
      upstream_request_id: orNull(entry.upstreamRequestId),
      first_content_ms: whole(firstContentMillis),
      duration_ms: Math.round(entry.durationMillis),
      input_tokens: null,
      output_tokens: null,
      credits: null,
      ...(entry.mode === undefined ? {} : { continuation: entry.mode }),
      ...(trouble.seam === undefined || entry.mode === undefined ? {} : { seam: trouble.seam })
    }
    add({ seq: slot(at), row, attempts: undefined, taken: taken.has(answer.streamId) })
  }

  const over = (event: AnswerOver): void => {
    const { answer, error, trail, usage } = event
    const trouble = troubles.get(answer.streamId)
    const isTaken = taken.has(answer.streamId)
    forget(answer)
    const { enabled, successes } = settings.current
    if (!enabled || error?.record === false || error?._tag === "LeaseLost") return
    if (error === undefined && !successes) return
    const at = now()
    const last = error === undefined ? endedBy(trail) : (trail.findLast(({ attempt }) => attempt > 0) ?? trouble?.last)
    // Whose words they are, if an upstream has failed with the same.
    const failed = error === undefined ? undefined : trail.findLast(({ code }) => code === codeOf(error))
    const row: ErrorRow = {
      id: answer.streamId,
      at,
      kind: "request",
      ...askedBy(answer),
      ...(error === undefined ? wentWell : faultOf(error, failed?.channel, trouble?.said.get(codeOf(error)))),
      channel: orNull(last?.channel),
      channel_model: orNull(last?.model),
      key: last === undefined ? null : keyOf(last.key),
      attempt: event.attempts,
      upstream_status: orNull(error?.upstream?.status ?? last?.status),
      upstream_request_id: orNull(last?.upstreamRequestId),
      first_content_ms: whole(event.firstContentMillis),
      duration_ms: Math.round(event.durationMillis),
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      credits: event.credits,
      ...(trouble?.seam === undefined ? {} : { seam: trouble.seam }),
      ...(trouble?.continuation === undefined ? {} : { continuation: trouble.continuation })
    }
    add({ seq: slot(at), row, attempts: trail, taken: isTaken })
  }

  /** One that failed is told as refused, too: that is its row. */
  const embedded = (event: Extract<RelayEvent, { readonly _tag: "EmbeddingEnded" }>): void => {
    const { answer, credits, durationMillis, error, inputTokens, trail } = event
    const { enabled, successes } = settings.current
    if (!enabled || !successes || error !== undefined) return
    const at = now()
    const last = trail.at(-1)
    const row: ErrorRow = {
      id: crypto.randomUUID(),
      at,
      kind: "request",
      ...askedBy(answer),
      ...wentWell,
      channel: orNull(last?.channel),
      channel_model: orNull(last?.model),
      key: last === undefined ? null : keyOf(last.key),
      attempt: last?.attempt ?? 0,
      upstream_status: orNull(last?.status),
      upstream_request_id: orNull(last?.upstreamRequestId),
      first_content_ms: null,
      duration_ms: Math.round(durationMillis),
      input_tokens: inputTokens,
      output_tokens: 0,
      credits
    }
    add({ seq: slot(at), row, attempts: trail, taken: false })
  }

  const refused = ({
    asked,
    error,
    generates,
    requestId
  }: Extract<RelayEvent, { readonly _tag: "RequestRefused" }>) => {
    if (!generates || !settings.current.enabled || error.record === false) return
    const at = now()
    // Who shows wrong tokens too often is told so, and makes no more rows by it.
    if (error._tag === "Unauthorized" || (error._tag === "RateLimited" && asked?.isStranger === true)) {
      const passed = at - strangerAt
      if (passed >= 0 && passed < strangersEvery) return
      strangerAt = at
    }
    const { address, group, model, owner, traceId, trail = [] } = asked ?? {}
    const last = trail.findLast(({ attempt }) => attempt > 0)
    const failed = trail.findLast(({ code }) => code === codeOf(error))
    const row: ErrorRow = {
      id: crypto.randomUUID(),
      at,
      kind: "request",
      request_id: requestId,
      stream_id: null,
      ...(traceId === undefined ? {} : { trace_id: traceId }),
      ...(address === undefined || !settings.current.ip ? {} : { ip: address }),
      token: orNull(owner),
      group: orNull(group),
      model: orNull(model),
      stream: null,
      ...faultOf(error, failed?.channel, undefined),
      channel: orNull(last?.channel),
      channel_model: orNull(last?.model),
      key: last === undefined ? null : keyOf(last.key),
      attempt: last?.attempt ?? 0,
      upstream_status: orNull(error.upstream?.status ?? last?.status),
      upstream_request_id: orNull(last?.upstreamRequestId),
      first_content_ms: null,
      duration_ms: null,
      input_tokens: null,
      output_tokens: null,
      credits: null
    }
    add({ seq: slot(at), row, attempts: trail, taken: false })
  }

  return {
    ...sinkOf(() => {}),
    StreamTakenOver: ({ answer }) => void taken.add(answer.streamId),
    AttemptEnded: attemptEnded,
    Continued: ({ answer, mode, seam }) => {
      const trouble = troubleOf(answer)
      trouble.seam = seam.seam
      trouble.continuation = mode
    },
    StreamEnded: over,
    EmbeddingEnded: embedded,
    // To its readers it has failed, where its store did.
    StreamAbandoned: (event) => (event.error === undefined ? forget(event.answer) : over(event)),
    RequestRefused: refused
  }
}
