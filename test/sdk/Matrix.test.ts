/**
 * The table of `docs/clients.md`: what each SDK puts together, and what it raises, over a channel of each dialect, and how
 * often upstreams were asked for it. It is written here, by `UPDATE=1`; each cell is one that the tables of this folder look
 * at closer.
 */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Script, type ScriptedCall } from "effect-resilience/testing"
import type { UpstreamDialectName } from "#src/dialect/index"
import { isAll, share } from "../support/share.ts"
import { read } from "../support/sse.ts"
import { langChains } from "./langChain.ts"
import { type Answer, type Ask, type Client, nothingSaid, type Question } from "./question.ts"
import { backgrounds, bodies, cursorsOf, paths, type Rest, rests } from "./rests.ts"
import { clients, dialects } from "./sdks.ts"
import { type Upstreams, type World, withWorld, worldsInTurn } from "./world.ts"

const inTurn = worldsInTurn()

const text = "Once upon a time there was a relay."
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
const schema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false
}
const weather = { name: "weather", description: "The weather of a city", schema }
const call = (id: string, city: string) => ({
  step: Script.toolCall({ id, name: "weather", input: ['{"city":', JSON.stringify(city), "}"] }),
  called: { id, name: "weather", input: { city } }
})
const oslo = call("call_1", "Oslo")
const rome = call("call_2", "Rome")
const tokens = { inputTokens: 2000, outputTokens: 40, cacheReadTokens: 1500, reasoningTokens: 30 }

/** What a cell says: a word, and how often the first and the second upstream were asked. */
interface Cell {
  readonly title: string
  readonly delivery?: Ask["delivery"]
  readonly question?: Question
  readonly upstreams: (dialect: UpstreamDialectName) => Upstreams
  readonly configuration?: { readonly [section: string]: unknown }
  /** What its program is given, in a word; `body` is what the first upstream was asked. */
  readonly tells: (answer: Answer, body: string) => string
  /** How it is asked, where that takes more than a question. */
  readonly asks?: (client: Client, ask: Ask) => Promise<Answer>
  /** Who has no words for it. */
  readonly by?: (client: Client) => boolean
}

const one =
  (script: Script.Script) =>
  (dialect: UpstreamDialectName): Upstreams => ({ a: { dialect, plays: [script] } })

/** One channel whose answer is cut, and one of the same or of the next dialect. */
const two =
  (script: Script.Script, next: (dialect: UpstreamDialectName) => UpstreamDialectName) =>
  (dialect: UpstreamDialectName): Upstreams => ({
    a: { dialect, plays: [script] },
    b: { dialect: next(dialect), plays: [Script.answer(text)] }
  })

const same = (dialect: UpstreamDialectName): UpstreamDialectName => dialect
const another = (dialect: UpstreamDialectName): UpstreamDialectName =>
  dialects[(dialects.indexOf(dialect) + 1) % dialects.length]!

// What `ai` gives as an error in a stream is the frame, and no class of its own.
const raised = ({ raised: error, text: said }: Answer): string => {
  if (error === undefined) return `not raised: "${said}"`
  return error.name === "" ? "part `error`" : `\`${error.name}\`${error.status === undefined ? "" : ` ${error.status}`}`
}

const gives =
  (isRight: (answer: Answer) => boolean, word = "whole") =>
  (answer: Answer): string =>
    answer.raised === undefined && isRight(answer) ? word : `${raised(answer)}, "${answer.text}"`

const answerOf = ({ raised, text }: Rest): Answer => {
  if (raised !== undefined) throw raised
  return { ...nothingSaid, text, history: [] }
}

const isText = (answer: Answer): boolean => answer.text === text

const cut = Script.answer(text).pipe(Script.cutAfter(3, "reset"))

const given: ReadonlyArray<Cell> = [
  { title: "whole", delivery: "whole", upstreams: one(Script.answer(text)), tells: gives(isText) },
  { title: "stream", upstreams: one(Script.answer(text)), tells: gives(isText) },
  {
    title: "a call",
    question: { tools: [weather] },
    upstreams: one(Script.answer([oslo.step])),
    tells: gives(({ calls }) => JSON.stringify(calls) === JSON.stringify([oslo.called]))
  },
  {
    title: "calls at once",
    question: { tools: [weather] },
    upstreams: one(Script.answer(["I look.", oslo.step, rome.step])),
    tells: gives(({ calls }) => JSON.stringify(calls) === JSON.stringify([oslo.called, rome.called]))
  },
  {
    title: "reasoning",
    question: { effort: "medium" },
    upstreams: one(Script.answer([Script.reasoning("Hm, "), Script.reasoning("well."), text])),
    tells: (answer) => (answer.reasoning === "Hm, well." ? "shown" : gives(isText, "not shown")(answer))
  },
  {
    title: "an image",
    question: { turns: [{ role: "user", says: ["What is it?", { image: png, mediaType: "image/png" }] }] },
    upstreams: one(Script.answer(text)),
    tells: (answer, body) => gives(isText, body.includes(png) ? "sent" : "not sent")(answer)
  },
  {
    title: "a schema",
    question: { schema },
    upstreams: one(Script.answer('{"city":"Oslo"}')),
    tells: (answer, body) =>
      gives(
        ({ text }) => text === '{"city":"Oslo"}',
        /"required":\s*\["city"\]/.test(body) ? "sent" : "not sent"
      )(answer)
  },
  {
    title: "usage",
    question: { effort: "medium" },
    upstreams: one(Script.answer([Script.reasoning("Hm."), text]).pipe(Script.usage(tokens))),
    tells: ({ usage }) => `${usage.input} in, ${usage.output} out`
  },
  {
    title: "resume",
    by: (client) => rests.has(client),
    upstreams: one(Script.answer(text)),
    asks: async (client, { url }) => {
      const { events } = await read(`${url}${paths[client.dialect]}`, { body: bodies[client.dialect] })
      return answerOf(await rests.get(client)!(url, cursorsOf(client, events)[0]!))
    },
    tells: gives(({ text: rest }) => rest.length > text.length / 2 && text.endsWith(rest), "the rest")
  },
  {
    title: "background",
    by: (client) => backgrounds.has(client),
    upstreams: one(Script.answer(text).pipe(Script.every(10))),
    asks: async (client, { url }) => answerOf(await backgrounds.get(client)!(url)),
    tells: gives(isText)
  }
]

const gone: ReadonlyArray<Cell> = [
  { title: "cut in its words, same dialect", upstreams: two(cut, same), tells: gives(isText) },
  { title: "cut in its words, another", upstreams: two(cut, another), tells: gives(isText) },
  {
    title: "an error in its words",
    upstreams: two(Script.answer(text).pipe(Script.cutAfter(3, Script.errorFrame())), another),
    tells: gives(isText)
  },
  {
    title: "cut, asked for whole",
    delivery: "whole",
    upstreams: two(cut, another),
    tells: gives(isText)
  },
  {
    title: "cut behind a call",
    question: { tools: [weather] },
    upstreams: two(Script.answer([oslo.step, "And more."]).pipe(Script.cutAfter(4, "end")), another),
    // Who is given a call as a whole has seen nothing of it.
    tells: (answer) => (isText(answer) ? "whole" : raised(answer))
  },
  {
    title: "cut, and nobody goes on",
    upstreams: one(cut),
    configuration: { recovery: { mode: "off" } },
    tells: (answer) => `${raised(answer)}${answer.text === "Once upon a" ? "" : `, "${answer.text}"`}`
  }
]

const before = (status: number, headers: { readonly [name: string]: string } = {}): Cell => ({
  title: String(status),
  upstreams: one(Script.status(status, { headers })),
  tells: raised
})

const refused: ReadonlyArray<Cell> = [
  before(400),
  before(401),
  before(404),
  before(413),
  before(429, { "retry-after": "7" }),
  before(500),
  before(503, { "retry-after": "9" })
]

/** What a relay remembers of a key or a channel: these have one of their own. */
const isRemembered: ReadonlySet<Cell> = new Set(refused.filter(({ title }) => !["400", "413", "500"].includes(title)))

const sections: ReadonlyArray<readonly [title: string, cells: ReadonlyArray<Cell>]> = [
  ["what is given", given],
  ["what is cut", gone],
  ["what an upstream answers before anything else", refused]
]

const everybody: ReadonlyArray<Client> = [...clients, ...langChains]

/** What was seen, by the client, the column and the dialect of the channel. */
const seen = new Map<string, string>()
const keyOf = (client: Client, cell: Cell, dialect: UpstreamDialectName): string =>
  [client.name, cell.title, dialect].join("\n")

const look = async (client: Client, cell: Cell, dialect: UpstreamDialectName, world: World): Promise<void> => {
  const calls = () => Object.values(world.upstreams).map((upstream) => upstream.calls().length)
  const before = calls()
  const ask: Ask = { url: world.relay.url, delivery: cell.delivery ?? "stream", question: cell.question ?? {} }
  const answer = await (cell.asks === undefined ? client.ask(ask) : cell.asks(client, ask))
  const asked = calls().map((count, i) => count - before[i]!)
  const body = world.upstreams["a"]!.calls()[before[0]!]?.body ?? ""
  seen.set(keyOf(client, cell, dialect), `${cell.tells(answer, body)} (${asked.join(" + ")})`)
}

/** Those that nothing goes wrong in are played by one upstream, one after the other. */
const lookAtGiven = (client: Client, dialect: UpstreamDialectName, cells: ReadonlyArray<Cell>): Promise<void> => {
  let now = cells[0]!
  const plays = (call: ScriptedCall): Script.Script => {
    const { plays } = now.upstreams(dialect)["a"]!
    return typeof plays === "function" ? plays(call) : plays[0]!
  }
  return inTurn({ a: { dialect, plays } }, {}, async (world) => {
    for (const cell of cells) {
      now = cell
      await look(client, cell, dialect, world)
    }
  })
}

/** Whose lines are looked at. */
const lookedAt = share(everybody)

describe.each(lookedAt)("$name", (client) => {
  it.each(dialects)("is looked at in every cell, over %s", async (dialect) => {
    await lookAtGiven(
      client,
      dialect,
      given.filter(({ by }) => by?.(client) !== false)
    )
    for (const cell of [...gone, ...refused]) {
      const withRelay = isRemembered.has(cell) ? withWorld : inTurn
      const configuration = { breaker: { minimum: 1_000_000 }, ...cell.configuration }
      await withRelay(cell.upstreams(dialect), configuration, (world) => look(client, cell, dialect, world))
    }
    // Whatever else a cell says: nothing that was given is wanting, and nothing that failed looks whole.
    for (const cell of [given[0]!, given[1]!, given[2]!, given[3]!]) {
      assert.strictEqual(seen.get(keyOf(client, cell, dialect)), "whole (1)", cell.title)
    }
    for (const cell of [...gone.slice(4), ...refused]) {
      assert.notInclude(seen.get(keyOf(client, cell, dialect)), "not raised", cell.title)
    }
  })
})

const page = join(import.meta.dirname, "../../docs/clients.md")
const begin = "<!-- the tables, written by UPDATE=1 vitest run test/sdk/Matrix.test.ts -->"
const end = "<!-- the end of the tables -->"

/** One word where all channels give the same, and else each with those that do. */
const cellOf = (client: Client, cell: Cell): string => {
  if (cell.by?.(client) === false) return ""
  const words = new Map<string, Array<string>>()
  for (const dialect of dialects) {
    const word = seen.get(keyOf(client, cell, dialect))!
    words.set(word, [...(words.get(word) ?? []), dialect])
  }
  const [first, ...more] = words
  if (more.length === 0) return first![0]
  return [...words].map(([word, those]) => `${those.join(", ")}: ${word}`).join("; ")
}

type Section = (typeof sections)[number]

const lineOf = (client: Client, cells: ReadonlyArray<Cell>): ReadonlyArray<string> => [
  client.name,
  ...cells.map((cell) => cellOf(client, cell))
]

/** A line of a table, however wide its columns are. */
const narrow = (line: string): string => line.replaceAll(/ +/g, " ")

const tableOf = ([title, cells]: Section): string => {
  const lines = [[title, ...cells.map((cell) => cell.title)], ...everybody.map((client) => lineOf(client, cells))]
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)))
  const row = (line: ReadonlyArray<string>): string =>
    `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  return [
    row(lines[0]!),
    `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`,
    ...lines.slice(1).map(row)
  ].join("\n")
}

afterAll(() => {
  const now = readFileSync(page, "utf8")
  const from = now.indexOf(begin)
  const to = now.indexOf(end)
  assert.isTrue(from >= 0 && to > from, "the page has a place for its tables")
  if (!isAll) {
    const there = new Set(now.slice(from, to).split("\n").map(narrow))
    for (const [, cells] of sections)
      for (const client of lookedAt) {
        const line = narrow(`| ${lineOf(client, cells).join(" | ")} |`)
        assert.isTrue(there.has(line), `docs/clients.md has no line ${line}`)
      }
    return
  }
  const fresh = now.slice(0, from) + [begin, ...sections.map(tableOf), end].join("\n\n") + now.slice(to + end.length)
  if (process.env["UPDATE"] === "1") writeFileSync(page, fresh)
  else assert.strictEqual(now, fresh, "docs/clients.md has the tables as they are")
})
