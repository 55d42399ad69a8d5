/**
 * Requests that are wrong on the wire: each is answered, with an id and a body, and the process lives.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { contentOf, read } from "../support/sse.ts"
import { notLeaking, secret } from "./envelope.ts"
import { completion, parseRaw, sendRaw, sleep, until } from "./kit.ts"
import { whole } from "./matrix.ts"

const dialect = "/v1/chat/completions"

let server: FaultServer
let relay: RunningRelay
beforeAll(async () => {
  server = await startFaultServer()
  relay = await startRelay({ channels: [channelOf("a", server.url, { keys: [secret] })] })
})
afterAll(async () => {
  const { events } = await read(`${relay.url}/chat?message=hello`)
  assert.strictEqual(contentOf(events), whole)
  await relay.close()
  await server.close()
})

describe("bytes", () => {
  const bytes = async (raw: string | ReadonlyArray<string>): Promise<ReturnType<typeof parseRaw>> => {
    const answer = await sendRaw(relay.port, raw)
    notLeaking(answer, server.port)
    return parseRaw(answer)
  }
  const typed = (
    { body, headers, status }: ReturnType<typeof parseRaw>,
    expected: number,
    reason: string,
    label = ""
  ) => {
    assert.strictEqual(status, expected, label)
    assert.match(headers["x-request-id"] ?? "", /^req_[A-Za-z0-9]{24}$/, label)
    assert.include(body, reason, label)
    assert.doesNotThrow(() => JSON.parse(body) as unknown, label)
  }

  it("a header block over 64 KiB is 431 with a body, in the words of its part", async () => {
    const block = `x-garbage: ${"y".repeat(70_000)}\r\n`
    const own = await bytes(`GET /chat?message=a HTTP/1.1\r\nhost: localhost\r\n${block}\r\n`)
    typed(own, 431, '"reason":"headers_too_large"')
    const dialectal = await bytes(`GET /v1/models HTTP/1.1\r\nhost: localhost\r\n${block}\r\n`)
    typed(dialectal, 431, '"code":"headers_too_large"')
    typed(
      await bytes(`GET /chat?message=${"z".repeat(70_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`),
      431,
      "headers_too_large"
    )
  })
  it("what is not HTTP, or not quite, is 400 with a body", async () => {
    const head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    const smuggled = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"
    for (const [label, raw] of [
      ["garbage", "\u0016\u0003\u0001\u0002\u0000\u0001\r\n\r\n"],
      ["no version", "GET /chat\r\n\r\n"],
      ["a strange method", "BREW /chat HTTP/1.1\r\nhost: localhost\r\n\r\n"],
      ["a NUL in a header", "GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-a: b\u0000c\r\n\r\n"],
      ["a header name with a space", "GET /health/live HTTP/1.1\r\nhost: localhost\r\nx a: b\r\n\r\n"],
      ["a bare CR in a header", "GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-a: b\rx: c\r\n\r\n"],
      ["both lengths", `${head}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`],
      ["two lengths", `${head}content-length: 4\r\ncontent-length: 5\r\n\r\n{}{}${smuggled}`],
      ["a length that is none", `${head}content-length: 4x\r\n\r\n{}{}`],
      ["a length below zero", `${head}content-length: -1\r\n\r\n{}{}`],
      ["a transfer coding that is none", `${head}transfer-encoding: chunky\r\n\r\n0\r\n\r\n`],
      ["a chunk length that is none", `${head}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n`],
      ["no host", "GET /health/live HTTP/1.1\r\n\r\n"],
      ["two hosts", "GET /health/live HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"]
    ] as const) {
      const answer = await bytes(raw)
      typed(answer, 400, "error", label)
      // What was smuggled behind it is not answered.
      assert.notInclude(answer.body, '"status":"live"', label)
    }
  })
  it("an expectation that nobody knows changes nothing", async () => {
    const { headers, status } = await bytes("GET /health/live HTTP/1.1\r\nhost: localhost\r\nexpect: miracles\r\n\r\n")
    assert.strictEqual(status, 200)
    assert.match(headers["x-request-id"] ?? "", /^req_/)
  })
  it("a body that comes slowly is waited for, and nobody else waits", async () => {
    const body = JSON.stringify(completion({ stream: false }))
    const slow = bytes([
      `POST ${dialect} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
      ...Array.from({ length: Math.ceil(body.length / 6) }, (_, at) => body.slice(at * 6, at * 6 + 6))
    ])
    const { status } = await read(`${relay.url}/health/live`)
    assert.strictEqual(status, 200)
    assert.strictEqual((await slow).status, 200)
    server.reset()
  })
  it("half a request leaves nothing behind", async () => {
    for (const half of [
      "POST /chat HT",
      "POST /chat HTTP/1.1\r\nhost: localh",
      "POST /chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
      `POST ${dialect} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{`
    ]) {
      await sendRaw(relay.port, half, 30)
    }
    await sleep(50)
    assert.lengthOf(server.requests, 0)
    await until(async () => /^active_streams 0$/m.test((await read(`${relay.url}/metrics`)).text))
  })
})
