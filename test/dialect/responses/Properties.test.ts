/**
 * What holds whatever is asked and answered: what is carried there and back is the same, nothing is thrown, and what a
 * client is told is a response to OpenAI's own SDK.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type Asked, clientDialects, type Part, type Turn, upstreamDialects } from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import {
  ask,
  askedWith,
  decodeAll,
  decodeWhole,
  encoded,
  foreign,
  identity,
  play,
  sdkReads,
  tryAsk,
  wholeOf
} from "./kit.ts"
import { shareOfRuns } from "../../support/share.ts"

// -------------------------------------------------------------------------------------------------- there and back

const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/)
const said = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" })
const base64 = fc.uint8Array({ minLength: 1, maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString("base64"))
const text = said.map((value): Part => ({ _tag: "Text", text: value }))
const shown: fc.Arbitrary<Part> = fc.oneof(
  text,
  fc
    .record({ mediaType: fc.constantFrom("image/png", "image/jpeg", "image/gif", "image/webp"), base64 })
    .map(({ base64, mediaType }): Part => ({ _tag: "Image", path: "", mediaType, source: { base64 } })),
  fc
    .webUrl({ validSchemes: ["https"] })
    .map((url): Part => ({ _tag: "Image", path: "", mediaType: undefined, source: { url } })),
  fc
    .record({ name: said, base64, mediaType: fc.constantFrom("application/pdf", "text/plain") })
    .map((file): Part => ({ _tag: "File", path: "", ...file }))
)
const thought = fc.record({ text: said, value: id, sealed: fc.boolean() }).map(
  ({ sealed, text: value, value: signature }): Part => ({
    _tag: "Reasoning",
    text: sealed ? "" : value,
    signed: { by: "responses", value: signature, sealed }
  })
)
const call = fc
  .record({ id, name: id, input: fc.dictionary(id, fc.jsonValue(), { maxKeys: 2 }) })
  .map(({ input, ...rest }): Part => ({ _tag: "ToolCall", ...rest, input: JSON.stringify(input), signed: undefined }))
const result = fc
  .record({ id, parts: fc.array(shown, { minLength: 1, maxLength: 2 }), failed: fc.boolean() })
  // A mark that the tool itself has written cannot be told from ours.
  .filter(({ failed, parts: [first] }) => failed || first?._tag !== "Text" || !first.text.startsWith("Error: "))
  .filter(({ failed, parts: [first] }) => !failed || first?._tag === "Text")
  .map((fields): Part => ({ _tag: "ToolResult", path: "", name: undefined, ...fields }))

/** A user's turn; and an assistant's, which thinks, speaks once, and calls. */
const exchange = fc
  .record({
    results: fc.array(result, { maxLength: 2 }),
    asks: fc.array(shown, { minLength: 1, maxLength: 2 }),
    thinks: fc.array(thought, { maxLength: 1 }),
    speaks: fc.array(text, { minLength: 1, maxLength: 1 }),
    calls: fc.array(call, { maxLength: 2 })
  })
  .map(
    ({ asks, calls, results, speaks, thinks }): ReadonlyArray<Turn> => [
      ...(results.length === 0 ? [] : [{ role: "user" as const, parts: results }]),
      { role: "user", parts: asks },
      { role: "assistant", parts: [...thinks, ...speaks, ...calls] }
    ]
  )

const conversation: fc.Arbitrary<Asked> = fc
  .record({
    system: fc.array(text, { maxLength: 3 }),
    exchanges: fc.array(exchange, { maxLength: 3 }),
    last: fc.array(shown, { minLength: 1, maxLength: 2 }),
    tools: fc.uniqueArray(id, { maxLength: 3 }),
    maxTokens: fc.option(fc.integer({ min: 16, max: 9999 }), { nil: undefined }),
    effort: fc.option(fc.constantFrom("none", "minimal", "low", "medium", "high", "xhigh", "max"), { nil: undefined }),
    once: fc.boolean(),
    choice: fc.constantFrom(undefined, "auto", "none", "required")
  })
  .map(({ choice, effort, exchanges, last, maxTokens, once, system, tools }) =>
    askedWith({
      system,
      turns: [...exchanges.flat(), { role: "user", parts: last }],
      tools: tools.map((name, i) => ({
        path: `tools[${i}]`,
        name,
        description: name === "a" ? undefined : `does ${name}`,
        schema: { type: "object", properties: {} },
        strict: i % 2 === 0
      })),
      toolChoice: tools.length === 0 ? undefined : choice,
      oneCallAtATime: once && tools.length > 0,
      maxTokens,
      effort: effort === undefined ? undefined : { path: "reasoning.effort", level: effort as "low" }
    })
  )

/** Without what only says where it stood, and the names of calls that results are matched with. */
const bare = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (field, inner: unknown) => (field === "path" || field === "name" ? undefined : inner))
  )

describe("what is asked", () => {
  it("is the same when it is carried there and back", () => {
    fc.assert(
      fc.property(conversation, (asked) => {
        const { text } = encoded(foreign(asked))
        const back = ask(text).asked()
        const { hints: _, meanings, ...rest } = back
        const { hints: _hints, meanings: _meanings, ...before } = asked
        assert.deepStrictEqual(meanings, [])
        assert.deepStrictEqual(bare(rest), bare(before))
      }),
      { numRuns: shareOfRuns(400) }
    )
  })

  const odd = fc.jsonValue({ maxDepth: 2 })
  const oddText = fc.oneof(fc.constantFrom("", "a", "{}", "er1.anthropic.x", "data:image/png;base64,aa"), odd)
  const part = fc.record(
    {
      type: fc.constantFrom("input_text", "output_text", "input_image", "input_file", "refusal", "x"),
      text: oddText,
      refusal: oddText,
      image_url: oddText,
      file_data: oddText,
      filename: oddText,
      detail: odd
    },
    { requiredKeys: [] }
  )
  const parts = fc.oneof(oddText, fc.array(fc.oneof(part, odd), { maxLength: 2 }))
  const item = fc.record(
    {
      type: fc.constantFrom("message", "reasoning", "function_call", "function_call_output", "item_reference", "x"),
      role: fc.constantFrom("user", "assistant", "system", "developer", "x"),
      content: parts,
      output: parts,
      summary: fc.oneof(fc.array(fc.oneof(part, odd), { maxLength: 2 }), odd),
      encrypted_content: oddText,
      id: oddText,
      call_id: oddText,
      name: oddText,
      arguments: oddText
    },
    { requiredKeys: [] }
  )
  const fields = fc.dictionary(
    fc.constantFrom("tools", "tool_choice", "text", "reasoning", "include", "store", "instructions", "metadata", "x"),
    odd,
    { maxKeys: 4 }
  )

  it("is put in the words of every dialect, or refused, and nothing is thrown", () => {
    fc.assert(
      fc.property(fc.oneof(fc.array(fc.oneof(item, odd), { maxLength: 4 }), odd), fields, (input, more) => {
        const parsed = tryAsk({ ...more, input })
        if (parsed._tag === "Failure") return
        const request = parsed.success
        const asked = request.asked()
        for (const dialect of Object.values(upstreamDialects)) {
          for (const drop of [true, false]) {
            for (const own of [request, { ...request, dialect: "chat" as const, asked: () => asked }]) {
              dialect.unsaid(own, "m")
              dialect.encode({
                request: own,
                model: "m",
                stream: true,
                continuation: { mode: "message", partial: "a", prompt: "{partial}" },
                params: {},
                refused: new Set(),
                drop
              })
            }
          }
        }
      }),
      { numRuns: shareOfRuns(400) }
    )
  })
})

// -------------------------------------------------------------------------------------------------- what is answered

const odd = fc.jsonValue({ maxDepth: 2 })
const words = fc.oneof(fc.constantFrom("", "a", "{}", '{"q":'), fc.string({ maxLength: 4, unit: "binary" }), odd)
const index = fc.oneof(fc.nat({ max: 2 }), fc.nat({ max: 2 }), odd)
const part = fc.record(
  {
    type: fc.constantFrom("output_text", "refusal", "reasoning_text", "summary_text"),
    text: words,
    refusal: words,
    annotations: odd
  },
  { requiredKeys: ["type"] }
)
const item = fc.record(
  {
    type: fc.constantFrom("message", "message", "reasoning", "function_call", "web_search_call"),
    id: words,
    call_id: words,
    name: words,
    arguments: words,
    content: fc.oneof(fc.array(fc.oneof(part, odd), { maxLength: 2 }), odd),
    summary: fc.oneof(fc.array(fc.oneof(part, odd), { maxLength: 2 }), odd),
    encrypted_content: words,
    status: fc.constantFrom("completed", "in_progress", "incomplete")
  },
  { requiredKeys: ["type"] }
)
const names = [
  "output_item.added",
  "output_item.added",
  "output_item.done",
  "content_part.added",
  "content_part.done",
  "output_text.delta",
  "output_text.delta",
  "output_text.done",
  "output_text.annotation.added",
  "refusal.delta",
  "refusal.done",
  "reasoning_text.delta",
  "reasoning_summary_part.added",
  "reasoning_summary_part.done",
  "reasoning_summary_text.delta",
  "reasoning_summary_text.done",
  "function_call_arguments.delta",
  "function_call_arguments.done"
].map((name) => `response.${name}`)
const event = fc.record(
  {
    type: fc.constantFrom(...names),
    output_index: index,
    content_index: index,
    summary_index: index,
    annotation_index: index,
    item_id: words,
    item,
    part,
    delta: fc.oneof(fc.constantFrom("a", "{}", ""), words),
    text: words,
    refusal: words,
    arguments: words,
    annotation: odd,
    logprobs: odd,
    sequence_number: odd,
    x: odd
  },
  { requiredKeys: ["type"] }
)
const completed = (more: object = {}) => ({
  type: "response.completed",
  response: { object: "response", status: "completed", output: [], ...more }
})

/** Without what the SDK adds. */
const plainly = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (field, inner: unknown) => (/^parsed(_arguments)?$/.test(field) ? undefined : inner))
  )

describe("any answer", () => {
  it("throws nothing, and one that was cut is never whole", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(event, odd), { maxLength: 8 }), (events) => {
        const { payloads, verdict } = play(decodeAll(events))
        assert.strictEqual(verdict._tag, "Broken")
        assert.notInclude(
          payloads.map(({ event }) => event),
          "response.completed"
        )
      }),
      { numRuns: shareOfRuns(800) }
    )
  })

  it("is written as events that say the same again, in every dialect", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 8 }), odd, (events, usage) => {
        for (const client of Object.values(clientDialects)) {
          const { machine, payloads, verdict } = play(decodeAll([...events, completed({ usage })]), client)
          if (verdict._tag !== "Complete") continue
          const replayed = client.encoder(identity).resume(payloads)
          assert.strictEqual(replayed.text, machine.text)
          assert.isTrue(replayed.ended)
        }
      }),
      { numRuns: shareOfRuns(300) }
    )
  })

  it("is a response to OpenAI's own SDK, whatever its upstream says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 10 }), async (events) => {
        const { machine, payloads, verdict } = play(decodeAll([...events, completed()]))
        if (verdict._tag !== "Complete") return
        const response = await sdkReads(payloads)
        assert.strictEqual(response.output_text, machine.text)
        assert.deepStrictEqual(plainly(response.output), wholeOf(payloads)["output"])
        for (const one of response.output) {
          assert.isString(one.id)
          if (one.type === "function_call") {
            assert.isNotEmpty(one.call_id)
            assert.isString(one.name)
            assert.isString(one.arguments)
          }
        }
      }),
      {
        numRuns: shareOfRuns(600),
        examples: [
          [
            [
              { type: "response.output_item.added", item: { type: "message" } },
              { type: "response.reasoning_summary_text.delta", content_index: { toString: "" }, delta: "" },
              {
                type: "response.reasoning_summary_part.added",
                summary_index: { valueOf: 1, toString: 2 },
                part: { type: "summary_text" }
              }
            ]
          ]
        ]
      }
    )
  })

  it("of one piece throws nothing, and what is no answer is a fault", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          odd,
          fc.record({
            object: fc.constant("response"),
            status: words,
            output: fc.array(fc.oneof(item, odd)),
            usage: odd
          })
        ),
        (body) => {
          const steps = decodeWhole(body as JsonObject)
          assert.isNotEmpty(steps)
          play(steps)
        }
      ),
      { numRuns: shareOfRuns(500) }
    )
  })
})
