/**
 * What an upstream answers, and what a client of responses is told: the same dialect on both sides, and others.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  anthropicClient,
  nothing,
  openaiClient,
  type Piece,
  responsesClient,
  type UpstreamEvent
} from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import {
  ask,
  decodeAll,
  decodeWhole,
  identity,
  jsonOf,
  lastOf,
  play,
  sdkReads,
  streamId,
  typesOf,
  wholeOf
} from "./kit.ts"

const usage = {
  input_tokens: 20,
  input_tokens_details: { cached_tokens: 5, their_detail: 1 },
  output_tokens: 9,
  output_tokens_details: { reasoning_tokens: 4 },
  total_tokens: 29
}

/** A response as OpenAI writes it: a thought that is sealed, words, and two calls. */
const whole = {
  id: "resp_theirs",
  object: "response",
  created_at: 1,
  status: "completed",
  error: null,
  incomplete_details: null,
  model: "gpt-theirs",
  service_tier: "default",
  their_field: { deep: 2 ** 53 },
  output: [
    {
      id: "rs_theirs",
      type: "reasoning",
      summary: [{ type: "summary_text", text: "Hm." }],
      encrypted_content: "c2VhbA"
    },
    {
      id: "msg_theirs",
      type: "message",
      status: "completed",
      role: "assistant",
      phase: "commentary",
      content: [{ type: "output_text", text: "I look.", annotations: [], logprobs: [] }]
    },
    { id: "fc_1", type: "function_call", status: "completed", arguments: '{"q":1}', call_id: "call_1", name: "find" },
    { id: "fc_2", type: "function_call", status: "completed", arguments: '{"q":2}', call_id: "call_2", name: "find" }
  ],
  usage
}
const wholeText = JSON.stringify(whole).replace("9007199254740992", "9007199254740993")

const deltasOf = (steps: ReadonlyArray<UpstreamEvent>) => {
  let text = ""
  let reasoning = ""
  const pieces: Array<Piece> = []
  for (const step of steps) {
    if (step._tag !== "Delta") continue
    text += step.text
    reasoning += step.reasoning
    pieces.push(...(step.pieces ?? []))
  }
  return { text, reasoning, pieces }
}

describe("a whole response", () => {
  const steps = decodeWhole(wholeText)

  it("is read as what its stream would have said", () => {
    assert.deepStrictEqual(deltasOf(steps), {
      text: "I look.",
      reasoning: "Hm.",
      pieces: [
        { _tag: "Signature", by: "responses", value: "c2VhbA", of: "reasoning" },
        { _tag: "ToolCall", index: 0, id: "call_1", name: "find" },
        { _tag: "ToolInput", index: 0, text: '{"q":1}' },
        { _tag: "ToolCall", index: 1, id: "call_2", name: "find" },
        { _tag: "ToolInput", index: 1, text: '{"q":2}' }
      ]
    })
    const ends = steps.flatMap((step) => (step._tag === "Delta" && step.finish !== undefined ? [step] : []))
    assert.deepInclude(ends[0]?.finish, { reason: "tool-calls", native: "completed" })
    assert.deepInclude(ends[0]?.usage, { inputTokens: 20, outputTokens: 9, cacheReadTokens: 5, reasoningTokens: 4 })
    assert.strictEqual(steps.at(-1)?._tag, "Done")
  })

  it("passes to a client of responses with every field, to the digit, but ids, model and when", () => {
    const { payloads } = play(steps)
    const given = wholeOf(payloads)
    assert.deepInclude(given, {
      id: `resp_${streamId}`,
      model: "m",
      created_at: 1_700_000_000,
      status: "completed",
      service_tier: "default"
    })
    const output = given["output"] as ReadonlyArray<JsonObject>
    assert.deepStrictEqual(
      output,
      whole.output.map((item, n) => ({ ...item, id: `${item.id.split("_")[0]}_${streamId}_${n}` }))
    )
    assert.deepInclude(given["usage"], { input_tokens: 20, total_tokens: 29 })
    assert.deepInclude((given["usage"] as JsonObject)["input_tokens_details"], { cached_tokens: 5, their_detail: 1 })
    const view = responsesClient.views.whole.make()
    for (const frame of payloads.map(responsesClient.frames(streamId))) view.push(frame)
    assert.include(view.end(), '"deep":9007199254740993')
  })

  it("is a lifecycle to the SDK, numbered from 0 without gaps", async () => {
    const { payloads } = play(steps)
    assert.deepStrictEqual(
      jsonOf(payloads).map(({ sequence_number: n }) => n),
      payloads.map((_, n) => n)
    )
    const read = await sdkReads(payloads)
    assert.strictEqual(read.output_text, "I look.")
    assert.strictEqual(read.output.length, 4)
  })
})

describe("what an upstream may say otherwise", () => {
  const item = (n: number, type: string, more: object = {}) => ({
    output_index: n,
    item: { id: `x${n}`, type, ...more }
  })
  const added = (n: number, type: string, more: object = {}) => ({
    type: "response.output_item.added",
    ...item(n, type, more)
  })
  const done = (n: number, type: string, more: object = {}) => ({
    type: "response.output_item.done",
    ...item(n, type, more)
  })
  const said = (n: number | undefined, delta: string) => ({
    type: "response.output_text.delta",
    output_index: n,
    content_index: 0,
    delta
  })
  const completed = { type: "response.completed", response: { status: "completed", output: [], usage } }
  const message = { role: "assistant", status: "completed", content: [{ type: "output_text", text: "Yes." }] }
  /** Tells the message once more, or for the first time. */
  const endWithMessage = {
    ...completed,
    response: { ...completed.response, output: [{ type: "message", ...message }] }
  }
  const call = { arguments: "{}", call_id: "c", name: "f" }
  const raw = { summary: [], content: [{ type: "reasoning_text", text: "Hm." }] }
  const thinking = { output_index: 0, item_id: "x0", content_index: 0 }

  it("the end of a text is told once, where its part has none", () => {
    const begun = {
      type: "response.content_part.added",
      output_index: 0,
      content_index: 0,
      part: { type: "output_text", text: "" }
    }
    const over = { type: "response.output_text.done", output_index: 0, content_index: 0, text: "Yes." }
    const steps = decodeAll([added(0, "message"), begun, said(0, "Yes."), over, done(0, "message", message), completed])
    const types = play(steps).payloads.map(({ data }) => (JSON.parse(data) as { readonly type: string }).type)
    assert.deepStrictEqual(
      types.filter((type) => type.endsWith(".done")),
      ["response.output_text.done", "response.content_part.done", "response.output_item.done"]
    )
  })

  it.each<readonly [string, ReadonlyArray<unknown>]>([
    [
      "with its parts, by vLLM's names",
      [
        { type: "response.reasoning_part.added", ...thinking, part: { type: "reasoning_text", text: "" } },
        { type: "response.reasoning_text.delta", ...thinking, delta: "Hm." },
        { type: "response.reasoning_text.done", ...thinking, text: "Hm." },
        { type: "response.reasoning_part.done", ...thinking, part: { type: "reasoning_text", text: "Hm." } }
      ]
    ],
    ["without a part", [{ type: "response.reasoning_text.delta", ...thinking, delta: "Hm." }]],
    ["at the end of its text only", [{ type: "response.reasoning_text.done", ...thinking, text: "Hm." }]],
    ["at the end of its item only", []]
  ])("a thought that is no summary is told once to its own clients: %s", async (_name, events) => {
    const steps = decodeAll([
      added(0, "reasoning", { summary: [] }),
      ...events,
      done(0, "reasoning", raw),
      added(1, "message"),
      said(1, "Yes."),
      done(1, "message", message),
      completed
    ])
    const { payloads, verdict } = play(steps)
    assert.strictEqual(verdict._tag, "Complete")
    const told = payloads.map(({ data }) => JSON.parse(data) as { readonly type: string; readonly delta?: string })
    const [thought] = wholeOf(payloads)["output"] as ReadonlyArray<JsonObject>
    assert.deepInclude(thought, raw)
    assert.deepStrictEqual(
      told.filter(({ type }) => /reasoning.*delta$/.test(type)).map(({ delta, type }) => [type, delta]),
      [["response.reasoning_text.delta", "Hm."]]
    )
    assert.isFalse(told.some(({ type }) => /reasoning_part/.test(type)))
    assert.strictEqual((await sdkReads(payloads)).output_text, "Yes.")
  })

  it.each<readonly [string, ReadonlyArray<unknown>]>([
    ["is empty", []],
    ["has nothing but what nobody knows", [{ type: "output_audio", data: "AA" }]]
  ])("an end whose message %s is passed as it came", (_name, content) => {
    const said = { ...message, content, status: "incomplete" }
    const end = { status: "incomplete", incomplete_details: { reason: "max_output_tokens" }, background: false, usage }
    const steps = decodeAll([
      added(0, "reasoning", raw),
      done(0, "reasoning", raw),
      added(1, "message"),
      done(1, "message", said),
      {
        type: "response.incomplete",
        region: "eu",
        response: {
          ...end,
          output: [
            { type: "reasoning", ...raw },
            { type: "message", ...said }
          ]
        }
      }
    ])
    const last = steps.findLast((step) => step._tag === "Delta")
    assert.deepInclude(last, { text: "", pieces: undefined })
    assert.include(JSON.stringify(last), '"region":"eu"')
  })

  it.each<readonly [string, ReadonlyArray<unknown>, Partial<ReturnType<typeof deltasOf>>]>([
    [
      "a text at the end of its item only",
      [added(0, "message"), done(0, "message", message), completed],
      { text: "Yes." }
    ],
    ["an item at its end only", [done(0, "message", message), completed], { text: "Yes." }],
    [
      "all of it with its last event only",
      [{ type: "response.completed", response: { ...completed.response, output: [{ type: "message", ...message }] } }],
      { text: "Yes." }
    ],
    [
      "a whole response as one event",
      [{ object: "response", status: "completed", output: [{ type: "message", ...message }] }],
      { text: "Yes." }
    ],
    [
      "the input of a call with its end only",
      [added(0, "function_call", { ...call, arguments: "" }), done(0, "function_call", call), completed],
      {
        pieces: [
          { _tag: "ToolCall", index: 0, id: "c", name: "f" },
          { _tag: "ToolInput", index: 0, text: "{}" }
        ]
      }
    ],
    [
      "the input of a call as an object",
      [
        added(0, "function_call", { ...call, arguments: "" }),
        done(0, "function_call", { ...call, arguments: { a: 1 } }),
        completed
      ],
      {
        pieces: [
          { _tag: "ToolCall", index: 0, id: "c", name: "f" },
          { _tag: "ToolInput", index: 0, text: '{"a":1}' }
        ]
      }
    ],
    [
      "reasoning that only it can read",
      [added(0, "reasoning"), done(0, "reasoning", { summary: [], encrypted_content: "s" }), completed],
      { pieces: [{ _tag: "SealedReasoning", by: "responses", value: "s" }] }
    ],
    [
      "a text of an item that nobody has begun",
      [said(0, "Y"), said(0, "es."), done(0, "message", message), completed],
      { text: "Yes." }
    ],
    [
      "a text without a number, and its item with one",
      [said(undefined, "Y"), said(undefined, "es."), done(0, "message", message), completed],
      { text: "Yes." }
    ],
    ["a text, and all of it again with its last event", [said(0, "Yes."), endWithMessage], { text: "Yes." }],
    [
      "a text with its end only, of an item that nobody has begun",
      [{ type: "response.output_text.done", output_index: 0, content_index: 0, text: "Yes." }, completed],
      { text: "Yes." }
    ],
    [
      "a thought of an item that nobody has begun",
      [
        { type: "response.reasoning_summary_text.delta", output_index: 0, summary_index: 0, delta: "Hm." },
        done(0, "reasoning", { summary: [{ type: "summary_text", text: "Hm." }], encrypted_content: "s" }),
        said(1, "Yes."),
        completed
      ],
      {
        text: "Yes.",
        reasoning: "Hm.",
        pieces: [{ _tag: "Signature", by: "responses", value: "s", of: "reasoning" }]
      }
    ],
    [
      "the input of a call that nobody has begun, and the call with its end",
      [
        { type: "response.function_call_arguments.delta", output_index: 0, delta: "{}" },
        done(0, "function_call", call),
        completed
      ],
      {
        pieces: [
          { _tag: "Native", what: "response.function_call_arguments.delta" },
          { _tag: "ToolCall", index: 0, id: "c", name: "f" },
          { _tag: "ToolInput", index: 0, text: "{}" }
        ]
      }
    ],
    [
      "a call with its last event only, behind a text",
      [
        said(0, "Yes."),
        {
          ...completed,
          response: {
            ...completed.response,
            output: [
              { type: "message", ...message },
              { type: "function_call", ...call }
            ]
          }
        }
      ],
      {
        text: "Yes.",
        pieces: [
          { _tag: "ToolCall", index: 0, id: "c", name: "f" },
          { _tag: "ToolInput", index: 0, text: "{}" }
        ]
      }
    ],
    [
      "a text with its last event only, behind a thought",
      [
        added(0, "reasoning"),
        done(0, "reasoning", { summary: [{ type: "summary_text", text: "Hm." }] }),
        endWithMessage
      ],
      { text: "Yes.", reasoning: "Hm." }
    ],
    [
      "a text of an item that nobody has begun, and again with its last event",
      [said(0, "Yes."), endWithMessage],
      { text: "Yes." }
    ],
    [
      "a text at a place that another item has then, and again with its last event",
      [
        added(0, "message"),
        said(0, "Yes."),
        done(0, "message", message),
        added(0, "reasoning"),
        done(0, "reasoning", { summary: [{ type: "summary_text", text: "Hm." }] }),
        endWithMessage
      ],
      { text: "Yes.", reasoning: "Hm." }
    ],
    [
      "a refusal at the end of its item only",
      [
        added(0, "message"),
        done(0, "message", { ...message, content: [{ type: "refusal", refusal: "No." }] }),
        completed
      ],
      { text: "", pieces: [{ _tag: "Refusal", text: "No." }] }
    ],
    [
      "a thought that is no summary, at the end of its item only",
      [added(0, "reasoning"), done(0, "reasoning", raw), said(1, "Yes."), completed],
      { text: "Yes.", reasoning: "Hm." }
    ],
    [
      "the parts of a thought by vLLM's names, which are nothing of its own",
      [
        added(0, "reasoning", { summary: [] }),
        { type: "response.reasoning_part.added", ...thinking, part: { type: "reasoning_text", text: "" } },
        { type: "response.reasoning_text.delta", ...thinking, delta: "Hm." },
        { type: "response.reasoning_text.done", ...thinking, text: "Hm." },
        { type: "response.reasoning_part.done", ...thinking, part: { type: "reasoning_text", text: "Hm." } },
        done(0, "reasoning", raw),
        said(1, "Yes."),
        completed
      ],
      { text: "Yes.", reasoning: "Hm.", pieces: [] }
    ],
    [
      "a tool of its own",
      [
        added(0, "web_search_call"),
        { type: "response.web_search_call.searching", output_index: 0, item_id: "x0" },
        completed
      ],
      {
        pieces: [
          { _tag: "Native", what: "web_search_call" },
          { _tag: "Native", what: "response.web_search_call.searching" }
        ]
      }
    ]
  ])("%s", async (_name, events, says) => {
    const steps = decodeAll(events)
    assert.deepInclude(deltasOf(steps), says)
    const { payloads, verdict } = play(steps)
    assert.strictEqual(verdict._tag, "Complete")
    assert.strictEqual((await sdkReads(payloads)).output_text, says.text ?? "")
  })

  it.each<readonly [string, unknown, string]>([
    ["an error", { type: "error", code: "rate_limit_exceeded", message: "slow" }, "ChannelRateLimited"],
    [
      "an error that is nested",
      { type: "error", error: { code: "server_error", message: "x" } },
      "BadResponseStatusCode"
    ],
    [
      "a failure",
      { type: "response.failed", response: { status: "failed", error: { code: "insufficient_quota", message: "x" } } },
      "ChannelQuotaExhausted"
    ],
    [
      "a failure without a word",
      { type: "response.failed", response: { status: "failed", error: null } },
      "BadResponseStatusCode"
    ],
    [
      "a blocked prompt",
      { type: "response.failed", response: { error: { code: "invalid_prompt", message: "x" } } },
      "PromptBlocked"
    ],
    ["what is no event", { type: "response.output_item.added", output_index: 0 }, "BadResponseBody"],
    ["a name that is none", { type: "a\nb", output_index: 0 }, "BadResponseBody"],
    ["a list", [], "BadResponseBody"],
    ["no JSON", "{", "BadResponseBody"]
  ])("%s is a fault", (_name, event, tag) => {
    const [step] = decodeAll([event])
    assert.strictEqual(step?._tag === "Fault" ? step.error._tag : step?._tag, tag)
  })

  it.each([
    ["", "EmptyResponse"],
    ["<html>", "BadResponse"],
    ["{", "BadResponseBody"],
    ['{"choices":[]}', "BadResponseBody"],
    ['{"error":{"message":"x","code":"insufficient_quota"}}', "ChannelQuotaExhausted"],
    ['{"object":"response","status":"in_progress","output":[]}', "BadResponseBody"],
    [
      '{"object":"response","status":"failed","error":{"code":"server_error","message":"x"},"output":[]}',
      "BadResponseStatusCode"
    ]
  ])("a whole body %s is a fault", (body, tag) => {
    const [step] = decodeWhole(body)
    assert.strictEqual(step?._tag === "Fault" ? step.error._tag : step?._tag, tag)
  })

  it.each([
    [{ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } }, "length", "max_tokens"],
    [{ status: "incomplete", incomplete_details: { reason: "content_filter" } }, "content-filter", "refusal"],
    [{ status: "completed", incomplete_details: null }, "stop", "end_turn"]
  ])("how it ended is told in every dialect: %j", (ending, reason, anthropicWord) => {
    const body = { ...whole, ...ending, output: [whole.output[1]] }
    const steps = decodeWhole(body)
    const finish = steps.flatMap((step) =>
      step._tag === "Delta" && step.finish !== undefined ? [step.finish.reason] : []
    )
    assert.deepStrictEqual(finish, [reason])
    assert.deepInclude(lastOf(play(steps).payloads), ending)
    const others = play(decodeWhole(body), anthropicClient).payloads
    assert.include(others.map(({ data }) => data).join("\n"), `"stop_reason":"${anthropicWord}"`)
    const completion = play(decodeWhole(body), openaiClient)
      .payloads.map(({ data }) => data)
      .join("\n")
    assert.include(completion, `"finish_reason":"${reason.replace("-", "_")}"`)
  })

  it("an end that nobody knows is believed, since a response says it itself", () => {
    const steps = decodeWhole({
      ...whole,
      status: "incomplete",
      incomplete_details: { reason: "strange" },
      output: [whole.output[1]]
    })
    const { payloads, verdict } = play(steps)
    assert.strictEqual(verdict._tag, "Complete")
    assert.deepInclude(lastOf(payloads), { status: "incomplete", incomplete_details: { reason: "strange" } })
    // To clients of other dialects, what says that it is incomplete is not whole.
    assert.include(
      play(steps, anthropicClient)
        .payloads.map(({ data }) => data)
        .join("\n"),
      '"stop_reason":"max_tokens"'
    )
  })

  it("R2: one that says incomplete and not why is cut; inside of response.completed too", () => {
    for (const type of ["response.incomplete", "response.completed"]) {
      const response = { ...whole, status: "incomplete", incomplete_details: null, output: [] }
      const step = decodeAll([{ type, response }])[0]!
      assert.strictEqual(step._tag === "Delta" ? step.finish?.reason : step._tag, "length")
    }
  })

  it("R2: incomplete by a word that means a failure is a fault, streamed and whole", () => {
    const response = { ...whole, status: "incomplete", incomplete_details: { reason: "server_overloaded" } }
    for (const [step] of [
      decodeAll([{ type: "response.incomplete", response: { ...response, output: [] } }]),
      decodeWhole(response)
    ]) {
      assert.strictEqual(step?._tag === "Fault" ? step.error._tag : step?._tag, "UpstreamOverloaded")
    }
  })
})

describe("what others answer", () => {
  const said = (fields: object, ...pieces: ReadonlyArray<Piece>): UpstreamEvent =>
    ({ ...nothing, ...fields, pieces: pieces.length === 0 ? undefined : pieces }) as UpstreamEvent
  const stop: UpstreamEvent = { ...nothing, finish: { reason: "stop", native: "stop", from: undefined } }
  const output = (...steps: ReadonlyArray<UpstreamEvent>) => {
    const { payloads } = play([...steps, stop, { _tag: "Done" }])
    return { payloads, items: lastOf(payloads)["output"] as ReadonlyArray<JsonObject> }
  }

  it("a text has all its events in their order", () => {
    const { payloads } = output(said({ text: "Yes" }), said({ text: "." }))
    assert.deepStrictEqual(typesOf(payloads), [
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed"
    ])
  })

  it("two calls whose inputs come by turns are open together", async () => {
    const call = (index: number): Piece => ({ _tag: "ToolCall", index, id: `c${index}`, name: "f" })
    const input = (index: number, text: string): Piece => ({ _tag: "ToolInput", index, text })
    const { payloads } = output(
      said({}, call(0)),
      said({}, call(1)),
      said({}, input(0, '{"q":')),
      said({}, input(1, '{"q":')),
      said({}, input(0, "0}")),
      said({}, input(1, "1}"))
    )
    const { output: items } = await sdkReads(payloads)
    assert.deepStrictEqual(
      items.map((item) => (item.type === "function_call" ? [item.call_id, item.arguments, item.status] : item.type)),
      [
        ["c0", '{"q":0}', "completed"],
        ["c1", '{"q":1}', "completed"]
      ]
    )
  })

  it("a call without an id is given one, and one without an input an object", () => {
    const { items } = output(said({}, { _tag: "ToolCall", index: 0, id: "", name: "f" }))
    assert.match(String(items[0]?.["call_id"]), /^call_[0-9a-f]{24}$/)
    assert.deepInclude(items[0], { arguments: "{}", name: "f" })
  })

  it("a signature says whose it is, and stands with what was thought; a call's stands behind the call", () => {
    const by = "anthropic" as const
    const { items } = output(
      said({ reasoning: "Hm." }),
      said({}, { _tag: "Signature", by, value: "c2ln", of: "reasoning" }),
      said({}, { _tag: "Signature", by, value: "bmVk", of: "reasoning" }),
      said({}, { _tag: "SealedReasoning", by, value: "c2VhbA" }),
      said({}, { _tag: "ToolCall", index: 0, id: "c", name: "f" }),
      said({}, { _tag: "Signature", by: "openai", value: "Y2FsbA", of: { call: 0 } })
    )
    assert.deepStrictEqual(
      items.map(({ encrypted_content: sealed, summary, type }) => [type, sealed, summary]),
      [
        ["reasoning", "er1.anthropic.c2lnbmVk", [{ type: "summary_text", text: "Hm." }]],
        ["reasoning", "er1.anthropic.c2VhbA", []],
        ["function_call", undefined, undefined],
        ["reasoning", "er1.openai.Y2FsbA", [{ type: "summary_text", text: "" }]]
      ]
    )
  })

  it("a refusal is a part of its own, and an image is what OpenAI's tool would have made", async () => {
    const { items, payloads } = output(
      said({ text: "Well. " }),
      said({}, { _tag: "Refusal", text: "I will " }),
      said({}, { _tag: "Refusal", text: "not." }),
      said({}, { _tag: "Media", mediaType: "image/png", base64: "aWs=" })
    )
    assert.deepStrictEqual(items[0]?.["content"], [
      { type: "output_text", text: "Well. ", annotations: [], logprobs: [] },
      { type: "refusal", refusal: "I will not." }
    ])
    assert.deepInclude(items[1], { type: "image_generation_call", status: "completed", result: "aWs=" })
    assert.strictEqual((await sdkReads(payloads)).output_text, "Well. ")
  })

  it("one that failed ends with `response.failed` and `error`, which has our code at both places", () => {
    const { payloads } = play([said({ text: "Once" })])
    const [failed, error] = jsonOf(payloads).slice(-2)
    assert.strictEqual(failed?.["type"], "response.failed")
    const response = failed?.["response"] as JsonObject
    assert.deepInclude(response, { status: "failed" })
    assert.deepInclude(response["error"], { code: "stream_truncated", type: "server_error" })
    assert.deepInclude((response["output"] as ReadonlyArray<JsonObject>)[0], { status: "incomplete" })
    assert.deepInclude(error, { type: "error", code: "stream_truncated", param: null })
    assert.deepInclude(error?.["error"], { code: "stream_truncated", type: "server_error", param: null })
    assert.match(String(error?.["message"]), /\(request id: req_1\)$/)
  })

  it("the response tells again what was asked, and not what is larger than its answer", () => {
    const tools = [{ type: "function", name: "f", parameters: {}, strict: true, description: "x".repeat(20_000) }]
    const body = { instructions: "Be kind.", tools, temperature: 0.5, metadata: { a: "b" }, max_output_tokens: 99 }
    const { payloads } = play([said({ text: "Yes." }), stop, { _tag: "Done" }], responsesClient, ask(body))
    assert.deepInclude(lastOf(payloads), {
      instructions: "Be kind.",
      tools: [],
      temperature: 0.5,
      metadata: { a: "b" },
      max_output_tokens: 99,
      tool_choice: "auto",
      store: true,
      background: false
    })
  })

  it("in the background its id is told before anything is known", () => {
    const encoder = responsesClient.encoder({ ...identity, request: ask({ background: true }) })
    assert.deepStrictEqual(typesOf(encoder.open("m")), ["response.created", "response.queued"])
    const opened = { usage: { inputTokens: 1, outputTokens: 0, estimated: true }, deltas: [] }
    assert.deepStrictEqual(typesOf(encoder.begin("m", opened)), ["response.in_progress"])
  })
})
