/**
 * `effect-resilience/telemetry`: where log lines and metrics go. What is told, and under which names, is beside what
 * tells it. `EventLogNode` is for Node; the text of Prometheus is loaded when it is first printed.
 */

// Log lines
export {
  CollectedEvents,
  type EventFields,
  type EventLevel,
  EventLog,
  lineOf,
  type LoggedEvent
} from "../telemetry/index.ts"
export * as EventLogNode from "../telemetry/EventLogNode.ts"

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
