/**
 * What a server of somebody's own says with our SSE comes through relays as what it is.
 */
import { assert, describe, it } from "@effect/vitest"
import { ApplicationException, BizError } from "effect-resilience/errors"
import { errorEvent } from "effect-resilience/http"
import { encodeEvent } from "effect-resilience/sse"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { makeStreamId } from "#src/journal/index"
import { channelOf, startRelay } from "../support/relay.ts"
import { contentOf, read } from "../support/sse.ts"
import { baseUrlOf, type HopDialect } from "./hops.ts"

const chunk = (content: string) =>
  encodeEvent({ data: JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: null }] }) })

/** A server that says two words and then fails with an error. `known`: it gives its streams ids as a relay does. */
const startServer = async (error: unknown, known = true) => {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(200, {
      "content-type": "text/event-stream",
      ...(known ? { "x-stream-id": makeStreamId() } : {})
    })
    response.write(chunk("Once ") + chunk("upon "))
    const data = errorEvent(error, { requestId: "req_own", partial: "Once upon " })
    response.end(encodeEvent({ event: "error", data: JSON.stringify(data) }))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve)))
  }
}

const ask = async (dialect: HopDialect, error: unknown, known = true) => {
  const server = await startServer(error, known)
  const behind = await startRelay({ channels: [channelOf("own", server.url)], recovery: { mode: "off" } })
  const front = await startRelay({
    channels: [channelOf("next", baseUrlOf(behind, dialect), { dialect })],
    recovery: { mode: "off" }
  })
  try {
    const { events } = await read(`${front.url}/chat?message=hello&model=m`)
    assert.strictEqual(contentOf(events), "Once upon ")
    return events.at(-1)?.json ?? {}
  } finally {
    for (const one of [front, behind, server]) await one.close()
  }
}

describe.each(["openai", "anthropic", "gemini", "responses"] as const)("over a relay that speaks %s", (dialect) => {
  it("a service's own refusal after several messages: its code, message and extra", async () => {
    const extra = { testKey: "testVal" }
    const told = await ask(dialect, new BizError({ status: 10001, message: "insufficient user balance", extra }))
    assert.deepInclude(told, {
      code: "biz_error",
      type: "validation",
      recoverable: false,
      message: "insufficient user balance",
      partial_content: "Once upon ",
      biz: { code: 10001, message: "insufficient user balance", extra }
    })
  })

  it("an application exception: its type and its own message", async () => {
    const told = await ask(dialect, new ApplicationException({ typeId: 7, message: "the ledger is closed" }))
    assert.deepInclude(told, { code: "application_exception", message: "Internal error." })
    assert.deepInclude(told["fault"], { code: 12001, typeId: 7, message: "the ledger is closed" })
  })
})

describe("over a relay", () => {
  it("a server that is no relay is believed as any upstream is: what it says is its own affair", async () => {
    const told = await ask("openai", new BizError({ status: 10001, message: "insufficient user balance" }), false)
    assert.notProperty(told, "biz")
  })
})
