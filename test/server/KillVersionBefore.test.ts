/**
 * A relay of the version before was killed, and this one starts on its database; and a clock that goes back.
 */
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Layer } from "effect"
import { JournalStore, JournalStoreSqliteNode, makeStreamId } from "#src/journal/index"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf, startRelay } from "../support/relay.ts"
import { temporaryFolder } from "../support/relayProcess.ts"
import { contentOf, read } from "../support/sse.ts"
import { makeStore } from "../support/storeRelay.ts"
import { completion, streamIdOf, until } from "./kit.ts"
import { whole } from "./matrix.ts"

const ids = { whole: makeStreamId(), chat: makeStreamId(), openai: makeStreamId(), unseen: makeStreamId() }

/** A frame as the version before wrote it: of `/chat` the event, the id and the data, of the dialect the data first. */
const frame = (id: string, seq: number, event: string | undefined, data: unknown): string =>
  `${event === undefined ? "" : `event: ${event}\n`}id: ${id}.${seq}\ndata: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

const init = (id: string) => ({ request_id: `req_${id}`, stream_id: id, status: "started", model: "m" })
const chunk = (delta: object) => ({
  id: `chatcmpl-${ids.openai}`,
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta, logprobs: null, finish_reason: null }]
})

/** Writes the database of a relay of version 1 that was killed: with its tables, and the texts that it kept. */
const writeVersion1 = (path: string): void => {
  const now = Date.now()
  const database = new DatabaseSync(path)
  database.exec("PRAGMA journal_mode = WAL")
  database.exec(
    `CREATE TABLE owner (epoch INTEGER NOT NULL, opened_at INTEGER NOT NULL) STRICT;
     INSERT INTO owner VALUES (7, ${now - 60_000})`
  )
  database.exec(JournalStoreSqliteNode.migrations[0] ?? "")
  database.exec(`PRAGMA application_id = ${JournalStoreSqliteNode.application}; PRAGMA user_version = 1`)
  const stream = database.prepare("INSERT INTO stream VALUES (?, ?, ?, '', ?, ?, ?, ?, ?, 0)")
  const request = (id: string) => JSON.stringify({ requestId: `req_${id}`, model: "m", includeUsage: false })
  const streaming = JSON.stringify({ status: "streaming", model: "m", channel: "a", attempts: 1, continuations: 0 })
  const completed = JSON.stringify({ status: "completed", model: "m", attempts: 1, continuations: 0 })
  stream.run(1, ids.whole, "chat", request(ids.whole), completed, now - 30_000, now - 20_000, 6)
  stream.run(2, ids.chat, "chat", request(ids.chat), streaming, now - 10_000, null, 7)
  stream.run(3, ids.openai, "openai", request(ids.openai), streaming, now - 9000, null, 7)
  stream.run(4, ids.unseen, "chat", request(ids.unseen), JSON.stringify({ status: "started" }), now - 8000, null, 7)
  const insert = database.prepare("INSERT INTO frame VALUES (?, ?, ?)")
  const write = (key: number, id: string, frames: ReadonlyArray<readonly [string | undefined, unknown]>): void =>
    frames.forEach(([event, data], seq) => insert.run(key, seq, frame(id, seq, event, data)))
  const done = { request_id: `req_${ids.whole}`, status: "completed", token_count: 1, full_content: "All of it." }
  write(1, ids.whole, [
    ["init", init(ids.whole)],
    [undefined, { content: "All of it." }],
    ["done", done]
  ])
  write(2, ids.chat, [
    ["init", init(ids.chat)],
    [undefined, { content: "Once" }],
    [undefined, { content: " upon" }]
  ])
  write(3, ids.openai, [
    [undefined, chunk({ role: "assistant", content: "" })],
    [undefined, chunk({ content: "Once" })]
  ])
  write(4, ids.unseen, [["init", init(ids.unseen)]])
  database.close()
}

describe("a database of the version before", () => {
  it("its orphans end as truncated, with what they had, at the start or when they are read; the rest is as it was", async () => {
    const folder = temporaryFolder()
    const path = `${folder.path}/relay.db`
    writeVersion1(path)
    const server = await startFaultServer()
    const relay = await startRelay(
      { channels: [channelOf("a", server.url)] },
      { store: Layer.orDie(JournalStoreSqliteNode.layer({ path })) as Layer.Layer<JournalStore> }
    )
    try {
      const kept = await read(`${relay.url}/streams/${ids.whole}`)
      assert.deepEqual(
        kept.events.map(({ event, id }) => [event, id]),
        [
          ["init", `${ids.whole}.0`],
          ["message", `${ids.whole}.1`],
          ["done", `${ids.whole}.2`]
        ]
      )
      const chat = await read(`${relay.url}/chat`, { headers: { "last-event-id": `${ids.chat}.1` } })
      assert.deepEqual(
        chat.events.map(({ event, id }) => [event, id]),
        [
          ["message", `${ids.chat}.2`],
          ["error", `${ids.chat}.3`]
        ]
      )
      assert.deepInclude(chat.events.at(-1)?.json, {
        code: "stream_truncated",
        recoverable: true,
        partial_content: "Once upon"
      })
      const unseen = await read(`${relay.url}/streams/${ids.unseen}`)
      assert.deepInclude(unseen.events.at(-1)?.json, { code: "stream_truncated", partial_content: "" })
      const openai = await read(`${relay.url}/v1/chat/completions`, {
        body: completion(),
        headers: { "last-event-id": `${ids.openai}.0` }
      })
      assert.lengthOf(openai.events, 2)
      assert.include(openai.events.at(-1)?.data, '"code":"stream_truncated"')
      // Nobody was asked, and it serves.
      assert.lengthOf(server.requests, 0)
      assert.strictEqual(contentOf((await read(`${relay.url}/chat?message=hello`)).events), whole)
      await until(async () => /^active_streams 0$/m.test((await read(`${relay.url}/metrics`)).text))
    } finally {
      await relay.close()
      await server.close()
    }
    // What was asked is in no row any more.
    const database = new DatabaseSync(path, { readOnly: true })
    assert.deepEqual({ ...database.prepare("SELECT count(*) AS live FROM live").get() }, { live: 0 })
    database.close()
    folder.remove()
  })
})

describe("S14: a stream that was swept, and then the clock goes back", () => {
  it("S14: is 410 for whoever reads or cancels it, and never an empty answer", async () => {
    const control = await makeStore()
    const server = await startFaultServer()
    const { find } = control.store
    let swept = false
    // Swept by a clock that was ahead: its frames are gone, and it ended a moment ago.
    const store: JournalStore["Service"] = {
      ...control.store,
      find: (id, done) =>
        find(id, (reply) =>
          done(
            reply.ok && reply.value !== undefined && swept
              ? { ok: true, value: { ...reply.value, forgotten: true, note: "", endedAt: Date.now() + 3_600_000 } }
              : reply
          )
        ),
      page: (id, after, limit, done) =>
        swept ? done({ ok: true, value: undefined }) : control.store.page(id, after, limit, done)
    }
    const relay = await startRelay(
      { channels: [channelOf("a", server.url)] },
      { store: Layer.succeed(JournalStore, store) }
    )
    try {
      const { events } = await read(`${relay.url}/chat?message=hello`)
      const id = streamIdOf(events)
      swept = true
      const cursor = { headers: { "last-event-id": `${id}.1` } }
      const answers = await Promise.all([
        read(`${relay.url}/streams/${id}`),
        read(`${relay.url}/streams/${id}`, cursor),
        read(`${relay.url}/chat`, cursor),
        read(`${relay.url}/v1/chat/completions`, { ...cursor, body: completion() }),
        read(`${relay.url}/streams/${id}`, { method: "DELETE" })
      ])
      for (const { status, text } of answers) {
        assert.strictEqual(status, 410)
        assert.include(text, "stream_expired")
      }
      assert.lengthOf(server.requests, 1)
    } finally {
      await relay.close()
      await server.close()
    }
  })
})
