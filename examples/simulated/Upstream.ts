/**
 * A simulated model provider: a small `node:http` server that speaks OpenAI chat completions, at a readable pace. What
 * it does with each new request stands on a fixed rota.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { inWords, isContinuation, restOf, type Message } from "./Answer.ts"

/** What is done with one request. Numbers are words that are sent before it goes wrong. */
export type Mood =
  | { readonly does: "answer" }
  | { readonly does: "reset" | "stall" | "cut"; readonly after: number }
  | { readonly does: "refuse"; readonly status: number }

/** Answers every time. */
export const steady: ReadonlyArray<Mood> = [{ does: "answer" }]

/** Goes wrong in another way every other time; the first request breaks off in the middle. */
export const moody: ReadonlyArray<Mood> = [
  { does: "reset", after: 18 },
  { does: "answer" },
  { does: "stall", after: 27 },
  { does: "answer" },
  { does: "answer" },
  { does: "refuse", status: 503 },
  { does: "answer" },
  { does: "cut", after: 40 },
  { does: "answer" },
  { does: "answer" }
]

/** A simulated provider that runs. */
export interface SimulatedUpstream {
  readonly baseUrl: string
  /** How many requests it was sent. */
  readonly asked: () => number
  readonly close: () => Promise<void>
}

interface ChatRequest {
  readonly model?: string
  readonly stream?: boolean
  readonly stream_options?: { readonly include_usage?: boolean }
  readonly messages?: ReadonlyArray<Message>
}

const readJson = async (request: IncomingMessage): Promise<ChatRequest> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as ChatRequest
}

const created = 1_700_000_000

const answer = async (
  response: ServerResponse,
  { model = "demo", messages = [], stream = false, stream_options }: ChatRequest,
  mood: Exclude<Mood, { readonly does: "refuse" }>,
  wordsPerSecond: number
): Promise<void> => {
  const text = restOf(messages)
  const words = inWords(text)
  const usage = { prompt_tokens: 10, completion_tokens: words.length, total_tokens: 10 + words.length }
  if (!stream) {
    const choices = [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }]
    response.writeHead(200, { "content-type": "application/json" })
    response.end(JSON.stringify({ id: "simulated", object: "chat.completion", created, model, choices, usage }))
    return
  }
  const send = (fields: object): void => {
    response.write(
      `data: ${JSON.stringify({ id: "simulated", object: "chat.completion.chunk", created, model, ...fields })}\n\n`
    )
  }
  const delta = (delta: object, finish_reason: string | null = null): void =>
    send({ choices: [{ index: 0, delta, finish_reason }] })

  response.writeHead(200, { "content-type": "text/event-stream" })
  delta({ role: "assistant", content: "" })
  for (const word of mood.does === "answer" ? words : words.slice(0, mood.after)) {
    await sleep(1000 / wordsPerSecond)
    if (response.destroyed) return
    delta({ content: word })
  }
  switch (mood.does) {
    case "reset":
      return void response.socket?.resetAndDestroy()
    case "stall":
      return
    case "cut":
      return void response.end()
    case "answer":
      delta({}, "stop")
      if (stream_options?.include_usage === true) send({ choices: [], usage })
      return void response.end("data: [DONE]\n\n")
  }
}

const refuse = (response: ServerResponse, status: number): void => {
  response.writeHead(status, {
    "content-type": "application/json",
    ...(status === 429 ? { "retry-after": "60" } : {})
  })
  response.end(JSON.stringify({ error: { message: "The simulated model is overloaded", type: "server_error" } }))
}

/** Starts a provider on a free port of loopback. Continuations are always honoured, and take no turn of the rota. */
export const startUpstream = async (rota: ReadonlyArray<Mood>, wordsPerSecond: number): Promise<SimulatedUpstream> => {
  let turn = 0
  let asked = 0
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== "POST" || request.url !== "/v1/chat/completions") {
      response.writeHead(404).end()
      return
    }
    asked++
    const question = await readJson(request)
    const mood = isContinuation(question.messages ?? []) ? undefined : rota[turn++ % rota.length]
    if (mood?.does === "refuse") return refuse(response, mood.status)
    await answer(response, question, mood ?? { does: "answer" }, wordsPerSecond)
  }
  const server = createServer((request, response) => {
    response.on("error", () => {})
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked: () => asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}
