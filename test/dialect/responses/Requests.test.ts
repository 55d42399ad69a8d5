/**
 * What is asked: checked, in words that all dialects share, in the words of a Responses channel, and in those of others.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  anthropic,
  type Asked,
  inputIdOf,
  itemIdOf,
  openai,
  placeOfItem,
  responses,
  streamOfResponse
} from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { ask, askedWith, encoded, encodeWith, foreign, streamId, tryAsk } from "./kit.ts"

describe("a request", () => {
  it.each<readonly [JsonObject, string]>([
    [{ model: undefined }, "model"],
    [{ model: "" }, "model"],
    [{ input: undefined }, "input"],
    [{ input: 7 }, "input"],
    [{ input: [7] }, "input[0]"],
    [{ input: [{ role: "user" }] }, "input[0].content"],
    [{ input: [{ role: "user", content: [{ type: "input_text" }] }] }, "input[0].content[0].text"],
    [{ input: [{ type: "function_call", name: "f", arguments: "{}" }] }, "input[0].call_id"],
    [{ input: [{ type: "function_call_output", call_id: "c" }] }, "input[0].output"],
    [{ input: [{ type: "item_reference" }] }, "input[0].id"],
    [{ tools: [{ type: "function" }] }, "tools[0].name"],
    [{ tools: [{}] }, "tools[0].type"],
    [{ stream: "yes" }, "stream"],
    [{ max_output_tokens: 1.5 }, "max_output_tokens"],
    [{ background: true, store: false }, "background"],
    [{ model: "x".repeat(257) }, "model"]
  ])("is refused by its path: %j", (fields, path) => {
    const parsed = tryAsk({ model: "m", input: "hi", ...fields })
    const error = Result.isFailure(parsed) ? parsed.failure : undefined
    assert.deepInclude(error && "details" in error ? error.details?.[0] : undefined, { field: path })
  })

  it("may leave its input to what is held elsewhere", () =>
    assert.isTrue(Result.isSuccess(tryAsk({ input: undefined, previous_response_id: "resp_x" }))))

  it("in the background is a stream, whoever reads it", () =>
    assert.strictEqual(ask({ background: true }).delivery, "stream"))
})

describe("in words that all dialects share", () => {
  it("instructions, and items of the system before the first turn, stand before the conversation", () => {
    const { system, turns } = ask({
      instructions: "a",
      input: [
        { role: "system", content: "b" },
        { role: "developer", content: [{ type: "input_text", text: "c" }] },
        { role: "user", content: "d" },
        { role: "developer", content: "e" }
      ]
    }).asked()
    assert.deepStrictEqual(
      system.map((part) => (part._tag === "Text" ? part.text : "")),
      ["a", "b", "c"]
    )
    assert.deepStrictEqual(turns, [
      { role: "user", parts: [{ _tag: "Text", text: "d" }] },
      { role: "system", parts: [{ _tag: "Text", text: "e" }] }
    ])
  })

  it("reasoning, words and calls of one turn are one, and so are the results", () => {
    const { turns } = ask({
      input: [
        { role: "user", content: "go" },
        { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }], encrypted_content: "s" },
        { role: "assistant", content: "I look." },
        { type: "function_call", call_id: "1", name: "f", arguments: "{}" },
        { type: "function_call", call_id: "2", name: "g", arguments: "" },
        { type: "function_call_output", call_id: "1", output: "one" },
        { type: "function_call_output", call_id: "2", output: "Error: two" },
        { role: "user", content: "and?" }
      ]
    }).asked()
    assert.deepStrictEqual(
      turns.map(({ parts, role }) => [role, ...parts.map(({ _tag }) => _tag)]),
      [
        ["user", "Text"],
        ["assistant", "Reasoning", "Text", "ToolCall", "ToolCall"],
        ["user", "ToolResult", "ToolResult"],
        ["user", "Text"]
      ]
    )
    assert.deepInclude(turns[2]!.parts[1], { name: "g", failed: true, parts: [{ _tag: "Text", text: "two" }] })
  })

  it.each<readonly [JsonObject, object]>([
    [
      { summary: [], encrypted_content: "s" },
      { text: "", signed: { by: "responses", value: "s", sealed: true } }
    ],
    [
      { summary: [{ text: "Hm." }], encrypted_content: "er1.anthropic.s" },
      { text: "Hm.", signed: { by: "anthropic", value: "s", sealed: false } }
    ],
    [{ summary: [], encrypted_content: "er1.anthropic.s" }, { signed: { by: "anthropic", value: "s", sealed: true } }],
    [
      { summary: [{ text: "" }], encrypted_content: "er1.anthropic.s" },
      { signed: { by: "anthropic", value: "s", sealed: false } }
    ],
    [{ summary: [{ text: "a" }, { text: "b" }] }, { text: "a\n\nb", signed: undefined }],
    [
      { summary: [{ text: "a" }], encrypted_content: "er1.nobody.s" },
      { text: "a", signed: { by: "nobody", value: "s", sealed: false } }
    ],
    [
      { summary: [{ text: "a" }], encrypted_content: "er1.s" },
      { text: "a", signed: undefined }
    ]
  ])("reasoning is whose it says: %j", (item, part) => {
    const { turns } = ask({ input: [{ type: "reasoning", ...item }] }).asked()
    assert.deepInclude(turns[0]!.parts[0], part)
  })

  it("what signs a call stands behind it", () => {
    const { turns } = ask({
      input: [
        { type: "function_call", call_id: "1", name: "f", arguments: "{}" },
        { type: "reasoning", summary: [{ type: "summary_text", text: "" }], encrypted_content: "er1.openai.s" }
      ]
    }).asked()
    assert.deepStrictEqual(
      turns[0]!.parts.map((part) => (part._tag === "ToolCall" ? part.signed : part._tag)),
      [{ by: "openai", value: "s" }]
    )
  })

  it.each<readonly [JsonObject, ReadonlyArray<string>]>([
    [{ tools: [{ type: "web_search" }] }, ["tools[0]"]],
    [{ tool_choice: { type: "web_search" } }, ["tool_choice"]],
    [
      { previous_response_id: "resp_x", conversation: "c", prompt: { id: "p" } },
      ["previous_response_id", "conversation", "prompt"]
    ],
    [{ max_tool_calls: 3, x_new: 1 }, ["max_tool_calls", "x_new"]],
    [{ top_logprobs: 2 }, ["top_logprobs"]],
    [{ input: [{ type: "web_search_call", id: "ws" }] }, ["input[0]"]],
    [{ input: [{ role: "user", content: [{ type: "input_image", file_id: "f" }] }] }, ["input[0].content[0]"]],
    [{ input: [{ role: "user", content: [{ type: "input_file", file_url: "https://x" }] }] }, ["input[0].content[0]"]],
    [{ input: [{ type: "item_reference", id: "msg_x" }] }, ["input[0].id"]],
    [{ text: { format: { type: "grammar" } } }, ["text.format"]]
  ])("what there are no words for is a meaning, by its path: %j", (fields, paths) => {
    const request = ask(fields)
    assert.deepStrictEqual(
      request.asked().meanings.map(({ path }) => path),
      paths
    )
    assert.deepStrictEqual(anthropic.unsaid(request, "m"), paths)
    assert.isTrue(Result.isFailure(encodeWith(request, {}, openai)))
  })

  it("what changes nothing is a hint, or nothing at all", () => {
    const { hints, meanings } = ask({
      temperature: 1,
      top_p: 1,
      user: "u",
      metadata: {},
      service_tier: "auto",
      store: false,
      prompt_cache_key: "k",
      safety_identifier: "s",
      include: ["reasoning.encrypted_content"],
      truncation: "auto",
      stream_options: { include_obfuscation: false },
      text: { verbosity: "low" },
      reasoning: { summary: "auto" },
      top_logprobs: 0,
      parallel_tool_calls: true
    }).asked()
    assert.deepStrictEqual(meanings, [])
    assert.lengthOf(hints, 12)
  })
})

describe("a channel of responses", () => {
  it("is asked what its own client asks, with every field, to the digit", () => {
    const body = '{"model":"m","input":"hi","x_new":9007199254740993,"stream":true,"background":true}'
    const { text } = encoded(ask(body))
    assert.strictEqual(
      text,
      '{"model":"mapped","x_new":9007199254740993,"input":"hi","background":false,"store":false,"stream":true}'
    )
  })

  it.each<readonly [JsonObject, JsonObject]>([
    [{ store: true }, { store: true }],
    [{ reasoning: { effort: "low" } }, { store: false, include: ["reasoning.encrypted_content"] }],
    [
      { reasoning: { effort: "low" }, store: false },
      { store: false, include: undefined as never }
    ],
    [{ reasoning: { effort: "none" } }, { include: undefined as never }]
  ])("keeps nothing unless its client says so, and gives back what it has thought: %j", (fields, sent) => {
    const { body } = encoded(ask(fields))
    for (const [field, value] of Object.entries(sent)) assert.deepStrictEqual(body[field], value)
  })

  it("is given back its own reasoning, and no other's", () => {
    const item = (fields: object) => ({ type: "reasoning", summary: [], ...fields })
    const { body } = encoded(
      ask({
        input: [
          item({ id: "rs_1", encrypted_content: "own" }),
          item({ id: "rs_2", encrypted_content: "er1.responses.marked" }),
          item({ id: "rs_3", encrypted_content: "er1.anthropic.theirs" }),
          item({ id: itemIdOf("reasoning", streamId, 0) }),
          item({ id: "rs_theirs" })
        ]
      })
    )
    assert.deepStrictEqual(body["input"], [
      item({ id: "rs_1", encrypted_content: "own" }),
      item({ id: "rs_2", encrypted_content: "marked" }),
      item({ id: "rs_theirs" })
    ])
  })

  it.each<readonly [Parameters<typeof askedWith>[0], JsonObject]>([
    [
      {
        system: [
          { _tag: "Text", text: "a" },
          { _tag: "Text", text: "b" }
        ]
      },
      {
        instructions: "a",
        input: [
          { role: "system", content: "b" },
          { role: "user", content: "hi" }
        ]
      }
    ],
    [
      {
        turns: [
          {
            role: "assistant",
            parts: [
              { _tag: "Reasoning", text: "t", signed: { by: "anthropic", value: "s", sealed: false } },
              { _tag: "Text", text: "yes" }
            ]
          }
        ]
      },
      { input: [{ role: "assistant", content: "yes" }] }
    ],
    [{ maxTokens: 5 }, { max_output_tokens: 16 }],
    [
      { format: { _tag: "Json", path: "p", schema: undefined, name: undefined, strict: undefined } },
      { text: { format: { type: "json_object" } } }
    ],
    [{ effort: { path: "p", level: "none" } }, { reasoning: { effort: "none" } }],
    [
      { effort: { path: "p", level: "xhigh" } },
      { reasoning: { effort: "xhigh", summary: "auto" }, include: ["reasoning.encrypted_content"] }
    ],
    [
      {
        hints: [{ name: "imageDetail", path: "m[0].image_url.detail", value: "low" }],
        turns: [
          {
            role: "user",
            parts: [{ _tag: "Image", path: "m[0]", mediaType: undefined, source: { url: "https://x.example/i" } }]
          }
        ]
      },
      { input: [{ role: "user", content: [{ type: "input_image", image_url: "https://x.example/i", detail: "low" }] }] }
    ]
  ])("is asked in its own words what others ask: %j", (fields, sent) => {
    const { body, dropped } = encoded(foreign(askedWith(fields)))
    assert.deepInclude(body, { ...sent, model: "mapped", stream: true, store: false, background: false })
    assert.deepStrictEqual(dropped, [])
  })

  it("is refused any JSON where its input lacks the word, whatever its instructions say: then that says it", () => {
    const text = (text: string) => ({ _tag: "Text", text }) as const
    const format = { _tag: "Json", path: "p", schema: undefined, name: undefined, strict: undefined } as const
    const sent = (fields: Partial<Asked>): unknown => encoded(foreign(askedWith(fields))).body["input"]
    const word = { role: "system", content: "Answer in JSON." }
    const user = { role: "user", content: "hi" }
    assert.deepStrictEqual(sent({ format }), [word, user])
    assert.deepStrictEqual(sent({ format, system: [text("Reply in JSON.")] }), [word, user])
    assert.deepStrictEqual(sent({ format, system: [text("a"), text("A json")] }), [
      { role: "system", content: "A json" },
      user
    ])
    assert.deepStrictEqual(sent({ format, turns: [{ role: "user", parts: [text("as JSON")] }] }), [
      { role: "user", content: "as JSON" }
    ])
    assert.deepStrictEqual(sent({ format: { ...format, schema: { type: "object" } } }), [user])
    assert.deepStrictEqual(sent({}), [user])
  })

  it("R6: is not told that it is no errand in the background where that was refused", () => {
    const refused = new Set(["background"])
    for (const request of [foreign(askedWith({})), ask({})]) {
      const { body } = encoded(request, { refused })
      assert.notProperty(body, "background")
      assert.strictEqual(body["store"], false)
    }
    assert.strictEqual(encoded(ask({ background: true })).body["background"], false)
    assert.include(responses.refusable(ask({ background: true })), "background")
  })

  it("is asked without what it has refused, and that is told", () => {
    const asked = askedWith({
      effort: { path: "output_config.effort", level: "low" },
      hints: [{ name: "temperature", path: "temperature", value: 0.5 }]
    })
    const refused = new Set(["reasoning.effort", "temperature", "include"])
    const { body, dropped } = encoded(foreign(asked), { refused })
    assert.notProperty(body, "reasoning")
    assert.notProperty(body, "temperature")
    assert.deepStrictEqual(dropped, ["output_config.effort", "temperature"])
    assert.deepStrictEqual(encoded(foreign(asked), { refused: new Set(["reasoning.summary"]) }).body["reasoning"], {
      effort: "low"
    })
  })

  it("names that it does not take are made fit, and known again", () => {
    const tool = { path: "tools[0]", name: "a.b", description: undefined, schema: {}, strict: undefined }
    const { body, names } = encoded(foreign(askedWith({ tools: [tool] })))
    const [sent] = body["tools"] as ReadonlyArray<JsonObject>
    assert.match(String(sent?.["name"]), /^[\w-]+$/)
    assert.strictEqual(names?.get(String(sent?.["name"])), "a.b")
    assert.strictEqual(sent?.["strict"], false)
  })

  it("goes on in words: a response takes no beginning of its own answer", () => {
    const continuation = { mode: "message", partial: "Once", prompt: "Go on from {partial}" } as const
    const { body } = encoded(ask({ max_output_tokens: 100 }), { continuation })
    assert.deepStrictEqual(body["input"], [
      { role: "user", content: "hi" },
      { role: "assistant", content: "Once" },
      { role: "user", content: "Go on from Once" }
    ])
    assert.strictEqual(body["max_output_tokens"], 99)
  })
})

describe("ids", () => {
  it("an answer is found by the id of its response and of its items", () => {
    assert.strictEqual(streamOfResponse(`resp_${streamId}`), streamId)
    assert.strictEqual(streamOfResponse("resp_0123456789abcdef0123456789abcdef0123456789abcdef"), undefined)
    assert.deepStrictEqual(placeOfItem(itemIdOf("function_call", streamId, 3)), { streamId, of: "output", index: 3 })
    assert.deepStrictEqual(placeOfItem(inputIdOf("message", streamId, 0)), { streamId, of: "input", index: 0 })
    for (const id of ["msg_x", "", `msg_${streamId}`, `msg_${streamId}_01`]) assert.isUndefined(placeOfItem(id))
  })
})
