/**
 * A simulated Cohere: it speaks the second version of its chat, and says what every simulated model says. It takes no
 * beginning of its own answer, as Cohere takes none: who shows it a part and asks for the rest gets that.
 */
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { answerTo, inWords, type Message, questionOf, restOf } from "./Answer.ts"

/** A request as it came. */
export interface Asked {
  readonly url: string
  readonly authorization: string | undefined
  readonly body: { readonly messages: ReadonlyArray<Message>; readonly [field: string]: unknown }
}

/** What is done with a request. Numbers are words that are said before it goes wrong. */
export type Deed =
  | { readonly does: "answer" }
  | { readonly does: "reset" | "stall"; readonly after: number }
  | { readonly does: "refuse"; readonly status: number; readonly message: string }
  /** It says these events, as they are. */
  | { readonly does: "say"; readonly events: ReadonlyArray<object> }

/** A simulated Cohere that runs. */
export interface SimulatedCohere {
  readonly baseUrl: string
  readonly asked: () => ReadonlyArray<Asked>
}

const usage = (words: number) => ({
  billed_units: { input_tokens: 10, output_tokens: words },
  tokens: { input_tokens: 10, output_tokens: words }
})

const eventsOf = (words: ReadonlyArray<string>): ReadonlyArray<object> => [
  { type: "message-start", id: "29f14a5a", delta: { message: { role: "assistant", content: [] } } },
  { type: "content-start", index: 0, delta: { message: { content: { type: "text", text: "" } } } },
  ...words.map((text) => ({ type: "content-delta", index: 0, delta: { message: { content: { text } } } })),
  { type: "content-end", index: 0 },
  { type: "message-end", delta: { finish_reason: "COMPLETE", usage: usage(words.length) } }
]

const wholeOf = (words: ReadonlyArray<string>): object => ({
  id: "29f14a5a",
  finish_reason: "COMPLETE",
  message: { role: "assistant", content: [{ type: "text", text: words.join("") }] },
  usage: usage(words.length)
})

const write = (response: ServerResponse, events: ReadonlyArray<object>): void => {
  for (const event of events) {
    const type = "type" in event ? `event: ${String(event.type)}\n` : ""
    response.write(`${type}data: ${JSON.stringify(event)}\n\n`)
  }
}

const json = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}

const act = (response: ServerResponse, { body }: Asked, deed: Deed): void => {
  if (deed.does === "refuse") return json(response, deed.status, { id: "29f14a5a", message: deed.message })
  const { messages } = body
  const words = inWords(
    messages.at(-1)?.role === "user" && messages.at(-2)?.role === "assistant"
      ? restOf(messages)
      : answerTo(questionOf(messages))
  )
  if (body["stream"] !== true) return json(response, 200, wholeOf(words))
  response.writeHead(200, { "content-type": "text/event-stream" })
  switch (deed.does) {
    case "answer":
      write(response, eventsOf(words))
      return void response.end()
    case "say":
      write(response, deed.events)
      return void response.end()
    case "stall":
      return write(response, eventsOf(words).slice(0, 2 + deed.after))
    case "reset":
      write(response, eventsOf(words).slice(0, 2 + deed.after))
      // A reset takes with it what was not read yet.
      return void setTimeout(() => response.socket?.resetAndDestroy(), 20)
  }
}

const read = async (request: IncomingMessage): Promise<Asked> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return {
    url: request.url ?? "",
    authorization: request.headers.authorization,
    body: JSON.parse(Buffer.concat(chunks).toString("utf8")) as Asked["body"]
  }
}

/** Starts one on a free port of loopback. What it does with each request stands on a rota; the last deed lasts. */
export const startCohere = (rota: ReadonlyArray<Deed>): Effect.Effect<SimulatedCohere, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly baseUrl: string; readonly asked: Array<Asked>; readonly close: () => void }>(
        (resume) => {
          const asked: Array<Asked> = []
          const server = createServer((request, response) => {
            void read(request).then((one) => {
              asked.push(one)
              act(response, one, rota[Math.min(asked.length, rota.length) - 1] ?? { does: "answer" })
            })
          })
          server.listen(0, "127.0.0.1", () => {
            const { port } = server.address() as AddressInfo
            const close = (): void => {
              server.close()
              server.closeAllConnections()
            }
            resume(Effect.succeed({ baseUrl: `http://127.0.0.1:${port}/v2`, asked, close }))
          })
        }
      ),
      ({ close }) => Effect.sync(close)
    ),
    ({ asked, baseUrl }) => ({ baseUrl, asked: () => asked })
  )
