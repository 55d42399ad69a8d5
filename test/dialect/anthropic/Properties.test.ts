import { Result } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  type AnswerRequest,
  anthropic,
  anthropicClient,
  type Asked,
  chatClient,
  clientDialects,
  openaiClient,
  type Part,
  type Turn
} from "#src/dialect/index"
import { encoded, encoding, fixture, identity, least, messages, plainly, playEvents } from "./kit.ts"
import { shareOfRuns } from "../../support/share.ts"

// -------------------------------------------------------------------------------------------------- there and back

const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/)
const said = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => text.trim() !== "")
const base64 = fc.uint8Array({ minLength: 1, maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString("base64"))
const text = said.map((value): Part => ({ _tag: "Text", text: value }))
const shown = fc.oneof(
  text,
  fc
    .record({ mediaType: fc.constantFrom("image/png", "image/jpeg", "image/gif", "image/webp"), base64 })
    .map(({ base64, mediaType }): Part => ({ _tag: "Image", path: "", mediaType, source: { base64 } })),
  fc
    .webUrl({ validSchemes: ["https"] })
    .map((url): Part => ({ _tag: "Image", path: "", mediaType: undefined, source: { url } })),
  fc
    .record({ name: fc.option(said, { nil: undefined }), base64 })
    .map((file): Part => ({ _tag: "File", path: "", mediaType: "application/pdf", ...file })),
  said.map(
    (value): Part => ({
      _tag: "File",
      path: "",
      mediaType: "text/plain",
      name: undefined,
      base64: Buffer.from(value).toString("base64")
    })
  )
)
const thought = fc.record({ text: said, value: id, sealed: fc.boolean() }).map(
  ({ sealed, text: value, value: signature }): Part => ({
    _tag: "Reasoning",
    text: sealed ? "" : value,
    signed: { by: "anthropic", value: signature, sealed }
  })
)
const call = fc
  .record({ id, name: id, input: fc.dictionary(id, fc.jsonValue(), { maxKeys: 3 }) })
  .map(({ input, ...rest }): Part => ({ _tag: "ToolCall", ...rest, input: JSON.stringify(input), signed: undefined }))
const result = fc
  .record({ id, parts: fc.array(shown, { maxLength: 2 }), failed: fc.boolean() })
  .map((fields): Part => ({ _tag: "ToolResult", path: "", name: undefined, ...fields }))

const exchange = fc
  .record({
    results: fc.array(result, { maxLength: 2 }),
    user: fc.array(shown, { minLength: 1, maxLength: 3 }),
    assistant: fc.array(fc.oneof(text, thought, call), { minLength: 1, maxLength: 4 })
  })
  .map(
    ({ assistant, results, user }): ReadonlyArray<Turn> => [
      { role: "user", parts: [...results, ...user] },
      { role: "assistant", parts: assistant }
    ]
  )

const level = fc.constantFrom("none", "low", "medium", "high", "xhigh", "max")

/** What Anthropic has words for, as far as its client could have written it. */
const anyAsked: fc.Arbitrary<Asked> = fc
  .record({
    system: fc.array(text, { maxLength: 2 }),
    exchanges: fc.array(exchange, { maxLength: 3 }),
    last: fc.array(shown, { minLength: 1, maxLength: 2 }),
    tools: fc.uniqueArray(
      fc.record({
        name: id,
        description: fc.option(said, { nil: undefined }),
        schema: fc.constant({ type: "object", properties: {}, additionalProperties: false }),
        strict: fc.option(fc.boolean(), { nil: undefined })
      }),
      { maxLength: 3, selector: ({ name }) => name }
    ),
    choice: fc.constantFrom("auto", "none", "required", "first", undefined),
    once: fc.boolean(),
    maxTokens: fc.integer({ min: 1, max: 100_000 }),
    effort: fc.option(level, { nil: undefined }),
    stop: fc.array(said, { maxLength: 3 }),
    schema: fc.boolean(),
    temperature: fc.constantFrom(0, 0.5, 1, undefined)
  })
  .map(({ choice, effort, exchanges, last, once, schema, stop, system, temperature, tools, ...rest }): Asked => {
    const none = tools.length === 0
    const toolChoice = choice === "first" ? { name: tools[0]?.name ?? "" } : choice
    // A call that is forced is not thought about, and nothing is said of how many calls there are where there are none.
    const forced = !none && (toolChoice === "required" || typeof toolChoice === "object")
    const oneCallAtATime = once && !none && toolChoice !== "none"
    const thinks = effort !== undefined && effort !== "none" && !forced
    return {
      ...rest,
      system,
      turns: [...exchanges.flat(), { role: "user", parts: last }],
      tools: tools.map((tool, i) => ({ path: `tools[${i}]`, ...tool })),
      // That nothing is forced is said where only one call at a time is wanted.
      toolChoice: none ? undefined : (toolChoice ?? (oneCallAtATime ? "auto" : undefined)),
      oneCallAtATime,
      effort:
        effort === undefined
          ? undefined
          : { path: effort === "none" ? "thinking" : "output_config.effort", level: effort },
      stop: stop.length === 0 ? undefined : { path: "stop_sequences", sequences: stop },
      format: schema
        ? {
            _tag: "Json",
            path: "output_config.format",
            schema: { type: "object", properties: {}, additionalProperties: false },
            name: undefined,
            strict: undefined
          }
        : { _tag: "Text" },
      hints:
        temperature === undefined || (thinks && temperature !== 1)
          ? []
          : [{ name: "temperature", path: "temperature", value: temperature }],
      meanings: []
    }
  })
  // An id that comes again goes as another: that is not the same.
  .filter(({ turns }) => {
    const ids = turns.flatMap(({ parts }) => parts.flatMap((part) => (part._tag === "ToolCall" ? [part.id] : [])))
    return new Set(ids).size === ids.length
  })

// Where something stands is not what it says.
const withoutPaths = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (field, one: unknown) => (field === "path" ? undefined : one)))

const foreign = (asked: Asked): AnswerRequest => ({ ...messages(least), dialect: "openai", asked: () => asked })

describe("a request that is put in Anthropic's words and read again", () => {
  it("asks the same", () => {
    fc.assert(
      fc.property(anyAsked, (asked) => {
        const request = foreign(asked)
        expect(anthropic.unsaid(request, "m")).toEqual([])
        const made = encoded(request)
        expect(made.dropped).toEqual([])
        expect(made.names).toBe(undefined)
        expect(withoutPaths(messages(made.body).asked())).toEqual(withoutPaths(asked))
      }),
      { numRuns: shareOfRuns(500) }
    )
  })

  it("has turns that alternate, results first, and nothing blank, whatever is asked", () => {
    const anyText = fc.string({ maxLength: 3 }).map((value): Part => ({ _tag: "Text", text: value }))
    const anyTurn = fc.record({
      role: fc.constantFrom("user", "assistant", "system"),
      parts: fc.array(fc.oneof(anyText, shown, thought, call, result), { maxLength: 4 })
    }) as fc.Arbitrary<Turn>
    fc.assert(
      fc.property(fc.array(anyTurn, { maxLength: 6 }), anyAsked, (turns, asked) => {
        const { body } = encoded(foreign({ ...asked, turns }), { drop: true })
        const list = body["messages"] as ReadonlyArray<{ readonly role: string; readonly content: unknown }>
        list.forEach(({ content, role }, i) => {
          expect(role).not.toBe(list[i - 1]?.role)
          const blocks = (typeof content === "string" ? [{ type: "text", text: content }] : content) as ReadonlyArray<{
            readonly type: string
            readonly text?: string
          }>
          expect(blocks.length).toBeGreaterThan(0)
          for (const block of blocks) if (block.type === "text") expect(block.text?.trim()).not.toBe("")
          const results = blocks.map(({ type }) => type === "tool_result")
          expect(results).toEqual([...results].sort((a, b) => Number(b) - Number(a)))
        })
        const last = list.at(-1)
        if (last?.role === "assistant" && typeof last.content === "string") {
          expect(last.content).toBe(last.content.trimEnd())
        }
      }),
      { numRuns: shareOfRuns(300) }
    )
  })
})

// ---------------------------------------------------------------------------------------------------------- fuzzed

const keys = fc.constantFrom(
  "type",
  "role",
  "content",
  "text",
  "index",
  "delta",
  "content_block",
  "message",
  "usage",
  "error",
  "thinking",
  "signature",
  "data",
  "input",
  "id",
  "name",
  "tool_use_id",
  "source",
  "system",
  "tools",
  "stop_reason",
  "citation"
)
const words = fc.constantFrom<unknown>(
  "user",
  "assistant",
  "text",
  "text_delta",
  "thinking",
  "thinking_delta",
  "tool_use",
  "tool_result",
  "image",
  "content_block_start",
  "content_block_delta",
  "content_block_stop",
  "message_start",
  "message_delta",
  "error",
  "document",
  "redacted_thinking",
  "signature_delta",
  "input_json_delta",
  "er1.",
  "er1.openai.x",
  "end_turn",
  0,
  1,
  -1,
  null,
  true,
  "",
  {},
  []
)
const { any } = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    words,
    fc.array(tie("any"), { maxLength: 3 }),
    fc.dictionary(keys, tie("any"), { maxKeys: 5 })
  )
}))

describe("what is not as it should be", () => {
  it("never throws: bodies", () => {
    fc.assert(
      fc.property(fc.dictionary(keys, any), any, any, fc.boolean(), (more, content, system, counting) => {
        const body = { model: "m", max_tokens: 1, messages: [{ role: "user", content }], system, ...more }
        const parsed = anthropicClient.parse(
          { parameter: counting ? "count_tokens" : "", query: "", headers: {}, body: JSON.stringify(body) },
          { maxMessage: 0, defaultModel: "" }
        )
        if (Result.isFailure(parsed)) return
        const request = parsed.success
        request.inputEstimate()
        const asked = request.asked()
        for (const one of [request, { ...request, dialect: "openai" as const, asked: () => asked }]) {
          anthropic.unsaid(one, "m")
          for (const partial of ["", "a ", " "]) {
            const continuation = partial === "" ? undefined : ({ mode: "prefill", partial } as const)
            expect(Result.isSuccess(anthropic.encode(encoding(one, { drop: true, continuation })))).toBe(true)
          }
        }
      }),
      { numRuns: shareOfRuns(2000) }
    )
  })

  it("never throws: blocks of a message that are right by themselves", () => {
    const block = fc.oneof(
      fc.record({ type: fc.constantFrom("image", "document"), source: fc.dictionary(keys, any) }),
      fc.record({ type: fc.constant("tool_result"), tool_use_id: id, content: fc.oneof(said, fc.constant([])) }),
      fc.record({ type: fc.constant("tool_use"), id, name: said, input: fc.dictionary(keys, any), caller: any }),
      fc.record({
        type: fc.constant("thinking"),
        thinking: said,
        signature: fc.oneof(id, fc.constant("er1.openai.x"))
      }),
      fc.record({ type: said, x: any })
    )
    fc.assert(
      fc.property(fc.array(block, { maxLength: 4 }), any, (content, citations) => {
        const body = {
          ...least,
          messages: [{ role: "user", content: [{ type: "text", text: "a", citations }, ...content] }]
        }
        const parsed = anthropicClient.parse(
          { parameter: "", query: "", headers: {}, body: JSON.stringify(body) },
          { maxMessage: 0, defaultModel: "" }
        )
        if (Result.isFailure(parsed)) return
        const asked = parsed.success.asked()
        anthropic.encode(encoding({ ...parsed.success, dialect: "openai", asked: () => asked }, { drop: true }))
      }),
      { numRuns: shareOfRuns(1000) }
    )
  })

  it("never throws, and is never whole without its end: events", () => {
    const known = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta"]
    const event = fc.record({ type: fc.constantFrom(...known, "x_unknown"), more: fc.dictionary(keys, any) })
    const clients = [anthropicClient, openaiClient, chatClient]
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), fc.constantFrom(...clients), (events, client) => {
        const decoder = anthropic.decoder({ ...plainly, trimmed: " \n" })
        const steps = events.map(({ more, type }) => decoder.step(type, JSON.stringify({ ...more, type })))
        const stopped = steps.some((step) => step._tag === "Delta" && step.finish !== undefined)
        const { payloads, verdict } = playEvents(steps, client)
        if (!stopped) expect(verdict).toBe("Broken")
        // What was written can be read again.
        const replayed = client.encoder(identity).resume(payloads)
        expect(replayed.ended).toBe(true)
      }),
      { numRuns: shareOfRuns(2000) }
    )
  })

  it("never throws: text that is cut anywhere, or has a character changed", () => {
    const stream = fixture("tools.sse")
    fc.assert(
      fc.property(fc.nat(stream.length), fc.string({ maxLength: 2 }), (at, put) => {
        const changed = stream.slice(0, at) + put + stream.slice(at + put.length)
        for (const client of Object.values(clientDialects)) {
          for (const line of changed.split("\n")) {
            if (!line.startsWith("data: ")) continue
            const step = anthropic.decoder(plainly).step("message", line.slice(6))
            playEvents([step], client)
          }
        }
      }),
      { numRuns: shareOfRuns(200) }
    )
  })
})
