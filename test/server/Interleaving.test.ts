/**
 * Things that happen at once: bytes that come while an answer is sent, requests that meet on one stream, a shutdown in
 * the middle of a request, a pause of the whole process.
 */
import { connect, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { answer, silence, status } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { logLines } from "../support/log.ts"
import { channelOf } from "../support/relay.ts"
import { logOf, startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { makeStreamId } from "#src/journal/index"
import { makeStore, startStoreRelay } from "../support/storeRelay.ts"
import { chunk, ending, startWireUpstream, streaming } from "../support/wireUpstream.ts"
import { completion, parseRaw, sleep, streamIdOf, until, withRelay, type World } from "./kit.ts"
import { whole } from "./matrix.ts"

const slow = answer({ delay: 25 })

/** A connection of which all that comes is kept. */
const wire = (port: number, allowHalfOpen = false) => {
  const socket: Socket = connect({ port, host: "127.0.0.1", allowHalfOpen })
  let text = ""
  let closedAt: number | undefined
  socket.on("data", (part) => {
    text += part.toString("latin1")
  })
  socket.on("error", () => {})
  socket.on("close", () => {
    closedAt = performance.now()
  })
  return {
    send: (bytes: string) => void socket.write(bytes),
    text: () => text,
    statusLines: () => text.match(/HTTP\/1\.1 \d+/g) ?? [],
    closed: async (): Promise<number> => {
      await until(() => closedAt !== undefined)
      return closedAt!
    },
    destroy: () => void socket.destroy()
  }
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`
const post = (path: string, body: string, length = body.length): string =>
  `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`
const remove = (id: string): string => `DELETE /streams/${id} HTTP/1.1\r\nhost: localhost\r\n\r\n`

const dialect = "/v1/chat/completions"
const asked = post(dialect, JSON.stringify(completion()))

describe("bytes that come while an answer is sent on the same connection", () => {
  const junk = "\u0016\u0003\u0001 this is no request\r\n\r\n"
  const cases = [
    ["junk", "/chat", get("/chat?message=hello"), junk, "detach"],
    ["junk", dialect, asked, junk, "cancel"],
    ["a body longer than it says", "/chat", post("/chat", '{"message":"hello"}'), '"and":"more"}', "detach"],
    ["a body longer than it says", dialect, asked, '"and":"more"}', "cancel"],
    [
      "a request whose body is broken",
      "/chat",
      get("/chat?message=hello"),
      `${post(dialect, "").replace("content-length: 0", "transfer-encoding: chunked")}zz\r\n`,
      "detach"
    ],
    [
      "a request whose body is broken",
      dialect,
      asked,
      `${post(dialect, "").replace("content-length: 0", "transfer-encoding: chunked")}zz\r\n`,
      "cancel"
    ],
    ["one to another route, and junk", dialect, asked, `${get("/health/live")}${junk}`, "cancel"]
  ] as const

  it.concurrent.each(cases)(
    "%s, on %s: it breaks, and nothing is said inside the answer",
    (_what, _path, request, bytes, leave) =>
      withRelay({}, async ({ a, b, relay }) => {
        a.setDefault(slow)
        const client = wire(relay.port)
        client.send(request)
        await until(() => /time/.test(client.text()))
        const sentAt = performance.now()
        client.send(bytes)
        const closedAt = await client.closed()
        assert.isBelow(closedAt - sentAt, 500)
        assert.deepEqual(client.statusLines(), ["HTTP/1.1 200"])
        assert.notInclude(client.text(), "[DONE]")
        const id = /x-stream-id: (\S+)/.exec(client.text())?.[1] ?? ""
        if (leave === "cancel") {
          const upstreamClosed = await a.requests[0]!.closed
          assert.isBelow(upstreamClosed - closedAt, 100)
          assert.isFalse(a.requests[0]!.finished)
        } else {
          const { events } = await read(`${relay.url}/streams/${id}`)
          assert.strictEqual(contentOf(events), whole)
          assert.isTrue(a.requests[0]!.finished)
        }
        assert.lengthOf(a.requests, 1)
        assert.lengthOf(b.requests, 0)
        await until(async () => /^active_streams 0$/m.test((await read(`${relay.url}/metrics`)).text))
      })
  )

  it.concurrent.each([
    ["who leaves then", false, 100],
    ["who does not leave", true, 1500]
  ] as const)(
    "junk before there is an answer, of one %s: it is told so, and the upstream is closed",
    (_, stays, within) =>
      withRelay({ timeouts: { headers: "5 seconds", firstContent: "5 seconds" } }, async ({ a, relay }) => {
        a.setDefault(silence)
        const client = wire(relay.port, stays)
        client.send(asked)
        await a.received(1)
        const sentAt = performance.now()
        client.send(junk)
        assert.isBelow((await a.requests[0]!.closed) - sentAt, within)
        assert.deepEqual(client.statusLines(), ["HTTP/1.1 400"])
        client.destroy()
      })
  )
})

describe("requests that were sent behind one another on a connection that breaks", () => {
  it.concurrent("are let go like any other: their upstreams are closed within 100 ms, and a shutdown is clean", () =>
    withRelay({ server: { port: 0, shutdownGrace: "3 seconds" } }, async ({ a, relay }) => {
      a.setDefault(slow)
      const client = wire(relay.port)
      client.send(asked + asked + asked + get("/health/live"))
      await a.received(3)
      await until(() => client.text().includes("time"))
      const left = performance.now()
      client.destroy()
      for (const request of a.requests) {
        assert.isBelow((await request.closed) - left, 100)
        assert.isFalse(request.finished)
      }
      const told = performance.now()
      assert.strictEqual(await relay.shutdown(), "clean")
      assert.isBelow(performance.now() - told, 500)
    }))
})

describe("requests that meet on one stream", () => {
  /** The answers on a connection, in order. */
  const answersIn = (text: string): ReadonlyArray<{ readonly status: number; readonly body: unknown }> =>
    text
      .split(/(?=HTTP\/1\.1 )/)
      .map(parseRaw)
      .map(({ body, status }) => ({ status, body: JSON.parse(body) as unknown }))

  const cancelledTwice = async ({ a, relay }: World): Promise<void> => {
    a.setDefault(slow)
    const live = await open(`${relay.url}/chat?message=hello`)
    await live.until(() => live.events.length >= 3)
    const id = streamIdOf(live.events)
    const client = wire(relay.port)
    client.send(remove(id) + remove(id))
    await until(() => client.statusLines().length === 2 && client.text().endsWith("}"))
    assert.deepEqual(answersIn(client.text()), [
      { status: 202, body: { stream_id: id, status: "cancelled" } },
      { status: 200, body: { stream_id: id, status: "cancelled" } }
    ])
    client.destroy()
    assert.strictEqual((await live.done).events.at(-1)?.json?.["code"], "stream_cancelled")
  }

  it.concurrent("two DELETEs at once: 202, and then 200 with what the first one did", () =>
    withRelay({}, async (world) => {
      for (let n = 0; n < 10; n++) await cancelledTwice(world)
    }))

  it.concurrent("two DELETEs at once, in SQLite", () => {
    const folder = temporaryFolder()
    return withRelay({ store: { type: "sqlite", path: `${folder.path}/relay.db` } }, async (world) => {
      for (let n = 0; n < 10; n++) await cancelledTwice(world)
    }).finally(folder.remove)
  })

  it.concurrent("a DELETE at the moment an answer ends gives how it ended, and what its reader was told", async () => {
    const [control, server] = await Promise.all([
      makeStore(),
      startFaultServer({ default: answer({ words: ["one", " two"] }) })
    ])
    const relay = await startStoreRelay(control, { channels: [channelOf("a", server.url)] })
    const cancel = async (id: string): Promise<string> => {
      const { status, text } = await read(`${relay.url}/streams/${id}`, { method: "DELETE" })
      return `${status} ${(JSON.parse(text) as { readonly status: string }).status}`
    }
    try {
      const seen = new Map<string, number>()
      for (let n = 0; n < 50; n++) {
        // It has ended, and that takes a moment to be stored: it is cancelled within that moment.
        const ending = Promise.withResolvers<void>()
        control.onEnd = { call: ending.resolve, millis: n % 25 }
        const live = await open(`${relay.url}/chat?message=hello`)
        const id = streamIdOf([await live.until(({ event }) => event === "init")])
        await ending.promise
        const told = await cancel(id)
        const last = (await live.done).events.at(-1)
        assert.strictEqual(told, last?.event === "done" ? "200 completed" : "202 cancelled")
        assert.strictEqual(await cancel(id), `200 ${told.slice(4)}`)
        seen.set(told, (seen.get(told) ?? 0) + 1)
      }
      assert.strictEqual(seen.get("200 completed"), 50)
    } finally {
      await relay.close()
      await server.close()
    }
  })

  it.concurrent("DELETEs of an orphan while somebody else ends it: 202 cancelled, and one end", async () => {
    const [control, server] = await Promise.all([makeStore(), startFaultServer()])
    const relay = await startStoreRelay(control, { channels: [channelOf("a", server.url)] })
    try {
      for (let n = 0; n < 5; n++) {
        const id = makeStreamId()
        const frames = [`id: ${id}.0\nevent: init\ndata: {}\n\n`, `id: ${id}.1\ndata: {"content":"Once"}\n\n`]
        const begins = {
          id,
          dialect: "chat",
          owner: "",
          request: JSON.stringify({ requestId: "req_before", model: "m", includeUsage: false }),
          note: JSON.stringify({ status: "streaming" }),
          createdAt: Date.now()
        }
        const whole = { text: frames.join(""), lengths: frames.map(({ length }) => length) }
        control.store.commit(
          [{ id, epoch: 1, from: 0, begins, frames: whole, note: undefined, end: undefined }],
          () => {}
        )
        // What the first one found is old news when it is told: the second one has come and gone meanwhile.
        control.findDelays = [600]
        const [first, second] = await Promise.all([
          read(`${relay.url}/streams/${id}`, { method: "DELETE" }),
          sleep(20 + n).then(() => read(`${relay.url}/streams/${id}`, { method: "DELETE" }))
        ])
        for (const { status, text } of [second, first]) {
          assert.deepEqual([status, JSON.parse(text)], [202, { stream_id: id, status: "cancelled" }])
        }
        const { ended, events } = await read(`${relay.url}/streams/${id}`)
        assert.strictEqual(ended, "complete")
        assert.deepEqual(
          events.map(({ event }) => event),
          ["init", "message", "error"]
        )
        assert.deepInclude(events.at(-1)?.json, { code: "stream_cancelled", partial_content: "Once" })
        const late = await read(`${relay.url}/streams/${id}`, { method: "DELETE" })
        assert.deepEqual([late.status, JSON.parse(late.text)], [200, { stream_id: id, status: "cancelled" }])
      }
    } finally {
      await relay.close()
      await server.close()
    }
  })
})

describe("a shutdown in the middle of requests", () => {
  it.concurrent("those that are half sent are answered 503 shutting_down, and do not hold it", () =>
    withRelay({ server: { port: 0, shutdownGrace: "10 seconds" } }, async ({ a, relay }) => {
      const body = JSON.stringify(completion())
      const own = wire(relay.port)
      own.send(post("/chat", '{"mess', 100))
      const dialect = wire(relay.port)
      dialect.send(post("/v1/chat/completions", body.slice(0, 10), body.length))
      const cancel = wire(relay.port)
      cancel.send(`${remove("A".repeat(22)).trimEnd()}\r\ncontent-length: 20\r\n\r\n{`)
      const head = wire(relay.port)
      head.send("POST /chat HTTP/1.1\r\nhost: local")
      await sleep(100)
      const told = performance.now()
      assert.strictEqual(await relay.shutdown(), "clean")
      assert.isBelow(performance.now() - told, 1000)
      for (const [client, code] of [
        [own, '"reason":"shutting_down"'],
        [dialect, '"code":"shutting_down"'],
        [cancel, '"reason":"shutting_down"']
      ] as const) {
        await client.closed()
        const { body, headers, status } = parseRaw(client.text())
        assert.strictEqual(status, 503)
        assert.include(body, code)
        assert.match(headers["x-request-id"] ?? "", /^req_/)
        assert.match(headers["retry-after"] ?? "", /^[1-9]\d*$/)
        assert.lengthOf(client.statusLines(), 1)
      }
      await head.closed()
      assert.lengthOf(a.requests, 0)
    }))
})

describe("a shutdown while something is asked for whole", () => {
  const timeouts = { headers: "20 seconds", firstContent: "20 seconds", idle: "20 seconds", total: "20 seconds" }
  const made = { object: "list", data: [{ object: "embedding", index: 0, embedding: [1] }], model: "m" }
  /** Begun: embeddings, and a channel that an operator tries. */
  const beginning = async ({ a, relay }: World) => {
    const embeddings = read(`${relay.url}/v1/embeddings`, { body: { model: "m", input: "hello" } })
    const trial = read(`${relay.url}/admin/channels/a/test`, { method: "POST" })
    await until(() => a.requests.length === 2)
    return { embeddings, trial }
  }

  it.concurrent("lets it end within the grace", () =>
    withRelay({ server: { port: 0, shutdownGrace: "10 seconds" }, timeouts }, async (world) => {
      world.a.setDefault(status(200, { body: made, delay: 600 }))
      const { embeddings, trial } = await beginning(world)
      assert.strictEqual(await world.relay.shutdown(), "clean")
      assert.deepInclude(await embeddings, { status: 200, text: JSON.stringify(made) })
      assert.strictEqual((await trial).status, 200)
    }))

  it.concurrent("and no longer for what comes behind it on a connection: that ends with its answer, and writes are refused", () =>
    withRelay({ server: { port: 0, shutdownGrace: "10 seconds" }, timeouts }, async ({ a, relay }) => {
      const body = JSON.stringify({ model: "m", input: "hello" })
      const ask = async (delay: number) => {
        const { length } = a.requests
        a.setDefault(status(200, { body: made, delay }))
        const client = wire(relay.port)
        client.send(post("/v1/embeddings", body))
        await until(() => a.requests.length > length)
        return client
      }
      const client = await ask(300)
      const other = await ask(300)
      await ask(2000)
      const told = performance.now()
      const stopped = relay.shutdown()
      await until(() => client.statusLines().length === 1 && other.statusLines().length === 1)
      client.send(post("/admin/channels/a/test", "{}"))
      other.send(get("/health"))
      await client.closed()
      assert.deepStrictEqual(client.statusLines(), ["HTTP/1.1 200", "HTTP/1.1 503"])
      assert.include(client.text(), "shutting_down")
      await other.closed()
      assert.lengthOf(other.statusLines(), 2)
      assert.isBelow(performance.now() - told, 1900)
      assert.strictEqual(await stopped, "clean")
      assert.isBelow(performance.now() - told, 6000)
      assert.lengthOf(a.requests, 3)
    }))

  it.concurrent("and refuses it when that is over", () =>
    withRelay({ server: { port: 0, shutdownGrace: "600 millis" }, timeouts }, async (world) => {
      world.a.setDefault(silence)
      const { embeddings, trial } = await beginning(world)
      assert.strictEqual(await world.relay.shutdown(), "graceExpired")
      for (const { status, text } of [await embeddings, await trial]) {
        assert.strictEqual(status, 503)
        assert.include(text, "shutting_down")
      }
      await world.a.requests.find(({ path }) => path.endsWith("/embeddings"))?.closed
    }))
})

describe("an attempt that is cancelled", () => {
  it.concurrent.each([
    ["by its client", "client_gone"],
    ["by DELETE", "stream_cancelled"]
  ] as const)("%s is counted, and logged as an attempt that failed", (_, code) =>
    withRelay({}, async ({ a, relay }) => {
      a.setDefault(slow)
      const requestId = `cancelled-${code}-${relay.port}`
      const live = await open(`${relay.url}/v1/chat/completions`, {
        body: completion(),
        headers: { "x-request-id": requestId }
      })
      await live.until(() => live.events.length >= 3)
      const cancelled = async () =>
        Number(
          /^relay_attempts_total\{channel="a",class="cancelled"\} (\d+)$/m.exec(
            (await read(`${relay.url}/metrics`)).text
          )?.[1] ?? 0
        )
      assert.strictEqual(await cancelled(), 0)
      if (code === "client_gone") live.cut()
      else await read(`${relay.url}/streams/${String(live.headers["x-stream-id"])}`, { method: "DELETE" })
      await until(async () => (await cancelled()) === 1)
      const failed = logLines().filter((line) => line.request_id === requestId && line.event === "attempt_failed")
      assert.lengthOf(failed, 1)
      assert.deepInclude(failed[0], { channel: "a", key: 0, attempt: 1, class: "cancelled", code, level: "warning" })
      assert.isAbove(Number(failed[0]?.["duration"]), 0)
      await sleep(50)
      assert.strictEqual(await cancelled(), 1)
    })
  )
})

describe("a pause of the relay's own process", () => {
  it.concurrent("does not blame a channel that kept sending", async () => {
    const folder = temporaryFolder()
    const words = Array.from({ length: 50 }, (_, n) => ` word${n}`)
    const wired = await startWireUpstream(({ response }) => {
      streaming(response)
      let n = 0
      const timer = setInterval(() => {
        const word = words[n++]
        if (word !== undefined) return void response.write(chunk(word))
        clearInterval(timer)
        response.end(ending)
      }, 50)
      response.once("close", () => clearInterval(timer))
    })
    const backup = await startFaultServer()
    const relay = await startRelayProcess(
      writeConfiguration(folder.path, {
        server: { port: 0 },
        store: { type: "memory" },
        timeouts: { headers: "1 second", firstContent: "1 second", idle: "1 second" },
        channels: [channelOf("wire", wired.url, { priority: 1 }), channelOf("b", backup.url)]
      })
    )
    try {
      const live = await open(`${relay.url}/chat?message=hello`)
      await live.until(() => live.events.length >= 5)
      relay.kill("SIGSTOP")
      await sleep(2000)
      relay.kill("SIGCONT")
      const { events } = await live.done
      assert.strictEqual(contentOf(events), words.join(""))
      assert.strictEqual(events.at(-1)?.event, "done")
      assert.notInclude(
        events.map(({ event }) => event),
        "failover"
      )
      assert.lengthOf(wired.calls, 1)
      assert.lengthOf(backup.requests, 0)
      relay.kill("SIGTERM")
      const log = logOf(await relay.ended).map(({ event }) => event)
      assert.notInclude(log, "attempt_failed")
    } finally {
      relay.kill("SIGKILL")
      await relay.ended
      await Promise.all([wired.close(), backup.close()])
      folder.remove()
    }
  })
})
