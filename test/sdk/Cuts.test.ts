/**
 * An answer that is cut at each kind of event, as every SDK sees it: what was begun in one dialect goes on in the other or
 * in the same, an answer whose end is known is whole, and what cannot be spliced is raised and never looks whole.
 */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Script } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import { aiAnthropic, aiGoogle, aiResponses } from "./aiSdk.ts"
import type { Ask, Client, Question } from "./question.ts"
import { part, type Placed } from "./part.ts"
import { clients, dialects, showsReasoning } from "./sdks.ts"
import { faultsOf, type Judged } from "./vendorTypes.ts"
import { type Upstreams, withWorld, type World, worldsInTurn } from "./world.ts"

const inTurn = worldsInTurn()

const text = "Once upon a time."
const weather = {
  name: "weather",
  description: "The weather of a city",
  schema: { type: "object", properties: { city: { type: "string" } } }
}
const question: Question = { tools: [weather], effort: "medium" }

/** Its steps: two thoughts, four words, and a call with its input in two parts. */
const story = Script.answer([
  Script.reasoning("Hm, "),
  Script.reasoning("well."),
  "Once ",
  "upon ",
  "a ",
  "time.",
  Script.toolCall({ id: "call_1", name: "weather", input: ['{"city":', '"Oslo"}'] })
])
const calls = [{ id: "call_1", name: "weather", input: { city: "Oslo" } }]

/** What an SDK gives, and how often the first and the second upstream were asked. */
type Ends =
  | { readonly _tag: "Whole"; readonly reasoning: string; readonly asked: readonly [number, number] }
  /** `code`: what broke the answer, by the dialect in which it was told. */
  | { readonly _tag: "Raised"; readonly code: CodeOf; readonly asked: readonly [number, number] }

type CodeOf = { readonly [D in UpstreamDialectName]: "stream_truncated" | Told }
type Told = "bad_response_status_code" | "upstream_overloaded"

interface Case {
  readonly name: string
  /** After so many steps; absent: after all of them. */
  readonly after?: number
  readonly ending: Script.Ending
  /** Whose end and terminator are one event. */
  readonly butNot?: UpstreamDialectName
  readonly ends: Ends
  /** Where the answer was begun by Gemini: it writes a call once it is whole, and has no terminator. */
  readonly ofGemini?: Ends
}

const whole = (reasoning: string, asked: readonly [number, number]): Ends => ({ _tag: "Whole", reasoning, asked })
const raised = (openai: CodeOf["openai"], anthropic = openai): Ends => ({
  _tag: "Raised",
  code: { openai, responses: openai, anthropic, gemini: openai },
  asked: [1, 0]
})

const statusOf = (code: CodeOf["openai"], client: Client): number =>
  code !== "upstream_overloaded" ? 502 : client.dialect === "anthropic" ? 529 : 503

/** Cut before, in or behind the words: the answer goes on, or is asked for anew. */
const rescued: ReadonlyArray<Case> = [
  { name: "a reset in the words", after: 4, ending: "reset", ends: whole("Hm, well.", [1, 1]) },
  { name: "a clean end in the words", after: 4, ending: "end", ends: whole("Hm, well.", [1, 1]) },
  { name: "an end inside an event", after: 4, ending: "insideEvent", ends: whole("Hm, well.", [1, 1]) },
  { name: "an end inside a chunk", after: 4, ending: "insideChunk", ends: whole("Hm, well.", [1, 1]) },
  { name: "an error in the words", after: 4, ending: Script.errorFrame(), ends: whole("Hm, well.", [1, 1]) },
  { name: "an event that is not JSON", after: 4, ending: "garbageFrame", ends: whole("Hm, well.", [1, 1]) },
  { name: "a silence in the words", after: 4, ending: "stall", ends: whole("Hm, well.", [1, 1]) },
  { name: "a reset behind the words", after: 6, ending: "reset", ends: whole("Hm, well.", [1, 1]) }
]

/** Cut elsewhere: the second upstream's dialect does not matter. */
const others: ReadonlyArray<Case> = [
  { name: "a reset before anything", after: 0, ending: "reset", ends: whole("Hm, well.", [2, 1]) },
  { name: "a clean end before anything", after: 0, ending: "end", ends: whole("Hm, well.", [2, 1]) },
  { name: "an error before anything", after: 0, ending: Script.errorFrame(), ends: whole("Hm, well.", [2, 1]) },
  { name: "a reset in a thought", after: 1, ending: "reset", ends: whole("Hm, ", [1, 1]) },
  { name: "a clean end behind the thoughts", after: 2, ending: "end", ends: whole("Hm, well.", [1, 1]) },
  {
    name: "a reset once a call has begun",
    after: 7,
    ending: "reset",
    ends: raised("stream_truncated"),
    ofGemini: whole("Hm, well.", [1, 1])
  },
  {
    name: "a clean end in the input of a call",
    after: 8,
    ending: "end",
    ends: raised("stream_truncated"),
    ofGemini: whole("Hm, well.", [1, 1])
  },
  {
    name: "an error in the input of a call",
    after: 8,
    ending: Script.errorFrame(),
    ends: raised("bad_response_status_code", "upstream_overloaded"),
    ofGemini: whole("Hm, well.", [1, 1])
  },
  { name: "a clean end behind a call", after: 9, ending: "end", ends: raised("stream_truncated") },
  { name: "an end without the terminator", ending: "withoutTerminator", ends: whole("Hm, well.", [1, 0]) },
  {
    name: "a terminator without the end",
    ending: "withoutFinish",
    butNot: "responses",
    ends: whole("Hm, well.", [1, 0]),
    ofGemini: raised("stream_truncated")
  },
  { name: "a reset behind the end", ending: "finishThenReset", ends: whole("Hm, well.", [1, 0]) },
  { name: "a silence behind the end", ending: "finishThenStall", ends: whole("Hm, well.", [1, 0]) }
]

interface Row extends Placed {
  readonly client: Client
  readonly from: UpstreamDialectName
  readonly to: UpstreamDialectName
  readonly delivery: Ask["delivery"]
  readonly where: string
}

const rowsOf = (delivery: Ask["delivery"], pairs: ReadonlyArray<readonly [UpstreamDialectName, UpstreamDialectName]>) =>
  clients.flatMap((client, c) =>
    pairs.map(
      ([from, to]): Row => ({
        client,
        from,
        to,
        delivery,
        where: `${client.name}, ${delivery}, ${from} to ${to}`,
        at: c + dialects.indexOf(from) + dialects.indexOf(to)
      })
    )
  )

const across = [
  ["openai", "anthropic"],
  ["anthropic", "openai"],
  ["anthropic", "responses"],
  ["responses", "anthropic"],
  ["responses", "gemini"],
  ["anthropic", "gemini"],
  ["gemini", "openai"],
  ["gemini", "responses"]
] as const
const everyPair = dialects.flatMap((from) => dialects.map((to) => [from, to] as const))

const judged: Array<Judged> = []

const judge = ({ client, to, where }: Row, { upstreams }: World): void => {
  // What goes through as it is are the SDK's own words, and two providers for `ai` have some of their own.
  if ((client === aiResponses || client === aiGoogle) && to === client.dialect) return
  for (const { body } of upstreams["b"]!.calls()) judged.push({ name: where, dialect: to, body })
}

/** However often a channel is cut, its circuit stays closed: each case meets it as though it were the first. */
const unbroken = { breaker: { minimum: 1_000_000 } }

const waits = (ending: Script.Ending): boolean => ending === "stall" || ending === "finishThenStall"

const check = async ({ after, ending, ends: usually, ofGemini }: Case, row: Row): Promise<void> => {
  const { client, delivery, from, to } = row
  const shown = from === "gemini" ? (ofGemini ?? usually) : usually
  // Nothing of a call is shown before its end to who is given a whole answer, or whole calls: the other upstream writes it.
  const isHeld = delivery === "whole" || client.dialect === "gemini"
  const ends = shown._tag === "Raised" && isHeld ? whole("Hm, well.", [1, 1]) : shown
  const broken = after === undefined ? story.pipe(Script.ending(ending)) : story.pipe(Script.cutAfter(after, ending))
  const upstreams: Upstreams = { a: { dialect: from, plays: [broken] }, b: { dialect: to, plays: [story] } }
  // Those that wait together need one each.
  const withRelay = waits(ending) ? withWorld : inTurn
  await withRelay(upstreams, unbroken, async (world) => {
    const answer = await client.ask({ url: world.relay.url, delivery, question })
    const asked = ["a", "b"].map((id) => world.upstreams[id]!.calls().length)
    assert.deepStrictEqual(asked, [...ends.asked], answer.raised?.message)
    if (ends._tag === "Whole") {
      assert.isUndefined(answer.raised, answer.raised?.message)
      assert.deepInclude(answer, { text, calls, finish: "tool-calls" })
      if (showsReasoning(client)) assert.strictEqual(answer.reasoning, ends.reasoning)
      assert.isAbove(answer.usage.output ?? 0, 0)
    } else {
      assert.isDefined(answer.raised)
      // The provider of messages for `ai` keeps no more of an error in a stream than its type and its message.
      if (client !== aiAnthropic || delivery === "whole") assert.strictEqual(answer.raised?.code, ends.code[from])
      assert.match(answer.raised?.message ?? "", /\(request id: req_\w{24}\)/)
      const status = statusOf(ends.code[from], client)
      // An error in a stream of Google's has a number, too.
      const numbered = delivery === "whole" || client.dialect === "gemini"
      assert.strictEqual(answer.raised?.status, numbered ? status : undefined)
      if (delivery === "stream") assert.strictEqual(answer.text, text)
    }
    judge(row, world)
  })
}

// Those that wait for a clock wait together.
const eachOf = (row: Case, all: ReadonlyArray<Row>) => {
  const rows = part([...rescued, ...others].indexOf(row), all)
  return waits(row.ending) ? it.concurrent.each(rows) : it.each(rows)
}

describe.each(rescued)("$name", (row) => {
  eachOf(row, rowsOf("stream", everyPair))("$where", (where) => check(row, where))
})

describe.each(others)("$name", (row) => {
  eachOf(
    row,
    rowsOf(
      "stream",
      across.filter(([from]) => from !== row.butNot)
    )
  )("$where", (where) => check(row, where))
})

describe.each([rescued[0]!, others[1]!, others[7]!, others[10]!])("$name, asked for whole", (row) => {
  eachOf(
    row,
    rowsOf(
      "whole",
      across.filter(([from]) => from !== row.butNot)
    )
  )("$where", (where) => check(row, where))
})

describe("what a continuation is asked", () => {
  it.each(part(0, rowsOf("stream", everyPair)))("the beginning of its own answer: $where", (row) => {
    const upstreams: Upstreams = {
      a: { dialect: row.from, plays: [story.pipe(Script.cutAfter(4, "reset"))] },
      b: { dialect: row.to, plays: [story] }
    }
    return inTurn(upstreams, unbroken, async ({ relay, upstreams: { b } }) => {
      await row.client.ask({ url: relay.url, delivery: "stream", question })
      // Anthropic takes no white space at its end, and a response no beginning of its own answer.
      const partial = row.to === "anthropic" ? "Once upon" : "Once upon "
      const mode = row.to === "responses" ? "message" : "prefill"
      assert.deepStrictEqual(b!.calls()[0]!.goesOn, { mode, partial })
    })
  })

  it.each(part(1, rowsOf("stream", everyPair)))("in words, where a model takes no beginning: $where", (row) => {
    const stubborn = story.pipe(Script.continuing({ prefill: Script.prefillRefused }))
    const upstreams: Upstreams = {
      a: { dialect: row.from, plays: [story.pipe(Script.cutAfter(4, "reset"))] },
      b: { dialect: row.to, plays: [stubborn] }
    }
    return withWorld(upstreams, {}, async (world) => {
      const {
        calls: called,
        raised,
        text: said
      } = await row.client.ask({
        url: world.relay.url,
        delivery: "stream",
        question
      })
      assert.isUndefined(raised, raised?.message)
      assert.strictEqual(said, text)
      assert.deepStrictEqual(called, calls)
      assert.deepStrictEqual(
        world.upstreams["b"]!.calls().map(({ goesOn }) => goesOn?.mode),
        row.to === "responses" ? ["message"] : ["prefill", "message"]
      )
      judge(row, world)
    })
  })
})

afterAll(() => {
  assert.deepStrictEqual(faultsOf(judged), [], "what the vendors' types have against these bodies")
})
