import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { anthropicClient, type Asked } from "#src/dialect/index"
import { least, messages } from "./kit.ts"

const parse = (body: unknown, parameter = "") =>
  anthropicClient.parse(
    { parameter, query: "", headers: {}, body: typeof body === "string" ? body : JSON.stringify(body) },
    { maxMessage: 0, defaultModel: "" }
  )

const faultsOf = (body: unknown, parameter = "") => {
  const parsed = parse(body, parameter)
  if (Result.isSuccess(parsed)) return []
  if (parsed.failure._tag !== "InvalidRequest") return [parsed.failure._tag]
  return parsed.failure.details?.map(({ code, field, message }) => `${field} ${code}: ${message}`)
}

const content = (block: unknown) => ({ ...least, messages: [{ role: "user", content: [block] }] })
const asked = (more: object): Asked => messages({ ...least, ...more }).asked()
const blocks = (...said: ReadonlyArray<object>) => asked({ messages: [{ role: "user", content: said }] })

describe("a request for a message", () => {
  it("is read as what is looked at", () => {
    const body = { ...least, stream: true, output_config: { format: { type: "json_schema", schema: {} } } }
    expect(messages(body, { query: "beta=true" })).toMatchObject({
      dialect: "anthropic",
      operation: "generate",
      model: "m",
      delivery: "stream",
      includeUsage: true,
      choices: 1,
      timeoutMillis: undefined,
      json: true,
      asking: { query: "beta=true" },
      body,
      messageLength: 2
    })
    expect(messages(least)).toMatchObject({ delivery: "whole", json: false })
  })

  it("is read as a count by its route, which needs no number of tokens", () => {
    const { max_tokens: _, ...counted } = least
    expect(messages({ ...counted, stream: true }, { parameter: "count_tokens" })).toMatchObject({
      operation: "count",
      delivery: "whole"
    })
    expect(faultsOf(counted)).toEqual(["max_tokens required: is required"])
    expect(faultsOf({ model: "m" }, "count_tokens")).toEqual(["messages required: is required"])
  })

  it.each([
    ["", "BadRequestBody"],
    ["{nope", "BadRequestBody"],
    ["[]", "BadRequestBody"]
  ])("that is no JSON object is refused: %j", (body, tag) => {
    expect(faultsOf(body)).toEqual([tag])
  })

  it("is told all that is wrong with it at once", () => {
    expect(faultsOf({})).toEqual([
      "model required: is required",
      "max_tokens required: is required",
      "messages required: is required"
    ])
    expect(
      faultsOf({ model: "", max_tokens: -1, messages: [], system: 1, stream: "yes", tools: {}, temperature: "0" })
    ).toEqual([
      "model too_short: must not be empty",
      "max_tokens too_small: must not be negative",
      "messages too_short: must not be empty",
      "system type: expected a string or an array, got a number",
      "stream type: expected a boolean, got a string",
      "temperature type: expected a number, got a string",
      "tools type: expected an array, got an object"
    ])
  })

  it.each([
    [{ ...least, max_tokens: 1.5 }, "max_tokens type: expected an integer, got a number"],
    [{ ...least, messages: "Hi" }, "messages type: expected an array, got a string"],
    [{ ...least, messages: ["Hi"] }, "messages[0] type: expected an object, got a string"],
    [{ ...least, messages: [{ content: "Hi" }] }, "messages[0].role required: is required"],
    [
      { ...least, messages: [{ role: "tool", content: "Hi" }] },
      "messages[0].role invalid_value: expected user, assistant or system"
    ],
    [{ ...least, messages: [{ role: "user" }] }, "messages[0].content required: is required"],
    [
      { ...least, messages: [{ role: "user", content: null }] },
      "messages[0].content type: expected a string or an array, got null"
    ],
    [content("Hi"), "messages[0].content[0] type: expected an object, got a string"],
    [content({}), "messages[0].content[0].type required: is required"],
    [content({ type: "text" }), "messages[0].content[0].text required: is required"],
    [content({ type: "image", source: "x" }), "messages[0].content[0].source type: expected an object, got a string"],
    [content({ type: "thinking", thinking: "t" }), "messages[0].content[0].signature required: is required"],
    [content({ type: "tool_use", id: "t", name: "n" }), "messages[0].content[0].input required: is required"],
    [
      content({ type: "tool_result", tool_use_id: "t", content: [{ type: "text" }] }),
      "messages[0].content[0].content[0].text required: is required"
    ],
    [{ ...least, system: [{ type: "text" }] }, "system[0].text required: is required"],
    [{ ...least, stop_sequences: ["a", 1] }, "stop_sequences[1] type: expected a string, got a number"],
    [{ ...least, tools: [1] }, "tools[0] type: expected an object, got a number"],
    [{ ...least, tools: [{ name: "n" }] }, "tools[0].input_schema required: is required"],
    [{ ...least, tool_choice: { type: "tool" } }, "tool_choice.name required: is required"],
    [{ ...least, thinking: { type: "enabled" } }, "thinking.budget_tokens required: is required"],
    [{ ...least, output_config: { effort: 1 } }, "output_config.effort type: expected a string, got a number"]
  ])("%j is refused by path", (body, fault) => {
    expect(faultsOf(body)).toEqual([fault])
  })

  it("S6: with a name of a model longer than any is refused", () => {
    expect(faultsOf({ ...least, model: "m".repeat(257) })).toEqual([
      "model too_long: must be at most 256 characters long"
    ])
    expect(faultsOf({ ...least, model: "\u{1F600}".repeat(256) })).toEqual([])
  })

  it("takes what it does not know, and null for what is left out", () => {
    for (const body of [
      { ...least, x_unknown: 1, system: null, tools: null, temperature: null, thinking: null },
      content({ type: "x_unknown" }),
      { ...least, tools: [{ type: "web_search_20250305", name: "web_search" }] },
      { ...least, messages: [{ role: "system", content: "Hi" }] },
      { ...least, max_tokens: 0 }
    ]) {
      expect(faultsOf(body)).toEqual([])
    }
  })

  it("is about as many tokens as its texts and tools, whatever is base64 in it", () => {
    const { inputEstimate } = messages({
      ...least,
      system: "x".repeat(40),
      messages: [
        { role: "user", content: "y".repeat(40) },
        {
          role: "user",
          content: [
            { type: "text", text: "z".repeat(40) },
            { type: "tool_result", tool_use_id: "t", content: "w".repeat(40) }
          ]
        }
      ]
    })
    expect(inputEstimate()).toBe(40)
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "A".repeat(1e6) } }
    expect(messages(content(image)).inputEstimate()).toBe(1568)
    const tools = [{ name: "n", input_schema: { type: "object", description: "d".repeat(400) } }]
    expect(messages({ ...least, tools }).inputEstimate()).toBeGreaterThan(100)
  })
})

describe("a request for a message in words that all dialects share", () => {
  it("has its system text and its turns", () => {
    const both = asked({
      system: [
        { type: "text", text: "One." },
        { type: "text", text: "Two." }
      ],
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content: [{ type: "text", text: "Hello" }] },
        { role: "system", content: "In French." }
      ]
    })
    expect(both.system).toEqual([
      { _tag: "Text", text: "One." },
      { _tag: "Text", text: "Two." }
    ])
    expect(both.turns).toEqual([
      { role: "user", parts: [{ _tag: "Text", text: "Hi" }] },
      { role: "assistant", parts: [{ _tag: "Text", text: "Hello" }] },
      { role: "system", parts: [{ _tag: "Text", text: "In French." }] }
    ])
    expect(asked({ system: "One." }).system).toEqual([{ _tag: "Text", text: "One." }])
    expect(both.meanings).toEqual([])
    expect(both.maxTokens).toBe(100)
  })

  it("has images and documents", () => {
    const path = (i: number) => `messages[0].content[${i}]`
    expect(
      blocks(
        { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } },
        { type: "image", source: { type: "url", url: "https://a.example/a" } },
        { type: "document", source: { type: "base64", media_type: "application/pdf", data: "BBBB" }, title: "b.pdf" },
        {
          type: "document",
          source: { type: "text", media_type: "text/plain", data: "Grüße" },
          citations: { enabled: false }
        }
      )
    ).toMatchObject({
      turns: [
        {
          parts: [
            { _tag: "Image", path: path(0), mediaType: "image/png", source: { base64: "AAAA" } },
            { _tag: "Image", path: path(1), mediaType: undefined, source: { url: "https://a.example/a" } },
            { _tag: "File", path: path(2), mediaType: "application/pdf", name: "b.pdf", base64: "BBBB" },
            {
              _tag: "File",
              path: path(3),
              mediaType: "text/plain",
              name: undefined,
              base64: Buffer.from("Grüße").toString("base64")
            }
          ]
        }
      ],
      meanings: []
    })
  })

  it("has calls, results, and reasoning with who signed it", () => {
    const signed = (signature: string, thinking = "t") => ({ type: "thinking", thinking, signature })
    const { turns } = asked({
      messages: [
        {
          role: "assistant",
          content: [
            signed("sig"),
            signed("er1.openai.abc"),
            signed("er1.openai."),
            signed("er1.nobody.abc"),
            { type: "redacted_thinking", data: "xyz" },
            { type: "redacted_thinking", data: "er1.openai.xyz" },
            { type: "tool_use", id: "c1", name: "get", input: { x: [1] }, caller: { type: "direct" } },
            // What was given as a call's signature is that call's again.
            signed("er1.openai.of-call", ""),
            { type: "tool_use", id: "c2", name: "get", input: {} },
            signed("er1.openai.not-of-call", "Hm")
          ]
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "c1", content: "sunny" },
            { type: "tool_result", tool_use_id: "c2", content: [{ type: "text", text: "bad" }], is_error: true },
            { type: "tool_result", tool_use_id: "c3" }
          ]
        }
      ]
    })
    const thought = (by: string, value: string, sealed = false, text = "t") => ({
      _tag: "Reasoning",
      text,
      signed: { by, value, sealed }
    })
    expect(turns[0]!.parts).toEqual([
      thought("anthropic", "sig"),
      thought("openai", "abc"),
      { _tag: "Reasoning", text: "t", signed: undefined },
      // Whoever that is: it is nobody else's.
      thought("nobody", "abc"),
      thought("anthropic", "xyz", true, ""),
      thought("openai", "xyz", true, ""),
      {
        _tag: "ToolCall",
        path: "messages[0].content[6]",
        id: "c1",
        name: "get",
        input: '{"x":[1]}',
        signed: { by: "openai", value: "of-call" }
      },
      { _tag: "ToolCall", path: "messages[0].content[8]", id: "c2", name: "get", input: "{}", signed: undefined },
      thought("openai", "not-of-call", false, "Hm")
    ])
    const result = (i: number, id: string, parts: ReadonlyArray<object>, failed = false) => ({
      _tag: "ToolResult",
      path: `messages[1].content[${i}]`,
      id,
      name: undefined,
      parts,
      failed
    })
    expect(turns[1]!.parts).toEqual([
      result(0, "c1", [{ _tag: "Text", text: "sunny" }]),
      result(1, "c2", [{ _tag: "Text", text: "bad" }], true),
      result(2, "c3", [])
    ])
  })

  it("has tools and how they are chosen", () => {
    const schema = { type: "object" }
    const said = asked({
      tools: [
        { name: "get", description: "Gets", input_schema: schema, strict: true, eager_input_streaming: true },
        { type: "custom", name: "put", input_schema: schema, allowed_callers: ["direct"], defer_loading: false }
      ]
    })
    expect(said.tools).toEqual([
      { path: "tools[0]", name: "get", description: "Gets", schema, strict: true },
      { path: "tools[1]", name: "put", description: undefined, schema, strict: undefined }
    ])
    expect(said.meanings).toEqual([])
    for (const [choice, expected] of [
      [{ type: "auto" }, "auto"],
      [{ type: "any" }, "required"],
      [{ type: "none" }, "none"],
      [{ type: "tool", name: "get" }, { name: "get" }]
    ] as const) {
      expect(asked({ tool_choice: choice })).toMatchObject({ toolChoice: expected, oneCallAtATime: false })
    }
    expect(asked({ tool_choice: { type: "auto", disable_parallel_tool_use: true } }).oneCallAtATime).toBe(true)
  })

  it.each([
    [{}, undefined],
    [{ thinking: { type: "disabled" } }, { path: "thinking", level: "none" }],
    [
      { thinking: { type: "disabled" }, output_config: { effort: "high" } },
      { path: "thinking", level: "none" }
    ],
    [{ thinking: { type: "adaptive" } }, { path: "thinking", level: "medium" }],
    [{ thinking: { type: "enabled", budget_tokens: 2047 } }, { path: "thinking", level: "low" }],
    [{ thinking: { type: "enabled", budget_tokens: 2048 } }, { path: "thinking", level: "medium" }],
    [{ thinking: { type: "enabled", budget_tokens: 8191 } }, { path: "thinking", level: "medium" }],
    [{ thinking: { type: "enabled", budget_tokens: 8192 } }, { path: "thinking", level: "high" }],
    [{ output_config: { effort: "xhigh" } }, { path: "output_config.effort", level: "xhigh" }],
    [
      { thinking: { type: "enabled", budget_tokens: 1024 }, output_config: { effort: "max" } },
      { path: "output_config.effort", level: "max" }
    ]
  ])("has an effort: %j", (more, effort) => {
    expect(asked(more).effort).toEqual(effort)
    expect(asked(more).meanings).toEqual([])
  })

  it("has sequences to stop at, and the schema of its output", () => {
    expect(asked({ stop_sequences: ["END"] }).stop).toEqual({ path: "stop_sequences", sequences: ["END"] })
    expect(asked({ stop_sequences: [] }).stop).toBe(undefined)
    const schema = { type: "object" }
    const json = { _tag: "Json", schema, name: undefined, strict: undefined }
    expect(asked({ output_config: { format: { type: "json_schema", schema } } }).format).toEqual({
      ...json,
      path: "output_config.format"
    })
    expect(asked({ output_format: { type: "json_schema", schema } }).format).toEqual({ ...json, path: "output_format" })
    expect(asked({}).format).toEqual({ _tag: "Text" })
  })

  it("has hints by path", () => {
    const cached = { cache_control: { type: "ephemeral" } }
    const { hints, meanings } = asked({
      temperature: 0.5,
      top_p: 0.9,
      top_k: 5,
      service_tier: "auto",
      speed: "fast",
      inference_geo: "us",
      ...cached,
      metadata: { user_id: "u", x: 1 },
      system: [{ type: "text", text: "s", ...cached }],
      tools: [{ name: "n", input_schema: {}, ...cached }],
      messages: [{ role: "user", content: [{ type: "text", text: "t", ...cached }] }]
    })
    expect(hints.map(({ name, path }) => [name, path])).toEqual([
      ["temperature", "temperature"],
      ["topP", "top_p"],
      ["topK", "top_k"],
      ["serviceTier", "service_tier"],
      ["speed", "speed"],
      ["inferenceGeo", "inference_geo"],
      ["cacheControl", "cache_control"],
      ["user", "metadata.user_id"],
      ["metadata", "metadata"],
      ["cacheControl", "system[0].cache_control"],
      ["cacheControl", "messages[0].content[0].cache_control"],
      ["cacheControl", "tools[0].cache_control"]
    ])
    expect(meanings).toEqual([])
  })

  it.each([
    [{ x_unknown: 1 }, "x_unknown"],
    [{ container: "c" }, "container"],
    [{ mcp_servers: [] }, "mcp_servers"],
    [{ context_management: {} }, "context_management"],
    [{ output_config: { x: 1 } }, "output_config.x"],
    [{ tools: [{ type: "web_search_20250305", name: "web_search" }] }, "tools[0]"],
    [{ tools: [{ name: "n", input_schema: {}, defer_loading: true }] }, "tools[0].defer_loading"],
    [{ tools: [{ name: "n", input_schema: {}, input_examples: [{}] }] }, "tools[0].input_examples"],
    [
      { tools: [{ name: "n", input_schema: {}, allowed_callers: ["code_execution_20250825"] }] },
      "tools[0].allowed_callers"
    ]
  ])("has meanings by path: %j", (more, path) => {
    expect(asked(more).meanings.map((meaning) => meaning.path)).toEqual([path])
  })

  it.each([
    [{ type: "image", source: { type: "file", file_id: "f" } }, ""],
    [{ type: "image", source: { type: "url", url: "https://a" }, transformations: {} }, ".transformations"],
    [{ type: "document", source: { type: "url", url: "https://a" } }, ""],
    [{ type: "document", source: { type: "content", content: [] } }, ""],
    [{ type: "document", source: { type: "text", data: "x" }, context: "c" }, ".context"],
    [{ type: "document", source: { type: "text", data: "x" }, citations: { enabled: true } }, ".citations"],
    [{ type: "search_result" }, ""],
    [{ type: "server_tool_use", id: "s" }, ""],
    [{ type: "x_unknown" }, ""],
    [{ type: "text", text: "x", citations: [{}] }, ".citations"],
    [{ type: "tool_use", id: "t", name: "n", input: {}, toolset_name: "browser" }, ""],
    [{ type: "tool_use", id: "t", name: "n", input: {}, caller: { type: "code_execution_20250825" } }, ""],
    [{ type: "tool_result", tool_use_id: "t", content: [{ type: "tool_reference" }] }, ".content[0]"]
  ])("has meanings in blocks: %j", (block, path) => {
    expect(blocks(block).meanings.map((meaning) => meaning.path)).toEqual([`messages[0].content[0]${path}`])
  })
})
