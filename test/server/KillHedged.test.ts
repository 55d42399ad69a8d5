/**
 * A relay is killed while two attempts run side by side: the one that starts on its database loses nothing of it.
 */
import { assert, describe, it } from "@effect/vitest"
import { answer, headersOnly, silence } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf } from "../support/relay.ts"
import { logOf, startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { streamIdOf } from "./kit.ts"
import { whole } from "./matrix.ts"

describe("kill -9 while two attempts run", { timeout: 90_000 }, () => {
  it("R28: the answer comes whole from the next process, and both are counted", async () => {
    const folder = temporaryFolder()
    const [a, b] = await Promise.all([startFaultServer(), startFaultServer()])
    const file = writeConfiguration(folder.path, {
      server: { port: 0 },
      retry: { hedgeAfter: "200 millis" },
      channels: [channelOf("a", a.url, { priority: 1 }), channelOf("b", b.url)],
      store: { type: "sqlite", path: `${folder.path}/relay.db` }
    })
    const first = await startRelayProcess(file)
    try {
      a.setDefault(silence)
      b.setDefault(headersOnly(50))
      const chat = await open(`${first.url}/chat?message=hello`)
      await chat.until(() => chat.events.some(({ event }) => event === "attempt"))
      await b.received(1)
      const id = streamIdOf(chat.events)
      a.setDefault(answer())
      first.kill("SIGKILL")
      await first.ended
      assert.isDefined(await a.requests[0]!.closed)
      assert.isDefined(await b.requests[0]!.closed)
      const next = await startRelayProcess(file)
      try {
        const { events } = await read(`${next.url}/streams/${id}`)
        assert.strictEqual(contentOf(events), whole)
        assert.strictEqual(events.at(-1)?.event, "done")
        assert.strictEqual(events.at(-1)?.json?.["attempts"], 3)
        assert.strictEqual(events.filter(({ event }) => event === "init").length, 1)
      } finally {
        next.kill("SIGTERM")
        assert.deepStrictEqual(
          logOf(await next.ended).flatMap((line) => (line.event === "stream_completed" ? [line["stream_id"]] : [])),
          [id]
        )
      }
    } finally {
      first.kill("SIGKILL")
      await Promise.all([a.close(), b.close()])
      folder.remove()
    }
  })
})
