/**
 * Metrics say of which channel, model and token, and what a scrape reads is bounded whatever clients ask for.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { DoRequestFailed } from "effect-resilience/errors"
import { Metrics } from "effect-resilience/telemetry"
import { type AnswerRef, LastAsked, metricsSink, type Sink } from "#src/relay/index"

const usage = { inputTokens: 3, outputTokens: 4, estimated: false }
const error = new DoRequestFailed({})

const entry = {
  attempt: 1,
  key: 0,
  model: "there",
  mode: undefined,
  status: 200,
  blame: undefined,
  code: undefined,
  durationMillis: 10
} as const

type Ref = AnswerRef & { readonly asked: LastAsked }

/** An answer, from its beginning to its end. */
const play = (sink: Sink, answer: Ref, channel: string, failed = false): void => {
  const failure = failed ? error : undefined
  const at = { ...entry, channel, ...(failed ? ({ blame: "transport", code: "do_request_failed" } as const) : {}) }
  sink.StreamStarted({ _tag: "StreamStarted", answer, messageLength: 5 })
  answer.asked.began({ attempt: 1, channel, key: 0, model: "there" })
  sink.AttemptBegan({ _tag: "AttemptBegan", answer, attempt: 1, channel, key: 0, model: "there", mode: undefined })
  answer.asked.ended(at)
  sink.AttemptEnded({ _tag: "AttemptEnded", answer, entry: at, error: failure, firstContentMillis: 70 })
  sink.StreamEnded({
    _tag: "StreamEnded",
    answer,
    error: failure,
    ended: failed ? undefined : "complete",
    tokenCount: 4,
    usage,
    attempts: 1,
    credits: 5,
    continuations: 0,
    dropped: [],
    trail: [at],
    firstContentMillis: 70,
    durationMillis: 2000
  })
}

const answerOf = (at: number, more: Partial<Ref> = {}): Ref => ({
  requestId: `req_${at}`,
  streamId: `stream_${at}`,
  owner: "",
  group: "default",
  model: "m",
  listed: true,
  dialect: "chat",
  delivery: "stream",
  asked: new LastAsked(),
  ...more
})

const seriesIn = (text: string): ReadonlyArray<string> =>
  text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))

describe("metrics by channel, model and token", () => {
  it.effect("count each answer once, with its outcome and whose fault it was", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      const sink = metricsSink(metrics)
      play(sink, answerOf(1, { owner: "alice" }), "a")
      play(sink, answerOf(2), "b", true)
      const text = yield* metrics.render
      for (const line of [
        'relay_answers_total{channel="a",model="m",token="alice",outcome="completed",class="ok"} 1',
        'relay_answers_total{channel="b",model="m",token="none",outcome="error",class="transport"} 1',
        'relay_tokens_total{channel="a",model="m",token="alice",direction="input"} 3',
        'relay_tokens_total{channel="a",model="m",token="alice",direction="output"} 4',
        'relay_model_attempts_total{channel="b",model="m",class="transport"} 1',
        'relay_first_content_seconds_bucket{channel="a",model="m",le="0.1"} 1',
        'relay_answer_duration_seconds_count{channel="a",model="m",outcome="completed"} 1'
      ]) {
        assert.include(text, line)
      }
    }).pipe(Effect.provide(Metrics.layerTest))
  )

  it.effect("10,000 made-up names of models are one: `other`", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      const sink = metricsSink(metrics)
      play(sink, answerOf(1), "a")
      const before = seriesIn(yield* metrics.render)
      for (let at = 2; at < 10_002; at++) {
        play(sink, answerOf(at, { model: `made-up-${at}`, listed: false }), "a", at % 2 === 0)
      }
      const after = yield* metrics.render
      assert.notInclude(after, "made-up")
      assert.isBelow(seriesIn(after).length, before.length + 100)
      assert.include(
        after,
        'relay_answers_total{channel="a",model="other",token="none",outcome="completed",class="ok"} 5000'
      )
    }).pipe(Effect.provide(Metrics.layerTest))
  )

  it.effect("of 10,000 tokens, channels and models the first are counted by themselves, and the rest together", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      const sink = metricsSink(metrics)
      const names = Array.from({ length: 10_000 }, (_, at) => `m${at}`)
      for (const [at, model] of names.entries()) {
        play(sink, answerOf(at, { model, owner: `t${at % 1000}` }), `c${at % 50}`, at % 3 === 0)
      }
      const lines = seriesIn(yield* metrics.render)
      for (const family of ["relay_answers_total", "relay_tokens_total", "relay_model_attempts_total"]) {
        const own = lines.filter((line) => line.startsWith(`${family}{`))
        assert.isAtMost(own.length, 2_010, family)
        const sum = own.reduce((total, line) => total + Number(line.split(" ").at(-1)), 0)
        assert.strictEqual(sum, family === "relay_tokens_total" ? 70_000 : 10_000, "nothing is lost")
      }
      const answers = lines.filter((line) => line.startsWith("relay_answers_total{"))
      assert.isTrue(
        answers.some((line) => line.includes('channel="other",model="other",token="other",outcome="error"'))
      )
    }).pipe(Effect.provide(Metrics.layerTest))
  )
})
