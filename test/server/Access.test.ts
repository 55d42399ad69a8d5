/**
 * Who may ask: tokens where there are any, and where there are none nobody else's page.
 */
import { request } from "node:http"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { logLines } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { contentOf, read } from "../support/sse.ts"
import { type Faulty, refused, secret } from "./envelope.ts"
import { completion, streamIdOf } from "./kit.ts"
import { whole } from "./matrix.ts"

const dialect = "/v1/chat/completions"

describe("with tokens", () => {
  let server: FaultServer
  let relay: RunningRelay
  let linesBefore: number
  beforeAll(async () => {
    linesBefore = logLines().length
    server = await startFaultServer()
    relay = await startRelay({
      server: { host: "0.0.0.0", origins: ["https://app.example.com"] },
      tokens: [
        { name: "alice", key: "alice-secret-token", models: ["gpt-*"] },
        { name: "ops", key: "ops-secret-token", admin: true }
      ],
      channels: [channelOf("a", server.url, { keys: [secret], models: ["m", "gpt-*", "gpt-5"] })]
    })
  })
  afterAll(async () => {
    const log = JSON.stringify(logLines().slice(linesBefore))
    assert.notMatch(log, /alice-secret-token|ops-secret-token|hunter2/)
    await relay.close()
    await server.close()
  })

  const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
  const all = async (cases: ReadonlyArray<Faulty>): Promise<void> => {
    for (const one of cases) await refused(relay.url, server.port, one)
    assert.lengthOf(server.requests, 0)
  }

  it("without one, or with one that is none: 401, before anything else is looked at", async () => {
    const headers = [
      {},
      bearer("wrong"),
      bearer("alice-secret-toke"),
      bearer("alice-secret-token2"),
      { authorization: "Basic YWxpY2U6eA==" },
      { authorization: "Bearer" },
      { authorization: "alice-secret-token" },
      { authorization: "Bearer alice-secret-token extra" }
    ]
    await all(
      headers.flatMap(
        (one): ReadonlyArray<Faulty> => [
          {
            path: dialect,
            status: 401,
            reason: "unauthorized",
            request: { method: "POST", body: "{not json", headers: one }
          },
          { path: "/chat?message=a", status: 401, reason: "unauthorized", request: { headers: one } },
          { path: "/v1/models", status: 401, reason: "unauthorized", request: { headers: one } },
          { path: "/metrics", status: 401, reason: "unauthorized", request: { headers: one } },
          { path: `/streams/${"A".repeat(22)}`, status: 401, reason: "unauthorized", request: { headers: one } }
        ]
      )
    )
  })
  it("several are the same, or 401: also where one header comes twice", async () => {
    const [alice, ops] = ["Bearer alice-secret-token", "Bearer ops-secret-token"] as const
    const statusWith = (headers: ReadonlyArray<string>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const asked = request(`${relay.url}/v1/models`, { headers: ["host", "localhost", ...headers] }, (response) => {
          response.resume().on("end", () => resolve(response.statusCode))
        })
        asked.on("error", reject).end()
      })
    const cases: ReadonlyArray<readonly [number, ReadonlyArray<string>]> = [
      [200, ["authorization", alice, "Authorization", alice]],
      [200, ["authorization", alice, "x-api-key", "alice-secret-token"]],
      [401, ["authorization", alice, "authorization", ops]],
      [401, ["authorization", alice, "authorization", "Bearer wrong"]],
      [401, ["x-api-key", "alice-secret-token", "x-api-key", "ops-secret-token"]],
      [401, ["authorization", alice, "x-api-key", "ops-secret-token"]],
      [401, ["authorization", alice, "x-goog-api-key", "ops-secret-token"]]
    ]
    for (const [status, headers] of cases) assert.strictEqual(await statusWith(headers), status, headers.join())
  })
  it("a token may ask for its models only", async () => {
    await all([
      {
        path: dialect,
        status: 404,
        reason: "model_not_found",
        request: { body: completion(), headers: bearer("alice-secret-token") }
      },
      {
        path: "/chat?message=a&model=m",
        status: 404,
        reason: "model_not_found",
        request: { headers: bearer("alice-secret-token") }
      },
      {
        path: "/v1/models/m",
        status: 404,
        reason: "model_not_found",
        request: { headers: bearer("alice-secret-token") }
      }
    ])
    const list = await read(`${relay.url}/v1/models`, { headers: bearer("alice-secret-token") })
    const { data, object } = JSON.parse(list.text) as { object: string; data: ReadonlyArray<{ readonly id: string }> }
    assert.strictEqual(object, "list")
    assert.deepEqual(
      data.map(({ id }) => id),
      ["gpt-5"]
    )
    const { status } = await read(`${relay.url}${dialect}`, {
      body: completion({ model: "gpt-5", stream: false }),
      headers: bearer("alice-secret-token")
    })
    assert.strictEqual(status, 200)
    // The client's token goes no further.
    assert.strictEqual(server.requests[0]?.headers.authorization, `Bearer ${secret}`)
    assert.notInclude(JSON.stringify(server.requests[0]?.headers), "alice")
    server.reset()
  })
  it("/metrics needs an admin's, /health none", async () => {
    await all([
      { path: "/metrics", status: 403, reason: "access_denied", request: { headers: bearer("alice-secret-token") } }
    ])
    const metrics = await read(`${relay.url}/metrics`, { headers: bearer("ops-secret-token") })
    assert.strictEqual(metrics.status, 200)
    for (const path of ["/health/live", "/health/ready"]) {
      assert.strictEqual((await read(`${relay.url}${path}`)).status, 200)
    }
  })
  it("the scheme's case does not matter", async () => {
    const { status } = await read(`${relay.url}/v1/models`, { headers: { authorization: "bEaReR ops-secret-token" } })
    assert.strictEqual(status, 200)
  })
  it("?token= is taken by /chat and /streams, and nowhere else", async () => {
    const { events } = await read(`${relay.url}/chat?message=hello&token=ops-secret-token`)
    assert.strictEqual(contentOf(events), whole)
    const again = await read(`${relay.url}/streams/${streamIdOf(events)}?token=ops-secret-token`)
    assert.strictEqual(contentOf(again.events), whole)
    const cancelled = await read(`${relay.url}/streams/${streamIdOf(events)}?token=ops-secret-token`, {
      method: "DELETE"
    })
    assert.strictEqual(cancelled.status, 200)
    server.reset()
    await all([
      { path: "/chat?message=hello&token=wrong", status: 401, reason: "unauthorized" },
      // Several are the same, or none.
      { path: "/chat?message=hello&token=ops-secret-token&token=wrong", status: 401, reason: "unauthorized" },
      { path: "/chat?message=hello&token=", status: 401, reason: "unauthorized" },
      { path: "/metrics?token=ops-secret-token", status: 401, reason: "unauthorized" },
      { path: "/v1/models?token=ops-secret-token", status: 401, reason: "unauthorized" },
      {
        path: `${dialect}?token=ops-secret-token`,
        status: 401,
        reason: "unauthorized",
        request: { body: completion() }
      }
    ])
  })
  it("any host may be asked, and a listed origin may read", async () => {
    const asked = await read(`${relay.url}/v1/models`, {
      headers: { ...bearer("ops-secret-token"), host: "relay.example.com", origin: "https://app.example.com" }
    })
    assert.strictEqual(asked.status, 200)
    assert.strictEqual(asked.headers["access-control-allow-origin"], "https://app.example.com")
    const other = await read(`${relay.url}/v1/models`, {
      headers: { ...bearer("ops-secret-token"), origin: "https://evil.example" }
    })
    assert.isUndefined(other.headers["access-control-allow-origin"])
  })
})

describe("without tokens", () => {
  let server: FaultServer
  let relay: RunningRelay
  beforeAll(async () => {
    server = await startFaultServer()
    relay = await startRelay({
      server: { origins: ["https://app.example.com"] },
      channels: [channelOf("a", server.url)]
    })
  })
  afterAll(async () => {
    await relay.close()
    await server.close()
  })

  it("a host or origin that is not its own is 403, and nothing is asked", async () => {
    const headers: ReadonlyArray<{ readonly [name: string]: string }> = [
      { host: "evil.example" },
      { host: `evil.example:${relay.port}` },
      { host: "localhost.evil.example" },
      { host: "127.0.0.1.evil.example" },
      { host: "192.168.0.1" },
      { origin: "https://evil.example" },
      { origin: "http://localhost.evil.example" },
      { origin: "null" },
      { origin: "http://app.example.com" },
      { origin: "https://app.example.com.evil.example" },
      { origin: `http://localhost:${relay.port === 65_535 ? 1 : relay.port + 1}` }
    ]
    for (const one of headers) {
      for (const path of ["/chat?message=a", "/v1/models", "/metrics", `/streams/${"A".repeat(22)}`]) {
        await refused(relay.url, server.port, {
          path,
          status: 403,
          reason: "access_denied",
          request: { headers: one }
        })
      }
      await refused(relay.url, server.port, {
        path: dialect,
        status: 403,
        reason: "access_denied",
        request: { body: completion(), headers: one }
      })
    }
    assert.lengthOf(server.requests, 0)
  })
  const cross = { "sec-fetch-site": "cross-site" }
  const image = { ...cross, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" }
  const opened = { ...cross, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }

  it("S4: another site's page embeds what spends or shows: 403, and nothing is asked", async () => {
    const headers: ReadonlyArray<{ readonly [name: string]: string }> = [
      cross,
      image,
      opened,
      { ...image, "sec-fetch-site": "same-site" },
      { ...cross, "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" },
      { ...cross, "sec-fetch-mode": "websocket" },
      // A browser that knows no such header says only where it was.
      { referer: "https://evil.example/page" }
    ]
    const paths = [
      "/chat?message=a",
      "/v1/models",
      "/v1/models/m",
      "/metrics",
      `/streams/${"A".repeat(22)}`,
      "/nothing"
    ]
    for (const one of headers) {
      for (const path of paths) {
        await refused(relay.url, server.port, { path, status: 403, reason: "access_denied", request: { headers: one } })
      }
      for (const path of [dialect, "/chat"]) {
        await refused(relay.url, server.port, {
          path,
          status: 403,
          reason: "access_denied",
          request: { body: completion(), headers: one }
        })
      }
    }
    assert.lengthOf(server.requests, 0)
  })
  it("S4: a link to the page is followed, a frame around it is not, and health is for anybody", async () => {
    assert.strictEqual((await read(`${relay.url}/`, { headers: opened })).status, 200)
    assert.strictEqual(
      (await read(`${relay.url}/`, { headers: { referer: "https://elsewhere.example/" } })).status,
      200
    )
    assert.strictEqual(
      (await read(`${relay.url}/`, { headers: { ...opened, "sec-fetch-dest": "iframe" } })).status,
      403
    )
    assert.strictEqual((await read(`${relay.url}/`, { headers: image })).status, 403)
    assert.strictEqual((await read(`${relay.url}/health/live`, { headers: image })).status, 200)
  })
  it("S4: its own page, a listed one, an address that was typed, and who is no browser may ask", async () => {
    for (const headers of [
      {},
      { "sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
      { "sec-fetch-site": "same-origin", referer: `${relay.url}/` },
      { referer: `${relay.url}/` },
      { ...cross, "sec-fetch-mode": "cors", origin: "https://app.example.com" },
      { ...cross, "sec-fetch-mode": "cors", origin: `http://localhost:${relay.port}` }
    ]) {
      const { status } = await read(`${relay.url}/v1/models`, { headers })
      assert.strictEqual(status, 200, JSON.stringify(headers))
    }
  })
  it("its own, by any of its names, and listed ones may ask", async () => {
    for (const headers of [
      { host: `localhost:${relay.port}` },
      { host: `127.0.0.1:${relay.port}` },
      { host: "[::1]" },
      { origin: `http://localhost:${relay.port}` },
      { origin: `http://127.0.0.1:${relay.port}` },
      { origin: "https://app.example.com" },
      { host: "app.example.com", origin: "https://app.example.com" }
    ]) {
      const { status } = await read(`${relay.url}/v1/models`, { headers })
      assert.strictEqual(status, 200, JSON.stringify(headers))
    }
  })
  it("/health is answered for anybody, and the page is not", async () => {
    const foreign = { headers: { host: "10.0.0.7:8080" } }
    for (const path of ["/health/live", "/health/ready"]) {
      assert.strictEqual((await read(`${relay.url}${path}`, foreign)).status, 200)
    }
    assert.strictEqual((await read(`${relay.url}/`)).status, 200)
    await refused(relay.url, server.port, { path: "/", status: 403, reason: "access_denied", request: foreign })
  })
})

describe("CORS", () => {
  let server: FaultServer
  let relay: RunningRelay
  beforeAll(async () => {
    server = await startFaultServer()
    relay = await startRelay({
      server: { origins: ["https://app.example.com"] },
      channels: [channelOf("a", server.url)]
    })
  })
  afterAll(async () => {
    await relay.close()
    await server.close()
  })

  const preflight = (path: string, origin: string, headers: object = {}) =>
    read(`${relay.url}${path}`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", ...headers }
    })

  it("a preflight of a listed origin is answered with what it may do", async () => {
    const { headers, status } = await preflight(dialect, "https://app.example.com", {
      "access-control-request-headers": "authorization, content-type, last-event-id"
    })
    assert.strictEqual(status, 204)
    assert.strictEqual(headers["access-control-allow-origin"], "https://app.example.com")
    assert.include(headers["access-control-allow-methods"], "POST")
    assert.include(headers["access-control-allow-methods"], "DELETE")
    for (const name of ["authorization", "content-type", "last-event-id"]) {
      assert.include(headers["access-control-allow-headers"], name)
    }
    assert.match(String(headers["vary"]), /origin/i)
    assert.match(String(headers["x-request-id"]), /^req_/)
  })
  it("of another origin it is not", async () => {
    const { headers, status } = await preflight(dialect, "https://evil.example")
    assert.strictEqual(status, 403)
    assert.isUndefined(headers["access-control-allow-origin"])
    assert.match(String(headers["x-request-id"]), /^req_/)
  })
  it("answers and errors of a listed origin can be read, with the headers that are exposed", async () => {
    for (const path of ["/chat?message=a", "/chat", "/nothing", "/v1/models"]) {
      const { headers } = await read(`${relay.url}${path}`, { headers: { origin: "https://app.example.com" } })
      assert.strictEqual(headers["access-control-allow-origin"], "https://app.example.com", path)
      const exposed = String(headers["access-control-expose-headers"])
      for (const name of ["x-request-id", "x-stream-id", "x-idempotent-replay", "retry-after"])
        assert.include(exposed, name)
      assert.match(String(headers["vary"]), /origin/i)
    }
  })
})
