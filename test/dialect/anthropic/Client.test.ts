import { describe, expect, it } from "vitest"
import {
  type AnswerEncoder,
  anthropic,
  anthropicClient,
  type Completion,
  type Delta,
  type Finish,
  nothing,
  openai,
  type Payload,
  type Piece,
  type Usage
} from "#src/dialect/index"
import { InvalidRequest, PromptBlocked, UpstreamOverloaded } from "effect-resilience/errors"
import { decoders, readAnthropicMessage } from "../../support/decoders.ts"
import { decoded, identity, plainly, play, playEvents, wholeOf } from "./kit.ts"

type Json = { readonly [field: string]: unknown }

const usage: Usage = { inputTokens: 30, outputTokens: 4, cacheReadTokens: 10, cacheWriteTokens: 5, estimated: false }
const counts = {
  input_tokens: 15,
  cache_creation_input_tokens: 5,
  cache_read_input_tokens: 10,
  output_tokens: 4
}
const stop: Finish = { reason: "stop", native: "stop", from: "openai" }
const completion = (more: Partial<Completion> = {}): Completion => ({
  finish: stop,
  usage,
  fullContent: "",
  tokenCount: 0,
  attempts: 1,
  ...more
})

const parsed = (payloads: ReadonlyArray<Payload>): ReadonlyArray<Json> =>
  payloads.map(({ data, event }) => {
    expect(data).not.toMatch(/[\r\n]/)
    const raw = JSON.parse(data) as Json
    expect(raw["type"]).toBe(event)
    return raw
  })

const says = (...pieces: ReadonlyArray<Piece>): Delta => ({ ...nothing, pieces })
const text = (said: string): Delta => ({ ...nothing, text: said })
/** A step of an OpenAI upstream's. */
const thought = (reasoning: string): Delta => ({ ...nothing, reasoning, from: "openai", raw: {} })

const begun = (): AnswerEncoder => {
  const encoder = anthropicClient.encoder(identity)
  expect(encoder.open("named")).toEqual([])
  encoder.begin("asked", { usage, deltas: [] })
  return encoder
}

const start = (index: number, content_block: object, more: object = {}) => ({
  type: "content_block_start",
  index,
  content_block,
  ...more
})
const delta = (index: number, of: object) => ({ type: "content_block_delta", index, delta: of })
const end = (index: number) => ({ type: "content_block_stop", index })
const textBlock = { type: "text", text: "" }

const through = (encoder: AnswerEncoder, ...deltas: ReadonlyArray<Delta>) =>
  parsed(deltas.flatMap((one) => encoder.delta(one)))

describe("another upstream's answer in Anthropic's words", () => {
  it("begins with a message: our id, the model that was asked, and the input that is not from a cache", () => {
    const encoder = anthropicClient.encoder(identity)
    expect(parsed(encoder.begin("asked", { usage, deltas: [] }))).toEqual([
      {
        type: "message_start",
        message: {
          id: `msg_${identity.streamId}`,
          type: "message",
          role: "assistant",
          model: "asked",
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: counts
        }
      }
    ])
  })

  it("has text in one block, which ends with the message", () => {
    const encoder = begun()
    expect(through(encoder, text("Hel"), text('lo"\n'))).toEqual([
      start(0, textBlock),
      delta(0, { type: "text_delta", text: "Hel" }),
      delta(0, { type: "text_delta", text: 'lo"\n' })
    ])
    expect(parsed(encoder.complete(completion(), false))).toEqual([
      end(0),
      { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: counts },
      { type: "message_stop" }
    ])
  })

  it("has one block for text that a seam joins, from whichever upstream it comes", () => {
    const encoder = begun()
    encoder.delta(text("one "))
    expect(encoder.failover({ from: "a", to: "b", reason: "x", offset: 4, dropped: 0, seam: "exact" })).toEqual([])
    expect(parsed(encoder.text("two"))).toEqual([delta(0, { type: "text_delta", text: "two" })])
    const theirs = decoded(
      [
        // The beginning of its block came while the answer was being joined.
        { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: " three" } },
        { type: "content_block_stop", index: 1 },
        { type: "content_block_start", index: 2, content_block: { type: "tool_use", id: "t", name: "get", input: {} } },
        { type: "content_block_stop", index: 2 }
      ]
        .map((raw) => `event: ${raw.type}\ndata: ${JSON.stringify(raw)}\n\n`)
        .join("")
    ) as ReadonlyArray<Delta>
    expect(through(encoder, ...theirs)).toEqual([
      delta(0, { type: "text_delta", text: " three" }),
      end(0),
      start(1, { type: "tool_use", id: "t", name: "get", input: {} }),
      end(1)
    ])
    expect(encoder.text("")).toEqual([])
  })

  it("has text that goes on although the block of an upstream that is gone had ended", () => {
    const { text: first } = play(
      `event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1}}}\n\n` +
        `event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n` +
        `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}\n\n` +
        `event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n`,
      anthropicClient
    )
    const encoder = anthropicClient.encoder(identity)
    const payloads = decoders["node"]!(first).filter(({ event }) => event !== "error")
    encoder.resume(payloads)
    expect(parsed(encoder.text("b"))).toEqual([delta(0, { type: "text_delta", text: "b" })])
  })

  it("has thoughts in a block that says whose they are, and what was signed with its signer", () => {
    const encoder = begun()
    const signature = (value: string): Piece => ({ _tag: "Signature", by: "openai", value, of: "reasoning" })
    expect(
      through(encoder, thought("Let"), thought(" me see"), says(signature("ab")), says(signature("cd")), text("So"))
    ).toEqual([
      start(0, { type: "thinking", thinking: "", signature: "er1.openai." }),
      delta(0, { type: "thinking_delta", thinking: "Let" }),
      delta(0, { type: "thinking_delta", thinking: " me see" }),
      delta(0, { type: "signature_delta", signature: "er1.openai.ab" }),
      // A client keeps the last one.
      delta(0, { type: "signature_delta", signature: "er1.openai.abcd" }),
      end(0),
      start(1, textBlock),
      delta(1, { type: "text_delta", text: "So" })
    ])
    expect(through(encoder, thought("Hm"))).toEqual([
      end(1),
      start(2, { type: "thinking", thinking: "", signature: "er1.openai." }),
      delta(2, { type: "thinking_delta", thinking: "Hm" })
    ])
    expect(through(encoder, says({ _tag: "SealedReasoning", by: "openai", value: "xyz" }))).toEqual([
      // `ai` forgets a thought that no event of its own signs.
      delta(2, { type: "signature_delta", signature: "er1.openai." }),
      end(2),
      start(3, { type: "redacted_thinking", data: "er1.openai.xyz" })
    ])
  })

  it("marks thoughts of Anthropic's that were cut before they were signed", () => {
    const encoder = begun()
    const cut = decoded(
      `event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}\n\n` +
        `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}\n\n`
    ) as ReadonlyArray<Delta>
    expect(through(encoder, ...cut).length).toBe(2)
    encoder.failover({ from: "a", to: "b", reason: "x", offset: 0, dropped: 0, seam: "exact" })
    expect(parsed(encoder.text("So"))).toEqual([
      delta(0, { type: "signature_delta", signature: "er1.anthropic." }),
      end(0),
      start(1, textBlock),
      delta(1, { type: "text_delta", text: "So" })
    ])
  })

  it("has calls, one block each, with their input as it comes", () => {
    const encoder = begun()
    const call = (index: number, id: string): Piece => ({ _tag: "ToolCall", index, id, name: "get" })
    const input = (index: number, said: string): Piece => ({ _tag: "ToolInput", index, text: said })
    const signed: Piece = { _tag: "Signature", by: "openai", value: "sig", of: { call: 0 } }
    expect(
      through(
        encoder,
        text("Look:"),
        says(call(0, "c1"), input(0, '{"a"')),
        // Some vendors say the call's name and id again with every part.
        says(call(0, "c1"), input(0, ":1}"), signed),
        says(call(1, "c2")),
        says(input(1, "{}"))
      )
    ).toEqual([
      start(0, textBlock),
      delta(0, { type: "text_delta", text: "Look:" }),
      end(0),
      start(1, { type: "tool_use", id: "c1", name: "get", input: {} }),
      delta(1, { type: "input_json_delta", partial_json: '{"a"' }),
      delta(1, { type: "input_json_delta", partial_json: ":1}" }),
      end(1),
      // A call has no room for a signature: it stands behind it.
      start(2, { type: "thinking", thinking: "", signature: "" }),
      delta(2, { type: "signature_delta", signature: "er1.openai.sig" }),
      end(2),
      start(3, { type: "tool_use", id: "c2", name: "get", input: {} }),
      delta(3, { type: "input_json_delta", partial_json: "{}" })
    ])
    // A call's signature that comes too late for its place is not given to another one.
    expect(through(encoder, says({ ...signed, of: { call: 0 } }))).toEqual([])
    // Not every vendor says that it ended for a call.
    expect(parsed(encoder.complete(completion(), false))).toMatchObject([
      end(3),
      { delta: { stop_reason: "tool_use" } },
      { type: "message_stop" }
    ])
  })

  it("gives a call without an id one of its own, always the same", () => {
    const ids = [0, 1].map(() => {
      const encoder = begun()
      const written = through(
        encoder,
        says({ _tag: "ToolCall", index: 0, id: "", name: "a" }),
        says({ _tag: "ToolCall", index: 1, id: "", name: "b" })
      )
      return written.flatMap(({ content_block: block }) => (block === undefined ? [] : [(block as Json)["id"]]))
    })
    expect(ids[0]).toEqual(ids[1])
    expect(new Set(ids[0]).size).toBe(2)
    for (const id of ids[0]!) expect(id).toMatch(/^call_[a-zA-Z0-9]{24}$/)
  })

  it("has a refusal as text, and stops for it", () => {
    const encoder = begun()
    expect(through(encoder, says({ _tag: "Refusal", text: "I " }), says({ _tag: "Refusal", text: "can't." }))).toEqual([
      start(0, textBlock, { refusal: true }),
      delta(0, { type: "text_delta", text: "I " }),
      delta(0, { type: "text_delta", text: "can't." })
    ])
    expect(parsed(encoder.complete(completion(), true))).toMatchObject([
      end(0),
      { delta: { stop_reason: "refusal" } },
      {}
    ])
  })

  it.each([
    ["stop", "end_turn"],
    ["length", "max_tokens"],
    ["tool-calls", "tool_use"],
    ["content-filter", "refusal"],
    ["pause", "pause_turn"],
    ["other", "end_turn"],
    ["error", "end_turn"],
    ["unknown", "end_turn"]
  ] as const)("that ended for %s stops for %s", (reason, said) => {
    const encoder = begun()
    encoder.delta(text("a"))
    const finish: Finish = { reason, native: "x", from: "openai" }
    expect(parsed(encoder.complete(completion({ finish }), false))[1]).toMatchObject({ delta: { stop_reason: said } })
    const own: Finish = { reason, native: "x_native", from: "anthropic" }
    const other = begun()
    expect(parsed(other.complete(completion({ finish: own }), false))[0]).toMatchObject({
      delta: { stop_reason: "x_native" }
    })
  })

  it("says nothing of what there are no words for, nor of attempts", () => {
    const encoder = begun()
    expect(
      through(
        encoder,
        nothing,
        says({ _tag: "Media", mediaType: "image/png", base64: "AAAA" }),
        says({ _tag: "OtherChoice", index: 1, content: true }),
        says({ _tag: "Native", what: "audio" })
      )
    ).toEqual([])
    expect(encoder.attempt({ attempt: 2, maxAttempts: 4, delayMillis: 0, reason: "x", from: "a", to: "b" })).toEqual([])
  })

  it("is read by Anthropic's SDK, streamed and whole alike", () => {
    const chunk = (fields: object, finish: string | null = null) =>
      `data: ${JSON.stringify({ id: "x", model: "m", choices: [{ index: 0, delta: fields, finish_reason: finish }] })}\n\n`
    const stream =
      chunk({ role: "assistant", content: "" }) +
      chunk({ reasoning_content: "Hm." }) +
      chunk({ content: "Let me " }) +
      chunk({ content: "look." }) +
      chunk({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "get", arguments: "" } }] }) +
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"x":' } }] }) +
      chunk({ tool_calls: [{ index: 0, function: { arguments: "1}" } }] }) +
      chunk({}, "tool_calls") +
      `data: {"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":9,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":8}}}\n\n` +
      "data: [DONE]\n\n"
    const { text: written, verdict } = play(stream, anthropicClient, openai)
    expect(verdict).toBe("Complete")
    const read = readAnthropicMessage(written)
    if (read._tag === "Thrown") throw new Error(JSON.stringify(read))
    expect(read.message).toEqual({
      id: `msg_${identity.streamId}`,
      type: "message",
      role: "assistant",
      model: "asked-model",
      content: [
        { type: "thinking", thinking: "Hm.", signature: "er1.openai." },
        { type: "text", text: "Let me look." },
        { type: "tool_use", id: "call_1", name: "get", input: { x: 1 } }
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
      usage: { input_tokens: 12, cache_read_input_tokens: 8, output_tokens: 9 }
    })
    expect(wholeOf(anthropicClient, written)).toEqual(read.message)
  })

  it("has an input of nothing in its whole message where a call's is not JSON", () => {
    const { text: written } = playEvents(
      [
        says({ _tag: "ToolCall", index: 0, id: "c", name: "get" }, { _tag: "ToolInput", index: 0, text: "{nope" }),
        { _tag: "Done" }
      ],
      anthropicClient
    )
    expect(written).toContain('"partial_json":"{nope"')
    expect(wholeOf(anthropicClient, written)).toMatchObject({ content: [{ input: {} }] })
  })
})

describe("an Anthropic upstream's answer", () => {
  const events = (...raws: ReadonlyArray<{ readonly type: string } & Json>): ReadonlyArray<Delta> => {
    const decoder = anthropic.decoder(plainly)
    return raws.flatMap((raw) => {
      const event = decoder.step(raw.type, JSON.stringify(raw))
      return event._tag === "Delta" ? [event] : []
    })
  }

  it("tells what all attempts cost, where there were more than one", () => {
    const encoder = anthropicClient.encoder(identity)
    const [opening] = events({
      type: "message_start",
      message: { id: "msg_theirs", model: "theirs", usage: { input_tokens: 30, output_tokens: 1 } }
    })
    encoder.begin("asked", { usage, deltas: [opening!] })
    encoder.delta(text("a"))
    encoder.failover({ from: "a", to: "b", reason: "x", offset: 1, dropped: 0, seam: "exact" })
    encoder.text("b")
    const [finish] = events({
      type: "message_delta",
      delta: { stop_reason: "stop_sequence", stop_sequence: "END" },
      usage: { output_tokens: 9 }
    })
    expect(parsed(encoder.delta(finish!))).toEqual([
      end(0),
      {
        type: "message_delta",
        delta: { stop_reason: "stop_sequence", stop_sequence: "END" },
        usage: { output_tokens: 9 }
      }
    ])
    const summed: Usage = { inputTokens: 30, outputTokens: 12, estimated: true }
    expect(parsed(encoder.complete(completion({ usage: summed }), true))).toEqual([
      {
        type: "message_delta",
        delta: { stop_reason: "stop_sequence", stop_sequence: "END" },
        usage: { input_tokens: 30, output_tokens: 12 }
      },
      { type: "message_stop" }
    ])
  })

  it("has a second message's beginning passed over: it is one message", () => {
    const encoder = begun()
    expect(through(encoder, ...events({ type: "message_start", message: { usage: { input_tokens: 1 } } }))).toEqual([])
  })

  it("keeps the numbers of blocks apart that are open at once", () => {
    const encoder = begun()
    encoder.delta(text("before"))
    const tool = (index: number) =>
      ({ type: "content_block_start", index, content_block: { type: "tool_use", id: `t${index}`, name: "n" } }) as const
    const input = (index: number) =>
      ({ type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json: `${index}` } }) as const
    const written = through(
      encoder,
      ...events(tool(0), tool(1), input(0), input(1), { type: "content_block_stop", index: 0 }, input(1), {
        type: "content_block_stop",
        index: 1
      })
    )
    expect(written.map(({ index, type }) => [type, index])).toEqual([
      ["content_block_stop", 0],
      ["content_block_start", 1],
      ["content_block_start", 2],
      ["content_block_delta", 1],
      ["content_block_delta", 2],
      ["content_block_stop", 1],
      ["content_block_delta", 2],
      ["content_block_stop", 2]
    ])
  })
})

describe("how an Anthropic client is written to", () => {
  it("gives each event its name, and its id first", () => {
    const [payload] = begun().text("a")
    expect(anthropicClient.frames("s")(payload!, 3)).toBe(
      'id: s.3\nevent: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
    )
  })

  it("pings, with an event that every decoder passes over", () => {
    expect(anthropicClient.heartbeat).toBe('event: ping\ndata: {"type": "ping"}\n\n')
    for (const decoder of [decoders["node"]!, decoders["python"]!, decoders["standard"]!]) {
      expect(decoder(anthropicClient.heartbeat)).toEqual([{ event: "ping", data: '{"type": "ping"}' }])
    }
  })

  it("ends a failed answer with an error event, and nothing that looks whole", () => {
    const encoder = begun()
    encoder.delta(text("a"))
    const error = new UpstreamOverloaded({ retryAfterMillis: 1000 })
    expect(parsed(encoder.fail({ error, partial: "a", retryAfterMillis: 1000 }))).toEqual([
      {
        type: "error",
        error: {
          type: "overloaded_error",
          message: "The upstream is overloaded. (request id: req_1)",
          details: { error_code: "upstream_overloaded" }
        },
        request_id: "req_1"
      }
    ])
  })

  it("is told of models as Anthropic tells", () => {
    const about = { createdAt: 0, owner: "relay" }
    const model = { type: "model", id: "a", display_name: "a", created_at: "1970-01-01T00:00:00.000Z" }
    expect(anthropicClient.model("a", about)).toEqual(model)
    expect(anthropicClient.models(["a", "b"], about)).toEqual({
      data: [model, { ...model, id: "b", display_name: "b" }],
      has_more: false,
      first_id: "a",
      last_id: "b"
    })
    expect(anthropicClient.models([], about)).toEqual({ data: [], has_more: false, first_id: null, last_id: null })
  })

  it("is given a count", () => {
    expect(anthropicClient.count?.(7)).toEqual({ input_tokens: 7 })
  })

  it("reads what is wrong with its request, by path", () => {
    const about = { requestId: "req_1", method: "POST", path: "/v1/messages", now: 0, accept: undefined }
    const details = [{ field: "max_tokens", message: "is required", code: "required" }]
    const failure = anthropicClient.failure(new InvalidRequest({ message: "max_tokens: is required", details }), about)
    expect(failure.status).toBe(400)
    expect(failure.headers).toMatchObject({
      "content-type": "application/json",
      "request-id": "req_1",
      "x-should-retry": "false"
    })
    expect(JSON.parse(failure.body)).toEqual({
      type: "error",
      error: {
        type: "invalid_request_error",
        message: "max_tokens: is required (request id: req_1)",
        details: { error_code: "invalid_request", fields: details }
      },
      request_id: "req_1"
    })
    const overloaded = anthropicClient.failure(new UpstreamOverloaded({}), about)
    expect(overloaded.status).toBe(529)
    expect(overloaded.headers).toMatchObject({ "retry-after": "1", "x-should-retry": "true" })
    const blocked = new PromptBlocked({ upstream: { status: 400, code: "x", message: "No." } })
    expect(JSON.parse(anthropicClient.failure(blocked, about).body)).toMatchObject({
      error: { type: "invalid_request_error", message: "No. (request id: req_1)", details: { upstream_code: "x" } }
    })
  })
})
