import { assert, describe, it } from "@effect/vitest"
import { refusedField, refusesStream } from "#src/dialect/index"
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
      "stream is unsupported here"
    ]) {
      assert.isTrue(refused({ message }), message)
      assert.isFalse(refused({ message }, "{}"), message)
    }
    assert.isTrue(refused({ param: "stream" }))
    for (const message of [
      "stream_options is not supported",
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      "the temperature is too high",
      "messages[0]: the user spoke of a stream"
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
