/**
 * The counting of tokens: asked of a channel of the same dialect, or estimated and said so. Over real sockets.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import { keepLog, logLines } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"

keepLog()

interface Asked {
  readonly url: string
  readonly key: string | undefined
  readonly body: { readonly [field: string]: unknown }
}
type Reply = { readonly status: number; readonly body: object; readonly headers?: { readonly [name: string]: string } }

let upstream: Server | undefined
let relay: RunningRelay | undefined
let asked: Array<Asked> = []
let aborted = 0
afterEach(async () => {
  await relay?.close()
  upstream?.closeAllConnections()
  await new Promise((resolve) => (upstream === undefined ? resolve(undefined) : upstream.close(resolve)))
  asked = []
  aborted = 0
})

/** An upstream that replies by the first part of the path: the channel. `undefined`: never. */
const upstreams = async (replies: { readonly [channel: string]: ReadonlyArray<Reply | undefined> }) => {
  const counts = new Map<string, number>()
  upstream = createServer((request, response) => {
    const channel = request.url!.split("/")[1]!
    const at = counts.get(channel) ?? 0
    counts.set(channel, at + 1)
    let text = ""
    response.on("close", () => (aborted += response.writableEnded ? 0 : 1))
    request.on("data", (chunk: Buffer) => (text += chunk.toString()))
    request.on("end", () => {
      const key = request.headers["x-api-key"]
      asked.push({ url: request.url!, key: typeof key === "string" ? key : undefined, body: JSON.parse(text) })
      const reply = replies[channel]?.[at]
      if (reply === undefined) return
      response.writeHead(reply.status, { "content-type": "application/json", ...reply.headers })
      response.end(JSON.stringify(reply.body))
    })
  })
  await new Promise<void>((resolve) => upstream!.listen(0, "127.0.0.1", resolve))
  return `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
}

const anthropic = (id: string, url: string, more: object = {}) => ({
  ...channelOf(id, `${url}/${id}/v1`),
  dialect: "anthropic" as const,
  keys: [`key-${id}`],
  ...more
})
const question = { model: "m", messages: [{ role: "user", content: "How many tokens are these words?" }] }
const count = (body: object = question, query = "", signal?: AbortSignal) =>
  fetch(`${relay!.url}/v1/messages/count_tokens${query}`, {
    method: "POST",
    headers: { "content-type": "application/json", "anthropic-version": "2023-06-01" },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal })
  })

describe("POST /v1/messages/count_tokens", () => {
  it("is asked of an Anthropic channel, and its answer passes with every field", async () => {
    const url = await upstreams({ a: [{ status: 200, body: { input_tokens: 42, context_management: { x: 1 } } }] })
    relay = await startRelay({ channels: [anthropic("a", url)] })
    const response = await count({ ...question, system: "Be brief." }, "?beta=true")
    assert.strictEqual(response.status, 200)
    assert.deepStrictEqual(await response.json(), { input_tokens: 42, context_management: { x: 1 } })
    assert.strictEqual(response.headers.get("x-estimated"), null)
    assert.strictEqual(response.headers.get("x-attempts"), "a=200")
    assert.strictEqual(response.headers.get("request-id"), response.headers.get("x-request-id"))
    assert.deepStrictEqual(asked, [
      {
        url: "/a/v1/messages/count_tokens?beta=true",
        key: "key-a",
        body: { ...question, system: "Be brief." }
      }
    ])
  })

  it("asks the next channel when one fails, and tells", async () => {
    const url = await upstreams({
      a: [{ status: 500, body: { type: "error", error: { type: "api_error", message: "no" } } }],
      b: [{ status: 200, body: { input_tokens: 7 } }]
    })
    relay = await startRelay({
      channels: [anthropic("a", url, { priority: 2 }), anthropic("b", url)],
      retry: { sameChannel: 0 }
    })
    const response = await count()
    assert.deepStrictEqual(await response.json(), { input_tokens: 7 })
    assert.strictEqual(response.headers.get("x-attempts"), "a=500,b=200")
  })

  it("R15: an upstream that fails is in the log, with what it said, and without what it quotes or a key", async () => {
    const message = `cannot read "${question.messages[0]!.content}" with key-a-is-secret`
    const url = await upstreams({
      a: [
        {
          status: 401,
          body: { type: "error", error: { type: "authentication_error", message } },
          headers: { "request-id": "theirs" }
        }
      ],
      b: [{ status: 404, body: {} }]
    })
    relay = await startRelay({
      channels: [anthropic("a", url, { priority: 2, keys: ["key-a-is-secret"] }), anthropic("b", url)]
    })
    const response = await count()
    assert.strictEqual(response.headers.get("x-attempts"), "a=401,b=404")
    const id = response.headers.get("request-id")
    const lines = logLines().filter((line) => line["request_id"] === id && line.event === "attempt_failed")
    assert.lengthOf(lines, 1, "who counts nothing has not failed")
    assert.deepInclude(lines[0], {
      channel: "a",
      key: 0,
      model: "m",
      status_code: 401,
      class: "credential",
      upstream_message: "cannot read *** with ***",
      upstream_request_id: "theirs"
    })
    assert.notProperty(lines[0], "stream_id")
  })

  it("estimates where no channel is Anthropic's, and says so", async () => {
    const url = await upstreams({})
    relay = await startRelay({ channels: [channelOf("gpt", `${url}/gpt/v1`)] })
    const response = await count()
    const { input_tokens: tokens } = (await response.json()) as { input_tokens: number }
    assert.isAbove(tokens, 5)
    assert.isBelow(tokens, 20)
    assert.strictEqual(response.headers.get("x-estimated"), "true")
    assert.deepStrictEqual(asked, [])
  })

  it("estimates where the server does not count, and holds nothing against it", async () => {
    const url = await upstreams({ a: [{ status: 404, body: { error: "not found" } }] })
    relay = await startRelay({ channels: [anthropic("a", url)] })
    const response = await count()
    assert.strictEqual(response.headers.get("x-estimated"), "true")
    assert.strictEqual(response.headers.get("x-attempts"), "a=404")
    const metrics = await (await fetch(`${relay.url}/metrics`)).text()
    assert.match(
      metrics,
      /relay_channel_state\{channel="a"[^}]*state="enabled"[^}]*\} 1|relay_channel_state\{[^}]*\} 0/
    )
  })

  it("asks a channel that fails no more often than an answer would, and keeps the class of a long error", async () => {
    const long = { type: "error", error: { type: "authentication_error", message: "x".repeat(100_000) } }
    const url = await upstreams({
      a: Array.from({ length: 6 }, () => ({ status: 503, body: {} })),
      b: [{ status: 401, body: long }]
    })
    relay = await startRelay({ channels: [anthropic("a", url)], retry: { times: 5 } })
    assert.strictEqual((await count()).status, 529)
    assert.isAtMost(asked.length, 2)
    await relay.close()
    relay = await startRelay({ channels: [anthropic("b", url)] })
    const response = await count()
    assert.match(response.headers.get("x-attempts") ?? "", /^b=401$/)
    assert.strictEqual(asked.filter(({ url }) => url.startsWith("/b/")).length, 1)
  })

  it("gives the upstream's word on a bad request in the dialect's envelope", async () => {
    const url = await upstreams({
      a: [
        {
          status: 400,
          body: { type: "error", error: { type: "invalid_request_error", message: "messages.0: roles must alternate" } }
        }
      ]
    })
    relay = await startRelay({ channels: [anthropic("a", url), anthropic("b", url)] })
    const response = await count()
    assert.strictEqual(response.status, 400)
    const { error, type } = (await response.json()) as { type: string; error: { type: string; message: string } }
    assert.strictEqual(type, "error")
    assert.strictEqual(error.type, "invalid_request_error")
    assert.match(error.message, /roles must alternate/)
  })

  it("names what is wrong with the request, and the model that nobody serves", async () => {
    const url = await upstreams({})
    relay = await startRelay({ channels: [anthropic("a", url)] })
    const bad = await count({ model: "m" })
    assert.strictEqual(bad.status, 400)
    assert.match(await bad.text(), /messages/)
    assert.strictEqual((await count({ ...question, model: "nobody" })).status, 404)
    assert.deepStrictEqual(asked, [])
  })

  it("closes the upstream's socket when its client leaves", async () => {
    const url = await upstreams({ a: [undefined] })
    relay = await startRelay({ channels: [anthropic("a", url)] })
    const controller = new AbortController()
    const counting = count(question, "", controller.signal).catch(() => undefined)
    await vi.waitUntil(() => asked.length > 0, { timeout: 5000 })
    controller.abort()
    await counting
    await vi.waitUntil(() => aborted === 1, { timeout: 5000 })
  })

  it("ends with the time that it has", async () => {
    const url = await upstreams({ a: [undefined] })
    relay = await startRelay({
      channels: [anthropic("a", url, { timeouts: { headers: "50 millis" } })],
      retry: { times: 0 }
    })
    const response = await count()
    assert.strictEqual(response.status, 504)
  })
})
