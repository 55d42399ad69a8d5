/**
 * A relay that lives, and whose database another has taken although it holds the lock: it writes nothing more, tells whom it
 * can, and ends.
 */
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { answer } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf } from "../support/relay.ts"
import {
  logOf,
  type RelayProcess,
  startRelayProcess,
  temporaryFolder,
  writeConfiguration
} from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { completion, streamIdOf } from "./kit.ts"
import { whole } from "./matrix.ts"

interface Stage {
  readonly relay: RelayProcess
  readonly server: FaultServer
  /** Takes the database, as a process would that does not know of the lock. */
  readonly take: () => void
  readonly again: () => Promise<RelayProcess>
}

const withFenced = async (run: (stage: Stage) => Promise<void>): Promise<void> => {
  const folder = temporaryFolder()
  const path = `${folder.path}/relay.db`
  const server = await startFaultServer()
  const file = writeConfiguration(folder.path, {
    server: { port: 0 },
    store: { type: "sqlite", path },
    channels: [channelOf("a", server.url)]
  })
  const started: Array<RelayProcess> = []
  const start = async (): Promise<RelayProcess> => {
    const relay = await startRelayProcess(file)
    started.push(relay)
    return relay
  }
  try {
    await run({
      relay: await start(),
      server,
      take: () => {
        // The relay may be about to commit.
        const other = new DatabaseSync(path, { timeout: 5_000 })
        other.exec("UPDATE owner SET epoch = epoch + 1")
        other.close()
      },
      again: start
    })
  } finally {
    for (const relay of started) relay.kill("SIGKILL")
    await Promise.all(started.map(({ ended }) => ended))
    await server.close()
    folder.remove()
  }
}

describe("a relay whose database another has taken", { timeout: 90_000 }, () => {
  it("cuts its readers without an end, closes its upstream within 100 ms, and exits with 1; the next goes on", () =>
    withFenced(async ({ again, relay, server, take }) => {
      server.setDefault(answer({ delay: 50 }))
      const chat = await open(`${relay.url}/chat?message=hello`)
      await chat.until(() => chat.events.length >= 4)
      take()
      const { ended, events } = await chat.done
      const cut = performance.now()
      assert.strictEqual(ended, "broken")
      assert.notInclude(["done", "error"], events.at(-1)?.event)
      assert.isBelow((await server.requests[0]!.closed) - cut, 100)
      const end = await relay.ended
      assert.strictEqual(end.code, 1)
      const told = logOf(end).find(({ code }) => code === "lease_lost")
      assert.strictEqual(told?.event, "stream_error")
      assert.include(told?.["error"], "is written by another process")

      server.setDefault(answer())
      const next = await again()
      const rest = await read(`${next.url}/streams/${streamIdOf(events)}`)
      assert.strictEqual(contentOf(rest.events), whole)
      assert.strictEqual(rest.events.at(-1)?.event, "done")
    }))

  it("tells a client of a dialect whose head is open: 409 lease_lost", () =>
    withFenced(async ({ relay, server, take }) => {
      server.setDefault(answer({ headersAfter: 400 }))
      const waiting = read(`${relay.url}/v1/chat/completions`, { body: completion() })
      await server.received(1)
      take()
      const { status, text } = await waiting
      assert.strictEqual(status, 409)
      assert.include(text, '"code":"lease_lost"')
      assert.strictEqual((await relay.ended).code, 1)
    }))
})
