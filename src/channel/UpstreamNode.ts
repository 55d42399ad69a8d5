/**
 * Calls to upstreams over `node:http` and `node:https`: kept-alive sockets, no redirects, and callbacks straight from the
 * socket. A connection that broke is told as `do_request_failed`, with where it broke; never with whom, nor with what key.
 */
import * as Http from "node:http"
import * as Https from "node:https"
import { Effect, Layer } from "effect"
import type { Readable, Transform } from "node:stream"
import { DoRequestFailed, stackless } from "../errors/index.ts"
import { codingsOf, decodersOf } from "../http/InflateNode.ts"
import { closePool, makePool, type Options, type Pool, wayOf } from "./PoolNode.ts"
import {
  isOfProxy,
  type Pending,
  type Proxy,
  ProxyFailed,
  refusedByProxy,
  type TunnelOptions,
  unreached
} from "./TunnelNode.ts"
import { Upstream, type UpstreamCall, type UpstreamRequest, type UpstreamSink } from "./Upstream.ts"

export type { Options } from "./PoolNode.ts"

/** Where a call stands: what its failure is said to have happened during. */
type Phase = "connecting" | "waiting for the answer" | "reading the answer"

const reasons: { readonly [code: string]: string } = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  ETIMEDOUT: "the connection timed out",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ENOTFOUND: "the host has no address",
  EAI_AGAIN: "the host's address could not be looked up",
  HPE_HEADER_OVERFLOW: "the answer's headers are too large",
  ERR_INVALID_URL: "the address is not a URL",
  ERR_INVALID_PROTOCOL: "the address has an unknown protocol",
  ERR_INVALID_CHAR: "a header has characters that are not allowed",
  ERR_INVALID_HTTP_TOKEN: "a header has a name that is not allowed"
}

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | undefined)?.code

// Node's own messages name hosts, addresses and certificates: only the code of an error is told.
const reasonOf = (error: unknown): string => {
  const code = codeOf(error)
  if (error instanceof ProxyFailed) {
    return code === undefined ? error.message : `${error.message}: ${reasonOf({ code })}`
  }
  if (typeof code !== "string") return "the connection broke"
  const known = reasons[code]
  if (known !== undefined) return `${known} (${code})`
  if (code.startsWith("HPE_")) return `the answer is not HTTP (${code})`
  if (/^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|EPROTO|HOSTNAME_MISMATCH)/.test(code)) {
    return `no secure connection could be made (${code})`
  }
  return `the connection broke (${code})`
}

const broken = (reason: string, phase: Phase): DoRequestFailed =>
  stackless(() => new DoRequestFailed({ message: `${reason} while ${phase}` }))

const isStale = (error: unknown): boolean => {
  const code = codeOf(error)
  return code === "ECONNRESET" || code === "EPIPE"
}

/** One call: at most two requests, of which the second one is made when a kept socket turned out to be dead. */
class Call implements UpstreamCall {
  private readonly pool: Pool
  private readonly request: UpstreamRequest
  private readonly sink: UpstreamSink
  private ended = false
  private paused = false
  private phase: Phase = "connecting"
  /** The request is made of the proxy itself, for it to pass on. */
  private passedOn = false
  private readonly pending: Pending = { cancel: undefined }
  private client: Http.ClientRequest | undefined
  private answer: Http.IncomingMessage | undefined
  /** What the answer is read from: itself, or what unpacks it. */
  private body: Readable | undefined
  private decoders: ReadonlyArray<Transform> = []

  constructor(pool: Pool, request: UpstreamRequest, sink: UpstreamSink) {
    this.pool = pool
    this.request = request
    this.sink = sink
  }

  start(fresh: boolean): void {
    if (this.pool.closed) {
      this.failLater("the connections are closed")
      return
    }
    try {
      this.send(fresh)
    } catch (error) {
      this.failLater(reasonOf(error))
    }
  }

  readonly abort = (): void => {
    // After its end a socket is another call's.
    if (this.ended) return
    this.ended = true
    // What a destroyed request still has to say goes nowhere.
    this.destroy()
  }

  private destroy(): void {
    this.client?.destroy()
    // A socket that is still being made is not the request's yet.
    this.pending.cancel?.()
    for (const decoder of this.decoders) decoder.destroy()
  }

  readonly pause = (): void => {
    this.paused = true
    this.body?.pause()
  }

  readonly resume = (): void => {
    this.paused = false
    this.body?.resume()
  }

  // Nobody is called back before `open` has returned.
  private failLater(reason: string): void {
    queueMicrotask(() => this.fail(reason))
  }

  // The error is made here and not by who calls: a socket's close comes after every answer, also after a whole one.
  private fail(reason: string): void {
    if (this.ended) return
    const error = broken(reason, this.phase)
    this.ended = true
    this.destroy()
    this.sink.onError(error)
  }

  private send(fresh: boolean): void {
    const url = new URL(this.request.url)
    const secure = url.protocol === "https:"
    const way = wayOf(this.pool, this.request.route)
    const agents = secure ? way.https : way.http
    const proxy = secure ? undefined : way.proxy
    this.passedOn = proxy !== undefined
    const body = Buffer.from(this.request.body)
    const options: TunnelOptions = {
      method: "POST",
      agent: fresh ? agents.fresh : agents.kept,
      maxHeaderSize: this.pool.maxHeaderBytes,
      // The agent's own time-out is for idle sockets; a socket in use has none here: the relay has its clocks.
      timeout: 0,
      pending: this.pending,
      headers: {
        accept: "text/event-stream, application/json",
        "content-type": "application/json",
        ...this.request.headers,
        // What is compressed comes late; what comes so all the same is unpacked.
        "accept-encoding": "identity",
        "content-length": body.length,
        ...(proxy === undefined ? undefined : headersPassedOn(url, proxy))
      }
    }
    const client = secure
      ? Https.request(url, options)
      : proxy === undefined
        ? Http.request(url, options)
        : Http.request({ ...options, host: proxy.host, port: proxy.port, path: url.href })
    this.client = client
    this.listen(client, secure ? "secureConnect" : "connect")
    client.end(body)
  }

  private listen(client: Http.ClientRequest, connected: "connect" | "secureConnect"): void {
    let readBefore = 0
    client.on("socket", (socket) => {
      readBefore = socket.bytesRead
      if (!socket.connecting) this.phase = "waiting for the answer"
      else socket.once(connected, () => (this.phase = "waiting for the answer"))
    })
    client.on("error", (error) => {
      if (this.ended || client !== this.client) return
      const unanswered = this.answer === undefined && (client.socket?.bytesRead ?? readBefore) === readBefore
      if (client.reusedSocket && unanswered && isStale(error)) {
        this.phase = "connecting"
        this.start(true)
        return
      }
      const ofProxy = this.passedOn && this.phase === "connecting"
      this.fail(reasonOf(ofProxy ? unreached(codeOf(error)) : error))
    })
    client.on("response", (answer) => this.read(answer))
    // 101: nobody asked for another protocol.
    client.on("upgrade", (answer, socket) => {
      socket.destroy()
      if (this.ended) return
      this.sink.onHead(answer.statusCode ?? 101, answer.headers)
      this.end()
    })
  }

  private read(answer: Http.IncomingMessage): void {
    if (this.ended) return
    this.answer = answer
    if (this.passedOn && isOfProxy(answer.statusCode ?? 0, answer.headers)) {
      return this.fail(reasonOf(refusedByProxy(answer.statusCode ?? 0)))
    }
    this.phase = "reading the answer"
    answer.on("error", (error) => this.fail(reasonOf(error)))
    answer.on("end", () => {
      if (!answer.complete) this.fail("the answer was cut off")
      // What unpacks it has its own end.
      else if (this.decoders.length === 0) this.end()
    })
    answer.on("close", () => {
      if (this.decoders.length === 0 || !answer.complete) this.fail("the answer was cut off")
    })
    this.sink.onHead(answer.statusCode ?? 0, answer.headers)
    if (this.ended) return
    const coded = codingsOf(answer.headers["content-encoding"])
    if (coded === undefined) return this.flow(answer)
    answer.once("data", (first: Uint8Array) => {
      if (this.ended) return
      answer.pause()
      answer.unshift(first)
      this.unpack(answer, decodersOf(coded, first))
    })
  }

  /** Each unpacks for the next; what does not fit its label is a broken answer. */
  private unpack(answer: Http.IncomingMessage, decoders: ReadonlyArray<Transform>): void {
    this.decoders = decoders
    let from: Readable = answer
    for (const decoder of decoders) {
      decoder.on("error", () => this.fail("the answer's compression is broken"))
      from = from.pipe(decoder)
    }
    if (from !== answer) from.on("end", () => this.end())
    this.flow(from)
  }

  private flow(body: Readable): void {
    this.body = body
    body.on("data", (chunk: Uint8Array) => {
      if (!this.ended) this.sink.onData(chunk)
    })
    if (this.paused) body.pause()
    else body.resume()
  }

  private end(): void {
    if (this.ended) return
    this.ended = true
    // It was answered before it had read the request: the socket would wait for that for ever.
    if (this.client?.writableFinished === false) this.client.destroy()
    this.sink.onEnd()
  }
}

/** What a proxy must be told of a request that it passes on. */
const headersPassedOn = (url: URL, { authorization }: Proxy): { readonly [name: string]: string } => ({
  host: url.host,
  ...(authorization === undefined ? undefined : { "proxy-authorization": authorization })
})

/**
 * Upstreams over HTTP and HTTPS. When the layer is closed its sockets are, and the calls that use them fail.
 *
 * - What a proxy itself refuses is a connection that could not be made (`do_request_failed`): no fault of a key.
 * - A redirect is an answer like any other: it is never followed, a key must not travel.
 * - A kept-alive socket that is reset before it has answered with a single byte was dead: the request is made once more,
 *   on a fresh one.
 */
export const layerWith = (options: Options): Layer.Layer<Upstream> =>
  Layer.effect(
    Upstream,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => makePool(options)),
        (pool) => Effect.sync(() => closePool(pool))
      ),
      (pool) => ({
        open: (request, sink) => {
          const call = new Call(pool, request, sink)
          call.start(false)
          return call
        }
      })
    )
  )

/** Upstreams over HTTP and HTTPS, with the defaults. */
export const layer: Layer.Layer<Upstream> = layerWith({})
