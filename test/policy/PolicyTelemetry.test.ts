import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Metric, References, Tracer } from "effect"
import { DoRequestFailed } from "effect-resilience/errors"
import { PolicyTelemetry, Retry, RetrySchedule } from "effect-resilience/policy"

const failing = Effect.fail(new DoRequestFailed({})).pipe(
  Retry.retry(Retry.make({ attempts: 2, schedule: RetrySchedule.immediate })),
  Effect.ignore
)

describe("PolicyTelemetry", () => {
  it.effect("off, nothing is made", () =>
    Effect.withFiber((fiber) => {
      assert.isFalse(PolicyTelemetry.listens(fiber))
      PolicyTelemetry.emit(fiber, "OnRetry", () => assert.fail("nobody listens"))
      return Effect.void
    })
  )

  it.effect("logs each event at its severity, with what is known of it", () =>
    Effect.gen(function* () {
      const lines: Array<{ readonly level: string; readonly message: unknown; readonly annotations: unknown }> = []
      const sink = Logger.make((options: Logger.Options<unknown>) => {
        const annotations = options.fiber.getRef(References.CurrentLogAnnotations)
        lines.push({ level: options.logLevel, message: options.message, annotations: { ...annotations } })
      })
      yield* failing.pipe(Effect.provide(Layer.merge(PolicyTelemetry.layerLogs, Logger.layer([sink]))))
      assert.deepStrictEqual(
        lines.map((line) => [line.level, line.message]),
        [
          ["Warn", ["OnRetry"]],
          ["Error", ["OnRetriesExhausted"]]
        ]
      )
      assert.deepInclude(lines[0]?.annotations, {
        "policy.name": "Retry",
        "exception.type": "DoRequestFailed",
        attempt: 1,
        delayMillis: 0
      })
    })
  )

  it.effect("adds each event to its span", () =>
    Effect.gen(function* () {
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      yield* failing.pipe(
        Effect.withSpan("call"),
        Effect.provide(PolicyTelemetry.layerSpanEvents),
        Effect.provideService(Tracer.Tracer, tracer)
      )
      assert.deepStrictEqual(
        spans.flatMap((span) => span.events.map(([name]) => name)),
        ["OnRetry", "OnRetriesExhausted"]
      )
    })
  )

  it.effect("the layers merge in any order, and none takes another's place", () =>
    Effect.gen(function* () {
      let logged = 0
      const sink = Logger.make(() => void logged++)
      const all = Layer.mergeAll(
        PolicyTelemetry.layerLogs,
        PolicyTelemetry.layerMetrics,
        PolicyTelemetry.layerSpanEvents
      )
      yield* failing.pipe(Effect.provide(Layer.merge(all, Logger.layer([sink]))))
      const snapshot = yield* Metric.snapshot
      assert.strictEqual(logged, 2)
      assert.deepStrictEqual(
        snapshot
          .filter((m) => m.id === "resilience.policy.events")
          .map((m) => m.attributes?.["event.name"])
          .sort(),
        ["OnRetriesExhausted", "OnRetry"]
      )
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it("the names are a contract", () => {
    assert.strictEqual(PolicyTelemetry.events.id, "resilience.policy.events")
    assert.strictEqual(PolicyTelemetry.attemptDuration.id, "resilience.policy.attempt.duration")
    assert.strictEqual(PolicyTelemetry.pipelineDuration.id, "resilience.policy.pipeline.duration")
  })
})
