/**
 * Who is told of the relay's events, as a service: its Layers choose the sinks, and a program adds its own beside them.
 *
 * | Layer | who hears |
 * |---|---|
 * | `RelayEvents.layer` | the event log and the metrics |
 * | `RelayEvents.layerSilent` | nobody |
 * | `RelayEvents.layerSink(name, sink)` | one more, beside those that there are |
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { EventLog, Metrics } from "../telemetry/index.ts"
import { type Listeners, makeListeners, type Sink } from "./Events.ts"
import { logSink } from "./LogSink.ts"
import { metricsSink } from "./MetricsSink.ts"

/** Tells the relay's events to its sinks, at once and in order. Neither call throws. */
export class RelayEvents extends Context.Service<RelayEvents, Listeners>()("effect-resilience/relay/RelayEvents") {
  /** To the event log and the metrics. */
  static readonly layer: Layer.Layer<RelayEvents, never, EventLog | Metrics> = Layer.effect(
    RelayEvents,
    Effect.gen(function* () {
      const listeners = makeListeners()
      listeners.add("log", logSink(yield* EventLog))
      listeners.add("metrics", metricsSink(yield* Metrics))
      return listeners
    })
  )

  /** To nobody, until a sink is added. */
  static readonly layerSilent: Layer.Layer<RelayEvents> = Layer.sync(RelayEvents, makeListeners)

  /**
   * Adds a sink for as long as the Layer lives. `name` is what is told when it throws; making it may fail, and may need
   * services.
   */
  static readonly layerSink = <E, R>(
    name: string,
    sink: Effect.Effect<Sink, E, R>
  ): Layer.Layer<never, E, RelayEvents | Exclude<R, Scope.Scope>> =>
    Layer.effectDiscard(
      Effect.gen(function* () {
        const { add } = yield* RelayEvents
        const made = yield* sink
        yield* Effect.acquireRelease(
          Effect.sync(() => add(name, made)),
          (remove) => Effect.sync(remove)
        )
      })
    )
}
