/**
 * A false upstream over a socket: an HTTP server on loopback that plays scripts to whoever calls it, the relay or any
 * client of a vendor. Its counterpart without a socket is `ScriptedUpstream`.
 *
 * Its time is the wall's, under `TestClock` too: no virtual clock moves a socket.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { Cause, Context, Effect, Layer, type Scope } from "effect"
import type { UpstreamDialectName } from "../dialect/index.ts"
import type { Script } from "./Script.ts"
import { type Default, OpenCall, Repertoire, type ScriptedCall, type Scripts } from "./ScriptedCall.ts"
import { wireOf, type WireStep } from "./Wire.ts"

/** What a server plays. */
export interface Options {
  /** What it speaks, on whatever path. */
  readonly dialect: UpstreamDialectName
  /** As for `ScriptedUpstream`: in order, the last one for ever; or by a function of the call. */
  readonly scripts: Scripts
}

/** A server that runs. */
export interface ScriptedServerService {
  /** A channel's base URL: with `/v1`, and without a slash at its end. */
  readonly url: string
  readonly port: number
  /** The calls that came, oldest first. */
  readonly calls: () => ReadonlyArray<ScriptedCall>
  /** Waits until so many calls have come. */
  readonly received: (count: number) => Effect.Effect<void>
  /** Plays these to the next calls, behind those that wait already. */
  readonly enqueue: (...scripts: ReadonlyArray<Script>) => void
  /** Plays this when nothing waits. */
  readonly setDefault: (script: Default) => void
  /** Forgets the calls, and the scripts that wait. */
  readonly forget: () => void
  /** How many connections are open now. */
  readonly openConnections: () => number
  /** Stops listening and resets what is open: connections are refused until `up`. */
  readonly down: Effect.Effect<void>
  /** Listens again, on the same port. */
  readonly up: Effect.Effect<void>
}

/** A reset takes with it what was not read yet: it comes so many milliseconds after the last bytes. */
const beforeReset = 20

const readBody = (request: IncomingMessage): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => void chunks.push(chunk))
    request.on("end", () => resume(Effect.succeed(Buffer.concat(chunks).toString("utf8"))))
  })

const textHeaders = (headers: IncomingHttpHeaders): { readonly [name: string]: string } =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, said]) =>
      said === undefined ? [] : [[name, typeof said === "string" ? said : said.join(", ")]]
    )
  )

/** Until it is written, or nobody is there any more. */
const written = (response: ServerResponse, text: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (response.closed || response.destroyed) return resume(Effect.void)
    response.write(text, () => resume(Effect.void))
  })

const act = (response: ServerResponse, step: WireStep, broke: () => void): Effect.Effect<void> => {
  const { socket } = response
  const breaking = (how: (socket: Socket) => void): Effect.Effect<void> =>
    Effect.sync(() => {
      broke()
      if (socket !== null) how(socket)
    })
  switch (step._tag) {
    case "Wait":
      return Effect.sleep(step.millis)
    case "Head":
      return Effect.sync(() => {
        response.writeHead(step.status, step.headers)
        response.flushHeaders()
      })
    case "Data":
      return step.text === "" ? Effect.void : written(response, step.text)
    case "End":
      return Effect.sync(() => void response.end())
    case "Reset": {
      const reset = breaking((socket) => socket.resetAndDestroy())
      return response.headersSent ? Effect.delay(reset, beforeReset) : reset
    }
    case "CutChunk":
      return breaking((socket) => socket.write(`ffff\r\n${step.text}`, () => socket.destroy()))
    case "NotHttp":
      return breaking((socket) => void socket.end(step.bytes))
  }
}

const play = (response: ServerResponse, wire: Iterable<WireStep>, broke: () => void): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (const step of wire) {
      if (response.closed) return
      yield* act(response, step, broke)
    }
  })

/** Starts a server on a free port of loopback; it stops with the scope. That it cannot listen is a defect. */
export const make = (options: Options): Effect.Effect<ScriptedServerService, never, Scope.Scope> =>
  Effect.gen(function* () {
    const repertoire = new Repertoire(options.scripts)
    const sockets = new Set<Socket>()
    let calls: Array<OpenCall> = []
    let waiting: Array<{ readonly count: number; readonly come: () => void }> = []
    let port = 0

    const record = (request: IncomingMessage, response: ServerResponse, body: string): OpenCall => {
      const incoming = {
        method: request.method ?? "",
        url: `http://127.0.0.1:${port}${request.url ?? "/"}`,
        headers: textHeaders(request.headers),
        body
      }
      const call = new OpenCall(calls.length, options.dialect, incoming, performance.now())
      response.once("close", () => call.close(response.writableFinished ? "ended" : "left", performance.now()))
      calls.push(call)
      const come = waiting.filter(({ count }) => count <= calls.length)
      waiting = waiting.filter(({ count }) => count > calls.length)
      for (const one of come) one.come()
      return call
    }

    const answer = (request: IncomingMessage, response: ServerResponse): Effect.Effect<void> =>
      Effect.flatMap(readBody(request), (body) => {
        const call = record(request, response, body)
        const broke = (): void => void call.close("broken", performance.now())
        return play(response, wireOf(repertoire.next(call), options.dialect, call), broke)
      }).pipe(
        // A script that cannot be played is no silent upstream.
        Effect.tapCause((cause) =>
          Cause.hasInterruptsOnly(cause)
            ? Effect.void
            : Effect.sync(() => {
                process.emitWarning(`a script could not be played: ${Cause.pretty(cause)}`)
                response.destroy()
              })
        )
      )

    const server = createServer((request, response) => {
      // A broken connection is the caller's affair, and on record.
      request.on("error", () => {})
      response.on("error", () => {})
      const fiber = Effect.runFork(answer(request, response))
      response.once("close", () => fiber.interruptUnsafe())
    })
    server.keepAliveTimeout = 60_000
    server.on("connection", (socket) => {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.once("close", () => sockets.delete(socket))
    })

    const listen = Effect.callback<void>((resume) => {
      if (server.listening) return resume(Effect.void)
      const failed = (error: Error): void => resume(Effect.die(error))
      server.once("error", failed)
      server.listen(port, "127.0.0.1", () => {
        server.off("error", failed)
        resume(Effect.void)
      })
    })
    const down = Effect.callback<void>((resume) => {
      if (!server.listening) return resume(Effect.void)
      server.close(() => resume(Effect.void))
      for (const socket of sockets) socket.resetAndDestroy()
    })

    yield* Effect.acquireRelease(listen, () => down)
    port = (server.address() as AddressInfo).port

    return {
      url: `http://127.0.0.1:${port}/v1`,
      port,
      calls: () => calls,
      received: (count) =>
        Effect.callback((resume) => {
          if (calls.length >= count) return resume(Effect.void)
          waiting.push({ count, come: () => resume(Effect.void) })
        }),
      enqueue: (...scripts) => repertoire.enqueue(scripts),
      setDefault: (script) => repertoire.setDefault(script),
      forget: () => {
        calls = []
        repertoire.forget()
      },
      openConnections: () => sockets.size,
      down,
      up: listen
    }
  })

/**
 * A false upstream, as a service of a test.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { Script, ScriptedServer } from "effect-resilience/testing"
 *
 * const program = Effect.gen(function* () {
 *   const server = yield* ScriptedServer.ScriptedServer
 *   const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "Hello?" }] })
 *   const ask = Effect.promise(() => fetch(`${server.url}/chat/completions`, { method: "POST", body }))
 *   const first = yield* ask
 *   const second = yield* ask
 *   return [first.status, second.status, server.calls().length]
 * }).pipe(
 *   Effect.provide(
 *     ScriptedServer.layer({ dialect: "openai", scripts: [Script.status(429), Script.answer("Once upon a time")] })
 *   )
 * )
 *
 * await Effect.runPromise(program) // => [429, 200, 2]
 * ```
 */
export class ScriptedServer extends Context.Service<ScriptedServer, ScriptedServerService>()(
  "effect-resilience/testing/ScriptedServer"
) {}

/** A server with its scope. */
export const layer = (options: Options): Layer.Layer<ScriptedServer> => Layer.effect(ScriptedServer, make(options))
