import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  type AnswerIdentity,
  assembleOpenAI,
  type Completion,
  type Delta,
  nothing,
  openai,
  openaiClient,
  openaiErrorBody,
  openaiErrorType,
  type Payload
} from "../../src/dialect/index.ts"
import {
  BizError,
  ChannelInvalidKey,
  ContextLengthExceeded,
  DeadlineExceeded,
  InternalError,
  InvalidRequest,
  PromptBlocked,
  Unauthorized
} from "../../src/errors/index.ts"

const identity: AnswerIdentity = {
  requestId: "req_1",
  streamId: "s1",
  createdAt: 1_700_000_000_999,
  includeUsage: false,
  debug: false
}

const completion: Completion = {
  finish: { reason: "stop", native: "stop", from: undefined },
  usage: { inputTokens: 3, outputTokens: 4, estimated: false },
  fullContent: "",
  tokenCount: 0,
  attempts: 1
}

const decode = (data: string) => openai.decoder({ body: "", dropped: [], names: undefined }).step("", data)

const replayed = (payloads: ReadonlyArray<Payload>) => openaiClient.encoder(identity).resume(payloads)
const isTerminal = (payload: Payload): boolean => replayed([payload]).ended
const partialOf = (payloads: ReadonlyArray<Payload>) => {
  const { text, tokenCount } = replayed(payloads)
  return { text, tokenCount }
}

const delta = (raw: unknown): Delta => {
  const signal = decode(JSON.stringify(raw))
  if (signal._tag !== "Delta") throw new Error(signal._tag)
  return signal
}

const said = (fields: unknown, more: object = {}) =>
  delta({
    id: "chatcmpl-theirs",
    object: "chat.completion.chunk",
    created: 1,
    model: "theirs",
    choices: [{ index: 0, delta: fields, logprobs: null, finish_reason: null }],
    ...more
  })

const parsed = (payloads: ReadonlyArray<Payload>): ReadonlyArray<unknown> =>
  payloads.map(({ data, event }) => {
    expect(event).toBe(undefined)
    expect(data).not.toMatch(/[\r\n]/)
    return data === "[DONE]" ? data : (JSON.parse(data) as unknown)
  })

const head = { id: "chatcmpl-s1", object: "chat.completion.chunk", created: 1_700_000_000, model: "m" }
const plain = (fields: object, finish: string | null = null) => ({
  ...head,
  choices: [{ index: 0, delta: fields, logprobs: null, finish_reason: finish }]
})

const begun = (more: Partial<AnswerIdentity> = {}) => {
  const encoder = openaiClient.encoder({ ...identity, ...more })
  expect(encoder.open("asked")).toEqual([])
  const role = encoder.begin("m", { usage: completion.usage, deltas: [] })
  return { encoder, role }
}

describe("openaiClient", () => {
  it("begins with the role, under one id, time and model", () => {
    expect(parsed(begun().role)).toEqual([plain({ role: "assistant", content: "" })])
  })

  it("passes chunks with their unknown fields, under its own id, time and model", () => {
    const { encoder } = begun()
    expect(parsed(encoder.delta(said({ content: "hi" })))).toEqual([plain({ content: "hi" })])
    const odd = said({ content: "hi", x: [1] }, { system_fingerprint: "fp", obfuscation: 'a"b', y: { z: null } })
    expect(parsed(encoder.delta(odd))).toEqual([
      { ...plain({ content: "hi", x: [1] }), system_fingerprint: "fp", obfuscation: 'a"b', y: { z: null } }
    ])
    const fingerprint = said({ content: "hi" }, { system_fingerprint: null, service_tier: "default" })
    expect(parsed(encoder.delta(fingerprint))).toEqual([
      { ...plain({ content: "hi" }), system_fingerprint: null, service_tier: "default" }
    ])
    const calls = [{ index: 0, id: "c", type: "function", function: { name: "f", arguments: "" } }]
    expect(parsed(encoder.delta(said({ tool_calls: calls })))).toEqual([plain({ tool_calls: calls })])
    const logprobs = delta({
      choices: [{ index: 0, delta: { content: "a" }, logprobs: { content: [] }, finish_reason: null }]
    })
    expect(parsed(encoder.delta(logprobs))).toEqual([
      { ...head, choices: [{ index: 0, delta: { content: "a" }, logprobs: { content: [] }, finish_reason: null }] }
    ])
    const end = delta({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })
    expect(parsed(encoder.delta(end))).toEqual([{ ...head, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }])
  })

  it("keeps every text to the letter", () => {
    const { encoder } = begun()
    for (const text of ['"', "\\", "\n\r\u2028", "\u0000", "😀", "\ud83d", "{}", "__proto__"]) {
      const payloads = [...encoder.delta(said({ content: text })), ...encoder.text(text)]
      expect(partialOf(payloads)).toEqual({ text: text + text, tokenCount: 2 })
    }
  })

  it("writes no usage unless it is asked for, and then null until the end", () => {
    const usage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
    const without = begun().encoder
    expect(parsed(without.delta(said({ content: "a" }, { usage })))).toEqual([plain({ content: "a" })])
    expect(parsed(without.delta(said({ content: "a" }, { usage: null })))).toEqual([plain({ content: "a" })])
    expect(without.delta(delta({ choices: [], usage }))).toEqual([])
    expect(parsed(without.complete(completion, true))).toEqual(["[DONE]"])

    const { encoder, role } = begun({ includeUsage: true })
    const nul = (chunk: object) => ({ ...chunk, usage: null })
    expect(parsed(role)).toEqual([nul(plain({ role: "assistant", content: "" }))])
    expect(parsed(encoder.delta(said({ content: "a" }, { usage })))).toEqual([nul(plain({ content: "a" }))])
    expect(parsed(encoder.delta(said({ content: "a" })))).toEqual([nul(plain({ content: "a" }))])
    expect(parsed(encoder.text("b"))).toEqual([nul(plain({ content: "b" }))])
    expect(encoder.delta(delta({ choices: [], usage }))).toEqual([])
    expect(parsed(encoder.complete(completion, true))).toEqual([{ ...head, choices: [], usage }, "[DONE]"])
  })

  it("writes the details of a usage only when its counts are the ones that count", () => {
    const usage = {
      prompt_tokens: 3,
      completion_tokens: 4,
      total_tokens: 7,
      prompt_tokens_details: { cached_tokens: 2 }
    }
    const { encoder } = begun({ includeUsage: true })
    const said = delta({ choices: [], usage }).usage!
    expect(parsed(encoder.complete({ ...completion, usage: said }, true))[0]).toEqual({ ...head, choices: [], usage })
    const other = begun({ includeUsage: true }).encoder
    expect(parsed(other.complete(completion, true))[0]).toEqual({
      ...head,
      choices: [],
      usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
    })
  })

  it("says nothing of roles, empty deltas, attempts and failovers", () => {
    const { encoder } = begun()
    for (const fields of [{ role: "assistant", content: "" }, { content: null }, {}, { content: "", tool_calls: [] }]) {
      expect(encoder.delta(said(fields))).toEqual([])
    }
    expect(encoder.text("")).toEqual([])
    expect(
      encoder.attempt({ attempt: 2, maxAttempts: 4, delayMillis: 0, reason: "do_request_failed", from: "a", to: "b" })
    ).toEqual([])
    expect(encoder.failover({ from: "a", to: "b", reason: "x", offset: 1, dropped: 0, seam: "exact" })).toEqual([])
    // But what it does not know is passed.
    expect(encoder.delta(delta({ choices: [], prompt_filter_results: [1] })).length).toBe(1)
    expect(encoder.delta(said({ x_unknown: 1 })).length).toBe(1)
  })

  it("gives each further choice its role", () => {
    const { encoder } = begun()
    const second = (fields: object) => delta({ choices: [{ index: 1, delta: fields, finish_reason: null }] })
    expect(parsed(encoder.delta(second({ content: "a" })))).toMatchObject([
      { choices: [{ index: 1, delta: { role: "assistant", content: "a" } }] }
    ])
    expect(parsed(encoder.delta(second({ content: "b" })))).toMatchObject([{ choices: [{ delta: { content: "b" } }] }])
    expect(encoder.delta(second({ content: "b" }))[0]?.data).not.toContain("role")
  })

  it("writes the finish unless it was shown", () => {
    expect(
      parsed(
        begun().encoder.complete(
          { ...completion, finish: { reason: "length", native: "max_tokens", from: undefined } },
          false
        )
      )
    ).toEqual([plain({}, "length"), "[DONE]"])
    const empty = openaiClient.encoder(identity)
    empty.open("m")
    expect(parsed(empty.complete(completion, false))).toEqual([
      plain({ role: "assistant", content: "" }),
      plain({}, "stop"),
      "[DONE]"
    ])
  })

  it("writes deltas that no upstream of this dialect said", () => {
    const { encoder } = begun()
    const foreign: Delta = {
      ...nothing,
      text: "a",
      reasoning: "b",
      finish: { reason: "stop", native: "end_turn", from: undefined }
    }
    expect(parsed(encoder.delta(foreign))).toEqual([
      plain({ reasoning_content: "b" }),
      plain({ content: "a" }),
      plain({}, "stop")
    ])
  })

  it("fails with an error frame, and no terminator", () => {
    const frames = begun().encoder.fail({
      error: new DeadlineExceeded({ message: "secret host" }),
      partial: "a",
      retryAfterMillis: 1
    })
    expect(parsed(frames)).toEqual([
      {
        error: {
          message: "The request ran out of time. (request id: req_1)",
          type: "timeout_error",
          param: null,
          code: "deadline_exceeded"
        }
      }
    ])
    expect(isTerminal(frames[0]!)).toBe(true)
  })

  it("knows its last event", () => {
    const { encoder, role } = begun()
    expect(isTerminal({ event: undefined, data: "[DONE]" })).toBe(true)
    for (const payload of [
      ...role,
      ...encoder.delta(said({ content: '{"error":{' }, { error: null })),
      ...encoder.complete(completion, false).slice(0, -1)
    ]) {
      expect(isTerminal(payload)).toBe(false)
    }
  })

  it("reads back the text that it showed", () => {
    const { encoder, role } = begun({ includeUsage: true })
    const payloads = [
      ...role,
      ...encoder.delta(said({ content: "Hel" })),
      ...encoder.delta(said({ reasoning_content: "hm" })),
      ...encoder.delta(said({ content: [{ type: "text", text: "l" }] })),
      ...encoder.text("o"),
      ...encoder.delta(delta({ choices: [{ index: 1, delta: { content: "other" } }] })),
      ...encoder.complete(completion, false)
    ]
    expect(partialOf(payloads)).toEqual({ text: "Hello", tokenCount: 3 })
    expect(partialOf([])).toEqual({ text: "", tokenCount: 0 })
  })
})

describe("any chunk", () => {
  const part = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constant(null),
    fc.constant(""),
    fc.jsonValue(),
    fc.array(fc.record({ type: fc.constantFrom("text", "x"), text: fc.string() }))
  )
  const field = fc.constantFrom("content", "role", "reasoning", "reasoning_content", "tool_calls", "refusal", "x")
  const chunks = fc.array(
    fc.record(
      {
        choices: fc.array(
          fc.record(
            {
              index: fc.constantFrom(0, 0, 0, 1),
              delta: fc.dictionary(field, part),
              logprobs: fc.constantFrom(null, { content: [] }),
              finish_reason: fc.constantFrom(null, null, "stop"),
              y: fc.jsonValue()
            },
            { requiredKeys: ["delta"] }
          ),
          { maxLength: 2 }
        ),
        usage: fc.constantFrom(null, { prompt_tokens: 1, completion_tokens: 2 }),
        error: fc.constant(null),
        system_fingerprint: fc.string()
      },
      { requiredKeys: ["choices"] }
    ),
    { maxLength: 8 }
  )

  it("shows the text that it is decoded to, streamed or whole, and never ends the stream", () => {
    fc.assert(
      fc.property(chunks, fc.boolean(), (list, includeUsage) => {
        const { encoder, role } = begun({ includeUsage })
        const payloads: Array<Payload> = [...role]
        let text = ""
        for (const chunk of list) {
          const signal = decode(JSON.stringify(chunk))
          if (signal._tag !== "Delta") continue
          text += signal.text
          payloads.push(...encoder.delta(signal))
        }
        expect(payloads.some((payload) => isTerminal(payload))).toBe(false)
        expect(partialOf(payloads).text).toBe(text)
        payloads.push(...encoder.complete(completion, false))
        expect(isTerminal(payloads.at(-1)!)).toBe(true)
        for (const { data } of payloads.slice(0, -1)) {
          expect(JSON.parse(data)).toMatchObject({ id: "chatcmpl-s1", created: 1_700_000_000, model: "m" })
        }
        const whole = JSON.parse(assembleOpenAI(payloads)) as {
          choices: ReadonlyArray<{
            message: { content: string | null | ReadonlyArray<{ type: string; text: string }> }
          }>
        }
        // A content with other parts than text keeps them.
        const content = whole.choices[0]?.message.content ?? ""
        const texts =
          typeof content === "string" ? [content] : content.map((one) => (one.type === "text" ? one.text : ""))
        expect(texts.join("")).toBe(text)
      }),
      { numRuns: 500 }
    )
  })
})

describe("openaiErrorBody", () => {
  it("of a caller's fault shows the upstream's words, redacted, its param and its code", () => {
    const error = new ContextLengthExceeded({
      message: "ours",
      upstream: {
        status: 400,
        code: "context_length_exceeded",
        param: "messages",
        message: "too long, key sk-proj-abcdefghijkl"
      }
    })
    expect(openaiErrorBody(error, "req_1")).toEqual({
      error: {
        message: "too long, key *** (request id: req_1)",
        type: "invalid_request_error",
        param: "messages",
        code: "context_length_exceeded",
        upstream_code: "context_length_exceeded"
      }
    })
    expect(
      openaiErrorBody(new PromptBlocked({ upstream: { code: "content_filter", message: "no" } }), "r")
    ).toMatchObject({
      error: { message: "no (request id: r)", code: "prompt_blocked", upstream_code: "content_filter" }
    })
  })

  it("of our own checks shows what is wrong, and where", () => {
    const error = new InvalidRequest({
      message: "model: is required",
      details: [{ field: "model", message: "is required", code: "required" }]
    })
    expect(openaiErrorBody(error, "r")).toEqual({
      error: {
        message: "model: is required (request id: r)",
        type: "invalid_request_error",
        param: "model",
        code: "invalid_request"
      }
    })
  })

  it("of anything else shows the catalogue's words, and nothing of the upstream", () => {
    for (const error of [
      new ChannelInvalidKey({ message: "secret", upstream: { code: "secret", message: "secret", param: "secret" } }),
      new InternalError({ message: "secret" })
    ]) {
      expect(JSON.stringify(openaiErrorBody(error, "r"))).not.toContain("secret")
    }
  })

  it("has a type by status", () => {
    const types = [400, 401, 403, 404, 408, 409, 413, 422, 429, 431, 500, 502, 503, 504].map(openaiErrorType)
    expect(types).toEqual([
      "invalid_request_error",
      "authentication_error",
      "permission_error",
      "not_found_error",
      "timeout_error",
      "invalid_request_error",
      "invalid_request_error",
      "invalid_request_error",
      "rate_limit_error",
      "invalid_request_error",
      "server_error",
      "server_error",
      "server_error",
      "timeout_error"
    ])
    expect(openaiErrorBody(new Unauthorized({}), "r").error.type).toBe("authentication_error")
    expect(openaiErrorBody(new BizError({ status: 7, message: "no" }), "r").error.message).toBe("no (request id: r)")
  })
})

describe("assembleOpenAI", () => {
  const assemble = (frames: ReadonlyArray<unknown>): unknown =>
    JSON.parse(
      assembleOpenAI(
        frames.map((frame) => ({ event: undefined, data: typeof frame === "string" ? frame : JSON.stringify(frame) }))
      )
    )

  it("puts an answer together as OpenAI would send it", () => {
    const { encoder, role } = begun({ includeUsage: true })
    const payloads = [
      ...role,
      ...encoder.delta(said({ content: "Hel" }, { system_fingerprint: "fp", service_tier: null })),
      ...encoder.delta(said({ content: "lo" }, { system_fingerprint: null, service_tier: "default" })),
      ...encoder.complete(completion, false)
    ]
    expect(JSON.parse(assembleOpenAI(payloads))).toEqual({
      id: "chatcmpl-s1",
      object: "chat.completion",
      created: 1_700_000_000,
      model: "m",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hello", refusal: null },
          logprobs: null,
          finish_reason: "stop"
        }
      ],
      usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
      system_fingerprint: "fp",
      service_tier: "default"
    })
  })

  const chunk = (fields: object, more: object = {}, index = 0) => ({
    ...head,
    choices: [{ index, delta: fields, finish_reason: null, ...more }]
  })

  it("merges tool calls by their index, with unknown fields", () => {
    const call = (fields: object) => chunk({ tool_calls: [fields] })
    expect(
      assemble([
        chunk({ role: "assistant", content: null }),
        call({ index: 0, id: "a", type: "function", function: { name: "f", arguments: "" }, x: { y: "1" } }),
        call({ index: 0, function: { arguments: '{"q"' }, x: { y: "2" } }),
        call({ index: 1, id: "b", type: "function", function: { name: "g", arguments: "{}" } }),
        call({ index: 0, id: "a", function: { name: "f", arguments: ":1}" } }),
        chunk({}, { finish_reason: "tool_calls" }),
        "[DONE]"
      ])
    ).toMatchObject({
      choices: [
        {
          message: {
            content: null,
            tool_calls: [
              { id: "a", type: "function", function: { name: "f", arguments: '{"q":1}' }, x: { y: "2" } },
              { id: "b", type: "function", function: { name: "g", arguments: "{}" } }
            ]
          },
          finish_reason: "tool_calls"
        }
      ]
    })
    const merged = assemble([call({ index: 0, id: "a", function: { name: "f", arguments: "{}" } })])
    expect(JSON.stringify(merged)).not.toContain('"index":0,"id"')
    expect(merged).toMatchObject({ choices: [{ message: { tool_calls: [{ type: "function" }] } }] })
  })

  it("tells tool calls apart by their id where they have no index", () => {
    expect(
      assemble([
        chunk({ tool_calls: [{ id: "a", function: { name: "f", arguments: "{}" } }] }),
        chunk({ tool_calls: [{ id: "b", function: { name: "g", arguments: "[]" } }] })
      ])
    ).toMatchObject({
      choices: [
        {
          message: {
            tool_calls: [
              { id: "a", function: { arguments: "{}" } },
              { id: "b", function: { arguments: "[]" } }
            ]
          }
        }
      ]
    })
  })

  it("joins reasoning, refusals, function calls, logprobs and annotations", () => {
    expect(
      assemble([
        chunk(
          { reasoning_content: "a", refusal: "n" },
          { logprobs: { content: [{ token: "x", logprob: -1, bytes: null }], refusal: null } }
        ),
        chunk(
          { reasoning_content: "b", refusal: "o", annotations: [{ type: "u" }] },
          { logprobs: { content: [{ token: "y", logprob: -2, bytes: [1] }] } }
        ),
        chunk({ function_call: { name: "f", arguments: "{" }, annotations: [{ type: "u" }] }),
        chunk({ function_call: { arguments: "}" } })
      ])
    ).toMatchObject({
      choices: [
        {
          message: {
            content: null,
            reasoning_content: "ab",
            refusal: "no",
            annotations: [{ type: "u" }, { type: "u" }],
            function_call: { name: "f", arguments: "{}" }
          },
          logprobs: {
            content: [
              { token: "x", logprob: -1, bytes: null },
              { token: "y", logprob: -2, bytes: [1] }
            ],
            refusal: null
          }
        }
      ]
    })
  })

  it("says a word once that comes with every chunk", () => {
    expect(
      assemble([
        chunk({ role: "assistant", reasoning: "We", channel: "analysis", x: { y: "a", z: [1] } }),
        chunk({ reasoning: " think", channel: "analysis", x: { y: "a" } }),
        chunk({ content: "a", channel: "", audio: { id: "i", data: "AA", transcript: "o", format: "wav" } }),
        chunk({ content: "b", channel: "final", audio: { id: "i", data: "BB", transcript: "n", format: "wav" } }),
        chunk({ content: "c", channel: null, reasoning_text: "h" }),
        chunk({ reasoning_text: "m" })
      ])
    ).toMatchObject({
      choices: [
        {
          message: {
            content: "abc",
            reasoning: "We think",
            reasoning_text: "hm",
            channel: "final",
            x: { y: "a", z: [1] },
            audio: { id: "i", data: "AABB", transcript: "on", format: "wav" }
          }
        }
      ]
    })
  })

  it("joins a text that nobody knows, unless each chunk says the same one", () => {
    expect(
      assemble([
        chunk({ content: "a", plan: "ha", mood: "fine", x: { note: "" } }),
        chunk({ content: "b", plan: "ha", mood: "fine", x: { note: "1" } }),
        chunk({ content: "c", plan: "", x: { note: "2" } }),
        chunk({ content: "d", plan: "!", mood: "fine", status: "busy" }),
        chunk({ content: "e", plan: "!", x: { note: "2" }, status: "idle" })
      ])
    ).toMatchObject({
      choices: [{ message: { content: "abcde", plan: "haha!!", mood: "fine", x: { note: "122" }, status: "idle" } }]
    })
  })

  it("keeps the last of what is an id, a kind, a reason or a time, whose ever it is", () => {
    const named = (n: number) => ({
      tool_use_id: `t${n}`,
      block_type: `b${n}`,
      x: { stop_reason: `r${n}`, created_at: `2026-11-2${n}` }
    })
    expect(assemble([chunk({ content: "a", ...named(1) }), chunk({ content: "b", ...named(2) })])).toMatchObject({
      choices: [{ message: { content: "ab", ...named(2) } }]
    })
  })

  it("joins a signature that comes in parts", () => {
    const signed = (google: string, relay: string) => ({
      extra_content: { google: { thought_signature: google }, relay: { signature: relay } }
    })
    expect(assemble([chunk(signed("a", "er1.x.c")), chunk(signed("b", "d"))])).toMatchObject({
      choices: [{ message: signed("ab", "er1.x.cd") }]
    })
  })

  it("lists what is told of the tokens of each chunk", () => {
    const likely = (token: string) => ({ logprobs: { content: [{ token, logprob: -1 }] } })
    expect(
      assemble([
        chunk({ content: "a" }, { ...likely("a"), token_ids: [1, 2] }),
        chunk({ content: "b" }, { ...likely("b"), token_ids: [3] }),
        chunk({}, { finish_reason: "stop", logprobs: null, token_ids: null })
      ])
    ).toMatchObject({
      choices: [{ logprobs: { content: [{ token: "a" }, { token: "b" }] }, token_ids: [1, 2, 3] }]
    })
  })

  it("keeps of what stands beside the deltas what was said last", () => {
    const filtered = (severity: string, more: object = {}) => ({
      content_filter_results: { hate: { filtered: false, severity }, ...more }
    })
    const citation = { license: "MIT", URL: "https://code.example/a" }
    const code = { protected_material_code: { detected: true, citation } }
    const places = [{ start: 0, text: "a" }]
    expect(
      assemble([
        chunk({ content: "a" }, { ...filtered("safe", code), places, stop_reason: null, message: { content: "a" } }),
        chunk({ content: "b" }, { ...filtered("low", code), places, text: "x", message: { content: "ab" } }),
        chunk({}, { finish_reason: "stop", content_filter_results: {}, places: [], text: "y", stop_reason: "eos" })
      ])
    ).toMatchObject({
      choices: [
        {
          message: { content: "ab" },
          ...filtered("low", code),
          places,
          text: "y",
          stop_reason: "eos",
          logprobs: null,
          finish_reason: "stop"
        }
      ]
    })
  })

  it("keeps several choices apart, in order", () => {
    expect(
      assemble([
        chunk({ content: "b" }, {}, 1),
        chunk({ content: "a" }),
        chunk({ content: "B" }, { finish_reason: "length" }, 1),
        chunk({ content: "A" }, { finish_reason: "stop" })
      ])
    ).toMatchObject({
      choices: [
        { index: 0, message: { content: "aA" }, finish_reason: "stop" },
        { index: 1, message: { content: "bB" }, finish_reason: "length" }
      ]
    })
  })

  it("is not moved by odd fields", () => {
    const odd = `{"id":"x","__proto__":{"a":1},"choices":[{"index":0,"delta":{"content":"a","__proto__":{"b":1}}}],"error":null}`
    expect(assemble([odd, "oops", "[]", "null", { choices: 7 }, { choices: [7] }])).toMatchObject({
      choices: [{ message: { content: "a" } }]
    })
  })

  it("is linear in a long answer", () => {
    const frames = Array.from({ length: 20_000 }, (_, i) =>
      chunk({ content: `word ${i} ` }, { logprobs: { content: [{ token: "x" }] } })
    )
    const start = performance.now()
    assemble(frames)
    expect(performance.now() - start).toBeLessThan(2000)
  })
})
