import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { AnswerBody, type BodyStep, maxWholeBody } from "#src/relay/AnswerBody"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What a body comes to in pieces, and all that was held or released of it. */
const read = (pieces: ReadonlyArray<Uint8Array>, labelled = false) => {
  const body = new AnswerBody()
  body.labelled = labelled
  const passed: Array<Uint8Array> = []
  const steps: Array<BodyStep> = []
  for (const piece of pieces) {
    if (body.kind === "stream") {
      passed.push(piece)
      continue
    }
    const step = body.take(piece)
    steps.push(step)
    if (step === "events" || step === "lines") passed.push(...body.release())
  }
  return { kind: body.kind, steps, text: Buffer.concat(passed).toString() + body.text() }
}

describe("the body of an answer", () => {
  it("is known by its first bytes, or its first lines", () => {
    assert.deepStrictEqual(read([bytes('data: {"a":1}\n\n')]).steps, ["events"])
    assert.deepStrictEqual(read([bytes(" \n"), bytes("da"), bytes("ta: 1")]).steps, ["held", "held", "events"])
    assert.deepStrictEqual(read([bytes("foo: 1\n\n")], true).steps, ["events"])
    assert.deepStrictEqual(read([bytes('{"a":1}\n'), bytes('{"b":2}\n')]).steps, ["part", "lines"])
    assert.deepStrictEqual(read([bytes('{"a":1}\n\nda'), bytes("ta: 1\n\n")]).steps, ["part", "events"])
    assert.deepStrictEqual(read([bytes('{\n "a": 1\n}'), bytes("\n")]).steps, ["part", "part"])
    assert.deepStrictEqual(read([bytes(" ".repeat(2_000))]).steps, ["part"])
  })

  it("is the same however it is cut, and nothing of it is lost", () => {
    const text = fc.oneof(
      fc.constantFrom(
        'data: {"a":1}\n\ndata: 2\n\n',
        '{"a":"ü€"}\n{"b":2}\n',
        '{"a":"ü€"}\n\nid: 1\n',
        '{"choices":[]}',
        "<html>\n</html>",
        ""
      ),
      fc.string({ unit: "binary", maxLength: 40 })
    )
    fc.assert(
      fc.property(text, fc.array(fc.nat({ max: 50 }), { maxLength: 5 }), fc.boolean(), (text, cuts, labelled) => {
        const all = bytes(text)
        const at = [0, ...cuts.map((cut) => Math.min(cut, all.length)), all.length].toSorted((a, b) => a - b)
        const pieces = at.slice(1).map((end, n) => all.subarray(at[n], end))
        const [cut, uncut] = [read(pieces, labelled), read([all], labelled)]
        assert.strictEqual(cut.text, Buffer.from(all).toString())
        assert.strictEqual(cut.kind, uncut.kind)
      })
    )
  })

  it("is held up to what is of use, of an error and of an answer", () => {
    const body = new AnswerBody()
    body.kind = "error"
    const piece = new Uint8Array(32 * 1024)
    assert.deepStrictEqual([body.take(piece), body.take(piece), body.take(piece)], ["held", "held", "error"])
    assert.strictEqual(body.text().length, 64 * 1024)
    const whole = new AnswerBody()
    const large = new Uint8Array(maxWholeBody - 1).fill(123)
    assert.deepStrictEqual([whole.take(large), whole.take(large.subarray(0, 1))], ["part", "part"])
    assert.strictEqual(whole.take(large.subarray(0, 1)), "tooLarge")
    assert.strictEqual(whole.text().length, maxWholeBody)
  })
})
