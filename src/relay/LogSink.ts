/**
 * The log of a relay: which of its events are a line, and with which fields. The names are the contract's.
 */
import { describe, type ResilienceError } from "../errors/index.ts"
import type { EventLog } from "../telemetry/index.ts"
import type { AnswerRef, Sink } from "./Events.ts"
import { refusalLog } from "./RefusalLog.ts"

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

const ids = ({ requestId, streamId }: Pick<AnswerRef, "requestId" | "streamId">) => ({
  request_id: requestId,
  stream_id: streamId
})

const faults = (error: ResilienceError) => {
  const { blame, code, severity } = describe(error)
  return { level: severity, fields: { class: blame, code, error: loggedText(error) } }
}

const ignore = (): void => {}

/** Writes to an event log. */
export const logSink = (log: EventLog["Service"]): Sink => ({
  StreamStarted: ({ answer, messageLength }) =>
    log.emit("info", "stream_started", { ...ids(answer), message_length: messageLength }),
  StreamTakenOver: ({ afterMillis, answer }) =>
    log.emit("info", "relay_took_over", { ...ids(answer), duration: seconds(afterMillis) }),
  AttemptBegan: ignore,
  AttemptEnded: ({ answer, entry, error }) => {
    if (error === undefined) return
    log.emit("warning", "attempt_failed", {
      ...ids(answer),
      channel: entry.channel,
      key: entry.key < 0 ? undefined : entry.key,
      attempt: entry.attempt,
      ...faults(error).fields,
      status_code: entry.status ?? error.upstream?.status,
      duration: seconds(entry.durationMillis)
    })
  },
  FailedOver: ignore,
  Continued: ignore,
  Committed: ignore,
  StreamEnded: ({ answer, durationMillis, error, tokenCount }) => {
    if (error === undefined) {
      return log.emit("info", "stream_completed", {
        ...ids(answer),
        token_count: tokenCount,
        tokens_per_second: durationMillis > 0 ? Math.round((tokenCount * 10_000) / durationMillis) / 10 : undefined,
        duration: seconds(durationMillis)
      })
    }
    const { fields, level } = faults(error)
    log.emit(level, "stream_error", {
      ...ids(answer),
      ...fields,
      token_count: tokenCount,
      duration: seconds(durationMillis)
    })
  },
  StreamAbandoned: ignore,
  RequestRefused: refusalLog(log),
  ReaderClosed: (reader) => log.emit("info", "stream_closed", ids(reader)),
  ChannelAdded: ignore,
  ChannelRemoved: ignore,
  ChannelChanged: ({ blame, channel, to }) =>
    log.emit(to === "enabled" ? "info" : "warning", `channel_${to}`, { channel, class: blame }),
  FactFound: ignore,
  RelayStarted: ({ channels, port }) => log.emit("info", "relay_started", { port, channels }),
  RelayStopping: ({ active }) => log.emit("info", "relay_stopping", { active }),
  RelayStopped: ({ clean }) => log.emit("info", "relay_stopped", { clean }),
  RelayErred: ({ error, requestId }) => {
    const { fields, level } = faults(error)
    log.emit(level, "relay_error", { request_id: requestId, ...fields })
  }
})
