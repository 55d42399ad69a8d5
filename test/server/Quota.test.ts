/**
 * What tokens may spend, over real sockets: reserved before anything is asked, settled by what was delivered, told to
 * whoever has the token and to admins.
 */
import { assert, describe, it } from "@effect/vitest"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { answer, cut, status } from "../support/behaviour.ts"
import { startFaultServer } from "../support/FaultServer.ts"
import { logLines } from "../support/log.ts"
import { channelOf } from "../support/relay.ts"
import { startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { open, read } from "../support/sse.ts"
import { completion, streamIdOf, until, withRelay, type World } from "./kit.ts"

const patient = { headers: "5 seconds", firstContent: "5 seconds", idle: "5 seconds", total: "10 seconds" }

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
const json = { "content-type": "application/json" }

const tokens = (quota: object, more: object = {}) => [
  { name: "ops", key: "key-of-ops", admin: true },
  { name: "alice", key: "key-of-alice", quota, ...more }
]

const admin = async ({ relay }: World, path: string, init: RequestInit = {}) => {
  const answer = await fetch(`${relay.url}/admin${path}`, {
    ...init,
    headers: { ...bearer("key-of-ops"), ...json }
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, text, body: text.startsWith("{") ? JSON.parse(text) : {} }
}

const ask = async ({ relay }: World, more: object = {}, headers: { readonly [name: string]: string } = {}) => {
  const answer = await fetch(`${relay.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...json, ...bearer("key-of-alice"), ...headers },
    body: JSON.stringify(completion({ stream: false, ...more }))
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, text }
}

const sumOf = async (world: World) => (await admin(world, "/ledger/sum")).body

describe("quota", () => {
  it("reserves before anybody is asked, settles the usage, and tells all of it", () =>
    withRelay({ tokens: tokens({ balance: 100_000 }) }, async (world) => {
      assert.deepStrictEqual(await sumOf(world), { granted: 100_000, settled: 0, refunded: 0, open: 0, drift: 0 })
      const { status } = await ask(world)
      assert.strictEqual(status, 200)
      const { body: ledger } = await admin(world, "/ledger?token=alice")
      const [settle, reserve, grant] = ledger.data
      assert.deepStrictEqual(
        [settle, reserve, grant].map(({ kind }: { kind: string }) => kind),
        ["settle", "reserve", "grant"]
      )
      // "hello" is 5 bytes; nothing says how long the answer may be.
      assert.strictEqual(reserve.amount, 2 + 1024)
      assert.strictEqual(settle.amount, settle.input_tokens + settle.output_tokens)
      assert.strictEqual(settle.stream_id, reserve.stream_id)
      assert.strictEqual(settle.balance, 100_000 - settle.amount)
      const own = await (await fetch(`${world.relay.url}/quota`, { headers: bearer("key-of-alice") })).json()
      const expected = {
        balance: 100_000 - settle.amount,
        budget: null,
        reserved: 0,
        settledToday: settle.amount,
        settledMonth: settle.amount
      }
      assert.deepStrictEqual(own, expected)
      assert.deepStrictEqual((await admin(world, "/quota/alice")).body, expected)
      assert.deepStrictEqual((await admin(world, "/quota")).body, {
        data: [
          { token: "ops", balance: null, budget: null, reserved: 0, settledToday: 0, settledMonth: 0 },
          { token: "alice", ...expected }
        ],
        next: null
      })
      const sum = await sumOf(world)
      assert.deepStrictEqual(sum, { granted: 100_000, settled: settle.amount, refunded: 0, open: 0, drift: 0 })
      const usage = (await admin(world, "/usage?by=token")).body
      assert.deepStrictEqual(usage.data[0].credits, settle.amount)
    }))

  it("where there are no tokens it is unlimited, and what was spent is told all the same", () =>
    withRelay({ prices: { "*": { input: 0, output: 0, request: 7 } } }, async (world) => {
      const own = async () => (await fetch(`${world.relay.url}/quota`)).json()
      const unlimited = { balance: null, budget: null, reserved: 0 }
      assert.deepStrictEqual(await own(), { ...unlimited, settledToday: 0, settledMonth: 0 })
      await read(`${world.relay.url}/chat?message=hello`)
      assert.deepStrictEqual(await own(), { ...unlimited, settledToday: 7, settledMonth: 7 })
    }))

  it("a balance that is too small is 403 insufficient_user_quota, and asks nobody; on /chat before init", () =>
    withRelay({ tokens: tokens({ balance: 1000 }) }, async (world) => {
      const refused = await ask(world)
      assert.strictEqual(refused.status, 403)
      assert.strictEqual(JSON.parse(refused.text).error.code, "insufficient_user_quota")
      assert.strictEqual(refused.headers.get("x-should-retry"), "false")
      const own = await fetch(`${world.relay.url}/chat?message=hello`, { headers: bearer("key-of-alice") })
      assert.strictEqual(own.status, 403)
      assert.strictEqual((await own.json()).error.reason, "insufficient_user_quota")
      assert.lengthOf(world.a.requests, 0)
      // A limit that is small enough is let in.
      assert.strictEqual((await ask(world, { max_tokens: 100 })).status, 200)
      assert.strictEqual((await sumOf(world)).drift, 0)
    }))

  it.each([
    ["a balance", { balance: 1300 }],
    ["a budget", { budget: { amount: 1300, per: "day" } }]
  ])(
    "one after the other are let through for as long as there is enough, whatever is not settled yet: %s",
    (_, quota) =>
      withRelay({ tokens: tokens(quota) }, async (world) => {
        const got: Array<number> = []
        for (let n = 0; n < 5; n++) got.push((await ask(world)).status)
        assert.deepStrictEqual(got, [200, 200, 200, 200, 200])
        assert.strictEqual((await sumOf(world)).drift, 0)
        while ((await ask(world)).status === 200) got.push(200)
        // What is left does not pay what a request may cost.
        const { settledToday } = (await admin(world, "/quota/alice")).body
        assert.isBelow(1300 - settledToday, 2 + 1024)
      })
  )

  it("embeddings, and who shares a group's budget, are refused only for what is really spent, too", () =>
    withRelay(
      {
        tokens: [...tokens({ balance: 1300 }), { name: "bob", key: "key-of-bob" }, { name: "eve", key: "key-of-eve" }],
        groups: [{ name: "default", quota: { budget: { amount: 1700, per: "day" } } }]
      },
      async (world) => {
        for (const name of ["bob", "eve", "alice"]) {
          const { status, text } = await ask(world, {}, bearer(`key-of-${name}`))
          assert.strictEqual(status, 200, text)
        }
        world.a.setDefault(status(200, { body: { object: "list", data: [], usage: { prompt_tokens: 1 } } }))
        const embedded = await fetch(`${world.relay.url}/v1/embeddings`, {
          method: "POST",
          headers: { ...json, ...bearer("key-of-alice") },
          body: JSON.stringify({ model: "m", input: "x".repeat(4 * 600) })
        })
        assert.notStrictEqual(embedded.status, 403)
      }
    ))

  it("a budget that has too little left is 403 pre_consume_token_quota_failed", () =>
    withRelay({ tokens: tokens({ budget: { amount: 1500, per: "day" } }) }, async (world) => {
      assert.strictEqual((await ask(world, { max_tokens: 1400 })).status, 200)
      const refused = await ask(world, { max_tokens: 1600 })
      assert.strictEqual(refused.status, 403)
      assert.strictEqual(JSON.parse(refused.text).error.code, "pre_consume_token_quota_failed")
      const { body } = await admin(world, "/quota/alice")
      assert.deepStrictEqual([body.balance, body.budget], [null, { amount: 1500, per: "day" }])
    }))

  it("of 100 requests at the same time on a balance for 10, exactly 10 are let through", () =>
    withRelay({ tokens: tokens({ balance: 10 * 102 }), timeouts: patient }, async (world) => {
      // Each costs what was reserved for it: whenever it ends, nothing becomes free.
      world.a.setDefault(answer({ headersAfter: 200, usage: { prompt_tokens: 2, completion_tokens: 100 } }))
      const statuses = await Promise.all(
        Array.from({ length: 100 }, async () => (await ask(world, { max_tokens: 100 })).status)
      )
      assert.strictEqual(statuses.filter((status) => status === 200).length, 10)
      assert.strictEqual(statuses.filter((status) => status === 403).length, 90)
      assert.lengthOf(world.a.requests, 10)
      const { drift, open } = await sumOf(world)
      assert.deepStrictEqual([drift, open], [0, 0])
    }))

  it("a bad end before anything was shown costs nothing; what was delivered of a broken or cancelled answer is paid", () =>
    withRelay(
      { tokens: tokens({ balance: 100_000 }), recovery: { mode: "off" }, retry: { times: 0 } },
      async (world) => {
        world.a.enqueue(status(500))
        assert.strictEqual((await ask(world)).status, 502)
        assert.deepInclude(await sumOf(world), { settled: 0, refunded: 1026, open: 0, drift: 0 })
        // It breaks after two words, as a whole answer: nothing was given to the client.
        world.a.enqueue(cut(2, "reset"))
        assert.strictEqual((await ask(world)).status, 502)
        assert.deepInclude(await sumOf(world), { settled: 0, refunded: 2052, open: 0, drift: 0 })
        world.a.enqueue(cut(2, "reset"))
        await ask(world, { stream: true })
        const broken = (await sumOf(world)).settled
        assert.isAbove(broken, 0)
        world.a.enqueue(answer({ delay: 50 }))
        const live = await open(`${world.relay.url}/chat?message=hello`, { headers: bearer("key-of-alice") })
        await live.until(() => live.events.length >= 4)
        const id = streamIdOf(live.events)
        await read(`${world.relay.url}/streams/${id}`, { method: "DELETE", headers: bearer("key-of-alice") })
        await live.done
        const sum = await sumOf(world)
        assert.isAbove(sum.settled, broken)
        assert.deepInclude(sum, { refunded: 2052, open: 0, drift: 0 })
        const { body } = await admin(world, "/ledger?limit=1")
        assert.deepInclude(body.data[0], { kind: "settle", stream_id: id, reason: "stream_cancelled", channel: "a" })
      }
    ))

  it("the caller pays one prompt and what was delivered, whoever went on with it", () =>
    withRelay({ tokens: tokens({ balance: 100_000 }), channels: { b: { continuation: "message" } } }, async (world) => {
      world.a.enqueue(cut(16, "reset", { usage: { prompt_tokens: 500, completion_tokens: 9 } }))
      world.b.enqueue(answer({ message: "restart", usage: { prompt_tokens: 900, completion_tokens: 800 } }))
      await ask(world, { stream: true })
      const { body } = await admin(world, "/ledger?limit=1")
      const [row] = body.data
      // What the second was asked with is the operator's, and so is what it has said again.
      assert.isBelow(row.input_tokens, 500)
      assert.isBelow(row.output_tokens, 750)
      assert.isAbove(row.output_tokens, 300)
    }))

  it("a replay under an idempotency key costs nothing, and reserves nothing", () =>
    withRelay({ tokens: tokens({ balance: 1500 }) }, async (world) => {
      const key = { "idempotency-key": "key-of-this-request" }
      const first = await ask(world, {}, key)
      assert.strictEqual(first.status, 200)
      const { body: before } = await admin(world, "/ledger")
      // It could not be paid for a second time.
      await admin(world, "/quota/alice", { method: "POST", body: JSON.stringify({ set: 0, reason: "spent" }) })
      const again = await ask(world, {}, key)
      assert.deepStrictEqual([again.status, again.headers.get("x-idempotent-replay")], [200, "true"])
      assert.strictEqual(again.text, first.text)
      const { body: after } = await admin(world, "/ledger")
      assert.lengthOf(after.data, before.data.length + 1)
      assert.strictEqual((await ask(world, {}, { "idempotency-key": "another-key" })).status, 403)
    }))

  it("embeddings cost the prompt that their answer says, in credits and in rateLimit.tokens", () =>
    withRelay(
      {
        tokens: tokens({ balance: 1000 }, { rateLimit: { requests: 60, tokens: 50, per: "1 hour" } }),
        prices: { m: { input: 2.5, output: 9 } }
      },
      async (world) => {
        const made = {
          object: "list",
          data: [{ object: "embedding", index: 0, embedding: [1] }],
          usage: { prompt_tokens: 61, total_tokens: 61 }
        }
        world.a.setDefault(status(200, { body: made }))
        const embed = () =>
          fetch(`${world.relay.url}/v1/embeddings`, {
            method: "POST",
            headers: { ...json, ...bearer("key-of-alice") },
            body: JSON.stringify({ model: "m", input: "hello" })
          })
        assert.strictEqual((await embed()).status, 200)
        const { body } = await admin(world, "/ledger?token=alice")
        assert.deepStrictEqual(
          body.data.map(({ amount, kind }: { amount: number; kind: string }) => [kind, amount]),
          [
            ["settle", 153],
            ["reserve", 5],
            ["grant", 1000]
          ]
        )
        assert.strictEqual((await embed()).status, 429)
        assert.deepInclude(await sumOf(world), { settled: 153, open: 0, drift: 0 })
      }
    ))

  it("a token without a limit reserves nothing, and is told in usage all the same", () =>
    withRelay({ tokens: [...tokens({}), { name: "bob", key: "key-of-bob" }] }, async (world) => {
      assert.strictEqual((await ask(world, {}, bearer("key-of-bob"))).status, 200)
      const { body } = await admin(world, "/ledger")
      assert.deepStrictEqual(
        body.data.map(({ balance, kind }: { balance: null; kind: string }) => [kind, balance]),
        [["settle", null]]
      )
      assert.strictEqual((await ask(world)).status, 200)
      const whole = (await admin(world, "/usage?by=token")).body
      const first = (await admin(world, "/usage?by=token&limit=1")).body
      const last = (await admin(world, `/usage?by=token&limit=1&cursor=${first.next}`)).body
      assert.lengthOf(whole.data, 2)
      assert.deepStrictEqual([whole.next, last.next], [null, null])
      assert.deepStrictEqual([...first.data, ...last.data], whole.data)
      const part = await admin(world, "/usage?by=token&limit=1&format=csv")
      assert.strictEqual(part.headers.get("x-next-cursor"), first.next)
      const csv = await admin(world, "/usage?by=channel&format=csv")
      assert.match(csv.headers.get("content-type") ?? "", /^text\/csv/)
      assert.match(csv.text, /^key,requests,input_tokens,cached_tokens,output_tokens,credits\r\na,2,/)
      const rows = await admin(world, "/ledger?format=csv")
      assert.match(rows.text, /^id,at,token,group,kind,amount,balance,/)
    }))

  it("the balance of a token that is made or changed by the API is what it has", () =>
    withRelay({ tokens: tokens({}) }, async (world) => {
      const send = (method: string, path: string, body: object) =>
        admin(world, path, { method, body: JSON.stringify(body) })
      const balanceOf = async () => (await admin(world, "/quota/bob")).body.balance
      const made = await send("POST", "/tokens", { name: "bob", quota: { balance: 5000 } })
      assert.strictEqual(made.status, 201)
      assert.strictEqual(await balanceOf(), 5000)
      const statusOf = async (key: string) => (await ask(world, {}, bearer(key))).status
      assert.strictEqual(await statusOf(made.body.key), 200)
      // What is said anew is what is left; what is left out stays.
      const spent = 5000 - (await balanceOf())
      assert.isAbove(spent, 0)
      assert.strictEqual((await send("PATCH", "/tokens/bob", { models: ["*"] })).status, 200)
      assert.strictEqual(await balanceOf(), 5000 - spent)
      assert.strictEqual((await send("PATCH", "/tokens/bob", { quota: { balance: 0 } })).status, 200)
      assert.strictEqual(await balanceOf(), 0)
      assert.strictEqual(await statusOf(made.body.key), 403)
      assert.strictEqual((await send("PATCH", "/tokens/bob", { quota: { balance: 3000 } })).status, 200)
      assert.strictEqual(await statusOf(made.body.key), 200)
      assert.strictEqual((await send("PATCH", "/tokens/bob", { quota: null })).status, 200)
      assert.isNull(await balanceOf())
      assert.strictEqual((await send("PATCH", "/tokens/bob", { quota: { balance: 9 } })).status, 200)
      await admin(world, "/tokens/bob", { method: "DELETE" })
      const again = await send("POST", "/tokens", { name: "bob", quota: { balance: 4000 } })
      assert.strictEqual(await balanceOf(), 4000)
      await admin(world, "/tokens/bob", { method: "DELETE" })
      assert.strictEqual(await statusOf(again.body.key), 401)
      const unlimited = await send("POST", "/tokens", { name: "bob" })
      assert.isNull(await balanceOf())
      assert.strictEqual(await statusOf(unlimited.body.key), 200)
      const { body } = await admin(world, "/ledger?token=bob")
      assert.deepStrictEqual(
        body.data
          .filter(({ kind }: { kind: string }) => kind === "grant")
          .map(({ balance, reason }: { [field: string]: unknown }) => [reason, balance]),
        [
          ["token.create", null],
          ["token.create", 4000],
          ["token.update", 9],
          ["token.update", null],
          ["token.update", 3000],
          ["token.update", 0],
          ["token.create", 5000]
        ]
      )
      assert.deepInclude(await sumOf(world), { open: 0, drift: 0 })
    }))

  it("amounts are bounded, so that sums stay exact: 422 with the path, and 409 where the sum would be more", () =>
    withRelay({ tokens: tokens({ balance: 5 }) }, async (world) => {
      const post = (path: string, body: object) => admin(world, path, { method: "POST", body: JSON.stringify(body) })
      const field = ({ body }: Awaited<ReturnType<typeof post>>) => body.error.details[0].field
      for (const [key, value] of [
        ["add", 1e12 + 1],
        ["add", -1e12 - 1],
        ["set", 1e12 + 1],
        ["set", 9007199254740991]
      ] as const) {
        const refused = await post("/quota/alice", { [key]: value })
        assert.deepStrictEqual([refused.status, field(refused)], [422, key], `${key} ${value}`)
      }
      const made = await post("/tokens", { name: "bob", quota: { balance: 1e12 + 1 } })
      assert.deepStrictEqual([made.status, field(made)], [422, "quota.balance"])
      const budget = await post("/tokens", { name: "bob", quota: { budget: { amount: 1e12 + 1, per: "day" } } })
      assert.deepStrictEqual([budget.status, field(budget)], [422, "quota.budget.amount"])
      assert.deepInclude((await post("/quota/alice", { set: 1e12 })).body, { balance: 1e12 })
      assert.strictEqual((await post("/quota/alice", { add: 1 })).status, 409)
      assert.deepInclude((await admin(world, "/quota/alice")).body, { balance: 1e12 })
      assert.deepInclude(await sumOf(world), { granted: 1e12, drift: 0 })
    }))

  it("an admin adds and sets; each leaves a row in the ledger and one in the audit", () =>
    withRelay({ tokens: tokens({ balance: 5 }) }, async (world) => {
      const post = (body: object, path = "/quota/alice") =>
        admin(world, path, { method: "POST", body: JSON.stringify(body) })
      assert.deepInclude((await post({ add: 100, reason: "a gift" })).body, { balance: 105, reserved: 0 })
      assert.deepInclude((await post({ set: 7, reason: "less" })).body, { balance: 7 })
      const { body } = await admin(world, "/ledger?token=alice")
      assert.deepStrictEqual(
        body.data.map(({ amount, balance, kind, reason }: { [field: string]: unknown }) => [
          kind,
          amount,
          balance,
          reason
        ]),
        [
          ["grant", -98, 7, "less"],
          ["grant", 100, 105, "a gift"],
          ["grant", 5, 5, "first seen"]
        ]
      )
      assert.deepInclude(await sumOf(world), { granted: 7, drift: 0 })
      const { body: audit } = await admin(world, "/audit?limit=1")
      assert.deepInclude(audit.data[0], {
        who: "ops",
        what: "quota.grant",
        path: "tokens/alice",
        before: { balance: 105 }
      })
      assert.strictEqual((await post({ add: 1, set: 1 })).status, 422)
      assert.strictEqual((await post({ add: 1.5 })).status, 422)
      assert.strictEqual((await post({ add: 1 }, "/quota/nobody")).status, 404)
      assert.strictEqual((await post({ add: 1 }, "/quota/ops")).status, 409)
      for (const query of ["limit=0", "colour=red", "from=yesterday"]) {
        assert.strictEqual((await admin(world, `/ledger?${query}`)).status, 422, query)
      }
      assert.strictEqual((await admin(world, "/usage?by=colour")).status, 422)
      for (const query of ["limit=0", "cursor=soon"]) {
        assert.strictEqual((await admin(world, `/usage?by=token&${query}`)).status, 422)
      }
      const none = await admin(world, "/ledger?from=2020-01-01&to=2020-02-01T00:00:00Z")
      assert.deepStrictEqual(none.body, { data: [], next: null })
    }))
})

describe("quota_low", () => {
  it("is told to the webhook once a token has a tenth of its last grant left, and once only", async () => {
    const posted: Array<string> = []
    const hook = createServer((request, response) => {
      request.setEncoding("utf8").on("data", (chunk: string) => posted.push(chunk))
      request.on("end", () => response.writeHead(204).end())
    })
    await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve))
    const { port } = hook.address() as AddressInfo
    try {
      await withRelay(
        { tokens: tokens({ balance: 1100 }), alerts: { webhook: `http://127.0.0.1:${port}/`, events: ["quota_low"] } },
        async (world) => {
          world.a.setDefault(answer({ usage: { prompt_tokens: 900, completion_tokens: 90 } }))
          assert.strictEqual((await ask(world)).status, 200)
          world.a.setDefault(answer({ usage: { prompt_tokens: 2, completion_tokens: 3 } }))
          assert.strictEqual((await ask(world, { max_tokens: 10 })).status, 200)
          await until(() => posted.length > 0)
          await sumOf(world)
          const [told, ...more] = posted.map((body) => JSON.parse(body) as { [field: string]: unknown })
          assert.deepInclude(told, { event: "quota_low", token: "alice" })
          assert.deepStrictEqual(more, [])
        }
      )
    } finally {
      hook.close()
    }
  })
})

describe("books that are away", { timeout: 60_000 }, () => {
  it("a request that needs a reservation is 500 query_data_error; others are answered, and settled when they are back", async () => {
    const folder = temporaryFolder()
    const books = `${folder.path}/books.db`
    try {
      await withRelay(
        { tokens: [...tokens({ balance: 10_000 }), { name: "bob", key: "key-of-bob" }], books: { path: books } },
        async (world) => {
          assert.strictEqual((await ask(world)).status, 200)
          const other = new DatabaseSync(books)
          other.exec("PRAGMA busy_timeout = 2000; BEGIN IMMEDIATE")
          const refused = await ask(world)
          assert.strictEqual(refused.status, 500)
          assert.strictEqual(JSON.parse(refused.text).error.code, "query_data_error")
          assert.notInclude(refused.text, "busy")
          const ready = await (await fetch(`${world.relay.url}/health/ready`)).json()
          assert.deepInclude(ready, { ready: true, degraded: ["books"] })
          const refusal = () =>
            logLines().findLast(({ code, event }) => event === "relay_refused" && code === "query_data_error")
          await until(() => refusal() !== undefined)
          assert.include(refusal()?.["error"], `the books at ${books} are busy`)
          assert.strictEqual((await ask(world, {}, bearer("key-of-bob"))).status, 200)
          // Who asks what there is left waits for one settlement that fails, and not for that of each before it.
          const asked = performance.now()
          const quota = () => fetch(`${world.relay.url}/quota`, { headers: bearer("key-of-alice") })
          const told = await Promise.all(Array.from({ length: 5 }, quota))
          assert.deepStrictEqual([...new Set(told.map(({ status }) => status))], [500])
          assert.isBelow(performance.now() - asked, 15_000)
          other.exec("ROLLBACK")
          other.close()
          const { body } = await admin(world, "/usage?by=token")
          assert.sameMembers(
            body.data.map(({ key, requests }: { key: string; requests: number }) => `${key} ${requests}`),
            ["alice 1", "bob 1"]
          )
          assert.deepInclude(await sumOf(world), { open: 0, drift: 0 })
        }
      )
    } finally {
      folder.remove()
    }
  })

  it("what ended meanwhile is settled within seconds, though nobody asks", async () => {
    const folder = temporaryFolder()
    const books = `${folder.path}/books.db`
    try {
      await withRelay({ tokens: [{ name: "bob", key: "key-of-bob" }], books: { path: books } }, async (world) => {
        const other = new DatabaseSync(books)
        other.exec("PRAGMA busy_timeout = 2000; ALTER TABLE relay_ledger RENAME TO elsewhere")
        assert.strictEqual((await ask(world, {}, bearer("key-of-bob"))).status, 200)
        // Longer than an end is waited for.
        await sleep(2_500)
        other.exec("ALTER TABLE elsewhere RENAME TO relay_ledger")
        const settled = (): number =>
          Number(other.prepare("SELECT count(*) AS n FROM relay_ledger WHERE kind = 'settle'").get()?.["n"])
        for (const until = performance.now() + 15_000; settled() === 0 && performance.now() < until; ) await sleep(200)
        assert.strictEqual(settled(), 1)
        other.close()
      })
    } finally {
      folder.remove()
    }
  })

  it("what a token has is 500 query_data_error while tokens cannot be looked up, and not 404", async () => {
    const folder = temporaryFolder()
    const books = `${folder.path}/books.db`
    try {
      await withRelay({ tokens: tokens({ balance: 10_000 }), books: { path: books } }, async (world) => {
        const other = new DatabaseSync(books)
        other.exec("PRAGMA busy_timeout = 2000; ALTER TABLE relay_tokens RENAME TO elsewhere")
        for (const init of [{}, { method: "POST", body: JSON.stringify({ add: 1 }) }]) {
          const away = await admin(world, "/quota/nobody", init)
          assert.deepStrictEqual([away.status, away.body.error.reason], [500, "query_data_error"])
        }
        other.exec("ALTER TABLE elsewhere RENAME TO relay_tokens")
        other.close()
        assert.strictEqual((await admin(world, "/quota/nobody")).status, 404)
      })
    } finally {
      folder.remove()
    }
  })

  it("what was reserved by a process that is gone is refunded when the next one starts, also with a store in memory", async () => {
    const folder = temporaryFolder()
    const upstream = await startFaultServer()
    const file = writeConfiguration(folder.path, {
      server: { port: 0 },
      store: { type: "memory" },
      books: { type: "sqlite", path: `${folder.path}/books.db` },
      tokens: tokens({ balance: 10_000 }),
      channels: [channelOf("a", upstream.url)]
    })
    try {
      upstream.setDefault(answer({ headersAfter: 60_000 }))
      const first = await startRelayProcess(file)
      const headers = bearer("key-of-alice")
      const lost = read(`${first.url}/v1/chat/completions`, { headers, body: completion() }).catch(() => undefined)
      await upstream.received(1)
      first.kill("SIGKILL")
      await Promise.all([first.ended, lost])
      const second = await startRelayProcess(file)
      const { text } = await read(`${second.url}/admin/ledger/sum`, { headers: bearer("key-of-ops") })
      assert.deepStrictEqual(JSON.parse(text), { granted: 10_000, settled: 0, refunded: 1026, open: 0, drift: 0 })
      second.kill("SIGKILL")
      await second.ended
    } finally {
      await upstream.close()
      folder.remove()
    }
  })
})
