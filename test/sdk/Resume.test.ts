/**
 * An SDK that comes back for the rest of an answer: it asks as before, with the id of the last event that it has. No
 * upstream is asked again.
 */
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import OpenAI from "openai"
import { Script } from "effect-resilience/testing"
import { type LiveResponse, open, read, type SseEvent } from "../support/sse.ts"
import { aiAnthropic, aiGoogle, aiOpenai, aiResponses } from "./aiSdk.ts"
import { anthropicSdk } from "./anthropicSdk.ts"
import { googleSdk } from "./googleSdk.ts"
import { openaiSdk } from "./openaiSdk.ts"
import { responsesSdk } from "./responsesSdk.ts"
import type { Client } from "./question.ts"
import { clients } from "./sdks.ts"
import { type Upstreams, withWorld } from "./world.ts"

const text = "Once upon a time there was a relay."
const paths = {
  openai: "/v1/chat/completions",
  responses: "/v1/responses",
  anthropic: "/v1/messages",
  gemini: "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
}
const messages = [{ role: "user" as const, content: "hello" }]
const bodies = {
  openai: { model: "gpt-4.1", messages, stream: true },
  responses: { model: "gpt-4.1", input: messages, stream: true },
  anthropic: { model: "claude-sonnet-4-6", max_tokens: 100, messages, stream: true },
  gemini: { contents: [{ role: "user", parts: [{ text: "hello" }] }] }
} as const

/** The text of one event of a stream. */
const textOf = ({ json }: SseEvent): string => {
  const { candidates, choices, delta } = (json ?? {}) as {
    readonly candidates?: ReadonlyArray<{
      readonly content: { readonly parts: ReadonlyArray<{ readonly text: string }> }
    }>
    readonly choices?: ReadonlyArray<{ readonly delta: { readonly content?: string } }>
    readonly delta?: string | { readonly text?: string }
  }
  if (candidates !== undefined) return candidates[0]?.content.parts.map(({ text }) => text).join("") ?? ""
  if (typeof delta === "string") return delta
  return choices?.[0]?.delta.content ?? delta?.text ?? ""
}

/** The id of each event but the last: one of Gemini's stands in a block of its own, behind its data. */
const cursorsOf = ({ dialect }: Client, events: ReadonlyArray<SseEvent>): ReadonlyArray<string> =>
  (dialect === "gemini" ? events.slice(1) : events.slice(0, -1)).map(({ id }) => id!)

/** Reads until an event is known by its id, and gives that with all that was said up to there. */
const begun = async (reader: LiveResponse): Promise<{ readonly cursor: string; readonly said: string }> => {
  const { id } = await reader.until((event) => event.id !== undefined)
  const upTo = reader.events.filter((event) => event.id === undefined)
  return { cursor: id!, said: upTo.map(textOf).join("") }
}

type Rest = { readonly text: string; readonly raised: unknown }

const openaiRest = async (url: string, cursor: string): Promise<Rest> => {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "key", maxRetries: 0 })
  let said = ""
  try {
    const headers = { "last-event-id": cursor }
    for await (const { choices } of await client.chat.completions.create(
      { ...bodies.openai, messages: [...messages] },
      { headers }
    )) {
      said += choices[0]?.delta.content ?? ""
    }
    return { text: said, raised: undefined }
  } catch (raised) {
    return { text: said, raised }
  }
}

const responsesRest = async (url: string, cursor: string): Promise<Rest> => {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "key", maxRetries: 0 })
  let said = ""
  try {
    const headers = { "last-event-id": cursor }
    for await (const event of await client.responses.create(
      { ...bodies.responses, input: [...messages] },
      { headers }
    )) {
      if (event.type === "response.output_text.delta") said += event.delta
    }
    return { text: said, raised: undefined }
  } catch (raised) {
    return { text: said, raised }
  }
}

const anthropicRest = async (url: string, cursor: string): Promise<Rest> => {
  const client = new Anthropic({ baseURL: url, apiKey: "key", maxRetries: 0 })
  let said = ""
  try {
    const headers = { "last-event-id": cursor }
    for await (const event of await client.messages.create(
      { ...bodies.anthropic, messages: [...messages] },
      { headers }
    )) {
      if (event.type === "content_block_delta" && event.delta.type === "text_delta") said += event.delta.text
    }
    return { text: said, raised: undefined }
  } catch (raised) {
    return { text: said, raised }
  }
}

const rests = new Map<Client, (url: string, cursor: string) => Promise<Rest>>([
  [openaiSdk, openaiRest],
  [responsesSdk, responsesRest],
  [anthropicSdk, anthropicRest],
  ...[aiOpenai, aiResponses, aiAnthropic, aiGoogle, googleSdk].map(
    (client) =>
      [
        client,
        (url: string, cursor: string) =>
          client.ask({ url, delivery: "stream", question: {}, headers: { "last-event-id": cursor } })
      ] as const
  )
])

const acrossBoth: Upstreams = {
  a: { dialect: "openai", plays: [Script.answer(text).pipe(Script.cutAfter(3, "reset"))] },
  b: { dialect: "anthropic", plays: [Script.answer(text)] }
}

describe("the rest of an answer, begun on one channel and gone on with on another", () => {
  // A text whose block or item began before the cursor is none to these providers for `ai`.
  const who = clients.filter((client) => client !== aiAnthropic && client !== aiResponses)
  it.each(who)("is what $name is given from every event on", (client) =>
    withWorld(acrossBoth, {}, async ({ relay, upstreams: { a, b } }) => {
      const { events } = await read(`${relay.url}${paths[client.dialect]}`, { body: bodies[client.dialect] })
      assert.strictEqual(events.map(textOf).join(""), text)
      for (const [at, cursor] of cursorsOf(client, events).entries()) {
        const rest = await rests.get(client)!(relay.url, cursor)
        assert.isUndefined(rest.raised)
        assert.strictEqual(
          rest.text,
          events
            .slice(at + 1)
            .map(textOf)
            .join(""),
          `after event ${at}`
        )
      }
      assert.deepStrictEqual([a!.calls().length, b!.calls().length], [1, 1])
    })
  )

  it.each([aiAnthropic, aiResponses])("is what $name is given from before the text on", (client) =>
    withWorld(acrossBoth, {}, async ({ relay, upstreams: { a, b } }) => {
      const { events } = await read(`${relay.url}${paths[client.dialect]}`, { body: bodies[client.dialect] })
      const rest = await rests.get(client)!(relay.url, events[0]!.id!)
      assert.isUndefined(rest.raised)
      assert.strictEqual(rest.text, text)
      assert.deepStrictEqual([a!.calls().length, b!.calls().length], [1, 1])
    })
  )
})

describe("an answer under way", () => {
  it.each(clients)("is followed to its end by a second reader: $name", (client) =>
    withWorld(
      { a: { dialect: "openai", plays: [Script.answer(text).pipe(Script.every(30))] } },
      {},
      async ({ relay, upstreams: { a } }) => {
        const first = await open(`${relay.url}${paths[client.dialect]}`, { body: bodies[client.dialect] })
        const { cursor, said } = await begun(first)
        const rest = await rests.get(client)!(relay.url, cursor)
        assert.isUndefined(rest.raised)
        assert.strictEqual(said + rest.text, text)
        assert.strictEqual((await first.done).ended, "complete")
        assert.lengthOf(a!.calls(), 1)
      }
    )
  )
})

describe("a relay that stops", () => {
  it.each(clients)("lets who came back on a vendor's route read on to the end: $name", (client) =>
    withWorld(
      { a: { dialect: "openai", plays: [Script.answer(text).pipe(Script.every(40))] } },
      {},
      async ({ relay }) => {
        const first = await open(`${relay.url}${paths[client.dialect]}`, { body: bodies[client.dialect] })
        const { cursor, said } = await begun(first)
        const coming = rests.get(client)!(relay.url, cursor)
        await first.until((event) => textOf(event).includes("time"))
        const stopping = relay.shutdown()
        const rest = await coming
        assert.isUndefined(rest.raised)
        assert.strictEqual(said + rest.text, text)
        assert.strictEqual(await stopping, "clean")
      }
    )
  )
})

describe("a cursor that leads nowhere", () => {
  const raisedOf = (rest: Rest): object => (rest.raised ?? {}) as object

  it.each(clients)("is raised: $name", (client) =>
    withWorld({ a: { dialect: "openai", plays: [Script.answer(text)] } }, {}, async ({ relay, upstreams: { a } }) => {
      const garbled = raisedOf(await rests.get(client)!(relay.url, "garbled"))
      const unknown = raisedOf(await rests.get(client)!(relay.url, "AAAAAAAAAAAAAAAAAAAAAA.3"))
      assert.propertyVal(garbled, "status", 400)
      assert.propertyVal(unknown, "status", 404)
      assert.lengthOf(a!.calls(), 0)
    })
  )
})
