/**
 * Metrics as Prometheus text (format 0.0.4): that of Effect's `PrometheusMetrics`, which was checked against the names
 * that are promised. It adds no suffix to a counter, prints bounds as `le="0.1"`, and after them `+Inf`, `_sum` and
 * `_count`; each family has its `# TYPE`, and `# HELP` where there is a description.
 */
import type { Context } from "effect"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"

/** Prints all metrics of the registry in a context. */
export const print = (context: Context.Context<never>): string => PrometheusMetrics.formatUnsafe(context)
