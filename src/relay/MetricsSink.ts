/**
 * The metrics of a relay: what its events count. The names are the contract's.
 */
import type { ChannelStateName } from "../channel/index.ts"
import { describe, type ErrorType, type ResilienceError } from "../errors/index.ts"
import type { Metrics } from "../telemetry/index.ts"
import type { Sink } from "./Events.ts"

const errorTypes: ReadonlyArray<ErrorType> = ["validation", "timeout", "rate_limit", "llm_error", "system_error"]
const durations = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
const firstContents = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** How a channel's state is told as a number. */
const channelStates: { readonly [State in ChannelStateName]: number } = { enabled: 0, cooling: 1, open: 2, disabled: 3 }

/** Nobody was asked: what is wrong with a request that is refused is wrong with the request, unless it came too often. */
const refusedType = (error: ResilienceError): ErrorType => {
  const { status, type } = describe(error)
  return status < 500 && type !== "rate_limit" ? "validation" : type
}

const ignore = (): void => {}

/** Counts into metrics. All families are there from the start. */
export const metricsSink = (metrics: Metrics["Service"]): Sink => {
  const requests = metrics.counter("stream_requests_total", { description: "Answers that were asked for." })
  const errors = metrics.counter("stream_errors_total", {
    description: "Answers that ended badly, and requests for one that were refused.",
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
    description: "0 enabled, 1 cooling, 2 open, 3 switched off.",
    labels: ["channel"]
  })
  for (const type of errorTypes) errors.add(0, { error_type: type })

  return {
    StreamStarted: () => {
      requests.add(1)
      active.add(1)
    },
    StreamTakenOver: () => active.add(1),
    AttemptBegan: ignore,
    AttemptEnded: ({ entry }) => attempts.add(1, { channel: entry.channel, class: entry.blame ?? "ok" }),
    FailedOver: () => failovers.add(1),
    Continued: ({ mode, seam }) => continuations.add(1, { mode, seam: seam.seam }),
    Committed: ({ afterMillis }) => firstContent.observe(afterMillis / 1000),
    StreamEnded: ({ durationMillis, error }) => {
      active.add(-1)
      if (error === undefined) return duration.observe(durationMillis / 1000, { outcome: "completed" })
      const { blame, type } = describe(error)
      errors.add(1, { error_type: type })
      duration.observe(durationMillis / 1000, { outcome: blame === "cancelled" ? "cancelled" : "error" })
    },
    StreamAbandoned: () => active.add(-1),
    RequestRefused: ({ error, generates }) => {
      if (generates) errors.add(1, { error_type: refusedType(error) })
    },
    ReaderClosed: ignore,
    ChannelAdded: ({ channel }) => state.set(channelStates.enabled, { channel }),
    // A series cannot be taken back: what is not served is told as what is not asked.
    ChannelRemoved: ({ channel }) => state.set(channelStates.disabled, { channel }),
    ChannelChanged: ({ channel, to }) => state.set(channelStates[to], { channel }),
    FactFound: ignore,
    RelayStarted: ignore,
    RelayStopping: ignore,
    RelayStopped: ignore,
    RelayErred: ignore
  }
}
