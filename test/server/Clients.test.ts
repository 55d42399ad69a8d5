/**
 * What we write is read by every family of clients: a pause with heartbeats in it gives none of them an event that is
 * none, an answer that goes on from another channel is one answer to all of them, and an answer that failed is whole to
 * none. The families' rules stand in `docs/clients.md`; its matrix is written here, by `UPDATE=1`.
 */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { Script, ScriptedServer } from "effect-resilience/testing"
import type { Client } from "../sdk/question.ts"
import { googleSdk } from "../sdk/googleSdk.ts"
import { responsesSdk } from "../sdk/responsesSdk.ts"
import { clients } from "../sdk/sdks.ts"
import { type Upstreams, withWorld } from "../sdk/world.ts"
import { decoders, families, type Spoken, standardDecoder, type Told, toldTo } from "../support/decoders.ts"
import { open, read, type SseEvent } from "../support/sse.ts"

const text = "Once upon a time there was a relay."
const half = "Once upon a"
const story = Script.answer(text)

interface Course {
  readonly name: string
  readonly upstreams: Upstreams
  readonly configuration: { readonly [section: string]: unknown }
  readonly says: Told
}

/** One channel whose answer is cut, and one that would answer. */
const broken: Upstreams = {
  a: { dialect: "openai", plays: [story.pipe(Script.cutAfter(3, "end"))] },
  b: { dialect: "anthropic", plays: [story] }
}

const courses: ReadonlyArray<Course> = [
  {
    name: "pauses, with heartbeats",
    upstreams: { a: { dialect: "openai", plays: [story.pipe(Script.every(80))] } },
    configuration: { server: { heartbeat: "20 millis" } },
    says: { text, end: "whole" }
  },
  { name: "goes on from another channel", upstreams: broken, configuration: {}, says: { text, end: "whole" } },
  {
    name: "fails in the middle",
    upstreams: broken,
    configuration: { recovery: { mode: "off" } },
    says: { text: half, end: "raised" }
  }
]

interface Said {
  readonly path: string
  readonly body: object
  readonly headers?: { readonly [name: string]: string }
}

const gemini = {
  path: "/v1beta/models/m:streamGenerateContent?alt=sse",
  body: { contents: [{ role: "user", parts: [{ text: "x" }] }] }
}

const spoken: { readonly [S in Spoken]: Said } = {
  openai: {
    path: "/v1/chat/completions",
    body: { model: "m", stream: true, messages: [{ role: "user", content: "x" }] }
  },
  responses: { path: "/v1/responses", body: { model: "m", stream: true, input: "x" } },
  anthropic: {
    path: "/v1/messages",
    body: { model: "m", stream: true, max_tokens: 100, messages: [{ role: "user", content: "x" }] }
  },
  gemini,
  geminiBare: { ...gemini, headers: { "x-goog-api-client": "google-genai-sdk/1.60.0 gl-python/3.13.1" } },
  chat: { path: "/chat", body: { message: "x", model: "m" } }
}
const languages = Object.keys(spoken) as ReadonlyArray<Spoken>

/** What each course wrote in each dialect; and what is left of the first one after its third event. */
const written = new Map<string, string>()
const at = (course: string, language: Spoken): string => written.get(`${course} ${language}`)!

const resumed = "is come back for"

/** Whether its clients have ids to come back with. */
const comesBack = (language: Spoken): boolean => language !== "geminiBare"

const beatsOf = (
  language: Spoken,
  events: ReadonlyArray<SseEvent>,
  comments: ReadonlyArray<string>
): ReadonlyArray<unknown> => {
  if (language === "anthropic") return events.filter(({ event }) => event === "ping")
  return language === "geminiBare" ? events.filter(({ data }) => data.includes('[{"text":""}]')) : comments
}

beforeAll(async () => {
  for (const { configuration, name, upstreams } of courses) {
    for (const language of languages) {
      await withWorld(upstreams, configuration, async ({ relay }) => {
        const { body, headers = {}, path } = spoken[language]
        const response = await open(`${relay.url}${path}`, { body, headers })
        const { comments, events, text: stream } = await response.done
        written.set(`${name} ${language}`, stream)
        if (configuration["server"] === undefined) return
        const beats = beatsOf(language, events, comments)
        assert.isAbove(beats.length, 4, "heartbeats")
        if (!comesBack(language)) return
        const numbered = events.filter(({ event }) => event !== "ping")
        // The first four events of a response have no text.
        const { id } = numbered[language === "responses" ? 5 : 2]!
        const rest = await read(`${relay.url}${path}`, { body, headers: { "last-event-id": id! } })
        written.set(`${resumed} ${language}`, rest.text)
      })
    }
  }
})

const rows = families.flatMap((family) => family.speaks.map((language) => ({ family, language, name: family.name })))

describe.each(courses)("an answer that $name", ({ name, says }) => {
  it.each(rows)("is read by the rule of $name, $language", ({ family, language }) => {
    assert.deepStrictEqual(toldTo(family, at(name, language)), says)
  })

  it.each(clients)("is read by $name", (client) => {
    const { configuration, upstreams } = courses.find((course) => course.name === name)!
    return withWorld(upstreams, configuration, async ({ relay }) => {
      const answer = await client.ask({ url: relay.url, delivery: "stream", question: {} })
      assert.strictEqual(answer.text, says.text)
      assert.strictEqual(answer.raised === undefined ? "whole" : "raised", says.end)
    })
  })
})

describe("an answer that is come back for", () => {
  it.each(rows.filter(({ language }) => comesBack(language)))(
    "is read on by the rule of $name, $language",
    ({ family, language }) => {
      const told = toldTo(family, at(resumed, language))
      assert.strictEqual(told.end, "whole")
      assert.isTrue(text.endsWith(told.text) && told.text.length < text.length && told.text !== "", told.text)
    }
  )
})

describe("an end that nobody has told", () => {
  // Straight from an upstream: the relay goes on, or breaks the connection.
  const direct = async (client: Client, ending: Script.Ending) => {
    const scope = Effect.runSync(Scope.make())
    const script = story.pipe(Script.cutAfter(3, ending))
    const serving = ScriptedServer.make({ dialect: client.dialect, scripts: [script] })
    const { url } = await Effect.runPromise(Effect.provideService(serving, Scope.Scope, scope))
    try {
      return await client.ask({ url: url.slice(0, -"/v1".length), delivery: "stream", question: {} })
    } finally {
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }

  it.each(clients)("is whole to some SDKs, if it is a clean one: $name", async (client) => {
    const { finish, raised, text } = await direct(client, "end")
    assert.strictEqual(text, half)
    // Its helper gives the response as far as it has come, and its program has to look whether it is over.
    if (client === responsesSdk) assert.isUndefined(raised)
    else if (client.name.startsWith("ai "))
      assert.deepInclude({ finish, raised }, { finish: "other", raised: undefined })
    // It gives chunks, and its program has to look for the reason why the last one ends.
    else if (client === googleSdk) assert.deepInclude({ finish, raised }, { finish: undefined, raised: undefined })
    else assert.isDefined(raised)
  })

  it.each(clients)("is raised by every SDK, if the connection breaks: $name", async (client) => {
    const { raised, text } = await direct(client, "reset")
    assert.strictEqual(text, half)
    assert.isDefined(raised)
  })
})

describe("R1: heartbeats while an answer pauses", () => {
  it.each(Object.entries(decoders))("are no event by the rule of %s clients: OpenAI dialect", (_family, decode) => {
    const events = decode(at("pauses, with heartbeats", "openai"))
    const done = events.findIndex(({ data }) => data === "[DONE]")
    const chunks = events
      .slice(0, done)
      .map(({ data }) => JSON.parse(data) as { choices: Array<{ delta: { content?: string } }> })
    assert.strictEqual(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""), text)
  })

  it.each(Object.entries(decoders))("are no event by the rule of %s clients: /chat", (_family, decode) => {
    const events = decode(at("pauses, with heartbeats", "chat"))
    assert.isTrue(events.every(({ data }) => typeof JSON.parse(data) === "object"))
    assert.strictEqual((JSON.parse(events.at(-1)!.data) as { full_content?: string }).full_content, text)
  })

  it("are events that Anthropic's clients pass over, in the Anthropic dialect", () => {
    const pings = standardDecoder(at("pauses, with heartbeats", "anthropic")).filter(({ event }) => event === "ping")
    assert.isAbove(pings.length, 4)
    for (const { data } of pings) assert.deepStrictEqual(JSON.parse(data), { type: "ping" })
  })
})

// ------------------------------------------------------------------------------------------------------- the page

const page = join(import.meta.dirname, "../../docs/clients.md")
const begin = "<!-- the matrix, written by UPDATE=1 vitest run test/server/Clients.test.ts -->"
const end = "<!-- the end of the matrix -->"

const words: { readonly [E in Told["end"]]: string } = { whole: "whole", raised: "raises", ends: "ends, untold" }

/** An answer whose connection ends cleanly after an event, or inside of one: nobody tells that there was more. */
const cutBehind = (stream: string): string => stream.slice(0, stream.lastIndexOf("\n\n", stream.length / 2) + 2)
const cutInside = (stream: string): string => `${cutBehind(stream)}data: {"half`

const columns: ReadonlyArray<readonly [title: string, stream: (language: Spoken) => string]> = [
  ...courses.map(({ name }) => [name, (language: Spoken) => at(name, language)] as const),
  [resumed, (language) => at(resumed, language)],
  ["ends between events", (language) => cutBehind(at("goes on from another channel", language))],
  ["ends inside an event", (language) => cutInside(at("goes on from another channel", language))],
  ["is let go (`retry:`)", (language) => `${cutBehind(at("goes on from another channel", language))}retry: 1500\n\n`]
]

const paths: { readonly [S in Spoken]: string } = {
  openai: "chat completions",
  responses: "responses",
  anthropic: "messages",
  gemini: "generateContent",
  geminiBare: "generateContent",
  chat: "`/chat`"
}

const matrix = (): string => {
  const cells = rows.map(({ family, language, name }) => [
    name,
    paths[language],
    ...columns.map(([title, stream]) =>
      title === resumed && !comesBack(language) ? "has no ids" : words[toldTo(family, stream(language)).end]
    )
  ])
  const lines = [["by the rule of", "which reads", ...columns.map(([title]) => title)], ...cells]
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)))
  const row = (line: ReadonlyArray<string>): string =>
    `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`
  return [begin, "", row(lines[0]!), rule, ...lines.slice(1).map(row), "", end].join("\n")
}

describe("docs/clients.md", () => {
  it("has the matrix as it is", () => {
    const now = readFileSync(page, "utf8")
    const from = now.indexOf(begin)
    const to = now.indexOf(end)
    assert.isTrue(from >= 0 && to > from, "the page has a place for its matrix")
    const fresh = now.slice(0, from) + matrix() + now.slice(to + end.length)
    if (process.env["UPDATE"] === "1") writeFileSync(page, fresh)
    else assert.strictEqual(now, fresh)
  })

  it("tells of every family", () => {
    const said = readFileSync(page, "utf8")
    for (const { name } of families) assert.include(said, `### ${name}`)
  })
})
