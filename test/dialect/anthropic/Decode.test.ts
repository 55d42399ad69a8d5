import { describe, expect, it } from "vitest"
import { anthropic, anthropicClient, openaiClient, type HttpAnswer, type UpstreamEvent } from "#src/dialect/index"
import { readAnthropicMessage } from "../../support/decoders.ts"
import { fixture, plainly, playEvents, wholeOf } from "./kit.ts"

const step = (raw: unknown, event = ""): UpstreamEvent =>
  anthropic.decoder(plainly).step(event, typeof raw === "string" ? raw : JSON.stringify(raw))

const tagOf = (event: UpstreamEvent): string => (event._tag === "Fault" ? event.error._tag : event._tag)

describe("an event of an Anthropic upstream's", () => {
  it.each([
    ["{nope", "", "BadResponseBody"],
    ["[]", "", "BadResponseBody"],
    ['"x"', "", "BadResponseBody"],
    ['{"a":1}', "message", "BadResponseBody"],
    ['{"type":"content_block_delta","index":0}', "", "BadResponseBody"],
    ['{"type":"content_block_start","index":0,"content_block":1}', "", "BadResponseBody"],
    ['{"type":"message_start"}', "", "BadResponseBody"],
    ['{"error":{"message":"x","type":"server_error"}}', "", "BadResponseStatusCode"],
    ['{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}', "", "ChannelRateLimited"],
    ["out of order", "error", "BadResponseStatusCode"],
    ['{"type":"message_stop"}', "message_stop", "Done"],
    ['{"type":"ping"}', "ping", "Delta"],
    ["", "", "Delta"],
    ["[DONE]", "", "Delta"],
    ['{"a":1}', "x_new_event", "Delta"]
  ])("%j of %j is %s", (data, event, tag) => {
    expect(tagOf(step(data, event))).toBe(tag)
  })

  it.each([
    ["invalid_request_error", "InvalidRequest"],
    ["authentication_error", "ChannelInvalidKey"],
    ["billing_error", "ChannelQuotaExhausted"],
    ["permission_error", "ChannelInvalidKey"],
    ["not_found_error", "ModelNotFound"],
    ["request_too_large", "PayloadTooLarge"],
    ["rate_limit_error", "ChannelRateLimited"],
    ["timeout_error", "ChannelResponseTimeExceeded"],
    ["api_error", "BadResponseStatusCode"],
    ["overloaded_error", "UpstreamOverloaded"],
    ["x_new_error", "BadResponseStatusCode"]
  ])("that is the error %s is %s", (type, tag) => {
    expect(tagOf(step({ type: "error", error: { type, message: "m" } }, "error"))).toBe(tag)
    expect(tagOf(step({ type: "error", error: { type, message: "m" } }))).toBe(tag)
  })

  it.each(["error", "abort", "ABORTED", "network_error", "overloaded", "insufficient_system_resource", "timeout"])(
    "R2: that stops for %s is no end, but a failure",
    (reason) => {
      const event = step({ type: "message_delta", delta: { stop_reason: reason }, usage: { output_tokens: 1 } })
      expect(event._tag).toBe("Fault")
    }
  )

  it("R7: that is a whole message is the answer, and one that is an error is that error", () => {
    const { text, verdict } = playEvents([step(fixture("message-tools.json"))], anthropicClient)
    expect(verdict).toBe("Complete")
    expect(wholeOf(anthropicClient, text)).toMatchObject({
      content: [
        { type: "thinking", thinking: "The user wants the weather." },
        { type: "text", text: "Let me look." },
        {},
        {},
        { type: "tool_use", id: "toolu_03", name: "get_weather", input: { location: "Bern" } }
      ],
      stop_reason: "tool_use",
      usage: { input_tokens: 40, output_tokens: 33 }
    })
    expect(tagOf(step({ object: "error", message: "x", code: 429 }))).toBe("ChannelRateLimited")
    expect(tagOf(step({ error: { message: "x", type: "rate_limit_error" } }, "message"))).toBe("ChannelRateLimited")
  })

  it("S13: that is nested deeper than can be written again is not understood", () => {
    const nested = `${"[".repeat(5000)}${"]".repeat(5000)}`
    expect(tagOf(step(`{"type":"x_unknown","x":${nested}}`))).toBe("BadResponseBody")
  })

  it("R12: that holds a number of many digits passes with all of them", () => {
    const big = "9007199254740993"
    const { text } = playEvents(
      [
        step(`{"type":"message_start","x":${big},"message":{"x":${big},"usage":{"input_tokens":1}}}`),
        step(`{"type":"content_block_start","index":0,"content_block":{"type":"x_block","x":${big}}}`),
        step(
          `{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t","name":"n","input":{}}}`
        ),
        step(
          JSON.stringify({
            type: "content_block_delta",
            index: 3,
            delta: { type: "input_json_delta", partial_json: `{"n":${big}}` }
          })
        ),
        step(`{"type":"message_delta","x":${big},"delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}`)
      ],
      anthropicClient
    )
    expect(text.split(big).length - 1).toBe(5)
    const view = anthropicClient.views.whole.make()
    view.push(text)
    // The message's own, which the last event says again; the block's; and the input's.
    expect(view.end().split(big).length - 1).toBe(3)
  })

  it("without a type of its own has its name for one, as some who are like Anthropic send it", () => {
    expect(step({ index: 0, delta: { type: "text_delta", text: "a" } }, "content_block_delta")).toMatchObject({
      text: "a",
      raw: { type: "content_block_delta" }
    })
  })

  it("that shows nothing is no content, and what only Anthropic's clients read seals the answer", () => {
    const block = (content_block: object) => step({ type: "content_block_start", index: 0, content_block })
    expect(block({ type: "text", text: "" })).toMatchObject({ text: "", pieces: undefined })
    expect(block({ type: "text", text: "a" })).toMatchObject({ text: "a" })
    expect(block({ type: "server_tool_use" })).toMatchObject({ pieces: [{ _tag: "Native", what: "server_tool_use" }] })
    const deltaOf = (delta: object) => step({ type: "content_block_delta", index: 0, delta })
    expect(deltaOf({ type: "citations_delta", citation: {} })).toMatchObject({ pieces: undefined })
    expect(deltaOf({ type: "input_json_delta", partial_json: "" })).toMatchObject({ pieces: undefined })
    expect(deltaOf({ type: "input_json_delta", partial_json: "{" })).toMatchObject({
      pieces: [{ _tag: "Native", what: "input_json_delta" }]
    })
    expect(deltaOf({ type: "x_delta" })).toMatchObject({ pieces: [{ _tag: "Native", what: "x_delta" }] })
  })

  it("that begins a call with all of its input says it when the call is over", () => {
    const decoder = anthropic.decoder(plainly)
    const tell = (raw: object) => decoder.step("", JSON.stringify(raw))
    tell({
      type: "content_block_start",
      index: 4,
      content_block: { type: "tool_use", id: "t", name: "n", input: { a: 1 } }
    })
    expect(tell({ type: "content_block_stop", index: 4 })).toMatchObject({
      pieces: [{ _tag: "ToolInput", index: 0, text: '{"a":1}' }]
    })
    expect(tell({ type: "content_block_stop", index: 4 })).toMatchObject({ pieces: undefined })
  })

  describe("R10: a call that is not told as the format says", () => {
    const start = (block: object, index = 0) => ({
      type: "content_block_start",
      index,
      content_block: { type: "tool_use", id: "t", name: "n", input: {}, ...block }
    })
    const input = (partial_json: unknown, index = 0) => ({
      type: "content_block_delta",
      index,
      delta: { type: "input_json_delta", partial_json }
    })
    const stop = (index = 0) => ({ type: "content_block_stop", index })
    const end = (stop_reason: unknown = "tool_use") => ({ type: "message_delta", delta: { stop_reason }, usage: {} })
    const whole = (client: typeof anthropicClient | typeof openaiClient, ...events: ReadonlyArray<object>) => {
      const decoder = anthropic.decoder(plainly)
      const steps = [...events, { type: "message_stop" }].map((raw) => decoder.step("", JSON.stringify(raw)))
      const { text, verdict } = playEvents(steps, client)
      expect(verdict).toBe("Complete")
      return wholeOf(client, text)
    }
    const calls = (...events: ReadonlyArray<object>) => {
      const own = whole(anthropicClient, ...structuredClone(events)) as { content: ReadonlyArray<{ input: unknown }> }
      const crossed = whole(openaiClient, ...events) as {
        choices: ReadonlyArray<{ message: { tool_calls: ReadonlyArray<{ function: { arguments: string } }> } }>
      }
      const said = crossed.choices[0]!.message.tool_calls.map((call) => JSON.parse(call.function.arguments) as unknown)
      expect(own.content.map(({ input }) => input)).toEqual(said)
      return said
    }

    it.each([
      ["its input as a text", [start({ input: '{"a":1}' }), stop(), end()]],
      ["an empty text, and the input after it", [start({ input: "" }), input('{"a":1}'), stop(), end()]],
      ["a delta as an object", [start({}), input({ a: 1 }), stop(), end()]],
      ["all of it at its beginning, and no end", [start({ input: { a: 1 } }), end()]],
      [
        "a delta without a type",
        [start({}), { type: "content_block_delta", index: 0, delta: { partial_json: '{"a":1}' } }, stop(), end()]
      ]
    ])("%s", (_, events) => {
      expect(calls(...events)).toEqual([{ a: 1 }])
    })
    it("two in one block, of which none is ended", () => {
      const two = [start({ input: { a: 1 } }), start({ id: "u", input: { b: 2 } }), end()]
      expect(calls(...two)).toEqual([{ a: 1 }, { b: 2 }])
    })
    it("without an id each is given one, and no two the same", () => {
      const two = [start({ id: undefined }), stop(), start({ id: "" }, 1), stop(1), end()]
      const { content } = whole(anthropicClient, ...two) as { content: ReadonlyArray<{ id: string }> }
      expect(content[0]?.id).toMatch(/^call_[A-Za-z0-9]{24}$/)
      expect(new Set(content.map(({ id }) => id)).size).toBe(2)
    })
    it("R9: an end behind it is one for it in every other dialect, whatever it is called", () => {
      const events = [start({ input: { a: 1 } }), stop(), end("end_turn")]
      expect(whole(openaiClient, ...events)).toMatchObject({ choices: [{ finish_reason: "tool_calls" }] })
      expect(whole(anthropicClient, ...events)).toMatchObject({ stop_reason: "end_turn" })
    })
  })

  it("R10: a whole message may have a block without a type, and an input as a text", () => {
    const answer = (body: object): HttpAnswer => ({ status: 200, headers: {}, body: JSON.stringify(body), now: 0 })
    const message = {
      type: "message",
      content: [{ text: "Hi." }, { type: "tool_use", id: "t", name: "f", input: '{"a":1}' }],
      stop_reason: "tool_use",
      // one-api's descendants write an empty one beside every answer.
      error: { message: "", type: "", code: null }
    }
    const { text } = playEvents(anthropic.decodeWhole(answer(message), plainly), anthropicClient)
    expect(wholeOf(anthropicClient, text)).toMatchObject({
      content: [
        { type: "text", text: "Hi." },
        { type: "tool_use", input: { a: 1 } }
      ]
    })
    expect(tagOf(anthropic.decodeWhole(answer({ ...message, content: [{ x: 1 }] }), plainly)[0]!)).toBe(
      "BadResponseBody"
    )
  })

  it("R10: a text without a type is one, and an empty stop_reason is none", () => {
    expect(step({ type: "content_block_delta", index: 0, delta: { text: "Hi." } })).toMatchObject({ text: "Hi." })
    const delta = { type: "message_delta", delta: { stop_reason: "" }, usage: {} }
    expect(step(delta)).toMatchObject({ finish: undefined, raw: { delta: { stop_reason: null } } })
  })

  it.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["tool_use", "tool-calls"],
    ["pause_turn", "pause"],
    ["refusal", "content-filter"],
    ["constructor", "unknown"]
  ])("that stops for %s ends the answer for %s", (native, reason) => {
    expect(step({ type: "message_delta", delta: { stop_reason: native }, usage: { output_tokens: 1 } })).toMatchObject({
      finish: { reason, native, from: "anthropic" }
    })
  })

  it("that says its usage adds what caches had to the input, and later totals replace earlier ones", () => {
    const decoder = anthropic.decoder(plainly)
    const tell = (raw: object) => decoder.step("", JSON.stringify(raw))
    const first = { input_tokens: 3, cache_read_input_tokens: 10, cache_creation_input_tokens: 5, output_tokens: 1 }
    expect(tell({ type: "message_start", message: { usage: first } })).toMatchObject({
      usage: { inputTokens: 18, outputTokens: 1, cacheReadTokens: 10, cacheWriteTokens: 5, estimated: true }
    })
    expect(
      tell({
        type: "message_delta",
        delta: {},
        usage: { input_tokens: null, output_tokens: 8, output_tokens_details: { thinking_tokens: 6 } }
      })
    ).toMatchObject({
      usage: { inputTokens: 18, outputTokens: 8, reasoningTokens: 6, estimated: false, native: { from: "anthropic" } }
    })
    expect(tell({ type: "message_delta", delta: {} })).toMatchObject({ usage: undefined })
  })
})

const answer = (body: string, more: Partial<HttpAnswer> = {}): HttpAnswer => ({
  status: 200,
  headers: { "content-type": "application/json" },
  body,
  now: 0,
  ...more
})

describe("a whole answer of an Anthropic upstream's", () => {
  const whole = (body: string, more: Partial<HttpAnswer> = {}) => anthropic.decodeWhole(answer(body, more), plainly)

  it.each(["message.json", "message-tools.json"])("is what its stream would have been: %s", (name) => {
    const sent = JSON.parse(fixture(name)) as { readonly [field: string]: unknown }
    const { text, verdict } = playEvents(whole(fixture(name)), anthropicClient)
    expect(verdict).toBe("Complete")
    const content = (sent["content"] as ReadonlyArray<{ readonly [field: string]: unknown }>).map((block) => {
      // A text without citations has none: the events have no word for `null`.
      const { citations, ...rest } = block
      return citations === null || citations === undefined ? rest : block
    })
    const ours = { ...sent, id: "msg_abcdefghijklmnopqrstuv", model: "asked-model", content }
    expect(wholeOf(anthropicClient, text)).toEqual(ours)
    expect(readAnthropicMessage(text)).toEqual({ _tag: "Message", message: ours })
  })

  it("is a chat completion for an OpenAI client", () => {
    const { text } = playEvents(whole(fixture("message-tools.json")), openaiClient)
    expect(wholeOf(openaiClient, text)).toMatchObject({
      choices: [
        {
          message: {
            content: "Let me look.",
            reasoning_content: "The user wants the weather.",
            tool_calls: [{ id: "toolu_03", function: { name: "get_weather", arguments: '{"location":"Bern"}' } }]
          },
          finish_reason: "tool_calls"
        }
      ],
      usage: { prompt_tokens: 40, completion_tokens: 33 }
    })
  })

  it("is a count of tokens", () => {
    expect(whole(fixture("count.json"))).toMatchObject([
      { usage: { inputTokens: 2095, outputTokens: 0, estimated: false }, pieces: [{ _tag: "Native" }] },
      { _tag: "Done" }
    ])
  })

  it.each([
    ["", {}, "EmptyResponse"],
    ["{nope", {}, "BadResponse"],
    ["[]", {}, "BadResponseBody"],
    ["{}", {}, "BadResponseBody"],
    ['{"type":"message","content":[1]}', {}, "BadResponseBody"],
    ["<html>no</html>", { headers: { "content-type": "text/html" } }, "BadResponse"],
    ['{"object":"error","message":"x","code":429}', {}, "ChannelRateLimited"],
    [`{"type":"message","content":[],"x":${"[".repeat(5000)}${"]".repeat(5000)}}`, {}, "BadResponseBody"],
    ['{"type":"error","error":{"type":"overloaded_error","message":"x"}}', {}, "UpstreamOverloaded"],
    ['{"type":"error","error":{"type":"rate_limit_error","message":"x"}}', { status: 429 }, "ChannelRateLimited"],
    ["Overloaded", { status: 529 }, "UpstreamOverloaded"]
  ])("%j with %j is %s", (body, more, tag) => {
    expect(whole(body, more).map(tagOf)).toEqual([tag])
  })
})
