/**
 * The metrics of a relay: what its events count. The names are the contract's, and beside them those that say of which
 * channel, model and token: `relay_answers_total`, `relay_tokens_total`, `relay_model_attempts_total`,
 * `relay_first_content_seconds`, `relay_answer_duration_seconds`.
 *
 * Of the names that clients make, a model's is a label only if a channel lists it exactly; all others are `other`, also
 * those that a pattern serves. Tokens are counted by name up to 500 of them, and each family by up to 2,000 sets of values:
 * whatever is asked for, what a scrape reads is bounded.
 */
import type { ChannelStateName } from "../channel/index.ts"
import { describe, type ErrorType, type ResilienceError } from "../errors/index.ts"
import type { Metrics } from "../telemetry/index.ts"
import type { AnswerRef, Sink } from "./Events.ts"
import { firstNames, none, other } from "./MetricLabels.ts"
import { endedBy } from "./Trail.ts"

const errorTypes: ReadonlyArray<ErrorType> = ["validation", "timeout", "rate_limit", "llm_error", "system_error"]
const durations = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
const firstContents = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** How a channel's state is told as a number. */
const channelStates: { readonly [State in ChannelStateName]: number } = { enabled: 0, cooling: 1, open: 2, disabled: 3 }

/** How many names of tokens are counted by themselves. */
const maxTokens = 500

/** How many series of a family there may be; what comes later is counted together. */
const ofModels = { series: 2_000, then: { channel: other, model: other } } as const
const ofTokens = { series: 2_000, then: { channel: other, model: other, token: other } } as const

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
  const answers = metrics.counter("relay_answers_total", {
    description:
      "Answers that ended, by who was asked last, what was asked for, who asked, how it ended and whose fault it was.",
    labels: ["channel", "model", "token", "outcome", "class"],
    atMost: ofTokens
  })
  const answerDuration = metrics.histogram("relay_answer_duration_seconds", {
    description: "How long answers took, by who was asked last and what was asked for.",
    labels: ["channel", "model", "outcome"],
    atMost: ofModels,
    bounds: durations
  })
  const tokens = metrics.counter("relay_tokens_total", {
    description: "Tokens of the answers, as upstreams counted them or as they are estimated.",
    labels: ["channel", "model", "token", "direction"],
    atMost: ofTokens
  })
  const modelAttempts = metrics.counter("relay_model_attempts_total", {
    description: "Attempts on upstreams, by the model that was asked for and the class of their failure; `ok` is none.",
    labels: ["channel", "model", "class"],
    atMost: ofModels
  })
  const attemptContent = metrics.histogram("relay_first_content_seconds", {
    description: "From the beginning of an attempt to its first content, by channel and model.",
    labels: ["channel", "model"],
    atMost: ofModels,
    bounds: firstContents
  })
  const affinities = metrics.counter("relay_affinity_total", {
    description: "Answers of sessions: asked at home (hit), without a home (miss), or elsewhere than at home (away).",
    labels: ["result"]
  })
  for (const type of errorTypes) errors.add(0, { error_type: type })

  const tokenOf = firstNames(maxTokens)
  const modelOf = ({ listed, model }: AnswerRef): string => (listed ? model : other)

  return {
    StreamStarted: () => {
      requests.add(1)
      active.add(1)
    },
    StreamTakenOver: () => active.add(1),
    AttemptBegan: ({ affinity }) => {
      if (affinity !== undefined) affinities.add(1, { result: affinity })
    },
    AttemptEnded: ({ answer, entry, firstContentMillis }) => {
      const { channel } = entry
      const model = modelOf(answer)
      const blame = entry.blame ?? "ok"
      attempts.add(1, { channel, class: blame })
      modelAttempts.add(1, { channel, model, class: blame })
      if (firstContentMillis === undefined) return
      attemptContent.observe(firstContentMillis / 1000, { channel, model })
    },
    FailedOver: () => failovers.add(1),
    Continued: ({ mode, seam }) => continuations.add(1, { mode, seam: seam.seam }),
    Committed: ({ afterMillis }) => firstContent.observe(afterMillis / 1000),
    StreamEnded: ({ answer, durationMillis, error, trail, usage }) => {
      active.add(-1)
      const described = error === undefined ? undefined : describe(error)
      const outcome =
        described === undefined ? "completed" : described.blame === "cancelled" ? "cancelled" : ("error" as const)
      if (described !== undefined) errors.add(1, { error_type: described.type })
      duration.observe(durationMillis / 1000, { outcome })
      // An attempt that is under way at the end is not in the trail yet.
      const last = error === undefined ? endedBy(trail) : (answer.asked.last ?? trail.at(-1))
      const channel = last?.channel ?? none
      const model = modelOf(answer)
      const token = tokenOf(answer.owner)
      const blame = described?.blame ?? "ok"
      answers.add(1, { channel, model, token, outcome, class: blame })
      answerDuration.observe(durationMillis / 1000, { channel, model, outcome })
      // Nobody has read the question of an answer that nobody began.
      if (error !== undefined && usage.outputTokens === 0) return
      tokens.add(usage.inputTokens, { channel, model, token, direction: "input" })
      tokens.add(usage.outputTokens, { channel, model, token, direction: "output" })
    },
    EmbeddingEnded: ignore,
    StreamAbandoned: ({ error }) => {
      active.add(-1)
      if (error !== undefined) errors.add(1, { error_type: describe(error).type })
    },
    RequestRefused: ({ error, generates }) => {
      if (generates) errors.add(1, { error_type: refusedType(error) })
    },
    ReaderClosed: ignore,
    ChannelAdded: ({ channel }) => state.set(channelStates.enabled, { channel }),
    // A series cannot be taken back: what is not served is told as what is not asked.
    ChannelRemoved: ({ channel }) => state.set(channelStates.disabled, { channel }),
    ChannelChanged: ({ channel, to }) => state.set(channelStates[to], { channel }),
    FactFound: ignore,
    CircuitChanged: ignore,
    KeyChanged: ignore,
    RelayStarted: ignore,
    RelayStopping: ignore,
    RelayStopped: ignore,
    RelayErred: ignore
  }
}
