import { describe, expect, it } from "vitest"
import { type Delta, geminiClient, nothing, type Piece, type UpstreamEvent, upstreamDialects } from "#src/dialect/index"
import {
  type Told,
  type ToldPart,
  contents,
  identity,
  decoded,
  event,
  fixture,
  least,
  play,
  playEvents,
  streamOf,
  wholeOf
} from "./kit.ts"

const partsOf = (data: ReadonlyArray<Partial<Told>>): ReadonlyArray<ToldPart> =>
  data.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
const piece = (...pieces: ReadonlyArray<Piece>): Delta => ({ ...nothing, pieces })
const stop: UpstreamEvent = { ...nothing, finish: { reason: "stop", native: "stop", from: "openai" } }
const toolCall = (index: number, id: string, name: string): Piece => ({ _tag: "ToolCall", index, id, name })
const toolInput = (index: number, text: string): Piece => ({ _tag: "ToolInput", index, text })
const thinking = (reasoning: string): UpstreamEvent => ({ ...nothing, reasoning })
const text = (said: string): Delta => ({ ...nothing, text: said })

describe("an answer of a Gemini upstream", () => {
  it.each([
    "text.sse",
    "beside.sse",
    "thinking.sse",
    "tools.sse",
    "length.sse",
    "cached.sse",
    "safety.sse",
    "search.sse",
    "image.sse"
  ])("%s passes with every field but id and model, and ends with its finish", (file) => {
    const sent = fixture(file)
      .split("\r\n\r\n")
      .filter((block) => block !== "")
      .map((block) => JSON.parse(block.slice(6)) as Told)
    const { data, verdict } = play(fixture(file))
    expect(verdict).toBe("Complete")
    for (const { modelVersion, responseId } of data) {
      expect([modelVersion, responseId]).toEqual(["asked-model", identity.streamId])
    }
    const fields = (list: ReadonlyArray<Told>) =>
      list.flatMap(({ candidates }) =>
        Object.entries(candidates[0]!).filter(([field]) => !["content", "finishReason", "index"].includes(field))
      )
    expect(fields(data)).toEqual(fields(sent))
    const said = (list: ReadonlyArray<Told>) =>
      partsOf(list).filter((part) => part.text !== "" || part.thoughtSignature)
    expect(said(data)).toEqual(said(sent))
    expect(data.map(({ candidates }) => candidates[0]?.finishReason).filter(Boolean)).toEqual([
      sent.at(-1)?.candidates[0]?.finishReason
    ])
    expect(data.at(-1)?.candidates[0]?.finishReason).toBeDefined()
    expect(data.at(-1)?.usageMetadata).toEqual(sent.at(-1)?.usageMetadata)
  })

  it("its calls get ids where they have none", () => {
    const [call] = partsOf(play(fixture("noIds.sse")).data)
    expect(call?.functionCall).toMatchObject({ name: "get_weather", args: { location: "Oslo" } })
    expect(call?.functionCall?.id).toMatch(/^call_\w{24}$/)
    expect(wholeOf(play(fixture("noIds.sse")).text).candidates[0]?.content.parts).toEqual([call])
  })

  it("its calls are put together before they are shown", () => {
    const { data } = play(fixture("partial.sse"))
    const calls = partsOf(data).filter(({ functionCall }) => functionCall !== undefined)
    expect(calls.map(({ functionCall }) => functionCall)).toMatchObject([
      { name: "get_weather", args: { location: "Oslo", days: [{ n: 3 }] } }
    ])
    expect(JSON.stringify(data)).not.toMatch(/partialArgs|willContinue/)
  })

  it("shows no token to go on by", () => {
    const { text } = play(
      streamOf(event([{ text: "a" }], { continuationToken: "t" }), event([], { finishReason: "STOP" }))
    )
    expect(text).not.toContain("continuationToken")
  })

  it("a whole one is what Google's is: texts joined, empty ones left out, signatures kept", () => {
    expect(wholeOf(play(fixture("thinking.sse")).text)).toMatchObject({
      candidates: [
        {
          content: {
            role: "model",
            parts: [
              { text: "Norway, so Oslo.", thought: true },
              { text: "Oslo.", thoughtSignature: "CpcBAdHtim9mRFD=" }
            ]
          },
          finishReason: "STOP",
          index: 0
        }
      ],
      usageMetadata: { thoughtsTokenCount: 9 },
      modelVersion: "asked-model"
    })
    const { candidates } = wholeOf(play(fixture("tools.sse")).text)
    expect(candidates[0]?.content.parts).toMatchObject([
      { text: "I look both up." },
      { functionCall: { id: "8f2b1a3c" }, thoughtSignature: "EtAKCs0KAXLI2nyb" },
      { functionCall: { id: "8f2b1a3d" } }
    ])
  })

  it("several candidates are told each with its own end", () => {
    const choice = (index: number, said: string, more: object = {}) => ({
      content: { role: "model", parts: [{ text: said }] },
      index,
      ...more
    })
    const events = decoded(
      streamOf(
        { candidates: [choice(0, "a"), choice(1, "b")] },
        { candidates: [choice(0, "c", { finishReason: "STOP" }), choice(1, "d")] },
        { candidates: [choice(1, "e", { finishReason: "MAX_TOKENS" })] }
      )
    )
    const { text, verdict } = playEvents(events, geminiClient, 2)
    expect(verdict).toBe("Complete")
    expect(wholeOf(text).candidates.map(({ content, finishReason }) => [content.parts[0]?.text, finishReason])).toEqual(
      [
        ["ac", "STOP"],
        ["bde", "MAX_TOKENS"]
      ]
    )
  })

  it("a finish that content follows was not the end: the last one counts", () => {
    const chunks = ["a", "b", "c"].map((said) => event([{ text: said }], { finishReason: "STOP" }))
    const { data, verdict } = play(streamOf(...chunks, event([{ text: "d" }], { finishReason: "MAX_TOKENS" })))
    expect(verdict).toBe("Complete")
    expect(data.map(({ candidates }) => candidates[0]?.finishReason)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      "MAX_TOKENS"
    ])
  })
})

describe("an answer of another upstream", () => {
  it("has its thoughts marked as another's, and its words unmarked", () => {
    const anthropic = [
      { type: "message_start", message: { usage: { input_tokens: 9, output_tokens: 1 } } },
      { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "Hm." } },
      { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "EqQB" } },
      { type: "content_block_stop", index: 0 },
      { type: "content_block_start", index: 1, content_block: { type: "redacted_thinking", data: "sealed" } },
      { type: "content_block_stop", index: 1 },
      { type: "content_block_start", index: 2, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 2, delta: { type: "text_delta", text: "Yes." } },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 8 } },
      { type: "message_stop" }
    ]
    const played = play(streamOf(...anthropic), geminiClient, upstreamDialects.anthropic)
    expect(partsOf(played.data)).toEqual([
      { text: "Hm.", thought: true, thoughtSignature: Buffer.from("er1.anthropic.").toString("base64") },
      { text: "", thought: true, thoughtSignature: "er1.anthropic.EqQB" },
      { text: "", thoughtSignature: "er1.anthropic.sealed" },
      { text: "Yes." },
      { text: "" }
    ])
    expect(wholeOf(played.text)).toEqual({
      candidates: [
        {
          content: {
            parts: [
              { text: "Hm.", thought: true, thoughtSignature: "er1.anthropic.EqQB" },
              { text: "", thoughtSignature: "er1.anthropic.sealed" },
              { text: "Yes." }
            ],
            role: "model"
          },
          index: 0,
          finishReason: "STOP"
        }
      ],
      usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 8, totalTokenCount: 17 },
      modelVersion: "asked-model",
      responseId: identity.streamId
    })
  })

  it("tells calls once they are whole, also those that come by turns", () => {
    const { data } = playEvents([
      piece(toolCall(0, "a", "f")),
      piece(toolCall(1, "b", "g")),
      piece(toolInput(1, '{"y":')),
      piece(toolInput(0, '{"x":1}')),
      piece(toolInput(1, "2}")),
      stop
    ])
    expect(partsOf(data).slice(0, 2)).toEqual([
      { functionCall: { id: "a", name: "f", args: { x: 1 } } },
      { functionCall: { id: "b", name: "g", args: { y: 2 } } }
    ])
  })

  it("tells no part of a call that was cut", () => {
    const { data, verdict } = playEvents([text("a"), piece(toolCall(0, "a", "f")), piece(toolInput(0, '{"x":'))])
    expect(verdict).toBe("Broken")
    expect(JSON.stringify(data)).not.toContain("functionCall")
    expect(data.at(-1)?.error.code).toBe(502)
  })

  it("has arguments that are no JSON object as none", () => {
    const { data } = playEvents([piece(toolCall(0, "a", "f"), toolInput(0, "[1")), text("b"), stop])
    const calls = partsOf(data).flatMap(({ functionCall }) => functionCall ?? [])
    expect(calls).toEqual([{ id: "a", name: "f", args: {} }])
  })

  it("keeps the numbers of a call to the digit", () => {
    const { payloads } = playEvents([piece(toolCall(0, "a", "f"), toolInput(0, '{"n":9007199254740993}')), stop])
    expect(payloads[0]?.data).toContain('"n":9007199254740993')
  })

  it("has a signature of a call with it, or in a part behind it", () => {
    const signed = (value: string): Piece => ({ _tag: "Signature", by: "openai", value, of: { call: 0 } })
    expect(partsOf(playEvents([piece(toolCall(0, "a", "f"), toolInput(0, "{}"), signed("s")), stop]).data)[0]).toEqual({
      functionCall: { id: "a", name: "f", args: {} },
      thoughtSignature: "er1.openai.s"
    })
    const behind = playEvents([
      piece(toolCall(0, "a", "f"), toolInput(0, "{}")),
      piece(signed("s")),
      piece(signed("t")),
      stop
    ])
    expect(partsOf(behind.data).slice(1, 3)).toEqual([
      { text: "", thought: true, thoughtSignature: "er1.openai.s" },
      { text: "", thought: true, thoughtSignature: "er1.openai.st" }
    ])
  })

  describe("a signature of another vendor's", () => {
    const signed = (value: string, of: "reasoning" | { readonly call: number } = "reasoning"): Piece => ({
      _tag: "Signature",
      by: "anthropic",
      value,
      of
    })
    const steps = [
      text("Hi."),
      piece(signed("a+")),
      piece(signed("b/")),
      piece(toolCall(0, "a", "f"), toolInput(0, "{}"), signed("c=", { call: 0 }))
    ]
    const toldTo = (apiClient: string | undefined) => {
      const request = contents(least)
      const headers = apiClient === undefined ? {} : { "x-goog-api-client": apiClient }
      const encoder = geminiClient.encoder({
        ...identity,
        request: { ...request, asking: { ...request.asking, headers } }
      })
      const events = [
        ...encoder.begin("m", { usage: { inputTokens: 1, outputTokens: 1, estimated: true }, deltas: [] }),
        ...steps.flatMap((step) => encoder.delta(step))
      ]
      const frames = events.map(geminiClient.frames("s")).join("")
      const told = events.map(
        ({ data }) => (JSON.parse(data) as Told).candidates[0]?.content.parts[0]?.thoughtSignature
      )
      return { events, told, whole: wholeOf(frames).candidates[0]?.content.parts.map((part) => part.thoughtSignature) }
    }
    const base64 = (value: string) => Buffer.from(value).toString("base64")

    it.each([undefined, "google-genai-sdk/2.32.0 gl-node/v24.1.0", "gl-kotlin/2.0.0-ai fire/16.0.0", "gl-pythonic/1"])(
      "is the text that it is: %s",
      (apiClient) => {
        const { told, whole } = toldTo(apiClient)
        expect(told).toEqual([undefined, "er1.anthropic.a+", "er1.anthropic.a+b/", "er1.anthropic.c="])
        expect(whole).toEqual([undefined, "er1.anthropic.a+b/", "er1.anthropic.c="])
      }
    )

    it.each([
      "google-genai-sdk/2.25.0 gl-python/3.11.2",
      "google-genai-sdk/1.40.0 gl-go/go1.25",
      "google-genai-sdk/1.30.0 gl-java/21.0.2"
    ])("is bytes to an SDK that decodes it, and base64 in JSON: %s", (apiClient) => {
      const { events, told, whole } = toldTo(apiClient)
      expect(told).toEqual([
        undefined,
        base64("er1.anthropic.a+"),
        base64("er1.anthropic.a+b/"),
        base64("er1.anthropic.c=")
      ])
      expect(whole).toEqual([undefined, base64("er1.anthropic.a+b/"), base64("er1.anthropic.c=")])
      // Who takes the answer up goes on with the same signature.
      const resumed = geminiClient.encoder(identity)
      resumed.resume(events.slice(0, 2))
      expect(resumed.delta(steps[2]!)[0]?.data).toContain('"er1.anthropic.a+b/"')
    })
  })

  it.each([
    ["stop", "STOP"],
    ["length", "MAX_TOKENS"],
    ["tool-calls", "STOP"],
    ["content-filter", "SAFETY"],
    ["pause", "STOP"]
  ] as const)("that ended with %s says %s", (reason, word) => {
    const { data } = playEvents([text("a"), { ...nothing, finish: { reason, native: reason, from: "anthropic" } }])
    expect(data.at(-1)?.candidates[0]?.finishReason).toBe(word)
  })

  it("that refuses says so in words, and ends with SAFETY", () => {
    const { data } = playEvents([piece({ _tag: "Refusal", text: "I cannot." }), stop])
    expect(data[0]?.candidates[0]).toEqual({
      content: { role: "model", parts: [{ text: "I cannot." }] },
      refusal: true,
      index: 0
    })
    expect(data.at(-1)?.candidates[0]?.finishReason).toBe("SAFETY")
    expect(wholeOf(playEvents([piece({ _tag: "Refusal", text: "I cannot." }), stop]).text).candidates[0]).toEqual({
      content: { parts: [{ text: "I cannot." }], role: "model" },
      index: 0,
      finishReason: "SAFETY"
    })
  })

  it("shows an image as inline data", () => {
    const { data } = playEvents([piece({ _tag: "Media", mediaType: "image/png", base64: "iVBO" }), stop])
    expect(partsOf(data)[0]).toEqual({ inlineData: { mimeType: "image/png", data: "iVBO" } })
  })

  it("counts what was thought apart", () => {
    const usage = {
      inputTokens: 20,
      outputTokens: 9,
      cacheReadTokens: 5,
      reasoningTokens: 4,
      estimated: false
    }
    const { data } = playEvents([thinking("Hm"), text("a"), { ...nothing, usage }, stop])
    expect(data.at(-1)?.usageMetadata).toEqual({
      promptTokenCount: 20,
      cachedContentTokenCount: 5,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 4,
      totalTokenCount: 29
    })
  })
})

describe("a frame", () => {
  it("is a block of one data line, and its id one of its own", () => {
    expect(geminiClient.frames("s")({ event: undefined, data: "{}" }, 1)).toBe("data: {}\n\nid: s.1\n\n")
    expect(geminiClient.heartbeat).toBe(": ping\n\n")
  })
})
