/**
 * Proxies of Anthropic's that stream a thought, and say all of it again where they sign it.
 */
import { assert, describe, it } from "@effect/vitest"
import { assembleOpenAI } from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { begun, chunk, completion, decodeAll } from "./kit.ts"

const block = (thinking: string, signature?: string) => ({
  thinking_blocks: [{ type: "thinking", thinking, ...(signature === undefined ? {} : { signature }) }]
})
const detail = (text: string, signature?: string) => ({
  reasoning_details: [{ type: "reasoning.text", index: 0, text, ...(signature === undefined ? {} : { signature }) }]
})

const told = (events: ReadonlyArray<object>) => {
  const steps = decodeAll([...events, chunk({ content: "Hi" }), chunk({}, "stop"), "[DONE]"])
  const { encoder, opening } = begun()
  const deltas = steps.flatMap((step) => (step._tag === "Delta" ? [step] : []))
  const payloads = [
    ...opening,
    ...deltas.flatMap((delta) => encoder.delta(delta)),
    ...encoder.complete(completion, true)
  ]
  const { choices } = JSON.parse(assembleOpenAI(payloads)) as { choices: [{ message: JsonObject }] }
  return { thought: deltas.map(({ reasoning }) => reasoning).join(""), message: choices[0].message }
}

describe("a thought that is said again with its signature", () => {
  it.each([
    ["thinking blocks", block, "thinking_blocks", "thinking"],
    ["reasoning details", detail, "reasoning_details", "text"]
  ] as const)("is said once: %s", (_name, said, list, field) => {
    const { message, thought } = told([
      chunk({ reasoning_content: "Let me ", ...said("Let me ") }),
      chunk({ reasoning_content: "see.", ...said("see.") }),
      chunk({ reasoning_content: "", ...said("Let me see.", "SIG") })
    ])
    assert.strictEqual(thought, "Let me see.")
    const [signed] = message[list] as ReadonlyArray<JsonObject>
    assert.deepInclude(signed, { [field]: "Let me see.", signature: "SIG" })
  })

  it("is said once where the text beside it comes again, too", () => {
    const { message, thought } = told([
      chunk({ reasoning_content: "Let me see.", ...block("Let me see.") }),
      chunk({ reasoning_content: "Let me see.", ...block("Let me see.", "SIG") })
    ])
    assert.strictEqual(thought, "Let me see.")
    assert.deepInclude(message, {
      reasoning_content: "Let me see.",
      thinking_blocks: [{ type: "thinking", thinking: "Let me see.", signature: "SIG" }]
    })
  })

  it("is a second one behind a signature, though it is of the same words", () => {
    const { message, thought } = told([
      chunk({ ...block("Again.", "S1") }),
      chunk({ ...block("Again.", "S2") }),
      chunk({ ...block("And more") }),
      chunk({ ...block(", again.", "S3") })
    ])
    assert.strictEqual(thought, "Again.Again.And more, again.")
    assert.deepStrictEqual(message["thinking_blocks"], [
      { type: "thinking", thinking: "Again.", signature: "S1" },
      { type: "thinking", thinking: "Again.", signature: "S2" },
      { type: "thinking", thinking: "And more, again.", signature: "S3" }
    ])
  })
})
