/**
 * Requests that are refused while they are still being sent: every client reads why, whatever it sends with, and what it
 * goes on sending is nobody's request.
 */
import { spawn } from "node:child_process"
import { request as httpRequest } from "node:http"
import { connect } from "node:net"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { read } from "../support/sse.ts"
import { completion, parseRaw, sendRaw, sleep, until } from "./kit.ts"

const dialect = "/v1/chat/completions"
/** Far more than a kernel keeps of a connection. */
const large = "x".repeat(12_000_000)
const bytes = Buffer.from(large)

let server: FaultServer
let relay: RunningRelay
let guarded: RunningRelay
beforeAll(async () => {
  server = await startFaultServer()
  relay = await startRelay({ server: { maxBodyBytes: 100_000 }, channels: [channelOf("a", server.url)] })
  guarded = await startRelay({
    server: { maxBodyBytes: 100_000 },
    tokens: [{ name: "ops", key: "ops-secret-token" }],
    channels: [channelOf("a", server.url)]
  })
})
afterAll(async () => {
  assert.lengthOf(server.requests, 0)
  await relay.close()
  await guarded.close()
  await server.close()
})

type Headers = { readonly [name: string]: string }

const json: Headers = { "content-type": "application/json" }

/** Sends all of it before it reads anything, as simple clients do; gives what it read, or how it broke. */
const sendsFirst = (port: number, head: string, body: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    let text = ""
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(`${error.code}: ${text}`))
    socket.on("close", () => resolve(text))
    socket.once("connect", () => {
      socket.write(head)
      socket.write(body, () => {
        socket.on("data", (chunk) => (text += chunk.toString("latin1")))
      })
    })
  })

const headOf = (path: string, lines: ReadonlyArray<string>): string =>
  [`POST ${path} HTTP/1.1`, "host: localhost", "content-type: application/json", ...lines, "", ""].join("\r\n")

const chunked = (body: string, size = 64_000): string => {
  const parts: Array<string> = []
  for (let at = 0; at < body.length; at += size) {
    const part = body.slice(at, at + size)
    parts.push(`${part.length.toString(16)}\r\n${part}\r\n`)
  }
  return `${parts.join("")}0\r\n\r\n`
}

const curl = (args: ReadonlyArray<string>, input: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn("curl", ["-sS", "--max-time", "20", "-o", "-", "-w", "\n%{http_code}", ...args])
    let out = ""
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on("data", (chunk: Buffer) => (out += chunk.toString()))
    child.on("error", reject)
    child.on("close", () => resolve(out))
    child.stdin.on("error", () => {})
    child.stdin.end(input)
  })

describe("S10: a body over the limit is 413", () => {
  const check = (answered: string): void => {
    const { body, headers, status } = parseRaw(answered)
    assert.strictEqual(status, 413, answered.slice(0, 200))
    assert.include(body, "payload_too_large")
    assert.strictEqual(headers["connection"], "close")
  }

  it("to fetch, each time", async () => {
    for (let at = 0; at < 10; at++) {
      const path = at % 2 === 0 ? "/chat" : dialect
      const response = await fetch(`${relay.url}${path}`, { method: "POST", body: bytes, headers: json })
      assert.strictEqual(response.status, 413)
      assert.include(await response.text(), "payload_too_large")
    }
  })
  it("to fetch with a stream, which says no length", async () => {
    for (let at = 0; at < 5; at++) {
      const body = new Blob([bytes]).stream()
      const options = { method: "POST", body, headers: json, duplex: "half" } as RequestInit
      const response = await fetch(`${relay.url}/chat`, options)
      assert.strictEqual(response.status, 413)
    }
  })
  it("to curl, which asks first or does not, with a length and in chunks", async () => {
    for (const more of [[], ["-H", "expect:"], ["-H", "transfer-encoding: chunked"]]) {
      const args = ["-H", "content-type: application/json", "--data-binary", "@-", ...more, `${relay.url}/chat`]
      const answered = await curl(args, large)
      assert.match(answered, /payload_too_large[^]*\n413$/, answered.slice(0, 300))
    }
  })
  it("to who sends all of it before it reads", async () => {
    check(await sendsFirst(relay.port, headOf("/chat", [`content-length: ${large.length}`]), large))
    check(await sendsFirst(relay.port, headOf(dialect, ["transfer-encoding: chunked"]), chunked(large)))
    check(
      await sendsFirst(relay.port, headOf("/chat", [`content-length: ${large.length}`, "expect: 100-continue"]), large)
    )
  })
  it("at once to who asks before it sends, and it is not told to go on", async () => {
    const answered = await sendRaw(
      relay.port,
      headOf("/chat", [`content-length: ${large.length}`, "expect: 100-continue"])
    )
    assert.notInclude(answered, "100 Continue")
    check(answered)
  })
  it("and who may send is told to go on", async () => {
    const body = JSON.stringify({ message: "" })
    const asked = await new Promise<number>((resolve, reject) => {
      const sent = httpRequest(
        `${relay.url}/chat`,
        { method: "POST", headers: { ...json, expect: "100-continue", "content-length": String(body.length) } },
        (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        }
      )
      sent.on("error", reject)
      sent.on("continue", () => sent.end(body))
      sent.flushHeaders()
    })
    assert.strictEqual(asked, 400)
  })
})

describe("S10: its brothers, refused before their body is read", () => {
  const post = (url: string, headers: Headers) => fetch(url, { method: "POST", body: bytes, headers })

  it("401, 403, 404, 405 and 415 come to fetch, each time", async () => {
    for (let at = 0; at < 2; at++) {
      assert.strictEqual((await post(`${guarded.url}${dialect}`, json)).status, 401)
      assert.strictEqual((await post(`${relay.url}/chat`, { ...json, origin: "https://evil.example" })).status, 403)
      assert.strictEqual((await post(`${relay.url}/nothing`, json)).status, 404)
      assert.strictEqual((await post(`${relay.url}/v1/models`, json)).status, 405)
      assert.strictEqual((await post(`${relay.url}/chat`, { "content-type": "text/plain" })).status, 415)
    }
  })
  it("and to who sends all of it before it reads", async () => {
    const length = `content-length: ${large.length}`
    for (const [port, path, lines, expected] of [
      [guarded.port, dialect, [], 401],
      [relay.port, dialect, ["origin: https://evil.example"], 403],
      [relay.port, "/nothing", [], 404],
      [relay.port, "/v1/models", [], 405],
      [relay.port, "/chat", ["content-encoding: magic"], 415]
    ] as const) {
      const { status } = parseRaw(await sendsFirst(port, headOf(path, [length, ...lines]), large))
      assert.strictEqual(status, expected)
    }
  })
  it("what is no HTTP in the middle of sending is 400 to who sends on", async () => {
    const answered = await sendsFirst(relay.port, headOf("/chat", ["transfer-encoding: chunked"]), `zz\r\n${large}`)
    assert.strictEqual(parseRaw(answered).status, 400, answered.slice(0, 100))
  })
  it("what comes behind the body is not answered", async () => {
    const smuggled = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"
    for (const [lines, body] of [
      [["transfer-encoding: chunked"], `${chunked("x".repeat(200_000))}${smuggled}`],
      [["content-length: 200000"], `${"x".repeat(200_000)}${smuggled}`]
    ] as const) {
      const answered = await sendsFirst(relay.port, headOf("/chat", lines), body)
      assert.strictEqual(parseRaw(answered).status, 413)
      assert.notInclude(answered, '"status":"live"')
    }
  })
  it("who never stops is left, after a bound", async () => {
    const socket = connect(relay.port, "127.0.0.1")
    let closed = false
    let sent = 0
    socket.on("error", () => {})
    socket.on("close", () => (closed = true))
    socket.resume()
    const part = Buffer.from(chunked("y".repeat(1_000_000)).slice(0, -5))
    const send = (): void => {
      sent += part.length
      if (!closed) socket.write(part, () => setImmediate(send))
    }
    socket.once("connect", () => {
      socket.write(headOf("/chat", ["transfer-encoding: chunked"]))
      send()
    })
    await until(() => closed, 15_000)
    assert.isBelow(sent, 90_000_000)
  }, 20_000)
})

describe("S12: headers before a token is seen", () => {
  const bound = 64 * 1024

  /** Sends a head that never ends, and gives the answer and what was sent before it came. */
  const endless = (port: number, path: string): Promise<{ readonly answered: string; readonly sent: number }> =>
    new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1")
      let text = ""
      let sent = 0
      let sentBefore: number | undefined
      const line = `x-filler: ${"z".repeat(4000)}\r\n`
      const send = (): void => {
        if (socket.destroyed || sent > 40 * bound) return
        sent += line.length
        socket.write(line, () => setTimeout(send, 1))
      }
      socket.on("data", (chunk) => {
        sentBefore ??= sent
        text += chunk.toString("latin1")
        if (text.includes("\r\n\r\n")) socket.destroy()
      })
      socket.on("error", () => {})
      socket.on("close", () => resolve({ answered: text, sent: sentBefore ?? sent }))
      socket.once("connect", () => {
        socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n`)
        send()
      })
    })

  it("over 64 KiB are 431, once they are there and not four times as many", async () => {
    for (const [port, path] of [
      [guarded.port, "/v1/models"],
      [relay.port, "/chat?message=a"]
    ] as const) {
      const { answered, sent } = await endless(port, path)
      const { body, status } = parseRaw(answered)
      assert.strictEqual(status, 431)
      assert.include(body, "headers_too_large")
      assert.isAbove(sent, bound - 4096)
      assert.isBelow(sent, bound + 40_000)
    }
  })
  it("just below it are read, and just above it are told on the route", async () => {
    const get = async (size: number): Promise<number> => {
      const lines = ["GET /v1/models HTTP/1.1", "host: localhost", "connection: close", "x-filler: "]
      const least = `${lines.join("\r\n")}\r\n\r\n`.length
      const answered = await sendRaw(relay.port, `${lines.join("\r\n")}${"z".repeat(size - least)}\r\n\r\n`)
      if (size > bound) assert.include(answered, '"type":"invalid_request_error"')
      return parseRaw(answered).status
    }
    assert.strictEqual(await get(bound), 200)
    assert.strictEqual(await get(bound + 1), 431)
    assert.strictEqual(await get(bound + 10_000), 431)
  })
  it("that come as one block of 256 kB are 431 to who sends all before it reads", async () => {
    const head = `GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-filler: ${"z".repeat(256_000)}\r\n\r\n`
    assert.strictEqual(parseRaw(await sendsFirst(guarded.port, head, "")).status, 431)
  })
  it("that never come are not waited for", { timeout: 40_000 }, async () => {
    const began = performance.now()
    const answered = await sendRaw(relay.port, "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-slow:", 30_000)
    assert.strictEqual(parseRaw(answered).status, 408)
    assert.include(answered, "request_timeout")
    assert.isBelow(performance.now() - began, 30_000)
  })
  it("and the relay is as it was", async () => {
    await sleep(0)
    assert.strictEqual((await read(`${relay.url}/v1/models`)).status, 200)
    assert.strictEqual((await read(`${relay.url}${dialect}`, { body: completion({ model: "unknown" }) })).status, 404)
  })
})
