/**
 * The faults of upstreams through a whole relay: over sockets, read by the `openai` SDK or as they are written.
 */
import { createServer, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import OpenAI, { APIError } from "openai"
import { keepLog } from "../../support/log.ts"
import { channelOf, startRelay } from "../../support/relay.ts"
import { contentOf, read } from "../../support/sse.ts"
import { chunk } from "./kit.ts"

keepLog()

const event = (value: unknown): string => `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`
const done = event("[DONE]")

/** An upstream that answers with these events, and keeps the bodies that it was sent. */
const upstream = async (play: (response: ServerResponse, body: string) => void) => {
  const bodies: Array<string> = []
  const server: Server = createServer((request, response) => {
    const parts: Array<Buffer> = []
    response.on("error", () => {})
    request.on("data", (part: Buffer) => parts.push(part))
    request.on("end", () => {
      const body = Buffer.concat(parts).toString("utf8")
      bodies.push(body)
      play(response, body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    bodies,
    close: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

const streams =
  (...events: ReadonlyArray<string>) =>
  (response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.end(events.join(""))
  }

type Play = Parameters<typeof upstream>[0]
interface World {
  readonly url: string
  readonly sdk: OpenAI
  readonly a: { readonly bodies: ReadonlyArray<string> }
  readonly b: { readonly bodies: ReadonlyArray<string> }
}

const within = async (plays: readonly [a: Play, b?: Play], run: (world: World) => Promise<void>): Promise<void> => {
  const [a, b] = await Promise.all([upstream(plays[0]), upstream(plays[1] ?? plays[0])])
  const relay = await startRelay({
    timeouts: { headers: "5 seconds", firstContent: "5 seconds", idle: "5 seconds", total: "20 seconds" },
    channels: [channelOf("a", a.url, { priority: 1 }), ...(plays[1] === undefined ? [] : [channelOf("b", b.url)])]
  })
  try {
    const sdk = new OpenAI({ apiKey: "none", baseURL: `${relay.url}/v1`, maxRetries: 0 })
    await run({ url: relay.url, sdk, a, b })
  } finally {
    await relay.close()
    a.close()
    b.close()
  }
}

const asked = { model: "m", messages: [{ role: "user" as const, content: "hi" }] }
const call = (index: number, fields: object) => chunk({ tool_calls: [{ index, ...fields }] })
const goesOn = streams(event(chunk({ content: " and then it was told to its end." })), event(chunk({}, "stop")), done)

describe("a finish that means a broken answer", () => {
  it.concurrent.each(["abort", "network_error", "insufficient_system_resource", "error"])(
    "R2: %s goes on from another channel",
    (word) =>
      within(
        [streams(event(chunk({ content: "Once upon a time it broke" })), event(chunk({}, word)), done), goesOn],
        async ({ b, url }) => {
          const { events } = await read(`${url}/chat?message=hello`)
          assert.strictEqual(events.at(-1)?.event, "done")
          assert.strictEqual(contentOf(events), "Once upon a time it broke and then it was told to its end.")
          assert.lengthOf(b.bodies, 1)
        }
      )
  )

  it.concurrent("R2: with nobody to go on it is an error, and no clean end", () =>
    within([streams(event(chunk({ content: "Once" })), event(chunk({}, "abort")), done)], async ({ sdk }) => {
      let failed: unknown
      try {
        for await (const _ of await sdk.chat.completions.create({ ...asked, stream: true }));
      } catch (error) {
        failed = error
      }
      assert.instanceOf(failed, APIError)
    }))

  it.concurrent("R2: a word that nobody knows is passed on with its terminator, and is a cut without one", async () => {
    const begins = [event(chunk({ content: "Once upon a time it broke" })), event(chunk({}, "strange"))]
    await within([streams(...begins, done)], async ({ sdk }) => {
      const { choices } = await sdk.chat.completions.create(asked)
      assert.strictEqual(choices[0]?.finish_reason as string, "strange")
    })
    await within([streams(...begins), goesOn], async ({ b, url }) => {
      const { events } = await read(`${url}/chat?message=hello`)
      assert.strictEqual(contentOf(events), "Once upon a time it broke and then it was told to its end.")
      assert.lengthOf(b.bodies, 1)
    })
  })
})

describe("what shows", () => {
  it.concurrent("R5: images alone are an answer", () =>
    within(
      [
        streams(
          event(chunk({ role: "assistant", content: "" })),
          event(chunk({ images: [{ type: "image_url", image_url: { url: "data:image/png;base64,iVBO" } }] })),
          event(chunk({}, "stop")),
          done
        )
      ],
      async ({ a, sdk }) => {
        const { choices } = await sdk.chat.completions.create(asked)
        assert.deepInclude(choices[0]!.message, {
          images: [{ type: "image_url", image_url: { url: "data:image/png;base64,iVBO" } }]
        } as object)
        assert.lengthOf(a.bodies, 1)
      }
    ))

  it.concurrent("R5: details and annotations before the text are all there", () =>
    within(
      [
        streams(
          event(
            chunk({ role: "assistant", reasoning_details: [{ type: "reasoning.encrypted", data: "d", index: 0 }] })
          ),
          event(chunk({ annotations: [{ type: "url_citation" }] })),
          event(chunk({ content: "so" })),
          event(chunk({}, "stop")),
          done
        )
      ],
      async ({ sdk }) => {
        const { choices } = await sdk.chat.completions.create(asked)
        assert.deepInclude(choices[0]!.message, {
          content: "so",
          reasoning_details: [{ type: "reasoning.encrypted", data: "d", index: 0 }],
          annotations: [{ type: "url_citation" }]
        } as object)
      }
    ))
})

describe("tool calls", () => {
  const parts = [
    event(call(0, { id: "a", type: "function", function: { name: "find_the_weather", arguments: "" } })),
    event(call(0, { function: { arguments: '{"city":"Kyoto","days":3}' } }))
  ]

  it.concurrent("R9: without a finish they end with tool_calls, and are counted", () =>
    within([streams(...parts, done)], async ({ sdk }) => {
      const { choices, usage } = await sdk.chat.completions.create(asked)
      assert.strictEqual(choices[0]!.finish_reason, "tool_calls")
      assert.isAbove(usage!.completion_tokens, 5)
      const stream = sdk.chat.completions.stream({ ...asked, stream_options: { include_usage: true } })
      const final = await stream.finalChatCompletion()
      assert.strictEqual(final.choices[0]!.finish_reason, "tool_calls")
      assert.isAbove(final.usage!.completion_tokens, 5)
    }))

  it.concurrent("R9: cut before the terminator they stay a cut", () =>
    within([streams(...parts)], async ({ sdk }) => {
      const failed = await sdk.chat.completions.create(asked).then(
        () => undefined,
        (error: unknown) => error
      )
      assert.instanceOf(failed, APIError)
    }))

  it.concurrent("R10: two calls under one index are two calls, whole and in the SDK's stream", () =>
    within(
      [
        streams(
          event(call(0, { id: "a", function: { name: "f", arguments: '{"q":' } })),
          event(call(0, { id: "a", function: { name: "f", arguments: "1}" } })),
          event(call(0, { id: "b", function: { name: "g", arguments: "{}" } })),
          event(chunk({}, "tool_calls")),
          done
        )
      ],
      async ({ sdk }) => {
        const expected = [
          { id: "a", type: "function", function: { name: "f", arguments: '{"q":1}' } },
          { id: "b", type: "function", function: { name: "g", arguments: "{}" } }
        ]
        const whole = await sdk.chat.completions.create(asked)
        assert.deepStrictEqual(whole.choices[0]!.message.tool_calls as unknown, expected)
        const streamed = await sdk.chat.completions.stream(asked).finalChatCompletion()
        assert.deepStrictEqual(
          streamed.choices[0]!.message.tool_calls?.map((one) =>
            one.type === "function"
              ? { id: one.id, type: one.type, function: { name: one.function.name, arguments: one.function.arguments } }
              : one
          ) as unknown,
          expected
        )
      }
    ))
})

describe("numbers", () => {
  it.concurrent("R12: pass to the digit, to the upstream and back", () =>
    within(
      [
        streams(
          event('{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"x":9007199254740993}'),
          event(chunk({}, "stop")),
          done
        )
      ],
      async ({ a, url }) => {
        const schema = '{"type":"integer","maximum":9223372036854775807}'
        const format = `{"type":"json_schema","json_schema":{"name":"n","schema":${schema}}}`
        for (const stream of [true, false]) {
          const response = await fetch(`${url}/v1/chat/completions`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: `{"model":"m","messages":[{"role":"user","content":"hi"}],"seed":9007199254740993,"response_format":${stream ? format : '{"type":"text"}'},"stream":${stream}}`
          })
          assert.include(await response.text(), '"x":9007199254740993')
        }
        assert.include(a.bodies[0], `"response_format":${format}`)
        for (const body of a.bodies) assert.include(body, '"seed":9007199254740993')
      }
    ))
})
