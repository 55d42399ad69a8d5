/**
 * What every SDK assembles of what vendors truly write: recorded streams, and the answers of somebody else's mock. So the relay is not held against its own encoders.
 */
import { LLMock } from "@copilotkit/aimock"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Script } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { aiAnthropic, aiGoogle, aiResponses } from "./aiSdk.ts"
import { openaiSdk } from "./openaiSdk.ts"
import type { Answer, Client, Question } from "./question.ts"
import { responsesSdk } from "./responsesSdk.ts"
import { share } from "../support/share.ts"
import { clients, deliveries, dialects, places, showsReasoning } from "./sdks.ts"
import { withWorld, worldsInTurn } from "./world.ts"

const inTurn = worldsInTurn()

const folders: { readonly [D in UpstreamDialectName]: string } = {
  openai: join(import.meta.dirname, "../fixtures/openai"),
  responses: join(import.meta.dirname, "../dialect/responses/fixtures"),
  anthropic: join(import.meta.dirname, "../dialect/anthropic/fixtures"),
  gemini: join(import.meta.dirname, "../dialect/gemini/fixtures")
}

interface Row {
  readonly dialect: UpstreamDialectName
  readonly file: string
  readonly question?: Question
  readonly gives: Partial<Pick<Answer, "text" | "reasoning" | "calls" | "finish">> & {
    readonly usage?: Partial<Answer["usage"]>
  }
  /** Who is told an error, and its code. */
  readonly raises?: string
  /** SDKs that stumble over what their own vendor writes, whoever passes it on. */
  readonly butNot?: ReadonlyArray<Client>
}

const tool = (name: string) => ({ name, description: name, schema: { type: "object", properties: {} } })
const oslo = { id: "call_aAA1", name: "get_weather", input: { location: "Oslo" } }
const time = { id: "call_bBB2", name: "get_time", input: { zone: "Europe/Oslo" } }
const tools = [tool("get_weather"), tool("get_time")]

const rows: ReadonlyArray<Row> = [
  { dialect: "openai", file: "text.sse", gives: { text: 'The capital of Norway is "Oslo".\n— 🚀', finish: "stop" } },
  {
    dialect: "openai",
    file: "usage.sse",
    gives: { text: "Hi there.", finish: "stop", usage: { input: 2006, output: 3, cacheRead: 1920 } }
  },
  {
    dialect: "openai",
    file: "tools.sse",
    question: { tools },
    gives: {
      calls: [{ id: "call_DdmO9pD3xa9XTPNJ32zg2hcA", name: "get_weather", input: { location: "Paris, France" } }],
      finish: "tool-calls"
    }
  },
  {
    dialect: "openai",
    file: "parallelTools.sse",
    question: { tools },
    gives: { text: "I look both up.", calls: [oslo, time], finish: "tool-calls" }
  },
  {
    dialect: "openai",
    file: "reasoning.sse",
    gives: {
      reasoning: "Norway, so Oslo.",
      text: "Oslo.",
      finish: "stop",
      usage: { input: 12, output: 9, reasoning: 6 }
    }
  },
  { dialect: "openai", file: "length.sse", gives: { text: "Once upon a", finish: "length" } },
  { dialect: "openai", file: "contentFilter.sse", gives: { text: "First, you", finish: "content-filter" } },
  { dialect: "openai", file: "azure.sse", gives: { text: "The capital is Oslo.", finish: "stop" } },
  { dialect: "openai", file: "error.sse", gives: { text: "Once upon" }, raises: "bad_response_status_code" },
  { dialect: "responses", file: "text.sse", gives: { text: 'The capital of Norway is "Oslo".\n— 🚀', finish: "stop" } },
  {
    dialect: "responses",
    file: "cached.sse",
    gives: { text: "Hi there.", finish: "stop", usage: { input: 2006, output: 3, cacheRead: 1920 } }
  },
  {
    dialect: "responses",
    file: "tools.sse",
    question: { tools },
    gives: {
      calls: [{ id: "call_RzfkBpJgzeR0S242qfvjadNe", name: "get_weather", input: { location: "Paris, France" } }],
      finish: "tool-calls"
    }
  },
  {
    dialect: "responses",
    file: "parallelTools.sse",
    question: { tools },
    gives: { text: "I look both up.", calls: [oslo, time], finish: "tool-calls" }
  },
  {
    dialect: "responses",
    file: "reasoning.sse",
    question: { effort: "medium" },
    gives: {
      reasoning: "**Finding** the capital\n\nNorway, so Oslo.",
      text: "Oslo.",
      finish: "stop",
      usage: { input: 12, output: 201, reasoning: 192 }
    }
  },
  {
    dialect: "responses",
    file: "reasoningTools.sse",
    question: { effort: "high", tools },
    gives: { calls: [oslo], finish: "tool-calls", usage: { input: 140, output: 64, cacheRead: 128, reasoning: 47 } }
  },
  {
    dialect: "responses",
    file: "reasoningSealed.sse",
    question: { effort: "low" },
    gives: { reasoning: "", text: "Yes.", finish: "stop", usage: { input: 9, output: 70, reasoning: 64 } }
  },
  { dialect: "responses", file: "incomplete.sse", gives: { text: "Once upon a", finish: "length" } },
  { dialect: "responses", file: "contentFilter.sse", gives: { text: "First, you", finish: "content-filter" } },
  { dialect: "responses", file: "failed.sse", gives: { text: "Once upon" }, raises: "bad_response_status_code" },
  { dialect: "responses", file: "error.sse", gives: { text: "Once upon" }, raises: "channel:rate_limited" },
  { dialect: "responses", file: "search.sse", gives: { text: "Spain won.", finish: "stop" } },
  {
    dialect: "responses",
    file: "unknown.sse",
    gives: { text: "Hi", finish: "stop" },
    // Its helper raises at an event that was added later, and the schema of `ai` knows no such item.
    butNot: [responsesSdk, aiResponses]
  },
  {
    dialect: "anthropic",
    file: "text.sse",
    gives: { text: "Hello!", finish: "stop", usage: { input: 25, output: 15 } }
  },
  {
    dialect: "anthropic",
    file: "tools.sse",
    question: { tools },
    gives: {
      text: "Okay, let's check the weather for San Francisco, CA:",
      calls: [
        { id: "toolu_01T1x1fJ34qAmk2tNTrN7Up6", name: "get_weather", input: { location: "San Francisco, CA" } },
        { id: "toolu_02", name: "get_time", input: {} }
      ],
      finish: "tool-calls",
      usage: { input: 472, output: 89 }
    }
  },
  {
    dialect: "anthropic",
    file: "thinking.sse",
    gives: {
      reasoning: "I need to find the GCD of 1071 and 462.\n1071 = 2 × 462 + 147",
      text: "The greatest common divisor is **21**.",
      finish: "stop",
      usage: { input: 30, output: 120, reasoning: 90 }
    }
  },
  {
    dialect: "anthropic",
    file: "cached.sse",
    gives: { text: "First, take", finish: "content-filter", usage: { input: 1230, output: 22, cacheRead: 1000 } }
  },
  { dialect: "anthropic", file: "overloaded.sse", gives: { text: "Hello" }, raises: "upstream_overloaded" },
  {
    dialect: "anthropic",
    file: "unknown.sse",
    gives: { text: "Hi" },
    // Its schema knows no event that was added later, and it takes a summary for text.
    butNot: [aiAnthropic]
  },
  {
    dialect: "gemini",
    file: "text.sse",
    gives: { text: 'The capital of Norway is "Oslo".\n— 🚀', finish: "stop", usage: { input: 8, output: 13 } }
  },
  { dialect: "gemini", file: "beside.sse", gives: { text: "Hi there.", finish: "stop" } },
  {
    dialect: "gemini",
    file: "thinking.sse",
    gives: {
      reasoning: "Norway, so Oslo.",
      text: "Oslo.",
      finish: "stop",
      usage: { input: 12, output: 11, reasoning: 9 }
    }
  },
  {
    dialect: "gemini",
    file: "tools.sse",
    question: { tools },
    gives: {
      text: "I look both up.",
      calls: [
        { ...oslo, id: "8f2b1a3c" },
        { ...time, id: "8f2b1a3d" }
      ],
      finish: "tool-calls"
    }
  },
  { dialect: "gemini", file: "length.sse", gives: { text: "Once upon a", finish: "length" } },
  {
    dialect: "gemini",
    file: "cached.sse",
    gives: { text: "Yes.", finish: "stop", usage: { input: 2016, output: 5, cacheRead: 1920, reasoning: 3 } }
  },
  { dialect: "gemini", file: "safety.sse", gives: { text: "First, you", finish: "content-filter" } },
  { dialect: "gemini", file: "search.sse", gives: { text: "Spain won.", finish: "stop" } },
  { dialect: "gemini", file: "error.sse", gives: { text: "Once upon" }, raises: "upstream_overloaded" },
  { dialect: "gemini", file: "malformed.sse", gives: { text: "I look" }, raises: "bad_response" }
]

/** The arguments of two calls by turns, as some who speak as OpenAI does send them. */
const byTurns = [
  [{ index: 0, id: "a", type: "function", function: { name: "get_weather", arguments: "" } }],
  [{ index: 1, id: "b", type: "function", function: { name: "get_time", arguments: "" } }],
  [{ index: 0, function: { arguments: '{"location":' } }],
  [{ index: 1, function: { arguments: '{"zone":' } }],
  [{ index: 0, function: { arguments: '"Oslo"}' } }],
  [{ index: 1, function: { arguments: '"UTC"}' } }]
]

const streamOf = ({ dialect, file }: Row): Script.Script =>
  Script.status(200, {
    body: readFileSync(join(folders[dialect], file), "utf8"),
    headers: { "content-type": "text/event-stream" }
  })

describe.each(rows.map((row, nth) => ({ ...row, nth })))("$dialect, $file", ({ nth, ...row }) => {
  const where = places.filter(({ client, dialect }) => dialect === row.dialect && row.butNot?.includes(client) !== true)
  it.each(share(where, nth))("$where", ({ client, delivery, dialect }) => {
    const upstreams = { a: { dialect, plays: [streamOf(row)] } }
    // An answer that failed is remembered of its channel.
    const withRelay = row.raises === undefined ? inTurn : withWorld
    return withRelay(upstreams, { recovery: { mode: "off" } }, async ({ relay }) => {
      const answer = await client.ask({ url: relay.url, delivery, question: row.question ?? {} })
      const { usage, ...said } = row.gives
      if (row.raises !== undefined) {
        assert.isDefined(answer.raised)
        if (client !== aiAnthropic || delivery === "whole") assert.strictEqual(answer.raised?.code, row.raises)
        if (delivery === "stream") assert.strictEqual(answer.text, said.text)
        return
      }
      assert.isUndefined(answer.raised, answer.raised?.message)
      const reasoning = said.reasoning === undefined || showsReasoning(client) ? {} : { reasoning: "" }
      assert.deepInclude(answer, { ...said, ...reasoning })
      // What Google's own tools have read is no part of the prompt to its provider for `ai`.
      const { input, ...others } = usage ?? {}
      if (input !== undefined && client !== aiGoogle) assert.strictEqual(answer.usage.input, input)
      assert.deepInclude(answer.usage, others)
    })
  })
})

describe("a refusal", () => {
  const refusals = [
    { dialect: "openai", file: "refusal.sse", says: "I'm sorry, I cannot assist with that." },
    { dialect: "responses", file: "refusal.sse", says: "I'm sorry, I can't help with that." }
  ] as const
  const rows = refusals.flatMap((row) =>
    places
      .filter(({ dialect }) => dialect === row.dialect)
      .map(({ client, delivery, where }) => ({ ...row, client, delivery, where }))
  )
  it.each(rows)("$where", ({ client, delivery, dialect, file, says }) =>
    inTurn({ a: { dialect, plays: [streamOf({ dialect, file, gives: {} })] } }, {}, async ({ relay }) => {
      const { finish, raised, text } = await client.ask({ url: relay.url, delivery, question: {} })
      assert.isUndefined(raised, raised?.message)
      // OpenAI has a field for it, which `ai` shows as a text, and the others a word for the end of one.
      const own = client === openaiSdk || client === responsesSdk
      assert.deepStrictEqual([text, finish], own ? ["", "stop"] : [says, "content-filter"])
    })
  )
})

describe("two calls whose arguments come by turns", () => {
  const chunk = (delta: object, finish: string | null) =>
    `data: ${JSON.stringify({
      id: "x",
      object: "chat.completion.chunk",
      created: 1,
      model: "m",
      choices: [{ index: 0, delta, finish_reason: finish }]
    })}\n\n`
  const body = [
    ...byTurns.map((calls) => chunk({ tool_calls: calls }, null)),
    chunk({}, "tool_calls"),
    "data: [DONE]\n\n"
  ].join("")
  const where = places.filter(({ dialect }) => dialect === "openai")
  it.each(where)("$where", ({ client, delivery, dialect }) => {
    const plays = [Script.status(200, { body, headers: { "content-type": "text/event-stream" } })]
    return inTurn({ a: { dialect, plays } }, {}, async ({ relay }) => {
      const { calls, finish, raised } = await client.ask({ url: relay.url, delivery, question: { tools } })
      assert.isUndefined(raised, raised?.message)
      assert.deepStrictEqual(calls, [
        { id: "a", name: "get_weather", input: { location: "Oslo" } },
        { id: "b", name: "get_time", input: { zone: "UTC" } }
      ])
      assert.strictEqual(finish, "tool-calls")
    })
  })
})

describe.each(dialects)("aimock, over %s", (dialect) => {
  const mock = new LLMock({ port: 0, host: "127.0.0.1", logLevel: "silent" })
  const call = { id: "call_mock", name: "get_weather", arguments: '{"location":"Oslo"}' }
  mock.onMessage("weather?", { toolCalls: [call] })
  mock.onMessage("think", { content: "Yes.", reasoning: "Hm, well." })
  mock.onMessage("hello", { content: "Once upon a time there was a mock." })
  let relay: RunningRelay
  beforeAll(async () => {
    await mock.start()
    const url = `${mock.url}/${dialect === "gemini" ? "v1beta" : "v1"}`
    relay = await startRelay({ channels: [channelOf("mock", url, { dialect, models: ["*"] })] })
  })
  afterAll(async () => {
    await relay.close()
    await mock.stop()
  })

  const cases = clients.flatMap((client) => deliveries.map((delivery) => ({ client, delivery, name: client.name })))
  it.each(cases)("$name, $delivery", async ({ client, delivery }) => {
    const before = mock.getRequests().length
    const ask = (says: string, question: Question = {}) =>
      client.ask({ url: relay.url, delivery, question: { ...question, turns: [{ role: "user", says: [says] }] } })
    const said = await ask("hello")
    assert.isUndefined(said.raised, said.raised?.message)
    assert.deepInclude(said, { text: "Once upon a time there was a mock.", finish: "stop" })
    const called = await ask("weather?", { tools })
    assert.isUndefined(called.raised, called.raised?.message)
    assert.strictEqual(called.text, "")
    // The mock has a word for a Gemini's end that Google has not, and it passes in its own dialect.
    if (client.dialect !== "gemini" || dialect !== "gemini") assert.strictEqual(called.finish, "tool-calls")
    assert.deepInclude(called.calls[0], { name: "get_weather", input: { location: "Oslo" } })
    const thought = await ask("think")
    assert.isUndefined(thought.raised, thought.raised?.message)
    assert.deepInclude(thought, { text: "Yes.", reasoning: showsReasoning(client) ? "Hm, well." : "" })
    assert.lengthOf(mock.getRequests(), before + 3)
  })
})
