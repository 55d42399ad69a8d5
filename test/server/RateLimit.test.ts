/**
 * How often and how many at once each may ask, and which words with. Over real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Result } from "effect"
import { decodeConfiguration } from "#src/cli/index"
import { status } from "../support/behaviour.ts"
import { channelOf } from "../support/relay.ts"
import { read } from "../support/sse.ts"
import { completion, until, withRelay, type World } from "./kit.ts"

const post = (
  path: string,
  body: unknown,
  headers: { readonly [name: string]: string } = {}
): RequestInit & { path: string } => ({
  path,
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body)
})

const ask = async ({ relay }: World, { path, ...init }: RequestInit & { path: string }) => {
  const answer = await fetch(`${relay.url}${path}`, init)
  const text = await answer.text()
  const header = (name: string) => answer.headers.get(name)
  return { status: answer.status, header, text }
}

const chat = (more: object = {}, headers: { readonly [name: string]: string } = {}) =>
  post("/v1/chat/completions", completion({ stream: false, ...more }), headers)
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

describe("rateLimit", () => {
  it("over it a request is 429 and costs nothing upstream; every answer says how many are left", () =>
    withRelay({ rateLimit: { requests: 2, per: "1 minute" } }, async (world) => {
      const first = await ask(world, chat())
      assert.deepStrictEqual(
        ["limit", "remaining", "reset"].map((what) => first.header(`x-ratelimit-${what}-requests`)),
        ["2", "1", "30s"]
      )
      assert.isNull(first.header("x-ratelimit-limit-tokens"))
      assert.strictEqual((await ask(world, chat())).status, 200)
      const refused = await ask(world, chat())
      assert.strictEqual(refused.status, 429)
      assert.strictEqual(JSON.parse(refused.text).error.code, "rate_limited")
      assert.strictEqual(JSON.parse(refused.text).error.type, "rate_limit_error")
      assert.strictEqual(refused.header("x-ratelimit-remaining-requests"), "0")
      const seconds = Number(refused.header("retry-after"))
      const millis = Number(refused.header("retry-after-ms"))
      assert.isTrue(millis > 25_000 && millis <= 30_000 && seconds === Math.ceil(millis / 1000), `${millis}`)
      assert.strictEqual(refused.header("x-should-retry"), "true")
      assert.lengthOf(world.a.requests, 2)
      // In the envelope of each dialect, and on /chat before the stream begins.
      const messages = post("/v1/messages", { model: "m", max_tokens: 5, messages: [{ role: "user", content: "x" }] })
      assert.strictEqual(JSON.parse((await ask(world, messages)).text).error.type, "rate_limit_error")
      const own = await ask(world, { path: "/chat?message=hello" })
      assert.deepStrictEqual([own.status, JSON.parse(own.text).error.reason], [429, "rate_limited"])
      // What begins nothing is free, and says nothing of limits.
      for (const path of ["/health/live", "/metrics", "/v1/models"]) {
        const free = await ask(world, { path })
        assert.deepStrictEqual([free.status, free.header("x-ratelimit-limit-requests")], [200, null], path)
      }
    }))

  it("a bad request counts too, and a resumed stream does not", () =>
    withRelay({ rateLimit: { requests: 2, per: "1 minute" } }, async (world) => {
      const bad = await ask(world, post("/v1/chat/completions", { model: 5 }))
      assert.deepStrictEqual([bad.status, bad.header("x-ratelimit-remaining-requests")], [400, "1"])
      const { events } = await read(`${world.relay.url}/chat?message=hello`)
      for (let time = 0; time < 3; time++) {
        const again = await ask(world, { path: "/chat?message=hello", headers: { "last-event-id": events[1]!.id! } })
        assert.deepStrictEqual([again.status, again.header("x-ratelimit-limit-requests")], [200, null])
      }
    }))

  it("each token has its own bucket, and its own limit where it has one", () =>
    withRelay(
      {
        rateLimit: { requests: 1, per: "1 minute" },
        tokens: [
          { name: "alice", key: "key-alice" },
          { name: "bob", key: "key-bob" },
          { name: "carol", key: "key-carol", rateLimit: { requests: 3, per: "1 minute" } }
        ]
      },
      async (world) => {
        const statuses = async (key: string, times: number) => {
          const all: Array<number> = []
          for (let time = 0; time < times; time++) all.push((await ask(world, chat({}, bearer(key)))).status)
          return all
        }
        assert.deepStrictEqual(await statuses("key-alice", 2), [200, 429])
        assert.deepStrictEqual(await statuses("key-bob", 2), [200, 429])
        assert.deepStrictEqual(await statuses("key-carol", 4), [200, 200, 200, 429])
      }
    ))

  it("by address: what a trusted proxy says counts, and what others say does not", () =>
    withRelay(
      { rateLimit: { requests: 1, per: "1 minute", by: "address" }, server: { trustProxy: ["127.0.0.1"] } },
      async (world) => {
        const from = (forwarded: string) => ask(world, chat({}, { "x-forwarded-for": forwarded }))
        const statuses = []
        for (const forwarded of [
          "198.51.100.1",
          "198.51.100.2",
          "198.51.100.1",
          "6.6.6.6, 198.51.100.1",
          "2001:db8::1",
          "2001:db8::2"
        ]) {
          statuses.push((await from(forwarded)).status)
        }
        assert.deepStrictEqual(statuses, [200, 200, 429, 429, 200, 429])
      }
    ))

  it("tokens of models are charged when the answer has ended", () =>
    withRelay({ rateLimit: { requests: null, tokens: 10, per: "1 minute" } }, async (world) => {
      const first = await ask(world, chat())
      assert.strictEqual(first.header("x-ratelimit-limit-tokens"), "10")
      assert.isNull(first.header("x-ratelimit-limit-requests"))
      await until(async () => (await ask(world, chat())).status === 429)
      assert.strictEqual((await ask(world, chat())).header("x-ratelimit-remaining-tokens"), "0")
    }))

  it("an answer that failed before it showed anything is charged no tokens", () =>
    withRelay(
      { rateLimit: { requests: null, tokens: 10, per: "1 hour" }, retry: { times: 0 }, recovery: { mode: "off" } },
      async (world) => {
        world.a.setDefault(status(500))
        const long = chat({ messages: [{ role: "user", content: "hello ".repeat(100) }] })
        assert.strictEqual((await ask(world, long)).status, 502)
        assert.strictEqual((await ask(world, long)).header("x-ratelimit-remaining-tokens"), "10")
      }
    ))

  it("none is said where there is none", () =>
    withRelay({}, async (world) => {
      assert.isNull((await ask(world, chat())).header("x-ratelimit-limit-requests"))
    }))
})

const patient = { headers: "5 seconds", firstContent: "5 seconds", idle: "5 seconds" }

describe("a token's own bounds", () => {
  it("concurrency: one answer more than it may have at once is 429, and one that has ended makes room", () =>
    withRelay(
      {
        tokens: [{ name: "alice", key: "key-alice", concurrency: 2 }],
        timeouts: { idle: "5 seconds", firstContent: "5 seconds", headers: "5 seconds" }
      },
      async (world) => {
        world.a.setDefault({ kind: "answer", delay: 30 })
        const all = await Promise.all([1, 2, 3, 4].map(() => ask(world, chat({}, bearer("key-alice")))))
        assert.deepStrictEqual(all.map(({ status }) => status).toSorted(), [200, 200, 429, 429])
        assert.isNotNull(all.find(({ status }) => status === 429)!.header("retry-after"))
        await until(async () => (await ask(world, chat({}, bearer("key-alice")))).status === 200)
      }
    ))

  it("concurrency: embeddings count too, also beside answers", () =>
    withRelay({ tokens: [{ name: "alice", key: "key-alice", concurrency: 1 }], timeouts: patient }, async (world) => {
      const made = { object: "list", data: [{ object: "embedding", index: 0, embedding: [1] }], usage: {} }
      world.a.setDefault(status(200, { body: made, delay: 500 }))
      const embed = () => ask(world, post("/v1/embeddings", { model: "m", input: "hello" }, bearer("key-alice")))
      const all = await Promise.all([embed(), embed(), embed()])
      assert.deepStrictEqual(all.map(({ status }) => status).toSorted(), [200, 429, 429])
      assert.lengthOf(world.a.requests, 1)
      const first = embed()
      await world.a.received(2)
      assert.strictEqual((await ask(world, chat({}, bearer("key-alice")))).status, 429)
      assert.strictEqual((await first).status, 200)
      assert.strictEqual((await embed()).status, 200)
    }))

  it("concurrency: who is refused by it gives back its place in the rate limit", () =>
    withRelay(
      {
        tokens: [{ name: "alice", key: "key-alice", concurrency: 1, rateLimit: { requests: 2, per: "1 hour" } }],
        timeouts: patient
      },
      async (world) => {
        world.a.setDefault({ kind: "answer", headersAfter: 500 })
        const first = ask(world, chat({}, bearer("key-alice")))
        await world.a.received(1)
        const embedding = post("/v1/embeddings", { model: "m", input: "hello" }, bearer("key-alice"))
        for (const refused of [chat({}, bearer("key-alice")), embedding, chat({}, bearer("key-alice"))]) {
          const { header, status, text } = await ask(world, refused)
          assert.deepStrictEqual([status, header("retry-after")], [429, "1"], text)
        }
        assert.strictEqual((await first).status, 200)
        const last = await ask(world, chat({}, bearer("key-alice")))
        assert.deepStrictEqual([last.status, last.header("x-ratelimit-remaining-requests")], [200, "0"])
      }
    ))

  it("addresses: from elsewhere it is 403", () =>
    withRelay(
      {
        tokens: [
          { name: "here", key: "key-here", addresses: ["127.0.0.0/8"] },
          { name: "there", key: "key-there", addresses: ["198.51.100.0/24", "2001:db8::/32"] }
        ]
      },
      async (world) => {
        assert.strictEqual((await ask(world, chat({}, bearer("key-here")))).status, 200)
        const foreign = await ask(world, chat({}, { ...bearer("key-there"), "x-forwarded-for": "198.51.100.1" }))
        assert.deepStrictEqual([foreign.status, JSON.parse(foreign.text).error.code], [403, "access_denied"])
      }
    ))

  it("one that is switched off or has expired is as if it were unknown", () =>
    withRelay(
      {
        tokens: [
          { name: "off", key: "key-off", enabled: false },
          { name: "old", key: "key-old", expiresAt: "2020-01-01T00:00:00Z" },
          { name: "new", key: "key-new", expiresAt: "2120-01-01T00:00:00+02:00" }
        ]
      },
      async (world) => {
        const answers = await Promise.all(
          ["key-off", "key-old", "key-no", "key-new"].map((key) => ask(world, chat({}, bearer(key))))
        )
        assert.deepStrictEqual(
          answers.map(({ status }) => status),
          [401, 401, 401, 200]
        )
        const told = answers.slice(0, 3).map(({ text }) => JSON.parse(text).error.message.replace(/\(.*/, ""))
        assert.strictEqual(new Set(told).size, 1)
      }
    ))
})

describe("an idempotency key and a bound", () => {
  const keyed = (key: string, more: object = {}, headers: { readonly [name: string]: string } = {}) =>
    chat(more, { "idempotency-key": key, ...headers })

  it("a replay is free: it is given also where nothing more may be begun, and says nothing of limits", () =>
    withRelay({ rateLimit: { requests: 1, per: "1 minute" } }, async (world) => {
      const first = await ask(world, keyed("one"))
      assert.deepStrictEqual([first.status, first.header("x-ratelimit-remaining-requests")], [200, "0"])
      for (let time = 0; time < 3; time++) {
        const again = await ask(world, keyed("one"))
        assert.deepStrictEqual(
          [again.status, again.header("x-idempotent-replay"), again.header("x-ratelimit-limit-requests"), again.text],
          [200, "true", null, first.text]
        )
      }
      const other = await ask(world, keyed("two"))
      assert.deepStrictEqual([other.status, other.header("x-ratelimit-remaining-requests")], [429, "0"])
      assert.lengthOf(world.a.requests, 1)
    }))

  it("a request with a key that fails says how many are left", () =>
    withRelay({ rateLimit: { requests: 3, per: "1 minute" } }, async (world) => {
      const bad = await ask(world, keyed("one", { model: 5 }))
      assert.deepStrictEqual([bad.status, bad.header("x-ratelimit-remaining-requests")], [400, "2"])
      await ask(world, keyed("one"))
      const other = await ask(world, keyed("one", { temperature: 1 }))
      assert.deepStrictEqual([other.status, other.header("x-ratelimit-remaining-requests")], [409, "0"])
    }))

  it("a token that has as many answers as it may comes back to one of them", () =>
    withRelay(
      {
        tokens: [{ name: "alice", key: "key-alice", concurrency: 1 }],
        timeouts: { idle: "5 seconds", firstContent: "5 seconds", headers: "5 seconds" }
      },
      async (world) => {
        world.a.setDefault({ kind: "answer", delay: 30 })
        const one = () => ask(world, keyed("one", {}, bearer("key-alice")))
        const [first, again] = await Promise.all([one(), one()])
        assert.deepStrictEqual([first.status, again.status, first.text === again.text], [200, 200, true])
        assert.lengthOf(world.a.requests, 1)
      }
    ))

  it("by address beside tokens: tokens of models are charged to the address", () =>
    withRelay(
      {
        rateLimit: { requests: null, tokens: 10, per: "1 minute", by: "address" },
        tokens: [{ name: "alice", key: "key-alice" }]
      },
      async (world) => {
        await ask(world, chat({}, bearer("key-alice")))
        await until(async () => (await ask(world, chat({}, bearer("key-alice")))).status === 429)
      }
    ))
})

describe("who guesses tokens", () => {
  it("is told less often, and whoever has one is not touched by it", () =>
    withRelay({ tokens: [{ name: "alice", key: "key-alice" }] }, async (world) => {
      const statuses = []
      for (let guess = 0; guess < 63; guess++)
        statuses.push((await ask(world, chat({}, bearer(`key-${guess}`)))).status)
      assert.deepStrictEqual(new Set(statuses.slice(0, 60)), new Set([401]))
      assert.strictEqual(statuses.at(-1), 429)
      assert.strictEqual((await ask(world, chat({}, bearer("key-alice")))).status, 200)
    }))
})

describe("sensitiveWords", () => {
  it("what a user says is looked at, in any case and width, and nobody is asked", () =>
    withRelay({ sensitiveWords: { words: ["hush hush"] } }, async (world) => {
      const said = (content: unknown, role = "user") =>
        ask(
          world,
          chat({
            messages: [
              { role, content },
              { role: "user", content: "hello" }
            ]
          })
        )
      const refused = await said("tell me HUSH ｈush things")
      assert.strictEqual(refused.status, 400)
      assert.strictEqual(JSON.parse(refused.text).error.code, "sensitive_words_detected")
      assert.notMatch(refused.text, /hush/i)
      assert.strictEqual((await said([{ type: "text", text: "hush hush" }])).status, 400)
      assert.lengthOf(world.a.requests, 0)
      assert.strictEqual((await said("hush hush", "system")).status, 200)
      assert.strictEqual((await said("hush")).status, 200)
      const own = await ask(world, { path: "/chat?message=a%20Hush%20hush" })
      assert.deepStrictEqual([own.status, JSON.parse(own.text).error.reason], [400, "sensitive_words_detected"])
    }))

  it("more of them stand in a file", () => {
    const file = join(mkdtempSync(join(tmpdir(), "words-")), "words.txt")
    writeFileSync(file, "\uFEFF# no word\r\n\r\nquietly\r\n")
    return withRelay({ sensitiveWords: { file } }, async (world) => {
      const said = (content: string) => ask(world, chat({ messages: [{ role: "user", content }] }))
      assert.strictEqual((await said("Quietly!")).status, 400)
      assert.strictEqual((await said("# no word")).status, 200)
    })
  })
})

describe("what cannot be", () => {
  it.each([
    [{ rateLimit: { requests: 0 } }, "test: rateLimit.requests: expected an integer of at least 1, or null, got 0"],
    [{ rateLimit: { per: "0 seconds" } }, "test: rateLimit.per: expected a duration"],
    [{ rateLimit: { by: "name" } }, 'test: rateLimit.by: expected "token" or "address"'],
    [{ rateLimit: { request: 1 } }, "test: rateLimit.request: unknown key"],
    [{ server: { trustProxy: ["10.0.0.0/33"] } }, "test: server.trustProxy[0]: expected an address"],
    [{ tokens: [{ name: "a", key: "k", addresses: ["here"] }] }, "test: tokens[0].addresses[0]: expected an address"],
    [{ tokens: [{ name: "a", key: "k", expiresAt: "tomorrow" }] }, "test: tokens[0].expiresAt: expected a moment"],
    [
      { tokens: [{ name: "a", key: "k", concurrency: 0 }] },
      "test: tokens[0].concurrency: expected an integer of at least 1"
    ],
    [
      { sensitiveWords: { file: "/nowhere/words.txt" } },
      "test: sensitiveWords.file: expected a file of words that can be read (ENOENT)"
    ]
  ])("%j", (sections, expected) => {
    const decoded = decodeConfiguration(
      { channels: [channelOf("a", "http://127.0.0.1:1/v1")], ...sections },
      {},
      "test"
    )
    assert.isTrue(Result.isFailure(decoded))
    if (Result.isFailure(decoded)) assert.include(decoded.failure.message, expected)
  })
})
