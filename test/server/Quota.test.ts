/**
 * What tokens may spend, over real sockets: reserved before anything is asked, settled by what was delivered, told to
 * whoever has the token and to admins.
 */
import { assert, describe, it } from "@effect/vitest"
import { answer } from "../support/behaviour.ts"
import { completion, withRelay, type World } from "./kit.ts"

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
      const sum = await sumOf(world)
      assert.deepStrictEqual(sum, { granted: 100_000, settled: settle.amount, refunded: 0, open: 0, drift: 0 })
      const usage = (await admin(world, "/usage?by=token")).body
      assert.deepStrictEqual(usage.data[0].credits, settle.amount)
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
})
