/**
 * Servers that tell items apart by their ids alone: llama.cpp's says no `output_index`, and ends all items together.
 */
import { assert, describe, it } from "@effect/vitest"
import { anthropicClient, type ClientDialect, openaiClient, type UpstreamEvent } from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { decodeAll, play, sdkReads, wholeOf } from "./kit.ts"

const reasoning = { type: "reasoning", id: "rs", summary: [], content: [{ type: "reasoning_text", text: "Hm." }] }
const content = [{ type: "output_text", text: "I look.", annotations: [] }]
const message = { type: "message", id: "msg", role: "assistant", status: "completed", content }
const call = (id: string, input: string) => ({
  type: "function_call",
  id,
  call_id: `call_${id}`,
  name: "find",
  arguments: input
})
const added = (item: object) => ({ type: "response.output_item.added", item })
const done = (item: object) => ({ type: "response.output_item.done", item })
const asks = (item_id: string, delta: string) => ({ type: "response.function_call_arguments.delta", item_id, delta })

const steps = (): ReadonlyArray<UpstreamEvent> =>
  decodeAll([
    { type: "response.created", response: { id: "r", object: "response", status: "in_progress", output: [] } },
    added({ ...reasoning, content: [] }),
    { type: "response.reasoning_text.delta", item_id: "rs", delta: "Hm." },
    added({ ...message, status: "in_progress", content: [] }),
    { type: "response.content_part.added", item_id: "msg", part: { type: "output_text", text: "" } },
    { type: "response.output_text.delta", item_id: "msg", delta: "I " },
    added(call("a", "")),
    asks("a", '{"q":'),
    added(call("b", "")),
    { type: "response.output_text.delta", item_id: "msg", delta: "look." },
    asks("b", '{"q":2}'),
    asks("a", "1}"),
    done(reasoning),
    { type: "response.output_text.done", item_id: "msg", text: "I look." },
    { type: "response.content_part.done", item_id: "msg", part: content[0] },
    done(message),
    done(call("a", '{"q":1}')),
    done(call("b", '{"q":2}')),
    { type: "response.completed", response: { status: "completed", output: [] } }
  ])

/** The whole answer as a client of another dialect is given it. */
const toldTo = (client: ClientDialect): JsonObject => {
  const view = client.views.whole.make()
  for (const frame of play(steps(), client).payloads.map(client.frames("s"))) view.push(frame)
  return JSON.parse(view.end()) as JsonObject
}

describe("items that are told apart by their ids alone", () => {
  it("are what they are for a client of responses", async () => {
    const { payloads } = play(steps())
    const { output } = await sdkReads(payloads)
    const said = (output as unknown as ReadonlyArray<JsonObject>).map(({ arguments: input, content: parts, type }) => [
      type,
      input ?? (parts as ReadonlyArray<JsonObject>).map(({ text }) => text).join("|")
    ])
    assert.deepStrictEqual(said, [
      ["reasoning", "Hm."],
      ["message", "I look."],
      ["function_call", '{"q":1}'],
      ["function_call", '{"q":2}']
    ])
  })

  it("are told once to clients of other dialects", () => {
    const chat = toldTo(openaiClient)
    const blocks = toldTo(anthropicClient)
    const [choice] = chat["choices"] as ReadonlyArray<{ readonly message: JsonObject }>
    assert.deepInclude(choice!.message, { content: "I look.", reasoning_content: "Hm." })
    const inputs = (choice!.message["tool_calls"] as ReadonlyArray<JsonObject>).map(({ function: f }) => f)
    assert.deepStrictEqual(inputs, [
      { name: "find", arguments: '{"q":1}' },
      { name: "find", arguments: '{"q":2}' }
    ])
    const called = (blocks["content"] as ReadonlyArray<JsonObject>).filter(({ type }) => type === "tool_use")
    assert.deepStrictEqual(
      called.map(({ input }) => input),
      [{ q: 1 }, { q: 2 }]
    )
  })

  it.each([
    ["as what is given of it", "call_a", "call_b"],
    ["otherwise than where it began", "fc_a", "fc_b"]
  ])("are each its own where its input calls a call %s", (_, a, b) => {
    const nameless = (item: ReturnType<typeof call>) => ({ ...item, id: undefined })
    const steps = decodeAll([
      added({ ...message, content: [] }),
      { type: "response.output_text.delta", item_id: "msg", delta: "I look." },
      added(nameless(call("a", ""))),
      asks(a, '{"q":'),
      asks(a, "1}"),
      added(nameless(call("b", ""))),
      asks(b, '{"q":2}'),
      done(message),
      done(nameless(call("a", '{"q":1}'))),
      done(nameless(call("b", '{"q":2}'))),
      { type: "response.completed", response: { status: "completed", output: [] } }
    ])
    const { output } = wholeOf(play(steps).payloads) as unknown as { output: ReadonlyArray<JsonObject> }
    const told = output.flatMap((item) => (item["type"] === "function_call" ? [item["arguments"]] : []))
    assert.deepStrictEqual(told, ['{"q":1}', '{"q":2}'])
    const pieces = steps.flatMap((step) => (step._tag === "Delta" ? (step.pieces ?? []) : []))
    const inputs = pieces.flatMap((piece) => (piece._tag === "ToolInput" ? [[piece.index, piece.text]] : []))
    assert.deepStrictEqual(inputs, [
      [0, '{"q":'],
      [0, "1}"],
      [1, '{"q":2}']
    ])
  })

  it("are those of their numbers where an event says its number, too", () => {
    const { payloads } = play(
      decodeAll([
        { ...added({ ...reasoning, content: [] }), output_index: 0 },
        { ...added({ ...message, content: [] }), output_index: 1 },
        { type: "response.output_text.delta", item_id: "msg", delta: "I look." },
        { type: "response.output_text.done", item_id: "msg", output_index: 1, content_index: 0, text: "I look." },
        { ...done(message), output_index: 1 },
        { type: "response.completed", response: { status: "completed", output: [] } }
      ])
    )
    const { output } = wholeOf(payloads) as unknown as { output: ReadonlyArray<JsonObject> }
    assert.deepStrictEqual(output[1]!["content"], [{ ...content[0], annotations: [] }])
  })
})
