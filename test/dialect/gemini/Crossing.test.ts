import { describe, expect, it } from "vitest"
import { type AnswerRequest, type Asked, gemini, type Hint, type Part, type Turn } from "#src/dialect/index"
import { asking, contents, encoded, encoding, least, type ToldContent } from "./kit.ts"

const text = (said: string): Part => ({ _tag: "Text", text: said })
const turn = (role: Turn["role"], ...parts: ReadonlyArray<Part>): Turn => ({ role, parts })
const call = (
  id: string,
  name: string,
  input: string,
  signed: Extract<Part, { _tag: "ToolCall" }>["signed"] = undefined
): Part => ({
  _tag: "ToolCall",
  path: "messages[1].tool_calls[0]",
  id,
  name,
  input,
  signed
})
const result = (id: string, parts: ReadonlyArray<Part>, failed = false): Part => ({
  _tag: "ToolResult",
  path: "messages[2]",
  id,
  name: undefined,
  parts,
  failed
})
const image = (path: string, source: Extract<Part, { _tag: "Image" }>["source"], mediaType = "image/png"): Part => ({
  _tag: "Image",
  path,
  mediaType,
  source
})
const skip = "skip_thought_signature_validator"

const body = (more: Partial<Asked>, model = "gemini-3-pro") => encoded(asking(more), { model }).body
const contentsOf = (...turns: ReadonlyArray<Turn>) => body({ turns })["contents"]
const unsaid = (more: Partial<Asked>) => gemini.unsaid(asking(more), "m")
const content = (role: string, ...parts: ReadonlyArray<object>) => ({ role, parts })

describe("a conversation in Gemini's words", () => {
  it("has its system text apart, and what stands later in its place, as the user's", () => {
    expect(body({ system: [text("One."), text(""), text("Two.")] })["systemInstruction"]).toEqual({
      parts: [{ text: "One." }, { text: "Two." }]
    })
    expect(contentsOf(turn("user", text("a")), turn("assistant", text("b")), turn("system", text("c")))).toEqual([
      content("user", { text: "a" }),
      content("model", { text: "b" }),
      content("user", { text: "c" })
    ])
  })

  it("has turns that alternate, and no empty text", () => {
    expect(
      contentsOf(
        turn("user", text("a")),
        turn("user", text("b"), text("")),
        turn("assistant", text("")),
        turn("system", text("c")),
        turn("assistant", text("d"))
      )
    ).toEqual([content("user", { text: "a" }, { text: "b" }, { text: "c" }), content("model", { text: "d" })])
  })

  it("has calls with their input as an object, and their responses with the call's name, before all else", () => {
    expect(
      contentsOf(
        turn("assistant", call("c1", "get", '{"x":1}'), call("c2", "put", "")),
        turn("user", text("And hurry.")),
        turn("user", result("c1", [text("sunny")])),
        turn("user", result("c2", [text("none")], true))
      )
    ).toEqual([
      content(
        "model",
        { functionCall: { id: "c1", name: "get", args: { x: 1 } }, thoughtSignature: skip },
        { functionCall: { id: "c2", name: "put", args: {} }, thoughtSignature: skip }
      ),
      content(
        "user",
        { functionResponse: { id: "c1", name: "get", response: { output: "sunny" } } },
        { functionResponse: { id: "c2", name: "put", response: { error: "none" } } },
        { text: "And hurry." }
      )
    ])
  })

  it("has no arguments where they are no JSON object, and tells it", () => {
    const made = encoded(asking({ turns: [turn("assistant", call("c", "f", "{"))] }))
    expect(made.body["contents"]).toMatchObject([{ parts: [{ functionCall: { args: {} } }] }])
    expect(made.dropped).toEqual(["messages[1].tool_calls[0]"])
  })

  it("has an image of a result inside its response since the third generation, and behind it before", () => {
    const seen = result("c", [text("see"), image("p", { base64: "iVBO" })])
    const turns = [turn("assistant", call("c", "f", "{}")), turn("user", seen)]
    const inline = { inlineData: { mimeType: "image/png", data: "iVBO" } }
    const response = { id: "c", name: "f", response: { output: "see" } }
    expect((body({ turns }, "gemini-3-pro-preview")["contents"] as ReadonlyArray<ToldContent>)[1]?.parts).toEqual([
      { functionResponse: { ...response, parts: [inline] } }
    ])
    expect((body({ turns }, "gemini-2.5-flash")["contents"] as ReadonlyArray<ToldContent>)[1]?.parts).toEqual([
      { functionResponse: response },
      inline
    ])
  })

  it("has back what Gemini signed, and nothing of what others did", () => {
    const reasoning = (by: "gemini" | "anthropic" | "openai", value: string, said = "Hm"): Part => ({
      _tag: "Reasoning",
      text: said,
      signed: { by, value, sealed: false }
    })
    expect(
      contentsOf(
        turn(
          "assistant",
          reasoning("gemini", "s1"),
          reasoning("anthropic", "s2"),
          reasoning("openai", ""),
          { _tag: "Reasoning", text: "unsigned", signed: undefined },
          reasoning("gemini", "s3", ""),
          call("a", "f", "{}", { by: "gemini", value: "s4" }),
          call("b", "f", "{}", { by: "openai", value: "s5" })
        )
      )
    ).toEqual([
      content(
        "model",
        { text: "Hm", thought: true, thoughtSignature: "s1" },
        { text: "", thoughtSignature: "s3" },
        { functionCall: { id: "a", name: "f", args: {} }, thoughtSignature: "s4" },
        { functionCall: { id: "b", name: "f", args: {} }, thoughtSignature: skip }
      )
    ])
  })

  it("has images and files inline", () => {
    const file = (mediaType: string | undefined, base64: string): Part => ({
      _tag: "File",
      path: "f",
      mediaType,
      name: "x",
      base64
    })
    expect(
      contentsOf(
        turn(
          "user",
          image("i", { base64: "AAAA" }, "image/jpg"),
          { _tag: "Image", path: "i", mediaType: undefined, source: { base64: "iVBORw" } },
          file("application/pdf", "JVBE"),
          file(undefined, "JVBERi0"),
          file("text/markdown", "IyBh")
        )
      )
    ).toEqual([
      content(
        "user",
        { inlineData: { mimeType: "image/jpeg", data: "AAAA" } },
        { inlineData: { mimeType: "image/png", data: "iVBORw" } },
        { inlineData: { mimeType: "application/pdf", data: "JVBE" } },
        { inlineData: { mimeType: "application/pdf", data: "JVBERi0" } },
        { inlineData: { mimeType: "text/markdown", data: "IyBh" } }
      )
    ])
  })

  it("has names that are fit, everywhere the same, which are mapped back", () => {
    const odd = "mcp/get weather"
    const made = encoded(
      asking({
        tools: [odd, "1st", "a.b-c_d"].map((name) => ({
          path: "tools[0]",
          name,
          description: undefined,
          schema: {},
          strict: undefined
        })),
        toolChoice: { name: odd },
        turns: [turn("assistant", call("c", odd, "{}")), turn("user", result("c", [text("x")]))]
      })
    )
    const names = (
      made.body["tools"] as [{ functionDeclarations: ReadonlyArray<{ name: string }> }]
    )[0].functionDeclarations.map(({ name }) => name)
    expect(names).toEqual(["mcp_get_weather", "_1st", "a.b-c_d"])
    expect(made.body["toolConfig"]).toEqual({
      functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["mcp_get_weather"] }
    })
    const [model, user] = made.body["contents"] as ReadonlyArray<ToldContent>
    expect([model?.parts[0]?.functionCall?.name, user?.parts[0]?.functionResponse?.name]).toEqual([
      "mcp_get_weather",
      "mcp_get_weather"
    ])
    expect(made.names).toEqual(
      new Map([
        ["mcp_get_weather", odd],
        ["_1st", "1st"]
      ])
    )
  })
})

describe("what is asked beside the conversation", () => {
  const config = (more: Partial<Asked>) => body(more)["generationConfig"]

  it.each([
    ["none", { thinkingBudget: 0 }],
    ["minimal", { thinkingLevel: "MINIMAL", includeThoughts: true }],
    ["low", { thinkingLevel: "LOW", includeThoughts: true }],
    ["medium", { thinkingLevel: "MEDIUM", includeThoughts: true }],
    ["high", { thinkingLevel: "HIGH", includeThoughts: true }],
    ["xhigh", { thinkingLevel: "HIGH", includeThoughts: true }],
    ["max", { thinkingLevel: "HIGH", includeThoughts: true }]
  ] as const)("an effort of %s", (level, thinkingConfig) => {
    expect(config({ effort: { path: "reasoning_effort", level } })).toEqual({ thinkingConfig })
  })

  const tool = { path: "tools[0]", name: "f", description: "d", schema: { type: "object" }, strict: undefined }

  it.each([
    ["auto", { mode: "AUTO" }],
    ["none", { mode: "NONE" }],
    ["required", { mode: "ANY" }],
    [{ name: "f" }, { mode: "ANY", allowedFunctionNames: ["f"] }]
  ] as const)("a choice of %j", (toolChoice, functionCallingConfig) => {
    expect(body({ tools: [tool], toolChoice })).toMatchObject({
      tools: [{ functionDeclarations: [{ name: "f", description: "d", parametersJsonSchema: { type: "object" } }] }],
      toolConfig: { functionCallingConfig }
    })
    expect(body({ toolChoice })).not.toHaveProperty("toolConfig")
  })

  it("limits, stops and JSON", () => {
    const schema = { type: "object", properties: { a: { type: ["string", "null"] } } }
    const json = { _tag: "Json", path: "response_format", name: undefined, strict: undefined } as const
    expect(config({ maxTokens: 7, stop: { path: "stop", sequences: ["a", "b"] } })).toEqual({
      maxOutputTokens: 7,
      stopSequences: ["a", "b"]
    })
    expect(config({ format: { ...json, schema } })).toEqual({
      responseMimeType: "application/json",
      responseJsonSchema: schema
    })
    expect(config({ format: { ...json, schema: undefined } })).toEqual({ responseMimeType: "application/json" })
  })

  it("hints that it has words for are carried, and the others are dropped and told", () => {
    const hints: ReadonlyArray<Hint> = [
      { name: "temperature", path: "temperature", value: 0.5 },
      { name: "topP", path: "top_p", value: 0.9 },
      { name: "topK", path: "top_k", value: 40 },
      { name: "presencePenalty", path: "presence_penalty", value: 0.1 },
      { name: "frequencyPenalty", path: "frequency_penalty", value: 0.2 },
      { name: "seed", path: "seed", value: 7 },
      { name: "user", path: "user", value: "u" },
      { name: "cacheControl", path: "tools[0].cache_control", value: {} },
      { name: "verbosity", path: "verbosity", value: "low" }
    ]
    const made = encoded(asking({ hints, oneCallAtATime: true, tools: [{ ...tool, strict: true }] }))
    expect(made.body["generationConfig"]).toEqual({
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      seed: 7
    })
    expect(made.dropped).toEqual([
      "user",
      "tools[0].cache_control",
      "verbosity",
      "tools[0].function.strict",
      "parallel_tool_calls"
    ])
    const anthropic = encoded(asking({ oneCallAtATime: true, tools: [{ ...tool, strict: true }] }, "anthropic"))
    expect(anthropic.dropped).toEqual(["tools[0].strict", "tool_choice.disable_parallel_tool_use"])
  })

  it.each([
    ["a temperature above 2", { name: "temperature", path: "temperature", value: 2.5 }],
    ["a seed of more than 32 bits", { name: "seed", path: "seed", value: 9_007_199_254_740_991 }]
  ] as const)("%s is dropped", (_, hint) => {
    expect(encoded(asking({ hints: [hint] })).dropped).toEqual([hint.path])
  })
})

describe("what Gemini has no words for", () => {
  it.each<[string, Partial<Asked>, ReadonlyArray<string>]>([
    ["meanings", { meanings: [{ path: "n", value: 2 }] }, ["n"]],
    ["more than five stop sequences", { stop: { path: "stop", sequences: [..."abcdef"] } }, ["stop"]],
    [
      "an image that is elsewhere",
      { turns: [turn("user", image("messages[0].content[0]", { url: "https://x/y.png" }))] },
      ["messages[0].content[0]"]
    ],
    ["a kind of image", { turns: [turn("user", image("i", { base64: "R0lG" }, "image/gif"))] }, ["i"]],
    [
      "a kind of file",
      {
        turns: [turn("user", { _tag: "File", path: "f", mediaType: "application/zip", name: undefined, base64: "UEs" })]
      },
      ["f"]
    ],
    ["an image in a result", { turns: [turn("user", result("c", [image("r", { url: "https://x/y.png" })]))] }, ["r"]]
  ])("%s", (_, more, paths) => {
    expect(unsaid(more)).toEqual(paths)
    expect(gemini.encode(encoding(asking(more)))._tag).toBe("Failure")
    expect(encoded(asking(more), { drop: true }).dropped).toEqual(paths)
  })

  it("five stop sequences it has", () => {
    expect(unsaid({ stop: { path: "stop", sequences: [..."abcde"] } })).toEqual([])
  })
})

describe("what a target refused", () => {
  const asked: Partial<Asked> = {
    effort: { path: "reasoning_effort", level: "low" },
    hints: [{ name: "topK", path: "top_k", value: 40 }],
    turns: [
      turn("assistant", call("c", "f", "{}", { by: "gemini", value: "s" })),
      turn("user", result("c", [text("x")]))
    ]
  }
  const without = (...refused: ReadonlyArray<string>) => encoded(asking(asked), { refused: new Set(refused) })

  it.each([
    ["generationConfig.topK", "top_k"],
    ["generationConfig.thinkingConfig", "reasoning_effort"]
  ])("%s is left out, and told", (path, told) => {
    const made = without(path)
    expect(JSON.stringify(made.body)).not.toContain(`"${path.split(".")[1]}"`)
    expect(made.dropped).toEqual([told])
  })

  it("of ids none is told: nobody had asked for them", () => {
    const made = without("contents[].parts[].functionCall.id")
    expect(JSON.stringify(made.body)).not.toContain('"id"')
    expect(made.dropped).toEqual([])
  })

  it("signatures are left out of this conversation", () => {
    const made = without("contents[].parts[].thoughtSignature")
    expect(made.body["contents"]).toMatchObject([{ parts: [{ thoughtSignature: skip }] }, {}])
  })
})

describe("a Gemini client's own request", () => {
  const sent = (more: object, options: Parameters<typeof encoded>[1] = {}) =>
    encoded(contents({ ...least, ...more }), options).body

  it("passes with every field, in either spelling", () => {
    const body = {
      system_instruction: { parts: [{ text: "x" }] },
      generation_config: { top_k: 4 },
      unknown: { a: [1] },
      tools: [{ googleSearch: {} }]
    }
    expect(sent(body)).toEqual({ ...least, ...body })
    expect(gemini.unsaid(contents({ ...least, ...body }), "m")).toEqual([])
    expect(gemini.refusable(contents(least))).toEqual([])
  })

  it("has its model by the name that the channel has for it", () => {
    expect(sent({ model: "models/m" }, { model: "gemini-x" })["model"]).toBe("models/gemini-x")
  })

  it("has back its own signatures, and no thoughts of others'", () => {
    const mark = Buffer.from("er1.openai.").toString("base64")
    const parts = [
      { text: "a", thought: true, thoughtSignature: mark },
      { text: "b", thought: true, thoughtSignature: "er1.anthropic.EqQB" },
      { text: "", thoughtSignature: "er1.anthropic.sealed" },
      { text: "c", thoughtSignature: "er1.openai.x" },
      { text: "d", thought: true, thoughtSignature: "own" },
      { functionCall: { name: "f", args: {} }, thoughtSignature: "er1.openai.y" },
      { functionCall: { name: "g", args: {} } }
    ]
    expect(sent({ contents: [{ role: "model", parts }, ...least.contents] })["contents"]).toEqual([
      {
        role: "model",
        parts: [
          { text: "c" },
          { text: "d", thought: true, thoughtSignature: "own" },
          { functionCall: { name: "f", args: {} }, thoughtSignature: skip },
          { functionCall: { name: "g", args: {} } }
        ]
      },
      ...least.contents
    ])
  })

  it("may send back the bytes of a signature, in either alphabet of base64", () => {
    const value = "a\u00fb>?+/"
    const parts = ["base64", "base64url"].map((encoding) => ({
      text: "",
      thought: true,
      thoughtSignature: Buffer.from(`er1.anthropic.${value}`).toString(encoding as "base64")
    }))
    const asked = contents({ contents: [{ role: "model", parts }, ...least.contents] }).asked()
    const signed = asked.turns[0]?.parts.flatMap((part) => (part._tag === "Reasoning" ? [part.signed] : []))
    expect(signed?.length).toBeGreaterThan(0)
    for (const one of signed ?? []) expect(one).toMatchObject({ by: "anthropic", value })
    expect(sent({ contents: [{ role: "model", parts }, ...least.contents] })["contents"]).toEqual(least.contents)
  })
})

describe("a continuation", () => {
  const goesOn = (request: AnswerRequest, continuation: NonNullable<Parameters<typeof encoded>[1]>["continuation"]) =>
    encoded(request, { continuation }).body

  it("by prefill is the beginning of the model's own turn, white space and all", () => {
    expect(goesOn(contents(least), { mode: "prefill", partial: "Once " })["contents"]).toEqual([
      ...least.contents,
      content("model", { text: "Once " })
    ])
    const prefilled = contents({ contents: [...least.contents, content("model", { text: "So: " })] })
    expect(
      (goesOn(prefilled, { mode: "prefill", partial: "a" })["contents"] as ReadonlyArray<ToldContent>)[1]?.parts
    ).toEqual([{ text: "So: a" }])
  })

  it("by message is asked for in words", () => {
    expect(
      goesOn(contents(least), { mode: "message", partial: "Once", prompt: "Go on: {partial}" })["contents"]
    ).toEqual([...least.contents, content("model", { text: "Once" }), content("user", { text: "Go on: Once" })])
  })

  it("by token is the same request with the token, and never the partial", () => {
    expect(goesOn(contents(least), { mode: "token", partial: "Once", token: "t" })).toEqual({
      ...least,
      continuationToken: "t"
    })
  })

  it("by token is asked with what was given with the request, and never with what was shown", () => {
    const asked = goesOn(contents(least), { mode: "token", partial: "Once upon", given: "Once", token: "t" })
    expect(asked).toEqual({
      ...least,
      contents: [...least.contents, content("model", { text: "Once" })],
      continuationToken: "t"
    })
  })

  it("may spend what the partial left", () => {
    const partial = "word ".repeat(16)
    const limited = contents({ ...least, generationConfig: { maxOutputTokens: 50 } })
    expect(goesOn(limited, { mode: "prefill", partial })["generationConfig"]).toEqual({ maxOutputTokens: 30 })
    expect(goesOn(limited, { mode: "prefill", partial: partial.repeat(9) })["generationConfig"]).toEqual({
      maxOutputTokens: 1
    })
    expect(goesOn(limited, { mode: "token", partial, token: "t" })["generationConfig"]).toEqual({ maxOutputTokens: 50 })
  })
})

describe("params of a channel", () => {
  it("come over everything", () => {
    const made = encoded(contents(least), { params: { generationConfig: { topK: 1 }, contents: null } })
    expect(made.body).toEqual({ generationConfig: { topK: 1 } })
  })
})
