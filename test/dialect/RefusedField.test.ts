import { assert, describe, it } from "@effect/vitest"
import {
  refusableIn,
  refusedField,
  refusesStream,
  refusesThisStream,
  refusesValue,
  takenAfterAll
} from "#src/dialect/index"
import { InvalidRequest } from "#src/errors/index"

const fields = ["temperature", "top_p", "thinking", "output_config.effort", "tools[].function.strict", "user"]
/** A body with all of them. */
const sent = JSON.stringify(Object.fromEntries(fields.map((field) => [field.slice(field.lastIndexOf(".") + 1), 1])))

const found = (upstream: { readonly message?: string; readonly param?: string | null }, status: number = 400) =>
  refusedField(new InvalidRequest({ upstream: { status, ...upstream } }), status, fields, sent)

describe("the field that an upstream refuses", () => {
  const cases: ReadonlyArray<readonly [string, { message?: string; param?: string | null }, string | undefined]> = [
    ["a parameter", { param: "temperature" }, "temperature"],
    ["a parameter within one", { param: "output_config.effort" }, "output_config.effort"],
    ["a parameter below one", { param: "thinking.budget_tokens" }, "thinking"],
    ["a parameter of a list", { param: "tools[3].function.strict" }, "tools[].function.strict"],
    ["a parameter of a list, as Anthropic writes it", { param: "tools.3.function.strict" }, "tools[].function.strict"],
    ["another parameter, whatever is said", { param: "messages", message: "temperature is wrong" }, undefined],
    ["a name before a colon", { message: "top_p: Extra inputs are not permitted" }, "top_p"],
    [
      "a name in quotes",
      { message: "Unsupported parameter: 'temperature' is not supported", param: null },
      "temperature"
    ],
    ["a name in backticks", { message: "`thinking` may not be set." }, "thinking"],
    ["a name at the end", { message: "we do not know top_p." }, "top_p"],
    ["a longer path", { message: "output_config.effort: not supported" }, "output_config.effort"],
    ["no part of a word", { message: "temperatures are users' own" }, undefined],
    ["a word that is none", { message: "The conversation must end with a user message." }, undefined],
    ["an argument", { message: "Unrecognized request argument supplied: user" }, "user"],
    ["what is not supported", { message: "temperature is not supported with this model" }, "temperature"],
    [
      "the place where something else is wrong",
      { message: "messages.1.content.0: Invalid `signature` in `thinking` block" },
      undefined
    ],
    [
      "the place itself",
      { message: "tools.0.function.strict: Extra inputs are not permitted" },
      "tools[].function.strict"
    ],
    ["nothing", { message: "no" }, undefined],
    ["no words", {}, undefined]
  ]
  for (const [name, upstream, expected] of cases) {
    it(name, () => {
      assert.strictEqual(found(upstream), expected)
    })
  }

  it("is the stream that was asked for, by its name or in words about it, and nothing else", () => {
    const refused = (upstream: { readonly message?: string; readonly param?: string }, body = '{"stream":true}') =>
      refusesStream(new InvalidRequest({ upstream: { status: 400, ...upstream } }), body)
    for (const message of [
      "Your organization must be verified to stream this model.",
      "'audio.format' does not support 'wav' when stream=true.",
      "This model does not support streaming.",
      "Streaming is not supported for this model",
      "stream is unsupported here",
      "Unsupported value: 'stream' does not support true with this model. Supported values are: false.",
      "The model doesn’t support streaming responses",
      "This model isn't available in streaming mode yet",
      "The model claude-x is not currently supported with streaming.",
      "Function calling is not supported with streaming",
      "`stream` is not supported",
      "Streaming has been turned off: streaming mode is disabled for this deployment",
      "Answers of this model cannot be streamed",
      "This model does not stream",
      "You are not allowed to stream from this deployment",
      "unsupported parameter: stream",
      "'stream' must be set to false",
      "Please use stream=false with this model",
      "This endpoint only supports non-streaming requests",
      "This model does not support tools, audio, or streaming.",
      "This model does not have streaming support",
      "This deployment does not work with streaming",
      "best_of > 1 cannot be used with streaming",
      "logprobs can't be combined with stream",
      "Streaming cannot be enabled for this model",
      "Streaming not supported"
    ]) {
      assert.isTrue(refused({ message }), message)
      assert.isFalse(refused({ message }, "{}"), message)
    }
    assert.isTrue(refused({ param: "stream" }))
    for (const message of [
      "stream_options is not supported",
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      "the temperature is too high",
      "messages[0]: the user spoke of a stream",
      "The image is not a valid stream of bytes",
      "messages.0: the audio stream is not supported",
      "The content stream is not available any more",
      "do not send more than one file when you stream",
      "Tool 'stream' is not available",
      "The model 'stream-1' is not supported",
      "function stream_answer is not supported",
      "The upstream is not available",
      "This parameter is not supported. See the streaming documentation.",
      "This parameter is not supported, see the streaming guide",
      "Request is not allowed: stream error in the connection",
      "You can not stream_options"
    ]) {
      assert.isFalse(refused({ message }), message)
    }
    assert.isFalse(refused({ param: "stream_options", message: "not allowed unless stream=true" }))
  })

  it("is the part of a conversation that its place and its words name together", () => {
    const message = "messages.1.content.0: `thinking` blocks in the latest assistant message cannot be modified."
    const refused = new InvalidRequest({ upstream: { status: 400, message } })
    assert.strictEqual(
      refusedField(refused, 400, ["messages[].content[].thinking", "thinking"], '{"thinking":{}}'),
      "messages[].content[].thinking"
    )
  })

  it("is none that was not sent", () => {
    const refused = new InvalidRequest({ upstream: { status: 400, param: "temperature" } })
    assert.strictEqual(refusedField(refused, 400, fields, '{"model":"m"}'), undefined)
  })

  it("is none with another status", () => {
    for (const status of [401, 404, 409, 429, 500]) {
      assert.strictEqual(found({ param: "temperature" }, status), undefined, `${status}`)
    }
  })

  it("R6: is one with 422 too, which validators give", () => {
    assert.strictEqual(found({ param: "temperature" }, 422), "temperature")
  })
})

/** As vendors have said it to others, word for word. */
describe("the field that a vendor refuses in words of its own", () => {
  const openai = [
    "max_completion_tokens",
    "messages[].reasoning_content",
    "reasoning_effort",
    "tools[].function.strict"
  ]
  const anthropic = ["output_config.effort", "temperature", "thinking", "tools[].strict"]
  const thought = {
    reasoning_effort: "medium",
    messages: [{ role: "assistant", reasoning_content: "hm", content: "b" }]
  }
  const adaptive = {
    thinking: { type: "adaptive" },
    output_config: { effort: "high" },
    tools: [{ name: "f", input_schema: { type: "object", properties: { a: {} } }, strict: true }]
  }
  const formatted = { output_config: { effort: "high", format: { type: "json_schema" } } }
  const inHistory = "messages[].reasoning_content"

  const cases: ReadonlyArray<
    readonly [
      message: string,
      param: string | undefined,
      fields: ReadonlyArray<string>,
      body: object,
      expected: string | undefined
    ]
  > = [
    ["This model does not support the effort parameter.", undefined, anthropic, adaptive, "output_config.effort"],
    ["output_config: Extra inputs are not permitted", undefined, anthropic, adaptive, "output_config.effort"],
    ["Unknown parameter", "output_config", anthropic, adaptive, "output_config.effort"],
    ["output_config: Extra inputs are not permitted", undefined, anthropic, formatted, undefined],
    ["output_config.format: Extra inputs are not permitted", undefined, anthropic, formatted, undefined],
    [
      '"thinking.type.disabled" is not supported for this model. Thinking defaults to adaptive mode when not specified; use "thinking.type.enabled" with "budget_tokens" for extended thinking.',
      undefined,
      anthropic,
      { thinking: { type: "disabled" } },
      "thinking"
    ],
    ["tools.0.custom.strict: Extra inputs are not permitted", undefined, anthropic, adaptive, "tools[].strict"],
    ["tools.0.input_schema.strict: Extra inputs are not permitted", undefined, anthropic, adaptive, undefined],
    ["tools.0.custom.input_schema.strict: no such keyword", undefined, anthropic, adaptive, undefined],
    ['"llama3.2" does not support thinking', undefined, openai, thought, "reasoning_effort"],
    ['think value "medium" is not supported for this model', undefined, openai, thought, "reasoning_effort"],
    ["This model does not support thinking blocks in a user turn", undefined, openai, thought, undefined],
    [
      "'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property 'reasoning_content' is unsupported)]",
      undefined,
      openai,
      thought,
      inHistory
    ],
    ["Extra inputs are not permitted", "messages.1.assistant.reasoning_content", openai, thought, inHistory],
    [
      "body.messages.1.assistant.reasoning_content: property 'body.messages.1.assistant.reasoning_content' is unsupported",
      "validation_error",
      openai,
      thought,
      inHistory
    ],
    [
      "Extra inputs are not permitted, field: 'messages[1].reasoning_content', value: 'hm'",
      undefined,
      openai,
      thought,
      inHistory
    ],
    [
      "Please remove the reasoning_content from your message to reduce network traffic.",
      undefined,
      openai,
      thought,
      inHistory
    ],
    [
      "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2",
      undefined,
      openai,
      thought,
      undefined
    ],
    [
      "The `reasoning_content` in the thinking mode must be passed back to the API.",
      undefined,
      openai,
      thought,
      undefined
    ]
  ]
  it.each(cases)("%s (%s)", (message, param, among, body, expected) => {
    const error = new InvalidRequest({ upstream: { status: 400, message, ...(param === undefined ? {} : { param }) } })
    assert.strictEqual(refusedField(error, 400, among, JSON.stringify(body)), expected)
  })
})

/** What an upstream has said with a 400. */
const refusal = (message: string, code?: string, param?: string) =>
  new InvalidRequest({
    upstream: {
      status: 400,
      message,
      ...(code === undefined ? {} : { code }),
      ...(param === undefined ? {} : { param })
    }
  })

const noMaxTokens =
  "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
const tooMany = "max_tokens is too large: 200000. This model supports at most 100000 completion tokens."

describe("a value that is refused", () => {
  it.each([
    [
      "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
      "decimal_above_max_value"
    ],
    ["temperature", "integer_below_min_value"],
    [
      "Invalid 'user': string too long. Expected a string with maximum length 64, but got a string with length 142 instead.",
      "string_above_max_length"
    ],
    [
      "Unsupported value: 'reasoning_effort' does not support 'max' with this model. Supported values are: 'low', 'medium', and 'high'.",
      "unsupported_value"
    ],
    ["seed", "invalid_type"],
    [tooMany, undefined],
    ["max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens", undefined],
    ["temperature: Input should be less than or equal to 1", undefined],
    ["temperature must be between 0 and 2", undefined],
    ['think value "medium" is not supported for this model', undefined],
    ["it has a topK value of 64 but the supported range is from 1 (inclusive) to 41 (exclusive)", undefined],
    ["Invalid value at 'generation_config.seed' (TYPE_INT32), 12345678901", undefined]
  ])("is told by its words or its code: %s (%s)", (message, code) => {
    assert.isTrue(refusesValue(refusal(message, code)))
  })

  it.each([
    ["Unsupported parameter: 'temperature' is not supported with this model.", "unsupported_parameter"],
    [
      "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
      "unsupported_value"
    ],
    ["top_p: Extra inputs are not permitted", undefined],
    [
      "thinking: Input tag 'adaptive' found using 'type' does not match any of the expected tags: 'disabled'",
      undefined
    ],
    ["This model does not support the effort parameter.", undefined],
    ["", undefined]
  ])("is none where any would be refused: %s", (message, code) => {
    assert.isFalse(refusesValue(refusal(message, code)))
  })

  it("is the client's where it is no hint", () => {
    const fields = ["max_completion_tokens", "temperature"]
    assert.deepStrictEqual(refusableIn(refusal(tooMany), fields), ["temperature"])
    assert.deepStrictEqual(refusableIn(refusal("Unknown parameter"), fields), fields)
  })
})

describe("what is said by another name where it was refused", () => {
  const without = new Set(["max_completion_tokens"])
  const body = '{"max_tokens":5}'

  it("is taken after all where the other name is refused, too", () => {
    assert.strictEqual(takenAfterAll(refusal(noMaxTokens), 400, without, body), "max_completion_tokens")
  })

  it("and not where it is the value, where it was not left out, or where something else is refused", () => {
    assert.strictEqual(takenAfterAll(refusal(tooMany, "invalid_value", "max_tokens"), 400, without, body), undefined)
    assert.strictEqual(takenAfterAll(refusal(noMaxTokens), 400, new Set(["temperature"]), body), undefined)
    assert.strictEqual(takenAfterAll(refusal("top_p: Extra inputs"), 400, without, body), undefined)
  })
})

describe("a stream that is refused", () => {
  it.each([
    ["Your organization must be verified to stream this model. If you just verified, wait.", "stream"],
    ["This model does not support streaming.", undefined],
    ["Streaming is not supported with this model", undefined],
    ["stream is unsupported here", undefined]
  ])("is so for everybody: %s", (message, param) => {
    assert.isFalse(refusesThisStream(refusal(message, undefined, param)))
  })

  it.each([
    ["'audio.format' does not support 'wav' when stream=true. Supported values are: 'pcm16'.", "audio.format"],
    ["'audio.format' does not support 'wav' when stream=true.", undefined],
    ["Streaming is not supported with tools.", undefined],
    ["logprobs are not supported in streaming mode", undefined],
    ["best_of > 1 cannot be used with streaming", undefined],
    ["Streaming can't be combined with n > 1", undefined],
    ["Invalid value: 'streaming is not supported'. Supported values are: 'low'.", undefined],
    ["stream is not supported when n > 1", "stream"]
  ])("is so for what else is asked: %s", (message, param) => {
    assert.isTrue(refusesThisStream(refusal(message, undefined, param)))
  })
})
