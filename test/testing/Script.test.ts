/**
 * A script in the words of each upstream dialect: what it says is what was scripted, and each fault is what it is called.
 * Whether those words are a vendor's is another matter: see `Fixtures.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { ChannelInvalidKey, UpstreamOverloaded } from "effect-resilience/errors"
import { Script } from "effect-resilience/testing"
import { classify, upstreamDialectNames } from "#src/dialect/index"
import { stepsAfter } from "#src/testing/GoingOn"
import { eventsOf, eventsOfWhole, goingOnFrom, type Played, playedTo, questionOf, summaryOf } from "./kit.ts"

const text = "Once upon a time a small relay"

describe.each(upstreamDialectNames)("a script, played by an upstream of %s", (dialect) => {
  const ask = questionOf(dialect)
  // Gemini's answers have no terminator.
  const done = dialect !== "gemini"
  const streamOf = (script: Script.Script, question = ask) => {
    const played = playedTo(script, dialect, question)
    return { ...played, ...summaryOf(eventsOf(dialect, played.body)) }
  }

  it("is a good answer by default: all its words, its finish, its terminator, a clean end", () => {
    const answer = streamOf(Script.answer(text))
    assert.deepInclude(answer, { status: 200, ends: "End", text, finish: "stop", done, fault: undefined })
    assert.match(answer.contentType, /^text\/event-stream/)
  })

  it("comes in its steps, each an event of its own", () => {
    const deltas = eventsOf(dialect, playedTo(Script.answer(text), dialect, ask).body).flatMap((event) =>
      event._tag === "Delta" && event.text !== "" ? [event.text] : []
    )
    assert.deepStrictEqual(deltas, ["Once", " upon", " a", " time", " a", " small", " relay"])
  })

  it("tells reasoning, refusals, and tool calls with their input, numbered as they come", () => {
    const answer = streamOf(
      Script.answer([
        Script.reasoning("Hm"),
        Script.reasoning(", well"),
        "I look. ",
        Script.toolCall({ id: "call_1", name: "weather", input: ['{"city":', '"Oslo"}'] }),
        Script.toolCall({ id: "call_2", name: "time", input: ["{}"] })
      ])
    )
    assert.deepInclude(answer, { reasoning: "Hm, well", text: "I look. ", finish: "tool-calls", done })
    assert.deepStrictEqual(answer.calls, [
      { id: "call_1", name: "weather", input: '{"city":"Oslo"}' },
      { id: "call_2", name: "time", input: "{}" }
    ])
  })

  it("tells why it ended", () => {
    assert.strictEqual(streamOf(Script.answer("a").pipe(Script.finish("length"))).finish, "length")
    assert.strictEqual(streamOf(Script.answer("a").pipe(Script.finish("content-filter"))).finish, "content-filter")
  })

  it("tells the usage that is said", () => {
    const usage = { inputTokens: 3, outputTokens: 99 }
    assert.deepStrictEqual(streamOf(Script.answer("a").pipe(Script.usage(usage))).usage, { input: 3, output: 99 })
  })

  interface Expected {
    readonly ends: Played["ends"]
    readonly text: string
    readonly finish: "stop" | undefined
    readonly done: boolean
    readonly fault: string | undefined
  }
  const endings: ReadonlyArray<readonly [Script.Ending, Expected]> = [
    ["reset", { ends: "Reset", text: "Once upon a", finish: undefined, done: false, fault: undefined }],
    ["end", { ends: "End", text: "Once upon a", finish: undefined, done: false, fault: undefined }],
    ["stall", { ends: "open", text: "Once upon a", finish: undefined, done: false, fault: undefined }],
    ["insideEvent", { ends: "End", text: "Once upon a", finish: undefined, done: false, fault: undefined }],
    ["insideChunk", { ends: "CutChunk", text: "Once upon a", finish: undefined, done: false, fault: undefined }],
    ["garbageFrame", { ends: "End", text: "Once upon a", finish: undefined, done: false, fault: "BadResponseBody" }],
    ["withoutTerminator", { ends: "End", text: "Once upon a", finish: "stop", done: false, fault: undefined }],
    ["withoutFinish", { ends: "End", text: "Once upon a", finish: undefined, done, fault: undefined }],
    ["finishThenStall", { ends: "open", text: "Once upon a", finish: "stop", done: false, fault: undefined }],
    ["finishThenReset", { ends: "Reset", text: "Once upon a", finish: "stop", done: false, fault: undefined }],
    ["whole", { ends: "End", text: "Once upon a", finish: "stop", done, fault: undefined }]
  ]
  // The end of a response is its terminator.
  const ownOf = (expected: Expected): Expected =>
    dialect === "responses" ? { ...expected, done: expected.finish !== undefined } : expected

  it.each(endings)("after three steps ends by %s", (ending, expected) => {
    assert.deepInclude(streamOf(Script.answer(text).pipe(Script.cutAfter(3, ending))), ownOf(expected))
  })

  it.each(endings.filter(([ending]) => ending !== "garbageFrame"))(
    "after all its steps ends by %s",
    (ending, expected) => {
      assert.deepInclude(streamOf(Script.answer("Once upon a").pipe(Script.ending(ending))), ownOf(expected))
    }
  )

  it("cut inside an event, the half that came is no event", () => {
    const answer = streamOf(Script.answer("a b").pipe(Script.cutAfter(1, "insideEvent")))
    assert.strictEqual(answer.text, "a")
    assert.isFalse(answer.body.endsWith("\n\n"))
    const whole = streamOf(Script.answer("a b").pipe(Script.cutAfter(1, "end")))
    assert.isTrue(answer.body.startsWith(whole.body))
    assert.isAbove(answer.body.length, whole.body.length)
  })

  it("after a frame of garbage all the rest comes", () => {
    const { body } = streamOf(Script.answer(text).pipe(Script.cutAfter(3, "garbageFrame")))
    const rest = body.replace("data: {not json\n\n", "")
    assert.notStrictEqual(rest, body)
    assert.deepInclude(summaryOf(eventsOf(dialect, rest)), { text, finish: "stop", done })
  })

  it("an error inside the stream is one, in the dialect's words", () => {
    const answer = streamOf(Script.answer(text).pipe(Script.cutAfter(2, Script.errorFrame())))
    assert.strictEqual(answer.text, "Once upon")
    assert.isDefined(answer.fault)
    assert.strictEqual(answer.ends, "End")
    assert.isFalse(answer.done)
    const bad = streamOf(Script.answer(text).pipe(Script.ending(Script.errorFrame(new ChannelInvalidKey({})))))
    assert.strictEqual(bad.text, text)
    assert.isDefined(bad.fault)
  })

  it("an event may be said byte by byte", () => {
    const answer = streamOf(Script.answer("a").pipe(Script.ending(Script.frame({ event: "odd", data: "{}" }))))
    assert.isTrue(answer.body.endsWith("event: odd\ndata: {}\n\n"))
    assert.strictEqual(answer.ends, "End")
  })

  it("pauses, pings and paces let time pass and say nothing; the count does not count them", () => {
    const parts = [Script.ping, "a", Script.pause(1000), Script.ping, "b", "c"]
    const script = Script.answer(parts).pipe(Script.startsAfter(7), Script.every(10), Script.cutAfter(2, "end"))
    const answer = streamOf(script)
    assert.deepInclude(answer, { text: "ab", millis: 1027 })
    const { body } = streamOf(Script.answer(["a", "b"]).pipe(Script.ending("end")))
    assert.isAbove(answer.body.length, body.length)
  })

  describe("of a request that asks for no stream", () => {
    const wholeOf = (script: Script.Answer) => {
      const played = playedTo(script, dialect, questionOf(dialect, { stream: false }))
      return { ...played, ...summaryOf(eventsOfWhole(dialect, played.body, played.status)) }
    }
    it("is one body that says the same", () => {
      const answer = wholeOf(
        Script.answer([Script.reasoning("Hm."), text, Script.toolCall({ id: "c", name: "f", input: ["{", "}"] })])
      )
      assert.deepInclude(answer, { status: 200, ends: "End", text, reasoning: "Hm.", finish: "tool-calls", done: true })
      assert.deepStrictEqual(answer.calls, [{ id: "c", name: "f", input: "{}" }])
      assert.match(answer.contentType, /^application\/json/)
    })
    it("comes after the time that its steps take", () => {
      const script = Script.answer(["a", Script.pause(1000), "b"]).pipe(Script.startsAfter(7), Script.every(10))
      assert.strictEqual(wholeOf(script).millis, 1027)
    })
    it.each([
      ["reset", "Reset"],
      ["end", "End"],
      ["stall", "open"],
      ["insideChunk", "CutChunk"]
    ] as const)("by %s half of the body comes", (ending, ends) => {
      const whole = wholeOf(Script.answer(text)).body
      const answer = wholeOf(Script.answer(text).pipe(Script.ending(ending)))
      assert.strictEqual(answer.ends, ends)
      assert.strictEqual(answer.body, whole.slice(0, Math.ceil(whole.length / 2)))
    })
    it("an error is an error's status", () => {
      const answer = wholeOf(Script.answer(text).pipe(Script.ending(Script.errorFrame())))
      assert.isAbove(answer.status, 499)
      assert.isDefined(answer.fault)
    })
  })

  describe("asked to go on", () => {
    const partial = "Once upon a ti"
    const [prefill, message] = [goingOnFrom(dialect, partial), goingOnFrom(dialect, partial, "Go on.")]

    it("says what is left, from the very letter", () => {
      for (const question of [prefill, message]) {
        assert.strictEqual(streamOf(Script.answer(text), question).text, "me a small relay")
      }
    })
    it("counts the steps of what is left", () => {
      const script = Script.answer(text).pipe(Script.cutAfter(2, "reset"))
      assert.strictEqual(streamOf(script, prefill).text, "me a")
    })
    it("begins anew where it is to, and where the part is not of this answer", () => {
      const anew = Script.answer(text).pipe(Script.continuing({ prefill: "anew" }))
      assert.strictEqual(streamOf(anew, prefill).text, text)
      assert.strictEqual(streamOf(anew, message).text, "me a small relay")
      assert.strictEqual(streamOf(Script.answer("Another text"), prefill).text, "Another text")
    })
    it("refuses with a 400 in the vendor's words, or does whatever else is scripted", () => {
      const refusing = Script.answer(text).pipe(
        Script.continuing({ prefill: Script.prefillRefused, message: Script.silence })
      )
      const refused = streamOf(refusing, prefill)
      assert.strictEqual(refused.status, 400)
      assert.include(refused.body, "does not support assistant message prefill")
      assert.deepInclude(streamOf(refusing, message), { status: 0, body: "", ends: "open" })
      assert.strictEqual(streamOf(refusing).text, text)
      const unprocessable = Script.continuing(Script.answer(text), { message: Script.status(422) })
      assert.strictEqual(streamOf(unprocessable, message).status, 422)
    })
  })

  describe("without an answer", () => {
    it.each([400, 401, 402, 403, 404, 408, 413, 422, 429, 451, 500, 502, 503, 504, 524, 529])(
      "a status of %d is read as what it stands for",
      (status) => {
        const { body, contentType, status: said, headers } = streamOf(Script.status(status))
        const bare = classify({ status, headers: {}, body: "", now: 0 }).error
        assert.strictEqual(said, status)
        assert.match(contentType, /^application\/json/)
        assert.strictEqual(classify({ status, headers, body, now: 0 }).error._tag, bare._tag)
        assert.isUndefined(classify({ status, headers, body, now: 0 }).error.retryAfterMillis)
      }
    )
    it("a status has the body and the headers that it is given", () => {
      const limited = streamOf(Script.status(429, { headers: { "retry-after": "2" }, body: { error: "slow" } }))
      assert.deepInclude(limited, { status: 429, body: '{"error":"slow"}', ends: "End" })
      assert.strictEqual(limited.headers["retry-after"], "2")
      const html = streamOf(Script.status(502, { body: "<html>", headers: { "content-type": "text/html" } }))
      assert.deepInclude(html, { body: "<html>", contentType: "text/html" })
    })
    it("a failure is told in the dialect's envelope, with its hints", () => {
      const failed = streamOf(Script.failure(503, new UpstreamOverloaded({ retryAfterMillis: 1500 })))
      assert.strictEqual(failed.status, 503)
      assert.strictEqual(
        classify({ status: 503, headers: failed.headers, body: failed.body, now: 0 }).error.retryAfterMillis,
        1500
      )
    })
    it("a failure may stay half written", () => {
      const whole = streamOf(Script.status(500))
      const half = streamOf(Script.unended(Script.status(500)))
      assert.strictEqual(half.ends, "open")
      assert.isTrue(whole.body.startsWith(half.body) && half.body.length < whole.body.length)
    })
    it("headers may come alone, or with pings for ever", () => {
      assert.deepInclude(streamOf(Script.headersOnly()), { status: 200, body: "", ends: "open" })
      const pinged = playedTo(Script.headersOnly(100), dialect, ask, 21)
      assert.strictEqual(pinged.millis, 1000)
      assert.deepInclude(summaryOf(eventsOf(dialect, pinged.body)), { text: "", finish: undefined, fault: undefined })
    })
    it("silence, a broken connection and bytes that are not HTTP are what they are, late if so scripted", () => {
      assert.deepInclude(streamOf(Script.silence), { status: 0, body: "", ends: "open", millis: 0 })
      assert.deepInclude(streamOf(Script.refused.pipe(Script.startsAfter(5))), { status: 0, ends: "Reset", millis: 5 })
      assert.deepInclude(streamOf(Script.startsAfter(Script.notHttp(), 5)), { status: 0, ends: "NotHttp", millis: 5 })
    })
  })

  it("an answer to what the dialect cannot read is its 400", () => {
    const answer = streamOf(Script.answer(text), "{")
    assert.strictEqual(answer.status, 400)
    assert.strictEqual(answer.text, "")
  })
})

it("who asks for a count of tokens is told those of the script's usage", () => {
  const script = Script.answer(text).pipe(Script.usage({ inputTokens: 14, outputTokens: 7 }))
  const url = "http://a/v1/messages/count_tokens"
  const question = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] })
  const answer = playedTo(script, "anthropic", question, 10, url)
  assert.deepInclude(answer, { status: 200, body: '{"input_tokens":14}', ends: "End" })
})

describe("what is left of an answer", () => {
  it("for any text, cut anywhere, the part and what is left are the whole", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" }), { maxLength: 20 }), fc.nat(), (pieces, at) => {
        const whole = pieces.join("")
        const partial = whole.slice(0, whole.length === 0 ? 0 : at % (whole.length + 1))
        const rest = stepsAfter(Script.answer(pieces).steps, partial)
        const left = rest.map((step) => (step._tag === "Text" ? step.text : "")).join("")
        assert.strictEqual(partial + left, whole)
      })
    )
  })
})
