/**
 * Google's own clients at the relay: `@google/genai`, and `ai` with `@ai-sdk/google`, whole and streamed over a channel of
 * each dialect.
 */
import { createGoogleGenerativeAI } from "@ai-sdk/google"
import { ApiError, type Content, type GenerateContentResponse, GoogleGenAI } from "@google/genai"
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai"
import { assert, describe, it } from "@effect/vitest"
import { Script, type ScriptedCall } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import { deliveries, dialects } from "./sdks.ts"
import { bodiesOf, withWorld } from "./world.ts"

const google = (url: string) => new GoogleGenAI({ apiKey: "key", httpOptions: { baseUrl: url } })
const model = "gemini-2.5-pro"
const text = "Once upon a time there was a relay."
const places = dialects.flatMap((dialect) => deliveries.map((delivery) => ({ dialect, delivery })))

const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] } as const
const description = "The weather of a city"
const config = { tools: [{ functionDeclarations: [{ name: "weather", description, parametersJsonSchema: schema }] }] }

/** All chunks that an answer came in: one if it was asked for whole. */
const ask = async (
  url: string,
  delivery: "whole" | "stream",
  contents: string | Array<Content>,
  more: object = {}
): Promise<ReadonlyArray<GenerateContentResponse>> => {
  const { models } = google(url)
  const asked = { model, contents, config: more }
  if (delivery === "whole") return [await models.generateContent(asked)]
  const chunks: Array<GenerateContentResponse> = []
  for await (const chunk of await models.generateContentStream(asked)) chunks.push(chunk)
  return chunks
}

const partsOf = (chunks: ReadonlyArray<GenerateContentResponse>) =>
  chunks.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
const textOf = (chunks: ReadonlyArray<GenerateContentResponse>) =>
  partsOf(chunks)
    .map((part) => (part.thought === true ? "" : (part.text ?? "")))
    .join("")
const thoughtOf = (chunks: ReadonlyArray<GenerateContentResponse>) =>
  partsOf(chunks)
    .map((part) => (part.thought === true ? (part.text ?? "") : ""))
    .join("")
const callsOf = (chunks: ReadonlyArray<GenerateContentResponse>) =>
  chunks.flatMap(({ functionCalls }) => functionCalls ?? [])

const thought = (dialect: UpstreamDialectName) => [
  Script.reasoning("Let me "),
  Script.reasoning("see."),
  ...(dialect === "openai" ? [] : [Script.signature("c2lnbmVk")])
]

/** Asks for the weather of Oslo, and then says what it was told. */
const looks =
  (dialect: UpstreamDialectName) =>
  ({ body }: ScriptedCall): Script.Script =>
    body.includes("so sunny")
      ? Script.answer("It is sunny.")
      : Script.answer([
          ...thought(dialect),
          Script.toolCall({ id: "call_1", name: "weather", input: ['{"city":', '"Oslo"}'] })
        ])

describe("@google/genai is given", () => {
  it.each(places)("the whole answer with its thoughts: $delivery, over $dialect", ({ delivery, dialect }) =>
    withWorld(
      { a: { dialect, plays: [Script.answer([...thought(dialect), ...Script.inWords(text)])] } },
      {},
      async ({ relay }) => {
        const chunks = await ask(relay.url, delivery, "hello")
        assert.strictEqual(textOf(chunks), text)
        assert.strictEqual(thoughtOf(chunks), "Let me see.")
        const last = chunks.at(-1)
        assert.strictEqual(last?.candidates?.[0]?.finishReason, "STOP")
        assert.isAbove(last?.usageMetadata?.totalTokenCount ?? 0, 0)
      }
    )
  )

  it.each(places)("a call, whose result goes back under its id: $delivery, over $dialect", ({ delivery, dialect }) =>
    withWorld({ a: { dialect, plays: looks(dialect) } }, {}, async ({ relay, upstreams: { a } }) => {
      const first = await ask(relay.url, delivery, "The weather in Oslo?", config)
      assert.deepStrictEqual(
        callsOf(first).map(({ args, id, name }) => ({ args, id, name })),
        [{ args: { city: "Oslo" }, id: "call_1", name: "weather" }]
      )
      const history: Array<Content> = [
        { role: "user", parts: [{ text: "The weather in Oslo?" }] },
        { role: "model", parts: [...partsOf(first)] },
        {
          role: "user",
          parts: [{ functionResponse: { id: "call_1", name: "weather", response: { output: "so sunny" } } }]
        }
      ]
      assert.strictEqual(textOf(await ask(relay.url, delivery, history, config)), "It is sunny.")
      // What signed the thought goes back to whom it came from.
      if (dialect !== "openai") assert.include(a!.calls()[1]!.body, "c2lnbmVk")
    })
  )

  it.each(dialects.flatMap((from) => dialects.map((to) => ({ from, to }))))(
    "an answer that was cut on $from, and goes on from $to",
    ({ from, to }) =>
      withWorld(
        {
          a: { dialect: from, plays: [Script.answer(text).pipe(Script.cutAfter(2, "reset"))] },
          b: { dialect: to, plays: [Script.answer(text)] }
        },
        {},
        async ({ relay, upstreams: { a, b } }) => {
          assert.strictEqual(textOf(await ask(relay.url, "stream", "hello")), text)
          assert.deepStrictEqual([a!.calls().length, b!.calls().length], [1, 1])
        }
      )
  )

  it.each(places)("an error with its status and code: $delivery, over $dialect", ({ delivery, dialect }) =>
    withWorld({ a: { dialect, plays: [Script.status(400)] } }, {}, async ({ relay, upstreams: { a } }) => {
      const raised: unknown = await ask(relay.url, delivery, "hello").catch((error: unknown) => error)
      assert.instanceOf(raised, ApiError)
      assert.strictEqual(raised.status, 400)
      assert.include(raised.message, "INVALID_ARGUMENT")
      assert.include(raised.message, '"reason":"invalid_request"')
      assert.lengthOf(a!.calls(), 1)
    })
  )

  it.each(dialects)("an error inside the stream, which it raises: over %s", (dialect) =>
    withWorld(
      {
        a: {
          dialect,
          plays: [
            Script.answer([
              "I look.",
              Script.toolCall({ id: "call_1", name: "weather", input: ['{"city":', '"Oslo"}'] }),
              "more"
            ]).pipe(Script.cutAfter(3, "reset"))
          ]
        }
      },
      {},
      async ({ relay }) => {
        const shown: Array<GenerateContentResponse> = []
        const asked = google(relay.url).models.generateContentStream({ model, contents: "hello", config })
        const raised: unknown = await asked
          .then(async (chunks) => {
            for await (const chunk of chunks) shown.push(chunk)
          })
          .catch((error: unknown) => error)
        assert.strictEqual(textOf(shown), "I look.")
        assert.isUndefined(shown.find(({ candidates }) => candidates?.[0]?.finishReason !== undefined))
        assert.instanceOf(raised, ApiError)
        assert.isTrue(raised.status >= 400 && raised.status <= 599, String(raised.status))
        assert.include(raised.message, '"reason":"do_request_failed"')
      }
    )
  )
})

describe("@google/genai asks for", () => {
  it("the models, which are listed and found", () =>
    withWorld(
      { a: { dialect: "openai", plays: [Script.answer("yes")], channel: { models: ["large", "small"] } } },
      {},
      async ({ relay }) => {
        const names: Array<string | undefined> = []
        for await (const { name } of await google(relay.url).models.list()) names.push(name)
        assert.deepStrictEqual(names, ["models/large", "models/small"])
        assert.propertyVal(await google(relay.url).models.get({ model: "small" }), "name", "models/small")
      }
    ))

  it("the tokens of a request, which a Gemini channel counts", () => {
    const counts = Script.status(200, { body: { totalTokens: 42 } })
    return withWorld({ a: { dialect: "gemini", plays: [counts] } }, {}, async ({ relay }) => {
      const { totalTokens } = await google(relay.url).models.countTokens({ model, contents: "Hello" })
      assert.strictEqual(totalTokens, 42)
    })
  })

  it("the tokens of a request, which are estimated where nobody counts", () =>
    withWorld({ a: { dialect: "openai", plays: [Script.answer("no")] } }, {}, async ({ relay, upstreams: { a } }) => {
      const { totalTokens } = await google(relay.url).models.countTokens({ model, contents: "Hello, how are you?" })
      assert.isAbove(totalTokens ?? 0, 3)
      assert.lengthOf(a!.calls(), 0)
    }))

  it.each(dialects)("JSON by a schema, and shows an image: over %s", (dialect) =>
    withWorld(
      { a: { dialect, plays: [Script.answer('{"city":"Oslo"}')] } },
      {},
      async ({ relay, upstreams: { a } }) => {
        const data = "iVBORw0KGgo="
        const contents = [
          { role: "user", parts: [{ inlineData: { mimeType: "image/png", data } }, { text: "Where?" }] }
        ]
        const json = { responseMimeType: "application/json", responseJsonSchema: schema }
        assert.strictEqual(textOf(await ask(relay.url, "whole", contents, json)), '{"city":"Oslo"}')
        const sent = JSON.stringify(bodiesOf(a!)[0])
        assert.include(sent, data)
        assert.include(sent, '"required":["city"]')
      }
    )
  )
})

describe("ai + @ai-sdk/google", () => {
  it.each(places)("runs its loop of tools to the end: $delivery, over $dialect", ({ delivery, dialect }) =>
    withWorld({ a: { dialect, plays: looks(dialect) } }, {}, async ({ relay, upstreams: { a } }) => {
      const asked: Array<string> = []
      const weather = tool({
        description,
        inputSchema: jsonSchema<{ readonly city: string }>({ ...schema, required: ["city"] }),
        execute: ({ city }) => {
          asked.push(city)
          return "so sunny"
        }
      })
      const options = {
        model: createGoogleGenerativeAI({ baseURL: `${relay.url}/v1beta`, apiKey: "key" })(model),
        prompt: "The weather in Oslo?",
        tools: { weather },
        stopWhen: stepCountIs(3),
        maxRetries: 0
      }
      const said = delivery === "stream" ? await streamText(options).text : (await generateText(options)).text
      assert.strictEqual(said, "It is sunny.")
      assert.deepStrictEqual(asked, ["Oslo"])
      assert.lengthOf(a!.calls(), 2)
    })
  )
})
