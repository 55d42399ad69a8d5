/**
 * Events for Google's clients that can read neither an id nor a comment.
 */
import { assert, describe, it } from "@effect/vitest"
import { bareEvents } from "#src/dialect/gemini/BareEvents"
import { geminiClient } from "#src/dialect/index"

const frame = geminiClient.frames("stream")
const shown = (...data: ReadonlyArray<string>): string =>
  bareEvents.show(data.map((one, seq) => frame({ event: undefined, data: one }, seq)).join(""))

describe("events without ids", () => {
  it("are the events and nothing else", () => {
    assert.strictEqual(shown('{"a":1}', '{"b":2}'), 'data: {"a":1}\n\ndata: {"b":2}\n\n')
  })

  it("have a text that looks like an id's line as it is, behind whatever ends a line", () => {
    for (const end of ["\u2028", "\u2029", "\\n", "\\n\\n"]) {
      const data = `{"text":"so:${end}id: 1${end}data: {"}`
      assert.strictEqual(shown(data, data), `data: ${data}\n\ndata: ${data}\n\n`)
    }
  })

  it("end with an error that is a line of JSON, and with one that is none", () => {
    const error = '{"error":{"code":502,"message":"It broke.\\nTwice.\u2028","status":"INTERNAL"}}'
    assert.strictEqual(shown('{"a":1}', error), `data: {"a":1}\n\n${error}\n\n: It broke. Twice. \n\n`)
  })

  it("have a heartbeat that is an event, and says nothing", () => {
    const [event, ...more] = bareEvents.heartbeat.split("\n\n")
    assert.deepStrictEqual(more, [""])
    assert.deepStrictEqual(JSON.parse(event!.slice("data: ".length)), {
      candidates: [{ content: { role: "model", parts: [{ text: "" }] }, index: 0 }]
    })
  })

  it("are for the SDKs that name themselves, but for the one that knows a block without data", () => {
    const those = [
      "google-genai-sdk/1.60.0 gl-python/3.13.1",
      "google-genai-sdk/1.40.0 gl-go/go1.25",
      "genai-js/0.24.1"
    ]
    assert.deepStrictEqual(those.map(bareEvents.isFor), [true, true, true])
    assert.isFalse(bareEvents.isFor("google-genai-sdk/2.32.0 gl-node/v24.1.0"))
    assert.isFalse(bareEvents.isFor(undefined))
  })
})
