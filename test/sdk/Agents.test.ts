/**
 * The loops that SDKs bring with them: they run the tools that a model calls, send back what came of it, and end with
 * its last words. Over a vendor's own channel and over the other's, a thinking model behind it.
 */
import { createAnthropic } from "@ai-sdk/anthropic"
import { createGoogleGenerativeAI } from "@ai-sdk/google"
import { createOpenAI } from "@ai-sdk/openai"
import Anthropic, { BadRequestError } from "@anthropic-ai/sdk"
import { type CallableTool, GoogleGenAI } from "@google/genai"
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema"
import { generateText, jsonSchema, type LanguageModel, stepCountIs, streamText, tool } from "ai"
import { assert, describe, it } from "@effect/vitest"
import OpenAI from "openai"
import type { RunnableToolFunctionWithParse } from "openai/lib/RunnableFunction"
import { Script, type ScriptedCall } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import { dialects } from "./sdks.ts"
import { type Body, withWorld } from "./world.ts"

const schema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false
} as const
const description = "The weather of a city"
const question = "How is the weather in Oslo and in Rome?"
const weatherOf = (city: string): string => `${city}: sunny`

/** Asks for both cities one after the other, thinking before each, and then says what it was told. */
const model =
  (dialect: UpstreamDialectName) =>
  ({ body, number }: ScriptedCall): Script.Script => {
    const thought = [
      Script.reasoning(`Step ${number}, `),
      Script.reasoning("let me see."),
      ...(dialect !== "openai" ? [Script.signature(`c2lnbmVk${number}`)] : [])
    ]
    const cities = ["Oslo", "Rome"]
    const told = cities.filter((city) => body.includes(weatherOf(city)))
    const next = cities[told.length]
    if (next === undefined) return Script.answer([...thought, "Sunny ", "in both."])
    const input = ['{"city":', JSON.stringify(next), "}"]
    return Script.answer([...thought, "I look.", Script.toolCall({ id: `call_${number}`, name: "weather", input })])
  }

type Loop = (url: string, asked: (city: string) => void) => Promise<string | null>

const openaiLoop =
  (stream: boolean): Loop =>
  async (url, asked) => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "key", maxRetries: 0 })
    const weather: RunnableToolFunctionWithParse<{ readonly city: string }> = {
      type: "function",
      function: {
        name: "weather",
        description,
        parameters: { ...schema, required: ["city"] },
        parse: (text) => JSON.parse(text) as { readonly city: string },
        function: ({ city }) => {
          asked(city)
          return weatherOf(city)
        }
      }
    }
    const tools = [weather]
    const body = {
      model: "gpt-5",
      messages: [{ role: "user" as const, content: question }],
      reasoning_effort: "low" as const,
      tools
    }
    return stream
      ? client.chat.completions.runTools({ ...body, stream: true }).finalContent()
      : client.chat.completions.runTools({ ...body, stream: false }).finalContent()
  }

const anthropicLoop =
  (stream: boolean): Loop =>
  async (url, asked) => {
    const client = new Anthropic({ baseURL: url, apiKey: "key", maxRetries: 0 })
    const weather = betaTool({
      name: "weather",
      description,
      inputSchema: schema,
      run: ({ city }) => {
        asked(city)
        return weatherOf(city)
      }
    })
    const message = await client.beta.messages
      .toolRunner({
        model: "claude-sonnet-4-6",
        max_tokens: 1024,
        messages: [{ role: "user", content: question }],
        thinking: { type: "adaptive" },
        tools: [weather],
        stream
      })
      .runUntilDone()
    return message.content.map((block) => (block.type === "text" ? block.text : "")).join("")
  }

const aiLoop =
  (modelAt: (url: string) => LanguageModel, stream: boolean): Loop =>
  async (url, asked) => {
    const weather = tool({
      description,
      inputSchema: jsonSchema<{ readonly city: string }>({ ...schema, required: ["city"] }),
      execute: ({ city }) => {
        asked(city)
        return weatherOf(city)
      }
    })
    const options = {
      model: modelAt(url),
      prompt: question,
      tools: { weather },
      stopWhen: stepCountIs(5),
      maxRetries: 0
    }
    return stream ? streamText(options).text : (await generateText(options)).text
  }

const googleLoop =
  (stream: boolean): Loop =>
  async (url, asked) => {
    const { models } = new GoogleGenAI({ apiKey: "key", httpOptions: { baseUrl: url } })
    const weather: CallableTool = {
      tool: async () => ({ functionDeclarations: [{ name: "weather", description, parametersJsonSchema: schema }] }),
      callTool: async (calls) =>
        calls.map(({ args, id, name }) => {
          const city = String(args?.["city"])
          asked(city)
          return { functionResponse: { id: id!, name: name!, response: { output: weatherOf(city) } } }
        })
    }
    const request = { model: "gemini-2.5-pro", contents: question, config: { tools: [weather] } }
    if (!stream) return (await models.generateContent(request)).text ?? ""
    let last = ""
    for await (const { candidates } of await models.generateContentStream(request)) {
      const parts = candidates?.[0]?.content?.parts ?? []
      // It gives the chunks of every turn, the results of the calls among them.
      if (parts.some(({ functionResponse }) => functionResponse !== undefined)) last = ""
      last += parts.map(({ text, thought }) => (thought === true ? "" : (text ?? ""))).join("")
    }
    return last
  }

const aiOpenai = (url: string) => createOpenAI({ baseURL: `${url}/v1`, apiKey: "key" }).chat("gpt-5")
const aiResponses = (url: string) => createOpenAI({ baseURL: `${url}/v1`, apiKey: "key" })("gpt-5")
const aiAnthropic = (url: string) => createAnthropic({ baseURL: `${url}/v1`, apiKey: "key" })("claude-sonnet-4-6")
const aiGoogle = (url: string) =>
  createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: "key" })("gemini-2.5-pro")

const loops: ReadonlyArray<readonly [name: string, loop: Loop]> = [
  ["openai, runTools", openaiLoop(false)],
  ["openai, runTools, streaming", openaiLoop(true)],
  ["@anthropic-ai/sdk, toolRunner", anthropicLoop(false)],
  ["@anthropic-ai/sdk, toolRunner, streaming", anthropicLoop(true)],
  ["ai + @ai-sdk/openai, generateText", aiLoop(aiOpenai, false)],
  ["ai + @ai-sdk/openai, streamText", aiLoop(aiOpenai, true)],
  ["ai + @ai-sdk/openai, responses, generateText", aiLoop(aiResponses, false)],
  ["ai + @ai-sdk/openai, responses, streamText", aiLoop(aiResponses, true)],
  ["ai + @ai-sdk/anthropic, generateText", aiLoop(aiAnthropic, false)],
  ["ai + @ai-sdk/anthropic, streamText", aiLoop(aiAnthropic, true)],
  ["@google/genai, automatic calls", googleLoop(false)],
  ["@google/genai, automatic calls, streaming", googleLoop(true)],
  ["ai + @ai-sdk/google, generateText", aiLoop(aiGoogle, false)],
  ["ai + @ai-sdk/google, streamText", aiLoop(aiGoogle, true)]
]

/** Google's SDK sends the chunks of a stream back one by one. */
const turnsOf = (messages: ReadonlyArray<Body>): ReadonlyArray<Body> =>
  messages.filter(({ role }, i) => role !== "model" || messages[i - 1]?.["role"] !== role)

describe("a loop of tools", () => {
  const rows = loops.flatMap(([name, loop]) => dialects.map((dialect) => ({ name, loop, dialect })))
  it.each(rows)("$name, over $dialect", ({ dialect, loop }) =>
    withWorld({ a: { dialect, plays: model(dialect) } }, {}, async ({ relay, upstreams: { a } }) => {
      const asked: Array<string> = []
      const said = await loop(relay.url, (city) => asked.push(city))
      assert.deepStrictEqual(asked, ["Oslo", "Rome"])
      assert.strictEqual(said, "Sunny in both.")
      assert.lengthOf(a!.calls(), 3)
      const last = JSON.parse(a!.calls()[2]!.body) as Body
      const items = (last["input"] ?? []) as ReadonlyArray<Body>
      if (dialect !== "responses")
        assert.lengthOf(turnsOf(last[dialect === "gemini" ? "contents" : "messages"] as ReadonlyArray<Body>), 5)
      // A thought is an item of its own, where its client has kept it. (The second time it says no text: its script takes
      // the conversation for one that goes on from the first.)
      else
        assert.lengthOf(
          items.filter(({ type }) => type !== "reasoning"),
          6
        )
    })
  )
})

describe("a conversation that Anthropic would hold", () => {
  const yes = Script.answer("yes").pipe(Script.continuing({ message: "anew" }))

  it.each(dialects)("is none of the relay's, and a client is told so in Anthropic's words: %s", (dialect) =>
    withWorld({ a: { dialect, plays: [yes] } }, {}, async ({ relay, upstreams: { a } }) => {
      const client = new Anthropic({ baseURL: relay.url, apiKey: "key", maxRetries: 0 })
      const about = { model: "claude-sonnet-4-6", max_tokens: 100 }
      const raised: unknown = await client.beta.messages
        .thread(about)
        .send({ role: "user", content: "hello" })
        .catch((error: unknown) => error)
      assert.instanceOf(raised, BadRequestError)
      assert.propertyVal(raised, "errorCode", "thread_unsupported_request")
      assert.lengthOf(a!.calls(), 0)
      const thread = client.beta.messages.thread({ ...about, unsupportedRequestBehavior: "continue_unthreaded" })
      assert.deepInclude((await thread.send({ role: "user", content: "hello" })).content[0], { text: "yes" })
      assert.deepInclude((await thread.send({ role: "user", content: "and?" })).content[0], { text: "yes" })
      assert.lengthOf(a!.calls(), 2)
    })
  )
})

describe("a beta of Anthropic's", () => {
  const ask = async (url: string) => {
    const client = new Anthropic({ baseURL: url, apiKey: "key", maxRetries: 0, defaultQuery: { beta: "true" } })
    return client.beta.messages.create({
      model: "claude-sonnet-4-6",
      max_tokens: 100,
      messages: [{ role: "user", content: "hello" }],
      betas: ["context-1m-2025-08-07"]
    })
  }

  it("is asked of an Anthropic channel, and is no affair of another", async () => {
    for (const dialect of dialects) {
      await withWorld({ a: { dialect, plays: [Script.answer("yes")] } }, {}, async ({ relay, upstreams: { a } }) => {
        assert.deepInclude((await ask(relay.url)).content[0], { type: "text", text: "yes" })
        const { headers, url } = a!.calls()[0]!
        const own = dialect === "anthropic"
        const bearer = dialect === "openai" || dialect === "responses"
        assert.strictEqual(new URL(url).searchParams.get("beta"), own ? "true" : null)
        assert.strictEqual(headers["anthropic-beta"], own ? "context-1m-2025-08-07" : undefined)
        assert.strictEqual(headers["anthropic-version"] !== undefined, own)
        assert.strictEqual(headers["x-api-key"], own ? "key-of-a" : undefined)
        assert.strictEqual(headers["x-goog-api-key"], dialect === "gemini" ? "key-of-a" : undefined)
        assert.strictEqual(headers["authorization"], bearer ? "Bearer key-of-a" : undefined)
      })
    }
  })
})
