/**
 * Requests whose bodies come packed: read like any other, bounded by what they unpack to, and told what is wrong.
 */
import * as Zlib from "node:zlib"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { completion } from "./kit.ts"

const dialect = "/v1/chat/completions"

let server: FaultServer
let relay: RunningRelay
beforeAll(async () => {
  server = await startFaultServer()
  relay = await startRelay({ server: { maxBodyBytes: 1_000_000 }, channels: [channelOf("a", server.url)] })
})
afterAll(async () => {
  await relay.close()
  await server.close()
})

const packers: { readonly [coding: string]: (body: Uint8Array) => Uint8Array<ArrayBuffer> } = {
  gzip: (body) => Zlib.gzipSync(body),
  "x-gzip": (body) => Zlib.gzipSync(body),
  deflate: (body) => Zlib.deflateSync(body),
  br: (body) => Zlib.brotliCompressSync(body),
  zstd: (body) => Zlib.zstdCompressSync(body)
}

const ask = (path: string, coding: string, body: Uint8Array<ArrayBuffer>, method = "POST") =>
  fetch(`${relay.url}${path}`, {
    method,
    body,
    headers: { "content-type": "application/json", "content-encoding": coding }
  })

const json = (value: unknown) => Buffer.from(JSON.stringify(value))

/** Whether a request was answered, whole. */
const answered = async (response: Response): Promise<void> => {
  const text = await response.text()
  assert.strictEqual(response.status, 200, text)
}

/** Whether a request was refused so, and nobody was asked. */
const refused = async (response: Response, status: number, reason: string): Promise<string> => {
  const text = await response.text()
  assert.strictEqual(response.status, status, text)
  assert.include(text, reason)
  assert.lengthOf(server.requests, 0)
  return text
}

describe("R11: a packed body", () => {
  it.each(Object.keys(packers))("%s is read, on every route", async (coding) => {
    server.reset()
    const pack = packers[coding]!
    const body = completion({ stream: false })
    await answered(await ask(dialect, coding, pack(json(body))))
    await answered(await ask("/chat", coding.toUpperCase(), pack(json({ message: "hello" }))))
    await answered(await ask("/v1/messages", coding, pack(json({ ...body, max_tokens: 9 }))))
    assert.lengthOf(server.requests, 3)
    for (const { body } of server.requests) assert.strictEqual(body.messages?.[0]?.content, "hello")
    server.reset()
  })
  it("in the raw form of deflate, or packed twice, is read", async () => {
    const body = json({ message: "hello" })
    await answered(await ask("/chat", "deflate", Zlib.deflateRawSync(body)))
    await answered(await ask("/chat", "gzip, br", packers["br"]!(packers["gzip"]!(body))))
    await answered(await ask("/chat", "identity, gzip", packers["gzip"]!(body)))
    await answered(await ask("/chat", "identity", Buffer.from(body)))
    server.reset()
  })
  it("of a cancellation is read", async () => {
    const path = `/streams/${"A".repeat(22)}`
    const response = await ask(path, "gzip", packers["gzip"]!(json({ reason: 5 })), "DELETE")
    await refused(response, 400, "reason")
  })
  it("that is not what it says is 400", async () => {
    const body = json({ message: "hello" })
    for (const [coding, pack] of Object.entries(packers)) {
      const packed = pack(json({ message: "hello".repeat(300) }))
      for (const broken of [Buffer.from(body), packed.subarray(0, packed.length - 3), packed.subarray(1)]) {
        await refused(await ask("/chat", coding, Buffer.from(broken)), 400, "bad_request_body")
      }
      await refused(await ask("/chat", coding, Buffer.alloc(0)), 400, "bad_request_body")
    }
  })
  it("in a way that nobody knows is 415, and says what is known", async () => {
    for (const coding of ["compress", "gzip, magic", "gzip, gzip, gzip, gzip", "gzip;q=1"]) {
      const response = await ask("/chat", coding, json({ message: "hello" }))
      assert.include(response.headers.get("accept-encoding"), "zstd")
      await refused(response, 415, "gzip, deflate, br or zstd")
    }
  })
  it("that unpacks to too much is 413, packed in any way", async () => {
    for (const [coding, pack] of Object.entries(packers)) {
      await refused(await ask("/chat", coding, pack(Buffer.alloc(1_000_001, 0x20))), 413, "payload_too_large")
    }
    // What is read is at most the bound itself.
    const most = Buffer.from(JSON.stringify({ message: "" }).padEnd(1_000_000))
    await refused(await ask("/chat", "gzip", packers["gzip"]!(most)), 400, "invalid_request")
  })
  it("that is a bomb is cut early", async () => {
    // A gigabyte of nothing, in a megabyte.
    const member = Zlib.gzipSync(Buffer.alloc(50_000_000))
    const bomb = Buffer.concat(Array.from({ length: 20 }, () => member))
    // A hundred megabytes that unpack to nothing at all, packed once more.
    const empty = Zlib.gzipSync("")
    const hollow = Zlib.gzipSync(Buffer.concat(Array.from({ length: 5_000_000 }, () => empty)))
    const before = process.memoryUsage().rss
    const began = performance.now()
    await refused(await ask("/chat", "gzip", bomb.subarray(0, 999_000)), 413, "payload_too_large")
    await refused(await ask("/chat", "gzip, gzip", hollow), 413, "payload_too_large")
    assert.isBelow(performance.now() - began, 5000)
    assert.isBelow(process.memoryUsage().rss - before, 100_000_000)
  })
  it("that asks for a window of 128 MB is 400", async () => {
    const greedy = await new Promise<Buffer<ArrayBuffer>>((resolve) => {
      const parts: Array<Buffer> = []
      const packer = Zlib.createZstdCompress({
        params: { [Zlib.constants.ZSTD_c_windowLog]: 27, [Zlib.constants.ZSTD_c_contentSizeFlag]: 0 }
      })
      packer.on("data", (part: Buffer) => parts.push(part))
      packer.on("end", () => resolve(Buffer.concat(parts)))
      packer.write(json({ message: "hello" }))
      packer.flush(() => packer.end())
    })
    await refused(await ask("/chat", "zstd", greedy), 400, "bad_request_body")
  })
})
