/**
 * The lists of the admin API are all paged alike: `limit`, `cursor`, `next`, and what is said where one is wrong.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { answer, status } from "../support/behaviour.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { type LiveResponse, open, read } from "../support/sse.ts"
import { completion, until } from "./kit.ts"

const admin = { authorization: "Bearer key-of-ops" }
const json = { "content-type": "application/json" }

interface Page {
  readonly data: ReadonlyArray<unknown>
  readonly next: string | null
}

/** Every list, and cursors that none of its pages can have told. */
const lists: ReadonlyArray<readonly [path: string, ...garbled: ReadonlyArray<string>]> = [
  ["audit", "nothing", "0", "zz", "1.a"],
  ["channels", "a", "nothing", "-1.a", "1."],
  ["errors", "nothing", "1", "a.b"],
  ["groups", "lab", "nothing"],
  ["ledger", "nothing", "0", "g".repeat(26)],
  ["quota", "alice", "nothing", "books:"],
  ["requests/failed", "soon", "-1", "1.5", "1e3"],
  ["settings", "timeouts.idle", "nothing", "-1.x"],
  ["streams", "nothing", "1", "x.y"],
  ["tokens", "alice", "nothing", "file:"],
  ["usage?by=model", "soon", "-1", "0x1"]
]

describe("the lists of the admin API", () => {
  let relay: RunningRelay
  let servers: ReadonlyArray<FaultServer> = []
  const held: Array<LiveResponse> = []
  beforeAll(async () => {
    const [a, b] = await Promise.all([startFaultServer(), startFaultServer()])
    servers = [a, b]
    a.setDefault(answer({}))
    b.setDefault(answer({}))
    relay = await startRelay({
      channels: [channelOf("a", a.url, { priority: 1 }), channelOf("b", b.url)],
      timeouts: { headers: "20 seconds", firstContent: "20 seconds", idle: "20 seconds", total: "30 seconds" },
      tokens: [
        { name: "ops", key: "key-of-ops", admin: true },
        { name: "alice", key: "key-of-alice", quota: { balance: 100_000 } }
      ],
      groups: [
        { name: "lab", quota: { balance: 5 } },
        { name: "shop" },
        { name: "sales", quota: { budget: { amount: 7, per: "day" } } }
      ]
    })
    const ask = (model: string, id: string): Promise<unknown> =>
      read(`${relay.url}/v1/chat/completions`, {
        headers: { authorization: "Bearer key-of-alice", "x-request-id": id },
        body: completion({ model })
      })
    for (const model of ["m", "gpt-1", "gpt-2"]) await ask(model, `well-${model}`)
    a.setDefault(status(500))
    b.setDefault(status(500))
    await ask("m", "failed")
    for (const name of ["mallory", "bob"]) {
      await fetch(`${relay.url}/admin/tokens`, {
        method: "POST",
        headers: { ...admin, ...json },
        body: JSON.stringify({ name })
      })
    }
    a.setDefault(answer({ after: 2, ending: "stall" }))
    b.setDefault(answer({ after: 2, ending: "stall" }))
    for (let count = 0; count < 3; count++) {
      held.push(
        await open(`${relay.url}/v1/chat/completions`, {
          headers: { authorization: "Bearer key-of-alice" },
          body: completion({})
        })
      )
    }
  })
  afterAll(async () => {
    for (const one of held) one.cut()
    await relay.close()
    await Promise.all(servers.map((server) => server.close()))
  })

  const get = async (path: string): Promise<{ readonly status: number; readonly body: unknown }> => {
    const asked = await fetch(`${relay.url}/admin/${path}`, { headers: admin })
    return { status: asked.status, body: await asked.json() }
  }
  const withQuery = (path: string, query: string): string => `${path}${path.includes("?") ? "&" : "?"}${query}`

  it.each(lists)("%s: pages of one are together the whole, and the last has no next", async (path) => {
    await until(async () => ((await get(path)).body as Page).data.length > 1)
    // What is told while it is read changes no row: only how long ago a stream began.
    const still = (rows: ReadonlyArray<unknown>) => rows.map((row) => ({ ...(row as object), age_ms: 0 }))
    const whole = (await get(withQuery(path, "limit=1000"))).body as Page
    assert.isNull(whole.next)
    const pages: Array<unknown> = []
    const limit = path === "settings" ? 7 : 1
    for (let next: string | null = ""; next !== null; ) {
      const { body, status } = await get(
        withQuery(path, `limit=${limit}${next === "" ? "" : `&cursor=${encodeURIComponent(next)}`}`)
      )
      assert.strictEqual(status, 200)
      const page = body as Page
      assert.isAtMost(page.data.length, limit)
      pages.push(...page.data)
      next = page.next
    }
    assert.deepStrictEqual(still(pages), still(whole.data))
  })

  it.each(lists.flatMap(([path, ...garbled]) => ["", ...garbled].map((cursor) => [path, cursor] as const)))(
    "%s: the cursor %j is of no page: 422, and it says so of the field",
    async (path, cursor) => {
      const { body, status } = await get(withQuery(path, `cursor=${encodeURIComponent(cursor)}`))
      assert.strictEqual(status, 422)
      const { details, reason } = (body as { error: { details: ReadonlyArray<object>; reason: string } }).error
      assert.strictEqual(reason, "validation_failed")
      assert.deepStrictEqual(details, [
        { field: "cursor", message: "Expected the `next` of another page", code: "invalid" }
      ])
    }
  )

  it.each([
    ["GET", "channels/a"],
    ["GET", "tokens/alice"],
    ["GET", "quota/alice"],
    ["GET", "ledger/sum"],
    ["GET", "groups/lab/quota"],
    ["GET", "audit"],
    ["POST", "reload"],
    ["POST", "tokens/alice/rotate"],
    ["PATCH", "settings"],
    ["DELETE", "settings/retry.times"],
    ["DELETE", "tokens/alice"]
  ])("%s %s: a word of the query that counts for nothing is 422, and it says so of the word", async (method, path) => {
    const { status, text } = await read(`${relay.url}/admin/${path}?token=alice`, {
      method,
      headers: method === "GET" ? admin : { ...admin, ...json },
      ...(method === "PATCH" || method === "POST" ? { body: "{}" } : {})
    })
    assert.strictEqual(status, 422, text)
    assert.deepStrictEqual((JSON.parse(text) as { error: { details: unknown } }).error.details, [
      { field: "token", message: "Expected no excess property", code: "unexpected" }
    ])
  })

  it("goes on where it was when the one at which the page ended is away", async () => {
    const first = (await get("channels?limit=1")).body as Page
    const away = String(first.next).replace(/\..*$/, ".gone")
    const rest = (await get(`channels?cursor=${away}`)).body as Page
    assert.strictEqual(rest.data.length, 2)
  })
})
