/**
 * What signs a tool call comes behind its input, whenever the upstream said it: who writes a call as one block ends it
 * with its signature.
 */
import { assert, describe, it } from "@effect/vitest"
import { openai, type Piece } from "#src/dialect/index"

const extra = { google: { thought_signature: "s" } }

const piecesOf = (...deltas: ReadonlyArray<object>): ReadonlyArray<Piece["_tag"]> => {
  const decoder = openai.decoder({ body: "", dropped: [], names: undefined })
  const events = [
    ...deltas.map((delta) => ({ choices: [{ index: 0, delta, finish_reason: null }] })),
    { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] }
  ]
  return events.flatMap((event) => {
    const step = decoder.step("message", JSON.stringify(event))
    return step._tag === "Delta" ? (step.pieces ?? []).map(({ _tag }) => _tag) : []
  })
}

const part = (more: object, index = 0) => ({ tool_calls: [{ index, ...more }] })
const named = (input: string) => ({ id: "a", type: "function", function: { name: "f", arguments: input } })
const input = (text: string) => ({ function: { arguments: text } })

describe("the signature of a call", () => {
  it.each([
    [
      "with a call that is whole, at once",
      [part({ ...named("{}"), extra_content: extra })],
      ["ToolCall", "ToolInput", "Signature"]
    ],
    [
      "behind input that comes later",
      [part({ ...named(""), extra_content: extra }), part(input('{"x":')), part(input("1}"))],
      ["ToolCall", "ToolInput", "ToolInput", "Signature"]
    ],
    [
      "before the next call begins",
      [part({ ...named(""), extra_content: extra }), part({ ...named("{}"), id: "b" }, 1)],
      ["ToolCall", "Signature", "ToolCall", "ToolInput"]
    ],
    ["at the end of a call without input", [part({ ...named(""), extra_content: extra })], ["ToolCall", "Signature"]]
  ] as const)("comes %s", (_, deltas, expected) => {
    assert.deepStrictEqual(piecesOf(...deltas), expected)
  })
})
