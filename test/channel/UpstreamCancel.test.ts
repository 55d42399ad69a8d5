/**
 * A call that is left with a cancellation: its server is told why, and only then is its socket closed.
 */
import type * as Net from "node:net"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { describe, expect, it } from "vitest"
import { Upstream, UpstreamNode } from "../../src/channel/index.ts"
import { cleanUp, onRequests, open, rawServer, send, until, wait } from "./kit/calls.ts"

cleanUp()

const headers = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
const accepted = "HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}"

/** A server that streams to who asks; `onDelete` is what it does with a cancellation. */
const streaming = async (onDelete: (socket: Net.Socket) => void) => {
  const seen: Array<{ readonly head: string; readonly body: string }> = []
  const streams: Array<Net.Socket> = []
  const server = await rawServer((socket) =>
    onRequests(socket, (head, body) => {
      seen.push({ head, body })
      if (head.startsWith("DELETE")) return onDelete(socket)
      streams.push(socket)
      socket.write(headers)
      const timer = setInterval(() => socket.write("2\r\nab\r\n"), 5)
      socket.on("close", () => clearInterval(timer))
    })
  )
  const url = new URL("/streams/ID", server.url).href
  const cancellation = { url, headers: { "x-cancel-path": "a,b" }, body: '{"code":12007}' }
  return { server, seen, streams, cancellation }
}

describe("a call that is aborted with a cancellation", () => {
  it("has it sent first, and is closed once that is answered; nothing more is called", async () => {
    let answer = (): void => {}
    const { cancellation, seen, server, streams } = await streaming((socket) => {
      answer = () => socket.write(accepted)
    })
    const recorded = send(await open(), server.url)
    await until(() => recorded.body.length > 4)
    const before = recorded.events.length
    recorded.call.abort(cancellation)
    recorded.call.abort(cancellation)
    await until(() => seen.length === 2)
    await wait(50)
    expect(streams[0]!.destroyed).toBe(false)
    expect(seen[1]!.head).toMatch(/^DELETE \/streams\/ID HTTP\/1\.1\r\n/)
    expect(seen[1]!.head).toContain("x-cancel-path: a,b")
    expect(seen[1]!.head).toContain("content-type: application/json")
    expect(seen[1]!.body).toBe('{"code":12007}')
    answer()
    expect(await until(() => streams[0]!.destroyed)).toBeLessThan(100)
    expect(recorded.events.length).toBe(before)
    // The socket that told it is kept.
    expect(server.state.closed).toBe(1)
    expect(seen).toHaveLength(2)
  })

  it("is closed as well where it is refused, or the server cannot be asked", async () => {
    for (const act of [
      (socket: Net.Socket) => socket.write("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
      (socket: Net.Socket) => socket.destroy()
    ]) {
      const { cancellation, server, streams } = await streaming(act)
      const recorded = send(await open(), server.url)
      await until(() => recorded.body.length > 4)
      recorded.call.abort(cancellation)
      expect(await until(() => streams[0]!.destroyed)).toBeLessThan(300)
    }
    const { server, streams } = await streaming(() => {})
    const recorded = send(await open(), server.url)
    await until(() => recorded.body.length > 4)
    recorded.call.abort({ url: "http://127.0.0.1:1/streams/ID", headers: {}, body: "{}" })
    expect(await until(() => streams[0]!.destroyed)).toBeLessThan(300)
  })

  it("is closed after a second where the server says nothing", async () => {
    const { cancellation, server } = await streaming(() => {})
    const recorded = send(await open(), server.url)
    await until(() => recorded.body.length > 4)
    recorded.call.abort(cancellation)
    await wait(500)
    expect(server.state.closed).toBe(0)
    await wait(700)
    // Both: the stream's, and the one that was asked.
    expect(server.state.closed).toBe(2)
  })

  it("is told of before the layer is closed", async () => {
    const { cancellation, seen, server } = await streaming((socket) => setTimeout(() => socket.write(accepted), 50))
    const scope = Effect.runSync(Scope.make())
    const services = await Effect.runPromise(Layer.buildWithScope(UpstreamNode.layer, scope))
    const recorded = send(Context.get(services, Upstream), server.url)
    await until(() => recorded.body.length > 4)
    recorded.call.abort(cancellation)
    await Effect.runPromise(Scope.close(scope, Exit.void))
    expect(seen[1]?.body).toBe('{"code":12007}')
    expect(recorded.events).not.toContain("error")
  })

  it("is told nothing, and closed at once, after the layer was closed or the call has ended", async () => {
    const { cancellation, seen, server } = await streaming(() => {})
    const scope = Effect.runSync(Scope.make())
    const services = await Effect.runPromise(Layer.buildWithScope(UpstreamNode.layer, scope))
    const recorded = send(Context.get(services, Upstream), server.url)
    await until(() => recorded.body.length > 4)
    await Effect.runPromise(Scope.close(scope, Exit.void))
    recorded.call.abort(cancellation)
    await wait(50)
    expect(seen).toHaveLength(1)
  })
})
