/**
 * `effect-resilience/telemetry`: where log lines and metrics go. What is told, and under which names, is beside what
 * tells it. `EventLogNode` is for Node; the text of Prometheus is loaded when it is first printed.
 */
import * as EventLogNode from "../telemetry/EventLogNode.ts"

// Log lines
export {
  CollectedEvents,
  type EventFields,
  type EventLevel,
  EventLog,
  lineOf,
  type LoggedEvent
} from "../telemetry/index.ts"
export {
  /** The log of a process: one JSON object a line, on stderr. */
  EventLogNode
}

// Errors that somebody has to look at
export { type ErrorTags, ErrorTracker, isTracked, type TrackedError, TrackedErrors } from "../telemetry/index.ts"

// Metrics
export {
  type Counter,
  type Gauge,
  type Histogram,
  type HistogramOptions,
  type LabelArgs,
  type Labels,
  type MetricOptions,
  Metrics,
  prometheusContentType
} from "../telemetry/index.ts"
