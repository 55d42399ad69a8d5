/**
 * What clients send that is wrong: a typed envelope, the right status, nothing leaked, and the process lives.
 */
import { gzipSync } from "node:zlib"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { logLines } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { contentOf, type RawRequest, read } from "../support/sse.ts"
import { type Faulty, notLeaking, refused, secret } from "./envelope.ts"
import { completion, parseRaw, sendRaw } from "./kit.ts"
import { whole } from "./matrix.ts"

const prompt = "a very private prompt"

let server: FaultServer
let relay: RunningRelay
let linesBefore: number
beforeAll(async () => {
  linesBefore = logLines().length
  server = await startFaultServer()
  relay = await startRelay({
    server: { maxBodyBytes: 100_000 },
    channels: [channelOf("a", server.url, { keys: [secret], models: ["m"] })]
  })
})
afterAll(async () => {
  // After all of it: nothing was asked of the upstream, nothing secret was logged, and the relay answers.
  const asked = server.requests.length
  const { events } = await read(`${relay.url}/chat?message=hello`)
  assert.strictEqual(contentOf(events), whole)
  assert.strictEqual(server.requests.length, asked + 1)
  const log = JSON.stringify(logLines().slice(linesBefore))
  for (const word of [secret, prompt, `:${server.port}`, "hunter2"]) assert.notInclude(log, word)
  await relay.close()
  await server.close()
})

const all = (cases: ReadonlyArray<Faulty>) => async () => {
  for (const one of cases) await refused(relay.url, server.port, one)
  assert.lengthOf(server.requests, 0)
}

const json = (body: unknown): RawRequest => ({ method: "POST", body })
const text = (body: string, type = "application/json"): RawRequest => ({
  method: "POST",
  body,
  headers: { "content-type": type }
})

const dialect = "/v1/chat/completions"
const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`

describe("bodies", () => {
  const both = (request: RawRequest, reason: string, status = 400): ReadonlyArray<Faulty> =>
    [dialect, "/chat"].map((path) => ({ path, status, reason, request }))

  it(
    "that are not JSON are bad_request_body",
    all(
      ["", " ", "{", "nothing", '{"message":}', "{'message':'x'}", "\u0000", "NaN", '{"a":1}{"b":2}'].flatMap((body) =>
        both(text(body), "bad_request_body")
      )
    )
  )
  it(
    "that are no object are bad_request_body",
    all(["[]", "1", "null", '"hello"', "true"].flatMap((body) => both(text(body), "bad_request_body")))
  )
  it(
    "that are too deep are bad_request_body",
    all([
      ...both(text(`{"message":"x","messages":${deep(64)}}`), "bad_request_body"),
      ...both(text(`{"a":${deep(40_000)}}`), "bad_request_body"),
      ...both(text("[".repeat(90_000)), "bad_request_body")
    ])
  )
  it("S17: that hold more than can be looked at in a turn are bad_request_body, and say how much that is", async () => {
    const large = await startRelay({ channels: [channelOf("a", server.url, { keys: [secret] })] })
    const fields = (count: number) => Array.from({ length: count }, (_, n) => `"k${n}":1`).join()
    const [many, wide, list] = await Promise.all(
      [
        `{"model":"m","messages":[${Array.from({ length: 30 }, () => `{${fields(4000)}}`).join()}]}`,
        `{"model":"m","messages":[],"x":{${fields(4097)}}}`,
        `{"model":"m","messages":[],"x":[${"1,".repeat(100_000)}1]}`
      ].map((body) => read(`${large.url}${dialect}`, text(body)))
    )
    for (const one of [many, wide, list]) assert.strictEqual(one!.status, 400)
    assert.include(many!.text, "more than 100000 values")
    assert.include(list!.text, "more than 100000 values")
    assert.include(wide!.text, "more than 4096 fields")
    const { text: said } = await read(
      `${large.url}${dialect}`,
      text(`{"model":"m","messages":[],"x":{${fields(4096)}}}`)
    )
    assert.notInclude(said, "4096")
    await large.close()
  })

  it("that are 64 deep are read", async () => {
    const { status } = await read(`${relay.url}${dialect}`, text(`{"model":"unknown","messages":[],"x":${deep(63)}}`))
    assert.strictEqual(status, 400)
    const { text: body } = await read(
      `${relay.url}${dialect}`,
      text(`{"model":"unknown","messages":[],"x":${deep(63)}}`)
    )
    assert.include(body, '"code":"invalid_request"')
  })
  it("that are too large are payload_too_large, whether they say so or not", async () => {
    const large = `{"model":"m","messages":[{"role":"user","content":"${"x".repeat(120_000)}"}]}`
    await all(both(text(large), "payload_too_large", 413))()
    for (const path of [dialect, "/chat"]) {
      const chunk = "x".repeat(60_000)
      const raw = await sendRaw(relay.port, [
        `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
        `${chunk.length.toString(16)}\r\n${chunk}\r\n`,
        `${chunk.length.toString(16)}\r\n${chunk}\r\n`,
        "0\r\n\r\n"
      ])
      const { body, headers, status } = parseRaw(raw)
      assert.strictEqual(status, 413, path)
      assert.include(body, "payload_too_large")
      assert.match(headers["x-request-id"] ?? "", /^req_/)
      assert.strictEqual(headers["connection"], "close")
    }
  })
  it(
    "of another media type are refused",
    all(
      ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"].flatMap(
        (type) => both(text('{"message":"x"}', type), "unsupported_media_type", 415)
      )
    )
  )
  it("of another media type, or encoded, are told which header is wrong", async () => {
    const form = await read(`${relay.url}/chat`, text("message=x", "application/x-www-form-urlencoded"))
    assert.match(form.text, /must be application\/json, and content-type says application\/x-www-form-urlencoded/)
    const packed = await fetch(`${relay.url}/chat`, {
      method: "POST",
      body: "x",
      headers: { "content-type": "application/json", "content-encoding": "magic" }
    })
    assert.match(await packed.text(), /content-encoding must be gzip, deflate, br or zstd, and says magic/)
  })
  it("that are not UTF-8 are bad_request_body, plain and packed, and nobody is asked with marks in place of letters", async () => {
    const bytes = Buffer.from(`{"model":"m","message":"h\u00fctte","messages":[]}`, "latin1")
    for (const [packed, coding] of [
      [bytes, "identity"],
      [gzipSync(bytes), "gzip"]
    ] as const) {
      for (const path of [dialect, "/chat"]) {
        const answer = await fetch(`${relay.url}${path}`, {
          method: "POST",
          body: new Uint8Array(packed),
          headers: { "content-type": "application/json", "content-encoding": coding }
        })
        const body = await answer.text()
        assert.strictEqual(answer.status, 400, body)
        assert.include(body, "bad_request_body")
        assert.include(body, "UTF-8")
      }
    }
  })
  it("of JSON by any of its names are read", async () => {
    for (const type of ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.x+json"]) {
      const { status } = await read(`${relay.url}/chat`, text('{"message":"x","model":"unknown"}', type))
      assert.strictEqual(status, 404, type)
    }
  })
})

describe("fields", () => {
  const bad = (path: string, body: unknown, fields: ReadonlyArray<string>): Faulty => ({
    path,
    status: 400,
    reason: "invalid_request",
    request: json(body),
    fields
  })
  const user = [{ role: "user", content: prompt }]

  it("of the dialect: missing, and of wrong types", async () => {
    await all([
      bad(dialect, {}, ["model"]),
      bad(dialect, { model: "m" }, ["messages"]),
      bad(dialect, { messages: user }, ["model"]),
      bad(dialect, { model: "", messages: user }, ["model"]),
      bad(dialect, { model: 7, messages: user }, ["model"]),
      bad(dialect, { model: null, messages: user }, ["model"]),
      bad(dialect, { model: "m", messages: "hello" }, ["messages"]),
      bad(dialect, { model: "m", messages: [] }, ["messages"]),
      bad(dialect, { model: "m", messages: [null] }, ["messages[0]"]),
      bad(dialect, { model: "m", messages: [{ content: "x" }] }, ["messages[0].role"]),
      bad(dialect, { model: "m", messages: [{ role: "user" }] }, ["messages[0].content"]),
      bad(dialect, { model: "m", messages: user, stream: "yes" }, ["stream"]),
      bad(dialect, { model: "m", messages: user, n: 0 }, ["n"]),
      bad(dialect, { model: "m", messages: user, n: 1e9 }, ["n"]),
      bad(dialect, { model: "m", messages: user, temperature: "hot" }, ["temperature"]),
      bad(dialect, { model: "m", messages: user, stream_options: [] }, ["stream_options"])
    ])()
  })
  it("of /chat: all that is wrong at once", async () => {
    await all([
      bad("/chat", {}, ["message"]),
      bad("/chat", { message: "" }, ["message"]),
      bad("/chat", { message: 7 }, ["message"]),
      bad("/chat", { message: "x".repeat(2001) }, ["message"]),
      bad("/chat", { message: prompt, messages: user }, ["messages"]),
      bad("/chat", { message: prompt, stream: true, extra: 1 }, ["stream", "extra"]),
      bad("/chat", { messages: [] }, ["messages"]),
      bad("/chat", { messages: [{ role: "system", content: "x" }] }, ["messages"]),
      bad("/chat", { messages: [{ role: "tool", content: "x" }, ...user] }, ["messages[0].role"]),
      bad("/chat", { messages: [{ role: "user", content: "" }] }, ["messages[0].content"]),
      bad("/chat", { messages: [...user, { role: "user", content: "x".repeat(2001) }] }, ["messages[1].content"]),
      bad("/chat", { message: 7, model: 7, timeout: "soon", extra: 1 }, ["extra", "message", "model", "timeout"]),
      bad("/chat", { __proto__x: 1, constructor: 1 }, ["__proto__x", "constructor", "message"])
    ])()
  })
  it("of a query", async () => {
    const query = (path: string, fields: ReadonlyArray<string>): Faulty => ({
      path,
      status: 400,
      reason: "invalid_request",
      fields
    })
    await all([
      query("/chat", ["message"]),
      query("/chat?", ["message"]),
      query("/chat?message=", ["message"]),
      query(`/chat?message=${"x".repeat(2001)}`, ["message"]),
      query("/chat?message=a&message=b", ["message"]),
      query("/chat?message=a&messages=[]", ["messages"]),
      query("/chat?message=a&unknown=1", ["unknown"]),
      query("/chat?message=a&%00=1", ["\u0000"])
    ])()
  })
  it("S16: of a query, also where it is no field of an object that is made of it", async () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty"]
    await all(
      names.map((name) => ({
        path: `/chat?message=a&${name}=1`,
        status: 400,
        reason: "invalid_request",
        fields: [name]
      }))
    )()
  })
  it("2,000 code points are a message, whatever their code units", async () => {
    const { events, status } = await read(`${relay.url}/chat`, json({ message: "🚀".repeat(2000) }))
    assert.strictEqual(status, 200)
    assert.strictEqual(events.at(-1)?.event, "done")
    server.reset()
  })

  it("absurd timeouts", async () => {
    for (const timeout of ["0", "-1", "NaN", "Infinity", "-Infinity", "0.5", "5s", "1e999", "0x10", "null", "1,5"]) {
      await refused(relay.url, server.port, {
        path: `/chat?message=a&timeout=${timeout}`,
        status: 400,
        reason: "invalid_request",
        fields: ["timeout"]
      })
    }
    for (const timeout of [0, -1, 0.999, "5", "5s", true, [], {}]) {
      await refused(relay.url, server.port, bad("/chat", { message: "a", timeout }, ["timeout"]))
    }
    assert.lengthOf(server.requests, 0)
    // One that is too long is clipped; one with a fraction is fine.
    for (const body of ['{"message":"a","timeout":1e308}', '{"message":"a","timeout":1.5}']) {
      const { events } = await read(`${relay.url}/chat`, text(body))
      assert.strictEqual(events.at(-1)?.event, "done")
    }
    server.reset()
  })
  it("S6: a name that is kept or repeated has at most 256 characters, in every dialect", async () => {
    const long = "x".repeat(257)
    const tool = { type: "function", function: { name: long } }
    const call = { id: "c", type: "function", function: { name: long, arguments: "{}" } }
    const called = [{ role: "assistant", content: null, tool_calls: [call] }, ...user]
    await all([
      bad(dialect, completion({ model: long }), ["model"]),
      bad(dialect, completion({ model: "x".repeat(9e4) }), ["model"]),
      bad(dialect, completion({ tools: [tool] }), ["tools[0].function.name"]),
      bad(dialect, completion({ tools: [{ type: "custom", custom: { name: long } }] }), ["tools[0].custom.name"]),
      bad(dialect, completion({ functions: [{ name: long }] }), ["functions[0].name"]),
      bad(dialect, completion({ tool_choice: tool }), ["tool_choice.function.name"]),
      bad(dialect, completion({ function_call: { name: long } }), ["function_call.name"]),
      bad(dialect, completion({ messages: called }), ["messages[0].tool_calls[0].function.name"]),
      bad("/chat", { message: "a", model: long }, ["model"]),
      { path: `/chat?message=a&model=${long}`, status: 400, reason: "invalid_request", fields: ["model"] }
    ])()
    for (const path of ["/v1/messages", "/v1/messages/count_tokens"]) {
      const least = { model: "m", max_tokens: 1, messages: user }
      const use = { type: "tool_use", id: "t", name: long, input: {} }
      for (const [body, field] of [
        [{ ...least, model: long }, "model"],
        [{ ...least, tools: [{ name: long, input_schema: {} }] }, "tools[0].name"],
        [{ ...least, tool_choice: { type: "tool", name: long } }, "tool_choice.name"],
        [{ ...least, messages: [...user, { role: "assistant", content: [use] }] }, "messages[1].content[0].name"]
      ] as const) {
        const { status, text: answered } = await read(`${relay.url}${path}`, json(body))
        assert.strictEqual(status, 400, field)
        assert.include(answered, `${field}: must be at most 256 characters long`)
        assert.isBelow(answered.length, 1000)
      }
    }
    assert.lengthOf(server.requests, 0)
    // Characters, and no units: these are two each.
    const { status } = await read(`${relay.url}${dialect}`, json(completion({ model: "🚀".repeat(256) })))
    assert.strictEqual(status, 404)
  })
  it("S6: there is no model of a longer name, whatever a channel's pattern takes and a token may use", async () => {
    const patterns = await startRelay({
      channels: [channelOf("a", server.url, { models: ["*"] })],
      tokens: [{ name: "alice", key: "alice-secret-token", models: ["gpt-*"] }]
    })
    const headers = { authorization: "Bearer alice-secret-token" }
    for (const name of [`gpt-${"x".repeat(253)}`, "x".repeat(9000)]) {
      const { status, text } = await read(`${patterns.url}/v1/models/${name}`, { headers })
      assert.strictEqual(status, 404)
      assert.isBelow(text.length, 500)
    }
    assert.strictEqual((await read(`${patterns.url}/v1/models/gpt-${"x".repeat(252)}`, { headers })).status, 200)
    await patterns.close()
  })
  it("unknown models", async () => {
    await all([
      { path: dialect, status: 404, reason: "model_not_found", request: json(completion({ model: "unknown" })) },
      { path: dialect, status: 404, reason: "model_not_found", request: json(completion({ model: "M" })) },
      { path: "/chat?message=a&model=unknown", status: 404, reason: "model_not_found" },
      { path: "/chat?message=a&model=__proto__", status: 404, reason: "model_not_found" },
      { path: "/v1/models/unknown", status: 404, reason: "model_not_found" },
      { path: "/v1/models/m%00", status: 404, reason: "model_not_found" }
    ])()
  })
})

describe("methods and paths", () => {
  it("a wrong method is 405, with what is allowed", async () => {
    const allowed = async (method: string, path: string, allow: string) => {
      await refused(relay.url, server.port, { path, status: 405, reason: "method_not_allowed", request: { method } })
      const { headers } = await read(`${relay.url}${path}`, { method })
      assert.strictEqual(headers["allow"], allow)
    }
    await allowed("GET", dialect, "POST")
    await allowed("DELETE", "/chat", "GET, POST")
    await allowed("PUT", "/streams/x", "GET, DELETE")
    await allowed("POST", "/v1/models", "GET")
    await allowed("POST", "/metrics", "GET")
    await allowed("PATCH", "/health/live", "GET")
    await allowed("POST", "/", "GET")
  })
  it("HEAD is GET without a body, where that is not a stream", async () => {
    for (const path of ["/health/live", "/health/ready", "/metrics", "/v1/models", "/"]) {
      const { headers, status, text } = await read(`${relay.url}${path}`, { method: "HEAD" })
      assert.strictEqual(status, 200, path)
      assert.strictEqual(text, "")
      assert.isAbove(Number(headers["content-length"]), 0)
    }
  })
  it("an unknown route is 404, in the words of its part", async () => {
    const paths = [
      "/nothing",
      "/chat/",
      "/chat/x",
      "//chat",
      "/CHAT",
      "/%63hat",
      "/streams/",
      "/streams/a/b",
      "/streams/%zz",
      "/%zz",
      "/%",
      "/../../etc/passwd",
      "/..%2f..%2fetc%2fpasswd",
      `/${"x".repeat(30_000)}`,
      "/v1",
      "/v1/",
      "/v1/nothing",
      "/v1/models/%zz",
      "/v1/chat/completions/",
      "/v1/messages/nothing",
      "/v1/responses/",
      "/v1/embeddings/",
      "/v1beta/models/x:generateContent",
      "/metrics/nothing",
      "/admin/",
      "/admin/nothing",
      "/admin/channels/a/b/c",
      "/admin/%zz"
    ]
    for (const path of paths) {
      const raw = await sendRaw(
        relay.port,
        `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`,
        10_000
      )
      const { body, headers, status } = parseRaw(raw)
      assert.strictEqual(status, 404, path)
      assert.match(headers["x-request-id"] ?? "", /^req_/)
      notLeaking(raw, server.port)
      const { error } = JSON.parse(body) as { readonly error: { readonly [field: string]: unknown } }
      if (path.startsWith("/v1/messages")) {
        assert.strictEqual(error["type"], "not_found_error", path)
        assert.deepStrictEqual(error["details"], { error_code: "not_found" })
        continue
      }
      if (path.startsWith("/v1beta/")) {
        assert.deepInclude(error, { code: 404, status: "NOT_FOUND" }, path)
        assert.match(JSON.stringify(error["details"]), /"reason":"model_not_found"/)
        continue
      }
      const inDialect = path === "/v1" || path.startsWith("/v1/")
      assert.strictEqual(error[inDialect ? "code" : "reason"], "not_found", path)
      if (inDialect) assert.strictEqual(error["type"], "not_found_error")
    }
  })
  it("odd encodings of a query are read as they are written", async () => {
    const ask = async (query: string): Promise<unknown> => {
      server.reset()
      const raw = await sendRaw(
        relay.port,
        `GET /chat?${query} HTTP/1.1\r\nhost: x.localhost\r\nconnection: close\r\n\r\n`
      )
      assert.strictEqual(parseRaw(raw).status, 200, query)
      return server.requests[0]?.body.messages?.[0]?.content
    }
    assert.strictEqual(await ask("message=a+b%2Bc"), "a b+c")
    assert.strictEqual(await ask("message=%F0%9F%9A%80"), "🚀")
    assert.strictEqual(await ask("message=100%"), "100%")
    assert.strictEqual(await ask("message=%zz&model="), "%zz")
    assert.strictEqual(await ask("%6Dessage=x"), "x")
    assert.strictEqual(await ask("message=a=b?c/d"), "a=b?c/d")
    assert.strictEqual(await ask("message=a%0d%0aid:%20forged%0d%0a"), "a\r\nid: forged\r\n")
    server.reset()
  })
})

describe("the envelope", () => {
  it("is a problem when that is asked for", async () => {
    const response = await read(`${relay.url}/chat?message=&timeout=0`, {
      headers: { accept: "application/problem+json", "x-request-id": "mine-1" }
    })
    assert.strictEqual(response.headers["content-type"], "application/problem+json")
    const body = JSON.parse(response.text) as { readonly [field: string]: unknown }
    assert.deepInclude(body, {
      type: "urn:effect-resilience:invalid_request",
      status: 400,
      instance: "/chat",
      code: "VALIDATION_ERROR",
      reason: "invalid_request",
      requestId: "mine-1"
    })
    assert.isString(body["title"])
    assert.isString(body["detail"])
    assert.lengthOf(body["details"] as ReadonlyArray<unknown>, 2)
  })
  it("has the trace that the caller names, and none that is no trace's id", async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    const told = async (path: string, headers: { readonly [name: string]: string }) => {
      const { headers: answered, text } = await read(`${relay.url}${path}`, { headers })
      const { error } = JSON.parse(text) as { readonly error: { readonly traceId?: string } }
      return [error.traceId, answered["x-trace-id"]]
    }
    for (const path of ["/nothing", "/chat?message=", `/streams/${"A".repeat(22)}`, "/admin/nothing"]) {
      const id = "4bf92f3577b34da6a3ce929d0e0e4736"
      assert.deepStrictEqual(await told(path, { traceparent }), [id, id], path)
      assert.deepStrictEqual(await told(path, { traceparent, "x-trace-id": "mine.1" }), ["mine.1", "mine.1"], path)
      assert.deepStrictEqual(await told(path, { "x-trace-id": "not mine" }), [undefined, undefined], path)
    }
  })
  it("stays the dialect's under /v1", async () => {
    const response = await read(`${relay.url}/v1/nothing`, { headers: { accept: "application/problem+json" } })
    assert.match(String(response.headers["content-type"]), /^application\/json/)
    assert.include(response.text, '"code":"not_found"')
  })
  it("has the caller's request id if that is one, and ours if not, on every answer", async () => {
    const idOf = async (path: string, id: string) =>
      (await read(`${relay.url}${path}`, { headers: { "x-request-id": id } })).headers["x-request-id"]
    for (const path of [
      "/nothing",
      "/health/live",
      "/health/ready",
      "/metrics",
      "/",
      "/v1/models",
      "/chat?message=a"
    ]) {
      assert.strictEqual(await idOf(path, "a.b_c:d-1"), "a.b_c:d-1", path)
      for (const bad of ["", "a b", "ü", "x".repeat(129), "a/b"]) {
        assert.match(String(await idOf(path, bad)), /^req_[A-Za-z0-9]{24}$/, path)
      }
    }
    server.reset()
  })
})
