/**
 * The relay's HTTP server on `node:http`: takes connections, runs each request through guard, route and handler, and
 * shuts down so that nobody is left with half an answer who could have had a whole one.
 */
import { Clock, Effect, type Fiber, type Scope } from "effect"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { Selection } from "../channel/index.ts"
import { ShuttingDown, stackless } from "../errors/index.ts"
import { callersRequestId, makeRequestId } from "../http/index.ts"
import { leanHttp } from "../http/LeanHttpNode.ts"
import { Journal } from "../journal/index.ts"
import { makeFibers, Slots, type Slotted } from "../memory/index.ts"
import { Relay, type RelayEvent, RelayEvents, sinkOf } from "../relay/index.ts"
import { Settings } from "../settings/index.ts"
import { ErrorTracker, EventLog } from "../telemetry/index.ts"
import { makeDispatcher, type Routed, type Served } from "./Dispatch.ts"
import type { Exchange } from "./Exchange.ts"
import { makeExchange } from "./ExchangeNode.ts"
import { answerGarbage, headFault, headTimes, maxParsedBytes } from "./HeadFaultNode.ts"
import { isLingering } from "./LingeringCloseNode.ts"
import { watchOpenFiles } from "./OpenFilesNode.ts"
import type { RouteShown } from "./Route.ts"
import { ServerSection } from "./ServerSection.ts"

/** How long readers that are let go wait before they come back, in milliseconds: spread, so that they do not come at once. */
const comeBack = { least: 500, most: 3_000 }

/** Why a server could not be started: its address. */
export interface ListenFailed {
  readonly _tag: "ListenFailed"
  readonly message: string
}

/** A server that runs. */
export interface RunningServer {
  readonly address: { readonly host: string; readonly port: number }
  /** What it serves, in the order in which it is shown. */
  readonly routes: ReadonlyArray<RouteShown>
  /** Succeeds when another process has the store, and this one has learned of it: it can write nothing any more. */
  readonly lost: Effect.Effect<void>
  /** Takes an error of the process that somebody has to look at. */
  readonly track: ErrorTracker["Service"]["track"]
  /** Stops taking work and ends what there is, in time or not. Once; later calls give the first one's answer. */
  readonly shutdown: Effect.Effect<"clean" | "graceExpired">
}

/**
 * How many connections may wait to be taken; a system allows fewer where it will (`somaxconn`). Node's 511 are too few: it takes
 * one in each turn of the event loop, and a turn is long where thousands of answers are open. What finds no place is reset.
 */
const mostWaiting = 4096

const listen = (server: Server, host: string, port: number): Effect.Effect<AddressInfo, ListenFailed> =>
  Effect.callback((resume) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      const message =
        error.code === "EADDRINUSE"
          ? `port ${port} on ${host} is taken`
          : error.code === "EACCES"
            ? `port ${port} on ${host} may not be used by this user`
            : `cannot listen on ${host}:${port}: ${error.code ?? error.message}`
      resume(Effect.fail({ _tag: "ListenFailed", message }))
    }
    server.once("error", failed)
    server.listen(port, host, mostWaiting, () => {
      server.removeListener("error", failed)
      resume(Effect.succeed(server.address() as AddressInfo))
    })
  })

/** A request that is not over: its answer is not, or its connection is not gone. */
class UnderWay implements Slotted {
  readonly exchange: Exchange
  readonly response: ServerResponse<IncomingMessage>
  readonly routed: Routed
  slot: number | undefined
  /** Its handler, until that has done its part: its body is read, or its stream is looked for. */
  handler: Fiber.Fiber<void> | undefined

  constructor(exchange: Exchange, response: ServerResponse<IncomingMessage>, routed: Routed) {
    this.exchange = exchange
    this.response = response
    this.routed = routed
  }
}

/** The requests of a connection that are not over: several, where they are sent behind one another. */
type Connection = Array<UnderWay>

/** Whether an answer on a connection has begun and is not over. Requests may wait behind it. */
const answering = (connection: Connection): boolean =>
  connection.some(({ response }) => response.headersSent && !response.writableFinished)

/** The request in whose body a connection is, if nothing stands before its answer. */
const inBody = (connection: Connection): Routed | undefined => {
  const [only] = connection
  if (only === undefined || connection.length > 1) return undefined
  return only.response.headersSent || only.response.req.complete ? undefined : only.routed
}

/** Serves the relay of its services, by its settings. The server is closed with its scope. */
export const serveHttp: Effect.Effect<RunningServer, ListenFailed, Served | Scope.Scope> = Effect.gen(function* () {
  const settings = yield* Settings
  const options = settings.of(ServerSection).current
  const selection = yield* Selection
  const clock = yield* Clock.Clock
  const relay = yield* Relay
  const journal = yield* Journal
  const events = yield* RelayEvents
  const log = yield* EventLog
  const requests = new Slots<UnderWay>()
  const connections = new WeakMap<Socket, Connection>()
  const now = (): number => clock.currentTimeMillisUnsafe()
  let port = options.port
  /** Told when no request is under way any more. */
  let onQuiet: (() => void) | undefined
  const dispatcher = yield* makeDispatcher(() => port)
  const fibers = yield* makeFibers()
  const requestIdOf = (presented: string | undefined) => callersRequestId(presented) ?? makeRequestId(Math.random)

  const onRequest = (request: IncomingMessage, response: ServerResponse<IncomingMessage>): void => {
    // What comes behind a body that nobody has read is no request.
    if (isLingering(request.socket)) return
    const { socket } = request
    const exchange = makeExchange(request, response, requestIdOf)
    // A server that stops waits for what is under way, and not for all that comes behind it.
    if (relay.stopping()) exchange.setHeader("connection", "close")
    const one = new UnderWay(exchange, response, dispatcher.route(exchange, headFault(request)))
    const connection = connections.get(socket) ?? []
    if (connection.length === 0) connections.set(socket, connection)
    connection.push(one)
    requests.add(one)
    exchange.onClose(() => {
      connection.splice(connection.indexOf(one), 1)
      requests.delete(one)
      // After all who are told of its end: what they tell of it comes before the end of the server.
      if (requests.size === 0 && onQuiet !== undefined) queueMicrotask(onQuiet)
      // A client that leaves while its body is read, or its stream is looked for, leaves nothing running.
      one.handler?.interruptUnsafe()
    })
    const handler = fibers.run(one.routed.answer)
    one.handler = handler
    handler.addObserver(() => {
      one.handler = undefined
    })
  }

  const server = leanHttp.createServer(
    // Whether there is a host is looked at here: Node would answer without a body and an id.
    {
      maxHeaderSize: maxParsedBytes,
      headersTimeout: headTimes.most,
      connectionsCheckingInterval: headTimes.looked,
      requireHostHeader: false,
      noDelay: true,
      keepAlive: true
    },
    onRequest
  )
  // Longer than the proxies before it keep theirs, so that none of them sends on a connection that was just closed.
  server.keepAliveTimeout = 65_000
  server.on(
    "connection",
    watchOpenFiles((open, most) => log.emit("warning", "relay_files_low", { open_files: open, most_files: most }))
  )
  // An expectation that is not known is nothing to us; Node would answer it without a body and an id.
  server.on("checkExpectation", onRequest)
  // Whether a body is wanted is not known yet: a client that waits with it need not send what is refused.
  server.on("checkContinue", onRequest)
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    const connection = connections.get(socket) ?? []
    const refuse = inBody(connection)?.refuse
    answerGarbage(socket, error, { answering: answering(connection), refuse, now: now(), told: dispatcher.refused })
  })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
  )
  const address = yield* listen(server, options.host, options.port)
  port = address.port
  events.tell({ _tag: "RelayStarted", port, channels: (yield* selection.states).length })

  const lost = Effect.callback<void>((resume) => {
    const look = (event: RelayEvent): void => {
      if (event._tag === "StreamAbandoned" && event.error?._tag === "LeaseLost" && journal.lost()) resume(Effect.void)
    }
    const remove = events.add("store", sinkOf(look))
    return Effect.sync(remove)
  })
  const letGo = (): void =>
    dispatcher.readers.letGo(() => Math.round(comeBack.least + Math.random() * (comeBack.most - comeBack.least)))
  const quiet = Effect.callback<void>((resume) => {
    onQuiet = () => resume(Effect.void)
    if (requests.size === 0) onQuiet()
  })
  /** Ends the handlers that have not done their part, of some requests. */
  const refuse = (isOne: (request: UnderWay) => boolean): void => {
    for (const one of requests.all()) {
      const { handler, routed } = one
      if (handler === undefined || !isOne(one)) continue
      routed.refuse(stackless(() => new ShuttingDown({})))
      handler.interruptUnsafe()
    }
  }
  const shutdown = yield* Effect.cached(
    Effect.gen(function* () {
      events.tell({ _tag: "RelayStopping", active: relay.active() })
      yield* relay.stop
      server.close()
      refuse(({ exchange }) => exchange.atWork !== true)
      letGo()
      server.closeIdleConnections()
      const drained = yield* Effect.andThen(relay.drained, quiet).pipe(
        Effect.timeoutOption(options.shutdownGrace),
        Effect.map((ended) => ended._tag === "Some")
      )
      // What another process goes on with is cut off from its readers and from nothing else.
      const clean = drained || (relay.active() > 0 && (yield* relay.abort))
      if (!drained) {
        refuse(() => true)
        // One turn for the last frames to be committed and written.
        yield* Effect.sleep(50)
      }
      server.closeAllConnections()
      events.tell({ _tag: "RelayStopped", clean })
      return clean ? ("clean" as const) : ("graceExpired" as const)
    })
  )
  const { track } = yield* ErrorTracker
  return { address: { host: options.host, port }, routes: dispatcher.routes, lost, track, shutdown }
})
