/**
 * The clients against the relay itself, through a network that is cut at random bytes: the whole text, by its hash.
 */
import { createHash } from "node:crypto"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { Script, ScriptedServer } from "effect-resilience/testing"
import { ResumableStream } from "effect-resilience/client"
import { RetryStreamingClient } from "effect-resilience/client/browser"
import { EventSource } from "eventsource"
import { afterAll, beforeAll } from "vitest"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"

const words = Array.from({ length: 60 }, (_, at) => `w${at}`)
const text = `${words.join(" ")}.`
const hash = (value: string): string => createHash("sha256").update(value).digest("hex")

/** A network that breaks each of the first connections after some bytes of what comes back. */
const startNetwork = async (port: number, cuts: ReadonlyArray<number>) => {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const left = cuts[connections++]
    const upstream = connect(port, "127.0.0.1")
    let passed = 0
    const end = (): void => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on("error", end).on("close", end)
    }
    client.pipe(upstream)
    upstream.on("data", (chunk: Buffer) => {
      const more = left === undefined ? chunk.length : Math.min(chunk.length, left - passed)
      passed += more
      client.write(chunk.subarray(0, more), () => {
        if (left !== undefined && passed >= left) end()
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}

type Read = (url: string) => Promise<string>

const readers: ReadonlyArray<readonly [string, Read]> = [
  [
    "ResumableStream",
    (url) =>
      ResumableStream.make({ url: `${url}/chat`, body: { message: "hi" }, initialDelay: 5 }).pipe(
        Effect.flatMap((made) => Effect.andThen(Stream.runDrain(made.events), made.text)),
        Effect.scoped,
        Effect.provide(FetchHttpClient.layer),
        Effect.runPromise
      )
  ],
  [
    "RetryStreamingClient",
    (url) =>
      new Promise((resolve, reject) => {
        let got = ""
        new RetryStreamingClient(`${url}/chat`, { method: "POST", initialDelay: 5 })
          .on("message", (content) => void (got += content))
          .on("reset", () => void (got = ""))
          .on("fatal", (message) => reject(new Error(message)))
          .on("end", () => resolve(got))
          .connect({ message: "hi" })
      })
  ],
  [
    "the eventsource package",
    (url) =>
      new Promise((resolve) => {
        let got = ""
        const source = new EventSource(`${url}/chat?message=hi`)
        source.addEventListener("message", ({ data }) => {
          got += (JSON.parse(data as string) as { readonly content: string }).content
        })
        source.addEventListener("init", () => void (got = ""))
        source.addEventListener("done", () => {
          source.close()
          resolve(got)
        })
      })
  ]
]

describe("the relay behind a network that breaks", () => {
  const scope = Effect.runSync(Scope.make())
  let relay: RunningRelay
  let asked = 0

  beforeAll(async () => {
    const scripts = (): Script.Script => {
      asked++
      return Script.answer(text).pipe(Script.every(2))
    }
    const server = await Effect.runPromise(Scope.provide(ScriptedServer.make({ dialect: "openai", scripts }), scope))
    relay = await startRelay({ channels: [channelOf("a", server.url)] })
  })
  afterAll(async () => {
    await relay.close()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })

  for (const [name, read] of readers.slice(0, 2)) {
    it.each([1, 2, 3, 4, 5, 6, 7, 8])(`${name}: one whole answer, asked for once (%i)`, async (seed) => {
      // The head is some 400 bytes; an event some 60.
      const cuts = [500 + seed * 61, 450 + seed * 97, 420 + seed * 13, 700 + seed * 29]
      const network = await startNetwork(relay.port, cuts)
      const before = asked
      const got = await read(network.url)
      network.close()
      assert.strictEqual(hash(got), hash(text))
      assert.strictEqual(asked, before + 1)
      assert.isAtLeast(network.connections(), 4)
    })
  }

  it(`${readers[2]![0]}: one whole answer`, async () => {
    const network = await startNetwork(relay.port, [900])
    const got = await readers[2]![1](network.url)
    network.close()
    assert.strictEqual(hash(got), hash(text))
    assert.strictEqual(network.connections(), 2)
  })
})
