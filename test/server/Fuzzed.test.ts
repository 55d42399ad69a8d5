/**
 * The same over real sockets: whatever an upstream answers, with whatever status and however it is cut, each client gets an
 * answer in its own dialect that ends as such answers end, and the relay lives.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { UpstreamDialectName } from "#src/dialect/index"
import { answers, change, changed } from "../dialect/fuzzing.ts"
import { type Shape, vendorShapes } from "../dialect/vendorShapes.ts"
import { keepLog } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"

keepLog()

const channels = Object.keys(answers) as ReadonlyArray<UpstreamDialectName>

/** What the upstream does next. */
interface Reply {
  readonly status: number
  readonly events: ReadonlyArray<unknown>
  readonly labelled: boolean
  readonly cut: boolean
}

let reply: Reply
let upstream: Server
let relay: RunningRelay

beforeAll(async () => {
  upstream = createServer((request, response) => {
    request.on("data", () => {})
    request.on("end", () => {
      const { cut, events, labelled, status } = reply
      response.writeHead(status, { "content-type": labelled ? "text/event-stream" : "application/json" })
      for (const event of events) {
        const type = (event as { type?: unknown } | null)?.type
        const name = typeof type === "string" && /^[a-z._]+$/.test(type) ? `event: ${type}\n` : ""
        response.write(`${name}data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`)
      }
      if (!cut) return void response.end()
      setTimeout(() => response.socket?.resetAndDestroy(), 5)
    })
  })
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve))
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  relay = await startRelay({
    channels: channels.map((dialect) => ({ ...channelOf(dialect, `${url}/v1`), dialect, models: [dialect] })),
    retry: { times: 0 },
    recovery: { mode: "off" },
    breaker: { minimum: 1_000_000 },
    timeouts: { idle: "2 seconds" }
  })
})
afterAll(async () => {
  await relay.close()
  upstream.closeAllConnections()
  await new Promise((resolve) => upstream.close(resolve))
})

const question = "hello"

/** How each client asks for a stream, and by which events it knows the end. */
const clients: {
  readonly [C in keyof typeof vendorShapes]: {
    readonly path: (model: string) => string
    readonly body: (model: string) => object
    readonly ends: (last: string) => boolean
  }
} = {
  openai: {
    path: () => "/v1/chat/completions",
    body: (model) => ({ model, stream: true, messages: [{ role: "user", content: question }] }),
    ends: (last) => last === "[DONE]" || last.startsWith('{"error"')
  },
  anthropic: {
    path: () => "/v1/messages",
    body: (model) => ({ model, max_tokens: 99, stream: true, messages: [{ role: "user", content: question }] }),
    ends: (last) => /"type":"(message_stop|error)"/.test(last)
  },
  gemini: {
    path: (model) => `/v1beta/models/${model}:streamGenerateContent?alt=sse`,
    body: () => ({ contents: [{ role: "user", parts: [{ text: question }] }] }),
    ends: (last) => last.includes('"finishReason"') || last.startsWith('{"error"')
  },
  responses: {
    path: () => "/v1/responses",
    body: (model) => ({ model, stream: true, input: question }),
    ends: (last) => /"type":"(response\.(completed|incomplete)|error)"/.test(last)
  }
}

const any: fc.Arbitrary<
  { readonly changes: ReadonlyArray<Parameters<typeof changed>[1][number]> } & Omit<Reply, "events">
> = fc.record({
  changes: fc.array(change, { maxLength: 4 }),
  status: fc.oneof(
    fc.constant(200),
    fc.constant(200),
    fc.constantFrom(201, 206, 301, 400, 401, 404, 418, 429, 500, 503, 529)
  ),
  labelled: fc.boolean(),
  cut: fc.boolean()
})

const pairs = (Object.keys(clients) as ReadonlyArray<keyof typeof clients>).flatMap((client) =>
  channels.map((channel) => [client, channel] as const)
)

describe.each(pairs)("%s over %s", (client, channel) => {
  it("is answered in its own dialect whatever is sent", { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(any, async ({ changes, ...more }) => {
        reply = { ...more, events: changed(answers[channel].events, changes) }
        const { body, ends, path } = clients[client]
        const response = await fetch(`${relay.url}${path(channel)}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body(channel))
        })
        const text = await response.text()
        const shapes: { readonly event: Shape; readonly whole: Shape } = vendorShapes[client]
        if (response.status !== 200) {
          assert.isAtLeast(response.status, 400)
          assert.isObject((JSON.parse(text) as { readonly error: unknown }).error)
          return
        }
        const data = text.split("\n").flatMap((line) => (line.startsWith("data: ") ? [line.slice(6)] : []))
        assert.isTrue(ends(data.at(-1) ?? ""), data.at(-1))
        if (client === channel) return
        for (const one of data) if (one !== "[DONE]") assert.deepStrictEqual(shapes.event(JSON.parse(one), one), [])
      }),
      { numRuns: 15 }
    )
  )

  it("and the relay lives", async () => {
    reply = { status: 200, events: answers[channel].events, labelled: true, cut: false }
    const { body, ends, path } = clients[client]
    const response = await fetch(`${relay.url}${path(channel)}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body(channel))
    })
    assert.strictEqual(response.status, 200)
    const data = (await response.text())
      .split("\n")
      .flatMap((line) => (line.startsWith("data: ") ? [line.slice(6)] : []))
    assert.isTrue(ends(data.at(-1) ?? ""))
    assert.isFalse(data.at(-1)?.includes('"error":{'))
  })
})
