/**
 * Upstreams that say of a call that it has no input, and then what it is: a whole answer has the input that was meant.
 */
import { assert, describe, it } from "@effect/vitest"
import { assembleOpenAI } from "#src/dialect/index"
import { begun, chunk, completion, decodeAll } from "./kit.ts"

const inputOf = (inputs: ReadonlyArray<string>, custom = false): unknown => {
  const said = (input: string, name?: string) => ({
    tool_calls: [{ index: 0, ...(custom ? { custom: { name, input } } : { function: { name, arguments: input } }) }]
  })
  const steps = decodeAll([
    chunk({ tool_calls: [{ ...said("", "f").tool_calls[0], id: "c" }] }),
    ...inputs.map((input) => chunk(said(input))),
    chunk({}, "tool_calls"),
    "[DONE]"
  ])
  const { encoder, opening } = begun()
  const payloads = steps.flatMap((step) => (step._tag === "Delta" ? encoder.delta(step) : []))
  const { choices } = JSON.parse(assembleOpenAI([...opening, ...payloads, ...encoder.complete(completion, true)])) as {
    choices: [{ message: { tool_calls: [{ function?: { arguments: string }; custom?: { input: string } }] } }]
  }
  const [call] = choices[0].message.tool_calls
  return call.function?.arguments ?? call.custom?.input
}

describe("the input of a call of which it was said before that there is none", () => {
  it.each([
    [["{}", '{"x":1}'], '{"x":1}'],
    [["{}", '{"x"', ":1}"], '{"x":1}'],
    [["{}"], "{}"],
    [["{}", "{}"], "{}"],
    [["{", "}"], "{}"]
  ] as const)("%j is %s", (inputs, input) => {
    assert.strictEqual(inputOf(inputs), input)
  })

  it("is all of it where it is any text", () => {
    assert.strictEqual(inputOf(["{}", "{x}"], true), "{}{x}")
  })
})
