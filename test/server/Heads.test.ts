/**
 * Requests that balancers, probes and proxies send: HEAD, the absolute form, an expectation, no host. Each answer is
 * typed and has its id.
 */
import { request } from "node:http"
import type { IncomingHttpHeaders } from "node:http"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { read } from "../support/sse.ts"
import { parseRaw, sendRaw } from "./kit.ts"

let server: FaultServer
let relay: RunningRelay
beforeAll(async () => {
  server = await startFaultServer()
  relay = await startRelay({ channels: [channelOf("a", server.url, { models: ["m", "org/model"] })] })
})
afterAll(async () => {
  assert.lengthOf(server.requests, 0)
  await relay.close()
  await server.close()
})

const id = /^[A-Za-z0-9._:-]{1,128}$/

interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Asks over a kept connection's rules: what a HEAD must not send would be taken for the next answer. */
const ask = (method: string, path: string, headers: { readonly [name: string]: string } = {}): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const asked = request(`${relay.url}${path}`, { method, headers, agent: false }, (response) => {
      const parts: Array<Buffer> = []
      response.on("data", (part: Buffer) => void parts.push(part))
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts).toString("utf8")
        })
      )
    })
    asked.on("error", reject)
    asked.end()
  })

describe("HEAD", () => {
  it.each([
    "/health/live",
    "/health/ready",
    "/metrics",
    "/v1/models",
    "/v1/models/m",
    "/v1/models/org%2Fmodel",
    "/",
    "/metrics/errors",
    "/quota",
    "/admin",
    "/admin/channels",
    "/admin/errors?limit=5"
  ])("%s is answered as GET is, without a body", async (path) => {
    const head = await ask("HEAD", path, { "x-request-id": "probe.1" })
    const got = await ask("GET", path)
    assert.strictEqual(head.status, 200)
    assert.strictEqual(head.body, "")
    assert.isNotEmpty(got.body)
    assert.strictEqual(head.headers["x-request-id"], "probe.1")
    assert.strictEqual(head.headers["content-type"], got.headers["content-type"])
    assert.match(String(head.headers["content-length"]), /^[1-9]\d*$/)
  })

  it("sends nothing that the next request's reader would take for its answer", async () => {
    const head = "HEAD /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"
    const get = "GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    const [, first, second] = (await sendRaw(relay.port, head + get)).split("HTTP/1.1 ")
    assert.match(first ?? "", /^200 OK\r\n[^{]*\r\n\r\n$/)
    assert.deepEqual(JSON.parse(parseRaw(`HTTP/1.1 ${second}`).body), { status: "live" })
  })

  it.each([
    ["/chat?message=hello", 405],
    ["/v1/chat/completions", 405],
    [`/streams/${"A".repeat(22)}`, 405],
    ["/v1/models/unknown", 404],
    ["/nothing", 404],
    ["/v1/nothing", 404]
  ] as const)("%s begins nothing: %i, with an id", async (path, status) => {
    const head = await ask("HEAD", path)
    assert.strictEqual(head.status, status)
    assert.strictEqual(head.body, "")
    assert.match(String(head.headers["x-request-id"]), id)
    assert.match(String(head.headers["content-type"]), /^application\/json/)
    if (status === 405) assert.notInclude(String(head.headers["allow"]), "HEAD")
    assert.isUndefined(head.headers["x-stream-id"])
  })
})

/** Sends a head as it is, and closes after its answer. */
const raw = async (...lines: ReadonlyArray<string>): Promise<ReturnType<typeof parseRaw>> => {
  const answered = parseRaw(await sendRaw(relay.port, `${lines.join("\r\n")}\r\nconnection: close\r\n\r\n`))
  assert.match(answered.headers["x-request-id"] ?? "", id)
  assert.doesNotThrow(() => JSON.parse(answered.body) as unknown, answered.body)
  return answered
}

describe("a target in its absolute form", () => {
  it.each([
    "http://localhost/health/live",
    "HTTP://LOCALHOST/health/live",
    "https://relay.example.com:8443/health/live",
    "http://localhost/health/live?x=http://localhost/"
  ])("%s is that of its path", async (target) => {
    const { body, status } = await raw(`GET ${target} HTTP/1.1`, "host: localhost")
    assert.deepEqual([status, JSON.parse(body)], [200, { status: "live" }])
  })

  it("has routes, envelopes and guards like any other", async () => {
    const models = await raw("GET http://localhost/v1/models HTTP/1.1", "host: localhost")
    assert.include(models.body, '"object":"list"')
    const nothing = await raw("GET http://localhost/v1/nothing HTTP/1.1", "host: localhost")
    assert.strictEqual(nothing.status, 404)
    assert.include(nothing.body, '"code":"not_found"')
    const own = await raw("GET http://localhost/nothing HTTP/1.1", "host: localhost")
    assert.include(own.body, '"path":"/nothing"')
    // Whom it names does not stand in for whom it was sent to.
    const foreign = await raw("GET http://localhost/v1/models HTTP/1.1", "host: evil.example")
    assert.strictEqual(foreign.status, 403)
    assert.include(foreign.body, '"code":"access_denied"')
  })

  it.each(["http://localhost", "http://localhost?x=1", "http://localhost/"])("%s is the page", async (target) => {
    const page = parseRaw(
      await sendRaw(relay.port, `GET ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
    )
    assert.strictEqual(page.status, 200)
    assert.match(page.headers["content-type"] ?? "", /^text\/html/)
  })

  it("no path at all is 404, typed", async () => {
    for (const line of ["OPTIONS * HTTP/1.1", "GET * HTTP/1.1"]) {
      const { body, status } = await raw(line, "host: localhost")
      assert.include([400, 404], status)
      assert.include(body, '"error"')
    }
  })
})

describe("an expectation that nobody knows", () => {
  it.each(["/v1/models", "/health/live"])("changes nothing on %s", async (path) => {
    const { status } = await raw(`GET ${path} HTTP/1.1`, "host: localhost", "expect: miracles")
    assert.strictEqual(status, 200)
  })
  it("does not get round what is refused", async () => {
    const { body, status } = await raw("GET /v1/models HTTP/1.1", "host: evil.example", "expect: miracles")
    assert.strictEqual(status, 403)
    assert.include(body, '"code":"access_denied"')
  })
})

describe("no host", () => {
  it("is 400 in the envelope of its route", async () => {
    const own = await raw("GET /chat?message=hello HTTP/1.1")
    assert.strictEqual(own.status, 400)
    assert.include(own.body, '"reason":"invalid_request"')
    const dialect = await raw("POST /v1/chat/completions HTTP/1.1", "content-length: 0")
    assert.strictEqual(dialect.status, 400)
    assert.include(dialect.body, '"code":"invalid_request"')
    assert.strictEqual(dialect.headers["x-should-retry"], "false")
  })
  it("is no fault in HTTP/1.0: no page sends such a request", async () => {
    assert.strictEqual((await raw("GET /health/live HTTP/1.0")).status, 200)
    assert.strictEqual((await raw("GET /v1/models HTTP/1.0")).status, 200)
    assert.strictEqual((await raw("GET /v1/models HTTP/1.0", "host: evil.example")).status, 403)
  })
})

describe("what is refused before it is a request", () => {
  it("under /v1 says whether to retry", async () => {
    const { body, headers, status } = parseRaw(
      await sendRaw(relay.port, "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx a: b\r\n\r\n")
    )
    assert.strictEqual(status, 400)
    assert.include(body, '"code":"invalid_request"')
    assert.strictEqual(headers["x-should-retry"], "false")
    assert.strictEqual((await read(`${relay.url}/health/live`)).status, 200)
  })
})
