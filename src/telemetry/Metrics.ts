/**
 * Metrics that are updated from plain callbacks, and their Prometheus text.
 *
 * A signal is declared by what emits it; this module only counts and prints. `Metric.update` is an Effect and needs a
 * fiber; a socket's callback has none. So the handles here write into the registry that was captured when the Layer was
 * built, with `updateUnsafe`: some 0.1 µs without labels, 0.5 µs with two, which are found by their values.
 *
 * How they are printed is in `PrometheusHttp.ts`, which is loaded when they are printed first: who only counts, or only
 * logs, depends on nothing that Effect calls unstable.
 */
import { Context, Effect, Layer, Metric } from "effect"

/** The values of a series' labels, all of them. */
export type Labels<L extends string> = { readonly [K in L]: string }

/** Without labels nothing is passed; with labels all of them are. */
export type LabelArgs<L extends string> = [L] extends [never] ? [] : [labels: Labels<L>]

/** What a metric is. `labels` are the names that each series has. */
export interface MetricOptions<L extends string> {
  readonly description: string
  readonly labels?: ReadonlyArray<L> | undefined
  /**
   * How many series there may be, and what the labels of all further ones are: those that are named here have these
   * values, the others their own. Default: any number, which only labels with few values can afford.
   */
  readonly atMost?: { readonly series: number; readonly then: Partial<Labels<NoInfer<L>>> } | undefined
}

/** Counts up. `add(0)` shows a series before anything was counted. */
export interface Counter<L extends string = never> {
  readonly add: (count: number, ...labels: LabelArgs<L>) => void
}

/** Goes up and down. */
export interface Gauge<L extends string = never> {
  readonly set: (value: number, ...labels: LabelArgs<L>) => void
  readonly add: (difference: number, ...labels: LabelArgs<L>) => void
}

/** Sorts what is observed into buckets. */
export interface Histogram<L extends string = never> {
  readonly observe: (value: number, ...labels: LabelArgs<L>) => void
}

/** What a histogram is. `bounds` are the upper bounds of its buckets, ascending; `+Inf` is added. */
export interface HistogramOptions<L extends string> extends MetricOptions<L> {
  readonly bounds: ReadonlyArray<number>
}

/** The content type of what `render` gives. */
export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8"

/**
 * Makes metrics and prints them. Two handles of one name are one metric. A metric without labels is shown from the start,
 * as zero; one with labels, once a series was written.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { Metrics } from "effect-resilience/telemetry"
 *
 * const program = Effect.gen(function* () {
 *   const metrics = yield* Metrics
 *   const attempts = metrics.counter("attempts_total", { description: "Attempts", labels: ["channel"] })
 *   attempts.add(1, { channel: "primary" })
 *   return (yield* metrics.render).includes('attempts_total{channel="primary"} 1')
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Metrics.layerTest))) // => true
 * ```
 */
export class Metrics extends Context.Service<
  Metrics,
  {
    readonly counter: <const L extends string = never>(name: string, options: MetricOptions<L>) => Counter<L>
    readonly gauge: <const L extends string = never>(name: string, options: MetricOptions<L>) => Gauge<L>
    readonly histogram: <const L extends string = never>(name: string, options: HistogramOptions<L>) => Histogram<L>
    /** All metrics of the registry as Prometheus text, those of others too. Not synchronous. */
    readonly render: Effect.Effect<string>
  }
>()("effect-resilience/telemetry/Metrics") {
  /** Over the registry of where the Layer is built: what the program's other metrics are in is printed with it. */
  static readonly layer: Layer.Layer<Metrics> = Layer.effect(
    Metrics,
    Effect.map(Effect.context<never>(), (context) => make(context))
  )

  /** Over a registry of its own. */
  static readonly layerTest: Layer.Layer<Metrics> = Layer.effect(
    Metrics,
    Effect.map(Effect.context<never>(), (context) => make(Context.add(context, Metric.MetricRegistry, new Map())))
  )
}

const printer = Effect.promise(() => import("./PrometheusHttp.ts"))

const make = (context: Context.Context<never>): Metrics["Service"] => ({
  counter: (name, { atMost, description, labels }) => {
    const series = seriesOf(Metric.counter(name, { description, incremental: true }), labels, atMost)
    if (labels === undefined) series({}).updateUnsafe(0, context)
    return { add: (count, ...of) => series(of[0]).updateUnsafe(count, context) }
  },
  gauge: (name, { atMost, description, labels }) => {
    const series = seriesOf(Metric.gauge(name, { description }), labels, atMost)
    if (labels === undefined) series({}).modifyUnsafe(0, context)
    return {
      set: (value, ...of) => series(of[0]).updateUnsafe(value, context),
      add: (difference, ...of) => series(of[0]).modifyUnsafe(difference, context)
    }
  },
  histogram: (name, { atMost, bounds, description, labels }) => {
    const series = seriesOf(Metric.histogram(name, { description, boundaries: bounds }), labels, atMost)
    if (labels === undefined) series({}).valueUnsafe(context)
    return { observe: (value, ...of) => series(of[0]).updateUnsafe(value, context) }
  },
  render: Effect.map(printer, ({ print }) => print(context))
})

// A labelled metric costs 1.5 µs to build, so each set of values is built once.
const seriesOf = <State>(
  metric: Metric.Metric<number, State>,
  labels: ReadonlyArray<string> | undefined,
  atMost: { readonly series: number; readonly then: { readonly [label: string]: string | undefined } } | undefined
) => {
  const built = new Map<string, Metric.Metric<number, State>>()
  return (of: { readonly [label: string]: string } | undefined): Metric.Metric<number, State> => {
    if (of === undefined || labels === undefined) return metric
    const find = (values: ReadonlyArray<string>, mayBuild: boolean): Metric.Metric<number, State> | undefined => {
      const key = values.join("\u0000")
      let found = built.get(key)
      if (found !== undefined || !mayBuild) return found
      found = Metric.withAttributes(metric, Object.fromEntries(labels.map((label, at) => [label, values[at]!])))
      built.set(key, found)
      return found
    }
    const values = labels.map((label) => of[label] ?? "")
    const known = find(values, atMost === undefined || built.size < atMost.series)
    return (
      known ??
      find(
        labels.map((label, at) => atMost?.then[label] ?? values[at]!),
        true
      )!
    )
  }
}
