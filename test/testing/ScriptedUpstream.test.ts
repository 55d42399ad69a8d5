/**
 * False upstreams on virtual time: their time, their order, their records, and what becomes of calls that are paused or
 * left.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Script, ScriptedUpstream } from "effect-resilience/testing"
import { Upstream } from "#src/channel/index"

const listen = (log: Array<string>) => ({
  onHead: (status: number) => void log.push(`head ${status}`),
  onData: (chunk: Uint8Array) => void log.push(new TextDecoder().decode(chunk)),
  onEnd: () => void log.push("end"),
  onError: (error: Error) => void log.push(`error: ${error.message}`)
})

const body = (more: object = {}) =>
  JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "hi" }], ...more })

const open = (url: string, log: Array<string>, text = body()) =>
  Effect.map(Upstream, (upstream) => upstream.open({ url, headers: { "X-A": "1" }, body: text }, listen(log)))

const provide = (places: ScriptedUpstream.Places) => Effect.provide(ScriptedUpstream.layer(places))

/** The texts that were heard, of OpenAI's chunks. */
const texts = (log: ReadonlyArray<string>): ReadonlyArray<string> =>
  log.flatMap((entry) => [...entry.matchAll(/"content":"([^"]+)"/g)].map((found) => found[1]!))

describe("ScriptedUpstream", () => {
  it.effect("plays its steps on the clock's time, the first one after `open` has returned", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* open("http://a/x", log)
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust(49)
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust(1)
      assert.strictEqual(log[0], "head 200")
      assert.deepStrictEqual(texts(log), [])
      yield* TestClock.adjust(99)
      assert.deepStrictEqual(texts(log), [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(texts(log), ["one"])
      yield* TestClock.adjust(1099)
      assert.deepStrictEqual(texts(log), ["one"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(texts(log), ["one", " two"])
      assert.strictEqual(log.at(-1), "end")
    }).pipe(
      provide({
        "http://a": {
          dialect: "openai",
          scripts: [Script.answer(["one", Script.pause(1000), " two"]).pipe(Script.startsAfter(50), Script.every(100))]
        }
      })
    )
  )

  it.effect("each call takes the next script of its address, and the last one stays; elsewhere nobody is there", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      for (const url of ["http://a/x", "http://a/longer/x", "http://a/x", "http://a/x", "http://c"]) {
        yield* open(url, log)
        yield* TestClock.adjust(0)
      }
      assert.deepStrictEqual(
        log.filter((entry) => !entry.startsWith("{")),
        ["head 503", "end", "head 429", "end", ...Array.from({ length: 3 }, () => "error: the connection was reset")]
      )
      const { calls, to } = yield* ScriptedUpstream.ScriptedCalls
      assert.deepStrictEqual(
        to("http://a/x").map(({ number, state }) => [number, state]),
        [
          [0, "ended"],
          [1, "broken"],
          [2, "broken"]
        ]
      )
      assert.lengthOf(calls(), 5)
    }).pipe(
      provide({
        "http://a": { dialect: "openai", scripts: [Script.status(503), Script.refused] },
        "http://a/longer": { dialect: "openai", scripts: [Script.status(429)] }
      })
    )
  )

  it.effect("a function of the call says what each is played", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      for (const model of ["good", "bad"]) {
        yield* open("http://a", log, body({ model }))
        yield* TestClock.adjust(0)
      }
      assert.deepStrictEqual(texts(log), ["good"])
      assert.strictEqual(log.at(-1), "error: the connection was reset")
    }).pipe(
      provide({
        "http://a": {
          dialect: "openai",
          scripts: ({ request }) => (request?.model === "good" ? Script.answer("good") : Script.refused)
        }
      })
    )
  )

  it.effect("records what was asked, as its dialect reads it", () =>
    Effect.gen(function* () {
      const messages = [
        { role: "user", content: "hi" },
        { role: "assistant", content: [{ type: "text", text: "one " }] }
      ]
      yield* open("http://a/v1/chat/completions?x=1", [], body({ messages }))
      yield* open("http://a/v1", [], "{")
      const [call, broken] = (yield* ScriptedUpstream.ScriptedCalls).calls()
      assert.strictEqual(call?.url, "http://a/v1/chat/completions?x=1")
      assert.strictEqual(call?.method, "POST")
      assert.deepStrictEqual(call?.headers, { "x-a": "1" })
      assert.strictEqual(call?.request?.model, "m")
      assert.strictEqual(call?.request?.delivery, "stream")
      assert.deepStrictEqual(call?.goesOn, { mode: "prefill", partial: "one " })
      assert.isUndefined(broken?.request)
      assert.strictEqual(broken?.fault?._tag, "BadRequestBody")
    }).pipe(provide({ "http://a": { dialect: "openai", scripts: [Script.silence] } }))
  )

  it.effect("records when a call was left, and tells nothing more", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const call = yield* open("http://a", log)
      yield* TestClock.adjust(15)
      const closed = yield* Effect.forkChild((yield* ScriptedUpstream.ScriptedCalls).calls()[0]!.closed)
      call.abort()
      const seen = [...log]
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(log, seen)
      assert.deepStrictEqual(texts(log), ["a"])
      const [record] = (yield* ScriptedUpstream.ScriptedCalls).calls()
      assert.deepInclude(record, { openedAt: 0, closedAt: 15, state: "left" })
      assert.strictEqual(yield* Fiber.join(closed), 15)
    }).pipe(provide({ "http://a": { dialect: "openai", scripts: [Script.answer(["a", "b"]).pipe(Script.every(10))] } }))
  )

  it.effect("holds the data back while it is paused", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const call = yield* open("http://a", log)
      call.pause()
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(log, ["head 200"])
      call.resume()
      assert.deepStrictEqual(texts(log), ["a"])
      assert.strictEqual(log.at(-1), "end")
    }).pipe(provide({ "http://a": { dialect: "openai", scripts: [Script.answer(["a"]).pipe(Script.every(10))] } }))
  )

  it.effect("what is open when its layer closes is left", () =>
    Effect.gen(function* () {
      const calls = yield* Effect.gen(function* () {
        yield* open("http://a", [])
        return (yield* ScriptedUpstream.ScriptedCalls).calls()
      }).pipe(provide({ "http://a": { dialect: "openai", scripts: [Script.silence] } }))
      assert.strictEqual(calls[0]?.state, "left")
    })
  )

  it.effect("a script that cannot be played says so", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* open("http://a", log)
      yield* TestClock.adjust(0)
      assert.match(log[0]!, /the script failed: .*no script for this/)
    }).pipe(
      provide({
        "http://a": {
          dialect: "openai",
          scripts: () => {
            throw new Error("no script for this")
          }
        }
      })
    )
  )
})
