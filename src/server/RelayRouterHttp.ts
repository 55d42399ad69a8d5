/**
 * The relay's routes on Effect's `HttpRouter`: for programs that serve the relay beside routes of their own, on whatever
 * HTTP server they have. Who serves nothing else is better off with `serve`, which writes to the socket itself (measured
 * for a thin relay, Effect's router and response streams cost some 2.2 times as much for a request).
 */
import { Cause, Deferred, Effect, FiberSet, type Layer, Queue, Stream, Option } from "effect"
import { HttpRouter, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { ReadRequestBodyFailed, ReadResponseBodyFailed, stackless } from "../errors/index.ts"
import { callersRequestId, makeRequestId } from "../http/index.ts"
import { makeDispatcher, type Served } from "./Dispatch.ts"
import type { Exchange } from "./Exchange.ts"
import { type BodyFault, makeBody } from "./RequestBodyNode.ts"
import type { RouteShown } from "./Route.ts"

/** How much is written ahead of a slow client, in bytes: then the reader is left alone until it drains. */
const bytesAhead = 65_536

const encoder = new TextEncoder()

const readBody = (request: HttpServerRequest.HttpServerRequest, maxBytes: number) =>
  Effect.gen(function* () {
    const read = yield* Deferred.make<string, BodyFault>()
    const body = makeBody(request.headers["content-encoding"], maxBytes, (result) =>
      Deferred.doneUnsafe(read, Effect.fromResult(result))
    )
    const sent = request.stream.pipe(
      Stream.runForEach((chunk) => Effect.sync(() => body.push(chunk))),
      Effect.andThen(Effect.sync(body.end)),
      Effect.mapError(() => stackless(() => new ReadRequestBodyFailed({}))),
      Effect.andThen(Deferred.await(read))
    )
    // One that is too large is told before all of it was sent.
    return yield* Effect.raceFirst(sent, Deferred.await(read)).pipe(Effect.ensuring(Effect.sync(body.stop)))
  })

/** An exchange, and how it is told that its client has left. */
interface RouterExchange {
  readonly exchange: Exchange
  readonly left: () => void
}

/** One exchange: its answer's head is awaited, and its body is a stream that is fed by whoever writes. */
const makeExchange = (
  request: HttpServerRequest.HttpServerRequest,
  onHead: (response: HttpServerResponse.HttpServerResponse) => void
): RouterExchange => {
  const mark = request.url.indexOf("?")
  const header = (name: string): string | undefined => request.headers[name]
  const requestId = callersRequestId(header("x-request-id")) ?? makeRequestId(Math.random)
  const own: { [name: string]: string } = { "x-request-id": requestId }
  const body = Effect.runSync(Queue.unbounded<Uint8Array, ReadResponseBodyFailed | Cause.Done>())
  let drains: ReadonlyArray<() => void> = []
  let closes: ReadonlyArray<() => void> = []
  let sent = false
  let over = false
  let waiting = 0
  /** How long a client may take nothing, while it is watched for that. */
  let patience: { readonly millis: number; timer: ReturnType<typeof setTimeout> } | undefined

  const close = (): void => {
    if (over) return
    over = true
    clearTimeout(patience?.timer)
    for (const listener of closes) listener()
  }
  const offered = Stream.fromQueue(body).pipe(
    Stream.tap(({ length }) =>
      Effect.sync(() => {
        waiting -= length
        if (patience !== undefined) {
          clearTimeout(patience.timer)
          patience = waiting > 0 ? patienceOf(patience.millis) : undefined
        }
        if (waiting < bytesAhead) for (const listener of drains) listener()
      })
    ),
    Stream.ensuring(Effect.sync(close))
  )
  const head: Exchange["head"] = (status, headers) => {
    if (sent) return
    sent = true
    onHead(HttpServerResponse.stream(offered, { status, headers: { ...own, ...headers } }))
  }
  const offer = (content: string | Uint8Array): void => {
    const bytes = typeof content === "string" ? encoder.encode(content) : content
    waiting += bytes.length
    Queue.offerUnsafe(body, bytes)
  }
  const patienceOf = (millis: number) => ({ millis, timer: setTimeout(() => exchange.destroy(), millis) })
  const exchange: Exchange = {
    method: request.method,
    path: mark < 0 ? request.url : request.url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : request.url.slice(mark + 1)),
    header,
    // The web joins repeated headers to one.
    headers: (name) => {
      const value = header(name)
      return value === undefined ? [] : [value]
    },
    requestId,
    peer: Option.getOrUndefined(request.remoteAddress),
    body: (maxBytes) => readBody(request, maxBytes),
    setHeader: (name, value) => {
      own[name] = value
    },
    headSent: () => sent,
    head,
    flush: () => {},
    write: (content) => {
      if (over) return true
      offer(content)
      return waiting < bytesAhead
    },
    end: (content) => {
      if (content !== undefined && content.length > 0) offer(content)
      Queue.endUnsafe(body)
    },
    destroy: () => {
      if (!sent) head(500, {})
      // A body that fails is a broken connection: nobody takes what was written for whole.
      const broken = stackless(() => new ReadResponseBodyFailed({ message: "the connection is broken on purpose" }))
      Queue.failCauseUnsafe(body, Cause.fail(broken))
      close()
    },
    onClose: (listener) => {
      if (over) queueMicrotask(listener)
      else closes = [...closes, listener]
    },
    onDrain: (listener) => {
      drains = [...drains, listener]
    },
    cutIfStuck: (millis) => {
      if (patience === undefined && !over && waiting > 0) patience = patienceOf(millis)
    }
  }
  return { exchange, left: close }
}

/** A path as Effect's router writes it. */
const routerPath = (path: string): `/${string}` =>
  path.replaceAll(/\{\w+\*\}/g, "*").replaceAll(/\{(\w+)\}/g, ":$1") as `/${string}`

/** What of the relay is served. */
export interface RelayRouterOptions {
  /** Which of its routes; a path is served whole or not at all. Default: all. */
  readonly serves?: ((route: RouteShown) => boolean) | undefined
}

/**
 * Adds the relay's routes to the `HttpRouter`. The relay's services are those of `layerFrom`; who may ask is the relay's
 * own business (its tokens, or this machine only).
 *
 * How long heads may be and take, and how a connection is closed whose client is still sending, is the server's business.
 * Unlike `serve` it knows nothing of the server's shutdown: stop the relay (`Relay.stop`, `Relay.drained`) before it.
 */
export const layer = (options: RelayRouterOptions = {}): Layer.Layer<never, never, HttpRouter.HttpRouter | Served> =>
  HttpRouter.use((router) =>
    Effect.gen(function* () {
      const dispatcher = yield* makeDispatcher(() => -1)
      const fork = yield* FiberSet.makeRuntime<never, void, never>()
      const handler = (request: HttpServerRequest.HttpServerRequest) =>
        Effect.callback<HttpServerResponse.HttpServerResponse>((resume) => {
          const { exchange, left } = makeExchange(request, (response) => resume(Effect.succeed(response)))
          const fiber = fork(dispatcher.route(exchange).answer)
          return Effect.sync(() => {
            fiber.interruptUnsafe()
            left()
          })
        })
      const served = dispatcher.routes.filter((route) => options.serves?.(route) !== false)
      const paths = new Set(served.map(({ path }) => routerPath(path)))
      for (const path of paths) {
        // The router adds `/models` with `/models/*`.
        if (!paths.has(`${path}/*`)) yield* router.add("*", path, handler)
      }
    })
  )
