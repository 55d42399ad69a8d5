/**
 * What policies tell of themselves: events when something happened, and how long attempts and pipelines took.
 *
 * Nothing is told unless a Layer (or the `Sink` Reference) asks for it. Off, an event costs four look-ups of 20 ns in a
 * path that is taken only when something happened; the happy path of a retry or a pipeline pays one of them.
 * The names below are a public contract, in the manner of Polly's.
 *
 * | metric | kind | attributes |
 * |---|---|---|
 * | `resilience.policy.events` | counter | `event.name`, `event.severity`, `policy.name`, `pipeline.name`, `exception.type` |
 * | `resilience.policy.attempt.duration` | histogram, ms | `policy.name`, `pipeline.name`, `attempt.number` (from 0), `attempt.handled` |
 * | `resilience.policy.pipeline.duration` | histogram, ms | `pipeline.name`, `exception.type` |
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { DoRequestFailed } from "effect-resilience/errors"
 * import { PolicyTelemetry, Retry, RetrySchedule } from "effect-resilience/policy"
 *
 * const twice = Retry.make({ attempts: 2, schedule: RetrySchedule.immediate })
 * const program = Effect.fail(new DoRequestFailed({})).pipe(Retry.retry(twice), Effect.ignore)
 *
 * const names: Array<string> = []
 * await Effect.runPromise(program.pipe(Effect.provideService(PolicyTelemetry.Sink, (event) => names.push(event.name))))
 *
 * names // => ["OnRetry", "OnRetriesExhausted"]
 * ```
 */
import type { Fiber } from "effect"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"

/** How loud an event is. */
export type EventSeverity = "debug" | "info" | "warning" | "error"

/** Every event and how loud it is. Names are stable. */
export const eventSeverities = {
  OnRetry: "warning",
  OnRetriesExhausted: "error",
  OnRetryBudgetExhausted: "warning",
  OnTimeout: "error",
  OnFallback: "warning",
  OnRateLimiterRejected: "error",
  OnCircuitOpened: "error",
  OnCircuitHalfOpened: "warning",
  OnCircuitClosed: "info",
  OnCircuitRejected: "debug",
  OnBulkheadRejected: "error",
  OnHedging: "warning",
  OnAdaptiveLimitChanged: "debug",
  OnAdaptiveLimitRejected: "error",
  OnThrottled: "error",
  OnOutlierEjected: "error",
  OnOutlierReturned: "info",
  "Chaos.OnFault": "info",
  "Chaos.OnLatency": "info",
  "Chaos.OnOutcome": "info",
  "Chaos.OnCut": "info",
  "Chaos.OnStall": "info",
  "Chaos.OnDuplicate": "info"
} as const satisfies { readonly [name: string]: EventSeverity }

/** The name of an event. */
export type EventName = keyof typeof eventSeverities

/** Something that happened in a policy. */
export interface Event {
  readonly name: EventName
  readonly severity: EventSeverity
  /** The module that speaks, such as `CircuitBreaker`. */
  readonly policy: string
  /** Which of its instances, such as the breaker's key. Logged, but no attribute of a metric: there may be millions. */
  readonly key: string | undefined
  /** The pipeline it happened in, if it has a name. */
  readonly pipeline: string | undefined
  /** The error it happened for, if there was one. */
  readonly error: unknown
  /** What else is known: `attempt`, `delayMillis`, … */
  readonly attributes: { readonly [name: string]: string | number | boolean }
}

/** Takes events. It must be quick and must not throw. */
export type Sink = (event: Event, fiber: Fiber.Fiber<unknown, unknown>) => void

/** A sink of your own, beside what the Layers turn on: for tests, or to feed another system. Default: none. */
export const Sink = /*#__PURE__*/ Context.Reference<Sink | undefined>("effect-resilience/PolicyTelemetry/Sink", {
  defaultValue: () => undefined
})

// One Reference for each Layer, so that they merge in any order and none takes another's place.
const reference = (name: string) =>
  Context.Reference<Sink | undefined>(`effect-resilience/PolicyTelemetry/${name}`, { defaultValue: () => undefined })
const MetricsSink = reference("MetricsSink")
const LogSink = reference("LogSink")
const SpanSink = reference("SpanSink")

/** The name of the pipeline that is running. Set by a named pipeline, and only while somebody listens. */
export const PipelineName = /*#__PURE__*/ Context.Reference<string | undefined>(
  "effect-resilience/PolicyTelemetry/PipelineName",
  {
    defaultValue: () => undefined
  }
)

/** What `emit` needs beside the name. */
export interface Emission {
  readonly policy: string
  readonly key?: string | undefined
  readonly error?: unknown
  readonly attributes?: Event["attributes"] | undefined
}

const noAttributes: Event["attributes"] = {}

/**
 * Tells what happened to whoever listens. For authors of policies: call it from `Effect.withFiber`, and only where
 * something happened. `make` is not called when nobody listens.
 */
export const emit = (fiber: Fiber.Fiber<unknown, unknown>, name: EventName, make: () => Emission): void => {
  const metrics = fiber.getRef(MetricsSink)
  const log = fiber.getRef(LogSink)
  const span = fiber.getRef(SpanSink)
  const own = fiber.getRef(Sink)
  if (metrics === undefined && log === undefined && span === undefined && own === undefined) return
  const { attributes, error, key, policy } = make()
  const event: Event = {
    name,
    severity: eventSeverities[name],
    policy,
    key,
    pipeline: fiber.getRef(PipelineName),
    error,
    attributes: attributes ?? noAttributes
  }
  metrics?.(event, fiber)
  log?.(event, fiber)
  span?.(event, fiber)
  own?.(event, fiber)
}

/** Whether anybody listens, to events or to durations. */
export const listens = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  fiber.getRef(MetricsSink) !== undefined ||
  fiber.getRef(LogSink) !== undefined ||
  fiber.getRef(SpanSink) !== undefined ||
  fiber.getRef(Sink) !== undefined

/** Whether durations are recorded: the one look-up that a happy path makes. */
export const recordsDurations = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  fiber.getRef(MetricsSink) !== undefined

/** Records how long an attempt took. `attempt` counts from 0; `handled` says that the policy acted on its outcome. */
export const recordAttempt = (
  fiber: Fiber.Fiber<unknown, unknown>,
  policy: string,
  attempt: number,
  millis: number,
  handled: boolean
): void => {
  const pipeline = fiber.getRef(PipelineName) ?? ""
  // Past the tenth the number says nothing new, and each is a series of its own.
  const number = attempt > 10 ? "10+" : String(attempt)
  labelled(attemptDuration, `${policy} ${pipeline} ${number} ${handled}`, () => ({
    "policy.name": policy,
    "attempt.number": number,
    "attempt.handled": String(handled),
    ...(pipeline === "" ? {} : { "pipeline.name": pipeline })
  })).updateUnsafe(millis, fiber.context)
}

/** Records how long a pipeline took, all attempts and waits included. */
export const recordPipeline = (
  fiber: Fiber.Fiber<unknown, unknown>,
  pipeline: string,
  millis: number,
  error: unknown
): void => {
  if (!recordsDurations(fiber)) return
  const exception = exceptionType(error)
  labelled(pipelineDuration, `${pipeline} ${exception}`, () => ({
    "pipeline.name": pipeline,
    ...(exception === undefined ? {} : { "exception.type": exception })
  })).updateUnsafe(millis, fiber.context)
}

const boundaries = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000]

/** How often each event happened. */
export const events = Metric.counter("resilience.policy.events", {
  description: "Events of resilience policies",
  incremental: true
})

/** How long attempts took, in milliseconds. */
export const attemptDuration = Metric.histogram("resilience.policy.attempt.duration", {
  description: "Duration of attempts, in milliseconds",
  boundaries
})

/** How long pipelines took, in milliseconds. */
export const pipelineDuration = Metric.histogram("resilience.policy.pipeline.duration", {
  description: "Duration of pipelines, in milliseconds",
  boundaries
})

// A labelled metric costs 1.5 µs to build, so there is one for each set of labels. The sets are few: no keys in them.
const cache = new Map<unknown, Map<string, Metric.Metric<number, unknown>>>()
const labelled = (
  metric: Metric.Metric<number, unknown>,
  key: string,
  attributes: () => Record<string, string>
): Metric.Metric<number, unknown> => {
  let byKey = cache.get(metric)
  if (byKey === undefined) cache.set(metric, (byKey = new Map()))
  let found = byKey.get(key)
  if (found === undefined) byKey.set(key, (found = Metric.withAttributes(metric, attributes())))
  return found
}

const exceptionType = (error: unknown): string | undefined => {
  if (typeof error !== "object" || error === null) return error === undefined ? undefined : typeof error
  if ("_tag" in error && typeof error._tag === "string") return error._tag
  return error instanceof Error ? error.name : "object"
}

/**
 * Counts the events, and measures attempts and pipelines, in Effect's metrics.
 *
 * The layers of this module may be merged in any order.
 */
export const layerMetrics: Layer.Layer<never> = Layer.succeed(MetricsSink, (event, fiber) => {
  const exception = exceptionType(event.error)
  labelled(events, `${event.name} ${event.policy} ${event.pipeline} ${exception}`, () => ({
    "event.name": event.name,
    "event.severity": event.severity,
    "policy.name": event.policy,
    ...(event.pipeline === undefined ? {} : { "pipeline.name": event.pipeline }),
    ...(exception === undefined ? {} : { "exception.type": exception })
  })).updateUnsafe(1, fiber.context)
})

const details = (event: Event): Record<string, string | number | boolean> => {
  const exception = exceptionType(event.error)
  return {
    "policy.name": event.policy,
    ...(event.key === undefined ? {} : { "policy.key": event.key }),
    ...(event.pipeline === undefined ? {} : { "pipeline.name": event.pipeline }),
    ...(exception === undefined ? {} : { "exception.type": exception }),
    ...event.attributes
  }
}

const logAt = {
  debug: Effect.logDebug,
  info: Effect.logInfo,
  warning: Effect.logWarning,
  error: Effect.logError
} as const satisfies { readonly [S in EventSeverity]: unknown }

/** Writes each event to the log, at its severity, with what is known of it as annotations. */
export const layerLogs: Layer.Layer<never> = Layer.succeed(LogSink, (event, fiber) => {
  Effect.runForkWith(fiber.context)(Effect.annotateLogs(logAt[event.severity](event.name), details(event)))
})

/** Adds each event to the span it happened in. */
export const layerSpanEvents: Layer.Layer<never> = Layer.succeed(SpanSink, (event, fiber) => {
  const span = fiber.cache.span
  if (span?._tag !== "Span") return
  span.event(event.name, fiber.getRef(Clock.Clock).currentTimeNanosUnsafe(), {
    "event.severity": event.severity,
    ...details(event)
  })
})
