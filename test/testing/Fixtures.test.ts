/**
 * What vendors write, as their types and documentation say it: read by our decoders, told on by our client encoders, and
 * said again by a script. So neither the decoders nor the scripts are held against nothing but themselves.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Script } from "effect-resilience/testing"
import {
  classify,
  type ClientDialect,
  clientDialects,
  type Completion,
  type Delta,
  isContent,
  madeUp,
  type Payload,
  type UpstreamEvent,
  type Usage
} from "#src/dialect/index"
import type { ResilienceError } from "effect-resilience/errors"
import { eventsOf, eventsOfWhole, playedTo, questionOf, type Summary, summaryOf } from "./kit.ts"

const folder = join(import.meta.dirname, "../fixtures/openai")
const fixture = (name: string): string => readFileSync(join(folder, name), "utf8")

const nothing: Summary = {
  text: "",
  reasoning: "",
  calls: [],
  refusal: "",
  signatures: [],
  finish: undefined,
  usage: undefined,
  usageDetails: undefined,
  done: false,
  fault: undefined
}

interface Row {
  readonly file: string
  readonly says: Partial<Summary>
  /** The same in a script's words. */
  readonly script: Script.Answer
}

const oslo = Script.toolCall({ id: "call_aAA1", name: "get_weather", input: ['{"location":', '"Oslo"}'] })
const time = Script.toolCall({ id: "call_bBB2", name: "get_time", input: ['{"zone":"Europe/Oslo"}'] })
const calls = [
  { id: "call_aAA1", name: "get_weather", input: '{"location":"Oslo"}' },
  { id: "call_bBB2", name: "get_time", input: '{"zone":"Europe/Oslo"}' }
]
const told = (inputTokens: number, outputTokens: number, cacheReadTokens?: number, reasoningTokens?: number) =>
  Script.usage({ inputTokens, outputTokens, cacheReadTokens, reasoningTokens })

const rows: ReadonlyArray<Row> = [
  {
    file: "text.sse",
    says: { text: 'The capital of Norway is "Oslo".\n— 🚀', finish: "stop", done: true },
    script: Script.answer(["The", " capital", ' of Norway is "Oslo".', "\n— 🚀"])
  },
  {
    file: "usage.sse",
    says: {
      text: "Hi there.",
      finish: "stop",
      usage: { input: 2006, output: 3 },
      usageDetails: { cacheRead: 1920, reasoning: 0 },
      done: true
    },
    script: Script.answer(["Hi", " there."]).pipe(told(2006, 3, 1920, 0))
  },
  {
    file: "tools.sse",
    says: {
      calls: [{ id: "call_DdmO9pD3xa9XTPNJ32zg2hcA", name: "get_weather", input: '{"location":"Paris, France"}' }],
      finish: "tool-calls",
      done: true
    },
    script: Script.answer([
      Script.toolCall({
        id: "call_DdmO9pD3xa9XTPNJ32zg2hcA",
        name: "get_weather",
        input: ['{"', "location", '":"Paris, France', '"}']
      })
    ])
  },
  {
    file: "parallelTools.sse",
    says: { text: "I look both up.", calls, finish: "tool-calls", done: true },
    script: Script.answer(["I look both up.", oslo, time])
  },
  {
    file: "reasoning.sse",
    says: {
      reasoning: "Norway, so Oslo.",
      text: "Oslo.",
      finish: "stop",
      usage: { input: 12, output: 9 },
      usageDetails: { cacheRead: 0, reasoning: 6 },
      done: true
    },
    script: Script.answer([Script.reasoning("Norway,"), Script.reasoning(" so Oslo."), "Oslo", "."]).pipe(
      told(12, 9, 0, 6)
    )
  },
  {
    file: "reasoningOpenRouter.sse",
    says: {
      reasoning: "Norway, so Oslo.",
      text: "Oslo.",
      finish: "stop",
      usage: { input: 12, output: 9 },
      usageDetails: { cacheRead: undefined, reasoning: 6 },
      done: true
    },
    script: Script.answer([Script.reasoning("Norway,"), Script.reasoning(" so Oslo."), "Oslo."]).pipe(
      told(12, 9, undefined, 6)
    )
  },
  {
    file: "refusal.sse",
    says: { refusal: "I'm sorry, I cannot assist with that.", finish: "stop", done: true },
    script: Script.answer(["I'm", " sorry, I cannot", " assist with that."].map(Script.refusal))
  },
  {
    file: "length.sse",
    says: { text: "Once upon a", finish: "length", done: true },
    script: Script.answer(["Once upon", " a"]).pipe(Script.finish("length"))
  },
  {
    file: "error.sse",
    says: { text: "Once upon", fault: "BadResponseStatusCode" },
    script: Script.answer("Once upon").pipe(Script.ending(Script.errorFrame()))
  },
  {
    file: "azure.sse",
    says: { text: "The capital is Oslo.", finish: "stop", done: true },
    script: Script.answer(["The capital", " is Oslo."])
  },
  {
    file: "contentFilter.sse",
    says: { text: "First, you", finish: "content-filter", done: true },
    script: Script.answer("First, you").pipe(Script.finish("content-filter"))
  }
]

const wholes: ReadonlyArray<Row> = [
  {
    file: "text.json",
    says: {
      text: 'The capital of Norway is "Oslo".\n— 🚀',
      finish: "stop",
      usage: { input: 14, output: 9 },
      usageDetails: { cacheRead: 0, reasoning: 0 }
    },
    script: Script.answer(["The", " capital", ' of Norway is "Oslo".', "\n— 🚀"]).pipe(told(14, 9, 0, 0))
  },
  {
    file: "parallelTools.json",
    says: {
      text: "I look both up.",
      calls,
      finish: "tool-calls",
      usage: { input: 80, output: 34 },
      usageDetails: { cacheRead: 0, reasoning: 0 }
    },
    script: Script.answer(["I look both up.", oslo, time]).pipe(told(80, 34, 0, 0))
  },
  {
    file: "refusal.json",
    says: {
      refusal: "I'm sorry, I cannot assist with that.",
      finish: "stop",
      usage: { input: 81, output: 11 },
      usageDetails: { cacheRead: 0, reasoning: 0 }
    },
    script: Script.answer([Script.refusal("I'm sorry, I cannot"), Script.refusal(" assist with that.")]).pipe(
      told(81, 11, 0, 0)
    )
  },
  {
    file: "reasoning.json",
    says: {
      reasoning: "Norway, so Oslo.",
      text: "Oslo.",
      finish: "stop",
      usage: { input: 12, output: 9 },
      usageDetails: { cacheRead: 0, reasoning: 6 }
    },
    script: Script.answer([Script.reasoning("Norway, so Oslo."), "Oslo."]).pipe(told(12, 9, 0, 6))
  }
]

const noUsage: Usage = { inputTokens: 0, outputTokens: 0, estimated: true }

/** An answer's events, told on to a client: begun with the first content, ended as they end. */
const tellOn = (client: ClientDialect, events: ReadonlyArray<UpstreamEvent>): ReadonlyArray<Payload> => {
  const encoder = client.encoder({
    requestId: "req_1",
    streamId: "s",
    createdAt: 0,
    includeUsage: true,
    debug: false
  })
  const payloads = [...encoder.open("m")]
  const opening: Array<Delta> = []
  let begun = false
  let finish: Completion["finish"] | undefined
  let usage = noUsage
  let error: ResilienceError | undefined
  for (const event of events) {
    if (event._tag === "Fault") {
      error = event.error
      break
    }
    if (event._tag === "Done") break
    usage = event.usage ?? usage
    if (!begun && !isContent(event)) {
      if (event.finish === undefined) opening.push(event)
      else finish = event.finish
      continue
    }
    if (!begun) payloads.push(...encoder.begin("m", { usage, deltas: opening }))
    begun = true
    payloads.push(...encoder.delta(event))
    finish = event.finish ?? finish
  }
  const { text: fullContent } = summaryOf(events)
  return error === undefined
    ? [
        ...payloads,
        ...encoder.complete(
          { finish: finish ?? madeUp("stop"), usage, fullContent, tokenCount: 1, attempts: 1 },
          begun && finish !== undefined
        )
      ]
    : [...payloads, ...encoder.fail({ error, partial: fullContent, retryAfterMillis: undefined })]
}

const framesOf = (client: ClientDialect, payloads: ReadonlyArray<Payload>): string =>
  payloads.map(client.frames("s")).join("")

describe("what OpenAI writes, and those who speak as it does", () => {
  it("has a row for each recording", () => {
    const files = readdirSync(folder).filter((name) => name !== "README.md" && name !== "quota.json")
    assert.sameMembers(
      files,
      [...rows, ...wholes].map(({ file }) => file)
    )
  })

  it("names its source", () => {
    const listed = fixture("README.md")
    for (const name of readdirSync(folder)) {
      if (name.endsWith(".sse")) assert.match(fixture(name), /^: source: \S/)
      else if (name.endsWith(".json")) assert.include(listed, `\`${name}\``)
    }
  })

  describe.each([...rows, ...wholes])("$file", ({ file, says, script }) => {
    const streamed = file.endsWith(".sse")
    const events = streamed ? eventsOf("openai", fixture(file)) : eventsOfWhole("openai", fixture(file))
    const summary = { ...nothing, done: !streamed, ...says }

    it("is read as what it says", () => {
      assert.deepStrictEqual(summaryOf(events), summary)
    })

    it("is told on to an OpenAI client, who reads the same", () => {
      const client = clientDialects.openai
      const read = summaryOf(eventsOf("openai", framesOf(client, tellOn(client, events))))
      // An answer that no upstream counted is told an estimate.
      const counted = summary.usage === undefined ? { usage: read.usage, usageDetails: read.usageDetails } : {}
      assert.deepStrictEqual(read, { ...summary, ...counted })
    })

    it("is told on to a reader of /chat, who reads its text, its reasoning and its end", () => {
      const client = clientDialects.chat
      const payloads = tellOn(client, events).map(({ data, event }) => ({
        event: event ?? "message",
        json: JSON.parse(data) as { readonly [field: string]: unknown }
      }))
      const said = (name: string): string =>
        payloads
          .filter(({ event }) => event === name)
          .map(({ json }) => json["content"])
          .join("")
      assert.strictEqual(said("message"), summary.text)
      assert.strictEqual(said("reasoning"), summary.reasoning)
      const last = payloads.at(-1)
      if (summary.fault === undefined) {
        assert.deepInclude(last?.json, { full_content: summary.text, finish_reason: summary.finish?.replace("-", "_") })
      } else assert.deepInclude(last?.json, { partial_content: summary.text, code: "bad_response_status_code" })
    })

    it("is what a script of the same says", () => {
      const played = playedTo(script, "openai", questionOf("openai", { stream: streamed }))
      const read = summaryOf(
        streamed ? eventsOf("openai", played.body) : eventsOfWhole("openai", played.body, played.status)
      )
      assert.deepStrictEqual(read, summary)
    })
  })

  it("quota.json is a spent quota, and so is what a script says of one", () => {
    const read = (body: string) => classify({ status: 429, headers: {}, body, now: 0 }).error._tag
    assert.strictEqual(read(fixture("quota.json")), "ChannelQuotaExhausted")
    const body = { error: { message: "Spent.", type: "insufficient_quota", param: null, code: "insufficient_quota" } }
    assert.strictEqual(
      read(playedTo(Script.status(429, { body }), "openai", questionOf("openai")).body),
      "ChannelQuotaExhausted"
    )
    assert.strictEqual(read(playedTo(Script.status(429), "openai", questionOf("openai")).body), "ChannelRateLimited")
  })
})

describe("what Anthropic writes is what a script of the same says in its dialect", () => {
  const recorded = (name: string): string =>
    readFileSync(join(import.meta.dirname, "../dialect/anthropic/fixtures", name), "utf8")

  const same: ReadonlyArray<readonly [file: string, script: Script.Answer, says: Partial<Summary>]> = [
    ["text.sse", Script.answer(["Hello", Script.ping, "!"]).pipe(told(25, 15)), { text: "Hello!", finish: "stop" }],
    [
      "tools.sse",
      Script.answer([
        "Okay, let's check the weather",
        " for San Francisco, CA:",
        Script.toolCall({
          id: "toolu_01T1x1fJ34qAmk2tNTrN7Up6",
          name: "get_weather",
          input: ['{"location":', ' "San Francisco, CA"}']
        }),
        Script.toolCall({ id: "toolu_02", name: "get_time", input: [] })
      ]).pipe(told(472, 89)),
      { text: "Okay, let's check the weather for San Francisco, CA:", finish: "tool-calls" }
    ],
    [
      "thinking.sse",
      Script.answer([
        Script.reasoning("I need to find the GCD of 1071 and 462."),
        Script.reasoning("\n1071 = 2 × 462 + 147"),
        Script.signature("EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds"),
        Script.sealedReasoning("EmwKAhgBEgy3va3pzix"),
        "The greatest common divisor is **21**."
      ]).pipe(told(30, 120, undefined, 90)),
      {
        reasoning: "I need to find the GCD of 1071 and 462.\n1071 = 2 × 462 + 147",
        signatures: ["EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds"],
        finish: "stop"
      }
    ],
    [
      "overloaded.sse",
      Script.answer("Hello").pipe(told(25, 15), Script.ending(Script.errorFrame())),
      { text: "Hello", fault: "UpstreamOverloaded" }
    ]
  ]

  it.each(same)("%s", (file, script, says) => {
    // How many tokens were spent when it broke is nobody's to say.
    const read = ({ usage, usageDetails, ...summary }: Summary) =>
      summary.fault === undefined ? { ...summary, usage, usageDetails } : summary
    const vendors = read(summaryOf(eventsOf("anthropic", recorded(file))))
    assert.deepInclude(vendors, says)
    const played = playedTo(script, "anthropic", questionOf("anthropic"))
    assert.deepStrictEqual(read(summaryOf(eventsOf("anthropic", played.body))), vendors)
  })
})
