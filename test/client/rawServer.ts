/**
 * A server that misbehaves as it is told: each request gets the next answer, byte by byte, over a real socket.
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** A request as it came. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** When its connection was closed by the client, if it was. */
  readonly left: Promise<void>
}

/** What is answered. */
export type Answer = (response: ServerResponse, received: Received) => void | Promise<void>

/** A server of a test's own. */
export interface RawServer {
  readonly url: string
  readonly received: ReadonlyArray<Received>
  readonly close: () => Promise<void>
}

/** An event stream that says this and is then cut, or left open, or ended cleanly. */
export const stream =
  (text: string, then: "cut" | "open" | "end" = "end", headers: { readonly [name: string]: string } = {}): Answer =>
  (response) => {
    response.writeHead(200, { "content-type": "text/event-stream", ...headers })
    response.flushHeaders()
    if (text !== "") response.write(text)
    // A cut comes when what was written has gone out: else it takes it with it.
    if (then === "cut") setTimeout(() => response.destroy(), 10)
    if (then === "end") response.end()
  }

/** A status, headers and a body. */
export const answer =
  (status: number, headers: { readonly [name: string]: string } = {}, body = ""): Answer =>
  (response) => {
    response.writeHead(status, headers)
    response.end(body)
  }

/** No answer at all. */
export const hangUp: Answer = (response) => void response.destroy()

/** Starts a server that gives these answers, one a request; the last one to all further requests. */
export const startRawServer = async (answers: ReadonlyArray<Answer>): Promise<RawServer> => {
  const received: Array<Received> = []
  const server = createServer((request, response) => {
    let body = ""
    request.on("data", (chunk: Buffer) => (body += chunk.toString()))
    request.on("end", () => {
      const { headers, method = "", url = "" } = request
      const left = new Promise<void>((resolve) => response.on("close", resolve))
      const one = { method, url, headers, body, left }
      received.push(one)
      void answers[Math.min(received.length, answers.length) - 1]!(response, one)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      })
  }
}
