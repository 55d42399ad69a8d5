/**
 * How each SDK asks for the rest of an answer: as before, with the id of the last event that it has.
 */
import Anthropic from "@anthropic-ai/sdk"
import OpenAI from "openai"
import { setTimeout as sleep } from "node:timers/promises"
import type { LiveResponse, SseEvent } from "../support/sse.ts"
import { aiAnthropic, aiGoogle, aiOpenai, aiResponses } from "./aiSdk.ts"
import { anthropicSdk } from "./anthropicSdk.ts"
import { googleSdk } from "./googleSdk.ts"
import { openaiSdk } from "./openaiSdk.ts"
import { responsesSdk } from "./responsesSdk.ts"
import type { Client } from "./question.ts"

/** Where each dialect is asked. */
export const paths = {
  openai: "/v1/chat/completions",
  responses: "/v1/responses",
  anthropic: "/v1/messages",
  gemini: "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
}
const messages = [{ role: "user" as const, content: "hello" }]
/** What is asked there. */
export const bodies = {
  openai: { model: "gpt-4.1", messages, stream: true },
  responses: { model: "gpt-4.1", input: messages, stream: true },
  anthropic: { model: "claude-sonnet-4-6", max_tokens: 100, messages, stream: true },
  gemini: { contents: [{ role: "user", parts: [{ text: "hello" }] }] }
} as const

/** The text of one event of a stream. */
export const textOf = ({ json }: SseEvent): string => {
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
export const cursorsOf = ({ dialect }: Client, events: ReadonlyArray<SseEvent>): ReadonlyArray<string> =>
  (dialect === "gemini" ? events.slice(1) : events.slice(0, -1)).map(({ id }) => id!)

/** Reads until an event is known by its id, and gives that with all that was said up to there. */
export const begun = async (reader: LiveResponse): Promise<{ readonly cursor: string; readonly said: string }> => {
  const { id } = await reader.until((event) => event.id !== undefined)
  const upTo = reader.events.filter((event) => event.id === undefined)
  return { cursor: id!, said: upTo.map(textOf).join("") }
}

/** What the SDK gave, and what it raised. */
export type Rest = { readonly text: string; readonly raised: unknown }

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

/** The SDKs that can be told where to go on. */
export const rests = new Map<Client, (url: string, cursor: string) => Promise<Rest>>([
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

/** The SDKs that can leave an answer to be written, and come back for it when it is there. */
export const backgrounds = new Map<Client, (url: string) => Promise<Rest>>([
  [
    responsesSdk,
    async (url) => {
      const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "key", maxRetries: 0 })
      try {
        let response = await client.responses.create({ model: "gpt-4.1", input: "hello", background: true })
        while (response.status === "queued" || response.status === "in_progress") {
          await sleep(20)
          response = await client.responses.retrieve(response.id)
        }
        return { text: response.output_text, raised: undefined }
      } catch (raised) {
        return { text: "", raised }
      }
    }
  ]
])
