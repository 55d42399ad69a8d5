/**
 * What the relay tells of itself: its log events and its metrics, declared here, beside what emits them. A service, so
 * that a test can listen and a program can send them elsewhere.
 */
import { Context, Effect, Layer } from "effect"
import type { Seam } from "../dialect/index.ts"
import { describe, type ErrorType, type ResilienceError } from "../errors/index.ts"
import { EventLog, Metrics } from "../telemetry/index.ts"
import type { TrailEntry } from "./Trail.ts"

/** Which answer a signal is about. */
export interface AnswerTag {
  readonly requestId: string
  readonly streamId: string
}

/** The relay's signals. All are synchronous and never fail. */
export class Signals extends Context.Service<
  Signals,
  {
    readonly started: (tag: AnswerTag, messageLength: number) => void
    readonly attempted: (tag: AnswerTag, entry: TrailEntry, error: ResilienceError | undefined) => void
    /** A request moved from one channel to another. */
    readonly failover: (tag: AnswerTag, from: string, to: string) => void
    readonly continued: (tag: AnswerTag, seam: Seam, mode: string) => void
    /** The first content was shown, so many milliseconds after the request. */
    readonly committed: (tag: AnswerTag, afterMillis: number) => void
    readonly completed: (tag: AnswerTag, tokenCount: number, durationMillis: number) => void
    readonly failed: (tag: AnswerTag, error: ResilienceError, tokenCount: number, durationMillis: number) => void
    /** A reader left, or was let go. */
    readonly closed: (tag: AnswerTag) => void
    readonly channel: (channel: string, from: string, to: string, reason: string | undefined) => void
    /** Something of the relay itself: `relay_started`, `relay_stopping`, `relay_stopped`, `relay_error`. */
    readonly relay: (event: string, fields: { readonly [name: string]: unknown }, error?: ResilienceError) => void
  }
>()("effect-resilience/relay/Signals") {
  /** To the event log and the metrics. */
  static readonly layer: Layer.Layer<Signals, never, EventLog | Metrics> = Layer.effect(
    Signals,
    Effect.gen(function* () {
      return live(yield* EventLog, yield* Metrics)
    })
  )

  /** Nowhere: for tests that listen to something else. */
  static readonly layerSilent: Layer.Layer<Signals> = Layer.succeed(Signals, {
    started: () => {},
    attempted: () => {},
    failover: () => {},
    continued: () => {},
    committed: () => {},
    completed: () => {},
    failed: () => {},
    closed: () => {},
    channel: () => {},
    relay: () => {}
  })
}

const errorTypes: ReadonlyArray<ErrorType> = ["validation", "timeout", "rate_limit", "llm_error", "system_error"]
const durations = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
const firstContents = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** How a channel's state is told as a number. */
const channelStates: { readonly [state: string]: number } = { enabled: 0, cooling: 1, open: 2 }

const seconds = (millis: number): number => Math.round(millis) / 1000

/**
 * What the log says of an error. An upstream's own words may quote the prompt, so they are not logged: its code or type
 * stands for them.
 */
const loggedText = (error: ResilienceError): string => {
  const { message: words, code, type } = error.upstream ?? {}
  if (words === undefined) return error.message
  const own = error.message.endsWith(`: ${words}`) ? error.message.slice(0, -words.length - 2) : describe(error).message
  const name = [code, type].find((one) => one !== undefined && /^[\w.:-]{1,64}$/.test(one))
  return name === undefined ? own : `${own} (${name})`
}

const live = (log: EventLog["Service"], metrics: Metrics["Service"]): Signals["Service"] => {
  const requests = metrics.counter("stream_requests_total", { description: "Answers that were asked for." })
  const errors = metrics.counter("stream_errors_total", {
    description: "Answers that ended badly.",
    labels: ["error_type"]
  })
  const duration = metrics.histogram("stream_duration_seconds", {
    description: "How long answers took, by outcome.",
    labels: ["outcome"],
    bounds: durations
  })
  const active = metrics.gauge("active_streams", { description: "Answers under way, read or not." })
  const attempts = metrics.counter("relay_attempts_total", {
    description: "Attempts on upstreams, by the class of their failure; `ok` is none.",
    labels: ["channel", "class"]
  })
  const failovers = metrics.counter("relay_failovers_total", { description: "Moves from one channel to another." })
  const continuations = metrics.counter("relay_continuations_total", {
    description: "Answers that went on after they were broken.",
    labels: ["mode", "seam"]
  })
  const firstContent = metrics.histogram("relay_time_to_first_content_seconds", {
    description: "From the request to the first content.",
    bounds: firstContents
  })
  const state = metrics.gauge("relay_channel_state", {
    description: "0 enabled, 1 cooling, 2 open.",
    labels: ["channel"]
  })
  for (const type of errorTypes) errors.add(0, { error_type: type })

  const ids = (tag: AnswerTag) => ({ request_id: tag.requestId, stream_id: tag.streamId })
  const faults = (error: ResilienceError) => {
    const { blame, code, severity } = describe(error)
    return { level: severity, fields: { class: blame, code, error: loggedText(error) } }
  }

  return {
    started: (tag, messageLength) => {
      requests.add(1)
      active.add(1)
      log.emit("info", "stream_started", { ...ids(tag), message_length: messageLength })
    },
    attempted: (tag, entry, error) => {
      attempts.add(1, { channel: entry.channel, class: entry.blame ?? "ok" })
      if (error === undefined) return
      log.emit("warning", "attempt_failed", {
        ...ids(tag),
        channel: entry.channel,
        key: entry.key < 0 ? undefined : entry.key,
        attempt: entry.attempt,
        ...faults(error).fields,
        status_code: entry.status ?? error.upstream?.status,
        duration: seconds(entry.durationMillis)
      })
    },
    failover: () => failovers.add(1),
    continued: (_tag, seam, mode) => continuations.add(1, { mode, seam: seam.seam }),
    committed: (_tag, afterMillis) => firstContent.observe(afterMillis / 1000),
    completed: (tag, tokenCount, durationMillis) => {
      active.add(-1)
      duration.observe(durationMillis / 1000, { outcome: "completed" })
      log.emit("info", "stream_completed", {
        ...ids(tag),
        token_count: tokenCount,
        tokens_per_second: durationMillis > 0 ? Math.round((tokenCount * 10_000) / durationMillis) / 10 : undefined,
        duration: seconds(durationMillis)
      })
    },
    failed: (tag, error, tokenCount, durationMillis) => {
      active.add(-1)
      const { type } = describe(error)
      const { fields, level } = faults(error)
      errors.add(1, { error_type: type })
      duration.observe(durationMillis / 1000, { outcome: fields.class === "cancelled" ? "cancelled" : "error" })
      log.emit(level, "stream_error", {
        ...ids(tag),
        ...fields,
        token_count: tokenCount,
        duration: seconds(durationMillis)
      })
    },
    closed: (tag) => log.emit("info", "stream_closed", ids(tag)),
    channel: (channel, from, to, reason) => {
      state.set(channelStates[to] ?? 0, { channel })
      if (from !== to) log.emit(to === "enabled" ? "info" : "warning", `channel_${to}`, { channel, class: reason })
    },
    relay: (event, fields, error) => {
      if (error === undefined) log.emit("info", event, fields)
      else {
        const { fields: what, level } = faults(error)
        log.emit(level, event, { ...fields, ...what })
      }
    }
  }
}
