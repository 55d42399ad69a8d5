/**
 * The routes of the Gemini dialect, over real sockets: to an upstream that speaks Gemini, and to one that does not.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { keepLog, logLines } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"

keepLog()

interface Asked {
  readonly url: string
  readonly headers: { readonly [name: string]: unknown }
  readonly body: { readonly [field: string]: unknown }
  readonly text: string
}

/** What an upstream answers: a status and JSON, or events, the last of which may be a reset. */
type Reply =
  | { readonly status: number; readonly body: unknown }
  | { readonly events: ReadonlyArray<object | string>; readonly reset?: boolean }

let upstream: Server | undefined
let relay: RunningRelay | undefined
let asked: Array<Asked> = []
afterEach(async () => {
  await relay?.close()
  upstream?.closeAllConnections()
  await new Promise((resolve) => (upstream === undefined ? resolve(undefined) : upstream.close(resolve)))
  asked = []
})

/** An upstream that replies by the first part of the path: the channel; the last reply for ever. */
const upstreams = async (replies: { readonly [channel: string]: ReadonlyArray<Reply> }) => {
  const counts = new Map<string, number>()
  upstream = createServer((request, response) => {
    const channel = request.url!.split("/")[1]!
    const list = replies[channel] ?? []
    const at = counts.get(channel) ?? 0
    counts.set(channel, at + 1)
    let text = ""
    request.on("data", (chunk: Buffer) => (text += chunk.toString()))
    request.on("end", () => {
      asked.push({ url: request.url!, headers: request.headers, body: JSON.parse(text), text })
      const reply = list[Math.min(at, list.length - 1)]
      if (reply === undefined) return
      if ("status" in reply) {
        response.writeHead(reply.status, { "content-type": "application/json" })
        return void response.end(JSON.stringify(reply.body))
      }
      response.writeHead(200, { "content-type": "text/event-stream" })
      for (const event of reply.events) {
        response.write(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\r\n\r\n`)
      }
      if (reply.reset !== true) return void response.end()
      setTimeout(() => response.socket?.resetAndDestroy(), 30)
    })
  })
  await new Promise<void>((resolve) => upstream!.listen(0, "127.0.0.1", resolve))
  return `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
}

const said = (text: string, more: object = {}, top: object = {}) => ({
  candidates: [{ content: { role: "model", parts: [{ text }] }, index: 0, ...more }],
  usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 7 },
  modelVersion: "theirs",
  responseId: "theirs",
  ...top
})

const chunk = (content: string | null, finish: string | null = null, more: object = {}) => ({
  choices: [{ index: 0, delta: content === null ? {} : { content }, finish_reason: finish }],
  ...more
})

const gemini = (id: string, url: string, more: object = {}) => ({
  ...channelOf(id, `${url}/${id}/v1beta`),
  dialect: "gemini",
  models: ["m", "gemini-*"],
  ...more
})

const hello = { contents: [{ role: "user", parts: [{ text: "hello" }] }] }

const post = (path: string, body: unknown = hello, headers: { readonly [name: string]: string } = {}) =>
  fetch(`${relay!.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body)
  })

/** An event, an answer, a list of models, or an error. */
interface Json {
  readonly candidates: ReadonlyArray<{
    readonly content?: {
      readonly parts?: ReadonlyArray<{
        readonly text?: string
        readonly functionCall?: { readonly id: string; readonly name: string; readonly args: object }
      }>
    }
    readonly finishReason?: string
  }>
  readonly usageMetadata: object
  readonly modelVersion: string
  readonly responseId: string
  readonly error: {
    readonly code: number | string
    readonly status: string
    readonly message: string
    readonly details: ReadonlyArray<{
      readonly reason?: string
      readonly retryDelay?: string
      readonly fieldViolations?: ReadonlyArray<{ readonly field: string }>
    }>
  }
}

/** The data of each block of a stream, and the ids that stand in blocks of their own. */
const blocksOf = (text: string) => {
  const blocks = text.split("\n\n").filter((block) => block !== "")
  return {
    blocks,
    data: blocks.flatMap((block) => (block.startsWith("data: ") ? [JSON.parse(block.slice(6)) as Json] : [])),
    ids: blocks.flatMap((block) => (block.startsWith("id: ") ? [block.slice(4)] : []))
  }
}

const textIn = (events: ReadonlyArray<Json>): string =>
  events
    .flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
    .map(({ text }) => text ?? "")
    .join("")

describe("over a Gemini channel", () => {
  const good: Reply = {
    events: [said("Hel"), said("lo"), said(".", { finishReason: "STOP", safetyRatings: [{ x: 1 }] })]
  }

  it.each(["/v1beta", "/v1"])("%s/models/{m}:generateContent gives one body, with every field", async (prefix) => {
    const url = await upstreams({ a: [good] })
    relay = await startRelay({ channels: [gemini("a", url, { modelMapping: { m: "gemini-2.5-pro" } })] })
    const response = await post(`${prefix}/models/m:generateContent`, { ...hello, unknown: { field: [1] } })
    assert.strictEqual(response.status, 200)
    assert.match(response.headers.get("content-type") ?? "", /^application\/json/)
    const body = (await response.json()) as Json
    assert.deepStrictEqual<unknown>(body, {
      candidates: [
        {
          content: { parts: [{ text: "Hello." }], role: "model" },
          index: 0,
          safetyRatings: [{ x: 1 }],
          finishReason: "STOP"
        }
      ],
      usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 7 },
      modelVersion: "gemini-2.5-pro",
      responseId: response.headers.get("x-stream-id")
    })
    assert.deepStrictEqual(
      asked.map(({ body, headers, url }) => [url, headers["x-goog-api-key"], headers["authorization"], body]),
      [
        [
          "/a/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
          "key-of-a",
          undefined,
          { ...hello, unknown: { field: [1] } }
        ]
      ]
    )
  })

  it(":streamGenerateContent?alt=sse gives blocks of one data line, and ids in blocks of their own", async () => {
    const url = await upstreams({ a: [good] })
    relay = await startRelay({ channels: [gemini("a", url)] })
    const response = await post("/v1beta/models/m:streamGenerateContent?alt=sse")
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/)
    const id = response.headers.get("x-stream-id")
    const { blocks, data, ids } = blocksOf(await response.text())
    for (const block of blocks) assert.match(block, /^(data: .*|id: .*)$/)
    assert.deepStrictEqual(
      ids,
      data.map((_, seq) => `${id}.${seq}`)
    )
    assert.strictEqual(textIn(data), "Hello.")
    assert.isTrue(data.every(({ modelVersion, responseId }) => modelVersion === "m" && responseId === id))
    assert.deepStrictEqual(
      data.map(({ candidates }) => candidates[0]?.finishReason),
      [undefined, undefined, undefined, "STOP"]
    )
  })

  it.each(["gl-python/3.11.2", "gl-go/go1.25", "gl-java/21.0.2"])(
    "an SDK that reads every line as data is given no other: %s",
    async (language) => {
      const url = await upstreams({ a: [good, { events: [said("Hel")], reset: true }] })
      relay = await startRelay({
        channels: [gemini("a", url)],
        recovery: { mode: "off" },
        server: { heartbeat: "10 millis" }
      })
      const ask = async () => {
        const response = await post("/v1beta/models/m:streamGenerateContent?alt=sse", hello, {
          "x-goog-api-client": `google-genai-sdk/1.40.0 ${language}`
        })
        assert.strictEqual(response.status, 200)
        assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/)
        return blocksOf(await response.text())
      }
      const whole = await ask()
      for (const block of whole.blocks) assert.match(block, /^data: .*$/)
      assert.strictEqual(textIn(whole.data), "Hello.")
      assert.strictEqual(whole.data.at(-1)?.candidates[0]?.finishReason, "STOP")
      // An error is a line of JSON, as Google breaks off a stream, and a line that is none.
      const cut = await ask()
      const [error, words] = cut.blocks.slice(-2)
      for (const block of cut.blocks.slice(0, -2)) assert.match(block, /^data: .*$/)
      assert.strictEqual(textIn(cut.data), "Hel")
      assert.deepInclude(JSON.parse(error ?? "").error, { code: 502, status: "INTERNAL" })
      assert.match(words ?? "", /^: ./)
    }
  )

  it(":streamGenerateContent gives a list without ids", async () => {
    const url = await upstreams({ a: [good] })
    relay = await startRelay({ channels: [gemini("a", url)] })
    const response = await post("/v1beta/models/m:streamGenerateContent")
    assert.match(response.headers.get("content-type") ?? "", /^application\/json/)
    assert.strictEqual(response.headers.get("x-attempts"), "a=200")
    const text = await response.text()
    const list = JSON.parse(text) as ReadonlyArray<Json>
    assert.strictEqual(textIn(list), "Hello.")
    assert.strictEqual(list.at(-1)?.candidates[0]?.finishReason, "STOP")
    assert.notInclude(text, "id:")
  })

  it("a list whose answer fails is closed with the error", async () => {
    const url = await upstreams({ a: [{ events: [said("Hel")], reset: true }] })
    relay = await startRelay({ channels: [gemini("a", url)], recovery: { mode: "off" } })
    const response = await post("/v1beta/models/m:streamGenerateContent")
    assert.strictEqual(response.status, 200)
    const list = (await response.json()) as ReadonlyArray<Json>
    assert.strictEqual(textIn(list), "Hel")
    assert.deepInclude(list.at(-1)?.error, { code: 502, status: "INTERNAL" })
    assert.strictEqual(list.at(-1)?.error.details[0]?.reason, "do_request_failed")
  })

  it("an answer that fails in the middle ends with an error with a numeric code", async () => {
    const url = await upstreams({ a: [{ events: [said("Hel")], reset: true }] })
    relay = await startRelay({ channels: [gemini("a", url)], recovery: { mode: "off" } })
    const { data } = blocksOf(await (await post("/v1beta/models/m:streamGenerateContent?alt=sse")).text())
    assert.strictEqual(textIn(data), "Hel")
    assert.deepInclude(data.at(-1)?.error, { code: 502, status: "INTERNAL" })
  })

  it.each([
    ["whole", ":generateContent"],
    ["a stream", ":streamGenerateContent?alt=sse"],
    ["a list", ":streamGenerateContent"]
  ])("an error before the first word is an HTTP error in Gemini's format: %s", async (_, path) => {
    const error = {
      error: {
        code: 429,
        message: "slow",
        status: "RESOURCE_EXHAUSTED",
        details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "7s" }]
      }
    }
    const url = await upstreams({ a: [{ status: 429, body: error }] })
    relay = await startRelay({ channels: [gemini("a", url)] })
    const response = await post(`/v1beta/models/m${path}`)
    assert.strictEqual(response.status, 429)
    const body = (await response.json()) as Json
    const id = response.headers.get("x-request-id")
    assert.deepInclude(body.error, { code: 429, status: "RESOURCE_EXHAUSTED" })
    assert.include(body.error.message, `(request id: ${id})`)
    const [info, retry] = body.error.details
    assert.deepStrictEqual<unknown>(info, {
      "@type": "type.googleapis.com/google.rpc.ErrorInfo",
      reason: "channel:rate_limited",
      domain: "effect-resilience",
      metadata: { request_id: id }
    })
    assert.match(retry?.retryDelay ?? "", /^(6\.9\d*|7)s$/)
    assert.strictEqual(response.headers.get("retry-after"), "7")
  })

  it("a prompt that is blocked is a 400, asked once", async () => {
    const url = await upstreams({ a: [{ events: [{ promptFeedback: { blockReason: "SAFETY" } }] }], b: [good] })
    relay = await startRelay({ channels: [gemini("a", url, { priority: 2 }), gemini("b", url)] })
    const response = await post("/v1beta/models/m:generateContent")
    assert.strictEqual(response.status, 400)
    const body = (await response.json()) as Json
    assert.strictEqual(body.error.details[0]?.reason, "prompt_blocked")
    assert.lengthOf(asked, 1)
  })

  it("an answer that was cut goes on from another channel, as the beginning of its own", async () => {
    const url = await upstreams({
      a: [{ events: [said("Once upon a "), said("time ")], reset: true }],
      b: [{ events: [said("there was a relay.", { finishReason: "STOP" })] }]
    })
    relay = await startRelay({ channels: [gemini("a", url, { priority: 2 }), gemini("b", url)] })
    const { data } = blocksOf(await (await post("/v1beta/models/m:streamGenerateContent?alt=sse")).text())
    assert.strictEqual(textIn(data), "Once upon a time there was a relay.")
    assert.strictEqual(data.at(-1)?.candidates[0]?.finishReason, "STOP")
    assert.deepStrictEqual(asked[1]?.body["contents"], [
      ...hello.contents,
      { role: "model", parts: [{ text: "Once upon a time " }] }
    ])
  })

  it("is read as a whole body where it cannot stream", async () => {
    const url = await upstreams({ a: [{ status: 200, body: said("Hello.", { finishReason: "STOP" }) }] })
    relay = await startRelay({ channels: [gemini("a", url, { stream: false })] })
    const { data } = blocksOf(await (await post("/v1beta/models/m:streamGenerateContent?alt=sse")).text())
    assert.strictEqual(textIn(data), "Hello.")
    assert.strictEqual(asked[0]?.url, "/a/v1beta/models/m:generateContent")
  })

  it("keeps numbers to the digit, in the request and in the answer", async () => {
    const event = JSON.stringify(said("x", { finishReason: "STOP" })).replace('"x"', '"n","odd":9007199254740993')
    const url = await upstreams({ a: [{ events: [event] }] })
    relay = await startRelay({ channels: [gemini("a", url)] })
    const response = await fetch(`${relay.url}/v1beta/models/m:generateContent`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...hello, generationConfig: { seed: 1 } }).replace(":1}", ":9007199254740993}")
    })
    assert.include(await response.text(), '"odd":9007199254740993')
    assert.include(asked[0]?.text, '"seed":9007199254740993')
  })

  it("a base URL may end in a slash, or in the path of the models", async () => {
    const url = await upstreams({ a: [good], b: [good] })
    relay = await startRelay({
      channels: [
        gemini("a", url, { baseUrl: `${url}/a/v1beta/`, models: ["a"] }),
        gemini("b", url, { baseUrl: `${url}/b/v1beta/models`, models: ["b/*"] })
      ]
    })
    assert.strictEqual((await post("/v1beta/models/a:generateContent")).status, 200)
    assert.strictEqual((await post("/v1beta/models/b/%2E.%2Fx:1:generateContent")).status, 200)
    assert.deepStrictEqual(
      asked.map(({ url }) => url),
      [
        "/a/v1beta/models/a:streamGenerateContent?alt=sse",
        "/b/v1beta/models/b%2F..%2Fx%3A1:streamGenerateContent?alt=sse"
      ]
    )
  })
})

describe("what Google refuses of another dialect's client", () => {
  const refuses = (message: string, details?: ReadonlyArray<object>): Reply => ({
    status: 400,
    body: { error: { code: 400, message, status: "INVALID_ARGUMENT", ...(details === undefined ? {} : { details }) } }
  })
  const good: Reply = { events: [said("Hello.", { finishReason: "STOP" })] }
  const level =
    "Invalid JSON payload received. Unknown name \"thinkingLevel\" at 'generation_config.thinking_config': Cannot find field."

  it("is left out, asked again at once, told, and remembered", async () => {
    const url = await upstreams({
      a: [
        refuses("Penalty is not enabled for models/gemini-2.5-flash"),
        refuses(level, [
          {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            fieldViolations: [{ field: "generation_config.thinking_config", description: level }]
          }
        ]),
        good
      ]
    })
    relay = await startRelay({ channels: [gemini("a", url)], retry: { times: 0 } })
    const ask = () =>
      post("/v1/chat/completions", {
        model: "m",
        messages: [{ role: "user", content: "hello" }],
        temperature: 0.5,
        presence_penalty: 1,
        reasoning_effort: "low"
      })
    const response = await ask()
    assert.strictEqual(response.status, 200)
    assert.strictEqual(response.headers.get("x-dropped"), "presence_penalty,reasoning_effort")
    assert.deepStrictEqual(
      asked.map(({ body }) => body["generationConfig"]),
      [
        { temperature: 0.5, presencePenalty: 1, thinkingConfig: { thinkingLevel: "LOW", includeThoughts: true } },
        { temperature: 0.5, thinkingConfig: { thinkingLevel: "LOW", includeThoughts: true } },
        { temperature: 0.5, thinkingConfig: { includeThoughts: true } }
      ]
    )
    assert.strictEqual((await ask()).status, 200)
    assert.lengthOf(asked, 4)
    assert.deepStrictEqual(asked[3]?.body["generationConfig"], asked[2]?.body["generationConfig"])
  })

  it("of Google's own client nothing is taken away", async () => {
    const url = await upstreams({ a: [refuses("Thinking level is not supported for this model."), good] })
    relay = await startRelay({ channels: [gemini("a", url)] })
    const thinkingConfig = { thinkingLevel: "LOW" }
    const response = await post("/v1beta/models/m:generateContent", { ...hello, generationConfig: { thinkingConfig } })
    assert.strictEqual(response.status, 400)
    assert.lengthOf(asked, 1)
  })
})

describe("over an OpenAI channel", () => {
  const answer: Reply = {
    events: [
      chunk("Hel"),
      chunk("lo.", null),
      chunk(null, "stop"),
      { choices: [], usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 } },
      "[DONE]"
    ]
  }

  it("a request is put into its words, and what it has no words for is told in x-dropped", async () => {
    const url = await upstreams({ a: [answer] })
    relay = await startRelay({ channels: [channelOf("a", `${url}/a/v1`)] })
    const response = await post("/v1beta/models/m:generateContent", {
      ...hello,
      systemInstruction: { parts: [{ text: "Be brief." }] },
      generationConfig: { temperature: 0.5, topK: 40, maxOutputTokens: 100 },
      safetySettings: [{ category: "HARM_CATEGORY_HATE_SPEECH", threshold: "BLOCK_NONE" }]
    })
    const body = (await response.json()) as Json
    assert.deepStrictEqual<unknown>(body.candidates, [
      { content: { parts: [{ text: "Hello." }], role: "model" }, index: 0, finishReason: "STOP" }
    ])
    assert.deepStrictEqual(body.usageMetadata, { promptTokenCount: 9, candidatesTokenCount: 4, totalTokenCount: 13 })
    assert.strictEqual(response.headers.get("x-dropped"), "safetySettings,generationConfig.topK")
    assert.deepInclude(asked[0]?.body, {
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "hello" }
      ],
      temperature: 0.5,
      max_completion_tokens: 100
    })
  })

  it("what it cannot say is a 400 that names each field by its path", async () => {
    const url = await upstreams({ a: [answer] })
    relay = await startRelay({ channels: [channelOf("a", `${url}/a/v1`)] })
    const response = await post("/v1beta/models/m:generateContent", {
      ...hello,
      tools: [{ googleSearch: {} }],
      cachedContent: "cachedContents/1",
      unheardOf: 1
    })
    assert.strictEqual(response.status, 400)
    const { error } = (await response.json()) as Json
    assert.strictEqual(error.details[0]?.reason, "convert_request_failed")
    assert.deepStrictEqual(
      error.details[1]?.fieldViolations?.map(({ field }) => field),
      ["tools[0].googleSearch", "cachedContent", "unheardOf"]
    )
    for (const field of ["cachedContent", "unheardOf", "tools[0].googleSearch"]) assert.include(error.message, field)
    assert.lengthOf(asked, 0)
  })

  it("calls come whole, with ids", async () => {
    const call = (index: number, more: object) => ({
      choices: [{ index: 0, delta: { tool_calls: [{ index, ...more }] }, finish_reason: null }]
    })
    const url = await upstreams({
      a: [
        {
          events: [
            call(0, { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":' } }),
            call(0, { function: { arguments: '"Oslo"}' } }),
            call(1, { type: "function", function: { name: "clock", arguments: "" } }),
            chunk(null, "tool_calls"),
            "[DONE]"
          ]
        }
      ]
    })
    relay = await startRelay({ channels: [channelOf("a", `${url}/a/v1`)] })
    const { data } = blocksOf(await (await post("/v1beta/models/m:streamGenerateContent?alt=sse")).text())
    const parts = data.flatMap(({ candidates }) => candidates[0]?.content?.parts ?? [])
    const [first, second] = parts.map(({ functionCall }) => functionCall)
    assert.deepStrictEqual(first, { id: "call_1", name: "weather", args: { city: "Oslo" } })
    assert.deepInclude(second, { name: "clock", args: {} })
    assert.match(second?.id ?? "", /^call_\w{24}$/)
    assert.strictEqual(data.at(-1)?.candidates[0]?.finishReason, "STOP")
  })
})

describe("tokens", () => {
  const channels = (url: string) => [gemini("a", url)]
  const tokens = [{ name: "alice", key: "key-of-alice-0123456789" }]

  it.each([
    ["x-goog-api-key", "", { "x-goog-api-key": "key-of-alice-0123456789" }],
    ["a bearer", "", { authorization: "Bearer key-of-alice-0123456789" }],
    ["?key=", "&key=key-of-alice-0123456789", {}]
  ])("come as %s, and go no further", async (_, query, headers) => {
    const url = await upstreams({ a: [{ events: [said("Hi", { finishReason: "STOP" })] }] })
    relay = await startRelay({ channels: channels(url), tokens })
    const response = await post(`/v1beta/models/m:streamGenerateContent?alt=sse${query}`, hello, headers)
    assert.strictEqual(response.status, 200)
    await response.text()
    assert.notInclude(JSON.stringify(asked), "key-of-alice")
    assert.notInclude(JSON.stringify(logLines()), "key-of-alice")
  })

  it("that are not the same, or none, are refused in Gemini's format", async () => {
    const url = await upstreams({ a: [] })
    relay = await startRelay({ channels: channels(url), tokens })
    for (const [query, headers] of [
      ["", {}],
      ["?key=other", { "x-goog-api-key": "key-of-alice-0123456789" }]
    ] as const) {
      const response = await post(`/v1beta/models/m:generateContent${query}`, hello, headers)
      assert.strictEqual(response.status, 401)
      assert.deepInclude(((await response.json()) as Json).error, { code: 401, status: "UNAUTHENTICATED" })
    }
  })
})

describe("counting tokens", () => {
  const count = (body: unknown = hello) => post("/v1beta/models/m:countTokens", body)

  it("is asked of a Gemini channel, by the name that it has for the model", async () => {
    const url = await upstreams({ a: [{ status: 200, body: { totalTokens: 42, promptTokensDetails: [] } }] })
    relay = await startRelay({ channels: [gemini("a", url, { modelMapping: { m: "gemini-3-pro" } })] })
    const response = await count({ generateContentRequest: { model: "models/m", ...hello } })
    assert.deepStrictEqual(await response.json(), { totalTokens: 42, promptTokensDetails: [] })
    assert.strictEqual(response.headers.get("x-estimated"), null)
    assert.deepStrictEqual(
      asked.map(({ body, url }) => [url, body]),
      [
        [
          "/a/v1beta/models/gemini-3-pro:countTokens",
          { generateContentRequest: { model: "models/gemini-3-pro", ...hello } }
        ]
      ]
    )
  })

  it("is an estimate where there is none, and says so", async () => {
    const url = await upstreams({ a: [] })
    relay = await startRelay({ channels: [channelOf("a", `${url}/a/v1`)] })
    const response = await count({ contents: [{ parts: [{ text: "How many tokens are these words?" }] }] })
    assert.deepStrictEqual(await response.json(), { totalTokens: 8 })
    assert.strictEqual(response.headers.get("x-estimated"), "true")
    assert.lengthOf(asked, 0)
  })
})

describe("the models", () => {
  const model = {
    name: "models/m",
    version: "",
    displayName: "m",
    supportedGenerationMethods: ["generateContent", "countTokens"]
  }

  it.each([
    ["/v1beta/models", {}],
    ["/v1/models", { "x-goog-api-key": "k" }],
    ["/v1/models?key=k", {}]
  ])("are told in Gemini's shape: %s", async (path, headers) => {
    relay = await startRelay({ channels: [gemini("a", "http://127.0.0.1:1")] })
    const list = await fetch(`${relay.url}${path}`, { headers })
    assert.deepStrictEqual(await list.json(), { models: [model] })
    const [where, query] = path.split("?")
    const one = await fetch(`${relay.url}${where}/m${query === undefined ? "" : `?${query}`}`, { headers })
    assert.deepStrictEqual(await one.json(), model)
    const none = await fetch(`${relay.url}${where}/x${query === undefined ? "" : `?${query}`}`, { headers })
    assert.strictEqual(none.status, 404)
    assert.strictEqual(((await none.json()) as Json).error.status, "NOT_FOUND")
  })

  it("are told in OpenAI's and Anthropic's to who asks as those do", async () => {
    relay = await startRelay({ channels: [gemini("a", "http://127.0.0.1:1")] })
    const shapes = await Promise.all(
      [{}, { "anthropic-version": "2023-06-01", "x-goog-api-key": "k" }].map(async (headers) =>
        Object.keys((await (await fetch(`${relay!.url}/v1/models`, { headers })).json()) as object)
      )
    )
    assert.deepStrictEqual(shapes, [
      ["object", "data"],
      ["data", "has_more", "first_id", "last_id"]
    ])
  })
})

describe("what is not there", () => {
  it.each([
    ["POST", "/v1beta/models/m:embedContent", 400, "invalid_request", "INVALID_ARGUMENT"],
    ["POST", "/v1/models/m:batchEmbedContents", 400, "invalid_request", "INVALID_ARGUMENT"],
    ["POST", "/v1beta/models/m:sing", 404, "not_found", "NOT_FOUND"],
    ["POST", "/v1beta/models/m", 405, "method_not_allowed", "INVALID_ARGUMENT"],
    ["DELETE", "/v1beta/models/m", 405, "method_not_allowed", "INVALID_ARGUMENT"],
    ["GET", "/v1beta/files", 404, "not_found", "NOT_FOUND"],
    ["POST", "/v1beta/models/gone:generateContent", 404, "model_not_found", "NOT_FOUND"]
  ])("%s %s is %d %s", async (method, path, status, reason, word) => {
    relay = await startRelay({ channels: [gemini("a", "http://127.0.0.1:1")] })
    const response = await fetch(`${relay.url}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(method === "POST" ? { body: JSON.stringify(hello) } : {})
    })
    assert.strictEqual(response.status, status)
    const { error } = (await response.json()) as Json
    assert.deepInclude(error, { code: status, status: word })
    assert.strictEqual(error.details[0]?.reason, reason)
    if (path.includes("mbed")) assert.match(error.message, /is not relayed/)
  })

  it("a method that is not allowed on a path of several dialects is told as OpenAI tells it", async () => {
    relay = await startRelay({ channels: [gemini("a", "http://127.0.0.1:1")] })
    const response = await fetch(`${relay.url}/v1/models/m`, { method: "DELETE" })
    assert.strictEqual(response.status, 405)
    assert.strictEqual(((await response.json()) as Json).error.code, "method_not_allowed")
  })
})

describe("coming back", () => {
  it("a stream is read again from an id on", async () => {
    const url = await upstreams({ a: [{ events: [said("a"), said("b"), said("c", { finishReason: "STOP" })] }] })
    relay = await startRelay({ channels: [gemini("a", url)] })
    const first = await post("/v1beta/models/m:streamGenerateContent?alt=sse")
    const { data, ids } = blocksOf(await first.text())
    const again = await post("/v1beta/models/m:streamGenerateContent?alt=sse", hello, { "last-event-id": ids[0]! })
    assert.deepStrictEqual(blocksOf(await again.text()).data, data.slice(1))
    const atEnd = await post("/v1beta/models/m:streamGenerateContent?alt=sse", hello, { "last-event-id": ids.at(-1)! })
    assert.strictEqual(atEnd.status, 204)
    assert.lengthOf(asked, 1)
  })
})
