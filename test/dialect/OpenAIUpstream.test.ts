import { describe, expect, it } from "vitest"
import { Result } from "effect"
import {
  type AnswerRequest,
  clientDialects,
  type Delta,
  type EncodeRequest,
  estimateTokens,
  isContent,
  openai,
  seals,
  type UpstreamEvent
} from "../../src/dialect/index.ts"
import { codeOf } from "../../src/errors/index.ts"

const request = (
  body: { readonly [field: string]: unknown },
  dialect: AnswerRequest["dialect"] = "openai"
): AnswerRequest => {
  const asked =
    dialect === "chat" ? body : { model: "asked", messages: [{ role: "user", content: "hi" }], stream: true, ...body }
  return Result.getOrThrow(
    clientDialects[dialect].parse(
      { parameter: "", query: "", headers: {}, body: JSON.stringify(asked) },
      { maxMessage: 100, defaultModel: "asked" }
    )
  )
}

const encoded = (of: AnswerRequest, more: Partial<EncodeRequest> = {}): { readonly [field: string]: unknown } => {
  const { body } = Result.getOrThrow(
    openai.encode({
      request: of,
      model: "mapped",
      stream: true,
      continuation: undefined,
      params: {},
      refused: new Set(),
      drop: false,
      ...more
    })
  )
  return JSON.parse(body) as { readonly [field: string]: unknown }
}

describe("encode", () => {
  it("passes what an OpenAI client sent, on another model, as a stream with its usage", () => {
    expect(
      encoded(request({ temperature: 0, x_unknown: { a: [1] }, stream: false, stream_options: { x: 1 } }))
    ).toEqual({
      model: "mapped",
      messages: [{ role: "user", content: "hi" }],
      temperature: 0,
      x_unknown: { a: [1] },
      stream: true,
      stream_options: { x: 1, include_usage: true }
    })
  })

  it("asks for no stream where the channel cannot", () => {
    expect(encoded(request({ stream: true, stream_options: { include_usage: true } }), { stream: false })).toEqual({
      model: "mapped",
      messages: [{ role: "user", content: "hi" }]
    })
  })

  it("of a chat request, nothing but model and messages", () => {
    expect(encoded(request({ message: "hi", timeout: 5 }, "chat"))).toEqual({
      model: "mapped",
      messages: [{ role: "user", content: "hi" }],
      stream: true,
      stream_options: { include_usage: true }
    })
  })

  it("merges the channel's params deeply; null removes; stream stays what will be read", () => {
    const params = {
      temperature: null,
      extra: { b: 2, c: null, d: { e: null } },
      stream: false,
      stream_options: null,
      list: [3]
    }
    expect(encoded(request({ temperature: 1, extra: { a: 1, c: 1 }, list: [1, 2] }), { params })).toEqual({
      model: "mapped",
      messages: [{ role: "user", content: "hi" }],
      extra: { a: 1, b: 2, d: {} },
      list: [3],
      stream: true
    })
    const polluting = JSON.parse('{"__proto__": {"polluted": true}}') as { readonly [field: string]: unknown }
    encoded(request({}), { params: polluting })
    expect(({} as { polluted?: unknown }).polluted).toBe(undefined)
  })

  describe("a continuation", () => {
    const user = { role: "user", content: "hi" }
    const messages = (list: ReadonlyArray<unknown>, continuation: EncodeRequest["continuation"]): unknown =>
      encoded(request({ messages: list }), { continuation })["messages"]

    it("by prefill ends with the partial", () => {
      expect(messages([user], { mode: "prefill", partial: "Once " })).toEqual([
        user,
        { role: "assistant", content: "Once " }
      ])
    })

    it("by message asks to go on; {partial} is what was shown, whatever it holds", () => {
      expect(messages([user], { mode: "message", partial: "$& $1", prompt: "<{partial}|{partial}>" })).toEqual([
        user,
        { role: "assistant", content: "$& $1" },
        { role: "user", content: "<$& $1|$& $1>" }
      ])
    })

    it("is joined to the request's own last message from the assistant", () => {
      const begun = { role: "assistant", content: "Once ", name: "n" }
      const continuation = { mode: "prefill", partial: "upon" } as const
      expect(messages([user, begun], continuation)).toEqual([
        user,
        { role: "assistant", content: "Once upon", name: "n" }
      ])
      expect(messages([user, begun], { ...continuation, mode: "message", prompt: "go" })).toEqual([
        user,
        { role: "assistant", content: "Once upon", name: "n" },
        { role: "user", content: "go" }
      ])
      const text = { type: "text", text: "Once " }
      expect(messages([user, { role: "assistant", content: [text] }], continuation)).toEqual([
        user,
        { role: "assistant", content: [{ type: "text", text: "Once upon" }] }
      ])
      expect(
        messages([user, { role: "assistant", content: [text, { type: "refusal", refusal: "x" }] }], continuation)
      ).toEqual([
        user,
        { role: "assistant", content: [text, { type: "refusal", refusal: "x" }, { type: "text", text: "upon" }] }
      ])
      expect(messages([user, { role: "assistant", content: null }], continuation)).toEqual([
        user,
        { role: "assistant", content: "upon" }
      ])
    })

    it("of nothing is the request itself", () => {
      for (const mode of ["prefill", "message"] as const) {
        expect(messages([user], { mode, partial: "", prompt: "go on" })).toEqual([user])
      }
    })

    it("may spend what the partial left, and at least one token", () => {
      const left = (limit: number, partial: string) =>
        encoded(request({ max_tokens: limit, max_completion_tokens: limit }), {
          continuation: { mode: "prefill", partial }
        })
      expect(left(100, "a".repeat(40))).toMatchObject({ max_tokens: 90, max_completion_tokens: 90 })
      expect(left(100, "語".repeat(30))).toMatchObject({ max_tokens: 70 })
      expect(left(5, "a".repeat(400))).toMatchObject({ max_tokens: 1, max_completion_tokens: 1 })
      expect(
        encoded(request({}), {
          params: { max_tokens: 50 },
          continuation: { mode: "prefill", partial: "a".repeat(40) }
        })
      ).toMatchObject({ max_tokens: 40 })
      expect(encoded(request({ max_tokens: 100 }))).toMatchObject({ max_tokens: 100 })
    })

    it("does not change the request", () => {
      const own = request({
        messages: [user, { role: "assistant", content: [{ type: "text", text: "x" }] }],
        max_tokens: 9
      })
      const before = JSON.stringify(own)
      encoded(own, { continuation: { mode: "message", partial: "abc", prompt: "go" }, params: { max_tokens: 3 } })
      expect(JSON.stringify(own)).toBe(before)
    })
  })

  it("estimates tokens", () => {
    expect([estimateTokens(""), estimateTokens("a"), estimateTokens("abcd"), estimateTokens("abcde")]).toEqual([
      0, 1, 1, 2
    ])
    expect([estimateTokens("日本"), estimateTokens("😀"), estimateTokens("é")]).toEqual([2, 1, 1])
  })

  it("carries the key as a bearer", () => {
    const asked = request({})
    expect(openai.headers("k", asked)).toEqual({ authorization: "Bearer k" })
    expect(openai.headers(undefined, asked)).toEqual({})
    expect(openai.endpoint({ baseUrl: "http://a/v1", model: "m", stream: true, request: asked })).toBe(
      "http://a/v1/chat/completions"
    )
  })
})

const asked = { body: "", dropped: [], names: undefined }

const decode = (data: unknown, event = ""): UpstreamEvent =>
  openai.decoder(asked).step(event, typeof data === "string" ? data : JSON.stringify(data))

/** What is looked at of a step. */
interface Fields {
  readonly text?: string
  readonly reasoning?: string
  readonly sealed?: boolean
  readonly content?: boolean
  readonly finish?: string
  readonly usage?: { readonly inputTokens: number; readonly outputTokens: number; readonly estimated: boolean }
}

const fields = (signal: UpstreamEvent) => {
  if (signal._tag !== "Delta") return signal._tag
  const { text, reasoning, finish, usage } = signal
  return {
    text,
    reasoning,
    sealed: seals(signal),
    content: isContent(signal),
    finish: finish?.native,
    usage: usage && {
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      estimated: usage.estimated
    }
  }
}

const nothing = { text: "", reasoning: "", sealed: false, content: false, finish: undefined, usage: undefined }

const choice = (delta: unknown, more: object = {}) => ({ choices: [{ index: 0, delta, finish_reason: null, ...more }] })

describe("decoder", () => {
  const rows: ReadonlyArray<readonly [name: string, data: unknown, expected: Fields]> = [
    ["text", choice({ content: "hi" }), { text: "hi", content: true }],
    ["the role", choice({ role: "assistant", content: "" }), {}],
    ["null content", choice({ content: null }), {}],
    ["an empty delta", choice({}), {}],
    ["no delta", { choices: [{ index: 0, finish_reason: "stop" }] }, { finish: "stop" }],
    ["a null delta", choice(null), {}],
    ["no index", { choices: [{ delta: { content: "a" } }] }, { text: "a", content: true }],
    [
      "parts",
      choice({ content: [{ type: "text", text: "a" }, { type: "thinking" }, { type: "text", text: "b" }] }),
      { text: "ab", content: true }
    ],
    ["reasoning_content", choice({ reasoning_content: "hm" }), { reasoning: "hm", content: true }],
    ["reasoning", choice({ reasoning: "hm" }), { reasoning: "hm", content: true }],
    ["both", choice({ content: "", reasoning_content: "", reasoning: "hm" }), { reasoning: "hm", content: true }],
    ["signed reasoning", choice({ reasoning_details: [{ type: "reasoning.text", text: "", signature: "s" }] }), {}],
    [
      "encrypted reasoning",
      choice({ reasoning_details: [{ type: "reasoning.encrypted", data: "x" }] }),
      { content: true }
    ],
    [
      "unsigned reasoning",
      choice({ reasoning: "a", reasoning_details: [{ type: "reasoning.text", signature: null }] }),
      { reasoning: "a", content: true }
    ],
    [
      "a tool call",
      choice({ tool_calls: [{ index: 0, id: "c", function: { name: "f", arguments: "" } }] }),
      { sealed: true, content: true }
    ],
    ["no tool call", choice({ content: "a", tool_calls: [] }), { text: "a", content: true }],
    ["a function call", choice({ function_call: { name: "f" } }), { sealed: true, content: true }],
    ["no function call", choice({ function_call: null, tool_calls: null, refusal: null, audio: null }), {}],
    ["a refusal", choice({ refusal: "no" }), { sealed: true, content: true }],
    ["audio", choice({ audio: { id: "a" } }), { sealed: true, content: true }],
    ["another choice", { choices: [{ index: 1, delta: { content: "b" } }] }, { sealed: true, content: true }],
    [
      "two choices",
      {
        choices: [
          { index: 0, delta: { content: "a" } },
          { index: 1, delta: { content: "b" } }
        ]
      },
      { text: "a", sealed: true, content: true }
    ],
    ["a finish", choice({}, { finish_reason: "length" }), { finish: "length" }],
    [
      "text and finish",
      choice({ content: "a" }, { finish_reason: "stop" }),
      { text: "a", content: true, finish: "stop" }
    ],
    ["an empty finish", choice({ content: "a" }, { finish_reason: "" }), { text: "a", content: true }],
    [
      "usage",
      { choices: [], usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 } },
      { usage: { inputTokens: 3, outputTokens: 4, estimated: false } }
    ],
    [
      "half a usage",
      { choices: [], usage: { completion_tokens: 4 } },
      { usage: { inputTokens: 0, outputTokens: 4, estimated: true } }
    ],
    ["no usage", { ...choice({ content: "a" }), usage: null }, { text: "a", content: true }],
    ["a usage of nonsense", { choices: [], usage: { prompt_tokens: "3", completion_tokens: -1 } }, {}],
    [
      "usage without choices",
      { usage: { prompt_tokens: 1, completion_tokens: 1 } },
      { usage: { inputTokens: 1, outputTokens: 1, estimated: false } }
    ],
    ["Azure's first frame", { choices: [], prompt_filter_results: [] }, {}],
    ["a null error", { ...choice({ content: "a" }), error: null }, { text: "a", content: true }],
    ["a ping", { type: "ping" }, {}],
    ["a blank", "  ", {}]
  ]
  for (const [name, data, expected] of rows) {
    it(name, () => {
      expect(fields(decode(data))).toEqual({ ...nothing, ...expected })
    })
  }

  it("the terminator", () => {
    expect(decode("[DONE]")._tag).toBe("Done")
    expect(decode(" [DONE] ")._tag).toBe("Done")
    expect(decode("[DONE]", "done")._tag).toBe("Done")
  })

  it("keeps the event whole", () => {
    const data = { id: "x", x_unknown: { a: 1 }, ...choice({ content: "a", x_more: true }) }
    expect(decode(data)).toMatchObject({ raw: data })
  })

  it("events of the vendor's own are no content", () => {
    expect(fields(decode({ any: 1 }, "ping"))).toEqual(nothing)
    expect(fields(decode(choice({ content: "a" }), "message"))).toMatchObject({ text: "a" })
    expect(fields(decode(choice({ content: "a" }), "chunk"))).toMatchObject({ text: "a" })
  })

  const faults: ReadonlyArray<readonly [name: string, data: unknown, event: string, code: string]> = [
    ["no JSON", "{oops", "", "bad_response_body"],
    ["half a frame", '{"choices":[{"index":0,"delta":{"cont', "", "bad_response_body"],
    ["a number", "7", "", "bad_response_body"],
    ["a list", "[]", "", "bad_response_body"],
    ["null", "null", "", "bad_response_body"],
    ["a text", '"x"', "", "bad_response_body"],
    ["no choices", "{}", "", "bad_response_body"],
    ["choices that are none", { choices: {} }, "", "bad_response_body"],
    ["a choice that is none", { choices: [7] }, "", "bad_response_body"],
    ["a delta that is none", choice("x"), "", "bad_response_body"],
    ["an index that is none", { choices: [{ index: "a", delta: {} }] }, "", "bad_response_body"],
    ["an error", { error: { message: "x", code: "rate_limit_exceeded" } }, "", "channel:rate_limited"],
    [
      "an error beside choices",
      { ...choice({ content: "" }, { finish_reason: "error" }), error: { code: 503, message: "x" } },
      "",
      "upstream_overloaded"
    ],
    ["a finish of error", choice({}, { finish_reason: "error" }), "", "bad_response_status_code"],
    [
      "a finish of error with its error",
      choice({}, { finish_reason: "error", error: { code: 429 } }),
      "",
      "channel:rate_limited"
    ],
    ["an error event", { error: { message: "x", type: "server_error" } }, "error", "bad_response_status_code"],
    ["a flat error event", { message: "x", code: "context_length_exceeded" }, "error", "context_length_exceeded"],
    ["a text in an error event", "upstream exploded", "error", "bad_response_status_code"],
    ["an empty error event", "", "error", "bad_response_status_code"]
  ]
  for (const [name, data, event, code] of faults) {
    it(`${name} is ${code}`, () => {
      const signal = decode(data, event)
      expect(signal._tag === "Fault" ? codeOf(signal.error) : signal).toBe(code)
    })
  }
})

describe("decodeWhole", () => {
  const whole = (
    body: unknown,
    type: string | undefined = "application/json",
    status = 200
  ): ReadonlyArray<UpstreamEvent> =>
    openai.decodeWhole(
      {
        status,
        headers: type === undefined ? {} : { "content-type": type },
        body: typeof body === "string" ? body : JSON.stringify(body),
        now: 0
      },
      asked
    )
  const completion = (message: object, finish: string | null = "stop") => ({
    id: "c",
    object: "chat.completion",
    created: 1,
    model: "m",
    system_fingerprint: "fp",
    choices: [{ index: 0, message: { role: "assistant", ...message }, logprobs: null, finish_reason: finish }],
    usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
  })

  it("is what its stream would have been", () => {
    expect(whole(completion({ content: "hi" })).map(fields)).toEqual([
      { ...nothing, text: "hi", content: true },
      { ...nothing, finish: "stop" },
      { ...nothing, usage: { inputTokens: 1, outputTokens: 2, estimated: false } },
      "Done"
    ])
    const [first] = whole(completion({ content: "hi", x: 1 }))
    expect(first).toMatchObject({
      raw: {
        id: "c",
        object: "chat.completion.chunk",
        system_fingerprint: "fp",
        choices: [{ index: 0, delta: { role: "assistant", content: "hi", x: 1 }, finish_reason: null }]
      }
    })
    expect((first as Delta).raw).not.toHaveProperty("usage")
  })

  it("with tool calls, that get their places", () => {
    const calls = [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }]
    const [first, second] = whole(completion({ content: null, tool_calls: calls }, "tool_calls"))
    expect(fields(first!)).toMatchObject({ sealed: true, content: true })
    expect(first).toMatchObject({
      raw: { choices: [{ delta: { tool_calls: [{ index: 0, id: "a" }] } }] }
    })
    expect(second).toMatchObject({ finish: { reason: "tool-calls", native: "tool_calls", from: "openai" } })
  })

  it("with several choices, each with its finish", () => {
    const one = completion({ content: "a" })
    const signals = whole({ ...one, choices: [one.choices[0], { ...one.choices[0], index: 1 }] })
    expect(signals.filter((signal) => signal._tag === "Delta" && signal.finish !== undefined).length).toBe(2)
  })

  it("without content is left to its reader", () => {
    expect(whole(completion({ content: null }, "content_filter")).map(fields)).toMatchObject([
      { content: false },
      { finish: "content_filter" },
      {},
      "Done"
    ])
  })

  const faults: ReadonlyArray<readonly [name: string, signals: ReadonlyArray<UpstreamEvent>, code: string]> = [
    ["nothing", whole(""), "empty_response"],
    ["blanks", whole(" \n"), "empty_response"],
    ["no choices in the list", whole({ choices: [] }), "empty_response"],
    ["a page", whole("<html>", "text/html"), "bad_response"],
    ["a stream", whole("data: {}\n\n", "text/event-stream"), "bad_response"],
    ["no JSON", whole("{oops"), "bad_response_body"],
    ["a list", whole([]), "bad_response_body"],
    ["no choices", whole({}), "bad_response_body"],
    ["a choice without a message", whole({ choices: [{ index: 0, delta: { content: "x" } }] }), "bad_response_body"],
    ["an error", whole({ error: { code: "insufficient_quota", message: "x" } }), "channel:quota_exhausted"],
    ["an error as a page", whole({ error: { code: 429, message: "x" } }, "text/html"), "channel:rate_limited"],
    ["a failed answer", whole({ error: { message: "x" } }, "application/json", 503), "upstream_overloaded"]
  ]
  for (const [name, signals, code] of faults) {
    it(`${name} is ${code}`, () => {
      expect(signals.map((signal) => (signal._tag === "Fault" ? codeOf(signal.error) : signal))).toEqual([code])
    })
  }

  it("R8: whatever its label says, or none", () => {
    for (const type of ["application/json; charset=utf-8", "APPLICATION/JSON", "text/html", "text/plain", undefined]) {
      expect(whole(completion({ content: "hi" }), type).at(-1)?._tag).toBe("Done")
    }
  })
})
