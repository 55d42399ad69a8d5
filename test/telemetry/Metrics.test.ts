import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { Metrics, prometheusContentType } from "effect-resilience/telemetry"
import { runNode } from "../support/spawnNode.ts"

const bounds = [0.1, 0.5, 1, 600]

describe("Prometheus text", () => {
  it.effect("has the promised names, labels and bounds, and nothing added to them", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      metrics.counter("stream_requests_total", { description: "Streams that were asked for." }).add(2)
      const errors = metrics.counter("stream_errors_total", { description: "Errors.", labels: ["error_type"] })
      errors.add(1, { error_type: "llm_error" })
      errors.add(0, { error_type: "timeout" })
      const active = metrics.gauge("active_streams", { description: "Answers being made." })
      active.add(1)
      active.add(1)
      active.add(-1)
      const duration = metrics.histogram("stream_duration_seconds", {
        description: "Time.",
        labels: ["outcome"],
        bounds
      })
      duration.observe(0.3, { outcome: "completed" })
      duration.observe(601, { outcome: "completed" })
      const attempts = metrics.counter("relay_attempts_total", {
        description: "Attempts.",
        labels: ["channel", "class"]
      })
      attempts.add(1, { class: "rate", channel: "primary" })
      metrics.gauge("relay_channel_state", { description: "State.", labels: ["channel"] }).set(2, { channel: "a" })
      metrics.histogram("relay_time_to_first_content_seconds", { description: "First.", bounds: [0.05, 60] })

      assert.strictEqual(
        yield* metrics.render,
        `# HELP stream_requests_total Streams that were asked for.
# TYPE stream_requests_total counter
stream_requests_total 2
# HELP stream_errors_total Errors.
# TYPE stream_errors_total counter
stream_errors_total{error_type="llm_error"} 1
stream_errors_total{error_type="timeout"} 0
# HELP active_streams Answers being made.
# TYPE active_streams gauge
active_streams 1
# HELP stream_duration_seconds Time.
# TYPE stream_duration_seconds histogram
stream_duration_seconds_bucket{outcome="completed",le="0.1"} 0
stream_duration_seconds_bucket{outcome="completed",le="0.5"} 1
stream_duration_seconds_bucket{outcome="completed",le="1"} 1
stream_duration_seconds_bucket{outcome="completed",le="600"} 1
stream_duration_seconds_bucket{outcome="completed",le="+Inf"} 2
stream_duration_seconds_sum{outcome="completed"} 601.3
stream_duration_seconds_count{outcome="completed"} 2
# HELP relay_attempts_total Attempts.
# TYPE relay_attempts_total counter
relay_attempts_total{channel="primary",class="rate"} 1
# HELP relay_channel_state State.
# TYPE relay_channel_state gauge
relay_channel_state{channel="a"} 2
# HELP relay_time_to_first_content_seconds First.
# TYPE relay_time_to_first_content_seconds histogram
relay_time_to_first_content_seconds_bucket{le="0.05"} 0
relay_time_to_first_content_seconds_bucket{le="60"} 0
relay_time_to_first_content_seconds_bucket{le="+Inf"} 0
relay_time_to_first_content_seconds_sum 0
relay_time_to_first_content_seconds_count 0
`
      )
      assert.strictEqual(prometheusContentType, "text/plain; version=0.0.4; charset=utf-8")
    }).pipe(Effect.provide(Metrics.layerTest))
  )

  it.effect("cannot be broken by a label's value", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      const counter = metrics.counter("a_total", { description: "A.", labels: ["x"] })
      counter.add(1, { x: 'say "hi"\\\nevil_total 1' })
      assert.include(yield* metrics.render, 'a_total{x="say \\"hi\\"\\\\\\nevil_total 1"} 1\n')
    }).pipe(Effect.provide(Metrics.layerTest))
  )

  it.effect("counts one metric through two handles", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      for (let handle = 0; handle < 2; handle++) {
        metrics.counter("b_total", { description: "B.", labels: ["x"] }).add(1, { x: "y" })
      }
      assert.include(yield* metrics.render, 'b_total{x="y"} 2\n')
    }).pipe(Effect.provide(Metrics.layerTest))
  )

  it.effect("shows what others have counted in the same registry, and the test Layer does not", () =>
    Effect.gen(function* () {
      yield* Metric.update(Metric.counter("elsewhere_total"), 3)
      const shared = yield* Effect.provide(
        Metrics.use(({ render }) => render),
        Metrics.layer
      )
      assert.include(shared, "elsewhere_total 3")
      const own = yield* Effect.provide(
        Metrics.use(({ render }) => render),
        Metrics.layerTest
      )
      assert.strictEqual(own, "")
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})

describe("what Effect calls unstable", () => {
  it("is not loaded by who only logs and counts", async () => {
    const { code, stdout } = await runNode("test/telemetry/stable.ts", [])
    assert.deepStrictEqual([code, stdout], [0, "function object\n"])
  })
})
