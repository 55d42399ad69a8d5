/**
 * The store fails: an HTTP error while the head is open, a broken connection after it, and a relay that says so and
 * lives on.
 */
import { execFileSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { answer } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf } from "../support/relay.ts"
import { logOf, startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { holds, makeStore, startStoreRelay, type StoreControl } from "../support/storeRelay.ts"
import { completion, sleep, streamIdOf, until } from "./kit.ts"
import { whole } from "./matrix.ts"

const dialect = "/v1/chat/completions"

interface Stage {
  readonly url: string
  readonly control: StoreControl
  readonly server: FaultServer
}

const withStore = async (run: (stage: Stage) => Promise<void>): Promise<void> => {
  const [control, server] = await Promise.all([makeStore(), startFaultServer()])
  const relay = await startStoreRelay(control, { channels: [channelOf("a", server.url)] })
  try {
    await run({ url: relay.url, control, server })
    // Whatever it was, it is over.
    control.failsWhen = () => false
    server.setDefault(answer())
    assert.strictEqual(contentOf((await read(`${relay.url}/chat?message=hello`)).events), whole)
    await until(async () => /^active_streams 0$/m.test((await read(`${relay.url}/metrics`)).text))
  } finally {
    await relay.close()
    await server.close()
  }
}

/** The envelope of a 500 in the words of its route, and no word of the store's. */
const storageError = ({ headers, status, text }: Awaited<ReturnType<typeof read>>, path: string): void => {
  assert.strictEqual(status, 500, text)
  const id = String(headers["x-request-id"])
  assert.match(id, /^req_/)
  assert.match(String(headers["content-type"]), /^application\/json/)
  const { error } = JSON.parse(text) as { readonly error: { readonly [field: string]: unknown } }
  assert.notInclude(text, "the disk is full")
  if (path.startsWith("/v1/")) {
    assert.hasAllKeys(error, ["message", "type", "param", "code"])
    assert.deepInclude(error, { code: "update_data_error", type: "server_error" })
    assert.include(String(error["message"]), `(request id: ${id})`)
    assert.strictEqual(headers["x-should-retry"], "true")
  } else {
    assert.deepInclude(error, {
      code: "INTERNAL_ERROR",
      reason: "update_data_error",
      statusCode: 500,
      requestId: id,
      path: "/chat"
    })
  }
}

describe("while the head is open: 500 update_data_error in the envelope of its route", () => {
  const asked = [
    ["/chat", "/chat?message=hello", undefined],
    ["/v1, streaming", dialect, completion()],
    ["/v1, whole", dialect, completion({ stream: false })]
  ] as const

  it.concurrent.each(asked)("%s, when nothing can be stored", (_, path, body) =>
    withStore(async ({ control, server, url }) => {
      control.failsWhen = () => true
      const response = await read(`${url}${path}`, { body })
      storageError(response, path)
      assert.strictEqual(response.ended, "complete")
      // Whoever was asked by then is let go.
      await until(() => server.requests.every(({ closedAt }) => closedAt !== undefined))
    })
  )

  it.concurrent("/v1, streaming, when its first content cannot be stored; the upstream is closed within 100 ms", () =>
    withStore(async ({ control, server, url }) => {
      server.setDefault(answer({ delay: 60 }))
      control.failsWhen = holds("Once")
      const response = await read(`${url}${dialect}`, { body: completion() })
      const answered = performance.now()
      storageError(response, dialect)
      assert.isBelow((await server.requests[0]!.closed) - answered, 100)
      assert.lengthOf(server.requests, 1)
    }))

  it.concurrent.each([
    ["in its middle", holds("mountain")],
    ["at its end", holds("[DONE]")]
  ] as const)("/v1, whole, when it cannot be stored %s", (_, failsWhen) =>
    withStore(async ({ control, server, url }) => {
      server.setDefault(answer({ delay: 5 }))
      control.failsWhen = failsWhen
      storageError(await read(`${url}${dialect}`, { body: completion({ stream: false }) }), dialect)
    })
  )
})

describe("after the head: the connection is broken, without a terminal event", () => {
  it.concurrent.each([
    ["/chat", "/chat?message=hello", undefined, "mountain"],
    ["/chat, at its end", "/chat?message=hello", undefined, "event: done"],
    ["/v1", dialect, completion(), "mountain"],
    ["/v1, at its end", dialect, completion(), "[DONE]"]
  ] as const)("%s", (_, path, body, part) =>
    withStore(async ({ control, server, url }) => {
      server.setDefault(answer({ delay: 5 }))
      control.failsWhen = holds(part)
      const { ended, events, status, text } = await read(`${url}${path}`, { body })
      assert.strictEqual(status, 200)
      assert.strictEqual(ended, "broken")
      assert.notMatch(text, /\[DONE\]|event: done|event: error|"error"/)
      assert.notInclude(text, part)
      assert.isAbove(events.length, 1)
    })
  )

  it.concurrent("a stream that was left without its end goes on when the store does, for who comes back", () =>
    withStore(async ({ control, server, url }) => {
      server.setDefault(answer({ delay: 5 }))
      control.failsWhen = holds("mountain")
      const { events } = await read(`${url}/chat?message=hello`)
      const id = streamIdOf(events)
      control.failsWhen = () => false
      const again = await read(`${url}/streams/${id}`)
      assert.strictEqual(again.events.at(-1)?.event, "done")
      assert.strictEqual(contentOf(again.events), whole)
      assert.deepInclude(again.events.find(({ event }) => event === "failover")?.json, {
        reason: "writer_lost",
        offset: Array.from(contentOf(events)).length
      })
    }))

  it.concurrent("and can be cancelled instead", () =>
    withStore(async ({ control, server, url }) => {
      server.setDefault(answer({ delay: 5 }))
      control.failsWhen = holds("mountain")
      const { events } = await read(`${url}/chat?message=hello`)
      const id = streamIdOf(events)
      control.failsWhen = () => false
      const cancelled = await read(`${url}/streams/${id}`, { method: "DELETE" })
      assert.deepEqual([cancelled.status, JSON.parse(cancelled.text)], [202, { stream_id: id, status: "cancelled" }])
      const again = await read(`${url}/streams/${id}`)
      assert.deepInclude(again.events.at(-1)?.json, { code: "stream_cancelled", partial_content: contentOf(events) })
    }))
})

const ready = async (url: string): Promise<string> => {
  const { status, text } = await read(`${url}/health/ready`)
  return `${status} ${(JSON.parse(text) as { readonly status: string }).status}`
}

describe("readiness", () => {
  it.concurrent("is 503 while commits fail, and 200 again after one has succeeded", () =>
    withStore(async ({ control, url }) => {
      assert.strictEqual(await ready(url), "200 ready")
      control.failsWhen = () => true
      await read(`${url}/chat?message=hello`)
      assert.strictEqual(await ready(url), "503 not ready")
      assert.strictEqual((await read(`${url}/health/live`)).status, 200)
      control.failsWhen = () => false
      await read(`${url}/chat?message=hello`)
      assert.strictEqual(await ready(url), "200 ready")
    }))
})

/** How large a file a process may write: what a full disk is to it. Linux has a command for that. */
const limitFiles = (pid: number, bytes: string): void => {
  execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`])
}
const canLimit = ((): boolean => {
  try {
    execFileSync("prlimit", ["--version"])
    return true
  } catch {
    return false
  }
})()

describe.runIf(canLimit)("a process whose disk is full", () => {
  it("answers 500 and is not ready, until there is room; it writes nothing but its banner and its log", async () => {
    const folder = temporaryFolder()
    const server = await startFaultServer()
    const file = writeConfiguration(folder.path, {
      server: { port: 0 },
      // So short that what has expired is to be swept while there is no room.
      journal: { retention: "1 second" },
      store: { type: "sqlite", path: `${folder.path}/relay.db` },
      channels: [channelOf("a", server.url)]
    })
    const relay = await startRelayProcess(file)
    try {
      const first = await read(`${relay.url}/chat?message=hello`)
      assert.strictEqual(contentOf(first.events), whole)
      assert.strictEqual(await ready(relay.url), "200 ready")
      server.setDefault(answer({ delay: 30 }))
      const live = await open(`${relay.url}/chat?message=hello`)
      await live.until(() => live.events.length >= 5)

      limitFiles(relay.pid, "1")
      assert.strictEqual((await live.done).ended, "broken")
      assert.strictEqual(await ready(relay.url), "503 not ready")
      storageError(await read(`${relay.url}/chat?message=hello`), "/chat")
      storageError(await read(`${relay.url}${dialect}`, { body: completion() }), dialect)
      storageError(await read(`${relay.url}${dialect}`, { body: completion({ stream: false }) }), dialect)

      // Room for some pages is not room for an answer, and looking does not make it ready.
      limitFiles(relay.pid, String(64 * 1024))
      await sleep(2000)
      assert.strictEqual(await ready(relay.url), "503 not ready")

      server.setDefault(answer())
      limitFiles(relay.pid, "unlimited")
      await until(async () => (await ready(relay.url)) === "200 ready")
      assert.strictEqual(contentOf((await read(`${relay.url}/chat?message=hello`)).events), whole)
      relay.kill("SIGTERM")
      const end = await relay.ended
      assert.strictEqual(end.code, 0)
      assert.match(end.stdout, /curl -N '[^'\n]+'\n*$/)
      const log = logOf(end)
      assert.include(
        log.map(({ code }) => code),
        "update_data_error"
      )
      // What the library says through Effect's own logger is there too, and nowhere else.
      assert.include(
        log.map(({ event }) => event),
        "relay_log"
      )
      for (const line of log) assert.containsAllKeys(line, ["timestamp", "level", "event"])
    } finally {
      relay.kill("SIGKILL")
      await relay.ended
      await server.close()
      folder.remove()
    }
  })
})
