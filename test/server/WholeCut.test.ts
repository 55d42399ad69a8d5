/**
 * An answer that breaks in the middle of what cannot be spliced, of which its client has seen nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { keepLog } from "../support/log.ts"
import { channelOf, startRelay } from "../support/relay.ts"

keepLog()

const tools = [{ type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } }]
const call = (fields: object) => ({ tool_calls: [{ index: 0, ...fields }] })

/** What is asked, what an upstream says before it breaks, and what one that is whole says. */
const kinds = {
  "a tool's call": {
    asks: { tools },
    begins: [call({ id: "c", type: "function", function: { name: "f", arguments: '{"a":' } })],
    goesOn: [call({ function: { arguments: "1}" } })]
  },
  "text, then a tool's call": {
    asks: { tools },
    begins: [
      { content: "I shall look that up for you, one moment please." },
      call({ id: "c", type: "function", function: { name: "f", arguments: '{"a":' } })
    ],
    goesOn: [call({ function: { arguments: "1}" } })]
  },
  "a refusal": { asks: {}, begins: [{ refusal: "I can" }], goesOn: [{ refusal: "not." }] },
  "two choices": { asks: { n: 2 }, begins: [{ content: "one" }], goesOn: [{ content: " and" }] },
  "two choices, of which one is whole": { asks: { n: 2 }, begins: [{ content: "one" }], goesOn: [] }
} as const

const endings = {
  "a reset": (response: ServerResponse) => response.socket?.resetAndDestroy(),
  "a silent end": (response: ServerResponse) => response.end(),
  "an error frame": (response: ServerResponse) =>
    response.end(`data: ${JSON.stringify({ error: { message: "broken", type: "server_error" } })}\n\n`)
} as const

type Kind = keyof typeof kinds

/** An upstream that says the kind, and breaks so, or not. */
const startUpstream = async (kind: Kind, ending: keyof typeof endings | undefined) => {
  const { asks, begins, goesOn } = kinds[kind]
  let asked = 0
  const server = createServer((request, response) => {
    asked++
    request.resume()
    response.writeHead(200, { "content-type": "text/event-stream" })
    const say = (delta: object, finish: string | null = null, index = 0): void =>
      void response.write(
        `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", model: "m", choices: [{ index, delta, finish_reason: finish }] })}\n\n`
      )
    for (const delta of begins) say(delta)
    if (kind === "two choices, of which one is whole") say({}, "stop")
    if (ending !== undefined) return void setTimeout(() => endings[ending](response), 20)
    for (const delta of goesOn) say(delta)
    if ("n" in asks) for (const delta of begins) say(delta, null, 1)
    const finish = kind.endsWith("call") ? "tool_calls" : "stop"
    if (!kind.endsWith("whole")) say({}, finish)
    if ("n" in asks) say({}, finish, 1)
    response.end("data: [DONE]\n\n")
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked: () => asked,
    close: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

const withTwo = async (
  kind: Kind,
  ending: keyof typeof endings,
  run: (url: string, asked: () => ReadonlyArray<number>) => Promise<void>
): Promise<void> => {
  const broken = await startUpstream(kind, ending)
  const whole = await startUpstream(kind, undefined)
  const relay = await startRelay({
    channels: [channelOf("broken", broken.url, { priority: 2 }), channelOf("whole", whole.url)]
  })
  try {
    await run(relay.url, () => [broken.asked(), whole.asked()])
  } finally {
    await relay.close()
    broken.close()
    whole.close()
  }
}

const ask = async (url: string, body: object): Promise<{ readonly status: number; readonly text: string }> => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body)
  })
  return { status: response.status, text: await response.text() }
}

const messages = [{ role: "user", content: "hello" }]

describe("an answer whose client has seen nothing of it", () => {
  const cases = Object.keys(kinds).flatMap((kind) =>
    Object.keys(endings).map((ending) => [kind as Kind, ending as keyof typeof endings] as const)
  )
  it.each(cases)("%s, then %s: is another channel's, whole", (kind, ending) =>
    withTwo(kind, ending, async (url, asked) => {
      const { status, text } = await ask(`${url}/v1/chat/completions`, { model: "m", messages, ...kinds[kind].asks })
      assert.strictEqual(status, 200, text)
      const { choices } = JSON.parse(text)
      const [{ message }] = choices
      if (kind.endsWith("call")) {
        assert.deepStrictEqual(
          message.tool_calls.map(({ function: asks, id }: { id: string; function: object }) => [id, asks]),
          [["c", { name: "f", arguments: '{"a":1}' }]]
        )
      } else if (kind === "a refusal") assert.strictEqual(message.refusal, "I cannot.")
      else assert.lengthOf(choices, 2)
      assert.isAtLeast(asked()[1]!, 1)
    })
  )

  it.each(Object.keys(endings) as ReadonlyArray<keyof typeof endings>)(
    "a call that a Gemini client is given whole, then %s: is another channel's",
    (ending) =>
      withTwo("a tool's call", ending, async (url) => {
        const { status, text } = await ask(`${url}/v1beta/models/m:streamGenerateContent?alt=sse`, {
          contents: [{ role: "user", parts: [{ text: "hello" }] }],
          tools: [{ functionDeclarations: [{ name: "f" }] }]
        })
        assert.strictEqual(status, 200, text)
        assert.strictEqual(text.split('"functionCall"').length, 2)
        assert.include(text, '"args":{"a":1}')
        assert.notInclude(text, '"error"')
      })
  )
})
