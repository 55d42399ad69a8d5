/**
 * Models over `@copilotkit/aimock`: somebody else's idea of what the vendors write.
 */
import { assert, describe, it } from "@effect/vitest"
import { LLMock } from "@copilotkit/aimock"
import { Effect, Layer, Redacted, Schema } from "effect"
import { LanguageModel, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import { DialectLanguageModel, ResilientLanguageModel } from "effect-resilience/ai"
import { upstreamDialectNames } from "#src/dialect/index"
import { read, textOf } from "./kit.ts"

const tools = Toolkit.make(
  Tool.make("get_weather", {
    parameters: Schema.Struct({ location: Schema.String }),
    success: Schema.Struct({ degrees: Schema.Number })
  })
)

const startMock = Effect.acquireRelease(
  Effect.promise(async () => {
    const mock = new LLMock({ port: 0, host: "127.0.0.1", logLevel: "silent" })
    mock.onMessage("weather?", {
      toolCalls: [{ id: "call_mock", name: "get_weather", arguments: '{"location":"Oslo"}' }]
    })
    mock.onMessage("think", { content: "Yes.", reasoning: "Hm, well." })
    mock.onMessage("object", { content: '{"degrees":3}' })
    mock.onMessage("hello", { content: "Once upon a time there was a mock." })
    await mock.start()
    return mock
  }),
  (mock) => Effect.promise(() => mock.stop())
)

const modelOf = (mock: LLMock, dialect: (typeof upstreamDialectNames)[number]) =>
  DialectLanguageModel.layer({
    dialect,
    baseUrl: `${mock.url}/${dialect === "gemini" ? "v1beta" : "v1"}`,
    model: "any",
    key: Redacted.make("sk-of-the-test")
  }).pipe(Layer.provide(FetchHttpClient.layer))

describe.each(upstreamDialectNames)("a model over aimock's %s", (dialect) => {
  it.live("says and thinks what the mock does, calls its tools and gives its objects", () =>
    Effect.gen(function* () {
      const mock = yield* startMock
      yield* Effect.gen(function* () {
        const whole = yield* LanguageModel.generateText({ prompt: "hello" })
        assert.deepStrictEqual([whole.text, whole.finishReason], ["Once upon a time there was a mock.", "stop"])
        const { error, seen } = yield* read("hello")
        assert.isUndefined(error)
        assert.strictEqual(textOf(seen), "Once upon a time there was a mock.")
        const thought = yield* LanguageModel.generateText({ prompt: "think" })
        assert.deepStrictEqual([thought.text, thought.reasoningText], ["Yes.", "Hm, well."])
        const toolkit = yield* tools
        const called = yield* LanguageModel.generateText({ prompt: "weather?", toolkit })
        assert.deepStrictEqual(
          called.toolCalls.map(({ name, params }) => [name, params]),
          [["get_weather", { location: "Oslo" }]]
        )
        assert.deepStrictEqual(
          called.toolResults.map(({ result }) => result),
          [{ degrees: 3 }]
        )
        const { value } = yield* LanguageModel.generateObject({
          prompt: "object",
          schema: Schema.Struct({ degrees: Schema.Number })
        })
        assert.deepStrictEqual(value, { degrees: 3 })
      }).pipe(
        Effect.provide(modelOf(mock, dialect)),
        Effect.provide(tools.toLayer({ get_weather: () => Effect.succeed({ degrees: 3 }) }))
      )
      assert.lengthOf(mock.getRequests(), 5)
    }).pipe(Effect.scoped)
  )
})

describe("a resilient model over two mocks", () => {
  it.live("is the second's where the first refuses, and asks each once", () =>
    Effect.gen(function* () {
      const [broken, good] = [yield* startMock, yield* startMock]
      broken.nextRequestError(500, { message: "down", type: "server_error" })
      const { error, seen } = yield* read("hello").pipe(
        Effect.provide(ResilientLanguageModel.layer([modelOf(broken, "openai"), modelOf(good, "anthropic")]))
      )
      assert.isUndefined(error)
      assert.strictEqual(textOf(seen), "Once upon a time there was a mock.")
      assert.deepStrictEqual([broken.getRequests().length, good.getRequests().length], [1, 1])
    }).pipe(Effect.scoped)
  )
})
