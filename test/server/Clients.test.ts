/**
 * What we write is read by every family of clients: a pause with heartbeats in it gives none of them an event that is
 * none, and all of them the whole answer.
 */
import { afterEach, assert, describe, it } from "@effect/vitest"
import { answer } from "../support/behaviour.ts"
import { decoders } from "../support/decoders.ts"
import { type FaultServer, startFaultServer } from "../support/FaultServer.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { open } from "../support/sse.ts"

let server: FaultServer | undefined
let relay: RunningRelay | undefined
afterEach(async () => {
  await relay?.close()
  await server?.close()
})

describe("R1: heartbeats while an answer pauses", () => {
  const read = async (path: string, body: object): Promise<string> => {
    server = await startFaultServer({ default: answer({ words: ["one ", "two ", "three ", "four"], delay: 80 }) })
    relay = await startRelay({
      channels: [channelOf("a", server.url)],
      server: { heartbeat: "20 millis" }
    })
    const response = await open(`${relay.url}${path}`, { body })
    const { text, comments } = await response.done
    assert.isAbove(comments.length, 4)
    return text
  }

  it.each(Object.entries(decoders))("the rule of %s clients: OpenAI dialect", async (_family, decode) => {
    const events = decode(
      await read("/v1/chat/completions", { model: "m", stream: true, messages: [{ role: "user", content: "x" }] })
    )
    assert.strictEqual(events.at(-1)?.data, "[DONE]")
    const chunks = events
      .slice(0, -1)
      .map(({ data }) => JSON.parse(data) as { choices: Array<{ delta: { content?: string } }> })
    assert.strictEqual(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""), "one two three four")
  })

  it.each(Object.entries(decoders))("the rule of %s clients: /chat", async (_family, decode) => {
    const events = decode(await read("/chat", { message: "x" }))
    assert.isTrue(events.every(({ data }) => typeof JSON.parse(data) === "object"))
    assert.strictEqual(
      (JSON.parse(events.at(-1)!.data) as { full_content?: string }).full_content,
      "one two three four"
    )
  })
})
