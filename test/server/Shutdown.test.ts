/**
 * A relay that is told to stop: nobody is left with half an answer who could have had a whole one.
 */
import { assert, describe, it } from "@effect/vitest"
import { Agent, request } from "node:http"
import { answer, cut, silence } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf } from "../support/relay.ts"
import {
  commandFile,
  logOf,
  type RelayProcess,
  startRelayProcess,
  temporaryFolder,
  writeConfiguration
} from "../support/relayProcess.ts"
import { runNode } from "../support/spawnNode.ts"
import { contentOf, open, read, type SseEvent } from "../support/sse.ts"
import { completion, sleep, streamIdOf } from "./kit.ts"
import { whole } from "./matrix.ts"

interface Stage {
  readonly relay: RelayProcess
  readonly server: FaultServer
  readonly file: string
  /** Starts another process on the same configuration. */
  readonly again: () => Promise<RelayProcess>
}

/** Runs a relay of its own process, and ends what is left of it. */
const withProcess = async (sections: object, run: (stage: Stage) => Promise<void>): Promise<void> => {
  const folder = temporaryFolder()
  const server = await startFaultServer()
  const file = writeConfiguration(folder.path, {
    server: { port: 0, shutdownGrace: "5 seconds" },
    store: { type: "sqlite", path: `${folder.path}/relay.db`, wait: "2 seconds" },
    channels: [channelOf("a", server.url)],
    ...sections
  })
  const started: Array<RelayProcess> = []
  const again = async (): Promise<RelayProcess> => {
    const relay = await startRelayProcess(file)
    started.push(relay)
    return relay
  }
  try {
    await run({ relay: await again(), server, file, again })
  } finally {
    for (const relay of started) {
      relay.kill("SIGKILL")
      await relay.ended
    }
    await server.close()
    folder.remove()
  }
}

const slow = answer({ delay: 40 })

/** The text of a stream of the dialect. */
const saidIn = (events: ReadonlyArray<SseEvent>): string =>
  events
    .map(({ json }) => {
      const [choice] = (json?.["choices"] ?? []) as ReadonlyArray<{ readonly delta: { readonly content?: string } }>
      return choice?.delta.content ?? ""
    })
    .join("")

const refusedConnection = (url: string): Promise<string> =>
  read(url).then(
    ({ status }) => `answered ${status}`,
    (error: NodeJS.ErrnoException) => error.code ?? String(error)
  )

/** Asks over a connection that is open already. */
const askOn = (agent: Agent, url: string): Promise<number | string> =>
  new Promise((resolve) => {
    const asked = request(url, { agent }, (response) => {
      response.resume()
      response.once("end", () => resolve(response.statusCode ?? 0))
    })
    asked.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? String(error)))
    asked.end()
  })

// Each is several processes, and all run side by side.
describe("SIGTERM", { timeout: 90_000 }, () => {
  it.concurrent("readers of /chat are let go at an event, dialect readers get all, and the exit code is 0", () =>
    withProcess({}, async ({ relay, server, again }) => {
      server.setDefault(slow)
      const chat = await open(`${relay.url}/chat?message=hello`)
      const dialect = await open(`${relay.url}/v1/chat/completions`, { body: completion() })
      const wholly = read(`${relay.url}/v1/chat/completions`, { body: completion({ stream: false }) })
      await chat.until(() => chat.events.length >= 6)
      const reader = await open(`${relay.url}/streams/${streamIdOf(chat.events)}`)
      await dialect.until(() => dialect.events.length >= 4)
      await server.received(3)
      await reader.until(() => reader.events.length >= 5)
      relay.kill("SIGTERM")

      for (const { ended, events, retry, text } of await Promise.all([chat.done, reader.done])) {
        assert.strictEqual(ended, "complete")
        // The last that was written is the time to come back in, and before it a whole event.
        assert.match(text, /\n\nretry: ?\d+\n\n$/)
        assert.isAtLeast(retry ?? 0, 100)
        assert.isAtMost(retry ?? 0, 10_000)
        assert.notInclude(["done", "error"], events.at(-1)?.event)
        assert.isTrue(whole.startsWith(contentOf(events)))
      }
      assert.strictEqual(await refusedConnection(`${relay.url}/health/ready`), "ECONNREFUSED")
      assert.strictEqual((await dialect.done).events.at(-1)?.data, "[DONE]")
      assert.include((await wholly).text, JSON.stringify(whole))
      const end = await relay.ended
      assert.deepEqual([end.code, end.signal], [0, null])
      const events = logOf(end).map(({ event }) => event)
      assert.include(events, "relay_started")
      assert.include(events, "relay_stopping")
      assert.strictEqual(events.at(-1), "relay_stopped")

      // The answer of those who were let go went on: they come back to the next process for the rest of it.
      const left = await chat.done
      const next = await again()
      const rest = await read(`${next.url}/chat?message=hello`, {
        headers: { "last-event-id": left.events.at(-1)!.id! }
      })
      assert.strictEqual(rest.events.at(-1)?.event, "done")
      assert.strictEqual(contentOf([...left.events, ...rest.events]), whole)
      assert.lengthOf(server.requests, 3)
    }))

  it.concurrent("an answer that breaks meanwhile still goes on", () =>
    withProcess({}, async ({ relay, server, again }) => {
      server.enqueue(cut(10, "reset", { delay: 30 }), answer({ delay: 20 }))
      const live = await open(`${relay.url}/chat?message=hello`)
      await live.until(() => live.events.length >= 4)
      relay.kill("SIGTERM")
      const left = await live.done
      assert.strictEqual((await relay.ended).code, 0)
      const next = await again()
      const rest = await read(`${next.url}/streams/${streamIdOf(left.events)}`)
      assert.strictEqual(rest.events.at(-1)?.event, "done")
      assert.strictEqual(contentOf(rest.events), whole)
      assert.lengthOf(server.requests, 2)
    }))

  it.concurrent("after the grace what another process can go on with is left to it: cut off, and the exit code is 0", () =>
    withProcess({ server: { port: 0, shutdownGrace: "600 millis" } }, async ({ relay, server, again }) => {
      server.setDefault(cut(5, "stall"))
      const chat = await open(`${relay.url}/chat?message=hello`)
      const dialect = await open(`${relay.url}/v1/chat/completions`, { body: completion() })
      await Promise.all([chat.until(() => chat.events.length >= 6), dialect.until(() => dialect.events.length >= 6)])
      const told = performance.now()
      relay.kill("SIGTERM")
      const broken = await dialect.done
      assert.isAtLeast(performance.now() - told, 580)
      assert.strictEqual(broken.ended, "broken")
      assert.notMatch(broken.text, /\[DONE\]|"error"/)
      assert.strictEqual((await relay.ended).code, 0)
      assert.isBelow(performance.now() - told, 2500)

      const left = await chat.done
      assert.isDefined(left.retry)
      server.setDefault(answer())
      const next = await again()
      const rest = await read(`${next.url}/streams/${streamIdOf(left.events)}`)
      assert.strictEqual(rest.events.at(-1)?.event, "done")
      assert.strictEqual(contentOf(rest.events), whole)
      const back = await read(`${next.url}/v1/chat/completions`, {
        body: completion(),
        headers: { "last-event-id": broken.events.at(-1)!.id! }
      })
      assert.strictEqual(back.events.at(-1)?.data, "[DONE]")
      assert.strictEqual(saidIn([...broken.events, ...back.events]), whole)
    }))

  it.concurrent("what nobody can go on with, or come back for, is told so, and the exit code is 1", () =>
    withProcess({ server: { port: 0, shutdownGrace: "600 millis" } }, async ({ relay, server }) => {
      server.setDefault(cut(3, "stall"))
      // Two answers at once are not joined to others.
      const several = await open(`${relay.url}/v1/chat/completions`, { body: completion({ n: 2 }) })
      await several.until(() => several.events.length >= 3)
      server.setDefault(silence)
      const waiting = read(`${relay.url}/v1/chat/completions`, { body: completion() })
      const wholly = read(`${relay.url}/v1/chat/completions`, { body: completion({ stream: false }) })
      await server.received(3)
      relay.kill("SIGTERM")
      const framed = await several.done
      assert.strictEqual(framed.ended, "complete")
      assert.include(framed.events.at(-1)?.data, '"code":"shutting_down"')
      assert.notInclude(framed.text, "[DONE]")
      for (const { headers, status, text } of await Promise.all([waiting, wholly])) {
        assert.strictEqual(status, 503)
        assert.include(text, '"code":"shutting_down"')
        assert.strictEqual(headers["x-should-retry"], "true")
      }
      assert.strictEqual((await relay.ended).code, 1)
    }))

  it.concurrent("where the store does not outlive it, each gets the error frame", () =>
    withProcess(
      { server: { port: 0, shutdownGrace: "600 millis" }, store: { type: "memory" } },
      async ({ relay, server }) => {
        server.setDefault(cut(5, "stall"))
        const dialect = await open(`${relay.url}/v1/chat/completions`, { body: completion() })
        await dialect.until(() => dialect.events.length >= 6)
        relay.kill("SIGTERM")
        const framed = await dialect.done
        assert.strictEqual(framed.ended, "complete")
        assert.include(framed.events.at(-1)?.data, '"code":"shutting_down"')
        assert.strictEqual((await relay.ended).code, 1)
      }
    ))

  it.concurrent("with nothing under way it ends at once", () =>
    withProcess({}, async ({ relay }) => {
      // A connection that is kept open, and one that never asked anything, hold up nobody.
      const agent = new Agent({ keepAlive: true })
      assert.strictEqual(await askOn(agent, `${relay.url}/health/ready`), 200)
      const told = performance.now()
      relay.kill("SIGINT")
      assert.strictEqual((await relay.ended).code, 0)
      assert.isBelow(performance.now() - told, 1000)
      agent.destroy()
    }))

  it.concurrent("a second signal ends it at once", () =>
    withProcess({ server: { port: 0, shutdownGrace: "1 minute" } }, async ({ relay, server }) => {
      server.setDefault(cut(5, "stall"))
      const dialect = await open(`${relay.url}/v1/chat/completions`, { body: completion() })
      await dialect.until(() => dialect.events.length >= 6)
      relay.kill("SIGTERM")
      await sleep(500)
      const told = performance.now()
      relay.kill("SIGTERM")
      const end = await relay.ended
      assert.isBelow(performance.now() - told, 500)
      assert.strictEqual(end.code, 1)
      // Nobody takes it for whole.
      const { ended, text } = await dialect.done
      assert.strictEqual(ended, "broken")
      assert.notInclude(text, "[DONE]")
    }))
})

describe("a relay that cannot start", { timeout: 90_000 }, () => {
  it.concurrent("on a port that another relay has, or on its store, says so plainly and exits with 1", () =>
    withProcess({}, async ({ relay, file }) => {
      const other = temporaryFolder()
      const [store, port] = await Promise.all([
        runNode(commandFile, ["relay", "--config", file]),
        runNode(
          commandFile,
          [
            "relay",
            "--config",
            writeConfiguration(other.path, {
              store: { type: "sqlite", path: `${other.path}/relay.db` },
              channels: [channelOf("a", "http://127.0.0.1:9/v1")]
            })
          ],
          { PORT: String(relay.port) }
        )
      ])
      other.remove()
      assert.deepEqual([port.code, port.stdout], [1, ""])
      assert.include(port.stderr, `port ${relay.port}`)
      assert.include(port.stderr, "taken")
      assert.deepEqual([store.code, store.stdout], [1, ""])
      assert.include(store.stderr, "relay.db")
      assert.match(store.stderr, /another process|in use|already/)
      for (const { stderr } of [store, port]) assert.notMatch(stderr, /\n\s+at |Error:/)
      // The one that runs has not felt it.
      assert.strictEqual(contentOf((await read(`${relay.url}/chat?message=hello`)).events), whole)
    }))
})
