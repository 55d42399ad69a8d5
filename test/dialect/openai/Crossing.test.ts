import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { type Asked, type EncodeRequest, type HintName, openai, type Part, type Turn } from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { codeOf } from "effect-resilience/errors"
import { askedWith, encoded, encodeWith, foreign, parse } from "./kit.ts"

const text = (text: string) => ({ _tag: "Text", text }) as const
const crossed = (fields: Partial<Asked>, more: Partial<EncodeRequest> = {}) => encoded(foreign(askedWith(fields)), more)
const messages = (turns: ReadonlyArray<Turn>, system: ReadonlyArray<Part> = []): unknown =>
  encoded({ ...foreign(askedWith({ turns, system })), dialect: "other" as "chat" }).body["messages"]
const image = (fields: Partial<Extract<Part, { _tag: "Image" }>> = {}): Part => ({
  _tag: "Image",
  path: "i",
  mediaType: "image/png",
  source: { base64: "iVBO" },
  ...fields
})
const file = (mediaType: string | undefined, name?: string): Part => ({
  _tag: "File",
  path: "f",
  mediaType,
  name,
  base64: "JVBE"
})
const result = (parts: ReadonlyArray<Part>, failed = false): Part => ({
  _tag: "ToolResult",
  path: "r",
  id: "a",
  name: "f",
  parts,
  failed
})
const call = (fields: Partial<Extract<Part, { _tag: "ToolCall" }>> = {}): Part => ({
  _tag: "ToolCall",
  id: "a",
  name: "f",
  input: '{"q":1}',
  signed: undefined,
  ...fields
})

describe("messages of another client", () => {
  it("have one message of the system's before the first turn, and later text of it in its place", () => {
    assert.deepStrictEqual(
      messages(
        [
          { role: "user", parts: [text("hi")] },
          { role: "system", parts: [text("c")] },
          { role: "assistant", parts: [text("so")] }
        ],
        [text("a"), text("b")]
      ),
      [
        { role: "system", content: "a\n\nb" },
        { role: "user", content: "hi" },
        { role: "system", content: "c" },
        { role: "assistant", content: "so" }
      ]
    )
  })

  it("are one text where they are nothing but texts, since not all upstreams take parts", () => {
    assert.deepStrictEqual(
      messages(
        [
          { role: "user", parts: [result([text("x"), text(""), text("y")], true), text("a"), text("b")] },
          { role: "assistant", parts: [text("The grass is"), call(), text(" green.")] },
          { role: "system", parts: [text("c"), text("d")] },
          { role: "user", parts: [text(""), text("")] }
        ],
        [text("e"), text("")]
      ),
      [
        { role: "system", content: "e" },
        { role: "tool", tool_call_id: "a", content: "Error: x\n\ny" },
        { role: "user", content: "a\n\nb" },
        {
          role: "assistant",
          content: "The grass is green.",
          tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: '{"q":1}' } }]
        },
        { role: "system", content: "c\n\nd" },
        { role: "user", content: "" }
      ]
    )
  })

  it("of /chat stay as many as they are", () => {
    assert.deepStrictEqual(crossed({ system: [text("a"), text("b")], turns: [] }).body["messages"], [
      { role: "system", content: "a" },
      { role: "system", content: "b" }
    ])
  })

  it("carry images and files", () => {
    assert.deepStrictEqual(
      messages([
        {
          role: "user",
          parts: [
            text("look"),
            image(),
            image({ mediaType: undefined, source: { url: "https://a.example/x" } }),
            file("application/pdf"),
            file("text/plain", "a.txt")
          ]
        }
      ]),
      [
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "image_url", image_url: { url: "data:image/png;base64,iVBO" } },
            { type: "image_url", image_url: { url: "https://a.example/x" } },
            { type: "file", file: { filename: "file.pdf", file_data: "data:application/pdf;base64,JVBE" } },
            { type: "file", file: { filename: "a.txt", file_data: "data:text/plain;base64,JVBE" } }
          ]
        }
      ]
    )
  })

  it("say a turn's results first, each as a message, failed ones by their mark", () => {
    assert.deepStrictEqual(
      messages([
        { role: "assistant", parts: [call(), call({ id: "b", input: "not json" }), call({ id: "c", input: "" })] },
        {
          role: "user",
          parts: [text("and"), result([text("x"), text("y")]), result([text("broken")], true), result([], true)]
        }
      ]),
      [
        {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: "a", type: "function", function: { name: "f", arguments: '{"q":1}' } },
            { id: "b", type: "function", function: { name: "f", arguments: "not json" } },
            { id: "c", type: "function", function: { name: "f", arguments: "{}" } }
          ]
        },
        { role: "tool", tool_call_id: "a", content: "x\n\ny" },
        { role: "tool", tool_call_id: "a", content: "Error: broken" },
        { role: "tool", tool_call_id: "a", content: "Error: " },
        { role: "user", content: "and" }
      ]
    )
  })

  it("give reasoning back that nobody signed, and none that was signed by another dialect", () => {
    const other = "other" as "openai"
    const thought = (signed: Extract<Part, { _tag: "Reasoning" }>["signed"]): Part => ({
      _tag: "Reasoning",
      text: "hm",
      signed
    })
    assert.deepStrictEqual(messages([{ role: "assistant", parts: [thought(undefined), text("so")] }]), [
      { role: "assistant", content: "so", reasoning_content: "hm" }
    ])
    assert.deepStrictEqual(
      messages([{ role: "assistant", parts: [thought({ by: other, value: "s", sealed: false }), text("so")] }]),
      [{ role: "assistant", content: "so" }]
    )
    assert.deepStrictEqual(
      messages([{ role: "assistant", parts: [thought({ by: other, value: "s", sealed: false })] }]),
      []
    )
  })

  it("give what an upstream of this dialect signed back as that wrote it", () => {
    const seal = (native: JsonObject) => `${JSON.stringify(native)}\n`
    const reasoning = (text: string, native: JsonObject, sealed = false): Part => ({
      _tag: "Reasoning",
      text,
      signed: { by: "openai", value: seal(native), sealed }
    })
    assert.deepStrictEqual(
      messages([
        {
          role: "assistant",
          parts: [
            reasoning("hm", { type: "reasoning.text", signature: "s", format: "f", index: 0 }),
            reasoning("", { type: "reasoning.encrypted", data: "d", id: "a" }, true),
            reasoning("mm", { type: "thinking", signature: "t" }),
            reasoning("", { type: "redacted_thinking", data: "r" }, true),
            text("so"),
            call({ signed: { by: "openai", value: seal({ extra_content: { google: { thought_signature: "g" } } }) } })
          ]
        }
      ]),
      [
        {
          role: "assistant",
          content: "so",
          reasoning_content: "hmmm",
          reasoning_details: [
            { type: "reasoning.text", signature: "s", format: "f", index: 0, text: "hm" },
            { type: "reasoning.encrypted", data: "d", id: "a" }
          ],
          thinking_blocks: [
            { type: "thinking", signature: "t", thinking: "mm" },
            { type: "redacted_thinking", data: "r" }
          ],
          tool_calls: [
            {
              id: "a",
              type: "function",
              function: { name: "f", arguments: '{"q":1}' },
              extra_content: { google: { thought_signature: "g" } }
            }
          ]
        }
      ]
    )
  })
})

describe("fields of another client", () => {
  const schema = { type: "object", properties: {} }
  const tool = { path: "t", name: "f", description: "d", schema, strict: true } as const
  const rows: ReadonlyArray<readonly [name: string, asked: Partial<Asked>, body: JsonObject]> = [
    ["nothing", {}, {}],
    [
      "tools",
      { tools: [tool, { ...tool, name: "g", description: undefined, strict: undefined }] },
      {
        tools: [
          { type: "function", function: { name: "f", description: "d", parameters: schema, strict: true } },
          { type: "function", function: { name: "g", parameters: schema } }
        ]
      }
    ],
    [
      "a choice of one tool, one call at a time",
      {
        tools: [{ ...tool, description: undefined, strict: undefined }],
        toolChoice: { name: "f" },
        oneCallAtATime: true
      },
      {
        tools: [{ type: "function", function: { name: "f", parameters: schema } }],
        tool_choice: { type: "function", function: { name: "f" } },
        parallel_tool_calls: false
      }
    ],
    // OpenAI refuses both without tools.
    ["a choice without tools", { toolChoice: "auto", oneCallAtATime: true }, {}],
    ["most tokens", { maxTokens: 5 }, { max_completion_tokens: 5 }],
    ["stop", { stop: { path: "s", sequences: ["x"] } }, { stop: ["x"] }],
    [
      "any JSON",
      { format: { _tag: "Json", path: "p", schema: undefined, name: undefined, strict: undefined } },
      { response_format: { type: "json_object" } }
    ],
    [
      "JSON by schema",
      { format: { _tag: "Json", path: "p", schema, name: "a b", strict: true } },
      {
        response_format: {
          type: "json_schema",
          json_schema: { name: "a_b_c8687a08", schema, strict: true }
        }
      }
    ],
    ["effort", { effort: { path: "e", level: "max" } }, { reasoning_effort: "max" }]
  ]
  it.each(rows)("%s", (_name, asked, body) => {
    assert.deepStrictEqual(crossed(asked).body, {
      messages: [{ role: "user", content: "hi" }],
      ...body,
      model: "mapped",
      stream: true,
      stream_options: { include_usage: true }
    })
  })

  it("any JSON is refused without its word: it is said where a client of Gemini has not", () => {
    const any = { _tag: "Json", path: "p", schema: undefined, name: undefined, strict: undefined } as const
    const sent = (fields: Partial<Asked>): unknown => encoded(foreign(askedWith(fields), "gemini")).body["messages"]
    const user = { role: "user", content: "hi" }
    assert.deepStrictEqual(sent({ format: any }), [{ role: "system", content: "Answer in JSON." }, user])
    assert.deepStrictEqual(sent({ format: any, system: [text("Be brief.")] }), [
      { role: "system", content: "Be brief.\n\nAnswer in JSON." },
      user
    ])
    const said = [{ role: "system", content: "As Json, please." }, user]
    assert.deepStrictEqual(sent({ format: any, system: [text("As Json, please.")] }), said)
    const turns: ReadonlyArray<Turn> = [{ role: "user", parts: [text("JSON")] }]
    assert.deepStrictEqual(sent({ format: any, turns }), [{ role: "user", content: "JSON" }])
    assert.deepStrictEqual(sent({}), [user])
    assert.deepStrictEqual(sent({ format: { ...any, schema: { type: "object" } } }), [user])
  })

  const hints: ReadonlyArray<readonly [name: HintName, value: unknown, field: string | undefined]> = [
    ["temperature", 0.5, "temperature"],
    ["temperature", "hot", undefined],
    ["topP", 1, "top_p"],
    ["topK", 1, undefined],
    ["presencePenalty", 1, "presence_penalty"],
    ["frequencyPenalty", 1, "frequency_penalty"],
    ["seed", 7, "seed"],
    ["seed", 7.5, undefined],
    ["user", "u", "user"],
    ["metadata", { user_id: "u" }, undefined],
    ["serviceTier", "flex", "service_tier"],
    ["serviceTier", "standard_only", undefined],
    ["store", true, "store"],
    ["cacheControl", { type: "ephemeral" }, undefined],
    ["promptCacheKey", "k", "prompt_cache_key"],
    ["safetyIdentifier", "s", "safety_identifier"],
    ["safetySettings", [], undefined],
    ["verbosity", "low", "verbosity"],
    ["logitBias", {}, undefined],
    ["imageDetail", "high", undefined],
    ["streamOptions", true, undefined],
    ["include", [], undefined],
    ["truncation", "auto", undefined],
    ["labels", {}, undefined],
    ["speed", "fast", undefined],
    ["inferenceGeo", "eu", undefined]
  ]
  it.each(hints)("the hint %s of %j is said as %s, or told", (name, value, field) => {
    const { body, dropped } = crossed({ hints: [{ name, path: "a.b", value }] })
    assert.deepStrictEqual(dropped, field === undefined ? ["a.b"] : [])
    const { messages: _, model: _model, stream: _stream, stream_options: _options, ...rest } = body
    assert.deepStrictEqual(rest, field === undefined ? {} : { [field]: value })
  })

  it("leave out what the target has refused, and tell it by the client's paths", () => {
    const { body, dropped } = crossed(
      {
        tools: [tool],
        maxTokens: 5,
        oneCallAtATime: true,
        effort: { path: "thinking", level: "low" },
        hints: [{ name: "temperature", path: "generationConfig.temperature", value: 1 }],
        turns: [{ role: "assistant", parts: [{ _tag: "Reasoning", text: "hm", signed: undefined }, text("so")] }]
      },
      {
        refused: new Set([
          "max_completion_tokens",
          "reasoning_effort",
          "temperature",
          "parallel_tool_calls",
          "stream_options",
          "tools[3].function.strict",
          "messages.7.reasoning_content"
        ])
      }
    )
    assert.deepStrictEqual(dropped, ["thinking", "generationConfig.temperature"])
    assert.deepStrictEqual(body, {
      messages: [{ role: "assistant", content: "so" }],
      tools: [{ type: "function", function: { name: "f", description: "d", parameters: schema } }],
      max_tokens: 5,
      model: "mapped",
      stream: true
    })
  })

  it("may spend what a continuation left, in the field that it is said in", () => {
    const continuation = { mode: "prefill", partial: "a".repeat(40) } as const
    assert.strictEqual(crossed({ maxTokens: 100 }, { continuation }).body["max_completion_tokens"], 90)
    const refused = new Set(["max_completion_tokens"])
    assert.strictEqual(crossed({ maxTokens: 100 }, { continuation, refused }).body["max_tokens"], 90)
  })

  it("names and ids are made fit, and mapped back", () => {
    const long = "x".repeat(41)
    const { body, names } = crossed({
      tools: [{ path: "t", name: "a.b", description: undefined, schema, strict: undefined }],
      toolChoice: { name: "a.b" },
      turns: [
        { role: "assistant", parts: [call({ name: "a.b", id: long }), call({ name: "y".repeat(70) })] },
        { role: "user", parts: [{ ...(result([text("1")]) as Extract<Part, { _tag: "ToolResult" }>), id: long }] }
      ]
    })
    const [assistant, tool] = body["messages"] as [
      { tool_calls: ReadonlyArray<{ id: string; function: { name: string } }> },
      { tool_call_id: string }
    ]
    const [first, second] = assistant.tool_calls
    assert.match(first!.function.name, /^a_b_[0-9a-f]{8}$/)
    assert.match(first!.id, /^call_[0-9a-f]{24}$/)
    assert.strictEqual(tool.tool_call_id, first!.id)
    assert.match(second!.function.name, /^[\w-]{64}$/)
    assert.deepStrictEqual(body["tool_choice"], { type: "function", function: { name: first!.function.name } })
    assert.deepStrictEqual(
      names,
      new Map([
        [first!.function.name, "a.b"],
        [second!.function.name, "y".repeat(70)]
      ])
    )
    const decoder = openai.decoder({ body: "", dropped: [], names })
    const event = {
      choices: [{ delta: { tool_calls: [{ index: 0, id: "c", function: { name: first!.function.name } }] } }]
    }
    assert.deepInclude(decoder.step("", JSON.stringify(event)), {
      pieces: [{ _tag: "ToolCall", index: 0, id: "c", name: "a.b" }]
    })
    assert.isUndefined(crossed({}).names)
  })
})

describe("what a chat completion cannot say", () => {
  const rows: ReadonlyArray<readonly [name: string, asked: Partial<Asked>, paths: ReadonlyArray<string>]> = [
    ["meanings", { meanings: [{ path: "candidateCount", value: 2 }] }, ["candidateCount"]],
    [
      "five stop sequences",
      { stop: { path: "stop_sequences", sequences: ["1", "2", "3", "4", "5"] } },
      ["stop_sequences"]
    ],
    ["four", { stop: { path: "stop_sequences", sequences: ["1", "2", "3", "4"] } }, []],
    ["an image in a result", { turns: [{ role: "user", parts: [result([image({ path: "deep" })])] }] }, ["deep"]],
    ["an image of the assistant's", { turns: [{ role: "assistant", parts: [image()] }] }, ["i"]],
    ["an image of another kind", { turns: [{ role: "user", parts: [image({ mediaType: "image/heic" })] }] }, ["i"]],
    ["an image of no kind", { turns: [{ role: "user", parts: [image({ mediaType: undefined })] }] }, ["i"]],
    ["an image elsewhere", { turns: [{ role: "user", parts: [image({ source: { url: "gs://a/b" } })] }] }, ["i"]],
    ["a file of another kind", { turns: [{ role: "user", parts: [file("video/mp4")] }] }, ["f"]],
    ["a file of the system's", { system: [file("application/pdf")] }, ["f"]]
  ]
  it.each(rows)("%s", (_name, asked, paths) => {
    const request = foreign(askedWith(asked))
    assert.deepStrictEqual(openai.unsaid(request, "m"), paths)
    const refused = encodeWith(request)
    if (paths.length === 0) return assert.isTrue(Result.isSuccess(refused))
    assert(Result.isFailure(refused))
    assert.strictEqual(codeOf(refused.failure), "convert_request_failed")
    assert.include(refused.failure.message, paths[0]!)
    assert.deepStrictEqual(
      refused.failure.details?.map(({ field }) => field),
      paths
    )
    const { body, dropped } = encoded(request, { drop: true })
    assert.deepStrictEqual(dropped, paths)
    assert.notInclude(JSON.stringify(body), "iVBO")
    assert.notInclude(JSON.stringify(body), "JVBE")
  })

  it("of its own client, nothing", () => {
    const request = parse({ n: 5, x_unknown: 1, stop: ["1", "2", "3", "4", "5"], tools: [{ type: "web_search" }] })
    assert.deepStrictEqual(openai.unsaid(request, "m"), [])
    assert.deepInclude(encoded(request).body, { n: 5, x_unknown: 1 })
  })
})

describe("an own client's body", () => {
  it("loses what the relay gave it for other dialects, and nothing else", () => {
    const message = (extra: unknown) => ({
      role: "assistant",
      content: "so",
      extra_content: extra,
      tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" }, extra_content: extra }]
    })
    const relay = { signature: "er1.other.x" }
    const google = { thought_signature: "g" }
    const bare = {
      role: "assistant",
      content: "so",
      tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }]
    }
    const sent = (extra: unknown) => encoded(parse({ messages: [message(extra)] })).body["messages"]
    assert.deepStrictEqual(sent({ relay }), [bare])
    assert.deepStrictEqual(sent({ relay, google }), [message({ google })])
    assert.deepStrictEqual(sent({ google }), [message({ google })])
  })

  it("loses what Gemini has signed and thought where the model is OpenAI's, which would refuse it", () => {
    const extra_content = { google: { thought_signature: "g" } }
    const call = { id: "a", type: "function", function: { name: "f", arguments: "{}" } }
    const messages = [
      { role: "assistant", content: null, reasoning_content: "Hm.", tool_calls: [{ ...call, extra_content }] }
    ]
    const sent = (model: string) => encoded(parse({ messages }), { model }).body["messages"]
    assert.deepStrictEqual(sent("gpt-5"), [{ role: "assistant", content: null, tool_calls: [call] }])
    assert.deepStrictEqual(sent("openai/o3"), [{ role: "assistant", content: null, tool_calls: [call] }])
    assert.deepStrictEqual(sent("gemini-3-pro"), messages)
  })

  it("R6: is not given stream_options where those were refused", () => {
    const refused = new Set(["stream_options"])
    assert.notProperty(encoded(parse({}), { refused }).body, "stream_options")
    const own = parse({ stream_options: { include_usage: true } })
    assert.deepStrictEqual(encoded(own, { refused }).body["stream_options"], { include_usage: true })
  })

  it("says how many answers and whether JSON is asked for", () => {
    const flags = (body: JsonObject) => {
      const { choices, json } = parse(body)
      return [choices, json]
    }
    assert.deepStrictEqual(flags({}), [1, false])
    assert.deepStrictEqual(flags({ n: 3 }), [3, false])
    assert.deepStrictEqual(flags({ response_format: { type: "text" } }), [1, false])
    assert.deepStrictEqual(flags({ response_format: { type: "json_object" } }), [1, true])
    assert.deepStrictEqual(flags({ response_format: { type: "json_schema", json_schema: {} } }), [1, true])
    assert.deepStrictEqual(flags({ guided_json: {} }), [1, true])
    assert.deepStrictEqual(flags({ structured_outputs: { json: {} } }), [1, true])
    assert.deepStrictEqual(flags({ structured_outputs: { regex: "x" } }), [1, false])
  })
})

describe("there and back", () => {
  const word = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !text.startsWith("Error: "))
  const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/)
  const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,40}$/)
  const textPart = word.map(text)
  const base64 = fc.base64String({ minLength: 4, maxLength: 8 })
  const imagePart = fc.oneof(
    fc.record({
      _tag: fc.constant("Image" as const),
      path: fc.constant(""),
      mediaType: fc.constantFrom("image/png", "image/jpeg"),
      source: fc.record({ base64 })
    }),
    fc.record({
      _tag: fc.constant("Image" as const),
      path: fc.constant(""),
      mediaType: fc.constant(undefined),
      source: fc.constant({ url: "https://a.example/x" })
    })
  )
  const filePart = fc.record({
    _tag: fc.constant("File" as const),
    path: fc.constant(""),
    mediaType: fc.constantFrom("application/pdf", "text/plain"),
    name,
    base64
  })
  const resultPart = fc.record({
    _tag: fc.constant("ToolResult" as const),
    path: fc.constant(""),
    id,
    name: fc.constant(undefined),
    parts: fc.array(textPart, { minLength: 1, maxLength: 2 }),
    failed: fc.boolean()
  })
  const callPart = fc.record({
    _tag: fc.constant("ToolCall" as const),
    id,
    name,
    input: fc.json({ maxDepth: 1 }),
    signed: fc.constant(undefined)
  })
  const reasoningPart = word.map((text): Part => ({ _tag: "Reasoning", text, signed: undefined }))
  const refusalPart = word.map((text): Part => ({ _tag: "Refusal", text }))
  const some = <A>(part: fc.Arbitrary<A>) => fc.array(part, { maxLength: 2 })
  const userTurn = fc
    .tuple(some(resultPart), some(fc.oneof(textPart, imagePart, filePart)))
    .map(([results, rest]): Turn => ({ role: "user", parts: [...results, ...rest] }))
  const assistantTurn = fc
    .tuple(fc.option(reasoningPart), some(textPart), fc.option(refusalPart), some(callPart))
    .filter(([, texts, refusal, calls]) => texts.length + calls.length > 0 || refusal !== null)
    .map(
      ([thought, texts, refusal, calls]): Turn => ({
        role: "assistant",
        parts: [...(thought === null ? [] : [thought]), ...texts, ...(refusal === null ? [] : [refusal]), ...calls]
      })
    )
  const systemTurn = some(textPart).map((parts): Turn => ({ role: "system", parts }))
  const schema = fc
    .dictionary(name, fc.jsonValue({ maxDepth: 1 }), { maxKeys: 2 })
    // There is no -0 in JSON that is printed. What goes without saying is said already.
    .map((value) => ({ ...(JSON.parse(JSON.stringify(value)) as JsonObject), type: "object", properties: {} }))
  const optional = <A>(value: fc.Arbitrary<A>) => fc.option(value, { nil: undefined })
  const tool = fc.record({
    path: fc.constant(""),
    name,
    description: optional(word),
    schema,
    strict: optional(fc.boolean())
  })
  const asked = fc
    .record({
      system: some(textPart),
      first: userTurn.filter(({ parts }) => parts.length > 0),
      turns: fc.array(fc.oneof(userTurn, assistantTurn, systemTurn), { maxLength: 4 }),
      tools: fc.array(tool, { minLength: 1, maxLength: 2 }),
      toolChoice: fc.oneof(
        fc.constantFrom("auto" as const, "none" as const, "required" as const, undefined),
        name.map((name) => ({ name }))
      ),
      oneCallAtATime: fc.boolean(),
      maxTokens: optional(fc.integer({ min: 1, max: 1e6 })),
      effort: optional(
        fc.record({
          path: fc.constant("reasoning_effort"),
          level: fc.constantFrom("none" as const, "low" as const, "max" as const)
        })
      ),
      stop: optional(
        fc.record({ path: fc.constant("stop"), sequences: fc.array(word, { minLength: 1, maxLength: 4 }) })
      ),
      format: fc.oneof(
        fc.constant({ _tag: "Text" as const }),
        fc.record({
          _tag: fc.constant("Json" as const),
          path: fc.constant("response_format"),
          schema,
          name,
          strict: optional(fc.boolean())
        })
      )
    })
    .map(
      ({ first, turns, ...rest }): Asked => ({
        ...rest,
        turns: [first, ...turns],
        hints: [
          { name: "temperature", path: "temperature", value: 1 },
          { name: "seed", path: "seed", value: 7 }
        ],
        meanings: []
      })
    )

  // Where it stands is the other side's; neighbours of one role are one turn.
  const bare = (part: Part): unknown =>
    part._tag === "ToolResult"
      ? { ...part, path: undefined, name: undefined, parts: part.parts.map(bare) }
      : { ...part, path: undefined }
  const normal = ({ system, tools, turns, ...rest }: Asked): unknown => {
    const merged: Array<{ role: string; parts: Array<unknown> }> = []
    for (const { parts, role } of turns) {
      if (parts.length === 0) continue
      const last = merged.at(-1)
      if (last?.role === role && role === "user") last.parts.push(...parts.map(bare))
      else merged.push({ role, parts: parts.map(bare) })
    }
    // What stands between results and the rest of neighbouring turns is their order only.
    for (const turn of merged) {
      const isResult = (part: unknown) => (part as Part)._tag === "ToolResult"
      if (turn.role === "user") turn.parts.sort((a, b) => Number(isResult(b)) - Number(isResult(a)))
    }
    // System text before the first thing that is said is the system's.
    const from = merged.findIndex(({ role }) => role !== "system")
    const leading = merged.slice(0, from < 0 ? merged.length : from).flatMap(({ parts }) => parts)
    return {
      ...rest,
      system: [...system.map(bare), ...leading],
      turns: from < 0 ? [] : merged.slice(from),
      tools: tools.map((tool) => ({ ...tool, path: undefined }))
    }
  }

  const oneText = (parts: ReadonlyArray<Part>, between: string): ReadonlyArray<Part> =>
    parts.length > 1 && parts.every(({ _tag }) => _tag === "Text")
      ? [text(parts.flatMap((part) => (part._tag === "Text" && part.text !== "" ? [part.text] : [])).join(between))]
      : parts
  const isResult = ({ _tag }: Part): boolean => _tag === "ToolResult"
  /** What is text alone is one text: of an answer without a break. */
  const joined = (turn: Turn): Turn => {
    const apart = turn.role === "assistant" ? (part: Part) => part._tag !== "Text" : isResult
    const texts = oneText(
      turn.parts.filter((part) => !apart(part)),
      turn.role === "assistant" ? "" : "\n\n"
    )
    const others = turn.parts
      .filter(apart)
      .map((part) => (part._tag === "ToolResult" ? { ...part, parts: oneText(part.parts, "\n\n") } : part))
    const before = turn.role === "assistant" ? others.filter(({ _tag }) => _tag === "Reasoning") : others
    return { ...turn, parts: [...before, ...texts, ...others.filter((part) => !before.includes(part))] }
  }

  it("what is carried is the same", () => {
    fc.assert(
      fc.property(asked, fc.boolean(), (once, chat) => {
        const request = { ...foreign(once), dialect: chat ? "chat" : ("other" as "chat") } as const
        const { text } = encoded(request)
        const system = chat ? once.system : oneText(once.system, "\n\n")
        const said = { ...once, system, turns: once.turns.map(joined) }
        assert.deepStrictEqual(normal(parse(text).asked()), normal(said))
      }),
      { numRuns: 300 }
    )
  })
})
