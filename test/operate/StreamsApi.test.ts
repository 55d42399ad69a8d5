/**
 * Answers that are under way, seen and ended by an operator.
 */
import { assert, describe, it } from "@effect/vitest"
import { answer, silence } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { channelOf, startRelay } from "../support/relay.ts"
import { open, read } from "../support/sse.ts"
import { streamIdOf, until } from "../server/kit.ts"
import { type AdminAnswer, adminOf } from "./admin.ts"

interface Live {
  readonly stream_id: string
  readonly [field: string]: unknown
}
const listed = ({ body }: AdminAnswer): { readonly data: ReadonlyArray<Live>; readonly next: string | null } => body

describe("GET and DELETE /admin/streams", () => {
  it("show what is under way, whoever asked for it, and end it", async () => {
    const server = await startFaultServer()
    const relay = await startRelay({
      channels: [channelOf("a", server.url), channelOf("gold", server.url, { group: "gold" })],
      timeouts: { headers: "20 seconds", firstContent: "20 seconds", idle: "20 seconds", total: "30 seconds" },
      tokens: [
        { name: "ops", key: "ops-key", admin: true },
        { name: "alice", key: "alice-key" },
        { name: "bob", key: "bob-key", group: "gold" }
      ]
    })
    try {
      const ops = adminOf(relay.url, "ops-key")
      assert.deepStrictEqual(listed(await ops("GET", "streams")), { data: [], next: null })
      server.enqueue(answer({ delay: 100 }), silence)
      const first = await open(`${relay.url}/chat?message=hello&model=m`, {
        headers: { authorization: "Bearer alice-key", "x-request-id": "req-of-alice" }
      })
      await first.until(({ event }) => event === "message")
      const second = await open(`${relay.url}/chat?message=hello&model=m`, {
        headers: { authorization: "Bearer bob-key" }
      })
      await second.until(({ event }) => event === "init")
      await until(async () => listed(await ops("GET", "streams")).data.every(({ attempts }) => attempts === 1))
      const { data, next } = listed(await ops("GET", "streams"))
      assert.isNull(next)
      assert.lengthOf(data, 2)
      const [alice, bob] = data
      assert.deepInclude(alice, {
        stream_id: streamIdOf(first.events),
        request_id: "req-of-alice",
        token: "alice",
        group: "default",
        model: "m",
        state: "streaming",
        channel: "a",
        attempts: 1,
        readers: 1,
        writer: "me"
      })
      assert.deepInclude(bob, { token: "bob", group: "gold", state: "started", channel: "gold", readers: 1 })
      assert.isTrue(Number(alice?.["age_ms"]) >= Number(bob?.["age_ms"]) && Number(alice?.["events"]) > 1)
      const page = listed(await ops("GET", "streams?limit=1"))
      assert.deepStrictEqual(
        page.data.map(({ token }) => token),
        ["alice"]
      )
      const rest = listed(await ops("GET", `streams?limit=1&cursor=${page.next}`))
      assert.deepStrictEqual([rest.data.map(({ token }) => token), rest.next], [["bob"], null])

      const id = streamIdOf(second.events)
      const cancelled = await ops("DELETE", `streams/${id}`, { reason: "it costs too much" })
      assert.deepStrictEqual([cancelled.status, cancelled.body], [202, { stream_id: id, status: "cancelled" } as never])
      const ended = await second.done
      assert.deepInclude(ended.events.at(-1)?.json, { code: "stream_cancelled" })
      assert.deepInclude(ended.events.at(-1)?.json?.["fault"] as object, { code: 12008, message: "it costs too much" })
      const again = await ops("DELETE", `streams/${id}`)
      assert.deepStrictEqual([again.status, again.body], [200, { stream_id: id, status: "cancelled" } as never])
      assert.strictEqual((await ops("DELETE", `streams/${"A".repeat(22)}`)).status, 404)
      assert.strictEqual((await ops("DELETE", `streams/${id}`, { why: 1 })).status, 422)
      const rows = (await ops("GET", "audit")).body as { readonly data: ReadonlyArray<Live> }
      assert.lengthOf(rows.data, 1)
      assert.deepInclude(rows.data[0], {
        who: "ops",
        what: "stream.cancel",
        path: `streams/${id}`,
        before: { token: "bob", model: "m", status: "started" },
        after: { token: "bob", model: "m", status: "cancelled" }
      })
      assert.strictEqual(
        (await read(`${relay.url}/admin/streams`, { headers: { authorization: "Bearer bob-key" } })).status,
        403
      )
      await first.done
      await until(async () => listed(await ops("GET", "streams")).data.length === 0)
    } finally {
      await relay.close()
      await server.close()
    }
  })
})
