/**
 * What the tests of calls over sockets share: servers that say what becomes of their connections, and calls that record
 * what they are told.
 */
import * as Net from "node:net"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { afterEach } from "vitest"
import { Upstream, UpstreamNode, type UpstreamCall, type UpstreamRoute } from "#src/channel/index"
import type { BulkheadFull, DoRequestFailed, ReadResponseBodyFailed } from "#src/errors/index"

/** What is done when a test has ended, the last first. */
export const cleanups: Array<() => Promise<unknown> | void> = []

/** Does it: each test file calls this, because a worker loads this module once for all of them. */
export const cleanUp = (): void => {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })
}

/** The layer, for as long as the test runs. */
export const open = async (options: UpstreamNode.Options = {}): Promise<Context.Service.Shape<typeof Upstream>> => {
  const scope = Effect.runSync(Scope.make())
  cleanups.push(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  const services = await Effect.runPromise(Layer.buildWithScope(UpstreamNode.layerWith(options), scope))
  return Context.get(services, Upstream)
}

/** A server that is told of each connection; `closed` says how many of them are gone. */
export const rawServer = async (onSocket: (socket: Net.Socket, index: number) => void) => {
  const sockets: Array<Net.Socket> = []
  const state = { connections: 0, closed: 0 }
  const server = Net.createServer((socket) => {
    sockets.push(socket)
    state.connections += 1
    socket.on("error", () => {})
    socket.on("close", () => (state.closed += 1))
    onSocket(socket, state.connections - 1)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const port = (server.address() as Net.AddressInfo).port
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${port}/v1/chat/completions`, port, state, sockets, server }
}

/** Calls `onRequest` for each whole request on a socket, with its head and body. */
export const onRequests = (
  socket: Net.Socket,
  onRequest: (head: string, body: string, index: number) => void
): void => {
  let text = ""
  let index = 0
  socket.on("data", (chunk) => {
    text += String(chunk)
    for (;;) {
      const end = text.indexOf("\r\n\r\n")
      if (end < 0) return
      const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0)
      if (text.length < end + 4 + length) return
      const head = text.slice(0, end)
      const body = text.slice(end + 4, end + 4 + length)
      text = text.slice(end + 4 + length)
      onRequest(head, body, index++)
    }
  })
}

/** A call, and what it has been told so far. */
export interface Recorded {
  readonly call: UpstreamCall
  readonly events: Array<string>
  status: number
  headers: { readonly [name: string]: unknown }
  body: string
  error: BulkheadFull | DoRequestFailed | ReadResponseBodyFailed | undefined
  readonly ended: Promise<void>
  readonly head: Promise<void>
}

/** Opens a call that records. */
export const send = (
  upstream: Context.Service.Shape<typeof Upstream>,
  url: string,
  headers: { readonly [name: string]: string } = { authorization: "Bearer sk-secret-key" },
  hooks: { readonly onHead?: () => void; readonly onData?: () => void } = {},
  route?: UpstreamRoute
): Recorded => {
  let finish = (): void => {}
  let headed = (): void => {}
  const ended = new Promise<void>((resolve) => (finish = resolve))
  const head = new Promise<void>((resolve) => (headed = resolve))
  const events: Array<string> = []
  const recorded: Recorded = {
    call: { abort: () => {}, pause: () => {}, resume: () => {} },
    events,
    status: 0,
    headers: {},
    body: "",
    error: undefined,
    ended,
    head
  }
  const call = upstream.open(
    { url, headers, body: '{"model":"m"}', route },
    {
      onHead: (status, headers) => {
        events.push("head")
        recorded.status = status
        recorded.headers = headers
        hooks.onHead?.()
        headed()
      },
      onData: (chunk) => {
        events.push("data")
        recorded.body += Buffer.from(chunk).toString()
        hooks.onData?.()
      },
      onEnd: () => {
        events.push("end")
        finish()
      },
      onError: (error) => {
        events.push("error")
        recorded.error = error
        finish()
      }
    }
  )
  events.unshift("open")
  Object.assign(recorded, { call })
  return recorded
}

/** Waits on the real clock. */
export const wait = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Waits until something is so, and gives how long that took, in milliseconds. */
export const until = async (condition: () => boolean, millis = 2000): Promise<number> => {
  const start = performance.now()
  while (!condition()) {
    if (performance.now() - start > millis) throw new Error("it did not happen")
    await wait(2)
  }
  return performance.now() - start
}
