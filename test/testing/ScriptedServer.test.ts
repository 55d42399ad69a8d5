/**
 * False upstreams over a socket: what a client sees of each script and fault, and what is on record.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import OpenAI from "openai"
import { Script, ScriptedServer } from "effect-resilience/testing"
import { open, read } from "../support/sse.ts"
import { eventsOf, goingOnFrom, questionOf, summaryOf } from "./kit.ts"

const text = "Once upon a time"
const ask = JSON.parse(questionOf("openai")) as object
const post = (server: ScriptedServer.ScriptedServerService, body: unknown = ask) =>
  Effect.promise(() => read(`${server.url}/chat/completions`, { body }))
const errorOf = (server: ScriptedServer.ScriptedServerService) =>
  Effect.promise(() =>
    read(`${server.url}/chat/completions`, { body: ask }).then(
      () => assert.fail("there was an answer"),
      (error: NodeJS.ErrnoException) => error.code
    )
  )
const playing = (...scripts: ReadonlyArray<Script.Script>) => ScriptedServer.make({ dialect: "openai", scripts })

describe("ScriptedServer", () => {
  it.live("answers the vendor's SDK, streamed and whole", () =>
    Effect.gen(function* () {
      const server = yield* playing(
        Script.answer([text, Script.toolCall({ id: "call_1", name: "weather", input: ['{"city":', '"Oslo"}'] })]).pipe(
          Script.usage({ inputTokens: 3, outputTokens: 4 })
        )
      )
      const sdk = new OpenAI({ baseURL: server.url, apiKey: "key", maxRetries: 0 })
      const question = { model: "m", messages: [{ role: "user" as const, content: "hi" }] }
      const streamed = yield* Effect.promise(() => sdk.chat.completions.stream(question).finalChatCompletion())
      const whole = yield* Effect.promise(() => sdk.chat.completions.create(question))
      for (const { choices, usage } of [streamed, whole]) {
        assert.strictEqual(choices[0]?.message.content, text)
        assert.strictEqual(choices[0]?.finish_reason, "tool_calls")
        assert.deepInclude(choices[0]?.message.tool_calls?.[0], { id: "call_1", type: "function" })
        assert.deepInclude(usage, { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 })
      }
      assert.strictEqual(server.calls()[0]?.headers["authorization"], "Bearer key")
    })
  )

  it.live("plays its scripts in order, then the last one for ever; what is enqueued comes before the default", () =>
    Effect.gen(function* () {
      const server = yield* playing(Script.status(500), Script.status(501))
      const statuses = () => Effect.map(Effect.all([post(server), post(server)]), (all) => all.map((one) => one.status))
      assert.deepStrictEqual(yield* statuses(), [500, 501])
      assert.deepStrictEqual(yield* statuses(), [501, 501])
      server.enqueue(Script.status(502))
      assert.deepStrictEqual(yield* statuses(), [502, 501])
      server.setDefault(({ number }) => Script.status(number === 6 ? 503 : 504))
      assert.deepStrictEqual(yield* statuses(), [503, 504])
      server.enqueue(Script.status(505))
      server.forget()
      assert.lengthOf(server.calls(), 0)
      assert.deepStrictEqual(yield* statuses(), [504, 504])
    })
  )

  const endings: ReadonlyArray<readonly [Script.Ending, "complete" | "broken", object]> = [
    ["reset", "broken", { text: "Once upon a", done: false }],
    ["end", "complete", { text: "Once upon a", finish: undefined, done: false }],
    ["insideEvent", "complete", { text: "Once upon a", done: false }],
    ["insideChunk", "broken", { text: "Once upon a", done: false }],
    ["garbageFrame", "complete", { text: "Once upon a", fault: "BadResponseBody" }],
    ["withoutTerminator", "complete", { text: "Once upon a", finish: "stop", done: false }],
    ["withoutFinish", "complete", { text: "Once upon a", finish: undefined, done: true }],
    ["finishThenReset", "broken", { text: "Once upon a", finish: "stop", done: false }],
    ["whole", "complete", { text: "Once upon a", finish: "stop", done: true }]
  ]
  it.live.each(endings)("ends by %s", ([ending, ended, expected]) =>
    Effect.gen(function* () {
      const server = yield* playing(Script.answer(text).pipe(Script.cutAfter(3, ending)))
      const answer = yield* post(server)
      assert.strictEqual(answer.ended, ended)
      assert.deepInclude(summaryOf(eventsOf("openai", answer.text)), expected)
      const [call] = server.calls()
      assert.isAtLeast(yield* call!.closed, call!.openedAt)
      assert.strictEqual(call?.state, ended === "complete" ? "ended" : "broken")
    })
  )

  it.live("goes on from the very letter", () =>
    Effect.gen(function* () {
      const server = yield* playing(Script.answer(text))
      const answer = yield* post(server, JSON.parse(goingOnFrom("openai", "Once up")))
      assert.strictEqual(summaryOf(eventsOf("openai", answer.text)).text, "on a time")
      assert.deepStrictEqual(server.calls()[0]?.goesOn, { mode: "prefill", partial: "Once up" })
    })
  )

  it.live("breaks before its headers, answers with what is not HTTP, and is late, as scripted", () =>
    Effect.gen(function* () {
      const server = yield* playing(Script.refused, Script.notHttp(), Script.status(503).pipe(Script.startsAfter(60)))
      assert.strictEqual(yield* errorOf(server), "ECONNRESET")
      assert.strictEqual(yield* errorOf(server), "HPE_INVALID_CONSTANT")
      const began = performance.now()
      assert.strictEqual((yield* post(server)).status, 503)
      assert.isAtLeast(performance.now() - began, 59)
      assert.deepStrictEqual(
        server.calls().map(({ state }) => state),
        ["broken", "broken", "ended"]
      )
    })
  )

  it.live("stalls, pings for ever, and knows when whoever called has left", () =>
    Effect.gen(function* () {
      const server = yield* playing(Script.answer(text).pipe(Script.cutAfter(2, "stall")), Script.headersOnly(5))
      const stalled = yield* Effect.promise(() => open(`${server.url}/chat/completions`, { body: ask }))
      yield* Effect.promise(() => stalled.until(() => stalled.events.length === 3))
      assert.strictEqual(server.openConnections(), 1)
      const pinged = yield* Effect.promise(() => open(`${server.url}/chat/completions`, { body: ask }))
      assert.strictEqual(pinged.status, 200)
      const left = performance.now()
      stalled.cut()
      pinged.cut()
      for (const call of server.calls()) {
        assert.isBelow((yield* call.closed) - left, 100)
        assert.strictEqual(call.state, "left")
      }
    })
  )

  it.live("goes down, refuses, and comes up again where it was", () =>
    Effect.gen(function* () {
      const server = yield* playing(Script.silence, Script.answer(text))
      const silent = yield* Effect.forkChild(errorOf(server), { startImmediately: true })
      yield* server.received(1)
      yield* server.down
      assert.strictEqual(yield* Fiber.join(silent), "ECONNRESET")
      assert.strictEqual(yield* errorOf(server), "ECONNREFUSED")
      yield* server.up
      assert.strictEqual((yield* post(server)).status, 200)
    })
  )

  it.effect("its time is the wall's, under a test's clock too", () =>
    Effect.gen(function* () {
      const server = yield* playing(Script.answer(text).pipe(Script.every(5)))
      assert.strictEqual(summaryOf(eventsOf("openai", (yield* post(server)).text)).text, text)
    })
  )

  it.live("stops with its scope", () =>
    Effect.gen(function* () {
      const server = yield* Effect.scoped(playing(Script.answer(text)))
      assert.strictEqual(yield* errorOf(server), "ECONNREFUSED")
    })
  )
})
