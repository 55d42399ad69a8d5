import { Result } from "effect"
import { describe, expect, it } from "vitest"
import {
  type AnswerRequest,
  anthropic,
  type Asked,
  type Hint,
  type Meaning,
  type Part,
  type Turn
} from "#src/dialect/index"
import { nothingAsked } from "#src/dialect/Request"
import { encoded, encoding } from "./kit.ts"

const hi: Asked = {
  ...nothingAsked,
  turns: [{ role: "user", parts: [{ _tag: "Text", text: "Hi" }] }]
}

/** What a client of another dialect asks. */
const asking = (more: Partial<Asked>): AnswerRequest => ({
  dialect: "openai",
  operation: "generate",
  model: "m",
  delivery: "stream",
  includeUsage: false,
  choices: 1,
  timeoutMillis: undefined,
  json: false,
  asking: { parameter: "", query: "", headers: {}, body: "" },
  body: {},
  messageLength: 0,
  inputEstimate: () => 0,
  asked: () => ({ ...hi, ...more })
})

const text = (said: string): Part => ({ _tag: "Text", text: said })
const turn = (role: Turn["role"], ...parts: ReadonlyArray<Part>): Turn => ({ role, parts })
const call = (id: string, name: string, input: string, path?: string): Part => ({
  _tag: "ToolCall",
  id,
  name,
  input,
  signed: undefined,
  ...(path === undefined ? {} : { path })
})
const result = (id: string, said: string, failed = false): Part => ({
  _tag: "ToolResult",
  path: "messages[2]",
  id,
  name: undefined,
  parts: [text(said)],
  failed
})

const turnsOf = (...turns: ReadonlyArray<Turn>) => encoded(asking({ turns })).body["messages"]
const parts = (...said: ReadonlyArray<Part>) => turnsOf(turn("user", ...said))
const body = (more: Partial<Asked>, model = "m") => {
  const {
    max_tokens: _,
    messages: _messages,
    model: _model,
    stream: _stream,
    ...rest
  } = encoded(asking(more), { model }).body
  return rest
}
const unsaid = (more: Partial<Asked>) => anthropic.unsaid(asking(more), "m")

describe("a conversation in Anthropic's words", () => {
  it("has its system text apart, and what stands later in its place, as the user's", () => {
    expect(body({ system: [text("One.")] })).toEqual({ system: "One." })
    expect(body({ system: [text("One."), text(""), text("Two.")] })).toEqual({
      system: [
        { type: "text", text: "One." },
        { type: "text", text: "Two." }
      ]
    })
    expect(body({ system: [text(" ")] })).toEqual({})
    expect(turnsOf(turn("user", text("a")), turn("assistant", text("b")), turn("system", text("c")))).toEqual([
      { role: "user", content: "a" },
      { role: "assistant", content: "b" },
      { role: "user", content: "c" }
    ])
  })

  it("has turns that alternate, and no text without a word", () => {
    expect(
      turnsOf(
        turn("user", text("a")),
        turn("user", text("b"), text("")),
        turn("assistant", text("\n")),
        turn("system", text("c")),
        turn("assistant", text("d"), text("e")),
        turn("assistant"),
        turn("user", text("f"))
      )
    ).toEqual([
      { role: "user", content: ["a", "b", "c"].map((said) => ({ type: "text", text: said })) },
      { role: "assistant", content: ["d", "e"].map((said) => ({ type: "text", text: said })) },
      { role: "user", content: "f" }
    ])
  })

  it("has calls with their input as an object, and results before all else that the user says", () => {
    expect(
      turnsOf(
        turn("user", text("Weather?")),
        turn("assistant", text("Let me look."), call("c1", "get", '{"x":1}'), call("c2", "get", "")),
        turn("user", text("And hurry.")),
        turn("user", result("c1", "sunny")),
        turn("user", result("c2", "none", true), text("Well?"))
      )
    ).toEqual([
      { role: "user", content: "Weather?" },
      {
        role: "assistant",
        content: [
          { type: "text", text: "Let me look." },
          { type: "tool_use", id: "c1", name: "get", input: { x: 1 } },
          { type: "tool_use", id: "c2", name: "get", input: {} }
        ]
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "c1", content: "sunny" },
          { type: "tool_result", tool_use_id: "c2", content: "none", is_error: true },
          { type: "text", text: "And hurry." },
          { type: "text", text: "Well?" }
        ]
      }
    ])
  })

  it("has an id of a call only once, and each result with its call", () => {
    const again = (...results: ReadonlyArray<Part>) => [
      turn("assistant", call("call_0", "get", '{"x":1}'), call("call_0_2", "get", "")),
      ...results.map((one) => turn("user", one))
    ]
    const both = [result("call_0", "one"), result("call_0_2", "two")]
    const ids = (...turns: ReadonlyArray<Turn>) =>
      (turnsOf(...turns) as ReadonlyArray<{ readonly content: ReadonlyArray<Record<string, unknown>> }>).map(
        ({ content }) => content.map((block) => block["id"] ?? block["tool_use_id"] ?? block["text"])
      )
    expect(ids(...again(...both), ...again(...both), ...again(both[1]!, both[0]!))).toEqual([
      ["call_0", "call_0_2"],
      ["call_0", "call_0_2"],
      ["call_0_3", "call_0_2_2"],
      ["call_0_3", "call_0_2_2"],
      ["call_0_4", "call_0_2_3"],
      ["call_0_2_3", "call_0_4"]
    ])
    const twice = turn("assistant", call("a", "get", ""), call("a", "get", ""))
    expect(ids(twice, turn("user", result("a", "one")), turn("user", result("a", "two")))).toEqual([
      ["a", "a_2"],
      ["a", "a_2"]
    ])
    // One that was not answered in its turn is answered no more.
    const once = turn("assistant", call("a", "get", ""))
    const well = turn("user", text("?"), text("!"))
    expect(ids(once, well, once, turn("user", result("a", "two"), result("a", "three")))).toEqual([
      ["a"],
      ["?", "!"],
      ["a_2"],
      ["a_2", "a_2"]
    ])
  })

  it("has no input where the arguments are no object, and tells it", () => {
    for (const input of ["{nope", "[1]", "null", '"x"']) {
      const turns = [turn("assistant", call("c1", "get", input, "messages[1].tool_calls[0]"))]
      const made = encoded(asking({ turns }))
      expect(made.body["messages"]).toMatchObject([{ content: [{ input: {} }] }])
      expect(made.dropped).toEqual(["messages[1].tool_calls[0]"])
    }
    const unknown = encoded(asking({ turns: [turn("assistant", call("c1", "get", "{nope"))] }))
    expect(unknown.dropped).toEqual(["tool_calls"])
  })

  it("has results with all that they hold", () => {
    const image: Part = { _tag: "Image", path: "p", mediaType: "image/png", source: { base64: "AAAA" } }
    const held = (said: ReadonlyArray<Part>) =>
      parts({ _tag: "ToolResult", path: "p", id: "c", name: "get", parts: said, failed: false })
    expect(held([])).toEqual([{ role: "user", content: [{ type: "tool_result", tool_use_id: "c" }] }])
    expect(held([text("a"), image])).toMatchObject([
      {
        content: [
          {
            content: [
              { type: "text", text: "a" },
              { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } }
            ]
          }
        ]
      }
    ])
  })

  it("has images by URL and inline, of the four kinds", () => {
    const image = (
      mediaType: string | undefined,
      source: Extract<Part, { readonly _tag: "Image" }>["source"]
    ): Part => ({
      _tag: "Image",
      path: "messages[0].content[0]",
      mediaType,
      source
    })
    expect(parts(image(undefined, { url: "https://a.example/a.png" }))).toEqual([
      { role: "user", content: [{ type: "image", source: { type: "url", url: "https://a.example/a.png" } }] }
    ])
    for (const [mediaType, base64, media_type] of [
      ["image/jpeg", "AAAA", "image/jpeg"],
      ["IMAGE/PNG; x=1", "AAAA", "image/png"],
      [undefined, "iVBORw0KGgo", "image/png"],
      [undefined, "/9j/4AAQ", "image/jpeg"],
      [undefined, "R0lGODlh", "image/gif"],
      [undefined, "UklGRg", "image/webp"]
    ] as const) {
      expect(parts(image(mediaType, { base64 }))).toEqual([
        { role: "user", content: [{ type: "image", source: { type: "base64", media_type, data: base64 } }] }
      ])
    }
    for (const part of [
      image("image/bmp", { base64: "AAAA" }),
      image(undefined, { base64: "AAAA" }),
      image(undefined, { url: "http://a.example/a.png" })
    ]) {
      expect(unsaid({ turns: [turn("user", part)] })).toEqual(["messages[0].content[0]"])
    }
    expect(unsaid({ turns: [turn("assistant", image("image/png", { base64: "AAAA" }))] })).toEqual([
      "messages[0].content[0]"
    ])
  })

  it("has PDFs and texts as documents", () => {
    const file = (mediaType: string | undefined, base64: string, name?: string): Part => ({
      _tag: "File",
      path: "messages[0].content[0]",
      mediaType,
      name,
      base64
    })
    const pdf = { type: "base64", media_type: "application/pdf" }
    expect(parts(file("application/pdf", "AAAA", "a.pdf"), file(undefined, "JVBERi0"))).toEqual([
      {
        role: "user",
        content: [
          { type: "document", source: { ...pdf, data: "AAAA" }, title: "a.pdf" },
          { type: "document", source: { ...pdf, data: "JVBERi0" } }
        ]
      }
    ])
    expect(parts(file("text/markdown", Buffer.from("# Grüße").toString("base64")))).toEqual([
      {
        role: "user",
        content: [{ type: "document", source: { type: "text", media_type: "text/plain", data: "# Grüße" } }]
      }
    ])
    expect(unsaid({ turns: [turn("user", file("application/zip", "AAAA"))] })).toEqual(["messages[0].content[0]"])
  })

  it("has the reasoning that Anthropic signed, and no other", () => {
    const thought = (by: "anthropic" | "openai" | undefined, sealed = false, value = "sig"): Part => ({
      _tag: "Reasoning",
      text: "hm",
      signed: by === undefined ? undefined : { by, value, sealed }
    })
    expect(
      turnsOf(
        turn("user", text("a")),
        turn(
          "assistant",
          thought("anthropic"),
          thought("anthropic", true, "xyz"),
          thought("openai"),
          thought("openai", true),
          thought(undefined),
          thought("anthropic", false, ""),
          text("b")
        )
      )
    ).toMatchObject([
      {},
      {
        content: [
          { type: "thinking", thinking: "hm", signature: "sig" },
          { type: "redacted_thinking", data: "xyz" },
          { type: "text", text: "b" }
        ]
      }
    ])
  })

  it("has what was refused as text", () => {
    expect(turnsOf(turn("assistant", { _tag: "Refusal", text: "I can't." }))).toEqual([
      { role: "assistant", content: "I can't." }
    ])
  })
})

describe("tools in Anthropic's words", () => {
  const closed = { type: "object", properties: {}, additionalProperties: false }
  const tool = (name: string, more: Partial<Asked["tools"][number]> = {}) => ({
    path: "tools[0]",
    name,
    description: undefined,
    schema: { type: "object", properties: {} },
    strict: undefined,
    ...more
  })

  it("have their schema, description and strictness", () => {
    const tools = [tool("get", { description: "Gets", strict: true }), tool("put", { schema: {} })]
    expect(body({ tools })).toEqual({
      tools: [
        { name: "get", description: "Gets", input_schema: closed, strict: true },
        { name: "put", input_schema: { type: "object" } }
      ]
    })
  })

  it("are not strict where that cannot be said of their schema, and so not asked for", () => {
    const schema = { type: "object", additionalProperties: { type: "string" } }
    const tools = [tool("get", { schema, strict: true }), tool("put", { schema, strict: false, path: "tools[1]" })]
    expect(unsaid({ tools })).toEqual(["tools[0].function.strict"])
    const made = encoded(asking({ tools }), { drop: true })
    expect(made.dropped).toEqual(["tools[0].function.strict"])
    expect(made.body["tools"]).toEqual([
      { name: "get", input_schema: schema },
      { name: "put", input_schema: schema, strict: false }
    ])
  })

  it.each([
    [undefined, false, undefined],
    ["auto", false, { type: "auto" }],
    ["none", true, { type: "none" }],
    ["required", false, { type: "any" }],
    [{ name: "get" }, false, { type: "tool", name: "get" }],
    [undefined, true, { type: "auto", disable_parallel_tool_use: true }],
    ["required", true, { type: "any", disable_parallel_tool_use: true }],
    [{ name: "get" }, true, { type: "tool", name: "get", disable_parallel_tool_use: true }]
  ] as const)("are chosen by %j, one at a time %j: %j", (toolChoice, oneCallAtATime, said) => {
    expect(body({ tools: [tool("get")], toolChoice, oneCallAtATime })["tool_choice"]).toEqual(said)
    expect(body({ toolChoice, oneCallAtATime })).toEqual({})
  })

  it("have names and ids that are fit, everywhere the same, and are mapped back", () => {
    const long = "x".repeat(70)
    const request = asking({
      tools: ["a.b", "a_b", "a/b", long].map((name) => tool(name)),
      toolChoice: { name: "a.b" },
      turns: [
        turn("assistant", call("id:1", "a/b", "{}"), call("", "gone tool", "{}")),
        turn("user", result("id:1", "x"), result("", "y"), result("id_1", "z"))
      ]
    })
    const made = encoded(request)
    const names = (made.body["tools"] as ReadonlyArray<{ readonly name: string }>).map(({ name }) => name)
    expect(names).toEqual(["a_b_2", "a_b", "a_b_3", "x".repeat(64)])
    expect(made.body["tool_choice"]).toEqual({ type: "tool", name: "a_b_2" })
    expect(made.names).toEqual(
      new Map([
        ["a_b_2", "a.b"],
        ["a_b_3", "a/b"],
        ["x".repeat(64), long],
        ["gone_tool", "gone tool"]
      ])
    )
    const [assistant, user] = made.body["messages"] as ReadonlyArray<{ readonly content: ReadonlyArray<object> }>
    expect(assistant!.content).toMatchObject([
      { id: "id_1", name: "a_b_3" },
      { id: "unnamed", name: "gone_tool" }
    ])
    // An id that another one was made into is not taken for it.
    expect(user!.content).toMatchObject([
      { tool_use_id: "id_1" },
      { tool_use_id: "unnamed" },
      { tool_use_id: "id_1_2" }
    ])
    const decoder = anthropic.decoder({ body: "", dropped: [], names: made.names })
    const start = (id: string, name: string) =>
      decoder.step(
        "",
        JSON.stringify({
          type: "content_block_start",
          index: 0,
          content_block: { type: "tool_use", id, name, input: {} }
        })
      )
    expect(start("t", "a_b_3")).toMatchObject({ pieces: [{ _tag: "ToolCall", index: 0, id: "t", name: "a/b" }] })
    expect(start("u", "a_b")).toMatchObject({ pieces: [{ _tag: "ToolCall", index: 1, id: "u", name: "a_b" }] })
  })
})

describe("S3: what is large", () => {
  it("takes time by its size: calls, results, and names that are all to be made fit", () => {
    const many = Array.from(
      { length: 30_000 },
      (_, i) => String.fromCodePoint(0x4e00 + (i % 20_000)) + "é".repeat(i % 7)
    )
    const turns = [
      turn("assistant", ...many.map((id) => call(id, id, "{}"))),
      turn("user", ...many.map((id) => result(id, "x")))
    ]
    const same = many.map(() => "call_0")
    const counted = [
      turn("assistant", ...same.map((id) => call(id, "get", "{}"))),
      turn("user", ...same.map((id) => result(id, "x")))
    ]
    for (const all of [turns, counted]) {
      // Of the process's own time: others may be at work here.
      const started = process.cpuUsage()
      encoded(asking({ turns: all }))
      expect(process.cpuUsage(started).user / 1000).toBeLessThan(3000)
    }
  })
})

describe("what is asked of an answer, in Anthropic's words", () => {
  it("has a number of tokens", () => {
    expect(encoded(asking({ maxTokens: 7 })).body["max_tokens"]).toBe(7)
    expect(encoded(asking({})).body["max_tokens"]).toBe(8192)
  })

  it("has sequences to stop at, but none of white space alone", () => {
    expect(body({ stop: { path: "stop", sequences: ["END", "a "] } })).toEqual({ stop_sequences: ["END", "a "] })
    expect(unsaid({ stop: { path: "stop", sequences: ["END", "\n"] } })).toEqual(["stop"])
    expect(encoded(asking({ stop: { path: "stop", sequences: ["\n"] } }), { drop: true })).toMatchObject({
      dropped: ["stop"]
    })
  })

  it("is JSON by a schema, and not any JSON", () => {
    const schema = { type: "object", properties: {} }
    const json = (of: Asked["tools"][number]["schema"] | undefined): Partial<Asked> => ({
      format: { _tag: "Json", path: "response_format", schema: of, name: "x", strict: true }
    })
    expect(body(json(schema))).toEqual({
      output_config: { format: { type: "json_schema", schema: { ...schema, additionalProperties: false } } }
    })
    expect(unsaid(json(schema))).toEqual([])
    for (const any of [undefined, { type: "object" }, { ...schema, additionalProperties: true }]) {
      expect(unsaid(json(any))).toEqual(["response_format"])
      expect(encoded(asking(json(any)), { drop: true }).body).not.toHaveProperty("output_config")
    }
  })

  it.each([
    ["none", { thinking: { type: "disabled" } }],
    ["minimal", { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "low" } }],
    ["low", { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "low" } }],
    ["medium", { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "medium" } }],
    ["high", { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "high" } }],
    ["xhigh", { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "xhigh" } }],
    ["max", { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "max" } }]
  ] as const)("is thought about with effort %s", (level, said) => {
    expect(body({ effort: { path: "reasoning_effort", level } })).toEqual(said)
  })

  it("is not thought about where a call is forced, since Anthropic refuses the two together", () => {
    const tools = [{ path: "tools[0]", name: "get", description: undefined, schema: {}, strict: undefined }]
    const forced = body({ tools, toolChoice: "required", effort: { path: "reasoning_effort", level: "high" } })
    expect(forced["thinking"]).toBe(undefined)
    expect(forced["output_config"]).toEqual({ effort: "high" })
  })

  it("goes without the effort that a model has refused, and tells it by the client's path", () => {
    const made = encoded(asking({ effort: { path: "reasoning_effort", level: "high" } }), {
      refused: new Set(["thinking", "output_config.effort"])
    })
    expect(made.body).not.toHaveProperty("thinking")
    expect(made.body).not.toHaveProperty("output_config")
    expect(made.dropped).toEqual(["reasoning_effort"])
  })

  const hint = (name: Hint["name"], value: unknown): Hint => ({ name, path: `the.${name}`, value })

  it.each([
    ["temperature", 0.7, { temperature: 0.7 }],
    ["topP", 0.9, { top_p: 0.9 }],
    ["topK", 40, { top_k: 40 }],
    ["user", "u1", { metadata: { user_id: "u1" } }],
    ["safetyIdentifier", "s1", { metadata: { user_id: "s1" } }],
    ["serviceTier", "auto", { service_tier: "auto" }]
  ] as const)("carries the hint %s", (name, value, said) => {
    const made = encoded(asking({ hints: [hint(name, value)] }))
    expect(made.body).toMatchObject(said)
    expect(made.dropped).toEqual([])
    expect(encoded(asking({ hints: [hint(name, value)] }), { refused: new Set(Object.keys(said)) })).toMatchObject({
      dropped: [`the.${name}`]
    })
  })

  it.each([
    ["temperature", 1.5],
    ["serviceTier", "flex"],
    ["presencePenalty", 1],
    ["frequencyPenalty", 1],
    ["seed", 1],
    ["metadata", { a: "b" }],
    ["store", true],
    ["cacheControl", {}],
    ["promptCacheKey", "k"],
    ["safetySettings", []],
    ["verbosity", "low"],
    ["logitBias", {}],
    ["streamOptions", {}],
    ["include", []],
    ["truncation", "auto"],
    ["labels", {}],
    ["speed", "fast"],
    ["inferenceGeo", "us"]
  ] as const)("drops the hint %s, and tells it by its path", (name, value) => {
    const made = encoded(asking({ hints: [hint(name, value)] }))
    expect(Object.keys(made.body).sort()).toEqual(["max_tokens", "messages", "model", "stream"])
    expect(made.dropped).toEqual([`the.${name}`])
    expect(unsaid({ hints: [hint(name, value)] })).toEqual([])
  })

  it("drops what Anthropic refuses beside thoughts", () => {
    const hints = [hint("temperature", 0.7), hint("topP", 0.5), hint("topK", 40)]
    const effort = { path: "reasoning_effort", level: "low" } as const
    const made = encoded(asking({ effort, hints }))
    expect(made.dropped).toEqual(["the.temperature", "the.topP", "the.topK"])
    const kept = encoded(asking({ effort, hints: [hint("temperature", 1), hint("topP", 0.95)] }))
    expect(kept.body).toMatchObject({ temperature: 1, top_p: 0.95 })
    expect(encoded(asking({ effort: { ...effort, level: "none" }, hints })).body).toMatchObject({ temperature: 0.7 })
  })

  it("names one user where two are given", () => {
    const made = encoded(asking({ hints: [hint("user", "u1"), hint("safetyIdentifier", "s1")] }))
    expect(made.body["metadata"]).toEqual({ user_id: "u1" })
    expect(made.dropped).toEqual(["the.safetyIdentifier"])
  })

  it("is refused for every meaning without words, all at once", () => {
    const meaning = (path: string): Meaning => ({ path, value: 1 })
    const request = asking({ meanings: [meaning("n"), meaning("logprobs")], stop: { path: "stop", sequences: [" "] } })
    expect(anthropic.unsaid(request, "m")).toEqual(["n", "logprobs", "stop"])
    const made = anthropic.encode(encoding(request))
    expect(Result.isFailure(made) && made.failure.details?.map(({ field }) => field)).toEqual(["n", "logprobs", "stop"])
    expect(encoded(request, { drop: true }).dropped).toEqual(["n", "logprobs", "stop"])
  })
})
