import { assert, describe, it } from "@effect/vitest"
import {
  anthropic,
  assembleOpenAI,
  type Delta,
  gemini,
  isContent,
  openai,
  type Payload,
  type Piece,
  responses,
  seals,
  type UpstreamEvent
} from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { codeOf } from "effect-resilience/errors"
import { begun, chunk, completion, decodeAll, decodeWhole, deltasOf, encoded, parse } from "./kit.ts"

const step = (event: unknown): Delta => {
  const [signal] = decodeAll([event])
  assert(signal?._tag === "Delta")
  return signal
}
const faultOf = (event: UpstreamEvent | undefined): string | undefined =>
  event?._tag === "Fault" ? codeOf(event.error) : undefined

/** What clients read of events: the stream, and the whole answer. */
const relayed = (events: ReadonlyArray<unknown>) => {
  const { encoder, opening } = begun()
  const payloads: Array<Payload> = [...opening]
  for (const event of decodeAll(events)) if (event._tag === "Delta") payloads.push(...encoder.delta(event))
  payloads.push(...encoder.complete(completion, true))
  const whole = JSON.parse(assembleOpenAI(payloads)) as {
    choices: ReadonlyArray<{ message: JsonObject; finish_reason: string }>
  }
  return { payloads, deltas: deltasOf(payloads).slice(1), ...whole.choices[0]! }
}

describe("S13: what is nested deeper than can be written again", () => {
  // It is written into the text: nor can a test write it.
  const nested = (event: unknown, levels: number): string =>
    JSON.stringify(event).replace('"deep"', `${"[".repeat(levels)}${"]".repeat(levels)}`)

  it.each([300, 5000])("S13: is no event and no answer, wherever it stands (%d levels)", (levels) => {
    const x = "deep"
    const choice = { index: 0, delta: { content: "a" }, finish_reason: null }
    const events = [
      { choices: [choice], x },
      { choices: [{ ...choice, x }] },
      { choices: [{ ...choice, delta: { content: "a", x } }] },
      { choices: [{ ...choice, delta: { reasoning_details: x } }] },
      { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, x } }
    ]
    for (const event of events) {
      assert.strictEqual(faultOf(decodeAll([nested(event, levels)])[0]), "bad_response_body")
    }
    const whole = { choices: [{ index: 0, message: { content: "a", x }, finish_reason: "stop" }] }
    assert.deepStrictEqual(decodeWhole(nested(whole, levels)).map(faultOf), ["bad_response_body"])
  })

  it("S13: is more than any answer needs", () => {
    const event = { choices: [{ index: 0, delta: { content: "a", x: "deep" }, finish_reason: null }] }
    assert.strictEqual(decodeAll([nested(event, 200)])[0]?._tag, "Delta")
  })
})

describe("R2: finish words that mean a broken answer", () => {
  const broken: ReadonlyArray<readonly [word: string, code: string]> = [
    ["abort", "bad_response_status_code"],
    ["network_error", "bad_response_status_code"],
    ["error", "bad_response_status_code"],
    ["Cancelled", "bad_response_status_code"],
    ["function_call_filter: MALFORMED_FUNCTION_CALL", "bad_response_status_code"],
    ["insufficient_system_resource", "upstream_overloaded"],
    ["timeout", "channel:response_time_exceeded"]
  ]
  it.each(broken)("R2: %s is %s, streamed and whole", (word, code) => {
    assert.strictEqual(faultOf(decodeAll([chunk({ content: "last" }, word)])[0]), code)
    const answer = { choices: [{ index: 0, message: { content: "x" }, finish_reason: word }] }
    assert.deepStrictEqual(decodeWhole(answer).map(faultOf), [code])
  })

  it("R2: the error beside it says more", () => {
    assert.strictEqual(faultOf(decodeAll([chunk({}, "abort", { error: { code: 429 } })])[0]), "channel:rate_limited")
    const answer = { choices: [{ index: 0, message: { content: "x" }, finish_reason: "error", error: { code: 429 } }] }
    assert.deepStrictEqual(decodeWhole(answer).map(faultOf), ["channel:rate_limited"])
  })

  it("R2: a choice that broke breaks the answer", () => {
    const event = {
      choices: [
        { index: 0, delta: { content: "a" } },
        { index: 1, delta: {}, finish_reason: "abort" }
      ]
    }
    assert.strictEqual(faultOf(decodeAll([event])[0]), "bad_response_status_code")
  })

  const good: ReadonlyArray<readonly [word: string, reason: string]> = [
    ["stop", "stop"],
    ["STOP", "stop"],
    ["eos", "stop"],
    ["eos_token", "stop"],
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["length", "length"],
    ["MAX_TOKENS", "length"],
    ["model_length", "length"],
    ["tool_calls", "tool-calls"],
    ["function_call", "tool-calls"],
    ["tool_use", "tool-calls"],
    ["content_filter", "content-filter"],
    ["sensitive", "content-filter"],
    ["SAFETY", "content-filter"],
    ["repetition_truncation", "unknown"]
  ]
  it.each(good)("R2: %s is %s, and passes as it is", (word, reason) => {
    const delta = step(chunk({}, word))
    assert.deepStrictEqual(delta.finish, { reason, native: word, from: "openai" } as Delta["finish"])
    const payload = begun().encoder.delta(delta)[0]!
    assert.strictEqual(
      (JSON.parse(payload.data) as typeof delta.raw & { choices: [{ finish_reason: string }] }).choices[0]
        .finish_reason,
      word
    )
  })
})

describe("R5: what shows is content", () => {
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,iVBO" } }
  const rows: ReadonlyArray<
    readonly [
      name: string,
      delta: JsonObject,
      expected: { reasoning?: string; text?: string; pieces?: ReadonlyArray<string> }
    ]
  > = [
    ["images", { images: [image] }, { pieces: ["Media"] }],
    ["images elsewhere", { images: [{ image_url: { url: "https://a.example/" } }] }, { pieces: ["Native"] }],
    [
      "thinking in the content",
      { content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }] },
      { reasoning: "hm" }
    ],
    ["thinking in the content, plain", { content: [{ type: "thinking", thinking: "hm" }] }, { reasoning: "hm" }],
    ["a reference in the content", { content: [{ type: "reference", reference_ids: [1] }] }, { pieces: ["Native"] }],
    ["reasoning_details", { reasoning_details: [{ type: "reasoning.text", text: "hm" }] }, { reasoning: "hm" }],
    ["their summary", { reasoning_details: [{ type: "reasoning.summary", summary: "hm" }] }, { reasoning: "hm" }],
    [
      "sealed ones",
      { reasoning_details: [{ type: "reasoning.encrypted", data: "x" }] },
      { pieces: ["SealedReasoning"] }
    ],
    ["thinking_blocks", { thinking_blocks: [{ type: "thinking", thinking: "hm" }] }, { reasoning: "hm" }],
    ["sealed ones", { thinking_blocks: [{ type: "redacted_thinking", data: "x" }] }, { pieces: ["SealedReasoning"] }],
    [
      "both ways to say a thought, once",
      { reasoning_content: "hm", thinking_blocks: [{ type: "thinking", thinking: "hm" }] },
      { reasoning: "hm" }
    ],
    [
      "a thought of Google's",
      { content: "<thought>hm", extra_content: { google: { thought: true } } },
      { reasoning: "<thought>hm" }
    ],
    ["extra content", { extra_content: { vendor: { x: 1 } } }, { pieces: ["Native"] }],
    ["annotations", { annotations: [{ type: "url_citation", url_citation: { url: "u" } }] }, { pieces: ["Native"] }],
    ["what nobody knows", { videos: [{ url: "u" }] }, { pieces: ["Native"] }],
    ["what nobody knows, in an object", { x: { y: ["z"] } }, { pieces: ["Native"] }]
  ]
  it.each(rows)("R5: %s", (_name, delta, expected) => {
    const event = chunk(delta)
    const read = step(event)
    assert.isTrue(isContent(read))
    assert.deepStrictEqual(
      { text: read.text, reasoning: read.reasoning, pieces: read.pieces?.map(({ _tag }) => _tag) },
      { text: "", reasoning: "", pieces: undefined, ...expected }
    )
    // All of it reaches a client of this dialect.
    assert.deepStrictEqual(deltasOf(begun().encoder.delta(read)), [delta])
  })

  const nothing: ReadonlyArray<readonly [name: string, delta: JsonObject]> = [
    ["empty lists", { images: [], annotations: [], reasoning_details: [], thinking_blocks: [], tool_calls: [] }],
    ["empty objects", { extra_content: {}, provider_specific_fields: { citation: null, x: [] }, audio: {} }],
    ["plain values beside the text", { name: "MiniMax AI", audio_content: "", x: 7 }],
    ["a thinking part without a thought", { content: [{ type: "thinking", thinking: [] }] }]
  ]
  it.each(nothing)("R5: %s are none", (_name, delta) => {
    const read = step(chunk(delta))
    assert.isFalse(isContent(read))
    assert.isUndefined(read.pieces)
  })

  it("R5: a signature alone shows nothing, seals nothing, and is lost nowhere", () => {
    for (const delta of [
      { reasoning_details: [{ type: "reasoning.text", signature: "s" }] },
      { thinking_blocks: [{ type: "thinking", thinking: "", signature: "s" }] },
      { extra_content: { google: { thought_signature: "s" } } }
    ]) {
      const read = step(chunk(delta))
      assert.deepStrictEqual([isContent(read), seals(read)], [false, false])
      const encoder = begun().encoder
      const [, ...opened] = encoder.begin("m", { usage: completion.usage, deltas: [read] })
      assert.deepStrictEqual(deltasOf(opened), [delta])
    }
  })

  it("R5: a whole answer holds what a client must send back", () => {
    const { message } = relayed([
      chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "h" }] }] }),
      chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "m" }], signature: "s" }] }),
      chunk({ content: "so" }),
      chunk({
        content: [
          { type: "text", text: " it" },
          { type: "reference", reference_ids: [1] }
        ]
      }),
      chunk({ content: " is" }),
      chunk({ reasoning_details: [{ type: "reasoning.text", text: "a", index: 0 }] }),
      chunk({ reasoning_details: [{ type: "reasoning.text", text: "b", index: 0 }] }),
      chunk({ reasoning_details: [{ type: "reasoning.text", signature: "s", index: 0 }] }),
      chunk({ reasoning_details: [{ type: "reasoning.encrypted", data: "d", id: "1", index: 0 }] }),
      chunk({ reasoning_details: [{ type: "reasoning.encrypted", data: "e", id: "2", index: 0 }] }),
      chunk({ thinking_blocks: [{ type: "thinking", thinking: "a", signature: null }] }),
      chunk({ thinking_blocks: [{ type: "thinking", thinking: "b" }] }),
      chunk({ thinking_blocks: [{ type: "thinking", thinking: "", signature: "s" }] }),
      chunk({ thinking_blocks: [{ type: "thinking", thinking: "c", signature: "t" }] }),
      chunk({ thinking_blocks: [{ type: "redacted_thinking", data: "r" }] }),
      chunk({ images: [{ ...image, index: 0 }] }),
      chunk({ images: [{ ...image, index: 0 }] })
    ])
    assert.deepStrictEqual(message["content"], [
      {
        type: "thinking",
        thinking: [{ type: "text", text: "hm" }],
        signature: "s"
      },
      { type: "text", text: "so it" },
      { type: "reference", reference_ids: [1] },
      { type: "text", text: " is" }
    ])
    assert.deepStrictEqual(message["reasoning_details"], [
      { type: "reasoning.text", text: "ab", index: 0, signature: "s" },
      { type: "reasoning.encrypted", data: "d", id: "1", index: 0 },
      { type: "reasoning.encrypted", data: "e", id: "2", index: 0 }
    ])
    assert.deepStrictEqual(message["thinking_blocks"], [
      { type: "thinking", thinking: "ab", signature: "s" },
      { type: "thinking", thinking: "c", signature: "t" },
      { type: "redacted_thinking", data: "r" }
    ])
    assert.deepStrictEqual(message["images"], [
      { ...image, index: 0 },
      { ...image, index: 0 }
    ])
  })

  it("R5: what an upstream signed goes to another dialect's client, and back, as it was", () => {
    const details = [
      { type: "reasoning.text", text: "hm", signature: "s", format: "anthropic-claude-v1", index: 0 },
      { type: "reasoning.encrypted", data: "d", id: "a", index: 1 }
    ]
    const { pieces } = step(chunk({ reasoning_details: details }))
    const parts = (pieces ?? []).flatMap((piece) =>
      piece._tag === "Signature" || piece._tag === "SealedReasoning"
        ? [
            {
              _tag: "Reasoning" as const,
              text: piece._tag === "Signature" ? "hm" : "",
              signed: { by: piece.by, value: piece.value, sealed: piece._tag === "SealedReasoning" }
            }
          ]
        : []
    )
    const request = parse({})
    const asked = {
      ...request.asked(),
      turns: [{ role: "assistant" as const, parts: [...parts, { _tag: "Text" as const, text: "so" }] }]
    }
    const { body } = encoded({ ...request, dialect: "chat", asked: () => asked })
    const [message] = body["messages"] as [JsonObject]
    assert.sameDeepMembers(message["reasoning_details"] as Array<object>, details)
  })
})

describe("R10: a choice that counts otherwise", () => {
  const textIn = (body: string, ...indices: ReadonlyArray<unknown>): string => {
    const decoder = openai.decoder({ body, dropped: [], names: undefined })
    const steps = indices.map((index) =>
      decoder.step("message", JSON.stringify(chunk({ content: "x" }, null, { index })))
    )
    return steps.map((step) => (step._tag === "Delta" ? step.text : step._tag)).join("")
  }
  const one = '{"model":"m","messages":[]}'

  it("R10: is the first one where one was asked for, whatever its number", () => {
    assert.strictEqual(textIn(one, 1, 1), "xx")
    assert.strictEqual(textIn(one, 5), "x")
    assert.strictEqual(textIn(one, "0", "0"), "xx")
    assert.strictEqual(textIn(one, "1"), "x")
    const [step] = decodeAll([chunk({ content: "x" }, null, { index: "0" })])
    assert.deepInclude(step, { text: "x" })
  })
  it("R10: another beside it, or one of several that were asked for, is not", () => {
    assert.strictEqual(textIn(one, 0, 1), "x")
    assert.strictEqual(textIn('{"n":2}', 1, 0), "x")
    assert.strictEqual(textIn(one, -1), "Fault")
    assert.strictEqual(textIn(one, "x"), "Fault")
  })
})

describe("R9: tool calls without a finish", () => {
  const calls = [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }]

  it("R9: a whole answer without one ended with its calls", () => {
    for (const finish of [null, "", undefined]) {
      const finishOf = (message: JsonObject) =>
        decodeWhole({ choices: [{ index: 0, message, finish_reason: finish }] }).flatMap((event) =>
          event._tag === "Delta" && event.finish !== undefined ? [event.finish.native] : []
        )
      assert.deepStrictEqual(finishOf({ content: null, tool_calls: calls }), ["tool_calls"])
      assert.deepStrictEqual(finishOf({ content: null, function_call: { name: "f", arguments: "{}" } }), [
        "function_call"
      ])
      assert.deepStrictEqual(finishOf({ content: "x", tool_calls: [] }), ["stop"])
    }
  })

  it("R9: events without one are put together to an answer that ended with its calls", () => {
    const payload = (event: unknown): Payload => ({ event: undefined, data: JSON.stringify(event) })
    const finishOf = (delta: JsonObject) =>
      (JSON.parse(assembleOpenAI([payload(chunk(delta))])) as { choices: [{ finish_reason: string }] }).choices[0]
        .finish_reason
    assert.strictEqual(finishOf({ tool_calls: calls }), "tool_calls")
    assert.strictEqual(finishOf({ function_call: { name: "f" } }), "function_call")
    assert.strictEqual(finishOf({ content: "x" }), "stop")
  })
})

describe("R10: tool calls that trust other things than the index", () => {
  type Part = { readonly index?: number; readonly id?: string; readonly name?: string; readonly input?: string }
  const part = ({ id, index, input, name }: Part) => ({
    ...(index === undefined ? {} : { index }),
    ...(id === undefined ? {} : { id }),
    function: { ...(name === undefined ? {} : { name }), ...(input === undefined ? {} : { arguments: input }) }
  })
  const rows: ReadonlyArray<readonly [name: string, events: ReadonlyArray<ReadonlyArray<Part>>]> = [
    [
      "as OpenAI",
      [
        [{ index: 0, id: "a", name: "f", input: "" }],
        [{ index: 0, input: '{"q"' }],
        [{ index: 0, input: ":1}" }],
        [{ index: 1, id: "b", name: "g", input: "" }],
        [{ index: 1, input: "{}" }]
      ]
    ],
    [
      "in turns",
      [
        [
          { index: 0, id: "a", name: "f", input: "" },
          { index: 1, id: "b", name: "g", input: "" }
        ],
        [
          { index: 1, input: "{" },
          { index: 0, input: '{"q"' }
        ],
        [
          { index: 0, input: ":1}" },
          { index: 1, input: "}" }
        ]
      ]
    ],
    [
      "one index for all",
      [
        [{ index: 0, id: "a", name: "f", input: '{"q"' }],
        [{ index: 0, input: ":1}" }],
        [{ index: 0, id: "b", name: "g", input: "{" }],
        [{ index: 0, input: "}" }]
      ]
    ],
    [
      "one index for all, in one event",
      [
        [
          { index: 0, id: "a", name: "f", input: '{"q":1}' },
          { index: 0, id: "b", name: "g", input: "{}" }
        ]
      ]
    ],
    [
      "one index, and no ids",
      [[{ index: 0, name: "f", input: '{"q"' }], [{ index: 0, input: ":1}" }], [{ index: 0, name: "g", input: "{}" }]]
    ],
    [
      "an index that begins elsewhere",
      [
        [{ index: 1, id: "a", name: "f", input: '{"q":1}' }],
        [{ index: 7, id: "b", name: "g", input: "{" }],
        [{ index: 7, input: "}" }]
      ]
    ],
    [
      "an index that counts the parts",
      [
        [{ index: 0, id: "a", name: "f", input: "" }],
        [{ index: 1, input: '{"q"' }],
        [{ index: 2, input: ":1}" }],
        [{ index: 3, id: "b", name: "g", input: "{}" }]
      ]
    ],
    [
      "no index",
      [
        [{ id: "a", name: "f", input: '{"q"' }],
        [{ input: ":1}" }],
        [{ id: "b", name: "g", input: "{" }],
        [{ input: "}" }]
      ]
    ],
    ["no index and no ids", [[{ name: "f", input: '{"q":1}' }], [{ name: "g", input: "{}" }]]],
    [
      "ids and names repeated",
      [
        [{ index: 0, id: "a", name: "f", input: '{"q"' }],
        [{ index: 0, id: "a", name: "f", input: ":1}" }],
        [{ index: 1, id: "b", name: "g", input: "{" }],
        [{ index: 1, id: "b", name: "g", input: "}" }]
      ]
    ],
    [
      "names repeated, one index, no ids",
      [
        [{ index: 0, name: "f", input: "" }],
        [{ index: 0, name: "f", input: '{"q"' }],
        [{ index: 0, name: "f", input: ":1}" }],
        [{ index: 0, name: "g", input: "{}" }]
      ]
    ],
    [
      "an id of its own for each part",
      [
        [{ index: 0, id: "a", name: "f", input: "" }],
        [{ index: 0, id: "x", input: '{"q"' }],
        [{ index: 0, id: "y", input: ":1}" }],
        [{ index: 0, id: "z", input: "" }],
        [{ index: 1, id: "b", name: "g", input: "{}" }]
      ]
    ],
    [
      "empty texts where nothing is meant",
      [
        [{ index: 0, id: "a", name: "f", input: "" }],
        [{ index: 0, id: "", name: "", input: '{"q":1}' }],
        [{ index: 1, id: "b", name: "g", input: "" }],
        [{ index: 1, id: "", name: "", input: "{}" }]
      ]
    ],
    [
      "a name that comes after the id",
      [
        [{ index: 0, id: "a" }],
        [{ index: 0, name: "f" }],
        [{ index: 0, input: '{"q":1}' }],
        [{ index: 1, id: "b" }],
        [{ index: 1, name: "g", input: "{}" }]
      ]
    ]
  ]
  const nameless = new Set(["one index, and no ids", "no index and no ids", "names repeated, one index, no ids"])

  it.each(rows)("R10: %s", (name, events) => {
    const chunks = events.map((parts) => chunk({ tool_calls: parts.map(part) }))
    const idOf = (id: string): unknown => (nameless.has(name) ? "made" : id)
    const seen = (id: unknown): unknown => (typeof id === "string" && id.startsWith("call_") ? "made" : id)
    const { deltas, message } = relayed(chunks)
    // Whole.
    assert.deepStrictEqual(
      (message["tool_calls"] as ReadonlyArray<JsonObject>).map(
        (call): JsonObject => ({ ...call, id: seen(call["id"]) })
      ),
      [
        { type: "function", id: idOf("a"), function: { name: "f", arguments: '{"q":1}' } },
        { type: "function", id: idOf("b"), function: { name: "g", arguments: "{}" } }
      ]
    )
    // As events: each part under its call's index; type, id and name once, together.
    const parts = (
      deltas as ReadonlyArray<{ tool_calls: ReadonlyArray<JsonObject & { function: JsonObject }> }>
    ).flatMap((delta) => delta.tool_calls)
    const naming = parts.filter((one) => one.function["name"] !== undefined)
    assert.deepStrictEqual(
      naming.map((one) => [one["index"], seen(one["id"]), one["type"], one.function["name"]]),
      [
        [0, idOf("a"), "function", "f"],
        [1, idOf("b"), "function", "g"]
      ]
    )
    for (const one of parts) if (!naming.includes(one)) assert.notProperty(one, "id")
    for (const [index, input] of ['{"q":1}', "{}"].entries()) {
      const inputs = parts.filter((one) => one["index"] === index).map((one) => one.function["arguments"] ?? "")
      assert.strictEqual(inputs.join(""), input)
    }
    // As pieces.
    const pieces = decodeAll(chunks).flatMap((event): ReadonlyArray<Piece> => (event as Delta).pieces ?? [])
    const inputOf = (index: number) =>
      pieces.map((piece) => (piece._tag === "ToolInput" && piece.index === index ? piece.text : "")).join("")
    assert.deepStrictEqual(
      pieces.filter(({ _tag }) => _tag === "ToolCall"),
      [
        { _tag: "ToolCall", index: 0, id: nameless.has(name) ? "" : "a", name: "f" },
        { _tag: "ToolCall", index: 1, id: nameless.has(name) ? "" : "b", name: "g" }
      ]
    )
    assert.deepStrictEqual([inputOf(0), inputOf(1)], ['{"q":1}', "{}"])
  })

  it("R10: two calls of one function", () => {
    const twice = (more: Part) => [{ ...more, name: "f", input: '{"q":1}' }]
    for (const events of [
      [twice({ index: 0 }), twice({ index: 0 })],
      [twice({}), twice({})],
      [[...twice({ index: 0 }), ...twice({ index: 0 })]],
      [twice({ index: 0, id: "f" }), twice({ index: 1, id: "f" })]
    ]) {
      const { message } = relayed(events.map((parts) => chunk({ tool_calls: parts.map(part) })))
      const ids = (message["tool_calls"] as ReadonlyArray<JsonObject>).map(({ id }) => id)
      assert.lengthOf(ids, 2)
      assert.strictEqual(new Set(ids).size, 2)
    }
  })

  it("R10: an id that says nothing is the first call's alone", () => {
    const same = (index: number) => chunk({ tool_calls: [part({ index, id: "same", name: "f", input: "{}" })] })
    const pieces = decodeAll([same(0), same(1)]).flatMap((event): ReadonlyArray<Piece> => (event as Delta).pieces ?? [])
    assert.deepStrictEqual(
      pieces.flatMap((piece) => (piece._tag === "ToolCall" ? [piece.id] : [])),
      ["same", ""]
    )
  })

  it.each<readonly [name: string, parts: ReadonlyArray<Part>]>([
    [
      "with every piece",
      [
        { index: 0, id: "c", name: "f" },
        { index: 0, id: "c", input: '{"q":1}' },
        { index: 1, id: "c", name: "g" },
        { index: 1, id: "c", input: '{"r":' },
        { index: 1, id: "c", input: "2}" }
      ]
    ],
    [
      "with its name and every piece",
      [
        { index: 0, id: "c", name: "f", input: '{"q":1}' },
        { index: 1, id: "c", name: "g", input: '{"r":' },
        { index: 1, id: "c", name: "g", input: "2}" }
      ]
    ],
    [
      "without an index",
      [
        { id: "c", name: "f", input: '{"q":1}' },
        { id: "c", name: "g", input: '{"r":2}' }
      ]
    ],
    [
      "at one index",
      [
        { index: 0, id: "c", name: "f", input: '{"q":1}' },
        { index: 0, id: "c", name: "g", input: '{"r":' },
        { index: 0, id: "c", input: "2}" }
      ]
    ]
  ])("R10: two calls of one id are two, where it comes %s", (_, parts) => {
    const { message } = relayed(parts.map((one) => chunk({ tool_calls: [part(one)] })))
    assert.deepStrictEqual(
      (message["tool_calls"] as ReadonlyArray<JsonObject>).map((call) => call["function"]),
      [
        { name: "f", arguments: '{"q":1}' },
        { name: "g", arguments: '{"r":2}' }
      ]
    )
  })

  it.each<readonly [string, Part]>([
    ["all of the call", { index: 0, id: "a", name: "f", input: '{"q":1}' }],
    ["its id and its input", { index: 0, id: "a", input: '{"q":1}' }],
    ["its input", { index: 0, input: '{"q":1}' }]
  ])("an input that is whole is told once, where its last part says again %s", (_, last) => {
    const parts = [
      { index: 0, id: "a", name: "f", input: "" },
      { index: 0, input: '{"q"' },
      { index: 0, input: ":1}" },
      last
    ]
    const events = parts.map((one) => chunk({ tool_calls: [part(one)] }))
    const { message } = relayed(events)
    assert.deepStrictEqual(
      (message["tool_calls"] as ReadonlyArray<JsonObject>).map((call) => call["function"]),
      [{ name: "f", arguments: '{"q":1}' }]
    )
    const inputs = decodeAll(events).flatMap((event) => (event._tag === "Delta" ? (event.pieces ?? []) : []))
    assert.deepStrictEqual(
      inputs.flatMap((piece) => (piece._tag === "ToolInput" ? [piece.text] : [])),
      ['{"q"', ":1}"]
    )
  })

  it("what a custom tool takes is any text, and may be the same twice", () => {
    const custom = (input: string) => ({ index: 0, custom: { input } })
    const parts = [{ index: 0, id: "a", type: "custom", custom: { name: "f", input: "" } }, custom("[]"), custom("[]")]
    const events = parts.map((one) => chunk({ tool_calls: [one] }))
    const { message } = relayed(events)
    assert.deepStrictEqual(message["tool_calls"], [{ id: "a", type: "custom", custom: { name: "f", input: "[][]" } }])
    const pieces = decodeAll(events).flatMap((event) => (event._tag === "Delta" ? (event.pieces ?? []) : []))
    assert.deepStrictEqual(
      pieces.flatMap((piece) => (piece._tag === "ToolInput" ? [piece.text] : [])),
      ["[]", "[]"]
    )
  })

  it("R10: in a whole answer each is a call of its own, whatever it says", () => {
    const call = { index: 0, id: "same", function: { name: "f", arguments: "{}" } }
    const [first] = decodeWhole({ choices: [{ index: 0, message: { tool_calls: [call, call, call] } }] }) as [Delta]
    assert.deepStrictEqual(
      first.pieces?.filter(({ _tag }) => _tag === "ToolCall"),
      ["same", "", ""].map((id, index) => ({ _tag: "ToolCall" as const, index, id, name: "f" }))
    )
  })

  it("R10: other choices' calls are mended, too", () => {
    const events = [
      { index: 3, id: "a", function: { name: "f", arguments: "{" } },
      { index: 3, id: "a", function: { name: "f", arguments: "}" } }
    ].map((call) => ({ choices: [{ index: 1, delta: { tool_calls: [call] } }] }))
    const raws = decodeAll(events).map((event) => (event as Delta).raw)
    assert.deepStrictEqual(raws, [
      {
        choices: [
          {
            index: 1,
            delta: { tool_calls: [{ index: 0, id: "a", type: "function", function: { name: "f", arguments: "{" } }] }
          }
        ]
      },
      { choices: [{ index: 1, delta: { tool_calls: [{ index: 0, function: { arguments: "}" } }] } }] }
    ])
  })

  it("R10: an input that is no text is one, whole and streamed", () => {
    const inputs: ReadonlyArray<readonly [said: object, text: string]> = [
      [{ arguments: { x: 1 } }, '{"x":1}'],
      [{ arguments: [] }, "[]"],
      [{ arguments: null }, ""],
      [{}, ""]
    ]
    for (const [said, input] of inputs) {
      const call = { index: 0, id: "a", type: "function", function: { name: "f", ...said } }
      const { deltas, message } = relayed([chunk({ tool_calls: [call] }), chunk({}, "tool_calls")])
      const mended = { ...call, function: { name: "f", arguments: input } }
      assert.deepStrictEqual(deltas[0], { tool_calls: [mended] })
      const { index: _, ...whole } = mended
      assert.deepStrictEqual(message["tool_calls"], [whole])
      const [first] = decodeWhole({ choices: [{ index: 0, message: { tool_calls: [call] } }] }) as [Delta]
      assert.deepStrictEqual(
        first.pieces?.filter(({ _tag }) => _tag === "ToolInput"),
        input === "" ? [] : [{ _tag: "ToolInput", index: 0, text: input }]
      )
    }
  })

  it("R10: numbers in such an input are to the digit", () => {
    const event = `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":{"x":12345678901234567890}}}]}}]}`
    const [step] = decodeAll([event]) as [Delta]
    assert.deepStrictEqual(step.pieces?.at(-1), { _tag: "ToolInput", index: 0, text: '{"x":12345678901234567890}' })
  })

  it("R10: an empty text is null, and what is missing is there", () => {
    const raw = {
      choices: [
        { delta: { role: "", content: "a" }, finish_reason: "" },
        { index: 1, delta: null }
      ]
    }
    const [event] = decodeAll([raw]) as [Delta]
    assert.deepStrictEqual(event.raw, {
      choices: [
        { index: 0, delta: { content: "a" }, finish_reason: null },
        { index: 1, delta: {} }
      ]
    })
    assert.isUndefined(event.finish)
  })
})

describe("S3: many calls", () => {
  it("S3: 60,000 of them are put together in linear time, whole and streamed", () => {
    const count = 60_000
    const calls = Array.from({ length: count }, (_, i) => ({
      id: `c${i}`,
      type: "function",
      function: { name: "f", arguments: "{}" }
    }))
    // Of the process's own time: others may be at work here.
    const start = process.cpuUsage()
    const answer = decodeWhole({ choices: [{ index: 0, message: { content: null, tool_calls: calls } }] })
    const { encoder } = begun()
    const payloads = answer.flatMap((event) => (event._tag === "Delta" ? encoder.delta(event) : []))
    const whole = JSON.parse(assembleOpenAI(payloads)) as { choices: [{ message: { tool_calls: unknown } }] }
    assert.strictEqual(JSON.stringify(whole.choices[0].message.tool_calls).length, JSON.stringify(calls).length)
    const streamed = relayed(calls.map((call, index) => chunk({ tool_calls: [{ index, ...call }] })))
    assert.deepStrictEqual((streamed.message["tool_calls"] as typeof calls).at(-1), calls.at(-1))
    assert.lengthOf(streamed.message["tool_calls"] as typeof calls, count)
    const listed = relayed([
      chunk({ annotations: Array.from({ length: count }, (_, index) => ({ index, type: "x" })) }),
      chunk({ annotations: Array.from({ length: count }, (_, index) => ({ index, type: "y" })) })
    ])
    assert.lengthOf(listed.message["annotations"] as ReadonlyArray<unknown>, count)
    assert.isBelow(process.cpuUsage(start).user / 1000, 10_000)
  })
})

describe("R12: numbers to the digit", () => {
  const seed = "9007199254740993"
  const schema = `{"type":"integer","maximum":9223372036854775807}`

  it("R12: of a request, with all that is done to it", () => {
    const request = parse(
      `{"model":"m","messages":[{"role":"user","content":"hi","x":[${seed}]}],"seed":${seed},"tools":[{"type":"function","function":{"name":"f","parameters":${schema}}}],"max_tokens":5}`
    )
    const { text } = encoded(request, {
      params: { temperature: 1 },
      continuation: { mode: "message", partial: "abcd", prompt: "go" }
    })
    assert.include(text, `"seed":${seed}`)
    assert.include(text, `"x":[${seed}]`)
    assert.include(text, `"parameters":${schema}`)
    assert.include(text, `"max_tokens":4`)
    // A schema crosses as it came.
    const crossed = encoded({ ...request, dialect: "chat" }, { drop: true })
    assert.include(crossed.text, `"parameters":${schema}`)
  })

  it("R12: of an answer, in its events and put together", () => {
    const event = `{"id":"c","object":"chat.completion.chunk","x_top":${seed},"choices":[{"index":0,"delta":{"content":"a","x_delta":{"y":${seed}}},"x_choice":[${seed}],"finish_reason":null}]}`
    const { encoder, opening } = begun({ includeUsage: true })
    const [data] = encoder.delta(step(event))
    for (const field of [`"x_top":${seed}`, `"x_delta":{"y":${seed}}`, `"x_choice":[${seed}]`]) {
      assert.include(data!.data, field)
    }
    const usage = step(
      `{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"x_usage":${seed},"cost":{"z":0.12345678901234567891}}}`
    ).usage!
    const payloads = [...opening, data!, ...encoder.complete({ ...completion, usage }, false)]
    const whole = assembleOpenAI(payloads)
    for (const field of [
      `"x_top":${seed}`,
      `"x_delta":{"y":${seed}}`,
      `"x_choice":[${seed}]`,
      `"x_usage":${seed}`,
      `"z":0.12345678901234567891`
    ]) {
      assert.include(whole, field)
    }
  })

  it("R12: of a whole answer that is told as events", () => {
    const [first] = decodeWhole(
      `{"x_top":${seed},"choices":[{"index":0,"message":{"content":"a","x":{"y":${seed}}},"finish_reason":"stop"}]}`
    ) as [Delta]
    const [data] = begun().encoder.delta(first)
    assert.include(data!.data, `"x_top":${seed}`)
    assert.include(data!.data, `"x":{"y":${seed}}`)
  })
})

describe("R7: what says nothing is no error", () => {
  const answer = { choices: [{ index: 0, message: { content: "x" }, finish_reason: "stop" }] }
  it.each([
    [{ message: "", type: "", param: "", code: null }],
    [{ code: 0, message: "success" }],
    [{ code: "200", message: "ok" }],
    [{}],
    [[]]
  ])("R7: beside an answer, streamed and whole: %j", (error) => {
    assert.strictEqual(faultOf(decodeAll([{ ...chunk({ content: "a" }), error }])[0]), undefined)
    assert.isTrue(decodeWhole({ ...answer, error }).every((event) => faultOf(event) === undefined))
  })

  it("R7: one that says anything is", () => {
    for (const error of [{ code: 500 }, { message: "went wrong", code: 0 }, "went wrong", ["went wrong"]]) {
      assert.isDefined(faultOf(decodeAll([{ ...chunk({ content: "a" }), error }])[0]), JSON.stringify(error))
    }
  })

  it.each([
    ["text under the name of a ping", "ping", "ping"],
    ["text under the name of a heartbeat", "Heartbeat", "1795781690"],
    ["nothing under the name of a keep-alive", "keep-alive", ""]
  ])("nor does what keeps a connection open break an answer: %s", (_, name, data) => {
    for (const { decoder } of [openai, responses, anthropic, gemini]) {
      const step = decoder({ body: "", dropped: [], names: undefined }).step(name, data)
      assert.isTrue(step._tag === "Delta" && !isContent(step) && step.raw === undefined)
    }
  })

  it("R8: a byte order mark before a whole answer is overlooked", () => {
    assert.deepStrictEqual(
      decodeWhole(`\ufeff${JSON.stringify(answer)}`).filter((event) => event._tag === "Fault"),
      []
    )
    assert.deepStrictEqual(decodeWhole(`\ufeff\ufeff${JSON.stringify(answer)}`).map(faultOf), ["bad_response_body"])
  })
})
