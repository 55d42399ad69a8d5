import { describe, expect, it } from "vitest"
import { gemini, nothing, type Piece, type UpstreamEvent } from "#src/dialect/index"
import { codeOf } from "effect-resilience/errors"
import { decoded, event, fixture, plainly, streamOf } from "./kit.ts"

/** What events say, all together. */
const summary = (events: ReadonlyArray<UpstreamEvent>) => {
  let text = ""
  let reasoning = ""
  const pieces: Array<Piece> = []
  let finish: string | undefined
  let usage: unknown
  let fault: string | undefined
  for (const one of events) {
    if (one._tag === "Fault") fault = codeOf(one.error)
    if (one._tag !== "Delta") continue
    text += one.text
    reasoning += one.reasoning
    pieces.push(...(one.pieces ?? []))
    finish = one.finish === undefined ? finish : `${one.finish.reason} ${one.finish.native}`
    if (one.usage !== undefined) {
      const { native: _, ...counts } = one.usage
      usage = counts
    }
  }
  return { text, reasoning, pieces, finish, usage, fault }
}

const tokens = (inputTokens: number, outputTokens: number, more: object = {}) => ({
  inputTokens,
  outputTokens,
  cacheReadTokens: undefined,
  cacheWriteTokens: undefined,
  reasoningTokens: undefined,
  estimated: false,
  ...more
})

const call = (index: number, id: string, name: string, args: object): ReadonlyArray<Piece> => [
  { _tag: "ToolCall", index, id, name },
  { _tag: "ToolInput", index, text: JSON.stringify(args) }
]
const signature = (value: string, of: "reasoning" | { readonly call: number } = "reasoning"): Piece => ({
  _tag: "Signature",
  by: "gemini",
  value,
  of
})

describe("a stream of Google's", () => {
  it.each([
    ["text.sse", { text: 'The capital of Norway is "Oslo".\n— 🚀', finish: "stop STOP", usage: tokens(8, 13) }],
    ["beside.sse", { text: "Hi there.", finish: "stop STOP", usage: tokens(4, 3) }],
    [
      "thinking.sse",
      {
        text: "Oslo.",
        reasoning: "Norway, so Oslo.",
        pieces: [signature("CpcBAdHtim9mRFD=")],
        usage: tokens(12, 11, { reasoningTokens: 9 })
      }
    ],
    [
      "tools.sse",
      {
        text: "I look both up.",
        pieces: [
          ...call(0, "8f2b1a3c", "get_weather", { location: "Oslo" }),
          signature("EtAKCs0KAXLI2nyb", { call: 0 }),
          ...call(1, "8f2b1a3d", "get_time", { zone: "Europe/Oslo" })
        ],
        finish: "tool-calls STOP"
      }
    ],
    ["noIds.sse", { pieces: call(0, "", "get_weather", { location: "Oslo" }), finish: "tool-calls STOP" }],
    [
      "partial.sse",
      {
        pieces: [
          { _tag: "ToolCall", index: 0, id: "", name: "get_weather" },
          ...["", "", "", '{"location":"Oslo","days":[{"n":3}]}'].map((text) => ({ _tag: "ToolInput", index: 0, text }))
        ],
        finish: "tool-calls STOP"
      }
    ],
    ["length.sse", { text: "Once upon a", finish: "length MAX_TOKENS" }],
    ["cached.sse", { usage: tokens(2016, 5, { cacheReadTokens: 1920, reasoningTokens: 3 }) }],
    ["safety.sse", { text: "First, you", finish: "content-filter SAFETY" }],
    ["search.sse", { text: "Spain won.", usage: tokens(71, 4) }],
    ["malformed.sse", { text: "I look", fault: "bad_response" }],
    ["error.sse", { text: "Once upon", fault: "upstream_overloaded" }],
    ["image.sse", { text: "A cat.", pieces: [{ _tag: "Media", mediaType: "image/png", base64: "iVBORw0KGgo=" }] }]
  ])("%s is read", (file, expected) => {
    expect(summary(decoded(fixture(file)))).toMatchObject(expected)
  })
})

describe("how a candidate ends", () => {
  const ending = (finishReason: string) => summary(decoded(streamOf(event([{ text: "a" }], { finishReason }))))

  it.each([
    ["STOP", "stop"],
    ["MAX_TOKENS", "length"],
    ...[
      "SAFETY",
      "RECITATION",
      "BLOCKLIST",
      "PROHIBITED_CONTENT",
      "SPII",
      "LANGUAGE",
      "IMAGE_SAFETY",
      "IMAGE_RECITATION",
      "IMAGE_OTHER"
    ].map((word) => [word, "content-filter"]),
    ["NEW_WORD", "unknown"],
    ["stop", "stop"]
  ])("%s is %s", (word, reason) => {
    expect(ending(word).finish).toBe(`${reason} ${word}`)
  })

  it.each(["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "OTHER"])(
    "%s is no end: the answer is bad",
    (word) => {
      expect(ending(word)).toMatchObject({ fault: "bad_response", finish: undefined })
    }
  )

  it("FINISH_REASON_UNSPECIFIED says nothing", () => {
    expect(ending("FINISH_REASON_UNSPECIFIED")).toMatchObject({ finish: undefined, text: "a" })
  })

  it("a word that nobody knows is an end where the body ends behind it, and not where more came", () => {
    const unknown = event([], { finishReason: "NEW_WORD" })
    expect(decoded(streamOf(event([{ text: "a" }]), unknown)).at(-1)).toEqual({ _tag: "Done" })
    expect(decoded(streamOf(unknown, event([{ text: "a" }]))).at(-1)).toMatchObject({ _tag: "Delta" })
  })

  it("with a call that is not whole is no end", () => {
    const open = event([{ functionCall: { name: "f", willContinue: true } }])
    expect(summary(decoded(streamOf(open, event([], { finishReason: "STOP" })))).fault).toBe("bad_response")
  })
})

describe("a prompt that is blocked", () => {
  it("is an error of the content, with Google's reason", () => {
    const [only] = gemini.decodeWhole({ status: 200, headers: {}, body: fixture("blocked.json"), now: 0 }, plainly)
    expect(only).toMatchObject({ _tag: "Fault", error: { upstream: { code: "PROHIBITED_CONTENT" } } })
    expect(summary([only!]).fault).toBe("prompt_blocked")
    const streamed = decoded(streamOf({ promptFeedback: { blockReason: "SAFETY" } }))
    expect(summary(streamed).fault).toBe("prompt_blocked")
  })
})

describe("what is no event of Gemini's", () => {
  it.each([
    ["an error of OpenAI's", '{"error":{"message":"no","code":"rate_limit_exceeded"}}', "channel:rate_limited"],
    [
      "an error of Anthropic's",
      '{"type":"error","error":{"type":"overloaded_error","message":"x"}}',
      "upstream_overloaded"
    ],
    [
      "a list with an error in it",
      '[{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}]',
      "channel:rate_limited"
    ],
    ["no JSON", "{", "bad_response_body"],
    ["a text", '"x"', "bad_response_body"],
    ["another shape", '{"choices":[]}', "bad_response_body"],
    ["a candidate that is none", '{"candidates":[1]}', "bad_response_body"],
    ["a part that is none", '{"candidates":[{"content":{"parts":[1]}}]}', "bad_response_body"],
    ["an index that is none", '{"candidates":[{"index":"x"}]}', "bad_response_body"],
    ["what is nested too deep", `{"candidates":[{"x":${"[".repeat(300)}${"]".repeat(300)}}]}`, "bad_response_body"]
  ])("%s is a fault", (_, data, code) => {
    expect(summary([gemini.decoder(plainly).step("message", data)]).fault).toBe(code)
  })

  it.each(["", "[DONE]"])("%j says nothing", (data) => {
    expect(gemini.decoder(plainly).step("message", data)).toEqual(nothing)
  })

  it("R3: a ping, and what a proxy says under a name of its own, is no part of the answer", () => {
    const said = streamOf(event([{ text: "Yes." }], { finishReason: "STOP" }))
    for (const aside of [
      'event: ping\ndata: {"type":"ping"}\n\n',
      'data: {"type":"ping"}\n\n',
      'event: proxy.trace\ndata: {"took":5}\n\n'
    ]) {
      expect(summary(decoded(aside + said + aside))).toMatchObject({ text: "Yes.", fault: undefined })
    }
    for (const fault of ['event: error\ndata: {"took":5}\n\n', 'event: x\ndata: {"error":{"message":"no"}}\n\n']) {
      expect(summary(decoded(fault)).fault).toBeDefined()
    }
    expect(summary(decoded('data: {"took":5}\n\n')).fault).toBe("bad_response_body")
  })

  it("R10: arguments that are a text are the object that it is", () => {
    const [read] = decoded(streamOf(event([{ functionCall: { name: "f", args: '{"a":1}' } }])))
    expect(summary([read!]).pieces.at(-1)).toEqual({ _tag: "ToolInput", index: 0, text: '{"a":1}' })
    expect(read).toMatchObject({
      raw: { candidates: [{ content: { parts: [{ functionCall: { args: { a: 1 } } }] } }] }
    })
  })

  it.each<readonly [string, object, number, number]>([
    ["its own count", { promptTokenCount: 3, candidatesTokenCount: 5, totalTokenCount: 99 }, 3, 5],
    ["the rest of the total", { promptTokenCount: 3, totalTokenCount: 8 }, 3, 5],
    [
      "the rest of the total, and what was thought",
      { promptTokenCount: 3, toolUsePromptTokenCount: 2, thoughtsTokenCount: 4, totalTokenCount: 20 },
      5,
      15
    ],
    ["what was thought alone", { promptTokenCount: 3, thoughtsTokenCount: 4, totalTokenCount: 7 }, 3, 4],
    ["nothing", { promptTokenCount: 3, totalTokenCount: 2 }, 3, 0]
  ])("an output is %s", (_, usageMetadata, input, output) => {
    const read = gemini.decoder(plainly).step("message", JSON.stringify({ usageMetadata }))
    expect(read).toMatchObject({ usage: { inputTokens: input, outputTokens: output } })
  })

  it("an event of usage alone passes", () => {
    const read = gemini.decoder(plainly).step("message", '{"usageMetadata":{"promptTokenCount":3}}')
    expect(summary([read])).toMatchObject({ usage: tokens(3, 0), fault: undefined })
  })
})

describe("a whole answer", () => {
  const whole = (body: unknown, status = 200) =>
    gemini.decodeWhole(
      { status, headers: {}, body: typeof body === "string" ? body : JSON.stringify(body), now: 0 },
      plainly
    )

  it("is what its stream would have been, part by part", () => {
    const parts = [
      { text: "Hm", thought: true },
      { text: "a" },
      { functionCall: { name: "f", args: {} }, thoughtSignature: "s" },
      { text: "b" }
    ]
    const events = whole({ candidates: [{ content: { parts, role: "model" }, finishReason: "STOP", index: 0 }] })
    expect(summary(events)).toMatchObject({ text: "ab", reasoning: "Hm", finish: "tool-calls STOP" })
    expect(events.map((one) => (one._tag === "Delta" ? one.text || one.reasoning : one._tag))).toEqual([
      "Hm",
      "a",
      "",
      "b",
      "",
      "Done"
    ])
  })

  it("may be a list of events", () => {
    const list = [event([{ text: "a" }]), event([{ text: "b" }], { finishReason: "STOP" })]
    expect(summary(whole(list))).toMatchObject({ text: "ab", finish: "stop STOP" })
  })

  it.each([
    ["", 200, "empty_response"],
    ["[]", 200, "empty_response"],
    ["<html>", 200, "bad_response"],
    ['{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}', 200, "channel:rate_limited"],
    ["{}", 200, "bad_response_body"],
    ["{}", 503, "upstream_overloaded"]
  ])("%j with %d is a fault", (body, status, code) => {
    expect(summary(whole(body, status)).fault).toBe(code)
  })
})

describe("a token to go on by", () => {
  const checkpoints = (events: ReadonlyArray<UpstreamEvent>) =>
    events.map((one) => (one._tag === "Delta" ? one.checkpoint : one._tag))
  const token = { continuationToken: "dA==" }
  const growing = { functionCall: { name: "f", partialArgs: [], willContinue: true } }

  it("comes with what it stands for, in the midst of an answer or where it is put down, which is no finish", () => {
    const events = decoded(
      streamOf(
        event([{ text: "a" }]),
        event([{ text: "b" }], token),
        event([{ text: "c" }], { ...token, finishReason: "CONTINUATION", finishMessage: "long" })
      )
    )
    expect(checkpoints(events)).toEqual([undefined, { token: "dA==", paused: false }, { token: "dA==", paused: true }])
    expect(summary(events)).toMatchObject({ text: "abc", finish: undefined, fault: undefined })
    expect(JSON.stringify(events)).not.toContain("CONTINUATION")
  })

  it("is none beside an end, of another candidate, or in the midst of a call", () => {
    const ended = decoded(streamOf(event([{ text: "a" }], { ...token, finishReason: "MAX_TOKENS" })))
    const other = decoded(streamOf({ candidates: [{ content: { parts: [{ text: "a" }] }, index: 1, ...token }] }))
    const calling = decoded(streamOf(event([growing], token)))
    for (const events of [ended, other, calling]) expect(checkpoints(events)).toEqual([undefined])
  })

  it.each([
    ["without one", streamOf(event([{ text: "a" }], { finishReason: "CONTINUATION" }))],
    ["in the midst of a call", streamOf(event([growing], { ...token, finishReason: "CONTINUATION" }))],
    [
      "one of several",
      streamOf({ candidates: [0, 1].map((index) => ({ index, ...token, finishReason: "CONTINUATION" })) })
    ]
  ])("an answer that is put down is cut: %s", (_, text) => {
    expect(summary(decoded(text)).fault).toBe("stream_truncated")
  })
})

describe("names that were made fit", () => {
  it("are mapped back", () => {
    const names = new Map([["a_b", "a b"]])
    const read = decoded(streamOf(event([{ functionCall: { name: "a_b", args: {} } }])), gemini, { ...plainly, names })
    expect(summary(read).pieces[0]).toMatchObject({ name: "a b" })
  })
})
