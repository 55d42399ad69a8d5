/**
 * What a dialect from outside makes of what is asked, by the example of Cohere's.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { Asked, EncodeRequest, JsonObject, Part } from "effect-resilience/dialect"
import { cohere } from "../../../examples/cohere/Cohere.ts"
import { askedWith, foreign, parse } from "../openai/kit.ts"

const encode = (asked: Partial<Asked>, more: Partial<EncodeRequest> = {}) =>
  cohere.encode({
    request: foreign(askedWith(asked)),
    model: "command-a",
    stream: true,
    continuation: undefined,
    params: {},
    refused: new Set(),
    drop: false,
    ...more
  })

const sent = (asked: Partial<Asked>, more: Partial<EncodeRequest> = {}) => {
  const { body, ...rest } = Result.getOrThrow(encode(asked, more))
  return { ...rest, body: JSON.parse(body) as JsonObject }
}

const text = (text: string): Part => ({ _tag: "Text", text })
const hi = { role: "user", content: "hi" }
const tool = (name: string, more: object = {}) => ({
  path: "tools[0]",
  name,
  description: undefined,
  schema: { type: "object" },
  strict: undefined,
  ...more
})
const spoken = (name: string) => ({ type: "function", function: { name, parameters: { type: "object" } } })

describe("a request to Cohere", () => {
  it("goes to its chat, with a bearer key", () => {
    const about = { baseUrl: "https://api.cohere.com/v2/", model: "m", stream: true, request: foreign(askedWith({})) }
    assert.strictEqual(cohere.endpoint(about), "https://api.cohere.com/v2/chat")
    assert.deepStrictEqual(cohere.headers("k", about.request), { authorization: "Bearer k" })
    assert.deepStrictEqual(cohere.headers(undefined, about.request), {})
  })

  const cases: ReadonlyArray<readonly [what: string, asked: Partial<Asked>, body: JsonObject]> = [
    ["a question", {}, { messages: [hi] }],
    [
      "its system, before and between",
      { system: [text("a"), text("b")], turns: [{ role: "system", parts: [text("c")] }] },
      {
        messages: [
          { role: "system", content: "ab" },
          { role: "system", content: "c" }
        ]
      }
    ],
    [
      "images of a user",
      {
        turns: [
          {
            role: "user",
            parts: [
              text("look"),
              { _tag: "Image", path: "p", mediaType: "image/png", source: { base64: "aGk=" } },
              { _tag: "Image", path: "p", mediaType: undefined, source: { url: "https://a.example/b.png" } }
            ]
          }
        ]
      },
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "look" },
              { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } },
              { type: "image_url", image_url: { url: "https://a.example/b.png" } }
            ]
          }
        ]
      }
    ],
    [
      "calls and their results, which come first",
      {
        turns: [
          {
            role: "assistant",
            parts: [
              text("I look."),
              { _tag: "Reasoning", text: "hm", signed: undefined },
              { _tag: "ToolCall", id: "c1", name: "find", input: '{"q":1}', signed: undefined },
              { _tag: "ToolCall", id: "c2", name: "find", input: "", signed: undefined }
            ]
          },
          {
            role: "user",
            parts: [
              text("and?"),
              { _tag: "ToolResult", path: "p", id: "c1", name: "find", parts: [text("42")], failed: false },
              { _tag: "ToolResult", path: "p", id: "c2", name: "find", parts: [text("gone")], failed: true }
            ]
          }
        ]
      },
      {
        messages: [
          {
            role: "assistant",
            content: "I look.",
            tool_calls: [
              { id: "c1", type: "function", function: { name: "find", arguments: '{"q":1}' } },
              { id: "c2", type: "function", function: { name: "find", arguments: "{}" } }
            ]
          },
          { role: "tool", tool_call_id: "c1", content: "42" },
          { role: "tool", tool_call_id: "c2", content: "Error: gone" },
          { role: "user", content: "and?" }
        ]
      }
    ],
    [
      "tools that need not be called",
      { tools: [tool("find", { description: "finds" })], toolChoice: "auto" },
      {
        messages: [hi],
        tools: [{ type: "function", function: { name: "find", description: "finds", parameters: { type: "object" } } }]
      }
    ],
    [
      "tools of which one must be called",
      { tools: [tool("find", { strict: true })], toolChoice: "required" },
      { messages: [hi], tools: [spoken("find")], tool_choice: "REQUIRED", strict_tools: true }
    ],
    [
      "one tool that must be called",
      { tools: [tool("find"), tool("seek")], toolChoice: { name: "seek" } },
      { messages: [hi], tools: [spoken("seek")], tool_choice: "REQUIRED" }
    ],
    [
      "tools that must not be called",
      { tools: [tool("find")], toolChoice: "none" },
      { messages: [hi], tools: [spoken("find")], tool_choice: "NONE" }
    ],
    [
      "limits, formats and efforts",
      {
        maxTokens: 10,
        stop: { path: "stop", sequences: ["a", "b"] },
        format: { _tag: "Json", path: "f", schema: { type: "object" }, name: undefined, strict: undefined },
        effort: { path: "reasoning_effort", level: "low" }
      },
      {
        messages: [hi],
        max_tokens: 10,
        stop_sequences: ["a", "b"],
        response_format: { type: "json_object", json_schema: { type: "object" } },
        thinking: { type: "enabled", token_budget: 1024 }
      }
    ],
    [
      "any JSON, and no thought",
      {
        format: { _tag: "Json", path: "f", schema: undefined, name: undefined, strict: undefined },
        effort: { path: "e", level: "none" }
      },
      { messages: [hi], response_format: { type: "json_object" }, thinking: { type: "disabled" } }
    ]
  ]

  it.each(cases)("carries %s", (_, asked, body) => {
    assert.deepStrictEqual(sent(asked), {
      body: { model: "command-a", stream: true, ...body },
      dropped: [],
      names: undefined
    })
  })

  it("carries the hints that it takes, and tells of all others", () => {
    const { body, dropped } = sent({
      hints: [
        { name: "temperature", path: "temperature", value: 0.5 },
        { name: "topP", path: "top_p", value: 0.9 },
        { name: "topK", path: "top_k", value: 9 },
        { name: "seed", path: "seed", value: 7 },
        { name: "presencePenalty", path: "presence_penalty", value: -1 },
        { name: "user", path: "user", value: "u" }
      ],
      tools: [tool("a", { strict: true }), tool("b", { path: "tools[1]" })],
      oneCallAtATime: true
    })
    assert.deepInclude(body, { temperature: 0.5, p: 0.9, k: 9, seed: 7 })
    assert.deepStrictEqual(dropped, ["presence_penalty", "user", "tools[0].strict", "parallel_tool_calls"])
  })

  it("has no words for meanings, files, other images and more stop sequences than it takes", () => {
    const asked: Partial<Asked> = {
      meanings: [{ path: "logprobs", value: true }],
      stop: { path: "stop", sequences: ["1", "2", "3", "4", "5", "6"] },
      turns: [
        {
          role: "user",
          parts: [
            { _tag: "File", path: "a", mediaType: "application/pdf", name: undefined, base64: "" },
            { _tag: "Image", path: "b", mediaType: undefined, source: { url: "ftp://a.example" } },
            {
              _tag: "ToolResult",
              path: "c",
              id: "1",
              name: undefined,
              parts: [{ _tag: "Image", path: "c[0]", mediaType: "image/png", source: { base64: "" } }],
              failed: false
            }
          ]
        }
      ]
    }
    const fields = ["logprobs", "stop", "a", "b", "c[0]"]
    assert.deepStrictEqual(cohere.unsaid(foreign(askedWith(asked)), "m"), fields)
    const { details, message } = Result.getOrThrow(Result.flip(encode(asked)))
    assert.strictEqual(message, "Cohere has no words for logprobs, stop, a, b, c[0]")
    assert.deepStrictEqual(
      details?.map(({ field }) => field),
      fields
    )
    // A channel that says `onUnsupported: drop` is asked without them.
    const { body, dropped } = sent(asked, { drop: true })
    assert.deepStrictEqual(dropped, fields)
    assert.deepStrictEqual(body["stop_sequences"], ["1", "2", "3", "4", "5"])
  })

  it("leaves out what was refused, and tells whose it was", () => {
    const asked: Partial<Asked> = {
      hints: [{ name: "topP", path: "generationConfig.topP", value: 0.5 }],
      effort: { path: "reasoning_effort", level: "high" }
    }
    assert.isTrue(cohere.refusable(foreign(askedWith(asked))).includes("p"))
    const { body, dropped } = sent(asked, { refused: new Set(["p", "thinking"]) })
    assert.deepStrictEqual(Object.keys(body), ["model", "messages", "stream"])
    assert.deepStrictEqual(dropped, ["generationConfig.topP", "reasoning_effort"])
  })

  it("takes the channel's params over all but whether it streams", () => {
    const { body } = sent(
      { maxTokens: 5 },
      { params: { max_tokens: null, safety_mode: "OFF", stream: true }, stream: false }
    )
    assert.deepStrictEqual(body, { model: "command-a", messages: [hi], safety_mode: "OFF", stream: false })
  })

  it("makes names fit, and says what they were", () => {
    const { body, names } = sent({ tools: [tool("a.b"), tool("a_b"), tool("9")] })
    const spoken = (body["tools"] as ReadonlyArray<{ readonly function: { readonly name: string } }>).map(
      (one) => one.function.name
    )
    assert.deepStrictEqual(spoken, ["a_b_2", "a_b", "_9"])
    assert.deepStrictEqual(
      names,
      new Map([
        ["a_b_2", "a.b"],
        ["_9", "9"]
      ])
    )
  })

  it("asks for the rest in words, within what is left of its tokens", () => {
    const partial = "The beginning of it"
    const { body } = sent({ maxTokens: 20 }, { continuation: { mode: "message", partial, prompt: "Go on: {partial}" } })
    assert.deepStrictEqual(body["messages"], [
      hi,
      { role: "assistant", content: partial },
      { role: "user", content: `Go on: ${partial}` }
    ])
    assert.strictEqual(body["max_tokens"], 15)
    assert.deepStrictEqual(cohere.continuations("command-a"), ["message"])
  })

  it("is made of what a client of chat completions wrote", () => {
    const request = parse({ messages: [{ role: "system", content: "s" }, hi], max_tokens: 3, n: 2, zzz: 1 })
    assert.deepStrictEqual(cohere.unsaid(request, "m"), ["n", "zzz"])
  })
})
