/**
 * Clients that ask for an answer and never read it: each holds a page at most, for as long as `server.readerGrace`, and is
 * then cut; nobody else notices.
 */
import { assert, describe, it } from "@effect/vitest"
import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { keepLog, logLines } from "../support/log.ts"
import { channelOf, startRelay } from "../support/relay.ts"
import { startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { open } from "../support/sse.ts"
import { chunk, ending, startWireUpstream, streaming, type WireUpstream } from "../support/wireUpstream.ts"

keepLog()

const size = 8_000_000

/** Says eight megabytes, a piece at a time, as fast as they are read. */
const upstreamOf = (piece: number): Promise<WireUpstream> =>
  startWireUpstream(({ response }) => {
    streaming(response)
    const text = chunk("x".repeat(piece))
    const count = size / piece
    let said = 0
    const write = (): void => {
      while (!response.closed && said < count) if (said++ < count && !response.write(text)) break
      if (said === count) response.end(ending)
      else if (!response.closed) response.once("drain", write)
    }
    write()
  })

/** Resident memory of a process, in bytes. */
const memoryOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024

interface Stuck {
  readonly socket: Socket
  /** Whether the relay has closed its connection. */
  readonly isClosed: () => boolean
  /** Reads what there is, to the end of its connection, and gives how many bytes that was. */
  readonly rest: () => Promise<number>
}

/** A client that asks and does not read. */
const stuckOn = (port: number, path: string): Stuck => {
  const id = `stuck-${randomUUID()}`
  const socket = connect(port, "127.0.0.1", () => {
    socket.pause()
    socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nx-request-id: ${id}\r\nconnection: close\r\n\r\n`)
  })
  socket.on("error", () => {})
  const rest = (): Promise<number> =>
    new Promise((resolve) => {
      let bytes = 0
      socket.on("data", (data) => {
        bytes += data.length
      })
      socket.once("close", () => resolve(bytes))
      socket.resume()
    })
  const isClosed = (): boolean =>
    logLines().some(({ event, request_id }) => event === "stream_closed" && request_id === id)
  return { socket, isClosed, rest }
}

/** What was read, without the heartbeats between its lines. */
const withoutHeartbeats = (text: string): string => text.replaceAll(/^: ping\n/gm, "")

const textAt = async (url: string): Promise<string> => (await fetch(url)).text()

describe("S8: readers that never read", { timeout: 120_000 }, () => {
  it.each([
    ["memory", 8_000_000],
    ["sqlite", 8_000_000]
  ] as const)("S8: a hundred of an 8 MB answer cost a page each (%s, events of %d bytes)", async (type, piece) => {
    const folder = temporaryFolder()
    const upstream = await upstreamOf(piece)
    const relay = await startRelayProcess(
      writeConfiguration(folder.path, {
        server: { port: 0, readerGrace: "5 minutes" },
        store: type === "memory" ? { type } : { type, path: `${folder.path}/relay.db` },
        channels: [channelOf("a", upstream.url, { models: ["m"] })]
      })
    )
    const stuck: Array<Stuck> = []
    try {
      const asked = await fetch(`${relay.url}/chat?message=hello&model=m`)
      const id = asked.headers.get("x-stream-id") ?? ""
      const text = await asked.text()
      assert.isAbove(text.length, 2 * size)
      const before = memoryOf(relay.pid)
      for (let n = 0; n < 100; n++) stuck.push(stuckOn(relay.port, `/streams/${id}`))
      // Whoever reads is not held up.
      assert.strictEqual(await textAt(`${relay.url}/streams/${id}`), text)
      await sleep(1000)
      const grown = memoryOf(relay.pid) - before
      // Each has a page of 64 kB; the rest is what the collector has not come to yet.
      assert.isBelow(grown, 150_000_000, `${Math.round(grown / 1e6)} MB`)
    } finally {
      for (const { socket } of stuck) socket.destroy()
      relay.kill("SIGKILL")
      await Promise.all([relay.ended, upstream.close()])
      folder.remove()
    }
  })

  it.each([
    ["memory", 8_000_000],
    ["memory", 4000],
    ["sqlite", 8_000_000]
  ] as const)(
    "S8: it is cut after its grace, and nobody else is, and no heartbeat stands in an event (%s, events of %d bytes)",
    async (type, piece) => {
      const folder = temporaryFolder()
      const upstream = await upstreamOf(piece)
      const relay = await startRelay({
        server: { readerGrace: "2 seconds", heartbeat: "20 millis" },
        store: type === "memory" ? { type } : { type, path: `${folder.path}/relay.db` },
        channels: [channelOf("a", upstream.url, { models: ["m"] })]
      })
      try {
        const begun = stuckOn(relay.port, "/chat?message=hello&model=m")
        const asked = await fetch(`${relay.url}/chat?message=hello&model=m`)
        const id = asked.headers.get("x-stream-id") ?? ""
        const text = withoutHeartbeats(await asked.text())
        const replayed = stuckOn(relay.port, `/streams/${id}`)
        // One that takes a little now and then is slow, and no more; it is for longer than the grace, and each pause is far shorter.
        // A relay that was late itself looks once more before it cuts: so long, where the machine is busy.
        const slow = await open(`${relay.url}/streams/${id}`)
        slow.pause()
        const cut = (): boolean => begun.isClosed() && replayed.isClosed()
        for (let n = 0; n < 6 || (!cut() && n < 60); n++) {
          await sleep(500)
          slow.resume()
          await sleep(1)
          // Timers come before sockets: where the machine is busy nothing has been taken yet.
          await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
          slow.pause()
        }
        assert.isTrue(cut())
        for (const { rest } of [begun, replayed]) assert.isBelow(await rest(), size)
        slow.resume()
        const { ended, text: slowly } = await slow.done
        assert.strictEqual(ended, "complete")
        assert.isTrue(withoutHeartbeats(slowly) === text)
        // It can come back.
        assert.isTrue(withoutHeartbeats(await textAt(`${relay.url}/streams/${id}`)) === text)
      } finally {
        await relay.close()
        await upstream.close()
        folder.remove()
      }
    }
  )
})
