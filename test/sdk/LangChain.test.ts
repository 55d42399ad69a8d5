/**
 * LangChain JS, where it is not as the SDKs that it stands on: how it puts streams together, what it makes of errors and of
 * cuts, how often it asks again, and what it sends back.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Script } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import { langChains } from "./langChain.ts"
import type { Question } from "./question.ts"
import { share } from "../support/share.ts"
import { deliveries, dialects } from "./sdks.ts"
import { withWorld } from "./world.ts"

const text = "Once upon a time there was a relay."
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
const tools = [{ name: "weather", description: "The weather of a city", schema }]
const asks: Question = { tools }
const calls = [
  { id: "call_1", name: "weather", input: { city: "Oslo" } },
  { id: "call_2", name: "weather", input: { city: "Rome" } }
]
const calling = Script.answer([
  "I look ",
  "it up.",
  Script.toolCall({ id: "call_1", name: "weather", input: ['{"city":', '"Oslo"}'] }),
  Script.toolCall({ id: "call_2", name: "weather", input: ['{"city":"Rome"}'] })
])

const places = langChains.flatMap((client) =>
  dialects.flatMap((dialect) =>
    deliveries.map((delivery) => ({ client, dialect, delivery, where: `${client.name}, ${delivery}, over ${dialect}` }))
  )
)

describe("LangChain JS is given", () => {
  it.each(share(places))("a text with its usage, and thoughts: $where", ({ client, delivery, dialect }) =>
    withWorld(
      {
        a: {
          dialect,
          plays: [
            Script.answer([Script.reasoning("Hm, "), Script.reasoning("well."), ...Script.inWords(text)]).pipe(
              Script.usage({ inputTokens: 2000, outputTokens: 40, cacheReadTokens: 1500, reasoningTokens: 30 })
            )
          ]
        }
      },
      {},
      async ({ relay, upstreams: { a } }) => {
        const answer = await client.ask({ url: relay.url, delivery, question: { effort: "medium" } })
        assert.isUndefined(answer.raised, answer.raised?.message)
        assert.strictEqual(answer.text, text)
        assert.strictEqual(answer.reasoning, "Hm, well.")
        // Of a stream of messages it reads what is asked at the start, where other vendors have not said it yet.
        const early = client.dialect === "anthropic" && delivery === "stream" && dialect !== "anthropic"
        assert.strictEqual(answer.usage.input, early ? 2 : 2000)
        // What Google has thought is no output to it.
        assert.strictEqual(answer.usage.output, client.dialect === "gemini" ? 10 : 40)
        assert.lengthOf(a!.calls(), 1)
      }
    )
  )

  it.each(share(places, 1))("two calls at once, whose results go back: $where", ({ client, delivery, dialect }) =>
    withWorld(
      { a: { dialect, plays: [calling, Script.answer("Sunny.")] } },
      {},
      async ({ relay, upstreams: { a } }) => {
        const ask = { url: relay.url, delivery }
        const { history, raised, ...first } = await client.ask({ ...ask, question: asks })
        assert.isUndefined(raised, raised?.message)
        assert.deepInclude(first, { text: "I look it up.", calls })
        const results = calls.map(({ id }) => ({ result: `sunny for ${id}`, id, name: "weather" }))
        const second = await client.ask({
          ...ask,
          question: { ...asks, turns: [{ role: "user", says: results }] },
          history
        })
        assert.isUndefined(second.raised, second.raised?.message)
        assert.strictEqual(second.text, "Sunny.")
        const { body } = a!.calls()[1]!
        for (const said of ["I look it up.", "call_1", "Oslo", "sunny for call_1", "Rome", "sunny for call_2"]) {
          assert.include(body, said)
        }
      }
    )
  )
})

describe("an answer that is cut in its words goes on, and LangChain JS sees one", () => {
  const rows = langChains.flatMap((client) =>
    dialects.map((from, i) => ({ client, from, to: dialects[(i + 1) % dialects.length]!, name: client.name }))
  )
  it.each(share(rows))("$name, $from to $to", ({ client, from, to }) =>
    withWorld(
      {
        a: { dialect: from, plays: [Script.answer(text).pipe(Script.cutAfter(3, "reset"))] },
        b: { dialect: to, plays: [Script.answer(text)] }
      },
      {},
      async ({ relay, upstreams: { a, b } }) => {
        const answer = await client.ask({ url: relay.url, delivery: "stream", question: {} })
        assert.isUndefined(answer.raised, answer.raised?.message)
        assert.strictEqual(answer.text, text)
        assert.deepStrictEqual([a!.calls().length, b!.calls().length], [1, 1])
      }
    )
  )
})

describe("an answer that fails behind its first words is raised by LangChain JS, and asked for once", () => {
  // What Gemini writes of a call is all of it.
  const broken = (dialect: UpstreamDialectName) => calling.pipe(Script.cutAfter(dialect === "gemini" ? 7 : 3, "end"))
  const rows = langChains.flatMap((client) => dialects.map((dialect) => ({ client, dialect, name: client.name })))
  it.each(share(rows))("$name, over $dialect", ({ client, dialect }) =>
    // Where nobody goes on: of a call that a client is given whole nothing was shown.
    withWorld(
      { a: { dialect, plays: [broken(dialect)] } },
      { recovery: { mode: "off" } },
      async ({ relay, upstreams: { a } }) => {
        // It would ask again, had nothing been shown.
        const answer = await client.asking(2).ask({ url: relay.url, delivery: "stream", question: asks })
        assert.isDefined(answer.raised)
        assert.include(answer.text, "I look it up.")
        assert.lengthOf(a!.calls(), 1)
      }
    )
  )
})

/** How many requests each relay was sent: not every model takes a `fetch`, and all have the one of Node. */
const requests = new Map<string, number>()
const { fetch } = globalThis

beforeAll(() => {
  globalThis.fetch = (input, init) => {
    const { origin } = new URL(input instanceof Request ? input.url : input)
    requests.set(origin, (requests.get(origin) ?? 0) + 1)
    return fetch(input, init)
  }
})

afterAll(() => {
  globalThis.fetch = fetch
})

describe("an error before the stream is raised by LangChain JS", () => {
  const errors = [
    { name: "400", script: Script.status(400), status: 400, code: "invalid_request", again: false },
    { name: "401", script: Script.status(401), status: 502, code: "channel:invalid_key", again: true },
    { name: "404", script: Script.status(404), status: 404, code: "model_not_found", again: false },
    {
      name: "429",
      script: Script.status(429, { headers: { "retry-after": "1" } }),
      status: 429,
      code: "channel:rate_limited",
      again: true
    },
    {
      name: "503",
      script: Script.status(503, { headers: { "retry-after": "9" } }),
      status: 503,
      code: "upstream_overloaded",
      again: true
    }
  ] as const

  const rows = errors.flatMap((error) =>
    langChains.flatMap((client) => deliveries.map((delivery) => ({ ...error, client, delivery, of: client.name })))
  )
  it.concurrent.each(rows)("$name: $of, $delivery", ({ again, client, code, delivery, script, status }) =>
    withWorld({ a: { dialect: "openai", plays: [script] } }, {}, async ({ relay }) => {
      const { raised } = await client.asking(1).ask({ url: relay.url, delivery, question: {} })
      assert.strictEqual(raised?.status, client.dialect === "anthropic" && status === 503 ? 529 : status)
      // Google's has no code but in its message.
      assert.include(`${raised?.code} ${raised?.message}`, code)
      // And no headers: a 429 without a hint is asked for once.
      const asks = again && !(client.dialect === "gemini" && status === 429)
      assert.strictEqual(requests.get(relay.url), asks ? 2 : 1)
    })
  )
})
