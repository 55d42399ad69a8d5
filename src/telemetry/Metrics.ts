/**
 * Metrics that are updated from plain callbacks, and their Prometheus text.
 *
 * A signal is declared by what emits it; this module only counts and prints. `Metric.update` is an Effect and needs a
 * fiber; a socket's callback has none. So the handles here write into the registry that was captured when the Layer was
 * built, with `updateUnsafe`: some 0.1 µs without labels, 0.2 µs with two, which are found by their values.
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
  counter: (name, options) => {
    const { description } = options
    const series = seriesOf(() => Metric.counter(name, { description, incremental: true }), options, context)
    if (options.labels === undefined) series(undefined).update(0)
    return { add: (count, ...of) => series(of[0]).update(count) }
  },
  gauge: (name, options) => {
    const { description } = options
    const series = seriesOf(() => Metric.gauge(name, { description }), options, context)
    if (options.labels === undefined) series(undefined).modify(0)
    return {
      set: (value, ...of) => series(of[0]).update(value),
      add: (difference, ...of) => series(of[0]).modify(difference)
    }
  },
  histogram: (name, options) => {
    const { bounds, description } = options
    const series = seriesOf(() => Metric.histogram(name, { description, boundaries: bounds }), options, context)
    if (options.labels === undefined) series(undefined).show()
    return { observe: (value, ...of) => series(of[0]).update(value) }
  },
  render: Effect.map(printer, ({ print }) => print(context))
})

type Attributes = { readonly [label: string]: string }

/**
 * One series. HOT: it has a metric of its own, and not one through `withAttributes` that all series of a name share: such a
 * one remembers the key of one series only, and makes that of each other anew, 0.3 µs an update.
 */
class Series<State> {
  private readonly metric: Metric.Metric<number, State>
  private readonly context: Context.Context<never>

  constructor(metric: Metric.Metric<number, State>, own: Attributes, context: Context.Context<never>) {
    this.metric = metric
    const attributes = { ...Context.get(context, Metric.CurrentMetricAttributes), ...own }
    this.context = Context.add(context, Metric.CurrentMetricAttributes, attributes)
  }

  update(value: number): void {
    this.metric.updateUnsafe(value, this.context)
  }

  modify(difference: number): void {
    this.metric.modifyUnsafe(difference, this.context)
  }

  /** Puts it into the registry before anything was counted. */
  show(): void {
    this.metric.valueUnsafe(this.context)
  }
}

/** The series whose labels have the values of the way to it, one value a step. */
class Step<State> {
  readonly next = new Map<string, Step<State>>()
  series: Series<State> | undefined
}

interface SeriesOptions {
  readonly labels?: ReadonlyArray<string> | undefined
  readonly atMost?: { readonly series: number; readonly then: Partial<Attributes> } | undefined
}

// Each set of values is built once, and found step by step: no key is made of its values for that.
const seriesOf = <State>(
  makeMetric: () => Metric.Metric<number, State>,
  { atMost, labels = [] }: SeriesOptions,
  context: Context.Context<never>
): ((of: Attributes | undefined) => Series<State>) => {
  const first = new Step<State>()
  let built = 0

  const find = (of: Attributes): Series<State> | undefined => {
    let at: Step<State> | undefined = first
    for (const label of labels) {
      at = at.next.get(of[label] ?? "")
      if (at === undefined) return undefined
    }
    return at.series
  }
  const build = (of: Attributes): Series<State> => {
    const attributes = Object.fromEntries(labels.map((label) => [label, of[label] ?? ""]))
    let at = first
    for (const label of labels) {
      const value = of[label] ?? ""
      const next = at.next.get(value) ?? new Step<State>()
      at.next.set(value, next)
      at = next
    }
    built++
    return (at.series = new Series(makeMetric(), attributes, context))
  }
  const none = labels.length === 0 ? build({}) : undefined

  return (of = {}) => {
    if (none !== undefined) return none
    const found = find(of)
    if (found !== undefined) return found
    if (atMost === undefined || built < atMost.series) return build(of)
    const together = Object.fromEntries(labels.map((label) => [label, atMost.then[label] ?? of[label] ?? ""]))
    return find(together) ?? build(together)
  }
}
