import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { type AiError, LanguageModel, Prompt, type Response, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient, HttpClient } from "effect/http"
import { DialectLanguageModel, ResilientLanguageModel } from "effect-resilience/ai"
import { blameOf } from "effect-resilience/errors"
import { CircuitBreaker, Failures, PolicyHttp } from "effect-resilience/policy"
import { Script, ScriptedServer } from "effect-resilience/testing"
import { type UpstreamDialectName, upstreamDialectNames } from "#src/dialect/index"
import { read, textOf } from "./kit.ts"

const models: { readonly [D in UpstreamDialectName]: string } = {
  openai: "gpt-4.1",
  responses: "gpt-5.1",
  anthropic: "claude-sonnet-4-5",
  gemini: "gemini-2.5-pro"
}

const vendor = (dialect: UpstreamDialectName, ...scripts: ReadonlyArray<Script.Script>) =>
  Effect.map(ScriptedServer.make({ dialect, scripts }), (server) => ({
    server,
    layer: DialectLanguageModel.layer({
      dialect,
      baseUrl: server.url,
      model: models[dialect],
      key: Redacted.make("sk-of-the-test")
    }).pipe(Layer.provide(FetchHttpClient.layer))
  }))

const bodyOf = (server: ScriptedServer.ScriptedServerService, at: number) =>
  JSON.parse(server.calls()[at]!.body) as { readonly [field: string]: unknown }

const Weather = Tool.make("weather", {
  description: "The weather of a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.Struct({ degrees: Schema.Number })
})
const tools = Toolkit.make(Weather)
const toolLayer = tools.toLayer({ weather: ({ city }) => Effect.succeed({ degrees: city === "Oslo" ? 3 : 20 }) })

const call = Script.toolCall({ id: "call_1", name: "weather", input: ['{"city":', '"Oslo"}'] })

describe.each(upstreamDialectNames)("a model over %s", (dialect) => {
  it.live("answers whole and streamed, with its usage, its finish and its key", () =>
    Effect.gen(function* () {
      const { layer, server } = yield* vendor(dialect, Script.answer("Hello there, my friend."))
      const whole = yield* LanguageModel.generateText({
        prompt: [
          { role: "system", content: "Be kind." },
          { role: "user", content: "Hello" }
        ]
      }).pipe(Effect.provide(layer))
      assert.strictEqual(whole.text, "Hello there, my friend.")
      assert.strictEqual(whole.finishReason, "stop")
      assert.isAbove(whole.usage.outputTokens.total ?? 0, 0)
      const { error, seen } = yield* read("Hello").pipe(Effect.provide(layer))
      assert.isUndefined(error)
      assert.strictEqual(textOf(seen), "Hello there, my friend.")
      const types = seen.map(({ type }) => type).filter((type) => type !== "response-metadata")
      assert.deepStrictEqual(
        [types[0], types[1], ...types.slice(-2)],
        ["text-start", "text-delta", "text-end", "finish"]
      )
      const finish = seen.at(-1) as Response.FinishPart
      assert.isAbove(finish.usage.outputTokens.total ?? 0, 0)
      assert.deepStrictEqual(
        server.calls().map(({ request, state }) => [request?.delivery, state]),
        [
          ["whole", "ended"],
          ["stream", "ended"]
        ]
      )
      const { headers } = server.calls()[0]!
      assert.include(
        [headers["authorization"], headers["x-api-key"], headers["x-goog-api-key"]].join(),
        "sk-of-the-test"
      )
      assert.include(server.calls()[0]!.body, "Be kind.")
    }).pipe(Effect.scoped)
  )

  it.live("calls tools, and is given back their results and what it has signed", () =>
    Effect.gen(function* () {
      const signs = dialect === "anthropic" || dialect === "gemini"
      const thought = [Script.reasoning("Hm."), ...(signs ? [Script.signature("c2lnbmVk")] : [])]
      const { layer, server } = yield* vendor(
        dialect,
        Script.answer([...thought, "I look.", call]),
        Script.answer("It is 3 degrees.")
      )
      const first: Array<Response.AnyPart> = []
      yield* LanguageModel.streamText({ prompt: "How is Oslo?", toolkit: tools }).pipe(
        Stream.runForEach((part) => Effect.sync(() => void first.push(part))),
        Effect.provide([layer, toolLayer])
      )
      const types = first.map(({ type }) => type)
      assert.includeMembers(types, ["tool-params-start", "tool-params-delta", "tool-params-end", "tool-call"])
      assert.deepStrictEqual(types.slice(-2), ["tool-result", "finish"])
      assert.strictEqual(textOf(first), "I look.")
      const prompt = Prompt.concat(Prompt.make("How is Oslo?"), Prompt.fromResponseParts(first))
      const second = yield* LanguageModel.generateText({ prompt, toolkit: tools }).pipe(
        Effect.provide([layer, toolLayer])
      )
      assert.strictEqual(second.text, "It is 3 degrees.")
      const { body, request } = server.calls()[1]!
      assert.isDefined(request)
      assert.include(body, "degrees")
      assert.include(body, "Oslo")
      if (signs) assert.include(body, "c2lnbmVk")
    }).pipe(Effect.scoped)
  )

  it.live("gives an object by its schema, and asks in the vendor's form of it", () =>
    Effect.gen(function* () {
      const { layer, server } = yield* vendor(dialect, Script.answer('{"name": "Ada", "born": 1815}'))
      const schema = Schema.Struct({ name: Schema.String, born: Schema.Int })
      const { value } = yield* LanguageModel.generateObject({ prompt: "Who?", schema, objectName: "person" }).pipe(
        Effect.provide(layer)
      )
      assert.deepStrictEqual(value, { name: "Ada", born: 1815 })
      assert.isTrue(server.calls()[0]!.request?.json)
    }).pipe(Effect.scoped)
  )

  it.live("fails with an AiError whose blame is known, and its hint", () =>
    Effect.gen(function* () {
      const rows = [
        [400, "InvalidRequestError", "caller"],
        [401, "AuthenticationError", "credential"],
        [404, "InvalidRequestError", "model"],
        [429, "RateLimitError", "rate"],
        [500, "InternalProviderError", "upstream"],
        [503, "InternalProviderError", "upstream"]
      ] as const
      const { layer, server } = yield* vendor(dialect, Script.answer("never"))
      for (const [status, reason, blame] of rows) {
        server.enqueue(Script.status(status, { headers: { "retry-after": "7" } }))
        server.enqueue(Script.status(status, { headers: { "retry-after": "7" } }))
        const whole = yield* Effect.flip(LanguageModel.generateText({ prompt: "Hello" }).pipe(Effect.provide(layer)))
        const { error } = yield* read("Hello").pipe(Effect.provide(layer))
        for (const one of [whole, error]) {
          assert.deepStrictEqual([status, one?.reason._tag, blameOf(one)], [status, reason, blame])
        }
        if (status === 429 || status === 503) assert.strictEqual(Failures.retryAfterMillisOf(whole), 7000)
      }
    }).pipe(Effect.scoped)
  )

  it.live("fails where the connection does, before the answer and in it", () =>
    Effect.gen(function* () {
      const story = Script.answer("Once upon a time there was a relay.")
      const { layer, server } = yield* vendor(
        dialect,
        Script.refused,
        story.pipe(Script.cutAfter(3, "reset")),
        story.pipe(Script.cutAfter(3, "end")),
        story.pipe(Script.cutAfter(3, Script.errorFrame()))
      )
      const refused = yield* read("Hello").pipe(Effect.provide(layer))
      assert.deepStrictEqual([refused.error?.reason._tag, blameOf(refused.error)], ["NetworkError", "transport"])
      const blames: Array<unknown> = []
      for (const _ of [1, 2, 3]) {
        const { error, seen } = yield* read("Hello").pipe(Effect.provide(layer))
        assert.strictEqual(textOf(seen), "Once upon a")
        blames.push(blameOf(error))
      }
      assert.deepStrictEqual(blames, ["transport", "upstream", "upstream"])
      assert.lengthOf(server.calls(), 4)
    }).pipe(Effect.scoped)
  )

  it.live("is one of a resilient model's, whose stream goes on in another dialect", () =>
    Effect.gen(function* () {
      const story = "Once upon a time there was a relay that did not lose a word of what it was told."
      const other = dialect === "openai" ? "anthropic" : "openai"
      const primary = yield* vendor(dialect, Script.answer(story).pipe(Script.cutAfter(9, "reset")))
      const backup = yield* vendor(other, Script.answer(story))
      const { error, seen } = yield* read("Tell me").pipe(
        Effect.provide(ResilientLanguageModel.layer([primary.layer, backup.layer]))
      )
      assert.isUndefined(error)
      assert.strictEqual(textOf(seen), story)
      assert.strictEqual(backup.server.calls()[0]!.goesOn?.mode, "message")
    }).pipe(Effect.scoped)
  )
})

describe("connections", () => {
  const slow = Script.answer("Once upon a time there was a relay.").pipe(Script.every(20))

  it.live("are closed when their reader leaves", () =>
    Effect.gen(function* () {
      const { layer, server } = yield* vendor("anthropic", slow)
      yield* LanguageModel.streamText({ prompt: "Hello" }).pipe(
        Stream.takeUntil((part) => part.type === "text-delta"),
        Stream.runDrain,
        Effect.provide(ResilientLanguageModel.layer([layer]))
      )
      yield* server.calls()[0]!.closed
      assert.strictEqual(server.calls()[0]!.state, "left")
    }).pipe(Effect.scoped)
  )

  it.live("of a hedge are closed as soon as the other shows its first content, which goes on to its end", () =>
    Effect.gen(function* () {
      const late = yield* vendor("openai", slow.pipe(Script.startsAfter(5000)))
      const quick = yield* vendor("anthropic", slow)
      const { error, seen } = yield* read("Hello").pipe(
        Effect.provide(
          ResilientLanguageModel.layer([late.layer, quick.layer], {
            hedge: { idempotent: true, when: "50 millis" },
            clocks: { firstContent: "20 seconds", idle: "5 seconds" }
          })
        )
      )
      assert.isUndefined(error)
      assert.strictEqual(textOf(seen), "Once upon a time there was a relay.")
      yield* late.server.calls()[0]!.closed
      assert.strictEqual(late.server.calls()[0]!.state, "left")
      assert.strictEqual(quick.server.calls()[0]!.state, "ended")
    }).pipe(Effect.scoped)
  )
})

describe("a client that judges by itself", () => {
  const over = (client: Layer.Layer<HttpClient.HttpClient>, ...scripts: ReadonlyArray<Script.Script>) =>
    Effect.map(ScriptedServer.make({ dialect: "openai", scripts }), (server) => ({
      server,
      layer: DialectLanguageModel.layer({ dialect: "openai", baseUrl: server.url, model: "gpt-4.1" }).pipe(
        Layer.provide(client)
      )
    }))
  const fetching = FetchHttpClient.layer

  it.live("a refusal is one also where it comes as an error of the client's", () =>
    Effect.gen(function* () {
      const strict = Layer.effect(
        HttpClient.HttpClient,
        Effect.map(HttpClient.HttpClient, HttpClient.filterStatusOk)
      ).pipe(Layer.provide(fetching))
      const { layer } = yield* over(
        strict,
        Script.status(401),
        Script.status(429, { headers: { "retry-after": "7" } }),
        Script.status(400, { body: { error: { message: "too long", code: "context_length_exceeded" } } })
      )
      const errors: Array<AiError.AiError | undefined> = []
      for (const _ of [1, 2, 3]) errors.push((yield* read("Hello").pipe(Effect.provide(layer))).error)
      assert.deepStrictEqual(errors.map(blameOf), ["credential", "rate", "caller"])
      assert.strictEqual(Failures.retryAfterMillisOf(errors[1]), 7000)
      assert.include(errors[2]?.message, "too long")
    }).pipe(Effect.scoped)
  )

  it.live("what its policies refuse keeps its blame and its hint", () =>
    Effect.gen(function* () {
      const policies = PolicyHttp.layer({ retry: false, breaker: { window: CircuitBreaker.consecutive(1) } })
      const { layer, server } = yield* over(
        Layer.provide(policies, fetching),
        Script.status(503),
        Script.answer("never")
      )
      const errors = yield* Effect.forEach([1, 2], () => Effect.map(read("Hello"), ({ error }) => error)).pipe(
        Effect.provide(layer)
      )
      assert.deepStrictEqual(errors.map(blameOf), ["upstream", "rejected"])
      assert.isAbove(Failures.retryAfterMillisOf(errors[1]) ?? 0, 50_000)
      assert.lengthOf(server.calls(), 1)
    }).pipe(Effect.scoped)
  )
})

describe("a request that a dialect has no words for", () => {
  it.live("is not sent, and names what it is", () =>
    Effect.gen(function* () {
      const { layer, server } = yield* vendor("openai", Script.answer("never"))
      const error = yield* LanguageModel.generateText({
        prompt: [
          {
            role: "user",
            content: [{ type: "file", mediaType: "application/pdf", data: new URL("https://a.test/b.pdf") }]
          }
        ]
      }).pipe(Effect.provide(layer), Effect.flip)
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
      assert.include(error.message, "prompt[0].content[0]")
      assert.lengthOf(server.calls(), 0)
    }).pipe(Effect.scoped)
  )

  it.live("is asked of another model that has them, and one that is too long of another, too", () =>
    Effect.gen(function* () {
      const gemini = yield* vendor(
        "gemini",
        Script.status(400, { body: { error: { message: "too long", code: "context_length_exceeded" } } })
      )
      const openai = yield* vendor("openai", Script.answer("A cat."))
      const image: Prompt.RawInput = [
        { role: "user", content: [{ type: "file", mediaType: "image/png", data: new URL("https://a.test/cat.png") }] }
      ]
      const answers = yield* Effect.forEach([image, "a long prompt"], (prompt) =>
        LanguageModel.generateText({ prompt }).pipe(Effect.map(({ text }) => text))
      ).pipe(Effect.provide(ResilientLanguageModel.layer([gemini.layer, openai.layer])))
      assert.deepStrictEqual(answers, ["A cat.", "A cat."])
      assert.deepStrictEqual([gemini.server.calls().length, openai.server.calls().length], [1, 2])
    }).pipe(Effect.scoped)
  )

  it.live("is asked again without a field that nobody needs and the vendor refuses, and remembered", () =>
    Effect.gen(function* () {
      const { layer, server } = yield* vendor(
        "openai",
        Script.status(400, {
          body: { error: { message: "Unknown parameter: 'stream_options'", param: "stream_options", code: null } }
        }),
        Script.answer("Hi")
      )
      yield* Effect.gen(function* () {
        const { seen } = yield* read("Hello")
        assert.strictEqual(textOf(seen), "Hi")
        yield* read("Hello")
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(
        [0, 1, 2].map((at) => "stream_options" in bodyOf(server, at)),
        [true, false, false]
      )
    }).pipe(Effect.scoped)
  )
})

describe("two requests at once that the vendor refuses for the same field", () => {
  it.live("are each asked again without it", () =>
    Effect.gen(function* () {
      const server = yield* ScriptedServer.make({
        dialect: "openai",
        scripts: ({ request }) =>
          request !== undefined && "stream_options" in request.body
            ? Script.status(400, {
                body: { error: { message: "Unknown parameter: 'stream_options'", param: "stream_options", code: null } }
              })
            : Script.answer("Hi")
      })
      const layer = DialectLanguageModel.layer({ dialect: "openai", baseUrl: server.url, model: "m" }).pipe(
        Layer.provide(FetchHttpClient.layer)
      )
      const both = yield* Effect.all([read("Hello"), read("Hello")], { concurrency: 2 }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(
        both.map(({ error, seen }) => [error, textOf(seen)]),
        [
          [undefined, "Hi"],
          [undefined, "Hi"]
        ]
      )
      assert.lengthOf(server.calls(), 4)
    }).pipe(Effect.scoped)
  )
})

describe("images and files", () => {
  it.live("are called what they are", () =>
    Effect.gen(function* () {
      const { layer, server } = yield* vendor("anthropic", Script.answer("Cats."))
      const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0])
      const any = "image/*"
      yield* LanguageModel.generateText({
        prompt: [
          {
            role: "user",
            content: [
              { type: "file", mediaType: any, data: png },
              { type: "file", mediaType: any, data: "R0lGODlhAQ==" },
              { type: "file", mediaType: any, data: new TextEncoder().encode("RIFF....WEBP") },
              { type: "file", mediaType: any, data: Uint8Array.from([0xff, 0xd8, 0xff]) },
              { type: "file", mediaType: any, data: "data:image/webp;base64,AAAA" },
              { type: "file", mediaType: "application/pdf", data: new URL("data:application/pdf,h%69%FF") }
            ]
          }
        ]
      }).pipe(Effect.provide(layer))
      const [message] = bodyOf(server, 0)["messages"] as ReadonlyArray<{
        readonly content: ReadonlyArray<{ readonly source: { readonly media_type: string; readonly data: string } }>
      }>
      assert.deepStrictEqual(
        message!.content.map(({ source }) => source.media_type),
        ["image/png", "image/gif", "image/webp", "image/jpeg", "image/webp", "application/pdf"]
      )
      assert.strictEqual(message!.content[5]!.source.data, Buffer.from([0x68, 0x69, 0xff]).toString("base64"))
    }).pipe(Effect.scoped)
  )

  it.live("are sent as the vendor takes them", () =>
    Effect.gen(function* () {
      const { layer, server } = yield* vendor("anthropic", Script.answer("A cat."))
      yield* LanguageModel.generateText({
        prompt: [
          {
            role: "user",
            content: [
              { type: "text", text: "What is it?" },
              { type: "file", mediaType: "image/png", data: new Uint8Array([104, 105]) },
              { type: "file", mediaType: "image/*", data: new URL("https://a.test/cat.png") },
              { type: "file", mediaType: "application/pdf", data: "aGk=" }
            ]
          }
        ]
      }).pipe(Effect.provide(layer))
      const [message] = bodyOf(server, 0)["messages"] as ReadonlyArray<{ readonly content: ReadonlyArray<object> }>
      assert.deepStrictEqual(message!.content, [
        { type: "text", text: "What is it?" },
        { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } },
        { type: "image", source: { type: "url", url: "https://a.test/cat.png" } },
        { type: "document", source: { type: "base64", media_type: "application/pdf", data: "aGk=" } }
      ])
    }).pipe(Effect.scoped)
  )
})

describe("what vendors truly write", () => {
  const folder = (path: string): string => join(import.meta.dirname, "..", path)
  const rows = [
    ["openai", "fixtures/openai/reasoning.sse", "Norway, so Oslo.", "Oslo.", "stop"],
    ["openai", "fixtures/openai/parallelTools.sse", "", "I look both up.", "tool-calls"],
    ["anthropic", "dialect/anthropic/fixtures/text.sse", "", "Hello!", "stop"],
    ["gemini", "dialect/gemini/fixtures/thinking.sse", "Norway, so Oslo.", "Oslo.", "stop"]
  ] as const

  it.live.each(rows)("%s, %s", ([dialect, file, reasoning, text, finish]) =>
    Effect.gen(function* () {
      const body = readFileSync(folder(file), "utf8")
      const { layer } = yield* vendor(
        dialect,
        Script.status(200, { body, headers: { "content-type": "text/event-stream" } })
      )
      const seen: Array<Response.AnyPart> = []
      yield* LanguageModel.streamText({
        prompt: "Hello",
        toolkit: Toolkit.empty,
        disableToolCallResolution: true,
        toolCallValidation: "deferred"
      }).pipe(
        Stream.runForEach((part) => Effect.sync(() => void seen.push(part))),
        Effect.provide(layer)
      )
      assert.strictEqual(textOf(seen), text)
      assert.strictEqual(seen.map((part) => (part.type === "reasoning-delta" ? part.delta : "")).join(""), reasoning)
      assert.strictEqual((seen.at(-1) as Response.FinishPart).reason, finish)
    }).pipe(Effect.scoped)
  )
})
