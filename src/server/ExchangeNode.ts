/**
 * Exchanges of `node:http`.
 */
import { Effect, Result } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { PayloadTooLarge, ReadRequestBodyFailed, stackless } from "../errors/index.ts"
import type { Exchange } from "./Exchange.ts"
import { lingerBehind } from "./LingeringCloseNode.ts"
import { type BodyFault, makeBody } from "./RequestBodyNode.ts"

/** A client that asks before it sends is told to when its body is read, and not before. */
const asksFirst = /(?:^|\W)100-continue(?:$|\W)/i

const readBody = (request: IncomingMessage, response: ServerResponse, maxBytes: number) =>
  Effect.callback<string, BodyFault | ReadRequestBodyFailed>((resume) => {
    const { "content-encoding": coding, "content-length": length, expect } = request.headers
    if (Number(length ?? 0) > maxBytes) {
      return resume(Effect.fail(stackless(() => new PayloadTooLarge({ limitBytes: maxBytes }))))
    }
    const body = makeBody(coding, maxBytes, (result) => {
      if (Result.isFailure(result)) {
        request.removeAllListeners("data")
        request.pause()
      }
      resume(Effect.fromResult(result))
    })
    const failed = (): void => {
      body.stop()
      resume(Effect.fail(stackless(() => new ReadRequestBodyFailed({}))))
    }
    request.on("data", body.push)
    request.on("end", body.end)
    request.on("error", failed)
    request.on("aborted", failed)
    if (expect !== undefined && asksFirst.test(expect)) response.writeContinue()
    return Effect.sync(body.stop)
  })

/** How long a client that seems stuck is looked at once more, in milliseconds. */
const lastLook = 1000

/**
 * Cuts off a client that takes nothing of what was written. Node asks the socket whether any of it was taken before it says
 * that nothing happened; after our own process was stopped it says so at once, so that it is asked once more. What comes
 * late then is no second silence: something was taken between the two.
 */
class StuckWatch {
  private readonly response: ServerResponse
  private millis: number | undefined
  private silentAt: number | undefined

  constructor(response: ServerResponse) {
    this.response = response
    // Before any other listener: what is written there may be too much again.
    response.prependListener("drain", () => this.taken())
    // Without a listener Node would close the connection itself.
    response.on("timeout", () => this.silent())
  }

  watch(millis: number): void {
    if (this.millis !== undefined) return
    this.millis = millis
    this.begin(millis)
  }

  private begin(millis: number): void {
    this.silentAt = undefined
    this.response.setTimeout(Math.ceil(millis - this.look(millis)))
  }

  private look(millis: number): number {
    return Math.min(lastLook, millis / 2)
  }

  private silent(): void {
    const { millis, silentAt } = this
    if (millis === undefined) return
    const now = performance.now()
    if (silentAt === undefined) {
      this.silentAt = now
      this.response.setTimeout(Math.ceil(this.look(millis)))
    } else if (now - silentAt > 1.5 * this.look(millis)) this.begin(millis)
    else this.response.destroy()
  }

  private taken(): void {
    if (this.millis === undefined) return
    this.millis = undefined
    this.response.setTimeout(0)
  }
}

/** A connection that breaks is told by `close`; without a listener its error would end the process. */
const ignore = (): void => {}

/** What most requests have of a query. Nobody changes it. */
const noQuery = new URLSearchParams()

/** HOT: a class, because each object with methods of its own costs a closure a method, and outlives its request by them. */
class NodeExchange implements Exchange {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly requestId: string
  private readonly request: IncomingMessage
  private readonly response: ServerResponse
  /** One object, given to `writeHead` once: each `setHeader` would make it merge and check them again. */
  private readonly own: { [name: string]: string }
  private stuck: StuckWatch | undefined
  /** The one that is handed on by itself. */
  readonly header = (name: string): string | undefined => {
    const value = this.request.headers[name]
    return typeof value === "string" ? value : value?.[0]
  }

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    requestIdOf: (presented: string | undefined) => string
  ) {
    this.request = request
    this.response = response
    const url = request.url ?? "/"
    // A proxy may send the absolute form; whom it names is not looked at. Its path may be empty.
    const target = url.startsWith("/") ? url : url.replace(/^https?:\/\/[^/?]*\/?/i, "/")
    const mark = target.indexOf("?")
    this.method = request.method ?? "GET"
    this.path = mark < 0 ? target : target.slice(0, mark)
    this.query = mark < 0 ? noQuery : new URLSearchParams(target.slice(mark + 1))
    this.requestId = requestIdOf(this.header("x-request-id"))
    this.own = { "x-request-id": this.requestId }
    response.on("error", ignore)
  }

  // Of some headers Node keeps the first alone.
  headers(name: string): ReadonlyArray<string> {
    const { rawHeaders } = this.request
    const found: Array<string> = []
    for (let at = 0; at < rawHeaders.length; at += 2) {
      if (rawHeaders[at]!.length === name.length && rawHeaders[at]!.toLowerCase() === name)
        found.push(rawHeaders[at + 1]!)
    }
    return found
  }

  body(maxBytes: number): ReturnType<Exchange["body"]> {
    return readBody(this.request, this.response, maxBytes)
  }

  get peer(): string | undefined {
    return this.request.socket.remoteAddress
  }

  setHeader(name: string, value: string): void {
    this.own[name] = value
  }

  headSent(): boolean {
    return this.response.headersSent
  }

  head(status: number, headers: { readonly [name: string]: string }): void {
    const { own, request } = this
    // What is left of a body that nobody will read must not be taken for the next request.
    const expected =
      request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined
    if (expected && !request.complete) {
      own["connection"] = "close"
      lingerBehind(request)
    }
    this.response.writeHead(status, { ...own, ...headers })
  }

  flush(): void {
    this.response.flushHeaders()
  }

  write(content: string | Uint8Array): boolean {
    return this.response.writable ? this.response.write(content) : true
  }

  end(body?: string | Uint8Array): void {
    if (body === undefined) this.response.end()
    else this.response.end(body)
  }

  destroy(): void {
    this.response.destroy()
  }

  onClose(listener: () => void): void {
    if (this.response.closed) queueMicrotask(listener)
    else this.response.once("close", listener)
  }

  onDrain(listener: () => void): void {
    this.response.on("drain", listener)
  }

  cutIfStuck(millis: number): void {
    // HOT: of most answers all is with the system when they end, and nothing is waited for.
    if (this.response.writableLength === 0) return
    this.stuck ??= new StuckWatch(this.response)
    this.stuck.watch(millis)
  }
}

/** Makes an exchange of a request and its response. */
export const makeExchange = (
  request: IncomingMessage,
  response: ServerResponse,
  requestIdOf: (presented: string | undefined) => string
): Exchange => new NodeExchange(request, response, requestIdOf)
