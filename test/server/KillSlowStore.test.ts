/**
 * A store that answers late: what upstreams send waits in their sockets and not in this process, and no channel is blamed.
 */
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Upstream, UpstreamNode } from "#src/channel/index"
import { JournalStore } from "#src/journal/index"
import { pressureLimits } from "#src/journal/Pressure"
import { channelOf, startRelay } from "../support/relay.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { makeStore } from "../support/storeRelay.ts"
import { sleep, until } from "./kit.ts"

const line = `${"x".repeat(1023)}\n`
const lines = 5 * 1024
const text = line.repeat(lines)

const chunk = (content: string, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: content === "" ? {} : { content }, finish_reason: finish }] })}\n\n`

/** An upstream that writes 5 MiB as fast as it is read. */
const startFlood = async () => {
  let requests = 0
  const write = (response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    let left = lines
    const more = (): void => {
      while (left > 0) {
        left--
        if (!response.write(chunk(line))) return void response.once("drain", more)
      }
      response.end(`${chunk("", "stop")}data: [DONE]\n\n`)
    }
    more()
  }
  const server = createServer((request, response) => {
    requests++
    request.resume()
    response.on("error", () => {})
    write(response)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests: () => requests,
    close: () => {
      server.closeAllConnections()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    }
  }
}

describe("a store that is slow", () => {
  it("pauses the upstream's call and resumes it: what waits is bounded, and the answer is whole", async () => {
    const flood = await startFlood()
    const control = await makeStore()
    /** What is to be committed while it is held. */
    const held: Array<() => void> = []
    let holding = false
    const store: JournalStore["Service"] = {
      ...control.store,
      commit: (shares, done) => {
        const commit = (): void => control.store.commit(shares, done)
        if (holding) held.push(commit)
        else commit()
      }
    }
    let received = 0
    const told: Array<"pause" | "resume"> = []
    const upstream = Layer.effect(
      Upstream,
      Effect.map(Upstream, ({ open }) =>
        Upstream.of({
          open: (request, sink) => {
            const call = open(request, {
              onHead: (status, headers) => sink.onHead(status, headers),
              onEnd: () => sink.onEnd(),
              onError: (error) => sink.onError(error),
              onData: (data) => {
                received += data.length
                sink.onData(data)
              }
            })
            return {
              abort: () => call.abort(),
              pause: () => {
                told.push("pause")
                call.pause()
              },
              resume: () => {
                told.push("resume")
                call.resume()
              }
            }
          }
        })
      )
    ).pipe(Layer.provide(UpstreamNode.layer))
    // Far shorter than the store is held.
    const timeouts = { headers: "300 millis", firstContent: "300 millis", idle: "300 millis", total: "60 seconds" }
    const relay = await startRelay(
      { channels: [channelOf("a", flood.url, { priority: 1 }), channelOf("b", flood.url)], timeouts },
      { store: Layer.succeed(JournalStore, store), upstream }
    )
    try {
      const reader = await open(`${relay.url}/chat?message=hello`)
      holding = true
      await until(() => told.length > 0)
      assert.deepEqual(told, ["pause"])
      const before = received
      await sleep(1000)
      // Nothing more is read, and what was is about the limit: a chunk of the socket more, and no second one.
      assert.strictEqual(received, before)
      assert.isAtMost(received, pressureLimits.stream * 1.5 + 65_536)
      assert.strictEqual(flood.requests(), 1)
      // One commit is under way; the rest is one more, however much was read.
      assert.isAtMost(held.length, 1)
      holding = false
      for (const commit of held.splice(0)) commit()
      const { ended, events } = await reader.done
      assert.strictEqual(ended, "complete")
      assert.strictEqual(events.at(-1)?.event, "done")
      assert.isTrue(contentOf(events) === text, "its text is another")
      assert.strictEqual(told.at(-1), "resume")
      // A channel is not to blame for a store: nobody else was asked.
      assert.strictEqual(flood.requests(), 1)
      const metrics = (await read(`${relay.url}/metrics`)).text
      assert.match(metrics, /^relay_attempts_total\{[^}]*channel="a"[^}]*class="ok"[^}]*\} 1$/m)
    } finally {
      await relay.close()
      await flood.close()
    }
  })

  it("that answers each commit late holds up an answer, and loses nothing of it", async () => {
    const flood = await startFlood()
    const control = await makeStore()
    const store: JournalStore["Service"] = {
      ...control.store,
      commit: (shares, done) => void setTimeout(() => control.store.commit(shares, done), 40)
    }
    const relay = await startRelay(
      { channels: [channelOf("a", flood.url)] },
      { store: Layer.succeed(JournalStore, store) }
    )
    try {
      const { events } = await read(`${relay.url}/chat?message=hello`)
      assert.isTrue(contentOf(events) === text, "its text is another")
      assert.strictEqual(events.at(-1)?.event, "done")
      assert.strictEqual(flood.requests(), 1)
    } finally {
      await relay.close()
      await flood.close()
    }
  })
})
