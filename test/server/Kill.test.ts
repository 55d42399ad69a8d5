/**
 * The relay's process is killed in the middle of answers: nothing that was shown is forgotten, and each goes on to its end
 * in the process after it.
 */
import { assert, describe, it } from "@effect/vitest"
import { answer, status } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf } from "../support/relay.ts"
import { startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { completion, streamIdOf } from "./kit.ts"
import { firstWords, whole } from "./matrix.ts"

/** A relay that can be killed and started again on the same store. */
const withRestarts = async (
  more: object,
  body: (world: {
    readonly server: Awaited<ReturnType<typeof startFaultServer>>
    readonly start: () => ReturnType<typeof startRelayProcess>
  }) => Promise<void>
): Promise<void> => {
  const folder = temporaryFolder()
  const server = await startFaultServer()
  const file = writeConfiguration(folder.path, {
    server: { port: 0 },
    store: { type: "sqlite", path: `${folder.path}/relay.db` },
    channels: [channelOf("a", server.url)],
    ...more
  })
  const running: Array<Awaited<ReturnType<typeof startRelayProcess>>> = []
  try {
    await body({
      server,
      start: async () => {
        const relay = await startRelayProcess(file)
        running.push(relay)
        return relay
      }
    })
  } finally {
    for (const relay of running) relay.kill("SIGKILL")
    await Promise.all(running.map(({ ended }) => ended))
    await server.close()
    folder.remove()
  }
}

describe("kill -9 in the middle of answers, and a restart", { timeout: 90_000 }, () => {
  it("each goes on where it was, and is whole in the end; what was whole stays whole", () =>
    withRestarts({}, async ({ server, start }) => {
      const first = await start()
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
      const cut = await dialect.done
      assert.strictEqual(cut.ended, "broken")

      server.setDefault(answer())
      const second = await start()
      assert.strictEqual((await read(`${second.url}/streams/${streamIdOf(finished.events)}`)).text, finished.text)
      for (const { events, text } of shown) {
        const id = streamIdOf(events)
        const cursor = events.at(-1)!.id!
        const rest = await read(`${second.url}/chat?message=hello`, { headers: { "last-event-id": cursor } })
        assert.strictEqual(rest.status, 200)
        const all = [...events, ...rest.events]
        all.forEach((event, seq) => assert.strictEqual(event.id, `${id}.${seq}`))
        assert.strictEqual(contentOf(all), whole)
        assert.strictEqual(rest.events.at(-1)?.event, "done")
        assert.deepInclude(rest.events.at(-1)?.json, { full_content: whole, finish_reason: "stop" })
        const seam = rest.events.find(({ event }) => event === "failover")?.json
        assert.deepInclude(seam, { reason: "writer_lost", from: "a", to: "a", dropped: 0, seam: "exact" })

        const again = await read(`${second.url}/streams/${id}`)
        assert.strictEqual(again.text, text.slice(0, text.lastIndexOf("\n\n") + 2) + rest.text)
        const end = await read(`${second.url}/chat?message=x`, {
          headers: { "last-event-id": rest.events.at(-1)!.id! }
        })
        assert.strictEqual(end.status, 204)
        const cancelled = await read(`${second.url}/streams/${id}`, { method: "DELETE" })
        assert.deepEqual([cancelled.status, JSON.parse(cancelled.text)], [200, { stream_id: id, status: "completed" }])
      }
      // A client of a dialect whose connection was its only one comes back with what it has.
      const back = await read(`${second.url}/v1/chat/completions`, {
        body: completion(),
        headers: { "last-event-id": cut.events.at(-1)!.id! }
      })
      assert.strictEqual(back.events.at(-1)?.data, "[DONE]")
      const said = [...cut.events, ...back.events].map(({ json }) => {
        const [choice] = (json?.["choices"] ?? []) as ReadonlyArray<{ readonly delta: { readonly content?: string } }>
        return choice?.delta.content ?? ""
      })
      assert.strictEqual(said.join(""), whole)
    }))

  it("one that goes on from what its client has goes on from that and what was shown: only what is new is shown", () =>
    withRestarts({}, async ({ server, start }) => {
      const given = firstWords(5)
      server.setDefault(answer({ delay: 40 }))
      const first = await start()
      const messages = [
        { role: "user", content: "hello" },
        { role: "assistant", content: given }
      ]
      const chat = await open(`${first.url}/chat`, { body: { messages } })
      await chat.until(() => chat.events.length >= 4)
      first.kill("SIGKILL")
      const { events } = await chat.done
      server.setDefault(answer())
      const second = await start()
      const all = await read(`${second.url}/streams/${streamIdOf(events)}`)
      assert.strictEqual(given + contentOf(all.events), whole)
      assert.deepInclude(all.events.at(-1)?.json, { full_content: whole.slice(given.length), finish_reason: "stop" })
      const failover = all.events.find(({ event }) => event === "failover")?.json
      const shown = whole.slice(given.length).slice(0, Number(failover?.["offset"]))
      assert.include(shown, contentOf(events))
      assert.deepEqual(server.requests.at(-1)?.body.messages?.at(-1), { role: "assistant", content: given + shown })
    }))

  it("an answer of which nothing was shown begins anew, unseen but for the attempt", () =>
    withRestarts({}, async ({ server, start }) => {
      server.setDefault(answer({ headersAfter: 60_000 }))
      const first = await start()
      const chat = await open(`${first.url}/chat?message=hello`)
      await server.received(1)
      first.kill("SIGKILL")
      const { events } = await chat.done
      server.setDefault(answer())
      const second = await start()
      const rest = await read(`${second.url}/streams/${streamIdOf(events)}`)
      assert.deepEqual(
        rest.events.slice(0, 2).map(({ event }) => event),
        ["init", "attempt"]
      )
      assert.deepInclude(rest.events[1]?.json, { attempt: 2, reason: "writer_lost", to: "a" })
      assert.strictEqual(contentOf(rest.events), whole)
      assert.strictEqual(rest.events.at(-1)?.event, "done")
      assert.deepInclude(rest.events.at(-1)?.json, { attempts: 2 })
    }))

  it("a request that kills its relay again and again cannot do it for ever", () =>
    withRestarts({ recovery: { maxContinuations: 2 } }, async ({ server, start }) => {
      server.setDefault(answer({ delay: 40 }))
      let relay = await start()
      const chat = await open(`${relay.url}/chat?message=hello`)
      await chat.until(() => chat.events.length >= 4)
      const id = streamIdOf(chat.events)
      for (let kill = 0; kill < 3; kill++) {
        relay.kill("SIGKILL")
        await relay.ended
        relay = await start()
        const live = await open(`${relay.url}/streams/${id}`)
        const before = live.events.length
        await live.until(({ event }) => event === "error" || live.events.length >= before + 2)
      }
      const { events } = await read(`${relay.url}/streams/${id}`)
      assert.strictEqual(events.at(-1)?.event, "error")
      assert.deepInclude(events.at(-1)?.json, { code: "stream_truncated", recoverable: true })
      assert.strictEqual(events.at(-1)?.json?.["partial_content"], contentOf(events))
      assert.isTrue(whole.startsWith(contentOf(events)))
    }))

  it.each([
    ["onRestart: fail", { journal: { onRestart: "fail" } }],
    ["storeRequests: false", { journal: { storeRequests: false } }],
    ["recovery: off", { recovery: { mode: "off" } }]
  ])("with %s it ends as truncated, recoverable, with all that was shown", (_name, configuration) =>
    withRestarts(configuration, async ({ server, start }) => {
      server.setDefault(answer({ delay: 40 }))
      const first = await start()
      const chat = await open(`${first.url}/chat?message=hello`)
      await chat.until(() => chat.events.length >= 5)
      first.kill("SIGKILL")
      const { events } = await chat.done
      const second = await start()
      const rest = await read(`${second.url}/chat`, { headers: { "last-event-id": events.at(-1)!.id! } })
      const all = [...events, ...rest.events]
      assert.deepInclude(rest.events.at(-1)?.json, {
        code: "stream_truncated",
        recoverable: true,
        partial_content: contentOf(all),
        partial_length: Array.from(contentOf(all)).length,
        request_id: events[0]?.json?.["request_id"]
      })
      assert.lengthOf(server.requests, 1)
    })
  )

  it("where every channel fails it ends with the first failure, and its partial", () =>
    withRestarts({ recovery: { maxContinuations: 1 } }, async ({ server, start }) => {
      server.setDefault(answer({ delay: 40 }))
      const first = await start()
      const chat = await open(`${first.url}/chat?message=hello`)
      await chat.until(() => chat.events.length >= 5)
      first.kill("SIGKILL")
      const { events } = await chat.done
      server.setDefault(status(500))
      const second = await start()
      const rest = await read(`${second.url}/chat`, { headers: { "last-event-id": events.at(-1)!.id! } })
      assert.deepInclude(rest.events.at(-1)?.json, { code: "stream_truncated" })
    }))
})
