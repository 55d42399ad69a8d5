/**
 * A relay that starts on what another has left: each way in which a stream goes on or ends, as its readers see it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { QueryDataError } from "effect-resilience/errors"
import { Script } from "effect-resilience/testing"
import { JournalStoreMemory, textOf } from "#src/journal/index"
import { decodeNote } from "#src/relay/Note"
import { decodeOutcome } from "#src/relay/Outcome"
import { channel, wholeText } from "../virtual.ts"
import {
  ask,
  comeBack,
  judge,
  type Life,
  type LifeOptions,
  passing,
  recordOf,
  requestOf,
  startLife,
  type Upstreams,
  virtually
} from "./lives.ts"

const parts = wholeText.match(/.{1,9}/gs)!
const slow = Script.answer(parts).pipe(Script.usage("none"), Script.every(50), Script.startsAfter(50))
const silent = Script.silence
const one = (...scripts: ReadonlyArray<Script.Script>): Upstreams => ({ a: { scripts } })

const data = (payload: { readonly data: string } | undefined) =>
  JSON.parse(payload?.data ?? "{}") as { readonly [field: string]: unknown }

/** A life that is killed, and one after it. `asks` and `until` say how far the answer comes. */
const twoLives = Effect.fnUntraced(function* (options: {
  readonly first: Upstreams
  readonly then: Upstreams
  readonly asks?: Parameters<typeof ask>[1]
  readonly millis?: number
  readonly before?: Partial<LifeOptions>
  readonly after?: Partial<LifeOptions>
}) {
  const place = yield* JournalStoreMemory.place
  const before = yield* startLife(place, { upstreams: options.first, ...options.before })
  const { id, reader } = yield* ask(before, options.asks)
  yield* passing(() => false, options.millis ?? 500)
  yield* before.kill
  const life = yield* startLife(place, { upstreams: options.then, ...options.after })
  return { place, before, life, id, shown: reader.text() }
})

/** What a stream says in the end. */
const ended = Effect.fnUntraced(function* (
  life: Life,
  id: string,
  name: "chat" | "openai" | "responses" | "anthropic" = "chat",
  most = 120_000
) {
  for (let passed = 0; passed < most && (yield* recordOf(life, id)).endedAt === null; passed += 25) {
    yield* TestClock.adjust(25)
  }
  return judge(name, id, (yield* life.journal.frames(id, -1)).join(""))
})

const taken = ({ events }: Life): number => events.filter(({ _tag }) => _tag === "StreamTakenOver").length

describe("a stream whose writer is gone, taken up at the start", () => {
  it("text was shown: it goes on from the channel of before, with a failover for writer_lost", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life, shown } = yield* twoLives({ first: one(slow), then: one(slow) })
        const { payloads, state, text } = yield* ended(life, id)
        assert.deepStrictEqual([state, text], ["whole", wholeText])
        const seam = payloads.find(({ event }) => event === "failover")
        assert.deepInclude(data(seam), {
          from: "a",
          to: "a",
          reason: "writer_lost",
          offset: judge("chat", id, shown).text.length,
          dropped: 0,
          seam: "exact"
        })
        assert.deepInclude(data(payloads.at(-1)), { attempts: 2, full_content: wholeText })
        assert.strictEqual(life.calls()[0]?.goesOn?.mode, "prefill")
      })
    ))

  it("it goes on, though messages may be no longer now than it was", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* twoLives({ first: one(slow), then: one(slow), after: { maxMessage: 2 } })
        const { state, text } = yield* ended(life, id)
        assert.deepStrictEqual([state, text], ["whole", wholeText])
      })
    ))

  it("nothing was shown: it begins anew, unseen but for the attempt", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* twoLives({ first: one(silent), then: one(slow) })
        const { payloads, state, text } = yield* ended(life, id)
        assert.deepStrictEqual([state, text], ["whole", wholeText])
        assert.deepStrictEqual(
          payloads.slice(0, 2).map(({ event }) => event),
          ["init", "attempt"]
        )
        assert.deepInclude(data(payloads[1]), { attempt: 2, reason: "writer_lost", from: "a", to: "a", delay_ms: 0 })
        assert.deepInclude(data(payloads.at(-1)), { attempts: 2 })
        assert.isUndefined(life.calls()[0]?.goesOn)
      })
    ))

  it("only reasoning was shown: it begins anew, and what it thinks then is not shown again", () =>
    virtually(
      Effect.gen(function* () {
        const thinks = Script.answer([Script.reasoning("Hm."), Script.pause(60_000), ...parts]).pipe(Script.every(50))
        const { id, life } = yield* twoLives({ first: one(thinks), then: one(slow) })
        const { payloads, state, text } = yield* ended(life, id)
        assert.deepStrictEqual([state, text], ["whole", wholeText])
        assert.isUndefined(life.calls()[0]?.goesOn)
        assert.lengthOf(
          payloads.filter(({ event }) => event === "reasoning"),
          1
        )
        assert.deepInclude(data(payloads.find(({ event }) => event === "failover")), {
          reason: "writer_lost",
          offset: 0
        })
      })
    ))

  it.each(["chat", "openai", "anthropic"] as const)(
    "the finish was known: %s is completed without an upstream, with the usage that was said",
    (dialect) =>
      virtually(
        Effect.gen(function* () {
          const said = Script.answer(["Once", " upon."]).pipe(
            Script.every(50),
            Script.usage({ inputTokens: 7, outputTokens: 11 }),
            Script.ending("finishThenStall")
          )
          const { id, life } = yield* twoLives({
            first: one(said),
            then: one(slow),
            asks: { dialect, body: dialect === "openai" ? { stream_options: { include_usage: true } } : {} }
          })
          const { state, text } = yield* ended(life, id, dialect)
          assert.deepStrictEqual([state, text], ["whole", "Once upon."])
          assert.lengthOf(life.calls(), 0)
        })
      )
  )

  const truncated = Effect.fnUntraced(function* (options: Parameters<typeof twoLives>[0], calls = 0) {
    const { id, life, shown } = yield* twoLives(options)
    const { end, state } = yield* ended(life, id)
    const had = judge("chat", id, shown).text
    assert.strictEqual(state, "error")
    assert.deepInclude(data(end), { code: "stream_truncated", recoverable: true, partial_content: had })
    assert.lengthOf(life.calls(), calls)
    assert.strictEqual(life.relay.active(), 0)
    return { id, life }
  })

  it.each<readonly [string, Parameters<typeof twoLives>[0]]>([
    ["recovery is off", { first: one(slow), then: one(slow), after: { settings: { recovery: { mode: "off" } } } }],
    [
      "no continuation is left",
      { first: one(slow), then: one(slow), after: { settings: { recovery: { maxContinuations: 0 } } } }
    ],
    [
      "no attempt is left, and nothing was shown",
      { first: one(silent), then: one(slow), after: { settings: { retry: { times: 0 } } } }
    ],
    [
      "no channel of its model is left",
      { first: one(slow), then: one(slow), after: { channels: [channel("a", { models: ["another"] })] } }
    ],
    [
      "no channel of its model is left, and nothing was shown",
      { first: one(silent), then: one(slow), after: { channels: [channel("a", { models: ["another"] })] } }
    ],
    [
      "no channel goes on",
      { first: one(slow), then: one(slow), after: { channels: [channel("a", { continuation: "none" })] } }
    ],
    ["onRestart: fail", { first: one(slow), then: one(slow), after: { journal: { onRestart: "fail" } } }],
    [
      "its request was not stored",
      { first: one(slow), then: one(slow), before: { journal: { storeRequests: false } } }
    ],
    [
      "requests are not to be used today",
      { first: one(slow), then: one(slow), after: { journal: { storeRequests: false } } }
    ],
    [
      "its token may not use the model any more",
      { first: one(slow), then: one(slow), after: { mayUse: () => Effect.succeed(false) } }
    ]
  ])("ends as truncated, recoverable, with its partial, where %s", (_, options) =>
    virtually(Effect.asVoid(truncated(options)))
  )

  it.each([
    ["is reckoned by its note", one(slow), requestOf("chat").inputEstimate()],
    [
      "cost what its upstream said of it",
      {
        a: { dialect: "anthropic" as const, scripts: [slow.pipe(Script.usage({ inputTokens: 700, outputTokens: 9 }))] }
      },
      700
    ]
  ])("where its request was not stored, what was asked %s", (_, first, inputTokens) =>
    virtually(
      Effect.gen(function* () {
        const { life } = yield* truncated({
          first,
          then: one(slow),
          before: { journal: { storeRequests: false } }
        })
        const [outcome] = yield* life.journal.outcomes("", 9)
        const { settlement, usage } = decodeOutcome(outcome!.outcome)!
        assert.isAbove(usage.outputTokens, 0)
        assert.deepInclude(usage, { inputTokens, estimated: true })
        assert.deepInclude(settlement, { credits: inputTokens + usage.outputTokens })
      })
    )
  )

  it("ends as truncated where a tool call was begun", () =>
    virtually(
      Effect.gen(function* () {
        const calls = Script.answer([
          "I look.",
          Script.toolCall({ id: "call_1", name: "look", input: ['{"a', '":1}'] })
        ]).pipe(Script.every(50))
        const { id, life } = yield* twoLives({
          first: one(calls),
          then: one(slow),
          asks: { dialect: "openai" },
          millis: 120
        })
        const { end, state } = yield* ended(life, id, "openai")
        assert.strictEqual(state, "error")
        assert.include(end?.data, '"code":"stream_truncated"')
        assert.lengthOf(life.calls(), 0)
      })
    ))

  it("n > 1: ends as truncated where something was shown, and begins anew where nothing was", () =>
    virtually(
      Effect.gen(function* () {
        const asks = { dialect: "openai", body: { n: 2 } } as const
        const shown = yield* twoLives({ first: one(slow), then: one(slow), asks })
        assert.strictEqual((yield* ended(shown.life, shown.id, "openai")).state, "error")
        assert.lengthOf(shown.life.calls(), 0)
        const unseen = yield* twoLives({ first: one(silent), then: one(slow), asks })
        yield* passing(() => unseen.life.calls().length > 0)
        assert.lengthOf(unseen.life.calls(), 1)
      })
    ))

  describe("JSON", () => {
    const value = JSON.stringify({ words: Array.from({ length: 30 }, (_, at) => `word-${at * 7919}`) })
    const pieces = value.match(/.{1,9}/gs)!
    const writes = Script.answer(pieces).pipe(Script.every(50), Script.startsAfter(50))
    const asks = { dialect: "openai", body: { response_format: { type: "json_object" } } } as const

    it("goes on as a prefill", () =>
      virtually(
        Effect.gen(function* () {
          const { id, life } = yield* twoLives({ first: one(writes), then: one(writes), asks })
          const { state, text } = yield* ended(life, id, "openai")
          assert.deepStrictEqual([state, text], ["whole", value])
          assert.strictEqual(life.calls()[0]?.goesOn?.mode, "prefill")
        })
      ))

    it.each(["message", "none"] as const)("ends as truncated where its channels go on by %s", (continuation) =>
      virtually(
        Effect.gen(function* () {
          const { id, life } = yield* twoLives({
            first: one(writes),
            then: one(writes),
            asks,
            after: { channels: [channel("a", { continuation })] }
          })
          const { end, state } = yield* ended(life, id, "openai")
          assert.strictEqual(state, "error")
          assert.include(end?.data, '"code":"stream_truncated"')
          assert.lengthOf(life.calls(), 0)
        })
      )
    )

    it("is not told as whole where what was joined does not parse", () =>
      virtually(
        Effect.gen(function* () {
          const prose = Script.answer([" and", " so", " on."]).pipe(Script.every(50))
          const { id, life } = yield* twoLives({
            first: one(writes),
            // It writes on, and not what was begun.
            then: { a: { scripts: () => prose } },
            asks
          })
          const { end, state } = yield* ended(life, id, "openai")
          assert.strictEqual(state, "error")
          assert.include(end?.data, '"code":"stream_truncated"')
        })
      ))

    it("of which nothing was shown begins anew, on whatever channel", () =>
      virtually(
        Effect.gen(function* () {
          const { id, life } = yield* twoLives({
            first: one(silent),
            then: one(writes),
            asks,
            after: { channels: [channel("a", { continuation: "message" })] }
          })
          const { state, text } = yield* ended(life, id, "openai")
          assert.deepStrictEqual([state, text], ["whole", value])
        })
      ))
  })

  it("goes on from the channel that showed it last, also where another was being asked", () =>
    virtually(
      Effect.gen(function* () {
        const breaks = slow.pipe(Script.cutAfter(4, "reset"))
        const { id, life } = yield* twoLives({
          first: { a: { scripts: [breaks] }, b: { scripts: [silent] } },
          then: { a: { scripts: [Script.status(500)] }, b: { scripts: [slow] } },
          millis: 2000
        })
        const { payloads, state, text } = yield* ended(life, id)
        assert.deepStrictEqual([state, text], ["whole", wholeText])
        assert.deepStrictEqual(
          payloads
            .filter(({ event }) => event === "failover")
            .map(({ data }) => (JSON.parse(data) as { from: string }).from),
          ["a"]
        )
      })
    ))

  it("and from the second where that was joined", () =>
    virtually(
      Effect.gen(function* () {
        const breaks = slow.pipe(Script.cutAfter(4, "reset"))
        const { id, life } = yield* twoLives({
          first: { a: { scripts: [breaks] }, b: { scripts: [slow] } },
          then: { a: { scripts: [slow] }, b: { scripts: [slow] } },
          millis: 1200
        })
        const { payloads, state, text } = yield* ended(life, id)
        assert.deepStrictEqual([state, text], ["whole", wholeText])
        assert.deepStrictEqual(
          payloads
            .filter(({ event }) => event === "failover")
            .map((payload) => [data(payload)["from"], data(payload)["to"], data(payload)["reason"]]),
          [
            ["a", "b", "do_request_failed"],
            // What has failed in this request is asked when nothing else is left.
            ["b", "b", "writer_lost"]
          ]
        )
      })
    ))

  it.each(["prefill", "message"] as const)(
    "R18: killed between its last word and its finish, by a channel that goes on by %s",
    (continuation) =>
      virtually(
        Effect.gen(function* () {
          const text = `${wholeText}.`
          const sentence = Script.answer(text.match(/.{1,9}/gs)!).pipe(Script.usage("none"), Script.every(50))
          const channels = [channel("a", { priority: 1, continuation: "prefill" }), channel("b", { continuation })]
          const { id, life, shown } = yield* twoLives({
            first: {
              a: { scripts: [sentence.pipe(Script.cutAfter(4, "reset"))] },
              // It has said all, and not that it is all.
              b: { scripts: [sentence.pipe(Script.ending("stall"))] }
            },
            then: { a: { scripts: [sentence] }, b: { scripts: [sentence] } },
            millis: 3000,
            before: { channels },
            after: { channels }
          })
          assert.strictEqual(judge("chat", id, shown).text, text)
          const told = yield* ended(life, id)
          assert.strictEqual(told.text, text)
          if (continuation === "prefill") {
            // Who wrote the end is given it as its own, and has nothing to add: that was all.
            assert.strictEqual(told.state, "whole")
          } else {
            // Both say nothing, which proves nothing: what broke it first is told, and nothing is taken back. As one body it
            // is a 502.
            assert.deepInclude(data(told.end), {
              code: "do_request_failed",
              recoverable: true,
              partial_content: text
            })
            assert.deepStrictEqual(
              life.calls().map(({ url }) => new URL(url).hostname),
              ["b", "a"]
            )
          }
        })
      )
  )

  it("its trail has the attempt that died, and lays it to no channel", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* twoLives({ first: one(slow), then: one(slow) })
        yield* ended(life, id)
        const note = decodeNote((yield* recordOf(life, id)).note)
        assert.deepStrictEqual(
          note?.trail.map(({ attempt, blame, channel, code, key, mode, model }) => ({
            attempt,
            blame,
            channel,
            code,
            key,
            mode,
            model
          })),
          [
            { attempt: 1, blame: "storage", channel: "a", code: "lease_lost", key: 0, mode: undefined, model: "m" },
            { attempt: 2, blame: undefined, channel: "a", code: undefined, key: 0, mode: "prefill", model: "m" }
          ]
        )
        assert.deepInclude(note, { status: "completed", model: "m", open: undefined })
        const end = life.events.find((event) => event._tag === "StreamEnded")
        // Its first content was shown by the process before.
        assert.strictEqual(end?._tag === "StreamEnded" ? end.firstContentMillis : undefined, 100)
        const [outcome] = yield* life.journal.outcomes("", 9)
        assert.deepInclude(JSON.parse(textOf(outcome?.outcome ?? "{}")), {
          status: "completed",
          attempts: 2,
          requestId: "req_test"
        })
      })
    ))

  it("what it shows is counted over its whole life", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const unbroken = yield* startLife(place, { upstreams: one(slow) })
        const once = yield* ask(unbroken)
        const usage = data((yield* ended(unbroken, once.id)).end)["usage"]
        const { id, life } = yield* twoLives({ first: one(slow), then: one(slow), millis: 1000 })
        const { end } = yield* ended(life, id)
        const { output_tokens: tokens } = data(end)["usage"] as { readonly output_tokens: number }
        const { output_tokens: expected } = usage as { readonly output_tokens: number }
        // Each part is rounded up.
        assert.closeTo(tokens, expected, 1)
        assert.strictEqual(data(end)["token_count"], parts.length)
      })
    ))
})

describe("whose client may come back", () => {
  const leaving = { asks: { dialect: "openai", leave: "cancel" }, first: one(slow), then: one(slow) } as const

  it("on a route that cancels nothing is done until it comes", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* twoLives(leaving)
        yield* TestClock.adjust(59_000)
        assert.strictEqual(taken(life), 0)
        assert.lengthOf(life.calls(), 0)
        const reader = yield* comeBack(life, id)
        yield* passing(() => reader.terminals() > 0)
        const { state, text } = judge("openai", id, reader.text())
        assert.deepStrictEqual([state, text], ["whole", wholeText])
      })
    ))

  it("and where it does not come in journal.detachGrace it ends as client_gone", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* twoLives(leaving)
        yield* TestClock.adjust(60_001)
        const { end, state } = yield* ended(life, id, "openai")
        assert.strictEqual(state, "error")
        assert.include(end?.data, '"code":"client_gone"')
        assert.lengthOf(life.calls(), 0)
        assert.strictEqual((yield* recordOf(life, id)).request, "")
      })
    ))

  it("one that was to be fetched later goes on to its end, whoever reads it, and however often its process dies", () =>
    virtually(
      Effect.gen(function* () {
        // Five minutes of an answer: five times as long as one goes on that nobody reads.
        const patient = one(slow.pipe(Script.every(8000)))
        const background = {
          dialect: "responses",
          leave: "stay",
          body: { background: true },
          timeoutMillis: 3_600_000
        } as const
        const { id, life } = yield* twoLives({ asks: background, first: patient, then: patient })
        yield* TestClock.adjust(1000)
        assert.strictEqual(taken(life), 1)
        const reader = yield* comeBack(life, id)
        yield* TestClock.adjust(1000)
        reader.close()
        const { state, text } = yield* ended(life, id, "responses", 900_000)
        assert.deepStrictEqual([state, text], ["whole", wholeText])
      })
    ))

  it("one that comes and leaves again ends it, as on any such route", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* twoLives(leaving)
        const reader = yield* comeBack(life, id)
        yield* TestClock.adjust(200)
        reader.close()
        yield* TestClock.adjust(1)
        assert.include((yield* ended(life, id, "openai")).end?.data, '"code":"client_gone"')
        assert.isTrue(life.calls().every(({ state }) => state !== "open"))
      })
    ))

  it("stream: false ends as client_gone at once: who asked is gone", () =>
    virtually(
      Effect.gen(function* () {
        const asks = { dialect: "openai", leave: "cancel", body: { stream: false } } as const
        const { id, life } = yield* twoLives({ ...leaving, asks })
        yield* TestClock.adjust(1)
        assert.include((yield* ended(life, id, "openai", 1)).end?.data, '"code":"client_gone"')
        assert.lengthOf(life.calls(), 0)
      })
    ))

  it("on a route that detaches the grace counts from the take-over", () =>
    virtually(
      Effect.gen(function* () {
        const long = Script.answer(parts).pipe(Script.every(5000))
        const { id, life } = yield* twoLives({ first: one(long), then: one(long), millis: 55_000 })
        yield* TestClock.adjust(59_000)
        assert.isDefined(life.journal.live(id))
        yield* TestClock.adjust(2000)
        const { end } = yield* ended(life, id)
        assert.deepInclude(data(end), { code: "client_gone" })
        assert.isTrue(life.calls().every(({ state }) => state !== "open"))
      })
    ))

  it("of nobody who has come yet it is not left: what breaks is gone on with", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* twoLives({
          first: one(slow),
          then: one(slow.pipe(Script.cutAfter(3, "reset")), slow)
        })
        const { state, text } = yield* ended(life, id)
        assert.deepStrictEqual([state, text], ["whole", wholeText])
        assert.lengthOf(life.calls(), 2)
      })
    ))

  it("also of one that has come and left again, while its grace lasts", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* twoLives({
          first: one(slow),
          then: one(slow.pipe(Script.cutAfter(8, "reset")), slow)
        })
        const reader = yield* comeBack(life, id)
        yield* passing(() => false, 200)
        reader.close()
        const { state, text } = yield* ended(life, id)
        assert.deepStrictEqual([state, text], ["whole", wholeText])
        assert.lengthOf(life.calls(), 2)
      })
    ))

  it("and one that comes in that time keeps it going", () =>
    virtually(
      Effect.gen(function* () {
        const long = Script.answer(parts).pipe(Script.every(2000))
        const { id, life } = yield* twoLives({
          first: one(long),
          then: one(long),
          millis: 30_000,
          after: { journal: { resumeGrace: 300_000 } }
        })
        yield* TestClock.adjust(30_000)
        const reader = yield* comeBack(life, id)
        yield* passing(() => reader.terminals() > 0, 200_000, 1000)
        assert.strictEqual(judge("chat", id, reader.text()).text, wholeText)
      })
    ))
})

describe("how long it may go on", () => {
  const long = Script.answer(parts).pipe(Script.every(500))
  const lain = Effect.fnUntraced(function* (then: Upstreams) {
    const place = yield* JournalStoreMemory.place
    const before = yield* startLife(place, { upstreams: one(long) })
    const { id } = yield* ask(before, { timeoutMillis: 20_000 })
    yield* TestClock.adjust(5000)
    yield* before.kill
    // Longer than it may take in all, and within its retention.
    yield* TestClock.adjust(300_000)
    const life = yield* startLife(place, { upstreams: then })
    return { id, life }
  })

  it("at least journal.resumeGrace is given, however long it lay dead", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* lain(one(long))
        const { state, text } = yield* ended(life, id)
        assert.deepStrictEqual([state, text], ["whole", wholeText])
      })
    ))

  it("and no more, where its own time is over", () =>
    virtually(
      Effect.gen(function* () {
        const { id, life } = yield* lain({ a: { scripts: [Script.answer(parts).pipe(Script.every(4000))] } })
        yield* TestClock.adjust(29_900)
        assert.isDefined(life.journal.live(id))
        yield* TestClock.adjust(200)
        const { end } = yield* ended(life, id, "chat", 1000)
        assert.deepInclude(data(end), { code: "deadline_exceeded" })
      })
    ))

  it("its own time, where that is longer", () =>
    virtually(
      Effect.gen(function* () {
        const slowest = Script.answer(parts).pipe(Script.every(1000))
        const { id, life } = yield* twoLives({
          first: one(slowest),
          then: one(slowest),
          after: { journal: { resumeGrace: 1000 } }
        })
        const { state } = yield* ended(life, id)
        assert.strictEqual(state, "whole")
      })
    ))
})

describe("journal.takeOverAtOnce", () => {
  const long = Script.answer(parts).pipe(Script.every(100))

  it("so many go on at the same time, oldest first, from claim to terminal event; what a client asks for is not counted", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const before = yield* startLife(place, { upstreams: one(long) })
        const ids: Array<string> = []
        for (let n = 0; n < 6; n++) {
          ids.push((yield* ask(before)).id)
          yield* TestClock.adjust(10)
        }
        yield* TestClock.adjust(500)
        yield* before.kill
        const life = yield* startLife(place, { upstreams: one(long), journal: { takeOverAtOnce: 2 } })
        const live = () => ids.filter((id) => life.journal.live(id) !== undefined)
        yield* TestClock.adjust(300)
        assert.deepStrictEqual(live(), ids.slice(0, 2))
        const reader = yield* comeBack(life, ids[5]!)
        yield* TestClock.adjust(300)
        assert.deepStrictEqual(live(), [ids[0], ids[1], ids[5]])
        let most = 0
        yield* passing(() => {
          most = Math.max(most, live().length)
          return taken(life) === 6 && life.relay.active() === 0
        })
        assert.strictEqual(most, 3)
        assert.strictEqual(reader.terminals(), 1)
        for (const id of ids) {
          assert.deepInclude(yield* ended(life, id), { state: "whole", text: wholeText })
        }
        // Each was asked for once.
        assert.lengthOf(life.calls(), 6)
      })
    ))

  it("what waits for its client takes no place", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const before = yield* startLife(place, { upstreams: one(long) })
        for (let n = 0; n < 3; n++) yield* ask(before, { leave: "cancel" })
        const last = yield* ask(before)
        yield* TestClock.adjust(500)
        yield* before.kill
        const life = yield* startLife(place, { upstreams: one(long), journal: { takeOverAtOnce: 1 } })
        yield* TestClock.adjust(100)
        assert.isDefined(life.journal.live(last.id))
      })
    ))
})

describe("what cannot be read", () => {
  it("a dialect that is not known is a fault of each who asks, and nothing of it is lost", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const before = yield* startLife(place, { upstreams: one(slow) })
        const lease = before.journal.create({ dialect: "morse", owner: "", request: "-- ---", note: ".-" })
        lease.append("id: 0\n\n")
        yield* TestClock.adjust(1)
        yield* before.kill
        const life = yield* startLife(place, { upstreams: one(slow) })
        yield* TestClock.adjust(1)
        const told = life.events.filter(({ _tag }) => _tag === "RelayErred")
        assert.isAtLeast(told.length, 1)
        const record = yield* recordOf(life, lease.id)
        for (let n = 0; n < 2; n++) {
          const fault = yield* Effect.flip(life.relay.adopt(record))
          assert.instanceOf(fault, QueryDataError)
          assert.include(fault.message, "morse")
        }
        assert.deepInclude(yield* recordOf(life, lease.id), {
          writer: "gone",
          endedAt: null,
          length: 1,
          request: "-- ---",
          note: ".-"
        })
      })
    ))

  it("a note of another version ends as truncated, with what was shown, and is told", () =>
    virtually(
      Effect.gen(function* () {
        const place = yield* JournalStoreMemory.place
        const before = yield* startLife(place, { upstreams: one(slow) })
        const { answer, id } = yield* ask(before)
        yield* TestClock.adjust(500)
        answer.lease.note(() => '{"version":99,"status":"streaming"}')
        yield* TestClock.adjust(1)
        yield* before.kill
        const life = yield* startLife(place, { upstreams: one(slow) })
        const { end, text } = yield* ended(life, id)
        assert.deepInclude(data(end), { code: "stream_truncated", partial_content: text })
        assert.isAbove(text.length, 0)
        assert.deepStrictEqual(
          life.events.map(({ _tag }) => _tag).filter((tag) => tag !== "ChannelAdded"),
          ["StreamTakenOver", "StreamEnded"]
        )
        const [outcome] = yield* life.journal.outcomes("", 9)
        assert.deepInclude(JSON.parse(textOf(outcome?.outcome ?? "{}")), { status: "error", code: "stream_truncated" })
      })
    ))

  it("tokens that cannot be looked up are a fault of each who asks, until they can", () =>
    virtually(
      Effect.gen(function* () {
        let away = true
        const mayUse = () =>
          Effect.suspend(() =>
            away ? Effect.fail(new QueryDataError({ message: "the books are away" })) : Effect.succeed(true)
          )
        const { id, life } = yield* twoLives({ first: one(slow), then: one(slow), after: { mayUse } })
        assert.instanceOf(yield* Effect.flip(life.relay.adopt(yield* recordOf(life, id))), QueryDataError)
        assert.isUndefined(life.journal.live(id))
        away = false
        // Nobody has to ask again.
        const { state, text } = yield* ended(life, id)
        assert.deepStrictEqual([state, text], ["whole", wholeText])
      })
    ))
})
