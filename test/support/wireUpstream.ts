/**
 * An upstream of which each write is the test's own: it plays a function for every request, and records when each
 * connection was made and when each answer was left.
 */
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** One request of it. Times are of `performance.now()`. */
export interface WireCall {
  readonly at: number
  /** Which connection it came on, from 0. */
  readonly connection: number
  readonly messages: ReadonlyArray<{ readonly role: string; readonly content: unknown }>
  readonly response: ServerResponse
  /** When its connection or its answer was closed. */
  closedAt: number | undefined
}

/** An upstream that runs. */
export interface WireUpstream {
  readonly url: string
  readonly calls: ReadonlyArray<WireCall>
  readonly close: () => Promise<void>
}

/** A chunk with content. */
export const chunk = (content: string): string =>
  `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`

/** The finish, without the terminator. */
export const finished = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}\n\n`

/** The finish and the terminator. */
export const ending = `${finished}data: [DONE]\n\n`

/** Sends the head of a stream. */
export const streaming = (response: ServerResponse): void => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.flushHeaders()
}

/** Writes something every so many milliseconds, until the answer is closed. */
export const keepWriting = (response: ServerResponse, text: (n: number) => string, everyMillis = 5): void => {
  let n = 0
  const timer = setInterval(() => response.write(text(n++)), everyMillis)
  response.once("close", () => clearInterval(timer))
}

/** Starts one. `play` is given each call and its number, from 0. */
export const startWireUpstream = async (play: (call: WireCall, number: number) => void): Promise<WireUpstream> => {
  const calls: Array<WireCall> = []
  const connections = new WeakMap<object, number>()
  let connected = 0
  const server = createServer((request, response) => {
    const parts: Array<Buffer> = []
    response.on("error", () => {})
    request.on("error", () => {})
    request.on("data", (part: Buffer) => void parts.push(part))
    request.on("end", () => {
      const { messages } = JSON.parse(Buffer.concat(parts).toString("utf8")) as Pick<WireCall, "messages">
      const connection = connections.get(request.socket) ?? -1
      const call: WireCall = { at: performance.now(), connection, messages, response, closedAt: undefined }
      response.once("close", () => {
        call.closedAt = performance.now()
      })
      calls.push(call)
      play(call, calls.length - 1)
    })
  })
  server.keepAliveTimeout = 60_000
  server.on("connection", (socket) => {
    connections.set(socket, connected++)
    socket.on("error", () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}
