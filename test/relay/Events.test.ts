/**
 * The relay's events: everybody who listens is told, a listener that fails harms nobody, and an answer's events tell its
 * whole story.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Random } from "effect"
import { CollectedEvents, EventLog, Metrics } from "effect-resilience/telemetry"
import { ChannelResponseTimeExceeded, DoRequestFailed } from "effect-resilience/errors"
import { LastAsked, makeListeners, RelayEvents, type RelayEvent, sinkOf } from "#src/relay/index"
import { Script } from "effect-resilience/testing"
import { askAndRead, channel, options, passUntil, virtualRelay, whole } from "./virtual.ts"

const answerAsking = () =>
  ({
    requestId: "req_1",
    streamId: "stream_1",
    owner: "alice",
    group: "default",
    model: "m",
    listed: true,
    dialect: "chat",
    delivery: "stream",
    asked: new LastAsked()
  }) as const
const answer = answerAsking()

describe("who listens", () => {
  it("every sink is told every event, in the order in which they were added, until it is removed", () => {
    const { add, tell } = makeListeners()
    const told: Array<string> = []
    add(
      "one",
      sinkOf(({ _tag }) => void told.push(`one ${_tag}`))
    )
    const remove = add(
      "two",
      sinkOf(({ _tag }) => void told.push(`two ${_tag}`))
    )
    tell({ _tag: "RelayStopping", active: 0 })
    remove()
    tell({ _tag: "RelayStopped", clean: true })
    assert.deepStrictEqual(told, ["one RelayStopping", "two RelayStopping", "one RelayStopped"])
  })

  it("a sink that throws harms nobody: the others are told, and that it threw is told once", () => {
    const { add, tell } = makeListeners()
    const told: Array<RelayEvent> = []
    add(
      "broken",
      sinkOf(() => {
        throw new Error("no")
      })
    )
    add(
      "well",
      sinkOf((event) => void told.push(event))
    )
    for (let i = 0; i < 3; i++) tell({ _tag: "RelayStopping", active: i })
    assert.deepStrictEqual(
      told.map((event) => (event._tag === "RelayErred" ? event.error.message : event._tag)),
      ["the sink broken failed on RelayStopping: Error: no", "RelayStopping", "RelayStopping", "RelayStopping"]
    )
  })

  it("sinks that all throw end: nobody is left to be told", () => {
    const { add, tell } = makeListeners()
    let calls = 0
    for (const name of ["a", "b"]) {
      add(
        name,
        sinkOf(() => {
          calls++
          throw new Error(name)
        })
      )
    }
    tell({ _tag: "RelayStopped", clean: true })
    assert.isAtMost(calls, 6)
  })

  it.effect("layerSink adds a sink for as long as its Layer lives", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const { tell } = yield* RelayEvents
      const sink = Effect.succeed(sinkOf(({ _tag }) => void told.push(_tag)))
      yield* Effect.scoped(
        Effect.andThen(
          Layer.build(RelayEvents.layerSink("test", sink)),
          Effect.sync(() => tell({ _tag: "RelayStopping", active: 1 }))
        )
      )
      tell({ _tag: "RelayStopped", clean: true })
      assert.deepStrictEqual(told, ["RelayStopping"])
    }).pipe(Effect.provide(RelayEvents.layerSilent))
  )
})

describe("log and metrics", () => {
  const telemetry = Layer.provideMerge(RelayEvents.layer, Layer.merge(EventLog.layerTest, Metrics.layerTest))

  it.effect("each event that is a line has the contract's name and fields, in their order", () =>
    Effect.gen(function* () {
      const { tell } = yield* RelayEvents
      const { events } = yield* CollectedEvents
      const error = new DoRequestFailed({ message: "no route: hello", upstream: { message: "hello", code: "boom" } })
      const entry = {
        attempt: 1,
        channel: "a",
        key: 0,
        model: "m",
        mode: undefined,
        status: undefined,
        blame: "transport",
        code: "do_request_failed",
        durationMillis: 1234
      } as const
      const ended = {
        tokenCount: 30,
        attempts: 1,
        credits: 5,
        continuations: 0,
        dropped: [],
        trail: [entry],
        firstContentMillis: 20,
        durationMillis: 2000
      }
      const usage = { inputTokens: 1, outputTokens: 2, estimated: true }
      const answer = answerAsking()
      tell({ _tag: "StreamStarted", answer, messageLength: 5 })
      answer.asked.began({ attempt: 1, channel: "a", key: 0, model: "m" })
      tell({ _tag: "AttemptBegan", answer, attempt: 1, channel: "a", key: 0, model: "m", mode: undefined })
      answer.asked.ended(entry)
      tell({ _tag: "AttemptEnded", answer, entry, error, firstContentMillis: undefined })
      tell({
        _tag: "AttemptEnded",
        answer,
        entry: { ...entry, key: -1, status: 500, upstreamRequestId: "theirs" },
        error: new ChannelResponseTimeExceeded({ phase: "idle", limitMillis: 60_000, elapsedMillis: 60_005 }),
        said: "***",
        firstContentMillis: 1
      })
      tell({ _tag: "ReaderClosed", requestId: "req_2", streamId: "stream_1" })
      const well = { ...entry, attempt: 2, channel: "b", blame: undefined, code: undefined }
      tell({ _tag: "StreamEnded", answer, error: undefined, ended: "estimated", usage, ...ended, trail: [entry, well] })
      tell({ _tag: "StreamEnded", answer, error, ended: undefined, usage, ...ended })
      tell({ _tag: "ReaderClosed", requestId: "req_2", streamId: "stream_1" })
      tell({ _tag: "ChannelAdded", channel: "a" })
      tell({ _tag: "ChannelChanged", channel: "a", from: "enabled", to: "open", blame: "timeout" })
      tell({ _tag: "ChannelChanged", channel: "a", from: "open", to: "enabled", blame: undefined })
      tell({ _tag: "RelayStarted", port: 80, channels: 2 })
      tell({ _tag: "RelayStopping", active: 3 })
      tell({ _tag: "RelayStopped", clean: false })
      tell({ _tag: "RelayErred", requestId: "req_3", error })
      const ids = `"request_id":"req_1","stream_id":"stream_1"`
      const reader = `"request_id":"req_2","stream_id":"stream_1"`
      const asked = `"token_name":"alice","model":"m"`
      const place = (channel: string) => `"channel":"${channel}","key":0,"channel_model":"m"`
      const yielded = `"token_count":30,"first_content_ms":20,"duration":2,"input_tokens":1,"output_tokens":2,"estimated":true`
      const late =
        `"class":"timeout","code":"channel:response_time_exceeded",` +
        `"error":"The upstream did not answer in time: nothing more came in 60.01 s, limit 60 s.",` +
        `"clock":"idle","limit_ms":60000,"elapsed_ms":60005`
      const fault = `"class":"transport","code":"do_request_failed","error":"no route (boom)"`
      assert.deepStrictEqual(
        events.map(({ event, fields, level }) => `${level} ${event} ${JSON.stringify(fields)}`),
        [
          `info stream_started {${ids},${asked},"message_length":5}`,
          `warning attempt_failed {${ids},${asked},"channel":"a","key":0,"channel_model":"m","attempt":1,${fault},"upstream_code":"boom","duration":1.234}`,
          `warning attempt_failed {${ids},${asked},"channel":"a","channel_model":"m","attempt":1,${late},"status_code":500,"upstream_message":"***","upstream_request_id":"theirs","first_content_ms":1,"duration":1.234}`,
          `info stream_closed {${reader},${asked},${place("a")},"attempts":1,"status":"streaming"}`,
          `info stream_completed {${ids},${asked},${place("b")},"attempts":1,"failovers":1,"continuations":0,"trail":"a#0=transport,b#0=ok","ended":"estimated",${yielded},"tokens_per_second":15}`,
          `error stream_error {${ids},${asked},${place("a")},"attempts":1,"failovers":0,"continuations":0,${fault},${yielded}}`,
          `info stream_closed {${reader},${asked},${place("a")},"attempts":1,"status":"completed"}`,
          `warning channel_open {"channel":"a","class":"timeout"}`,
          `info channel_enabled {"channel":"a"}`,
          `info relay_started {"port":80,"channels":2}`,
          `info relay_stopping {"active":3}`,
          `info relay_stopped {"clean":false}`,
          `error relay_error {"request_id":"req_3",${fault}}`
        ]
      )
    }).pipe(Effect.provide(telemetry))
  )

  it.effect("an answer that is abandoned is under way no more, and did not end", () =>
    Effect.gen(function* () {
      const { tell } = yield* RelayEvents
      tell({ _tag: "StreamStarted", answer, messageLength: 5 })
      tell({
        _tag: "StreamAbandoned",
        answer,
        error: undefined,
        ended: undefined,
        tokenCount: 3,
        usage: { inputTokens: 1, outputTokens: 3, estimated: true },
        credits: 0,
        attempts: 1,
        continuations: 0,
        dropped: [],
        trail: [],
        firstContentMillis: 2,
        durationMillis: 5
      })
      const text = yield* (yield* Metrics).render
      assert.include(text, "\nactive_streams 0\n")
      assert.notInclude(text, "stream_duration_seconds_count")
    }).pipe(Effect.provide(telemetry))
  )
})

describe("an answer's story", () => {
  it.effect("a first channel that fails and a second that answers, each with what later sinks need", () => {
    const { layer } = virtualRelay(
      options([channel("a", { priority: 1 }), channel("b", { modelMapping: [["*", "b-model"]] })]),
      { a: [Script.status(401)], b: [whole] }
    )
    return Effect.gen(function* () {
      const told: Array<RelayEvent> = []
      const { add } = yield* RelayEvents
      add(
        "test",
        sinkOf((event) => void told.push(event))
      )
      const { answer, reader } = yield* askAndRead()
      yield* passUntil(() => reader.terminals() > 0)
      assert.deepStrictEqual(
        told.map(({ _tag }) => _tag),
        [
          "StreamStarted",
          "AttemptBegan",
          "AttemptEnded",
          "FailedOver",
          "AttemptBegan",
          "Committed",
          "AttemptEnded",
          "StreamEnded"
        ]
      )
      const ref = {
        requestId: "req_test",
        streamId: answer.id,
        owner: "",
        group: "default",
        model: "m",
        listed: true,
        dialect: "chat",
        delivery: "stream",
        asked: {},
        traceId: undefined,
        address: undefined
      }
      for (const event of told)
        if ("answer" in event) assert.deepStrictEqual({ ...event.answer, asked: {} } as object, ref)
      const [first, second] = told.filter((event) => event._tag === "AttemptEnded")
      assert.deepInclude(first?.entry as object, { channel: "a", key: 0, status: 401, blame: "credential" })
      assert.strictEqual(first?.error?.upstream?.status, 401)
      assert.isUndefined(first?.firstContentMillis)
      assert.deepInclude(second?.entry as object, { attempt: 2, channel: "b", model: "b-model", blame: undefined })
      assert.isNumber(second?.firstContentMillis)
      const [end] = told.filter((event) => event._tag === "StreamEnded")
      assert.isUndefined(end?.error)
      assert.strictEqual(end?.attempts, 2)
      assert.strictEqual(end?.trail.length, 2)
      assert.isTrue(end?.usage.estimated)
      assert.isAbove(end!.durationMillis, end!.firstContentMillis!)
    }).pipe(Effect.provide(layer), Random.withSeed("story"))
  })
})
