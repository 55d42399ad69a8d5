/**
 * Sessions that go back to where they were answered last, and requests that are pinned. Over real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { decodeConfiguration } from "#src/cli/index"
import { sessionOf } from "#src/server/Session"
import { cut, rateLimited, status } from "../support/behaviour.ts"
import { channelOf } from "../support/relay.ts"
import { read } from "../support/sse.ts"
import { completion, withRelay, type World } from "./kit.ts"

interface Asked {
  readonly path?: string
  readonly body?: object
  readonly headers?: { readonly [name: string]: string }
}

const ask = async ({ relay }: World, { body = {}, headers = {}, path = "/v1/chat/completions" }: Asked = {}) => {
  const answer = await fetch(relay.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(completion({ stream: false, ...body }))
  })
  const text = await answer.text()
  return { status: answer.status, code: (JSON.parse(text) as { error?: { code?: string } }).error?.code, text }
}

/** Who is asked, by channel and key, of so many requests. */
const askedOf = ({ a, b }: World): ReadonlyArray<string> =>
  [...a.requests, ...b.requests]
    .toSorted((one, other) => one.at - other.at)
    .map(({ headers }) => {
      const { authorization } = headers
      return String(authorization).replace("Bearer ", "")
    })

const affinityOf = async ({ relay }: World, headers: { readonly [name: string]: string } = {}) => {
  const text = await (await fetch(`${relay.url}/metrics`, { headers })).text()
  const counts = [...text.matchAll(/^relay_affinity_total\{result="(\w+)"\} (\d+)$/gm)]
  return Object.fromEntries(counts.map(([, result, count]) => [result, Number(count)]))
}

const even = {
  a: { priority: 0, keys: ["a0", "a1", "a2"], keyMode: "random" },
  b: { priority: 0, keys: ["b0", "b1", "b2"], keyMode: "random" }
}
const oneSession = { headers: { "x-session-id": "conversation-1" } }

describe("affinity", () => {
  it("a session goes back to the channel and key that answered it", () =>
    withRelay({ affinity: {}, channels: even }, async (world) => {
      for (let time = 0; time < 8; time++) await ask(world, oneSession)
      assert.strictEqual(new Set(askedOf(world)).size, 1)
      assert.deepStrictEqual(await affinityOf(world), { miss: 1, hit: 7 })
      // What says nothing of a session is nobody's, and is not counted.
      for (let time = 0; time < 16; time++) await ask(world)
      assert.isAbove(new Set(askedOf(world).slice(8)).size, 1)
      assert.deepStrictEqual(await affinityOf(world), { miss: 1, hit: 7 })
    }))

  it("without the section nobody is at home, and there is nothing to count", () =>
    withRelay({ channels: even }, async (world) => {
      for (let time = 0; time < 16; time++) await ask(world, oneSession)
      assert.isAbove(new Set(askedOf(world)).size, 1)
      assert.deepStrictEqual(await affinityOf(world), {})
    }))

  it("it is a preference: a home that fails is left, and where the answer came from is the home from then on", () =>
    withRelay(
      { affinity: {}, channels: { a: { priority: 0 }, b: { weight: 0 } }, retry: { sameChannel: 0 } },
      async (world) => {
        const { a, b } = world
        // One tier, in which b is asked only when a cannot be.
        await ask(world, oneSession)
        a.setDefault(status(500))
        assert.strictEqual((await ask(world, oneSession)).status, 200)
        a.setDefault({ kind: "answer" })
        a.reset()
        b.reset()
        for (let time = 0; time < 4; time++) assert.strictEqual((await ask(world, oneSession)).status, 200)
        assert.deepStrictEqual([a.requests.length, b.requests.length], [0, 4])
        assert.deepStrictEqual(await affinityOf(world), { miss: 1, hit: 5 })
        // Another session has no part of it.
        await ask(world, { headers: { "x-session-id": "conversation-2" } })
        assert.lengthOf(a.requests, 1)
      }
    ))

  it("no tier is left for it, and an answer that went badly is no reason to come back", () =>
    withRelay({ affinity: {}, retry: { times: 0 } }, async (world) => {
      const { a, b } = world
      a.setDefault(rateLimited({ "retry-after": "2" }))
      assert.strictEqual((await ask(world, oneSession)).status, 429)
      // It rests, so the lower tier answers.
      assert.strictEqual((await ask(world, oneSession)).status, 200)
      assert.lengthOf(b.requests, 1)
      assert.deepStrictEqual(await affinityOf(world), { miss: 2 })
      a.setDefault({ kind: "answer" })
      await new Promise((resolve) => setTimeout(resolve, 2100))
      assert.strictEqual((await ask(world, oneSession)).status, 200)
      assert.lengthOf(a.requests, 2)
      assert.deepStrictEqual(await affinityOf(world), { miss: 2, away: 1 })
    }))

  it("an answer that broke and went on elsewhere is at home where it ended", () =>
    withRelay({ affinity: {}, channels: { a: { priority: 0 }, b: { priority: 0, weight: 0 } } }, async (world) => {
      world.a.enqueue(cut(2, "reset"))
      assert.strictEqual((await ask(world, oneSession)).status, 200)
      await ask(world, oneSession)
      assert.deepStrictEqual([world.a.requests.length, world.b.requests.length], [1, 2])
    }))

  it("the first place with a value counts, of the body as its client wrote it; each token and model is its own", () => {
    const by = [
      { _tag: "Body", path: ["prompt_cache_key"] },
      { _tag: "Body", path: ["metadata", "user_id"] },
      { _tag: "Body", path: ["contents", "0", "id"] },
      { _tag: "Header", name: "x-session-id" },
      { _tag: "Token" }
    ] as const
    const session = (body: object, headers: { readonly [name: string]: string } = {}, owner = "", model = "m") =>
      sessionOf(by, { request: { body: body as never, model }, header: (name) => headers[name], owner })
    const header = { "x-session-id": "s" }
    assert.isUndefined(session({}))
    assert.isUndefined(
      session({ prompt_cache_key: " ", metadata: { user_id: null }, contents: [{}] }, { "x-session-id": "" })
    )
    assert.isUndefined(session({ metadata: { user_id: { nested: 1 } } }))
    assert.strictEqual(
      session({ prompt_cache_key: "k" }, header),
      session({ prompt_cache_key: "k", metadata: { user_id: "u" } })
    )
    assert.strictEqual(session({ prompt_cache_key: "" }, header), session({}, header))
    assert.isDefined(session({ contents: [{ id: 7 }] }))
    const different = [
      session({ prompt_cache_key: "s" }),
      session({ metadata: { user_id: "s" } }),
      session({}, header),
      session({}, header, "alice"),
      session({}, header, "bob"),
      session({}, header, "alice", "other"),
      session({}, {}, "alice")
    ]
    assert.strictEqual(new Set(different).size, different.length)
    for (const one of different) assert.match(one!, /^[A-Za-z0-9_-]{43}$/)
  })

  it.each([
    [{ by: [] }, "test: affinity.by: expected a list of at least one place, got an empty list"],
    [
      { by: ["cookie"] },
      'test: affinity.by[0]: expected "token", "header." and a header\'s name, or "body." and the path of a field, got "cookie"'
    ],
    [
      { by: ["token", "body."] },
      'test: affinity.by[1]: expected "token", "header." and a header\'s name, or "body." and the path of a field, got "body."'
    ],
    [{ ttl: "0 seconds" }, 'test: affinity.ttl: expected a duration above zero such as "10 minutes", got "0 seconds"'],
    [{ max: 0 }, "test: affinity.max: expected an integer from 1 to 10000000, got 0"]
  ])("%j is a fault", (affinity, fault) => {
    const decoded = decodeConfiguration({ affinity, channels: [channelOf("a", "http://x.test")] }, {}, "test")
    assert.deepStrictEqual(Result.isFailure(decoded) ? decoded.failure.lines : [], [fault])
  })
})

const pinnedTo = (pin: string, more: Asked = {}): Asked => ({ ...more, headers: { ...more.headers, "x-channel": pin } })
const admin = { authorization: "Bearer key-of-ops" }
const tokens = [
  { name: "ops", key: "key-of-ops", admin: true },
  { name: "alice", key: "key-of-alice" }
]
const twoKeys = { b: { keys: ["b0", "b1"] } }

describe("x-channel", () => {
  it("pins to a channel, or to one key of it, and nothing takes its place", () =>
    withRelay({ channels: twoKeys }, async (world) => {
      const { a, b } = world
      await ask(world, pinnedTo("b"))
      for (let time = 0; time < 3; time++) await ask(world, pinnedTo("b:1"))
      assert.deepStrictEqual(askedOf(world).slice(1), ["b1", "b1", "b1"])
      assert.lengthOf(a.requests, 0)
      b.setDefault(status(503))
      const failed = await ask(world, pinnedTo("b:0"))
      assert.deepStrictEqual([failed.status, failed.code], [503, "upstream_overloaded"])
      assert.lengthOf(a.requests, 0)
    }))

  it("an answer that breaks does not go on elsewhere", () =>
    withRelay({}, async (world) => {
      world.a.setDefault(cut(2, "reset"))
      const failed = await ask(world, pinnedTo("a"))
      assert.strictEqual(failed.status, 502)
      assert.lengthOf(world.b.requests, 0)
    }))

  it("a key that is cooling is asked all the same", () =>
    withRelay({ retry: { times: 0 } }, async (world) => {
      const { a, b } = world
      a.enqueue(rateLimited({ "retry-after": "60" }))
      assert.strictEqual((await ask(world)).status, 429)
      assert.strictEqual((await ask(world, pinnedTo("a:0"))).status, 200)
      assert.strictEqual((await ask(world, pinnedTo("a"))).status, 200)
      assert.deepStrictEqual([a.requests.length, b.requests.length], [3, 0])
    }))

  it("a key that is dead or unpaid is asked once, whatever others the channel has", () =>
    withRelay({ channels: twoKeys, disable: { enabled: false } }, async (world) => {
      for (const code of [401, 402]) {
        for (const [pin, asked] of Object.entries({ "b:0": ["b0"], b: ["b0", "b1"] })) {
          const before = world.b.requests.length
          world.b.setDefault(status(code))
          const { status: told } = await ask(world, pinnedTo(pin))
          assert.strictEqual(told, 502)
          assert.sameMembers(askedOf(world).slice(before), asked, `${pin} ${code}`)
        }
      }
      assert.lengthOf(world.a.requests, 0)
    }))

  it("it is of no session, and no second attempt stands beside it", () =>
    withRelay({ affinity: {}, retry: { hedgeAfter: "20 millis" } }, async (world) => {
      world.a.setDefault({ kind: "answer", headersAfter: 120 })
      assert.strictEqual((await ask(world, pinnedTo("a", oneSession))).status, 200)
      assert.lengthOf(world.b.requests, 0)
      assert.deepStrictEqual(await affinityOf(world), {})
    }))

  it("on every route that asks somebody, streamed and not", () =>
    withRelay({}, async (world) => {
      const { a, b, relay } = world
      const headers = { "x-channel": "b", "content-type": "application/json" }
      const post = (path: string, body: object) =>
        fetch(relay.url + path, { method: "POST", headers, body: JSON.stringify(body) }).then((answer) => answer.text())
      const messages = [{ role: "user", content: "hello" }]
      await read(`${relay.url}/chat?message=hello&model=m`, { headers })
      await post("/chat", { message: "hello", model: "m" })
      await post("/v1/chat/completions", completion())
      await post("/v1/messages", { model: "m", max_tokens: 5, messages })
      await post("/v1/responses", { model: "m", input: "hello" })
      await post("/v1beta/models/m:generateContent", { contents: [{ role: "user", parts: [{ text: "hello" }] }] })
      await post("/v1/embeddings", { model: "m", input: "hello" })
      assert.strictEqual(b.requests.length >= 7, true, `${b.requests.length}`)
      assert.include(b.requests.at(-1)!.path, "/embeddings")
      // Counting is asked of channels of the request's own dialect, and b is none: it is estimated, and nobody else is asked.
      const counted = await post("/v1/messages/count_tokens", { model: "m", messages })
      assert.isAbove((JSON.parse(counted) as { input_tokens: number }).input_tokens, 0)
      assert.lengthOf(a.requests, 0)
      for (const path of ["/chat", "/v1/messages/count_tokens", "/v1/embeddings", "/v1beta/models/m:countTokens"]) {
        const answer = await fetch(relay.url + path, {
          method: "POST",
          headers: { ...headers, "x-channel": "nobody" },
          body: "{}"
        })
        assert.strictEqual(answer.status, 404, path)
        await answer.text()
      }
    }))

  it("only an admin's token may; unknown is 404, switched off 403, and nobody is asked for it", () =>
    withRelay({ tokens, channels: { b: { enabled: false } } }, async (world) => {
      const by = (pin: string, headers: { readonly [name: string]: string } = admin) =>
        ask(world, pinnedTo(pin, { headers })).then(({ code, status }) => [status, code])
      assert.deepStrictEqual(await by("a", { authorization: "Bearer key-of-alice" }), [403, "access_denied"])
      assert.deepStrictEqual(await by("x", { authorization: "Bearer key-of-alice" }), [403, "access_denied"])
      assert.deepStrictEqual(await by("x"), [404, "not_found"])
      assert.deepStrictEqual(await by("a:1"), [404, "not_found"])
      assert.deepStrictEqual(await by("a key"), [404, "not_found"])
      assert.deepStrictEqual(await by("b"), [403, "access_denied"])
      assert.lengthOf(world.a.requests, 0)
      assert.deepStrictEqual(await by("a"), [200, undefined])
      assert.deepStrictEqual(await by(""), [200, undefined])
      assert.lengthOf(world.a.requests, 2)
    }))

  it("a channel of another group, too: an admin asks about any", () =>
    withRelay(
      {
        tokens: [...tokens, { name: "vip", key: "key-of-vip", group: "vip" }],
        channels: { b: { group: "vip", models: ["special"] } }
      },
      async (world) => {
        const special = { headers: admin, body: { model: "special" } }
        assert.strictEqual((await ask(world, special)).code, "model_not_found")
        assert.strictEqual((await ask(world, pinnedTo("b", special))).status, 200)
        assert.lengthOf(world.b.requests, 1)
      }
    ))

  it("a model that the channel has not is 404", () =>
    withRelay({ channels: { b: { models: ["other"] } } }, async (world) => {
      const answer = await ask(world, pinnedTo("b"))
      assert.deepStrictEqual([answer.status, answer.code], [404, "model_not_found"])
      assert.lengthOf(world.a.requests, 0)
    }))
})
