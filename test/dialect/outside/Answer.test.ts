/**
 * What a dialect from outside makes of what is answered, by the example of Cohere's.
 */
import { assert, describe, it } from "@effect/vitest"
import { nothing, type UpstreamEvent } from "effect-resilience/dialect"
import { describe as told } from "effect-resilience/errors"
import * as fc from "fast-check"
import { cohere } from "../../../examples/cohere/Cohere.ts"
import { begin, call, called, decoded, end, input, plan, start, stop, text, thought, usage } from "./cohere.ts"

const counts = { inputTokens: 215, outputTokens: 12, cacheReadTokens: 3, estimated: false }
const done: UpstreamEvent = { _tag: "Done" }
const finish = (reason: "stop" | "length" | "tool-calls" | "content-filter" | "unknown", native: string) => ({
  ...nothing,
  finish: { reason, native, from: undefined },
  usage: counts
})

const whole = (body: unknown, status = 200) =>
  cohere.decodeWhole(
    { status, headers: {}, body: typeof body === "string" ? body : JSON.stringify(body), now: 0 },
    { body: "", dropped: [], names: new Map([["f_1", "f.1"]]) }
  )

const faults = (events: ReadonlyArray<UpstreamEvent>) =>
  events.flatMap((event) => (event._tag === "Fault" ? [told(event.error).code] : []))

describe("a stream of Cohere's", () => {
  it("is its text, and at its end how it ended and what it cost", () => {
    assert.deepStrictEqual(
      decoded([start, begin("text"), text("Hel"), text("lo"), stop(), end("COMPLETE"), "[DONE]"]),
      [
        nothing,
        nothing,
        { ...nothing, text: "Hel" },
        { ...nothing, text: "lo" },
        nothing,
        finish("stop", "COMPLETE"),
        done
      ]
    )
  })

  it("is what was thought, and what was planned", () => {
    assert.deepStrictEqual(decoded([begin("thinking"), thought("hm"), plan("I look")]), [
      nothing,
      { ...nothing, reasoning: "hm" },
      { ...nothing, reasoning: "I look" }
    ])
  })

  it("is its calls, in the order in which they begin, by the names that the client knows", () => {
    const events = [call(4, "c1", "f_1"), input(4, '{"a"'), input(4, ":1}"), called(4), call(5, "c2", "g"), called(5)]
    assert.deepStrictEqual(
      decoded([...events, end("TOOL_CALL")], new Map([["f_1", "f.1"]])).flatMap(
        (event): ReadonlyArray<unknown> => (event._tag === "Delta" ? (event.pieces ?? [event.finish]) : [])
      ),
      [
        { _tag: "ToolCall", index: 0, id: "c1", name: "f.1" },
        { _tag: "ToolInput", index: 0, text: '{"a"' },
        { _tag: "ToolInput", index: 0, text: ":1}" },
        undefined,
        { _tag: "ToolCall", index: 1, id: "c2", name: "g" },
        { _tag: "ToolInput", index: 1, text: "{}" },
        { reason: "tool-calls", native: "TOOL_CALL", from: undefined }
      ]
    )
  })

  it.each([
    ["STOP_SEQUENCE", "stop"],
    ["MAX_TOKENS", "length"],
    ["ERROR_TOXIC", "content-filter"],
    ["NEWS", "unknown"]
  ] as const)("that ends with %s ended with %s", (native, reason) => {
    assert.deepStrictEqual(decoded([end(native)]), [finish(reason, native)])
  })

  it.each([end("ERROR"), end("TIMEOUT"), end("COMPLETE", { error: "it broke" }), { message: "no more" }])(
    "is broken by %j",
    (event) => {
      assert.lengthOf(faults(decoded([text("a"), event])), 1)
    }
  )

  it("is broken by what is no object", () => {
    assert.deepStrictEqual(faults(decoded(["nonsense", "[1]"])), ["bad_response_body", "bad_response_body"])
  })

  it("says nothing by what is new", () => {
    assert.deepStrictEqual(decoded([{ type: "citation-start", index: 0 }, { type: "later" }]), [nothing, nothing])
  })

  it("never throws, whatever comes", () => {
    const types = ["content-delta", "tool-call-start", "tool-call-delta", "tool-call-end", "message-end", "x"]
    const event = fc.record({ type: fc.constantFrom(...types), index: fc.jsonValue(), delta: fc.jsonValue() })
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            event,
            fc.jsonValue().map((value) => JSON.stringify(value))
          )
        ),
        (events) => {
          decoded(events)
        }
      )
    )
  })
})

describe("a whole answer of Cohere's", () => {
  it("is what its stream would have been", () => {
    const message = {
      role: "assistant",
      tool_plan: "I look",
      content: [
        { type: "thinking", thinking: "hm" },
        { type: "text", text: "Hello" }
      ],
      tool_calls: [{ id: "c1", type: "function", function: { name: "f_1", arguments: '{"a":1}' } }]
    }
    const events = whole({ id: "1", finish_reason: "TOOL_CALL", message, usage })
    assert.deepStrictEqual(
      events.filter((event) => event !== nothing),
      [
        { ...nothing, reasoning: "I look" },
        { ...nothing, reasoning: "hm" },
        { ...nothing, text: "Hello" },
        {
          ...nothing,
          pieces: [
            { _tag: "ToolCall", index: 0, id: "c1", name: "f.1" },
            { _tag: "ToolInput", index: 0, text: '{"a":1}' }
          ]
        },
        finish("tool-calls", "TOOL_CALL"),
        done
      ]
    )
  })

  it.each([
    ["a refusal of its key", { message: "invalid api token" }, 401, "channel:invalid_key"],
    ["too many requests", { message: "slow down" }, 429, "channel:rate_limited"],
    ["an error with a good status", { id: "1", message: "internal server error" }, 200, "bad_response_status_code"],
    ["nothing", "", 200, "empty_response"],
    ["no JSON", "<html>", 200, "bad_response"]
  ] as const)("is one fault where it is %s", (_, body, status, code) => {
    assert.deepStrictEqual(faults(whole(body, status)), [code])
  })
})
