/**
 * A second relay on the same database: it waits for the first, and goes on with its answers the moment that it is gone.
 */
import { assert, describe, it } from "@effect/vitest"
import { answer } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf } from "../support/relay.ts"
import { commandFile, startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { type Running, startNode } from "../support/spawnNode.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { streamIdOf, until } from "./kit.ts"
import { whole } from "./matrix.ts"

interface Stage {
  readonly url: string
  readonly port: number
  readonly server: FaultServer
  readonly kill: (signal: NodeJS.Signals) => void
  /** Starts another relay on the same database. */
  readonly second: (more?: { readonly port?: number; readonly wait?: string }) => Running
}

const withFirst = async (run: (stage: Stage) => Promise<void>): Promise<void> => {
  const folder = temporaryFolder()
  const server = await startFaultServer()
  const configuration = ({ port = 0, ...more }: { readonly port?: number; readonly wait?: string }): string =>
    writeConfiguration(folder.path, {
      server: { port },
      channels: [channelOf("a", server.url)],
      store: { type: "sqlite", path: `${folder.path}/relay.db`, ...more }
    })
  const first = await startRelayProcess(configuration({}))
  const started: Array<Running> = []
  try {
    await run({
      url: first.url,
      port: first.port,
      server,
      kill: first.kill,
      second: (more = {}) => {
        const running = startNode(commandFile, ["relay", "--config", configuration(more)])
        started.push(running)
        return running
      }
    })
  } finally {
    first.kill("SIGKILL")
    for (const one of started) one.kill("SIGKILL")
    await Promise.all([first.ended, ...started.map(({ ended }) => ended)])
    await server.close()
    folder.remove()
  }
}

describe("a second relay on the same database", { timeout: 90_000 }, () => {
  it.each(["SIGKILL", "SIGTERM"] as const)(
    "says that it waits, does not listen, and goes on when the first ends by %s",
    (signal) =>
      withFirst(async ({ kill, second, server, url }) => {
        server.setDefault(answer({ delay: 60 }))
        const chat = await open(`${url}/chat?message=hello`)
        await chat.until(() => chat.events.length >= 4)
        const waiting = second()
        await until(() => waiting.said().includes("waiting"), 20_000)
        assert.match(waiting.said(), /relay\.db is in use by another process: waiting for it\n/)
        server.setDefault(answer())
        const killed = performance.now()
        kill(signal)
        const banner = await waiting.printed("curl -N")
        // The lock is looked for each 25 ms; the rest is what a relay takes to start on it, and for SIGTERM the answer's end.
        assert.isBelow(performance.now() - killed, 15_000)
        const { events } = await chat.done
        const port = Number(/:(\d+)/.exec(banner.slice(banner.indexOf("listening")))?.[1])
        const rest = await read(`http://127.0.0.1:${port}/streams/${streamIdOf(events)}`)
        assert.strictEqual(rest.events.at(-1)?.event, "done")
        assert.strictEqual(contentOf(rest.events), whole)
      })
  )

  it("is told at once where its port is the first one's", () =>
    withFirst(async ({ port, second }) => {
      const began = performance.now()
      const end = await second({ port }).ended
      assert.isBelow(performance.now() - began, 15_000)
      assert.deepEqual([end.code, end.stdout], [1, ""])
      assert.include(end.stderr, `port ${port}`)
      assert.match(end.stderr, /is taken\n.*relay\.db is in use/)
    }))

  it("ends with 0 when it is stopped while it waits, and the first has not felt it", () =>
    withFirst(async ({ second, url }) => {
      const waiting = second()
      await until(() => waiting.said().includes("waiting"), 20_000)
      waiting.kill("SIGTERM")
      const end = await waiting.ended
      assert.deepEqual([end.code, end.signal, end.stdout], [0, null, ""])
      assert.strictEqual(contentOf((await read(`${url}/chat?message=hello`)).events), whole)
    }))

  it("gives up after store.wait, with 1 and a line", () =>
    withFirst(async ({ second }) => {
      const waiting = second({ wait: "600 millis" })
      await until(() => waiting.said().includes("waiting"), 20_000)
      const began = performance.now()
      const end = await waiting.ended
      assert.isAtLeast(performance.now() - began, 300)
      assert.deepEqual([end.code, end.stdout], [1, ""])
      assert.match(end.stderr, /waiting for it\n.*relay\.db is in use by another process\n$/)
    }))
})
