/**
 * What an answer may take in memory is bounded: one that is longer ends badly, is not continued, and the relay lives.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { ServerResponse } from "node:http"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { words } from "../support/upstreamText.ts"
import { startWireUpstream, streaming, type WireUpstream } from "../support/wireUpstream.ts"

const bound = 8 * 1024 * 1024
const piece = 512 * 1024

type Delta = { readonly [field: string]: unknown }

/** What the upstream says over and over. */
let delta: (text: string) => Delta
let event: Delta = {}
let length = piece
let wire: WireUpstream
let backup: FaultServer
let relay: RunningRelay

/** Writes for ever, as fast as it is read. */
const pour = (response: ServerResponse): void => {
  const frame = `data: ${JSON.stringify({ ...event, choices: [{ index: 0, delta: delta("x".repeat(length)), finish_reason: null }] })}\n\n`
  const write = (): void => {
    while (!response.closed && response.write(frame)) {
      // until it is full
    }
    if (!response.closed) response.once("drain", write)
  }
  streaming(response)
  write()
}

beforeAll(async () => {
  wire = await startWireUpstream(({ response }) => pour(response))
  backup = await startFaultServer()
  relay = await startRelay({
    timeouts: { headers: "5 seconds", firstContent: "5 seconds", idle: "5 seconds", total: "30 seconds" },
    breaker: { minimum: 1000 },
    channels: [channelOf("wire", wire.url, { priority: 1, models: ["m"] }), channelOf("b", backup.url)]
  })
})
afterAll(async () => {
  const { events } = await read(`${relay.url}/chat?message=hello&model=gpt-5`)
  assert.strictEqual(contentOf(events), words.join(""))
  await relay.close()
  await Promise.all([wire.close(), backup.close()])
})

const completion = (stream: boolean) => ({ model: "m", stream, messages: [{ role: "user", content: "hello" }] })

/** The upstream of the newest call is closed, and nobody went on from what it said. */
const over = async (calls: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.lengthOf(wire.calls, calls)
  assert.isDefined(wire.calls.at(-1)?.closedAt)
  assert.lengthOf(backup.requests, 0)
}

describe("an answer that is too long", () => {
  it("of text: read_response_body_failed, with all that was shown", async () => {
    delta = (content) => ({ content })
    const { ended, events } = await read(`${relay.url}/chat?message=hello`)
    assert.strictEqual(ended, "complete")
    const last = events.at(-1)
    assert.strictEqual(last?.event, "error")
    assert.deepInclude(last?.json, { code: "read_response_body_failed", partial_length: bound })
    assert.strictEqual(contentOf(events).length, bound)
    assert.strictEqual(String(last?.json?.["partial_content"]).length, bound)
    await over(1)
  })

  it.each([
    ["text", (content: string) => ({ content })],
    ["reasoning", (reasoning_content: string) => ({ reasoning_content })],
    [
      "a tool call",
      (text: string) => ({
        tool_calls: [{ index: 0, id: "c", type: "function", function: { name: "f", arguments: text } }]
      })
    ]
  ] as const)("of %s, whole: 502 in the envelope, without any of it", async (_, make) => {
    delta = make
    const before = wire.calls.length
    const { status, text } = await read(`${relay.url}/v1/chat/completions`, { body: completion(false) })
    assert.strictEqual(status, 502, text.slice(0, 200))
    assert.include(text, '"code":"read_response_body_failed"')
    assert.isBelow(text.length, 1000)
    await over(before + 1)
  })

  it("of reasoning, streaming: the dialect's error frame", async () => {
    delta = (reasoning_content) => ({ reasoning_content })
    const before = wire.calls.length
    const { events, text } = await read(`${relay.url}/v1/chat/completions`, { body: completion(true) })
    assert.include(events.at(-1)?.data, '"code":"read_response_body_failed"')
    assert.notInclude(text, "[DONE]")
    assert.isAtMost(text.length, bound + 2 * piece)
    await over(before + 1)
  })
})

describe("S2: what is kept counts, and not what is understood", () => {
  const junk = 64 * 1024
  const y = "y".repeat(junk)
  const kinds: ReadonlyArray<readonly [string, (text: string) => Delta, Delta]> = [
    ["the event", (content) => ({ content }), { unknown: y }],
    ["the delta", (content) => ({ content, unknown: y }), {}],
    [
      "many fields",
      (content) => ({ content }),
      Object.fromEntries(Array.from({ length: 6000 }, (_, n) => [`f${n}`, n]))
    ],
    [
      "a tool call",
      (text) => ({
        tool_calls: [{ index: 0, id: "c", type: "function", function: { name: "f", arguments: text }, unknown: y }]
      }),
      {}
    ]
  ]
  const during = async (make: (text: string) => Delta, beside: Delta, body: () => Promise<void>): Promise<void> => {
    delta = make
    event = beside
    length = 1
    await body().finally(() => {
      event = {}
      length = piece
    })
  }

  it.each(kinds)(
    "S2: unknown fields of %s, streaming: the error frame, with no more than the bound",
    (_, make, beside) =>
      during(make, beside, async () => {
        const before = wire.calls.length
        const { text } = await read(`${relay.url}/v1/chat/completions`, { body: completion(true) })
        assert.include(text.slice(-1000), '"code":"read_response_body_failed"')
        assert.notInclude(text.slice(-1000), "[DONE]")
        assert.isAtLeast(text.length, bound / 2)
        assert.isAtMost(text.length, 1.25 * bound)
        await over(before + 1)
      })
  )

  it.each(kinds)("S2: unknown fields of %s, whole: 502 in the envelope, without any of it", (_, make, beside) =>
    during(make, beside, async () => {
      const before = wire.calls.length
      const { status, text } = await read(`${relay.url}/v1/chat/completions`, { body: completion(false) })
      assert.strictEqual(status, 502, text.slice(0, 200))
      assert.include(text, '"code":"read_response_body_failed"')
      assert.isBelow(text.length, 1000)
      await over(before + 1)
    })
  )

  it("S2: the usual envelope of a token does not count against it: 40,000 tokens with their alternatives pass", () =>
    during(
      (content) => ({ content }),
      {
        id: "chatcmpl-1",
        object: "chat.completion.chunk",
        created: 1,
        model: "m",
        system_fingerprint: "z".repeat(1000)
      },
      async () => {
        const live = await open(`${relay.url}/v1/chat/completions`, { body: completion(true) })
        let read = 0
        await live.until(() => (read = live.events.length) >= 20_000)
        assert.isAtLeast(read, 20_000)
        live.cut()
      }
    ))
})
