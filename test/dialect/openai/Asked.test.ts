import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Asked, Part } from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { parse, user } from "./kit.ts"

const asked = (body: JsonObject): Asked => parse(body).asked()
const parts = (message: JsonObject): ReadonlyArray<Part> => asked({ messages: [message] }).turns[0]!.parts
const text = (text: string) => ({ _tag: "Text", text }) as const

describe("askedOfOpenAI", () => {
  it("puts what stands before the first turn apart, and keeps later text of the system in its place", () => {
    const read = asked({
      messages: [
        { role: "system", content: "a" },
        { role: "developer", content: [{ type: "text", text: "b" }] },
        user,
        { role: "developer", content: "c" },
        { role: "assistant", content: "so" }
      ]
    })
    assert.deepStrictEqual(read.system, [text("a"), text("b")])
    assert.deepStrictEqual(read.turns, [
      { role: "user", parts: [text("hi")] },
      { role: "system", parts: [text("c")] },
      { role: "assistant", parts: [text("so")] }
    ])
    assert.deepStrictEqual([read.hints, read.meanings], [[], []])
  })

  it("reads images and files, inline or by address, with their places", () => {
    assert.deepStrictEqual(
      parts({
        role: "user",
        content: [
          { type: "text", text: "look" },
          { type: "image_url", image_url: { url: "data:image/PNG;base64,iVBO" } },
          { type: "image_url", image_url: { url: "https://a.example/x.png", detail: "auto" } },
          { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" } },
          { type: "file", file: { file_data: "JVBE" } }
        ]
      }),
      [
        text("look"),
        { _tag: "Image", path: "messages[0].content[1]", mediaType: "image/png", source: { base64: "iVBO" } },
        {
          _tag: "Image",
          path: "messages[0].content[2]",
          mediaType: undefined,
          source: { url: "https://a.example/x.png" }
        },
        {
          _tag: "File",
          path: "messages[0].content[3]",
          mediaType: "application/pdf",
          name: "a.pdf",
          base64: "JVBE"
        },
        { _tag: "File", path: "messages[0].content[4]", mediaType: undefined, name: undefined, base64: "JVBE" }
      ]
    )
  })

  it("reads calls and their results, failed ones by their mark, with the name of the call", () => {
    const { turns } = asked({
      messages: [
        user,
        {
          role: "assistant",
          content: null,
          refusal: "no",
          tool_calls: [
            { id: "a", type: "function", function: { name: "f", arguments: '{"q":1}' } },
            { id: "b", function: { name: "g", arguments: "not json" } }
          ]
        },
        { role: "tool", tool_call_id: "a", content: "Error: broken" },
        { role: "tool", tool_call_id: "b", content: [{ type: "text", text: "fine" }] }
      ]
    })
    assert.deepStrictEqual(turns.slice(1), [
      {
        role: "assistant",
        parts: [
          { _tag: "Refusal", text: "no" },
          {
            _tag: "ToolCall",
            path: "messages[1].tool_calls[0]",
            id: "a",
            name: "f",
            input: '{"q":1}',
            signed: undefined
          },
          {
            _tag: "ToolCall",
            path: "messages[1].tool_calls[1]",
            id: "b",
            name: "g",
            input: "not json",
            signed: undefined
          }
        ]
      },
      {
        role: "user",
        parts: [{ _tag: "ToolResult", path: "messages[2]", id: "a", name: "f", parts: [text("broken")], failed: true }]
      },
      {
        role: "user",
        parts: [{ _tag: "ToolResult", path: "messages[3]", id: "b", name: "g", parts: [text("fine")], failed: false }]
      }
    ])
  })

  it("pairs a call in the old form with its result", () => {
    const { tools, toolChoice, turns } = asked({
      functions: [{ name: "f", parameters: { type: "object" } }],
      function_call: { name: "f" },
      messages: [
        user,
        { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
        { role: "function", name: "f", content: "1" }
      ]
    })
    const [call] = turns[1]!.parts
    const [result] = turns[2]!.parts
    assert(call?._tag === "ToolCall" && result?._tag === "ToolResult")
    assert.match(call.id, /^call_[0-9a-f]{24}$/)
    assert.strictEqual(result.id, call.id)
    assert.deepStrictEqual(
      tools.map(({ name, path }) => [name, path]),
      [["f", "functions[0]"]]
    )
    assert.deepStrictEqual(toolChoice, { name: "f" })
  })

  it("gives reasoning back with the signature that came with a call, whoever signed", () => {
    const call = (extra: unknown) => ({
      role: "assistant",
      content: "so",
      reasoning_content: "hm",
      tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" }, extra_content: extra }]
    })
    assert.deepStrictEqual(parts(call({ relay: { signature: "er1.openai.x" } }))[0], {
      _tag: "Reasoning",
      text: "hm",
      signed: undefined
    })
    // Whoever that is: it is nobody else's, so that it is left out everywhere else.
    assert.deepStrictEqual(parts(call({ relay: { signature: "er1.nobody.x", sealed: ["er1.nobody.y", 7] } }))[0], {
      _tag: "Reasoning",
      text: "hm",
      signed: { by: "nobody", value: "x", sealed: false }
    })
    assert.isUndefined(
      parts(call({ google: { thought_signature: 7 } })).find((part) => part._tag === "ToolCall")?.signed
    )
  })

  const choices: ReadonlyArray<readonly [body: JsonObject, choice: Asked["toolChoice"]]> = [
    [{}, undefined],
    [{ tool_choice: "auto" }, "auto"],
    [{ tool_choice: "none" }, "none"],
    [{ tool_choice: "required" }, "required"],
    [{ tool_choice: "any" }, "required"],
    [{ tool_choice: { type: "function", function: { name: "f" } } }, { name: "f" }],
    [{ function_call: "none" }, "none"]
  ]
  it.each(choices)("tool choice of %j", (body, choice) => {
    assert.deepStrictEqual(asked(body).toolChoice, choice)
  })

  it("reads tools", () => {
    const schema = { type: "object", properties: { q: { type: "string" } } }
    assert.deepStrictEqual(
      asked({
        tools: [
          { type: "function", function: { name: "f", description: "d", parameters: schema, strict: true } },
          { type: "function", function: { name: "g" } }
        ],
        parallel_tool_calls: false
      }),
      {
        ...asked({}),
        tools: [
          { path: "tools[0]", name: "f", description: "d", schema, strict: true },
          {
            path: "tools[1]",
            name: "g",
            description: undefined,
            schema: { type: "object", properties: {} },
            strict: undefined
          }
        ],
        oneCallAtATime: true
      }
    )
  })

  const carried: ReadonlyArray<readonly [body: JsonObject, expected: Partial<Asked>]> = [
    [{ max_tokens: 5 }, { maxTokens: 5 }],
    [{ max_tokens: 5, max_completion_tokens: 7 }, { maxTokens: 7 }],
    [{ max_tokens: -1 }, { maxTokens: undefined, meanings: [] }],
    [{ stop: "x" }, { stop: { path: "stop", sequences: ["x"] } }],
    [{ stop: ["x", "y"] }, { stop: { path: "stop", sequences: ["x", "y"] } }],
    [{ stop: [] }, { stop: undefined }],
    [{ reasoning_effort: "xhigh" }, { effort: { path: "reasoning_effort", level: "xhigh" } }],
    [{ response_format: { type: "text" } }, { format: { _tag: "Text" } }],
    [
      { response_format: { type: "json_object" } },
      { format: { _tag: "Json", path: "response_format", schema: undefined, name: undefined, strict: undefined } }
    ],
    [
      {
        response_format: { type: "json_schema", json_schema: { name: "n", schema: { type: "object" }, strict: true } }
      },
      { format: { _tag: "Json", path: "response_format", schema: { type: "object" }, name: "n", strict: true } }
    ]
  ]
  it.each(carried)("carries %j", (body, expected) => {
    const read = asked(body)
    for (const [field, value] of Object.entries(expected)) assert.deepStrictEqual(read[field as keyof Asked], value)
    assert.deepStrictEqual(read.meanings, [])
  })

  const hints: ReadonlyArray<readonly [body: JsonObject, path: string]> = [
    [{ temperature: 0 }, "temperature"],
    [{ top_p: 1 }, "top_p"],
    [{ top_k: 1 }, "top_k"],
    [{ presence_penalty: 1 }, "presence_penalty"],
    [{ frequency_penalty: 1 }, "frequency_penalty"],
    [{ seed: 1 }, "seed"],
    [{ user: "u" }, "user"],
    [{ metadata: { a: "b" } }, "metadata"],
    [{ service_tier: "auto" }, "service_tier"],
    [{ store: false }, "store"],
    [{ prompt_cache_key: "k" }, "prompt_cache_key"],
    [{ prompt_cache_retention: "24h" }, "prompt_cache_retention"],
    [{ safety_identifier: "s" }, "safety_identifier"],
    [{ verbosity: "low" }, "verbosity"],
    [{ logit_bias: { 1: 1 } }, "logit_bias"],
    [{ stream_options: { include_obfuscation: false, include_usage: true } }, "stream_options.include_obfuscation"],
    [
      { messages: [{ role: "user", content: [{ type: "text", text: "a", cache_control: { type: "ephemeral" } }] }] },
      "messages[0].content[0].cache_control"
    ],
    [
      {
        messages: [
          { role: "user", content: [{ type: "image_url", image_url: { url: "https://a.example/", detail: "high" } }] }
        ]
      },
      "messages[0].content[0].image_url.detail"
    ]
  ]
  it.each(hints)("%j is a hint", (body, path) => {
    const read = asked(body)
    assert.deepStrictEqual(
      read.hints.map((hint) => hint.path),
      [path]
    )
    assert.deepStrictEqual(read.meanings, [])
  })

  const meanings: ReadonlyArray<readonly [body: JsonObject, path: string]> = [
    [{ n: 2 }, "n"],
    [{ logprobs: true }, "logprobs"],
    [{ top_logprobs: 3 }, "top_logprobs"],
    [{ modalities: ["text", "audio"] }, "modalities"],
    [{ audio: { voice: "alloy" } }, "audio"],
    [{ prediction: { type: "content" } }, "prediction"],
    [{ web_search_options: {} }, "web_search_options"],
    [{ x_unknown: false }, "x_unknown"],
    [{ tools: [{ type: "function", function: { name: "f" } }, { type: "web_search" }] }, "tools[1]"],
    [{ tools: [{ type: "custom", custom: { name: "f" } }] }, "tools[0]"],
    [{ tools: [{ type: "function", function: { parameters: 7 } }] }, "tools[0]"],
    [{ tool_choice: { type: "allowed_tools" } }, "tool_choice"],
    [{ stop: [7] }, "stop"],
    [{ max_tokens: 0 }, "max_tokens"],
    [{ response_format: { type: "grammar" } }, "response_format"],
    [{ response_format: { type: "json_schema" } }, "response_format"],
    [{ reasoning_effort: "extreme" }, "reasoning_effort"],
    [{ reasoning_effort: 7 }, "reasoning_effort"],
    [{ messages: [{ role: "user", content: [{ type: "input_audio", input_audio: {} }] }] }, "messages[0].content[0]"],
    [{ messages: [{ role: "user", content: [{ type: "file", file: { file_id: "f" } }] }] }, "messages[0].content[0]"],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "gs://a/b" } }] }] },
      "messages[0].content[0]"
    ],
    [{ messages: [{ role: "assistant", audio: { id: "a" } }] }, "messages[0].audio"],
    [{ messages: [{ role: "user", content: "x", name: "ann" }] }, "messages[0].name"],
    [{ messages: [{ role: "critic", content: "x" }] }, "messages[0].role"],
    [{ messages: [{ role: "assistant", tool_calls: [{ type: "custom", id: "a" }] }] }, "messages[0].tool_calls[0]"],
    [{ messages: [{ role: "assistant", tool_calls: "x" }] }, "messages[0].tool_calls"]
  ]
  it.each(meanings)("%j is a meaning", (body, path) => {
    assert.deepStrictEqual(
      asked(body).meanings.map((meaning) => meaning.path),
      [path]
    )
  })

  it("what says nothing is neither", () => {
    const read = asked({ n: 1, logprobs: false, top_logprobs: null, modalities: ["text"], seed: null, x: null })
    assert.deepStrictEqual([read.hints, read.meanings], [[], []])
  })

  it("of what our own answers hold, nothing is a meaning", () => {
    const read = asked({
      messages: [
        user,
        {
          role: "assistant",
          content: "so",
          refusal: null,
          audio: null,
          annotations: [{ type: "url_citation" }],
          reasoning_content: "hm",
          reasoning_details: [{ type: "reasoning.text", text: "hm", signature: "s" }],
          thinking_blocks: [{ type: "thinking", thinking: "hm", signature: "s" }],
          images: [{ type: "image_url", image_url: { url: "data:image/png;base64,iVBO" } }],
          extra_content: { relay: { signature: "er1.nobody.s" } }
        }
      ]
    })
    assert.deepStrictEqual(read.meanings, [])
    assert.deepStrictEqual(
      read.turns[1]!.parts.map(({ _tag }) => _tag),
      ["Reasoning", "Text", "Image"]
    )
  })

  it("does not throw on anything that is accepted", () => {
    const field = fc.constantFrom(
      "tools",
      "functions",
      "tool_choice",
      "function_call",
      "stop",
      "response_format",
      "reasoning_effort",
      "max_tokens",
      "stream_options",
      "n",
      "x"
    )
    const inMessage = fc.constantFrom(
      "content",
      "tool_calls",
      "function_call",
      "images",
      "audio",
      "refusal",
      "reasoning_details",
      "thinking_blocks",
      "extra_content",
      "tool_call_id",
      "name"
    )
    const role = fc.constantFrom("system", "developer", "user", "assistant", "tool", "function", "x")
    const type = fc.constantFrom("text", "image_url", "file", "refusal", "thinking", "function", "x")
    const value = fc.jsonValue({ maxDepth: 2 })
    const odd = fc.oneof(
      value,
      fc.array(fc.record({ type, text: value, function: value, image_url: value }), { maxLength: 3 })
    )
    const message = fc
      .tuple(role, fc.dictionary(inMessage, odd, { maxKeys: 4 }))
      .map(([role, fields]) => ({ content: "x", ...fields, role }) as JsonObject)
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 3 }),
        fc.dictionary(field, odd, { maxKeys: 4 }),
        (messages, fields) => {
          let request
          try {
            request = parse({ ...fields, messages })
          } catch {
            return
          }
          request.asked()
        }
      ),
      { numRuns: 500 }
    )
  })
})
