import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll, beforeEach } from "vitest"
import { startAimock } from "./aimock.ts"
import type { Ending } from "./behaviour.ts"
import { answer, cut, garbage, headersOnly, rateLimited, resetBeforeHeaders, silence } from "./behaviour.ts"
import type { FaultServer } from "./FaultServer.ts"
import { startFaultServer } from "./FaultServer.ts"
import type { SseEvent } from "./sse.ts"
import { open, read } from "./sse.ts"
import { textOf, words } from "./upstreamText.ts"

const whole = textOf(words)
const ask = { model: "m", stream: true, messages: [{ role: "user", content: "hello" }] }
const goOn = (partial: string, user?: string) => ({
  ...ask,
  messages: [
    ...ask.messages,
    { role: "assistant", content: partial },
    ...(user === undefined ? [] : [{ role: "user", content: user }])
  ]
})
const deltaText = (events: ReadonlyArray<SseEvent>): string =>
  events
    .map(({ json }) => {
      const [choice] = (json?.["choices"] ?? []) as ReadonlyArray<{ readonly delta?: { readonly content?: string } }>
      return choice?.delta?.content ?? ""
    })
    .join("")

describe("the scripted upstream", () => {
  let server: FaultServer
  const post = (body: unknown = ask) => read(`${server.url}/chat/completions`, { body })
  beforeAll(async () => {
    server = await startFaultServer()
  })
  beforeEach(() => server.reset())
  afterAll(() => server.close())

  it("answers well by default, with usage where it is asked for", async () => {
    const response = await post({ ...ask, stream_options: { include_usage: true } })
    assert.strictEqual(response.status, 200)
    assert.strictEqual(response.ended, "complete")
    assert.strictEqual(deltaText(response.events), whole)
    assert.strictEqual(response.events.at(-1)?.data, "[DONE]")
    assert.deepInclude(response.events.at(-2)?.json?.["usage"], { completion_tokens: words.length })
    assert.strictEqual(server.requests[0]?.finished, true)
    assert.strictEqual(server.requests[0]?.body.model, "m")
  })

  it("answers whole where no stream is asked for", async () => {
    const response = await post({ ...ask, stream: false })
    assert.include(response.text, JSON.stringify(whole))
  })

  it("honours, refuses or ignores a continuation", async () => {
    const partial = whole.slice(0, 33)
    assert.strictEqual(partial + deltaText((await post(goOn(partial))).events), whole)
    assert.strictEqual(partial + deltaText((await post(goOn(partial, "continue"))).events), whole)
    server.enqueue(answer({ prefill: "refuse" }), answer({ message: "restart" }))
    const refused = await post(goOn(partial))
    assert.strictEqual(refused.status, 400)
    assert.include(refused.text, "assistant message prefill")
    assert.strictEqual(deltaText((await post(goOn(partial, "continue"))).events), whole)
  })

  const endings: ReadonlyArray<readonly [Ending, "complete" | "broken", string]> = [
    ["reset", "broken", textOf(words.slice(0, 3))],
    ["close", "complete", textOf(words.slice(0, 3))],
    ["errorFrame", "complete", textOf(words.slice(0, 3))],
    ["badFrame", "complete", whole],
    ["finishWithoutDone", "complete", textOf(words.slice(0, 3))],
    ["doneWithoutFinish", "complete", textOf(words.slice(0, 3))],
    ["insideEvent", "complete", textOf(words.slice(0, 3))],
    ["insideChunk", "broken", textOf(words.slice(0, 3))]
  ]
  it.each(endings)("ends by %s", async (ending, ended, text) => {
    server.enqueue(cut(3, ending))
    const response = await post()
    assert.strictEqual(response.ended, ended)
    assert.strictEqual(deltaText(response.events), text)
  })

  it("stalls, and knows when the client left", async () => {
    server.enqueue(cut(2, "stall"))
    const live = await open(`${server.url}/chat/completions`, { body: ask })
    await live.until(() => live.events.length === 3)
    assert.strictEqual(server.openConnections(), 1)
    const left = performance.now()
    live.cut()
    const closedAt = await server.requests[0]?.closed
    assert.isBelow((closedAt ?? Number.POSITIVE_INFINITY) - left, 100)
    assert.strictEqual(server.requests[0]?.finished, false)
  })

  it("says nothing, or nothing that is content", async () => {
    server.enqueue(headersOnly(5), silence)
    const live = await open(`${server.url}/chat/completions`, { body: ask })
    assert.strictEqual(live.status, 200)
    live.cut()
    const silent = open(`${server.url}/chat/completions`, { body: ask })
    await server.received(2)
    await server.down()
    await silent.then(
      () => assert.fail("there was an answer"),
      (error: NodeJS.ErrnoException) => assert.strictEqual(error.code, "ECONNRESET")
    )
    await server.up()
    assert.strictEqual((await post()).status, 200)
  })

  it("refuses in other ways", async () => {
    server.enqueue(rateLimited({ "retry-after": "2" }), resetBeforeHeaders, garbage())
    const limited = await post()
    assert.strictEqual(limited.status, 429)
    assert.strictEqual(limited.headers["retry-after"], "2")
    for (const code of ["ECONNRESET", "HPE_INVALID_CONSTANT"]) {
      await post().then(
        () => assert.fail("there was an answer"),
        (error: NodeJS.ErrnoException) => assert.strictEqual(error.code, code)
      )
    }
  })

  it("sends reasoning and tool calls", async () => {
    server.enqueue(
      answer({ reasoning: ["Hm"], words: [], toolCall: { name: "weather", parts: ['{"city":', '"Oslo"}'] } })
    )
    const { text } = await post()
    assert.include(text, '"reasoning_content":"Hm"')
    assert.include(text, '"finish_reason":"tool_calls"')
  })
})

describe("aimock", () => {
  it("answers with the same text, and begins anew where it should go on", async () => {
    const mock = await startAimock()
    const post = (body: unknown) => read(`${mock.url}/chat/completions`, { body })
    assert.strictEqual(deltaText((await post(ask)).events), whole)
    assert.strictEqual(deltaText((await post(goOn("Once upon"))).events), whole)
    assert.strictEqual(mock.requestCount(), 2)
    await mock.close()
  })
})
