/**
 * The log of a relay: which of its events are a line, and with which fields. The names are the contract's, and those that
 * the error log has. `docs/operations/reading-logs.md` reads them.
 *
 * What ends in `_ms` is milliseconds; `duration` is seconds.
 */
import { keyId } from "../channel/index.ts"
import { describe, excerpt, printStreamFault, type ResilienceError, streamFaultOf } from "../errors/index.ts"
import type { EventFields, EventLog } from "../telemetry/index.ts"
import type { AnswerOver, AnswerRef, RelayEvent, Sink } from "./Events.ts"
import { refusalLog } from "./RefusalLog.ts"
import { endedBy, failoversOf, type TrailEntry } from "./Trail.ts"

const seconds = (millis: number): number => Math.round(millis) / 1000

const wholeMillis = (millis: number | undefined): number | undefined =>
  millis === undefined ? undefined : Math.round(millis)

/** The most of an upstream's message that is logged, in UTF-16 units. */
const maxSaid = 500

/** How many answers are remembered that have ended, so that their readers' leaving is told with what they read. */
const mostEnded = 4096

/**
 * What the log says of an error. A stream fault is printed as Kitex prints it, with the path that it has come along. An upstream's own words may quote the prompt, so they are not logged here: its code or
 * type stands for them. (The line of the attempt has them, without what they quote.)
 */
export const loggedText = (error: ResilienceError): string => {
  const fault = streamFaultOf(error)
  if (fault !== undefined) return printStreamFault(fault)
  const { message: words, code, type } = error.upstream ?? {}
  if (words === undefined) return error.message
  const own = error.message.endsWith(`: ${words}`) ? error.message.slice(0, -words.length - 2) : describe(error).message
  const name = [code, type].find((one) => one !== undefined && /^[\w.:-]{1,64}$/.test(one))
  return name === undefined ? own : `${own} (${name})`
}

const ids = ({ requestId, streamId }: Pick<AnswerRef, "requestId" | "streamId">) => ({
  request_id: requestId,
  stream_id: streamId === "" ? undefined : streamId
})

/** Who asked for what. (A field `token` would be taken for a secret.) */
const asked = ({ model, owner }: AnswerRef) => ({ token_name: owner === "" ? undefined : owner, model })

const faults = (error: ResilienceError) => {
  const { blame, code, severity } = describe(error)
  return { level: severity, fields: { class: blame, code, error: loggedText(error) } }
}

/** Which clock ran out, what it allowed, and what had passed. */
const clockOf = (
  error: ResilienceError
): { readonly clock?: string; readonly limit_ms?: number | undefined; readonly elapsed_ms?: number | undefined } => {
  switch (error._tag) {
    case "ChannelResponseTimeExceeded": {
      const { elapsedMillis, limitMillis, phase } = error
      // The upstream's own clock: nobody knows what it allowed.
      if (phase === "upstream") return { clock: phase }
      return { clock: phase, limit_ms: wholeMillis(limitMillis), elapsed_ms: wholeMillis(elapsedMillis) }
    }
    case "DeadlineExceeded":
      return { clock: "total", limit_ms: wholeMillis(error.limitMillis), elapsed_ms: wholeMillis(error.elapsedMillis) }
    default:
      return {}
  }
}

/** The channel, key and model of an attempt. */
const place = ({ channel, key, model }: Pick<TrailEntry, "channel" | "key" | "model">) => ({
  channel,
  key: key < 0 ? undefined : key,
  channel_model: model
})

/** Who was asked, in order, with which key, and what came of it: `a#0=500,b#1=timeout,c#0=200`. */
const trailOf = (trail: ReadonlyArray<TrailEntry>): string =>
  trail
    .filter(({ attempt }) => attempt > 0)
    .map(({ blame, channel, key, status }) => {
      // An answer that broke has the status of a good one.
      const came = status !== undefined && (blame === undefined || status > 299) ? status : (blame ?? "ok")
      return `${key < 0 ? channel : keyId(channel, key)}=${came}`
    })
    .join(",")

/** How an answer stands: what is told of it when a reader goes. */
class Story {
  readonly answer: AnswerRef
  status: "streaming" | "completed" | "cancelled" | "error" = "streaming"

  constructor(answer: AnswerRef) {
    this.answer = answer
  }
}

/** The answers under way, and the last ones that ended. */
class Stories {
  private readonly all = new Map<string, Story>()
  /** Those that have ended, by their streams: the oldest is the next to be forgotten. */
  private readonly ended: Array<string> = []
  private oldest = 0

  get(streamId: string): Story | undefined {
    return this.all.get(streamId)
  }

  begin(answer: AnswerRef): void {
    this.all.set(answer.streamId, new Story(answer))
  }

  end({ streamId }: AnswerRef, status: Story["status"]): void {
    const story = this.all.get(streamId)
    if (story?.status !== "streaming") return
    story.status = status
    if (this.ended.length < mostEnded) this.ended.push(streamId)
    else {
      this.all.delete(this.ended[this.oldest]!)
      this.ended[this.oldest] = streamId
      this.oldest = (this.oldest + 1) % mostEnded
    }
  }

  forget({ streamId }: AnswerRef): void {
    this.all.delete(streamId)
  }
}

/**
 * The line of an answer's end: where it was asked for, what came of it, and what is wrong with it if anything is. HOT: it is
 * one literal. Spread together of the parts that other lines have it costs 3 µs more, half of what the line does.
 */
const endFields = (told: AnswerOver, fault: ReturnType<typeof faults> | undefined): EventFields => {
  const { answer, continuations, dropped, durationMillis, error, tokenCount, trail, usage } = told
  const whole = endedBy(trail)
  // An attempt that is under way when its answer ends is not in the trail yet.
  const by = error === undefined ? whole : (answer.asked.last ?? trail.at(-1))
  const clock = error === undefined ? undefined : clockOf(error)
  return {
    request_id: answer.requestId,
    stream_id: answer.streamId === "" ? undefined : answer.streamId,
    token_name: answer.owner === "" ? undefined : answer.owner,
    model: answer.model,
    channel: by?.channel,
    key: by === undefined || by.key < 0 ? undefined : by.key,
    channel_model: by?.model,
    attempts: told.attempts,
    failovers: failoversOf(trail),
    continuations,
    // Who was asked, in order; of a single attempt the channel says it.
    trail: trail.length > 1 ? trailOf(trail) : undefined,
    class: fault?.fields.class,
    code: fault?.fields.code,
    error: fault?.fields.error,
    clock: clock?.clock,
    limit_ms: clock?.limit_ms,
    elapsed_ms: clock?.elapsed_ms,
    ended: error === undefined ? told.ended : undefined,
    token_count: tokenCount,
    first_content_ms: wholeMillis(told.firstContentMillis),
    duration: seconds(durationMillis),
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cache_read_tokens: usage.cacheReadTokens,
    reasoning_tokens: usage.reasoningTokens,
    estimated: usage.estimated ? true : undefined,
    dropped: dropped.length === 0 ? undefined : dropped,
    tokens_per_second:
      error === undefined && durationMillis > 0 ? Math.round((tokenCount * 10_000) / durationMillis) / 10 : undefined,
    upstream_request_id: error === undefined ? whole?.upstreamRequestId : undefined
  }
}

/** Why something is off, and until when. */
const why = ({
  evidence,
  reason,
  until
}: Pick<Extract<RelayEvent, { _tag: "KeyChanged" }>, "evidence" | "reason" | "until">) => ({
  reason,
  evidence,
  until: until === undefined ? undefined : new Date(until).toISOString()
})

const ignore = (): void => {}

/** Writes to an event log. */
export const logSink = (log: EventLog["Service"]): Sink => {
  const stories = new Stories()
  const over = (told: AnswerOver): void => {
    const fault = told.error === undefined ? undefined : faults(told.error)
    const status =
      fault === undefined ? "completed" : fault.fields.class === "cancelled" ? "cancelled" : ("error" as const)
    stories.end(told.answer, status)
    const fields = endFields(told, fault)
    if (fault === undefined) log.emit("info", "stream_completed", fields)
    else log.emit(fault.level, "stream_error", fields)
  }
  return {
    StreamStarted: ({ answer, messageLength }) => {
      stories.begin(answer)
      log.emit("info", "stream_started", {
        request_id: answer.requestId,
        stream_id: answer.streamId === "" ? undefined : answer.streamId,
        token_name: answer.owner === "" ? undefined : answer.owner,
        model: answer.model,
        message_length: messageLength
      })
    },
    StreamTakenOver: ({ afterMillis, answer }) => {
      stories.begin(answer)
      log.emit("info", "relay_took_over", { ...ids(answer), ...asked(answer), duration: seconds(afterMillis) })
    },
    AttemptBegan: ignore,
    AttemptEnded: ({ answer, entry, error, firstContentMillis, said }) => {
      if (error === undefined) return
      const { code, type } = error.upstream ?? {}
      log.emit("warning", "attempt_failed", {
        ...ids(answer),
        ...asked(answer),
        ...place(entry),
        attempt: entry.attempt,
        mode: entry.mode,
        ...faults(error).fields,
        ...clockOf(error),
        status_code: entry.status ?? error.upstream?.status,
        upstream_code: code,
        upstream_type: type,
        upstream_message: said === undefined ? undefined : excerpt(said, maxSaid),
        upstream_request_id: entry.upstreamRequestId,
        retry_after_ms: wholeMillis(error.retryAfterMillis),
        first_content_ms: wholeMillis(firstContentMillis),
        duration: seconds(entry.durationMillis)
      })
    },
    FailedOver: ignore,
    Continued: ({ answer, mode, seam }) =>
      log.emit("info", "relay_continued", {
        ...ids(answer),
        channel: seam.to,
        from: seam.from,
        mode,
        seam: seam.seam,
        offset: seam.offset,
        dropped: seam.dropped
      }),
    Committed: ignore,
    StreamEnded: over,
    EmbeddingEnded: ignore,
    // To its readers it has failed.
    StreamAbandoned: (told) => (told.error === undefined ? stories.forget(told.answer) : over(told)),
    RequestRefused: refusalLog(log),
    ReaderClosed: (reader) => {
      const story = stories.get(reader.streamId)
      const answer = story?.answer
      const last = answer?.asked.last
      log.emit("info", "stream_closed", {
        request_id: reader.requestId,
        stream_id: reader.streamId,
        token_name: answer === undefined || answer.owner === "" ? undefined : answer.owner,
        model: answer?.model,
        channel: last?.channel,
        key: last === undefined || last.key < 0 ? undefined : last.key,
        channel_model: last?.model,
        attempts: answer?.asked.attempts,
        status: story?.status
      })
    },
    ChannelAdded: ignore,
    ChannelRemoved: ignore,
    ChannelChanged: ({ blame, channel, evidence, reason, to, until }) =>
      log.emit(to === "enabled" ? "info" : "warning", `channel_${to}`, {
        channel,
        class: blame,
        ...why({ reason, evidence, until })
      }),
    KeyChanged: ({ channel, evidence, key, reason, to, until }) =>
      log.emit(to === "enabled" ? "info" : "warning", `key_${to}`, {
        channel,
        key,
        ...why({ reason, evidence, until })
      }),
    FactFound: ignore,
    CircuitChanged: ignore,
    RelayStarted: ({ channels, port }) => log.emit("info", "relay_started", { port, channels }),
    RelayStopping: ({ active }) => log.emit("info", "relay_stopping", { active }),
    RelayStopped: ({ clean }) => log.emit("info", "relay_stopped", { clean }),
    RelayErred: ({ error, requestId }) => {
      const { fields, level } = faults(error)
      log.emit(level, "relay_error", { request_id: requestId, ...fields })
    }
  }
}
