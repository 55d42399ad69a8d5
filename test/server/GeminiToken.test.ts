/**
 * Going on by Gemini's own token, over real sockets: an upstream that gives tokens as Google's long answers do, and what a
 * client reads.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { GoogleGenAI } from "@google/genai"
import { keepLog } from "../support/log.ts"
import { channelOf, type RunningRelay, startRelay } from "../support/relay.ts"
import { startRelayProcess, temporaryFolder, writeConfiguration } from "../support/relayProcess.ts"
import { contentOf, open, read } from "../support/sse.ts"
import { streamIdOf } from "./kit.ts"

keepLog()

interface Asked {
  readonly channel: string
  readonly body: { readonly [field: string]: unknown }
}

/** What an upstream does: events, and how they end; or a refusal. */
type Reply =
  | { readonly events: ReadonlyArray<object>; readonly cut?: "reset" | "end" | "never" }
  | { readonly status: number; readonly body: unknown }

let upstream: Server | undefined
let relay: RunningRelay | undefined
let asked: Array<Asked> = []
afterEach(async () => {
  await relay?.close()
  upstream?.closeAllConnections()
  await new Promise((resolve) => (upstream === undefined ? resolve(undefined) : upstream.close(resolve)))
  asked = []
})

/** Upstreams by the first part of their path; each asks its function what to do, by the body and how often it was asked. */
const upstreams = async (replies: {
  readonly [channel: string]: (body: Asked["body"], nth: number) => Reply
}): Promise<string> => {
  upstream = createServer((request, response) => {
    const channel = request.url!.split("/")[1]!
    let text = ""
    request.on("data", (chunk: Buffer) => (text += chunk.toString()))
    request.on("end", () => {
      const body = JSON.parse(text) as Asked["body"]
      const reply = replies[channel]!(body, asked.filter((one) => one.channel === channel).length)
      asked.push({ channel, body })
      if ("status" in reply) {
        response.writeHead(reply.status, { "content-type": "application/json" })
        return void response.end(JSON.stringify(reply.body))
      }
      response.writeHead(200, { "content-type": "text/event-stream" })
      for (const event of reply.events) {
        response.write(`data: ${JSON.stringify("choices" in event ? event : { responseId: "theirs", ...event })}\n\n`)
      }
      if (reply.cut === "never") return
      if (reply.cut !== "reset") return void response.end()
      setTimeout(() => response.socket?.resetAndDestroy(), 30)
    })
  })
  await new Promise<void>((resolve) => upstream!.listen(0, "127.0.0.1", resolve))
  return `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
}

const token = (place: string): string => Buffer.from(`checkpoint ${place}`).toString("base64")

const said = (text: string, more: object = {}, usage?: object) => ({
  candidates: [{ content: { role: "model", parts: [{ text }] }, index: 0, ...more }],
  ...(usage === undefined ? {} : { usageMetadata: usage })
})

const thought = (text: string, more: object = {}, usage?: object) => ({
  candidates: [{ content: { role: "model", parts: [{ text, thought: true }] }, index: 0, ...more }],
  ...(usage === undefined ? {} : { usageMetadata: usage })
})

const used = (prompt: number, candidates: number) => ({
  promptTokenCount: prompt,
  candidatesTokenCount: candidates,
  totalTokenCount: prompt + candidates
})

const gemini = (id: string, url: string, more: object = {}) => ({
  ...channelOf(id, `${url}/${id}/v1beta`),
  dialect: "gemini",
  models: ["m"],
  ...more
})

const hello = { contents: [{ role: "user", parts: [{ text: "hello" }] }] }

const post = (path: string, body: unknown) =>
  fetch(`${relay!.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body)
  })

interface Json {
  readonly candidates?: ReadonlyArray<{
    readonly content?: { readonly parts?: ReadonlyArray<{ readonly text?: string; readonly thought?: boolean }> }
    readonly finishReason?: string
  }>
  readonly usageMetadata?: { readonly promptTokenCount: number; readonly candidatesTokenCount: number }
  readonly error?: { readonly message: string; readonly details: ReadonlyArray<{ readonly reason?: string }> }
}

/** Asks as a Gemini client does that reads a stream; gives what it is sent, as text too. */
const stream = async (body: object = hello) => {
  const response = await post("/v1beta/models/m:streamGenerateContent?alt=sse", body)
  const text = await response.text()
  const events = text
    .split("\n\n")
    .flatMap((block) => (block.startsWith("data: ") ? [JSON.parse(block.slice(6)) as Json] : []))
  const parts = events.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
  const words = (thoughts: boolean) =>
    parts
      .filter((part) => (part.thought === true) === thoughts)
      .map(({ text: word }) => word ?? "")
      .join("")
  return { text, events, last: events.at(-1), says: words(false), thinks: words(true) }
}

const tokens = () => asked.map(({ body, channel }) => [channel, body["continuationToken"]])

describe("what an upstream puts down", () => {
  const hops = (_: Asked["body"], nth: number): Reply =>
    [
      {
        events: [
          said("One, "),
          said("two, ", { finishReason: "CONTINUATION", continuationToken: token("2") }, used(5, 4))
        ]
      },
      { events: [said("three, ", { finishReason: "CONTINUATION", continuationToken: token("3") }, used(9, 2))] },
      { events: [said("four.", { finishReason: "STOP" }, used(11, 1))] }
    ][nth]!

  it("goes on by its token, with the same request, and is one answer", async () => {
    relay = await startRelay({ channels: [gemini("a", await upstreams({ a: hops }))] })
    const { events, last, says, text } = await stream()
    assert.strictEqual(says, "One, two, three, four.")
    assert.strictEqual(last?.candidates?.[0]?.finishReason, "STOP")
    assert.strictEqual(events.filter(({ candidates }) => candidates?.[0]?.finishReason !== undefined).length, 1)
    // What was thought and said in all; what was asked once.
    assert.deepInclude(last?.usageMetadata, { promptTokenCount: 5, candidatesTokenCount: 7 })
    assert.notInclude(text, "continuationToken")
    assert.notInclude(text, "CONTINUATION")
    assert.deepStrictEqual(tokens(), [
      ["a", undefined],
      ["a", token("2")],
      ["a", token("3")]
    ])
    for (const { body } of asked) assert.deepStrictEqual(body["contents"], hello.contents)
  })

  it.each([
    ["as a whole answer", "/v1beta/models/m:generateContent", hello],
    ["to an OpenAI client", "/v1/chat/completions", { model: "m", messages: [{ role: "user", content: "hello" }] }],
    [
      "to an Anthropic client",
      "/v1/messages",
      { model: "m", max_tokens: 9, messages: [{ role: "user", content: "hello" }] }
    ],
    ["to a Responses client", "/v1/responses", { model: "m", input: "hello" }]
  ])("%s", async (_, path, body) => {
    relay = await startRelay({ channels: [gemini("a", await upstreams({ a: hops }))] })
    const response = await post(path, body)
    const text = await response.text()
    assert.strictEqual(response.status, 200)
    assert.include(text, "One, two, three, four.")
    assert.notInclude(text, token("2"))
    assert.lengthOf(asked, 3)
  })

  it("and is nobody's failure: neither more continuations nor none are needed", async () => {
    for (const recovery of [{ maxContinuations: 0 }, { mode: "off" }]) {
      relay = await startRelay({ channels: [gemini("a", await upstreams({ a: hops }))], recovery })
      assert.strictEqual((await stream()).says, "One, two, three, four.")
      await relay.close()
      asked = []
    }
  })

  it("whatever its channel says of losses", async () => {
    for (const continuation of ["prefill", "message", "none", "token"]) {
      relay = await startRelay({ channels: [gemini("a", await upstreams({ a: hops }), { continuation })] })
      assert.strictEqual((await stream()).says, "One, two, three, four.")
      await relay.close()
      asked = []
    }
  })

  it("before its first word: what was thought is not thought again", async () => {
    const a = (_: Asked["body"], nth: number): Reply =>
      nth === 0
        ? { events: [thought("", { finishReason: "CONTINUATION", continuationToken: token("t") }, used(5, 4))] }
        : { events: [said("Well.", { finishReason: "STOP" }, used(9, 1))] }
    relay = await startRelay({ channels: [gemini("a", await upstreams({ a }))] })
    const { last, says } = await stream()
    assert.strictEqual(says, "Well.")
    assert.deepInclude(last?.usageMetadata, { promptTokenCount: 5, candidatesTokenCount: 5 })
    assert.deepStrictEqual(tokens(), [
      ["a", undefined],
      ["a", token("t")]
    ])
  })

  it("in the midst of what it thinks: the rest of its thoughts is shown", async () => {
    const a = (_: Asked["body"], nth: number): Reply =>
      nth === 0
        ? { events: [thought("Let me ", { finishReason: "CONTINUATION", continuationToken: token("t") })] }
        : { events: [thought("think."), said("Done.", { finishReason: "STOP" })] }
    relay = await startRelay({ channels: [gemini("a", await upstreams({ a }))] })
    const { says, thinks } = await stream()
    assert.strictEqual(thinks, "Let me think.")
    assert.strictEqual(says, "Done.")
  })

  it("JSON too, which is whole only as what it is", async () => {
    const json = { ...hello, generationConfig: { responseMimeType: "application/json" } }
    const a = (_: Asked["body"], nth: number): Reply =>
      nth === 0
        ? { events: [said('{"a":', { finishReason: "CONTINUATION", continuationToken: token("j") })] }
        : { events: [said("1}", { finishReason: "STOP" })] }
    relay = await startRelay({ channels: [gemini("a", await upstreams({ a }))] })
    assert.strictEqual((await stream(json)).says, '{"a":1}')
    asked = []
    const whole = (await (await post("/v1beta/models/m:generateContent", json)).json()) as Json
    assert.strictEqual(whole.candidates?.[0]?.content?.parts?.[0]?.text, '{"a":1}')
  })

  it("on a channel that cannot stream", async () => {
    const a = (_: Asked["body"], nth: number): Reply => ({
      status: 200,
      body:
        nth === 0
          ? said("One, ", { finishReason: "CONTINUATION", continuationToken: token("w") })
          : said("two.", { finishReason: "STOP" })
    })
    relay = await startRelay({ channels: [gemini("a", await upstreams({ a }), { stream: false })] })
    assert.strictEqual((await stream()).says, "One, two.")
  })

  it("without a token, or with the one that it was asked by, it is cut, and never looks whole", async () => {
    const endless = { finishReason: "CONTINUATION", continuationToken: token("x") }
    for (const more of [{ finishReason: "CONTINUATION" }, endless]) {
      const a = (): Reply => ({ events: [said("Half "), said("of it ", more)] })
      relay = await startRelay({ channels: [gemini("a", await upstreams({ a }))], recovery: { mode: "off" } })
      const { last } = await stream()
      assert.strictEqual(last?.error?.details[0]?.reason, "stream_truncated")
      await relay.close()
      asked = []
    }
  })

  it("goes on elsewhere as from any part, where it does not take its token back", async () => {
    const gone = { error: { code: 400, message: "The continuation token has expired.", status: "INVALID_ARGUMENT" } }
    const a = ({ continuationToken }: Asked["body"]): Reply =>
      continuationToken === undefined
        ? { events: [said("Once upon ", { finishReason: "CONTINUATION", continuationToken: token("g") })] }
        : { status: 400, body: gone }
    const b = (): Reply => ({ events: [said("a time.", { finishReason: "STOP" })] })
    const url = await upstreams({ a, b })
    relay = await startRelay({
      channels: [gemini("a", url, { priority: 2, continuation: "token" }), gemini("b", url)]
    })
    assert.strictEqual((await stream()).says, "Once upon a time.")
    assert.deepStrictEqual(tokens(), [
      ["a", undefined],
      ["a", token("g")],
      ["b", undefined]
    ])
    assert.deepStrictEqual(asked[2]?.body["contents"], [
      ...hello.contents,
      { role: "model", parts: [{ text: "Once upon " }] }
    ])
    // The next one's token is another one: what was said of this one holds for nothing else.
    asked = []
    await stream()
    assert.deepStrictEqual(tokens()[1], ["a", token("g")])
  })
})

describe("continuation: token", () => {
  const cut = (body: Asked["body"]): Reply =>
    body["continuationToken"] === undefined
      ? {
          events: [said("Hello "), said("wor", { continuationToken: token("4") }), said("XX"), said("YY")],
          cut: "reset"
        }
      : { events: [said("ld"), said("!", { finishReason: "STOP" })] }

  it("what came behind the last token is held back, and goes on from there", async () => {
    for (const cutBy of ["reset", "end"] as const) {
      const a = (body: Asked["body"]): Reply =>
        ({ ...cut(body), ...("events" in cut(body) ? { cut: cutBy } : {}) }) as Reply
      relay = await startRelay({
        channels: [
          gemini(
            "a",
            await upstreams({ a: (body) => (body["continuationToken"] === undefined ? a(body) : cut(body)) }),
            {
              continuation: "token"
            }
          )
        ]
      })
      const { says, text } = await stream()
      assert.strictEqual(says, "Hello world!")
      assert.notInclude(text, "XX")
      assert.deepStrictEqual(tokens(), [
        ["a", undefined],
        ["a", token("4")]
      ])
      await relay.close()
      asked = []
    }
  })

  it("Google's own SDK, which goes on by itself, reads it once", async () => {
    relay = await startRelay({ channels: [gemini("a", await upstreams({ a: cut }), { continuation: "token" })] })
    const sdk = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: relay.url } })
    let text = ""
    for await (const part of await sdk.models.generateContentStream({ model: "m", contents: "hello" })) {
      text += part.text ?? ""
    }
    assert.strictEqual(text, "Hello world!")
    assert.lengthOf(asked, 2)
  })

  it("the channel that gave the token is asked before another one", async () => {
    const url = await upstreams({ a: cut, b: () => ({ events: [said("?", { finishReason: "STOP" })] }) })
    relay = await startRelay({ channels: [gemini("a", url, { continuation: "token", priority: 2 }), gemini("b", url)] })
    assert.strictEqual((await stream()).says, "Hello world!")
  })

  it("where another channel takes over, what was held back counts as never sent", async () => {
    const a = (body: Asked["body"]): Reply =>
      body["continuationToken"] === undefined ? cut(body) : { status: 503, body: {} }
    const b = (): Reply => ({
      events: [
        { choices: [{ index: 0, delta: { content: "ld, all." }, finish_reason: null }] },
        { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }
      ]
    })
    const url = await upstreams({ a, b })
    relay = await startRelay({
      channels: [
        gemini("a", url, { continuation: "token", priority: 2 }),
        { ...channelOf("b", `${url}/b/v1`), models: ["m"] }
      ]
    })
    assert.strictEqual((await stream()).says, "Hello world, all.")
    assert.deepStrictEqual((asked.at(-1)!.body["messages"] as ReadonlyArray<unknown>).at(-1), {
      role: "assistant",
      content: "Hello wor"
    })
  })

  it("all is shown once the end is known, with or without another token before it", async () => {
    const a = (): Reply => ({
      events: [said("a", { continuationToken: token("1") }), said("b"), said("c"), said("", { finishReason: "STOP" })]
    })
    relay = await startRelay({ channels: [gemini("a", await upstreams({ a }), { continuation: "token" })] })
    const { last, says } = await stream()
    assert.strictEqual(says, "abc")
    assert.strictEqual(last?.candidates?.[0]?.finishReason, "STOP")
  })

  it("before the first token it goes on by none: the channel is not asked by words either", async () => {
    const a = (): Reply => ({ events: [said("Half ")], cut: "reset" })
    relay = await startRelay({ channels: [gemini("a", await upstreams({ a }), { continuation: "token" })] })
    const { last, says } = await stream()
    assert.strictEqual(says, "Half ")
    assert.strictEqual(last?.error?.details[0]?.reason, "do_request_failed")
    assert.lengthOf(asked, 1)
  })

  it("an upstream that begins anew in spite of its token is found out", async () => {
    const events = [said("Hello dear "), said("wor", { continuationToken: token("4") }), said("ld!")]
    const a = (body: Asked["body"]): Reply =>
      body["continuationToken"] === undefined
        ? { events, cut: "reset" }
        : { events: [...events, said("", { finishReason: "STOP" })] }
    const b = (): Reply => ({ events: [said("ld.", { finishReason: "STOP" })] })
    const url = await upstreams({ a, b })
    relay = await startRelay({ channels: [gemini("a", url, { continuation: "token", priority: 2 }), gemini("b", url)] })
    assert.strictEqual((await stream()).says, "Hello dear world.")
  })
})

describe("a relay that takes up what another one has left", { timeout: 60_000 }, () => {
  it("goes on by the token that stands in the note, where the answer is where it was given", async () => {
    const rest = { events: [said("ld"), said("!", { finishReason: "STOP" })] }
    const url = await upstreams({
      a: ({ continuationToken }) =>
        continuationToken === undefined
          ? {
              events: [said("Hello "), said("wor", { continuationToken: token("4") }), said("XX")],
              cut: "never"
            }
          : rest,
      b: () => rest
    })
    const folder = temporaryFolder()
    const file = writeConfiguration(folder.path, {
      server: { port: 0 },
      channels: [gemini("b", url), gemini("a", url, { continuation: "token", priority: 2 })],
      store: { type: "sqlite", path: `${folder.path}/relay.db` }
    })
    const first = await startRelayProcess(file)
    try {
      const chat = await open(`${first.url}/chat?message=hello&model=m`)
      await chat.until(() => contentOf(chat.events) === "Hello wor")
      first.kill("SIGKILL")
      await first.ended
      const second = await startRelayProcess(file)
      try {
        const { events } = await read(`${second.url}/streams/${streamIdOf(chat.events)}`)
        assert.strictEqual(events.at(-1)?.event, "done")
        assert.strictEqual(contentOf(events), "Hello world!")
        assert.deepStrictEqual(tokens(), [
          ["a", undefined],
          ["a", token("4")]
        ])
      } finally {
        second.kill("SIGKILL")
        await second.ended
      }
    } finally {
      first.kill("SIGKILL")
      await first.ended
      folder.remove()
    }
  })
})

describe("continuation: auto", () => {
  it("a token counts if nothing was shown behind it, and nothing is held back for it", async () => {
    const at =
      (more: ReadonlyArray<object>) =>
      (body: Asked["body"]): Reply =>
        body["continuationToken"] === undefined && !JSON.stringify(body["contents"]).includes("Hello")
          ? { events: [said("Hello "), said("wor", { continuationToken: token("4") }), ...more], cut: "reset" }
          : { events: [said("ld!", { finishReason: "STOP" })] }
    relay = await startRelay({ channels: [gemini("a", await upstreams({ a: at([]) }))] })
    assert.strictEqual((await stream()).says, "Hello world!")
    assert.deepStrictEqual(tokens()[1], ["a", token("4")])
    await relay.close()
    asked = []
    relay = await startRelay({ channels: [gemini("a", await upstreams({ a: at([said("X")]) }))] })
    assert.strictEqual((await stream()).says, "Hello worXld!")
    assert.deepStrictEqual(tokens()[1], ["a", undefined])
    assert.deepStrictEqual((asked[1]!.body["contents"] as ReadonlyArray<unknown>).at(-1), {
      role: "model",
      parts: [{ text: "Hello worX" }]
    })
  })

  it.each([
    ["prefill", [{ role: "model", parts: [{ text: "One, " }] }]],
    [
      "message",
      [
        { role: "model", parts: [{ text: "One, " }] },
        { role: "user", parts: [{ text: "Go on." }] }
      ]
    ]
  ] as const)("a token that a continuation by %s gave goes with what that was asked with", async (mode, more) => {
    const replies: ReadonlyArray<Reply> = [
      { events: [said("One, ")], cut: "reset" },
      { events: [said("two, ", { finishReason: "CONTINUATION", continuationToken: token("2") })] },
      { events: [said("three, ", { finishReason: "CONTINUATION", continuationToken: token("3") })] },
      { events: [said("four.", { finishReason: "STOP" })] }
    ]
    const url = await upstreams({ a: (_, nth) => replies[nth]! })
    relay = await startRelay({
      channels: [gemini("a", url, mode === "message" ? { continuation: mode } : {})],
      recovery: { prompt: "Go on." }
    })
    const config = { maxOutputTokens: 100 }
    assert.strictEqual((await stream({ ...hello, generationConfig: config })).says, "One, two, three, four.")
    assert.deepStrictEqual(tokens(), [
      ["a", undefined],
      ["a", undefined],
      ["a", token("2")],
      ["a", token("3")]
    ])
    const [first, ...others] = asked.map(({ body }): Asked["body"] => ({ ...body, continuationToken: undefined }))
    assert.deepStrictEqual(first?.["contents"], hello.contents)
    for (const body of others) assert.deepStrictEqual(body, others[0])
    assert.deepStrictEqual(others[0]?.["contents"], [...hello.contents, ...more])
  })
})
