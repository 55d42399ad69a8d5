import { assert, describe, it } from "@effect/vitest"
import {
  encodeComment,
  encodeEvent,
  encodeJsonEvent,
  encodeRetry,
  InvalidSseField,
  makeSseParser,
  type SseEvent
} from "effect-resilience/sse"
import * as fc from "fast-check"

const read = (text: string) => {
  const events: Array<SseEvent> = []
  const comments: Array<string> = []
  const parser = makeSseParser({
    onEvent: (event) => events.push(event),
    onComment: (comment) => comments.push(comment)
  })
  parser.feed(new TextEncoder().encode(text))
  return { events, comments, retryMillis: parser.retryMillis, lastEventId: parser.lastEventId }
}

const clean = fc.string({ unit: "grapheme" }).filter((text) => !/[\r\n\0]/.test(text))
const nasty = fc
  .array(fc.constantFrom("\r", "\n", "\0", "data: x", "id: 1", ": ", "event: e", "{}", "é"))
  .map((parts) => parts.join(""))

describe("SseEncoder", () => {
  it("writes the id first, and one data line for each line", () => {
    assert.strictEqual(
      encodeEvent({ event: "note", id: "1", data: "a\rb\r\nc\nd" }),
      "id: 1\nevent: note\ndata: a\ndata: b\ndata: c\ndata: d\n\n"
    )
    assert.strictEqual(encodeEvent({ data: "" }), "data: \n\n")
    assert.strictEqual(encodeEvent({ data: "\n" }), "data: \ndata: \n\n")
  })

  it("refuses CR, LF and NUL in ids and event names", () => {
    for (const bad of ["\r", "\n", "\0", "x\ndata: injected", "1\n\ndata: evil", "1\r", "\0a"]) {
      for (const field of ["id", "event"] as const) {
        const refused = (encode: () => string) => {
          try {
            encode()
          } catch (error) {
            assert.instanceOf(error, InvalidSseField)
            return assert.strictEqual((error as InvalidSseField).field, field)
          }
          assert.fail(`${JSON.stringify(bad)} was taken as ${field}`)
        }
        refused(() => encodeEvent({ data: "x", [field]: bad }))
        refused(() => (field === "id" ? encodeJsonEvent("e", bad, "{}") : encodeJsonEvent(bad, "1", "{}")))
      }
    }
  })

  it("writes whole, non-negative reconnection times only", () => {
    assert.strictEqual(read(encodeRetry(0)).retryMillis, 0)
    assert.strictEqual(read(encodeRetry(2 ** 31 - 1)).retryMillis, 2 ** 31 - 1)
    for (const bad of [1.5, -1, NaN, Infinity, 2 ** 31]) assert.throws(() => encodeRetry(bad), InvalidSseField)
  })

  it("gives back every event that it wrote", () => {
    fc.assert(
      fc.property(fc.record({ event: clean, id: clean, data: fc.oneof(clean, nasty) }), (event) => {
        assert.deepStrictEqual(read(encodeEvent(event)).events, [
          {
            event: event.event === "" ? "message" : event.event,
            id: event.id,
            data: event.data.replace(/\r\n?/g, "\n")
          }
        ])
      })
    )
  })

  it("cannot be made to forge anything by data, in either form, or by a comment", () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const data = text.replace(/\r\n?/g, "\n")
        assert.deepStrictEqual(read(encodeJsonEvent(undefined, "7", text)).events, [
          { event: "message", id: "7", data }
        ])
        assert.deepStrictEqual(read(encodeJsonEvent("e", "7", text)).events, [{ event: "e", id: "7", data }])
        const comment = read(encodeComment(text))
        assert.deepStrictEqual(comment.events, [])
        assert.strictEqual(comment.lastEventId, "")
        assert.strictEqual(comment.comments.join("\n"), data)
      })
    )
  })
})
