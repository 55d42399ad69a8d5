/**
 * A scripted upstream that speaks OpenAI chat completions: each request takes the next behaviour of a queue, then the
 * default. It counts and keeps what it was asked, and when a client left.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import type { Answer, Behaviour, Continuing } from "./behaviour.ts"
import { answer, prefillRefused } from "./behaviour.ts"
import { playAnswer } from "./playAnswer.ts"
import type { WireMessage } from "./upstreamText.ts"
import { askOf, remaining, words as defaultWords } from "./upstreamText.ts"

/** The body of a chat completion request, as far as it is looked at. */
export interface WireBody {
  readonly model?: string
  readonly messages?: ReadonlyArray<WireMessage>
  readonly stream?: boolean
  readonly stream_options?: { readonly include_usage?: boolean }
  readonly [field: string]: unknown
}

/** One request as it came. Times are of `performance.now()`. */
export interface RecordedRequest {
  readonly path: string
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly raw: string
  /** `{}` where the body is not a JSON object. */
  readonly body: WireBody
  readonly at: number
  /** When the connection or the response was closed by either side. */
  closedAt: number | undefined
  /** Whether the response was written to its end before that: if not, and we did not break it, the client left. */
  finished: boolean
  /** Resolves with `closedAt`. */
  readonly closed: Promise<number>
}

/** A running scripted upstream. */
export interface FaultServer {
  /** The base URL of a channel, with `/v1`. */
  readonly url: string
  readonly port: number
  readonly requests: ReadonlyArray<RecordedRequest>
  /** What the next requests get, in order. */
  readonly enqueue: (...behaviours: ReadonlyArray<Behaviour>) => void
  /** What requests get when the queue is empty. */
  readonly setDefault: (behaviour: Behaviour) => void
  /** Connections that are open now. */
  readonly openConnections: () => ReadonlyArray<Socket>
  /** Waits until so many requests have come. */
  readonly received: (count: number) => Promise<void>
  /** Forgets the requests and the queue. */
  readonly reset: () => void
  /** Stops listening and breaks what is open: connections are refused until `up`. */
  readonly down: () => Promise<void>
  /** Listens again, on the same port. */
  readonly up: () => Promise<void>
  readonly close: () => Promise<void>
}

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString("utf8")
}

const parseBody = (raw: string): WireBody => {
  try {
    const body: unknown = JSON.parse(raw)
    return typeof body === "object" && body !== null ? (body as WireBody) : {}
  } catch {
    return {}
  }
}

/** Starts a scripted upstream on a free port of loopback. By default it answers well, and honours continuations. */
export const startFaultServer = async (options: { readonly default?: Behaviour } = {}): Promise<FaultServer> => {
  let fallback = options.default ?? answer()
  let queue: Array<Behaviour> = []
  let requests: Array<RecordedRequest> = []
  let waiting: Array<{ readonly count: number; readonly resolve: () => void }> = []
  const sockets = new Set<Socket>()

  const record = (request: IncomingMessage, response: ServerResponse, raw: string): RecordedRequest => {
    const { promise, resolve } = Promise.withResolvers<number>()
    const recorded: RecordedRequest = {
      path: request.url ?? "",
      method: request.method ?? "",
      headers: request.headers,
      raw,
      body: parseBody(raw),
      at: performance.now(),
      closedAt: undefined,
      finished: false,
      closed: promise
    }
    response.once("close", () => {
      recorded.closedAt = performance.now()
      recorded.finished = response.writableFinished
      resolve(recorded.closedAt)
    })
    requests.push(recorded)
    const [ready, still] = [
      waiting.filter(({ count }) => count <= requests.length),
      waiting.filter(({ count }) => count > requests.length)
    ]
    waiting = still
    for (const { resolve } of ready) resolve()
    return recorded
  }

  const playAsked = async (response: ServerResponse, script: Answer, { body }: RecordedRequest): Promise<void> => {
    const text = script.words ?? defaultWords
    const ask = askOf(body.messages ?? [])
    const mode: Continuing = (ask.kind === "prefill" ? script.prefill : script.message) ?? "honour"
    if (ask.kind !== "new" && mode === "refuse") return play(response, prefillRefused, undefined)
    const words = ask.kind === "new" || mode === "restart" ? text : remaining(text, ask.partial)
    await playAnswer(response, script, {
      id: `chatcmpl-${requests.length}`,
      model: body.model ?? "unknown",
      stream: body.stream === true,
      includeUsage: body.stream_options?.include_usage === true,
      promptTokens: body.messages?.length ?? 0,
      words
    })
  }

  const play = async (
    response: ServerResponse,
    behaviour: Behaviour,
    recorded: RecordedRequest | undefined
  ): Promise<void> => {
    switch (behaviour.kind) {
      case "answer":
        return recorded && playAsked(response, behaviour, recorded)
      case "status": {
        const write = () => void response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body)
        return behaviour.delay > 0 ? void setTimeout(write, behaviour.delay) : write()
      }
      case "silence":
        return
      case "headersOnly": {
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.flushHeaders()
        if (behaviour.commentEvery === undefined) return
        const timer = setInterval(() => response.write(": ping\n\n"), behaviour.commentEvery)
        response.once("close", () => clearInterval(timer))
        return
      }
      case "resetBeforeHeaders":
        return void response.socket?.resetAndDestroy()
      case "garbage":
        return void response.socket?.end(behaviour.bytes)
    }
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const raw = await readBody(request)
    const recorded = record(request, response, raw)
    await play(response, queue.shift() ?? fallback, recorded)
  }

  const server = createServer((request, response) => {
    // A broken connection is the client's affair, and on record.
    response.on("error", () => {})
    handle(request, response).catch(() => response.destroy())
  })
  server.keepAliveTimeout = 60_000
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.once("close", () => sockets.delete(socket))
  })

  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once("error", reject)
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject)
        resolve()
      })
    })
  await listen(0)
  const { port } = server.address() as AddressInfo

  const down = (): Promise<void> =>
    new Promise((resolve) => {
      if (!server.listening) return resolve()
      server.close(() => resolve())
      for (const socket of sockets) socket.resetAndDestroy()
    })

  return {
    url: `http://127.0.0.1:${port}/v1`,
    port,
    get requests() {
      return requests
    },
    enqueue: (...behaviours) => void queue.push(...behaviours),
    setDefault: (behaviour) => {
      fallback = behaviour
    },
    openConnections: () => [...sockets],
    received: (count) =>
      requests.length >= count ? Promise.resolve() : new Promise((resolve) => waiting.push({ count, resolve })),
    reset: () => {
      requests = []
      queue = []
    },
    down,
    up: () => (server.listening ? Promise.resolve() : listen(port)),
    close: down
  }
}
