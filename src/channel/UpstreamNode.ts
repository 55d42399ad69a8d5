/**
 * Calls to upstreams over HTTP/1.1 by undici: kept-alive sockets, no redirects, and callbacks straight from the socket. A
 * connection that broke is told as `do_request_failed`, with where it broke; never with whom, nor with what key.
 *
 * undici, and not `node:http`: its agent and the objects of a request cost some 60 µs of CPU more for each call.
 */
import { Effect, Layer } from "effect"
import type { Dispatcher } from "undici"
import { codingsOf, peel } from "../http/InflateNode.ts"
import { Cancelling } from "./CancellingNode.ts"
import { broken, errorOf, isClosed, isStale, type Phase, Unmade } from "./Broken.ts"
import { type Carried, type Connection, loadClient } from "./ConnectionNode.ts"
import { type Options, type Origin, Pool, type Target, type Waiter } from "./PoolNode.ts"
import { isOfProxy, refusedByProxy, unreached } from "./TunnelNode.ts"
import { Unpacking } from "./UnpackingNode.ts"
import {
  Upstream,
  type UpstreamCall,
  type UpstreamCancellation,
  type UpstreamRequest,
  type UpstreamSink
} from "./Upstream.ts"

export type { Options } from "./PoolNode.ts"

type Headers = { readonly [name: string]: string | Array<string> | undefined }

/** What stands in every request, whatever it says itself: what is compressed comes late. */
const always: ReadonlyArray<string> = ["accept-encoding", "identity"]

const own = new Set(["accept-encoding", "content-length"])

/** What stands in a request that does not say otherwise. */
const unlessSaid = [
  ["accept", "text/event-stream, application/json"],
  ["content-type", "application/json"]
] as const

/** The head of a request: each name once, in whatever case it was written. The last one counts. */
const headOf = (headers: UpstreamRequest["headers"], more: ReadonlyArray<string>): Array<string> => {
  // HOT: once for each request, of some six lines: a search through them costs less than a map.
  const head = [...always, ...more]
  const lowered: Array<string> = []
  const first = head.length
  for (const name in headers) {
    const lower = name.toLowerCase()
    if (own.has(lower)) continue
    const at = lowered.indexOf(lower)
    if (at >= 0) head[first + 2 * at + 1] = headers[name]!
    else {
      lowered.push(lower)
      head.push(name, headers[name]!)
    }
  }
  for (const [name, value] of unlessSaid) if (!lowered.includes(name)) head.push(name, value)
  return head
}

/** One call: at most two requests, of which the second one is made when a kept socket turned out to be dead. */
class Call implements UpstreamCall, Carried, Waiter {
  private readonly pool: Pool
  private readonly cancelling: Cancelling
  private readonly method: "DELETE" | "POST"
  private readonly request: UpstreamRequest
  private readonly sink: UpstreamSink
  private target: Target | undefined
  private connection: Connection | undefined
  private controller: Dispatcher.DispatchController | undefined
  private phase: Phase = "connecting"
  private ended = false
  private paused = false
  /** Whom `open` gives this to has it. Nobody is called back before. */
  private returned = false
  /** Nothing of the answer's body has come yet. */
  private atStart = true
  /** How it is compressed, as its label says. */
  private coded: ReturnType<typeof codingsOf>
  private unpacking: Unpacking | undefined
  /** What came while it was paused: undici stops only after the next piece, and not before the end of a connection. */
  private held: Array<Uint8Array> | undefined
  private complete = false

  constructor(
    pool: Pool,
    cancelling: Cancelling,
    request: UpstreamRequest,
    sink: UpstreamSink,
    method: "DELETE" | "POST" = "POST"
  ) {
    this.pool = pool
    this.cancelling = cancelling
    this.request = request
    this.sink = sink
    this.method = method
  }

  open(): this {
    this.start(false)
    this.returned = true
    return this
  }

  private start(fresh: boolean): void {
    this.phase = "connecting"
    if (this.pool.closed) return this.close()
    const target = this.targetOf()
    if (target instanceof Error) return this.fail(target)
    this.target = target
    target.origin.take(this, fresh)
  }

  private targetOf(): Target | Error {
    try {
      return this.pool.targetOf(this.request.url, this.request.route)
    } catch (error) {
      return error instanceof Error ? error : new Unmade("ERR_OSSL_UNKNOWN")
    }
  }

  get isWaiting(): boolean {
    return !this.ended
  }

  begin(connection: Connection): void {
    this.connection = connection
    const { headers, path } = this.target!
    connection.carry(this, {
      method: this.method,
      // Else undici closes the socket behind a DELETE.
      reset: false,
      path,
      headers: headOf(this.request.headers, headers),
      body: this.request.body
    })
  }

  abort(cancellation?: UpstreamCancellation): void {
    // After its end a socket is another call's.
    if (this.ended) return
    this.ended = true
    const { cancelling, pool, request } = this
    if (cancellation === undefined || pool.closed) return this.drop()
    cancelling.begin(
      (sink) => new Call(pool, cancelling, { ...cancellation, route: request.route }, sink, "DELETE").open(),
      () => this.drop()
    )
  }

  pause(): void {
    this.paused = true
    if (this.unpacking === undefined) this.controller?.pause()
    else this.unpacking.pause()
  }

  resume(): void {
    this.paused = false
    // Whoever calls may stand inside of undici's parser, for another call; that cannot be entered twice.
    queueMicrotask(() => this.flow())
  }

  private flow(): void {
    if (this.unpacking !== undefined) return void (this.paused || this.ended || this.unpacking.resume())
    for (let chunk = this.held?.shift(); chunk !== undefined; chunk = this.held?.shift()) {
      if (this.ended) return
      if (this.paused) return void this.held?.unshift(chunk)
      this.sink.onData(chunk)
    }
    if (this.ended || this.paused) return
    if (this.complete) this.end()
    else this.controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    this.phase = "waiting for the answer"
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (this.ended || (status >= 100 && status < 200)) return
    if (this.target!.passedOn && isOfProxy(status, headers)) return this.fail(refusedByProxy(status))
    this.phase = "reading the answer"
    this.sink.onHead(status, headers)
    if (this.ended) return
    // undici reads no body of what is below 200, and takes the end of what is below 100 for its own fault.
    if (status < 100) return this.end()
    const coding = headers["content-encoding"]
    this.coded = codingsOf(typeof coding === "object" ? coding.join() : coding)
    if (this.paused) controller.pause()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.ended) return
    if (this.atStart && chunk.length > 0) this.unpack(chunk)
    if (this.unpacking !== undefined) {
      if (!this.unpacking.write(chunk)) controller.pause()
    } else if (this.paused) {
      this.held ??= []
      this.held.push(chunk)
      controller.pause()
    } else this.sink.onData(chunk)
  }

  private unpack(begin: Uint8Array): void {
    this.atStart = false
    const outermost = peel(this.coded ?? [], begin)
    if (outermost === undefined) return
    this.unpacking = new Unpacking(outermost, {
      onData: (chunk) => {
        if (!this.ended) this.sink.onData(chunk)
      },
      onEnd: () => this.end(),
      onBroken: () => this.failFor("the answer's compression is broken"),
      onRoom: () => {
        if (!this.ended) this.controller?.resume()
      }
    })
    if (this.paused) this.unpacking.pause()
  }

  onResponseEnd(): void {
    if (this.ended) return
    const connection = this.connection!
    const { failure } = connection
    if (failure !== undefined) return this.fail(failure)
    this.controller = undefined
    this.connection = undefined
    this.origin.give(connection)
    if (this.unpacking !== undefined) this.unpacking.end()
    else if (this.paused) this.complete = true
    else this.end()
  }

  onResponseError(_: unknown, error: Error): void {
    if (this.ended) return
    const connection = this.connection!
    const only = isSwitch(error) ? 101 : isClosed(error) ? connection.interim : undefined
    if (only !== undefined) {
      this.sink.onHead(only, {})
      if (!this.ended) this.end()
      return
    }
    if (this.phase !== "reading the answer" && connection.diedUnasked && isStale(error)) {
      connection.close()
      return this.start(true)
    }
    const isOfProxy = this.target!.passedOn && this.phase === "connecting"
    this.fail(isOfProxy ? unreached((error as NodeJS.ErrnoException).code) : error)
  }

  /** The layer is closed. */
  close(): void {
    this.failFor("the connections are closed")
  }

  private fail(error: unknown): void {
    this.failWith(errorOf(error, this.phase))
  }

  private failFor(reason: string): void {
    this.failWith(broken(reason, this.phase))
  }

  private failWith(error: ReturnType<typeof errorOf>): void {
    if (!this.returned) return queueMicrotask(() => this.failWith(error))
    if (this.ended) return
    this.ended = true
    this.drop()
    this.sink.onError(error)
  }

  private end(): void {
    if (this.ended) return
    this.ended = true
    this.drop()
    this.sink.onEnd()
  }

  private get origin(): Origin {
    return this.target!.origin
  }

  /** What it held is let go; a connection that it still has is closed. */
  private drop(): void {
    this.connection?.close()
    this.connection = undefined
    this.controller = undefined
    this.held = undefined
    this.unpacking?.destroy()
  }
}

/** A 101: nobody asked for another protocol, so that undici takes it for a broken answer, and closes the connection. */
const isSwitch = (error: Error): boolean => error.message === "bad upgrade"

/**
 * Upstreams over HTTP and HTTPS. When the layer is closed its sockets are, and the calls that use them fail; what is being
 * cancelled then is cancelled first.
 *
 * - What a proxy itself refuses is a connection that could not be made (`do_request_failed`): no fault of a key.
 * - A redirect is an answer like any other: it is never followed, a key must not travel.
 * - A status of 1xx is passed over for the answer behind it. Where the upstream closes its connection instead, it is all that
 *   was answered.
 * - A kept-alive socket that is reset before it has answered with a single byte was dead: the request is made once more,
 *   on a fresh one.
 */
export const layerWith = (options: Options): Layer.Layer<Upstream> =>
  Layer.effect(
    Upstream,
    Effect.map(
      Effect.acquireRelease(
        Effect.map(Effect.promise(loadClient), (client) => ({
          pool: new Pool(options, client),
          cancelling: new Cancelling()
        })),
        ({ cancelling, pool }) =>
          Effect.andThen(
            cancelling.over,
            Effect.sync(() => pool.close())
          )
      ),
      ({ cancelling, pool }) => ({
        open: (request, sink) => new Call(pool, cancelling, request, sink).open()
      })
    )
  )

/** Upstreams over HTTP and HTTPS, with the defaults. */
export const layer: Layer.Layer<Upstream> = layerWith({})
