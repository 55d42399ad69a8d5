/**
 * A client comes back for the rest of an answer.
 */
import { assert, describe, it } from "@effect/vitest"
import { answer, cut } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf, startRelay } from "../support/relay.ts"
import { contentOf, open, read, type RawResponse, type SseEvent } from "../support/sse.ts"
import { temporaryFolder } from "../support/relayProcess.ts"
import { completion, sleep, streamIdOf, until, withRelay } from "./kit.ts"
import { whole } from "./matrix.ts"

/** The events of a response as they were written, each with the empty line that ends it. */
const blocksOf = ({ text }: RawResponse): ReadonlyArray<string> => text.split(/(?<=\n\n)/)

const chatOf = (url: string) => read(`${url}/chat?message=hello`)

describe("GET /streams/{id}, and any route with a cursor", () => {
  it.concurrent("gives exactly the rest, to the byte, from every event on", () =>
    withRelay({}, async ({ relay, a, b }) => {
      a.setDefault(cut(9, "reset"))
      const all = await chatOf(relay.url)
      assert.strictEqual(contentOf(all.events), whole)
      const blocks = blocksOf(all)
      assert.lengthOf(blocks, all.events.length)
      for (const [at, { id }] of all.events.entries()) {
        const rest = await read(`${relay.url}/streams/${streamIdOf(all.events)}`, { headers: { "last-event-id": id! } })
        const last = at === all.events.length - 1
        assert.strictEqual(rest.status, last ? 204 : 200)
        assert.strictEqual(rest.text, blocks.slice(at + 1).join(""))
        if (!last) assert.strictEqual(rest.headers["content-type"], "text/event-stream; charset=utf-8")
        assert.strictEqual(rest.headers["x-stream-id"], streamIdOf(all.events))
      }
      assert.lengthOf(a.requests, 1)
      assert.lengthOf(b.requests, 1)
    }))

  it.concurrent("without a cursor gives all of it", () =>
    withRelay({}, async ({ relay }) => {
      const all = await chatOf(relay.url)
      const again = await read(`${relay.url}/streams/${streamIdOf(all.events)}`)
      assert.strictEqual(again.text, all.text)
      const empty = await read(`${relay.url}/streams/${streamIdOf(all.events)}`, { headers: { "last-event-id": "" } })
      assert.strictEqual(empty.text, all.text)
    }))

  it.concurrent("takes the cursor on generating routes too, and starts nothing", () =>
    withRelay({}, async ({ relay, a }) => {
      const all = await chatOf(relay.url)
      const blocks = blocksOf(all)
      const cursor = all.events[4]!.id!
      const rest = blocks.slice(5).join("")
      const answers = await Promise.all([
        read(`${relay.url}/chat?message=hello`, { headers: { "last-event-id": cursor } }),
        read(`${relay.url}/chat?message=hello&last_event_id=${cursor}`),
        read(`${relay.url}/chat`, { body: { message: "hello" }, headers: { "last-event-id": cursor } }),
        read(`${relay.url}/v1/chat/completions`, { body: completion(), headers: { "last-event-id": cursor } }),
        read(`${relay.url}/v1/chat/completions?last_event_id=${cursor}`, { body: completion() })
      ])
      for (const { status, text } of answers) {
        assert.strictEqual(status, 200)
        assert.strictEqual(text, rest)
      }
      const ended = await read(`${relay.url}/chat?message=hello`, {
        headers: { "last-event-id": all.events.at(-1)!.id! }
      })
      assert.strictEqual(ended.status, 204)
      assert.strictEqual(ended.text, "")
      assert.lengthOf(a.requests, 1)
    }))

  it.concurrent("the header wins over the query, and an empty one counts as absent", () =>
    withRelay({}, async ({ relay, a }) => {
      const all = await chatOf(relay.url)
      const blocks = blocksOf(all)
      const [early, late] = [all.events[2]!.id!, all.events[8]!.id!]
      const both = await read(`${relay.url}/chat?message=hello&last_event_id=${late}`, {
        headers: { "last-event-id": early }
      })
      assert.strictEqual(both.text, blocks.slice(3).join(""))
      const empty = await read(`${relay.url}/chat?message=hello&last_event_id=${late}`, {
        headers: { "last-event-id": "" }
      })
      assert.strictEqual(empty.text, blocks.slice(9).join(""))
      assert.lengthOf(a.requests, 1)
      const none = await read(`${relay.url}/chat?message=hello&last_event_id=`, { headers: { "last-event-id": "" } })
      assert.notStrictEqual(streamIdOf(none.events), streamIdOf(all.events))
      assert.lengthOf(a.requests, 2)
    }))

  it.concurrent("speaks the dialect in which the stream began", () =>
    withRelay({}, async ({ relay, a }) => {
      const all = await read(`${relay.url}/v1/chat/completions`, { body: completion() })
      const blocks = blocksOf(all)
      const id = String(all.headers["x-stream-id"])
      assert.strictEqual(all.events.at(-1)?.data, "[DONE]")
      all.events.forEach((event, seq) => assert.strictEqual(event.id, `${id}.${seq}`))
      blocks.forEach((block) => assert.match(block, /^id: [^\n]+\ndata: [^\n]+\n\n$/))
      const rest = await read(`${relay.url}/streams/${id}`, { headers: { "last-event-id": `${id}.6` } })
      assert.strictEqual(rest.text, blocks.slice(7).join(""))
      const done = await read(`${relay.url}/streams/${id}?last_event_id=${all.events.at(-1)!.id!}`)
      assert.strictEqual(done.status, 204)
      assert.lengthOf(a.requests, 1)
    }))

  it.concurrent("a whole answer can be read as its stream", () =>
    withRelay({}, async ({ relay }) => {
      const all = await read(`${relay.url}/v1/chat/completions`, { body: completion({ stream: false }) })
      const { events, status } = await read(`${relay.url}/streams/${String(all.headers["x-stream-id"])}`)
      assert.strictEqual(status, 200)
      assert.strictEqual(events.at(-1)?.data, "[DONE]")
    }))
})

describe("a live stream", () => {
  it.concurrent("is replayed and then followed, by many readers from many places", () =>
    withRelay({}, async ({ relay, a }) => {
      a.setDefault(cut(14, "reset", { delay: 10 }))
      const first = await open(`${relay.url}/chat?message=hello`)
      await first.until(() => first.events.length >= 10)
      const id = streamIdOf(first.events)
      const cursors = Array.from({ length: 60 }, (_, at) => (at % 10) - 1)
      const rests = await Promise.all(
        cursors.map((seq) =>
          read(`${relay.url}/streams/${id}`, seq < 0 ? {} : { headers: { "last-event-id": `${id}.${seq}` } })
        )
      )
      const all = await first.done
      const blocks = blocksOf(all)
      assert.strictEqual(contentOf(all.events), whole)
      rests.forEach(({ text }, at) => assert.strictEqual(text, blocks.slice(cursors[at]! + 1).join("")))
      assert.lengthOf(a.requests, 1)
    }))

  it.concurrent("at its present end a reader waits and follows: there is no 204", () =>
    withRelay({ timeouts: { idle: "3 seconds" } }, async ({ relay, a }) => {
      a.setDefault(answer({ delay: 150 }))
      const first = await open(`${relay.url}/chat?message=hello`)
      await first.until(() => first.events.length >= 3)
      const cursor = first.events.at(-1)!.id!
      const rest = await open(`${relay.url}/chat?message=hello`, { headers: { "last-event-id": cursor } })
      assert.strictEqual(rest.status, 200)
      await rest.until(() => rest.events.length >= 2)
      const seq = Number(cursor.split(".")[1])
      assert.strictEqual(rest.events[0]?.id, `${streamIdOf(first.events)}.${seq + 1}`)
      rest.cut()
      first.cut()
      assert.lengthOf(a.requests, 1)
    }))
})

describe("cursors that are none", () => {
  it.concurrent("garbled, of another stream, or ahead: 400; unknown: 404", () =>
    withRelay({}, async ({ relay, a }) => {
      const [one, other] = await Promise.all([chatOf(relay.url), chatOf(relay.url)])
      const id = streamIdOf(one.events)
      const foreign = streamIdOf(other.events)
      const bad = [
        "x",
        "0",
        id,
        `${id}.`,
        `${id}.-1`,
        `${id}.01`,
        `${id}.1.0`,
        `${id}.1e3`,
        `${id}.99999999999`,
        `${id}.${one.events.length}`,
        `${id}.4000000000`,
        `${foreign}.1`,
        "../../etc.1"
      ]
      for (const cursor of bad) {
        const { status, text } = await read(`${relay.url}/streams/${id}`, { headers: { "last-event-id": cursor } })
        assert.strictEqual(status, 400, cursor)
        assert.deepInclude((JSON.parse(text) as { error: object }).error, {
          code: "VALIDATION_ERROR",
          reason: "invalid_cursor"
        })
        const query = await read(`${relay.url}/streams/${id}?last_event_id=${encodeURIComponent(cursor)}`)
        assert.strictEqual(query.status, 400, cursor)
      }
      for (const cursor of ["x", `${id}.`, `${id}.${one.events.length}`]) {
        const { status, text } = await read(`${relay.url}/chat?message=hello`, { headers: { "last-event-id": cursor } })
        assert.strictEqual(status, 400, cursor)
        assert.include(text, '"reason":"invalid_cursor"')
        const dialect = await read(`${relay.url}/v1/chat/completions`, {
          body: completion(),
          headers: { "last-event-id": cursor }
        })
        assert.strictEqual(dialect.status, 400, cursor)
        assert.include(dialect.text, '"code":"invalid_cursor"')
        assert.strictEqual(dialect.headers["x-should-retry"], "false")
      }
      const unknown = "A".repeat(22)
      for (const path of [`/streams/${unknown}`, `/streams/short`, `/chat?message=x&last_event_id=${unknown}.0`]) {
        const { status, text } = await read(`${relay.url}${path}`)
        assert.strictEqual(status, 404, path)
        assert.include(text, '"reason":"stream_not_found"')
      }
      assert.lengthOf(a.requests, 2)
    }))

  it.concurrent("expired: 410, counted from the terminal event", () =>
    withRelay({ journal: { retention: "500 millis" } }, async ({ relay, a }) => {
      a.setDefault(answer({ delay: 25 }))
      const all = await chatOf(relay.url)
      const path = `${relay.url}/streams/${streamIdOf(all.events)}`
      assert.strictEqual((await read(path)).text, all.text)
      await until(async () => (await read(path)).status === 410)
      const { text } = await read(path)
      assert.deepInclude((JSON.parse(text) as { error: object }).error, { code: "GONE", reason: "stream_expired" })
      const back = await read(`${relay.url}/chat?message=hello`, {
        headers: { "last-event-id": all.events.at(-1)!.id! }
      })
      assert.strictEqual(back.status, 410)
      assert.lengthOf(a.requests, 1)
    }))

  it.concurrent("another token's stream is not there, whatever is asked of it", () =>
    withRelay(
      {
        tokens: [
          { name: "alice", key: "token-of-alice" },
          { name: "bob", key: "token-of-bob", admin: true }
        ]
      },
      async ({ relay }) => {
        const as = (name: string) => ({ authorization: `Bearer token-of-${name}` })
        const all = await read(`${relay.url}/chat?message=hello`, { headers: as("alice") })
        const id = streamIdOf(all.events)
        assert.strictEqual((await read(`${relay.url}/streams/${id}`, { headers: as("alice") })).text, all.text)
        for (const cursor of ["", `${id}.0`, all.events.at(-1)!.id!, `${id}.999`]) {
          const { status, text } = await read(`${relay.url}/streams/${id}`, {
            headers: { ...as("bob"), "last-event-id": cursor }
          })
          assert.strictEqual(status, 404, cursor)
          assert.include(text, '"reason":"stream_not_found"')
        }
        const cancel = await read(`${relay.url}/streams/${id}`, { method: "DELETE", headers: as("bob") })
        assert.strictEqual(cancel.status, 404)
        assert.strictEqual((await read(`${relay.url}/streams/${id}`)).status, 401)
      }
    ))
})

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
const seeded = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

describe("any schedule of cuts", () => {
  const seeds = Array.from({ length: 20 }, (_, seed) => seed + 1)
  it.concurrent.each(seeds)("seed %i: what the client assembled is the answer", (seed) =>
    withRelay({}, async ({ relay, a, b }) => {
      const draw = seeded(seed)
      const upTo = (most: number): number => Math.floor(draw() * most)
      const endings = ["reset", "close", "errorFrame", "insideEvent", "stall"] as const
      a.setDefault(cut(1 + upTo(30), endings[upTo(endings.length)]!, { delay: upTo(6) }))
      b.setDefault(answer({ delay: upTo(6), prefill: draw() < 0.3 ? "refuse" : "honour" }))
      // With another reader who stays, the answer goes on; with none it may end where it broke.
      const stays = seed % 2 === 0 ? await open(`${relay.url}/chat?message=hello`) : undefined
      const first = stays === undefined ? undefined : await stays.until(() => true)
      const events: Array<SseEvent> = []
      const cuts: Array<number> = []
      while (!["done", "error"].includes(events.at(-1)?.event ?? "")) {
        assert.isBelow(cuts.length, 60)
        const cursor = events.at(-1)?.id
        const begun = first === undefined ? "/chat?message=hello" : `/streams/${String(first.json?.["stream_id"])}`
        const [path, headers] =
          cursor === undefined
            ? [begun, undefined]
            : [
                [`/chat?message=hello`, { "last-event-id": cursor }] as const,
                [`/chat?message=hello&last_event_id=${cursor}`, undefined] as const,
                [`/streams/${cursor.split(".")[0]}`, { "last-event-id": cursor }] as const
              ][upTo(3)]!
        const cutAfter = draw() < 0.9 ? 1 + upTo(8) : Number.POSITIVE_INFINITY
        const part = await read(`${relay.url}${path}`, { cutAfter, ...(headers === undefined ? {} : { headers }) })
        assert.strictEqual(part.status, 200)
        cuts.push(part.events.length)
        events.push(...part.events)
        if (draw() < 0.3) await sleep(upTo(30))
      }
      const id = streamIdOf(events)
      events.forEach((event, seq) => assert.strictEqual(event.id, `${id}.${seq}`, `cuts ${cuts.join(" ")}`))
      const last = events.at(-1)!
      const text = contentOf(events)
      assert.strictEqual(text, last.json?.[last.event === "done" ? "full_content" : "partial_content"])
      assert.isTrue(whole.startsWith(text))
      if (stays !== undefined || last.event === "done") assert.strictEqual(text, whole)
      if (stays !== undefined) assert.strictEqual(contentOf((await stays.done).events), whole)
      assert.lengthOf(a.requests, 1)
    })
  )
})

describe("a restart between two requests, with SQLite", () => {
  it.concurrent("a finished stream can still be read, to the byte", async () => {
    const folder = temporaryFolder()
    const server = await startFaultServer()
    server.enqueue(cut(8, "reset"))
    const configuration = {
      channels: [channelOf("a", server.url)],
      store: { type: "sqlite", path: `${folder.path}/relay.db` }
    }
    const before = await startRelay(configuration)
    const chat = await chatOf(before.url)
    const dialect = await read(`${before.url}/v1/chat/completions`, { body: completion() })
    assert.strictEqual(contentOf(chat.events), whole)
    await before.close()

    const after = await startRelay(configuration)
    try {
      const id = streamIdOf(chat.events)
      const again = await read(`${after.url}/streams/${id}`)
      assert.strictEqual(again.text, chat.text)
      const rest = await read(`${after.url}/chat?message=hello`, { headers: { "last-event-id": `${id}.5` } })
      assert.strictEqual(rest.text, blocksOf(chat).slice(6).join(""))
      const end = await read(`${after.url}/chat?message=hello`, {
        headers: { "last-event-id": chat.events.at(-1)!.id! }
      })
      assert.strictEqual(end.status, 204)
      const other = await read(`${after.url}/streams/${String(dialect.headers["x-stream-id"])}`)
      assert.strictEqual(other.text, dialect.text)
      assert.lengthOf(server.requests, 3)
      const fresh = await chatOf(after.url)
      assert.strictEqual(contentOf(fresh.events), whole)
    } finally {
      await after.close()
      await server.close()
      folder.remove()
    }
  })
})
