/**
 * What every SDK assembles of an answer, over a channel of each dialect, whole and streamed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Script } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import type { Answer, Question } from "./question.ts"
import { part } from "./part.ts"
import { type Place, places, showsModel, showsReasoning } from "./sdks.ts"
import { modelOf, worldsInTurn } from "./world.ts"

const inTurn = worldsInTurn()

interface Case {
  readonly name: string
  readonly question?: Question
  readonly where?: (place: Place) => boolean
  readonly plays: (dialect: UpstreamDialectName) => Script.Script
  readonly gives: Partial<Pick<Answer, "text" | "reasoning" | "calls" | "finish">> & {
    readonly usage?: Partial<Answer["usage"]>
  }
}

const weather = {
  name: "weather",
  description: "The weather of a city",
  schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false }
}
const clock = {
  name: "clock",
  description: "The time",
  schema: { type: "object", properties: {}, additionalProperties: false }
}
const tools = [weather, clock]

// A call without arguments, as each vendor writes it.
const noInput: { readonly [D in UpstreamDialectName]: ReadonlyArray<string> } = {
  openai: ["{}"],
  responses: ["{}"],
  anthropic: [],
  gemini: []
}

const odd = 'Two\nlines, "quotes", \\, <b>, 👩‍🚀, \u2028 and é'

const cases: ReadonlyArray<Case> = [
  {
    name: "a text",
    plays: () => Script.answer("Once upon a time there was a relay."),
    gives: { text: "Once upon a time there was a relay.", reasoning: "", calls: [], finish: "stop" }
  },
  {
    name: "a text of all kinds of characters",
    plays: () => Script.answer([...odd].map(Script.text)),
    gives: { text: odd, finish: "stop" }
  },
  {
    name: "a text with pauses and pings in it",
    plays: () => Script.answer([Script.ping, "one ", Script.pause(60), Script.ping, "two", Script.ping]),
    gives: { text: "one two", finish: "stop" }
  },
  {
    name: "a call whose arguments come in parts",
    question: { tools },
    plays: () =>
      Script.answer([Script.toolCall({ id: "call_1", name: "weather", input: ['{"ci', 'ty": "Os', "lo\\n", '"}'] })]),
    gives: { text: "", calls: [{ id: "call_1", name: "weather", input: { city: "Oslo\n" } }], finish: "tool-calls" }
  },
  {
    name: "a text and three calls at once, one without arguments",
    question: { tools },
    plays: (dialect) =>
      Script.answer([
        "I look ",
        "it up.",
        Script.toolCall({ id: "call_1", name: "weather", input: ['{"city":', '"Oslo"}'] }),
        Script.toolCall({ id: "call_2", name: "clock", input: noInput[dialect] }),
        Script.toolCall({ id: "call_3", name: "weather", input: ['{"city":"Rome"}'] })
      ]),
    gives: {
      text: "I look it up.",
      calls: [
        { id: "call_1", name: "weather", input: { city: "Oslo" } },
        { id: "call_2", name: "clock", input: {} },
        { id: "call_3", name: "weather", input: { city: "Rome" } }
      ],
      finish: "tool-calls"
    }
  },
  {
    name: "reasoning before a text",
    question: { effort: "medium" },
    plays: () => Script.answer([Script.reasoning("Hm, "), Script.reasoning("well."), "So: ", "yes."]),
    gives: { reasoning: "Hm, well.", text: "So: yes.", finish: "stop" }
  },
  {
    name: "signed reasoning, a text and a call",
    question: { effort: "medium", tools },
    plays: (dialect) =>
      Script.answer([
        Script.reasoning("Hm, "),
        Script.reasoning("well."),
        ...(dialect === "anthropic" ? [Script.signature("c2lnbmVk")] : []),
        "I look it up.",
        Script.toolCall({ id: "call_1", name: "clock", input: noInput[dialect] })
      ]),
    gives: {
      reasoning: "Hm, well.",
      text: "I look it up.",
      calls: [{ id: "call_1", name: "clock", input: {} }],
      finish: "tool-calls"
    }
  },
  {
    // As a relay behind this one writes it: the signature comes with the call's name, before its arguments.
    name: "a call that was signed before its arguments",
    question: { tools },
    plays: () =>
      Script.answer([
        Script.reasoning("Hm."),
        Script.signature("c2lnbmVk"),
        Script.toolCall({ id: "call_1", name: "weather", input: ['{"city":', '"Oslo"}'] })
      ]),
    gives: {
      reasoning: "Hm.",
      calls: [{ id: "call_1", name: "weather", input: { city: "Oslo" } }],
      finish: "tool-calls"
    }
  },
  {
    name: "an answer that is as long as it may be",
    question: { maxTokens: 16 },
    plays: () => Script.answer("Once upon a").pipe(Script.finish("length")),
    gives: { text: "Once upon a", finish: "length" }
  },
  {
    name: "an answer that stops at a sequence",
    question: { stop: ["END"] },
    // A response has no word for it, whoever asks and whoever answers.
    where: ({ client, dialect }) => client.dialect !== "responses" && dialect !== "responses",
    plays: (dialect) =>
      Script.answer("Once upon a ").pipe(
        dialect === "anthropic" ? Script.finish("stop", "stop_sequence") : Script.finish("stop")
      ),
    gives: { text: "Once upon a ", finish: "stop" }
  },
  {
    name: "an answer that a filter ends",
    plays: () => Script.answer("First, you").pipe(Script.finish("content-filter")),
    gives: { text: "First, you", finish: "content-filter" }
  },
  {
    name: "an answer that a filter ends before its first word",
    plays: () => Script.answer([]).pipe(Script.finish("content-filter")),
    gives: { text: "", finish: "content-filter" }
  },
  {
    name: "usage with what was cached and what was thought",
    question: { effort: "high" },
    plays: () =>
      Script.answer([Script.reasoning("Hm."), "Yes."]).pipe(
        Script.usage({ inputTokens: 2000, outputTokens: 40, cacheReadTokens: 1500, reasoningTokens: 30 })
      ),
    gives: { text: "Yes.", usage: { input: 2000, output: 40, cacheRead: 1500, reasoning: 30 } }
  },
  {
    name: "JSON by a schema",
    question: {
      schema: {
        type: "object",
        properties: { name: { type: "string" } },
        required: ["name"],
        additionalProperties: false
      }
    },
    plays: () => Script.answer(['{"na', 'me":', ' "Ada"}']),
    gives: { text: '{"name": "Ada"}', finish: "stop" }
  }
]

describe.each(cases.map((row, nth) => ({ ...row, nth })))(
  "$name",
  ({ gives, nth, plays, question, where = () => true }) => {
    it.each(part(nth, places.filter(where)))("$where", ({ client, delivery, dialect }) =>
      inTurn({ a: { dialect, plays: [plays(dialect)] } }, {}, async ({ relay, upstreams }) => {
        const answer = await client.ask({ url: relay.url, delivery, question: question ?? {} })
        assert.isUndefined(answer.raised, answer.raised?.message)
        const { usage, ...said } = gives
        assert.deepInclude(answer, {
          ...said,
          ...(said.reasoning === undefined || showsReasoning(client) ? {} : { reasoning: "" }),
          ...(showsModel(client) ? { model: modelOf[dialect] } : {})
        })
        if (usage !== undefined) assert.deepInclude(answer.usage, usage)
        assert.isAbove(answer.usage.input ?? 0, 0)
        assert.strictEqual(answer.headers["x-attempts"], "a=200")
        assert.isUndefined(answer.headers["x-dropped"])
        assert.lengthOf(upstreams["a"]!.calls(), 1)
      })
    )
  }
)
