import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type Payload, openai, openaiClient, upstreamDialects } from "#src/dialect/index"
import type { JsonObject } from "#src/dialect/Json"
import { Machine } from "#src/relay/Machine"
import { decodeWhole, identity, parse } from "./kit.ts"
import { shareOfRuns } from "../../support/share.ts"

const odd = fc.jsonValue({ maxDepth: 2 })
const text = fc.oneof(fc.constantFrom("", "a", "{}", '{"q":', "1}"), fc.string({ maxLength: 4, unit: "binary" }), odd)
const callPart = fc.record(
  {
    index: fc.oneof(fc.nat({ max: 2 }), odd),
    id: fc.oneof(fc.constantFrom("", "a", "b", "c"), odd),
    type: fc.oneof(fc.constantFrom("function", "custom", ""), odd),
    function: fc.oneof(fc.record({ name: text, arguments: text }, { requiredKeys: [] }), odd),
    custom: fc.record({ name: text, input: text }, { requiredKeys: [] }),
    extra_content: odd
  },
  { requiredKeys: [] }
)
const part = fc.record(
  {
    type: fc.constantFrom("text", "thinking", "image_url", "reasoning.text", "reasoning.encrypted", "x"),
    text,
    thinking: fc.oneof(text, fc.array(fc.record({ type: fc.constant("text"), text }), { maxLength: 2 })),
    signature: text,
    data: text,
    index: fc.nat({ max: 1 }),
    image_url: fc.oneof(fc.record({ url: text }), odd)
  },
  { requiredKeys: [] }
)
const parts = fc.array(fc.oneof(part, odd), { maxLength: 2 })
const delta = fc.record(
  {
    role: text,
    content: fc.oneof(text, parts),
    reasoning: text,
    reasoning_content: text,
    refusal: text,
    tool_calls: fc.oneof(fc.array(fc.oneof(callPart, odd), { maxLength: 3 }), odd),
    function_call: fc.oneof(callPart, odd),
    reasoning_details: fc.oneof(parts, odd),
    thinking_blocks: fc.oneof(parts, odd),
    images: fc.oneof(parts, odd),
    extra_content: odd,
    audio: odd,
    x: odd
  },
  { requiredKeys: [] }
)
const choice = (finish: fc.Arbitrary<unknown>) =>
  fc.record(
    { index: fc.oneof(fc.constantFrom(0, 0, 0, 1), odd), delta: fc.oneof(delta, delta, odd), finish_reason: finish },
    { requiredKeys: [] }
  )
const chunk = (finish: fc.Arbitrary<unknown>) =>
  fc.record(
    { choices: fc.oneof(fc.array(choice(finish), { maxLength: 2 }), odd), usage: odd, x: odd, id: odd },
    { requiredKeys: ["choices"] }
  )

/** Plays events through decoder, machine and encoder, as the relay does; what was written, and how it ended. */
const play = (events: ReadonlyArray<unknown>) => {
  const payloads: Array<Payload> = []
  const machine = new Machine({
    encoder: openaiClient.encoder(identity),
    choices: 1,
    inputEstimate: () => 1,
    output: { show: (shown) => payloads.push(...shown), onCommit: () => {}, onSeam: () => {} }
  })
  machine.begin("m")
  const decoder = openai.decoder({ body: "", dropped: [], names: undefined })
  for (const event of events) {
    const verdict = machine.step(decoder.step("message", typeof event === "string" ? event : JSON.stringify(event)))
    if (verdict._tag !== "Going") return { payloads, machine, verdict }
  }
  const halted = decoder.halt()
  const verdict = halted === undefined ? machine.eof() : machine.step(halted)
  return { payloads, machine, verdict }
}

describe("any event", () => {
  // An answer that says no finish, or one of which nobody knows, or that it broke.
  const open = fc.constantFrom<unknown>(null, null, "", undefined, "abort", "network_error", "strange", 7)

  it("throws nothing, and an answer that was cut is never whole", () => {
    fc.assert(
      fc.property(fc.array(chunk(open), { maxLength: 6 }), (events) => {
        const { payloads, verdict } = play(events)
        assert.strictEqual(verdict._tag, "Broken")
        assert.isFalse(openaiClient.encoder(identity).resume(payloads).ended)
      }),
      { numRuns: shareOfRuns(1500) }
    )
  })

  it("is written as events that say the same again, and are put together", () => {
    const finish = fc.constantFrom<unknown>(null, null, null, "stop", "tool_calls")
    fc.assert(
      fc.property(fc.array(chunk(finish), { maxLength: 6 }), (events) => {
        const { machine, payloads, verdict } = play([...events, "[DONE]"])
        if (verdict._tag !== "Complete") return
        machine.complete(1)
        const replayed = openaiClient.encoder(identity).resume(payloads)
        assert.strictEqual(replayed.text, machine.text)
        assert.isTrue(replayed.ended)
        const whole = openaiClient.views.whole.make()
        for (const frame of payloads.map(openaiClient.frames("s"))) whole.push(frame)
        const { choices } = JSON.parse(whole.end()) as { choices: ReadonlyArray<{ message: JsonObject }> }
        for (const { message } of choices) {
          for (const call of (message["tool_calls"] ?? []) as ReadonlyArray<JsonObject>) {
            if (typeof (call["function"] as JsonObject | undefined)?.["name"] === "string") {
              assert.isString(call["id"])
            }
          }
        }
      }),
      { numRuns: shareOfRuns(1000) }
    )
  })

  it("of a whole answer throws nothing", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ message: fc.oneof(delta, odd), finish_reason: open }), { maxLength: 2 }),
        odd,
        (choices, usage) => {
          decodeWhole({ choices, usage })
        }
      ),
      { numRuns: shareOfRuns(500) }
    )
  })
})

describe("any body", () => {
  const message = fc
    .tuple(fc.constantFrom("system", "user", "assistant", "tool", "function", "x"), delta)
    .map(([role, fields]) => ({ ...fields, role, tool_call_id: "a" }) as JsonObject)
  const fields = fc.dictionary(
    fc.constantFrom("tools", "tool_choice", "stop", "response_format", "reasoning_effort", "seed", "n", "x"),
    odd,
    { maxKeys: 4 }
  )

  it("that is accepted is put in the words of every dialect, or refused, and nothing is thrown", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), fields, (messages, more) => {
        let request
        try {
          request = parse({ ...more, messages })
        } catch {
          return
        }
        const asked = request.asked()
        for (const dialect of Object.values(upstreamDialects)) {
          for (const drop of [true, false]) {
            for (const own of [request, { ...request, dialect: "chat" as const, asked: () => asked }]) {
              dialect.unsaid(own, "m")
              dialect.encode({
                request: own,
                model: "m",
                stream: true,
                continuation: { mode: "prefill", partial: "a" },
                params: {},
                refused: new Set(),
                drop
              })
            }
          }
        }
      }),
      { numRuns: shareOfRuns(500) }
    )
  })
})
