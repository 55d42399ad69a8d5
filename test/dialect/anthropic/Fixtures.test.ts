import { describe, expect, it } from "vitest"
import { anthropicClient, chatClient, openaiClient } from "#src/dialect/index"
import { readAnthropicMessage } from "../../support/decoders.ts"
import { decoded, fixture, identity, play, wholeOf } from "./kit.ts"

const streams = ["text", "tools", "thinking", "search", "cached", "unknown"] as const

type Json = { readonly [field: string]: unknown }

const dataOf = (text: string): ReadonlyArray<Json> =>
  text
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => JSON.parse(line.slice(6)) as Json)

const ours = { id: `msg_${identity.streamId}`, model: "asked-model" }

/** An upstream's message under our id and model. */
const asOurs = (event: Json): Json =>
  event["type"] === "message_start" ? { ...event, message: { ...(event["message"] as Json), ...ours } } : event

const chunksOf = (text: string): ReadonlyArray<Json> =>
  text
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)) as Json)

describe("what an Anthropic upstream streams", () => {
  it.each(streams)("%s: passes to an Anthropic client with every field but id and model", (name) => {
    const { text, verdict } = play(fixture(`${name}.sse`), anthropicClient)
    expect(verdict).toBe("Complete")
    const sent = dataOf(fixture(`${name}.sse`)).filter(({ type }) => type !== "ping")
    expect(dataOf(text)).toEqual(sent.map(asOurs))
    for (const line of text.split("\n")) {
      if (line.startsWith("event: ")) expect(line).toMatch(/^event: [a-z_]+$/)
    }
  })

  it.each(streams)("%s: is read by Anthropic's SDK as what was sent", (name) => {
    const theirs = readAnthropicMessage(fixture(`${name}.sse`))
    const read = readAnthropicMessage(play(fixture(`${name}.sse`), anthropicClient).text)
    if (theirs._tag === "Thrown" || read._tag === "Thrown") throw new Error(JSON.stringify([theirs, read]))
    expect(read.message).toEqual({ ...theirs.message, ...ours })
  })

  it.each(streams)("%s: the whole message is what the SDK puts together", (name) => {
    const { text } = play(fixture(`${name}.sse`), anthropicClient)
    const read = readAnthropicMessage(text)
    if (read._tag === "Thrown") throw new Error(JSON.stringify(read))
    const whole = wholeOf(anthropicClient, text) as Json
    // The SDK leaves out what its types do not name.
    expect(whole).toMatchObject({ ...read.message, content: expect.anything() as unknown })
    const content = whole["content"] as ReadonlyArray<Json>
    expect(content.filter(({ type }) => type !== "compaction")).toEqual(
      (read.message["content"] as ReadonlyArray<Json>)
        .filter(({ type }) => type !== "compaction")
        // A stream begins a text with `null` where a whole answer has none, and `ai` takes none there.
        .map(({ citations, ...block }) =>
          citations === null ? block : { ...block, ...(citations === undefined ? {} : { citations }) }
        )
    )
  })

  it("is text for an OpenAI client", () => {
    const { text } = play(fixture("text.sse"), openaiClient)
    const chunks = chunksOf(text)
    const contents = chunks.map(({ choices }) => (choices as ReadonlyArray<Json>)[0]?.["delta"] as Json | undefined)
    expect(contents.map((delta) => delta?.["content"] ?? "").join("")).toBe("Hello!")
    expect(chunks.at(-2)).toMatchObject({ choices: [{ finish_reason: "stop" }] })
    expect(chunks.at(-1)).toMatchObject({ usage: { prompt_tokens: 25, completion_tokens: 15, total_tokens: 40 } })
  })

  it("is tool calls for an OpenAI client, with arguments that parse", () => {
    const whole = wholeOf(openaiClient, play(fixture("tools.sse"), openaiClient).text)
    expect(whole).toMatchObject({
      choices: [
        {
          message: {
            content: "Okay, let's check the weather for San Francisco, CA:",
            tool_calls: [
              {
                id: "toolu_01T1x1fJ34qAmk2tNTrN7Up6",
                type: "function",
                function: { name: "get_weather", arguments: '{"location": "San Francisco, CA"}' }
              },
              { id: "toolu_02", type: "function", function: { name: "get_time", arguments: "{}" } }
            ]
          },
          finish_reason: "tool_calls"
        }
      ]
    })
  })

  it("is reasoning and text for a chat client, and counts what was thought", () => {
    const { text } = play(fixture("thinking.sse"), chatClient)
    const events = dataOf(text)
    expect(text.match(/event: reasoning/g)?.length).toBe(2)
    expect(events.at(-1)).toMatchObject({
      status: "completed",
      full_content: "The greatest common divisor is **21**.",
      finish_reason: "stop",
      usage: { input_tokens: 30, output_tokens: 120, estimated: false }
    })
    const whole = wholeOf(openaiClient, play(fixture("thinking.sse"), openaiClient).text)
    expect(whole).toMatchObject({
      choices: [{ message: { reasoning_content: "I need to find the GCD of 1071 and 462.\n1071 = 2 × 462 + 147" } }],
      usage: { completion_tokens: 120, completion_tokens_details: { reasoning_tokens: 90 } }
    })
  })

  it("counts what a cache has read and written as input for others", () => {
    const whole = wholeOf(openaiClient, play(fixture("cached.sse"), openaiClient).text)
    expect(whole).toMatchObject({
      choices: [{ message: { content: "First, take" }, finish_reason: "content_filter" }],
      usage: { prompt_tokens: 1230, completion_tokens: 22, prompt_tokens_details: { cached_tokens: 1000 } }
    })
  })

  it("ends for others where it is paused for its own clients", () => {
    expect(wholeOf(openaiClient, play(fixture("search.sse"), openaiClient).text)).toMatchObject({
      choices: [{ finish_reason: "stop", message: { content: "I'll check the current weather.It is partly cloudy." } }]
    })
    expect(wholeOf(anthropicClient, play(fixture("search.sse"), anthropicClient).text)).toMatchObject({
      stop_reason: "pause_turn",
      usage: { input_tokens: 10_682, server_tool_use: { web_search_requests: 1 } }
    })
  })

  it("is overloaded inside the stream as it would be before it", () => {
    const { error, payloads, text } = play(fixture("overloaded.sse"), anthropicClient)
    expect(error?._tag).toBe("UpstreamOverloaded")
    expect(payloads.at(-1)?.event).toBe("error")
    expect(readAnthropicMessage(text)).toMatchObject({
      _tag: "Thrown",
      error: { type: "error", error: { type: "overloaded_error", details: { error_code: "upstream_overloaded" } } }
    })
  })

  it("says why it has refused, although it has said nothing else", () => {
    const refusal = fixture("cached.sse").replace(/event: content_block[^]*?(?=event: message_delta)/, "")
    const { text, verdict } = play(refusal, anthropicClient)
    expect(verdict).toBe("Complete")
    expect(readAnthropicMessage(text)).toMatchObject({
      message: { content: [], stop_reason: "refusal", stop_details: { category: "cyber" } }
    })
    expect(wholeOf(openaiClient, play(refusal, openaiClient).text)).toMatchObject({
      choices: [{ message: { content: null }, finish_reason: "content_filter" }]
    })
  })

  it("is cut, and no success, wherever its stream stops before it has said why", () => {
    for (const name of streams) {
      const text = fixture(`${name}.sse`)
      const blocks = text.split("\n\n")
      const finish = blocks.findIndex((block) => block.includes('stop_reason":"') || block.includes('stop_reason": "'))
      for (let at = 1; at < finish; at++) {
        const { error, verdict } = play(`${blocks.slice(0, at).join("\n\n")}\n\n`, anthropicClient)
        expect(verdict).toBe("Broken")
        expect(["EmptyResponse", "StreamTruncated"]).toContain(error?._tag)
      }
      // A reason that nobody knows is no proof by itself.
      if (name === "unknown") continue
      expect(play(`${blocks.slice(0, finish + 1).join("\n\n")}\n\n`, anthropicClient).verdict).toBe("Complete")
    }
  })

  it("says its usage before its end, and as much of the output as was shown when it is cut", () => {
    const events = decoded(fixture("text.sse"))
    expect(events[0]).toMatchObject({ usage: { inputTokens: 25, outputTokens: 1, estimated: true } })
    const { machine } = play(fixture("overloaded.sse"), anthropicClient)
    expect(machine.usage()).toMatchObject({ inputTokens: 25, outputTokens: 2, estimated: true })
  })
})
