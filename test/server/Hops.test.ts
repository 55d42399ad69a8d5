/**
 * A relay that asks a relay that asks a relay: what ends the first one's stream is known to the last.
 */
import { assert, describe, it } from "@effect/vitest"
import { printStreamFault, streamFault, type StreamFaultData } from "effect-resilience/errors"
import { answer } from "../support/behaviour.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { type HopDialect, type Row, withRow } from "./hops.ts"
import { streamIdOf } from "./kit.ts"

const dialects: ReadonlyArray<HopDialect> = ["openai", "anthropic", "gemini", "responses"]

/** Where the machine had other things to do it is seen again, alone. */
const quick = { retry: 3 }

const slow = answer({ delay: 30, words: Array.from({ length: 200 }, (_, at) => `word ${at} `) })

/** An answer that has begun at all hops. */
const begin = async ({ first, names, upstream }: Row) => {
  upstream.setDefault(slow)
  const live = await open(`${first.url}/chat?message=hello&model=${names[0]}`)
  await live.until(() => contentOf(live.events).length > 10)
  return live
}

const cancel = (row: Row, id: string, more: { readonly body?: object; readonly path?: string } = {}) =>
  read(`${row.first.url}/streams/${id}`, {
    method: "DELETE",
    ...(more.body === undefined ? {} : { body: more.body }),
    headers: more.path === undefined ? {} : { "x-cancel-path": more.path }
  })

/** The fault in an event of any dialect: where it stands, an object, or a text that is one. */
const faultIn = (value: unknown): StreamFaultData | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  for (const [name, field] of Object.entries(value)) {
    const found = name !== "fault" ? faultIn(field) : typeof field === "string" ? JSON.parse(field) : field
    if (found !== undefined) return found as StreamFaultData
  }
  return undefined
}

/** The fault of a relay's stream, as it is read back from it, and the code that it has in the log. */
const faultAt = async (
  row: Row,
  at: 1 | 2
): Promise<{ readonly code: unknown; readonly fault: StreamFaultData | undefined }> => {
  const name = row.names[at]
  const line = await row.line(name, "stream_error")
  const relay = at === 1 ? row.second : row.last
  const { events } = await read(`${relay.url}/streams/${String(line["stream_id"])}`)
  return { code: line["code"], fault: faultIn(events.at(-1)?.json) }
}

describe("three relays in a row", () => {
  for (const dialect of dialects) {
    it(
      `${dialect}: a cancel without a cause reaches the last one with the whole path, within 100 ms a hop`,
      quick,
      () =>
        withRow(dialect, {}, async (row) => {
          const live = await begin(row)
          const asked = performance.now()
          const response = await cancel(row, streamIdOf(live.events), { path: "web,api" })
          assert.strictEqual(response.status, 202)
          const closed = await row.upstream.requests[0]!.closed
          assert.isBelow(closed - asked, 300)

          const [a, b, c] = row.names
          const said = { code: 12007, side: "server" } as const
          const expected = streamFault({ ...said, path: ["web", "api", a, b] })
          assert.deepInclude(await faultAt(row, 2), { code: "stream_cancelled", fault: expected })
          assert.deepInclude(await faultAt(row, 1), {
            code: "stream_cancelled",
            fault: streamFault({ ...said, path: ["web", "api", a] })
          })
          const told = (await live.done).events.at(-1)?.json
          assert.deepInclude(told, {
            code: "stream_cancelled",
            fault: streamFault({ ...said, path: ["web", "api"] })
          })
          // As Kitex prints it.
          assert.strictEqual((await row.line(c, "stream_error"))["error"], printStreamFault(expected))
        })
    )

    it(`${dialect}: a cause, and a code of one's own, reach the last one as they are`, quick, () =>
      withRow(dialect, {}, async (row) => {
        const live = await begin(row)
        const body = { code: 4711, reason: "the budget is spent" }
        assert.strictEqual((await cancel(row, streamIdOf(live.events), { body })).status, 202)
        const { code, fault } = await faultAt(row, 2)
        assert.strictEqual(code, "stream_cancelled")
        assert.deepStrictEqual(
          fault,
          streamFault({ code: 4711, side: "server", path: row.names.slice(0, 2), message: "the budget is spent" })
        )
      })
    )
  }

  it("a reason without a code is 12008 to the last one", quick, () =>
    withRow("openai", {}, async (row) => {
      const live = await begin(row)
      assert.strictEqual(
        (await cancel(row, streamIdOf(live.events), { body: { reason: "the tab was closed" } })).status,
        202
      )
      const { fault } = await faultAt(row, 2)
      assert.deepInclude(fault, { code: 12008, message: "the tab was closed" })
    })
  )

  it("the client is gone: 12013", quick, () =>
    withRow("openai", { first: { journal: { onDisconnect: "cancel" } } }, async (row) => {
      const live = await begin(row)
      live.cut()
      const { code, fault } = await faultAt(row, 2)
      assert.strictEqual(code, "stream_cancelled")
      assert.deepStrictEqual(fault, streamFault({ code: 12013, side: "server", path: row.names.slice(0, 2) }))
      const [a] = row.names
      const line = await row.line(a, "stream_error")
      assert.deepInclude(line, {
        code: "client_gone",
        error: "[ttstream error, code=12013] [server-side stream] canceled by connection closed"
      })
    })
  )

  it("the client is gone before the head: each next one is gone too, with 12013", quick, () =>
    withRow("openai", { first: { journal: { onDisconnect: "cancel" } } }, async (row) => {
      row.upstream.setDefault({ kind: "silence" })
      const live = await open(`${row.first.url}/chat?message=hello&model=${row.names[0]}`)
      await row.upstream.received(1)
      live.cut()
      for (const at of [1, 2] as const) {
        const { code, fault } = await faultAt(row, at)
        assert.strictEqual(code, "client_gone")
        assert.deepStrictEqual(fault, streamFault({ code: 12013, side: "server" }))
      }
    })
  )

  it("the whole time is over: 12015", quick, () =>
    withRow("openai", {}, async (row) => {
      row.upstream.setDefault(slow)
      const { events } = await read(`${row.first.url}/chat?message=hello&timeout=1&model=${row.names[0]}`)
      assert.strictEqual(events.at(-1)?.json?.["code"], "deadline_exceeded")
      const { code, fault } = await faultAt(row, 2)
      assert.strictEqual(code, "stream_cancelled")
      assert.deepStrictEqual(fault, streamFault({ code: 12015, side: "server", path: row.names.slice(0, 2) }))
    })
  )

  it("silence: 12014", quick, () =>
    withRow("openai", { first: { timeouts: { idle: "300 millis" }, recovery: { mode: "off" } } }, async (row) => {
      row.upstream.setDefault(answer({ after: 4, ending: "stall" }))
      await read(`${row.first.url}/chat?message=hello&model=${row.names[0]}`)
      const { code, fault } = await faultAt(row, 2)
      assert.strictEqual(code, "stream_cancelled")
      assert.deepStrictEqual(fault, streamFault({ code: 12014, side: "server", path: row.names.slice(0, 2) }))
    })
  )

  it("the first one shuts down: 12006", quick, () =>
    withRow("openai", {}, async (row) => {
      await begin(row)
      assert.strictEqual(await row.first.shutdown(), "graceExpired")
      const { code, fault } = await faultAt(row, 2)
      assert.strictEqual(code, "stream_cancelled")
      assert.deepStrictEqual(fault, streamFault({ code: 12006, side: "server", path: row.names.slice(0, 2) }))
    })
  )

  for (const dialect of dialects) {
    it(`${dialect}: a cancel at the last one ends the first one's answer: 12009, and nobody else is asked`, quick, () =>
      withRow(dialect, {}, async (row) => {
        const live = await begin(row)
        const { stream_id: id } = await row.line(row.names[2], "stream_started")
        const response = await read(`${row.last.url}/streams/${String(id)}`, {
          method: "DELETE",
          headers: { "x-cancel-path": "operator" }
        })
        assert.strictEqual(response.status, 202)
        const { events } = await live.done
        const told = events.at(-1)?.json
        assert.deepInclude(told, { code: "stream_cancelled", recoverable: false, partial_content: contentOf(events) })
        assert.deepStrictEqual(told?.["fault"], streamFault({ code: 12009, side: "client", path: ["operator"] }))
        assert.lengthOf(row.upstream.requests, 1)
      })
    )
  }

  it("a code of one's own comes up as well as down", quick, () =>
    withRow("openai", {}, async (row) => {
      const live = await begin(row)
      const { stream_id: id } = await row.line(row.names[2], "stream_started")
      await read(`${row.last.url}/streams/${String(id)}`, {
        method: "DELETE",
        body: { code: 1111, reason: "proxy timeout" }
      })
      const fault = (await live.done).events.at(-1)?.json?.["fault"]
      assert.deepInclude(fault, { code: 1111, message: "proxy timeout" })
    })
  )
})
