/**
 * A model over a relay, over real sockets, with a proxy between the two that breaks connections.
 */
import { assert, describe, it } from "@effect/vitest"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { LanguageModel, Prompt, type Response, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import { RelayLanguageModel, ResilientLanguageModel } from "effect-resilience/ai"
import { blameOf } from "effect-resilience/errors"
import { RetrySchedule } from "effect-resilience/policy"
import { Script } from "effect-resilience/testing"
import { type Upstreams, withWorld, type World } from "../sdk/world.ts"
import { until } from "../server/kit.ts"
import { broken, down, parts, read, streamed, text, textOf } from "./kit.ts"

/**
 * Passes connections on, and resets each after so many bytes of its answers, or at once; -1: when the answer comes, of which
 * nothing is passed on. Those beyond the list live.
 */
const startProxy = async (port: number, cuts: ReadonlyArray<number>) => {
  let accepted = 0
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const cut = cuts[accepted++]
    if (cut === 0) return void client.resetAndDestroy()
    open.add(client)
    const relay = connect(port, "127.0.0.1")
    let passed = 0
    client.pipe(relay)
    relay.on("data", (chunk) => {
      if (cut === -1) {
        client.resetAndDestroy()
        return void relay.destroy()
      }
      passed += chunk.length
      client.write(chunk, () => {
        if (cut === undefined || passed < cut) return
        client.resetAndDestroy()
        relay.destroy()
      })
    })
    relay.on("close", () => client.destroy())
    client.on("close", () => relay.destroy())
    for (const socket of [client, relay]) socket.on("error", () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port: own } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${own}`,
    accepted: () => accepted,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      })
  }
}

const story = Array.from({ length: 60 }, (_, at) => `word${at}`).join(" ")
const one: Upstreams = { a: { dialect: "openai", plays: [Script.answer(story).pipe(Script.every(5))] } }

const modelAt = (url: string, more: Partial<RelayLanguageModel.Options> = {}) =>
  RelayLanguageModel.layer({
    url,
    model: "gpt-5",
    reconnect: { attempts: 5, schedule: RetrySchedule.constant({ delay: "20 millis" }) },
    ...more
  }).pipe(Layer.provide(FetchHttpClient.layer))

const withRelay = (
  upstreams: Upstreams,
  run: (world: World) => Effect.Effect<void, unknown>,
  configuration: { readonly [section: string]: unknown } = {}
) => Effect.promise(() => withWorld(upstreams, configuration, (world) => Effect.runPromise(run(world))))

describe("a model over a relay", () => {
  it.live("answers whole and streamed, over whatever channel", () =>
    withRelay({ a: { dialect: "gemini", plays: [Script.answer("Hello there")] } }, ({ relay }) =>
      Effect.gen(function* () {
        const layer = modelAt(relay.url)
        const whole = yield* LanguageModel.generateText({ prompt: "Hello" }).pipe(Effect.provide(layer))
        assert.strictEqual(whole.text, "Hello there")
        assert.strictEqual(whole.finishReason, "stop")
        assert.isAbove(whole.usage.outputTokens.total ?? 0, 0)
        const { error, seen } = yield* read("Hello").pipe(Effect.provide(layer))
        assert.isUndefined(error)
        assert.strictEqual(textOf(seen), "Hello there")
      })
    )
  )

  it.live("has tools, signed reasoning that goes back to whoever signed it, and objects", () =>
    withRelay(
      {
        a: {
          dialect: "anthropic",
          plays: [
            Script.answer([
              Script.reasoning("Hm."),
              Script.signature("c2lnbmVk"),
              "I look.",
              Script.toolCall({ id: "call_1", name: "weather", input: ['{"city":"Oslo"}'] })
            ]),
            Script.answer("It is 3 degrees."),
            Script.answer('{"degrees": 3}')
          ]
        }
      },
      ({ relay, upstreams }) =>
        Effect.gen(function* () {
          const layer = modelAt(relay.url)
          const tools = Toolkit.make(
            Tool.make("weather", {
              parameters: Schema.Struct({ city: Schema.String }),
              success: Schema.Struct({ degrees: Schema.Int })
            })
          )
          const handlers = tools.toLayer({ weather: () => Effect.succeed({ degrees: 3 }) })
          const seen: Array<Response.AnyPart> = []
          yield* LanguageModel.streamText({ prompt: "How is Oslo?", toolkit: tools }).pipe(
            Stream.runForEach((part) => Effect.sync(() => void seen.push(part))),
            Effect.provide([layer, handlers])
          )
          assert.includeMembers(
            seen.map(({ type }) => type),
            ["reasoning-end", "tool-call", "tool-result"]
          )
          const prompt = Prompt.concat(Prompt.make("How is Oslo?"), Prompt.fromResponseParts(seen))
          const second = yield* LanguageModel.generateText({ prompt, toolkit: tools }).pipe(
            Effect.provide([layer, handlers])
          )
          assert.strictEqual(second.text, "It is 3 degrees.")
          assert.include(upstreams["a"]!.calls()[1]!.body, "c2lnbmVk")
          const { value } = yield* LanguageModel.generateObject({
            prompt: "How is Oslo?",
            schema: Schema.Struct({ degrees: Schema.Int })
          }).pipe(Effect.provide(layer))
          assert.deepStrictEqual(value, { degrees: 3 })
        })
    )
  )

  it.live("reads on where the connection broke, with nothing lost and nothing twice, and asks once", () =>
    withRelay(one, ({ relay, upstreams }) =>
      Effect.gen(function* () {
        const proxy = yield* Effect.promise(() => startProxy(relay.port, [2500, 1200, 3000, 700]))
        const { error, seen } = yield* read("Tell me").pipe(Effect.provide(modelAt(proxy.url)))
        assert.isUndefined(error)
        assert.strictEqual(textOf(seen), story)
        assert.lengthOf(upstreams["a"]!.calls(), 1)
        assert.isAbove(proxy.accepted(), 2)
        yield* Effect.promise(proxy.close)
      })
    )
  )

  it.live("sends again what it has heard nothing of, with one key: the answer is begun once", () =>
    withRelay(one, ({ relay, upstreams }) =>
      Effect.gen(function* () {
        const proxy = yield* Effect.promise(() => startProxy(relay.port, [-1, -1, 2500]))
        const { error, seen } = yield* read("Tell me").pipe(Effect.provide(modelAt(proxy.url)))
        assert.isUndefined(error)
        assert.strictEqual(textOf(seen), story)
        assert.lengthOf(upstreams["a"]!.calls(), 1)
        assert.strictEqual(proxy.accepted(), 4)
        // Asked anew, it is another answer.
        const again = yield* read("Tell me").pipe(Effect.provide(modelAt(proxy.url)))
        assert.strictEqual(textOf(again.seen), story)
        assert.lengthOf(upstreams["a"]!.calls(), 2)
        yield* Effect.promise(proxy.close)
        const deaf = yield* Effect.promise(() => startProxy(relay.port, Array<number>(50).fill(0)))
        const none = yield* read("Tell me").pipe(Effect.provide(modelAt(deaf.url)))
        assert.strictEqual(blameOf(none.error), "transport")
        assert.strictEqual(deaf.accepted(), 3)
        yield* Effect.promise(deaf.close)
      })
    )
  )

  it.live("reads on in a whole answer, too", () =>
    withRelay(one, ({ relay, upstreams }) =>
      Effect.gen(function* () {
        const proxy = yield* Effect.promise(() => startProxy(relay.port, [2500]))
        const { text } = yield* LanguageModel.generateText({ prompt: "Tell me" }).pipe(
          Effect.provide(modelAt(proxy.url))
        )
        assert.strictEqual(text, story)
        assert.lengthOf(upstreams["a"]!.calls(), 1)
        yield* Effect.promise(proxy.close)
      })
    )
  )

  it.live("fails when no connection can be made any more, and does not try for ever", () =>
    withRelay(one, ({ relay }) =>
      Effect.gen(function* () {
        const proxy = yield* Effect.promise(() => startProxy(relay.port, [2500, ...Array<number>(50).fill(0)]))
        const { error, seen } = yield* read("Tell me").pipe(Effect.provide(modelAt(proxy.url)))
        assert.strictEqual(blameOf(error), "transport")
        assert.isTrue(story.startsWith(textOf(seen)))
        assert.isBelow(proxy.accepted(), 30)
        const once = yield* Effect.promise(() => startProxy(relay.port, [2500]))
        const none = yield* read("Tell me").pipe(Effect.provide(modelAt(once.url, { reconnect: false })))
        assert.strictEqual(blameOf(none.error), "transport")
        assert.isAtMost(once.accepted(), 2)
        yield* Effect.promise(proxy.close)
        yield* Effect.promise(once.close)
      })
    )
  )

  it.live("cancels the answer whose reader leaves", () =>
    withRelay(
      { a: { dialect: "openai", plays: [Script.answer(story).pipe(Script.every(50))] } },
      ({ relay, upstreams }) =>
        Effect.gen(function* () {
          yield* LanguageModel.streamText({ prompt: "Tell me" }).pipe(
            Stream.takeUntil((part) => part.type === "text-delta"),
            Stream.runDrain,
            Effect.provide(modelAt(relay.url))
          )
          yield* Effect.promise(() => until(() => upstreams["a"]!.calls()[0]!.state === "left"))
        })
    )
  )

  it.live("fails with the relay's own code and blame, before the answer and in it", () =>
    withRelay(
      {
        a: {
          dialect: "openai",
          channel: { models: ["gpt-5"], modelMapping: {} },
          plays: [
            Script.status(400, { body: { error: { message: "no such thing", param: "input" } } }),
            Script.answer(story).pipe(Script.cutAfter(3, "reset"))
          ]
        }
      },
      ({ relay }) =>
        Effect.gen(function* () {
          const layer = modelAt(relay.url)
          const refused = yield* read("Hello").pipe(Effect.provide(layer))
          assert.deepStrictEqual(
            [refused.error?.reason._tag, blameOf(refused.error), codeOf(refused.error?.reason)],
            ["InvalidRequestError", "caller", "invalid_request"]
          )
          const cut = yield* read("Hello").pipe(Effect.provide(layer))
          assert.strictEqual(textOf(cut.seen), "word0 word1 word2")
          assert.deepStrictEqual([codeOf(cut.error?.reason), blameOf(cut.error)], ["do_request_failed", "transport"])
          const unknown = yield* read("Hello").pipe(Effect.provide(modelAt(relay.url, { model: "nobody's" })))
          assert.strictEqual(blameOf(unknown.error), "model")
        }),
      { recovery: { mode: "off" }, retry: { times: 0 } }
    )
  )

  it.live("stands behind another model in a resilient one", () =>
    withRelay(one, ({ relay }) =>
      Effect.gen(function* () {
        const primary = streamed(broken(down), parts(...text(["never"])))
        const { error, seen } = yield* read("Tell me").pipe(
          Effect.provide(ResilientLanguageModel.layer([primary.layer, modelAt(relay.url)]))
        )
        assert.isUndefined(error)
        assert.strictEqual(textOf(seen), story)
      })
    )
  )

  it.live("says who asks", () =>
    withRelay(
      one,
      ({ relay }) =>
        Effect.gen(function* () {
          const token = "a-token-that-is-long-enough-to-be-one"
          const stranger = yield* read("Hello").pipe(Effect.provide(modelAt(relay.url)))
          assert.isDefined(stranger.error)
          const known = yield* read("Hello").pipe(
            Effect.provide(modelAt(`${relay.url}/`, { token: Redacted.make(token) }))
          )
          assert.isUndefined(known.error)
        }),
      { tokens: [{ name: "team", key: "a-token-that-is-long-enough-to-be-one" }] }
    )
  )
})

const codeOf = (reason: object | undefined): unknown =>
  (reason as { readonly metadata?: { readonly [key: string]: { readonly code?: string } } } | undefined)?.metadata?.[
    "effect-resilience"
  ]?.code
