/**
 * The relay's process is killed in the middle of answers: nothing that was shown is forgotten.
 */
import { assert, describe, it } from "@effect/vitest"
import { answer } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf } from "../support/relay.ts"
import { startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { completion, streamIdOf } from "./kit.ts"
import { whole } from "./matrix.ts"

describe("kill -9 in the middle of answers, and a restart", () => {
  it("each ends as truncated, recoverable, with all that was shown; what was whole stays whole", async () => {
    const folder = temporaryFolder()
    const server = await startFaultServer()
    const file = writeConfiguration(folder.path, {
      server: { port: 0 },
      store: { type: "sqlite", path: `${folder.path}/relay.db` },
      channels: [channelOf("a", server.url)]
    })
    const first = await startRelayProcess(file)
    let second: Awaited<ReturnType<typeof startRelayProcess>> | undefined
    try {
      const finished = await read(`${first.url}/chat?message=hello`)
      assert.strictEqual(contentOf(finished.events), whole)
      server.setDefault(answer({ delay: 40 }))
      const chats = await Promise.all(Array.from({ length: 5 }, () => open(`${first.url}/chat?message=hello`)))
      const dialect = await open(`${first.url}/v1/chat/completions`, { body: completion() })
      await Promise.all(chats.map((live, at) => live.until(() => live.events.length >= 3 + at)))
      await dialect.until(() => dialect.events.length >= 4)
      first.kill("SIGKILL")
      assert.strictEqual((await first.ended).signal, "SIGKILL")
      const shown = await Promise.all(chats.map(({ done }) => done))
      for (const { ended } of shown) assert.strictEqual(ended, "broken")
      assert.strictEqual((await dialect.done).ended, "broken")

      second = await startRelayProcess(file)
      assert.strictEqual((await read(`${second.url}/streams/${streamIdOf(finished.events)}`)).text, finished.text)
      for (const { events, text } of shown) {
        const id = streamIdOf(events)
        const cursor = events.at(-1)!.id!
        const rest = await read(`${second.url}/chat?message=hello`, { headers: { "last-event-id": cursor } })
        assert.strictEqual(rest.status, 200)
        const last = rest.events.at(-1)
        assert.strictEqual(last?.event, "error")
        const partial = contentOf([...events, ...rest.events])
        assert.deepInclude(last?.json, {
          code: "stream_truncated",
          recoverable: true,
          partial_content: partial,
          partial_length: Array.from(partial).length,
          request_id: events[0]?.json?.["request_id"]
        })
        assert.isTrue(whole.startsWith(partial))
        assert.isBelow(partial.length, whole.length)
        ;[...events, ...rest.events].forEach((event, seq) => assert.strictEqual(event.id, `${id}.${seq}`))

        const again = await read(`${second.url}/streams/${id}`)
        assert.strictEqual(again.text, text.slice(0, text.lastIndexOf("\n\n") + 2) + rest.text)
        const end = await read(`${second.url}/chat?message=x`, { headers: { "last-event-id": last!.id! } })
        assert.strictEqual(end.status, 204)
        const cancelled = await read(`${second.url}/streams/${id}`, { method: "DELETE" })
        assert.deepEqual([cancelled.status, JSON.parse(cancelled.text)], [200, { stream_id: id, status: "error" }])
      }
      const frames = await read(`${second.url}/streams/${String(dialect.headers["x-stream-id"])}`)
      assert.include(frames.events.at(-1)?.data, '"code":"stream_truncated"')
      assert.notInclude(frames.text, "[DONE]")

      server.setDefault(answer())
      assert.strictEqual(contentOf((await read(`${second.url}/chat?message=hello`)).events), whole)
    } finally {
      first.kill("SIGKILL")
      second?.kill("SIGKILL")
      await second?.ended
      await server.close()
      folder.remove()
    }
  })
})
