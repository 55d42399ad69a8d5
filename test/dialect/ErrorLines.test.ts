import { assert, describe, it } from "@effect/vitest"
import { sse } from "#src/dialect/upstream/Frames"

type Frame = readonly [event: string, data: string]

const framesOf = (chunks: ReadonlyArray<Uint8Array>, maxEventBytes = 1_000): ReadonlyArray<Frame> => {
  const frames: Array<Frame> = []
  const framing = sse.make({ maxEventBytes, onFrame: (event, data) => frames.push([event, data]) })
  for (const chunk of chunks) assert.isUndefined(framing.feed(chunk))
  framing.end()
  return frames
}

/** The frames of a text, which are the same where it comes byte by byte. */
const read = (text: string, maxEventBytes?: number): ReadonlyArray<Frame> => {
  const bytes = new TextEncoder().encode(text)
  const frames = framesOf([bytes], maxEventBytes)
  assert.deepStrictEqual(
    framesOf(
      Array.from(bytes, (byte) => Uint8Array.of(byte)),
      maxEventBytes
    ),
    frames
  )
  return frames
}

const said = 'data: {"choices":[]}\n\n'
const saidFrame: Frame = ["message", '{"choices":[]}']
const done = "data: [DONE]\n\n"
const doneFrame: Frame = ["message", "[DONE]"]
const failed = { error: { code: 429, message: "Quota exceeded: wait", status: "RESOURCE_EXHAUSTED" } }
const one = JSON.stringify(failed)
const many = JSON.stringify(failed, null, 2)

describe("A2: an error between the events of a stream", () => {
  it.each([
    ["a field of its own", 'error: {"code":500,"message":"é"}', '{"code":500,"message":"é"}'],
    ["a field without a space", 'error:{"error":{"message":"no"}}', '{"error":{"message":"no"}}'],
    ["a field of words", "error: out of memory", "out of memory"],
    ["a field of a text of JSON", 'error: "out of memory"', '"out of memory"'],
    ["a line of JSON", one, one],
    ["lines of JSON", many, many],
    ["lines of JSON that end in CR LF", many.replaceAll("\n", "\r\n"), many],
    ["a list of it", `[${one}]`, `[${one}]`],
    ["a list of it, on lines", `[${many}\n]`, `[${many}\n]`],
    ["the envelope of another vendor", '{"type":"error","message":"no"}', '{"type":"error","message":"no"}']
  ])("that is %s is a frame, whatever comes behind it", (_, lines, body) => {
    const error: Frame = ["error", body]
    assert.deepStrictEqual(read(`${said}${lines}\n\n${done}`), [saidFrame, error, doneFrame])
    assert.deepStrictEqual(read(`${lines}\n\n${done}`), [error, doneFrame])
    // It breaks off, with an end of its line or without one.
    assert.deepStrictEqual(read(`${said}${lines}\n`), [saidFrame, error])
    assert.deepStrictEqual(read(`${said}${lines}`), [saidFrame, error])
  })

  it.each([
    ["of the names of errors", "error"],
    ["that says that there is none", "error: null"],
    ["that says that there is none, in an object", 'error: {"code":0,"message":""}'],
    ["that is an answer's", '{"choices":[{"delta":{"content":"error"}}],"error":null}'],
    ["of a proxy's log", '{"level":"info","message":"error"}'],
    ["that is no JSON", '{"error": oh no}'],
    ["of a terminator", "[DONE]"],
    ["of a page", "<html>error: no</html>"],
    ["of a field by another name", 'errors: {"message":"no"}'],
    ["of a comment", ': {"error":{"message":"no"}}']
  ])("is none in a line %s", (_, line) => {
    assert.deepStrictEqual(read(`${said}${line}\n\n${done}`), [saidFrame, doneFrame])
    // Nothing is left of it.
    assert.deepStrictEqual(read(`${line}\n\n${one}\n\n${done}`), [["error", one], doneFrame])
  })

  it("is none while it is not whole", () => {
    assert.deepStrictEqual(read(`${said}${one.slice(0, -1)}\n\n`), [saidFrame])
    assert.deepStrictEqual(read(`${said}${many.slice(0, -2)}`), [saidFrame])
    // What follows is no part of it.
    assert.deepStrictEqual(read(`{"a":\n\n${said}${one}\n\n`), [saidFrame, ["error", one]])
  })

  it("has a bound", () => {
    const long = JSON.stringify({ error: { message: "x".repeat(60), more: Array.from("abcdefghij") } }, null, 2)
    assert.deepStrictEqual(read(`${said}${long}\n\n${done}`, 100), [saidFrame, doneFrame])
    assert.deepStrictEqual(read(`${long}\n${one}\n`, 100), [["error", one]])
  })
})
