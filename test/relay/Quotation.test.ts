/**
 * What an upstream quotes of a request is taken out of its words; what it says itself stays.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { withoutQuotations, writtenAsJson } from "#src/relay/Quotation"

const body = (content: string): string => JSON.stringify({ model: "m", messages: [{ role: "user", content }] })

describe("R15: what an upstream says of a request", () => {
  it.each([
    ["a prompt that it quotes", 'cannot read "tell me a long story"', "tell me a long story", "cannot read ***"],
    ["a part of one", "near: e a long story about", "tell me a long story about cats", "near: ***"],
    ["two parts", "tell me a long st, no: ory about my cats!", "tell me a long story about my cats", "***, no: ***!"],
    ["what is escaped in JSON", 'at «say "no"\n\tto it — ever»', 'say "no"\n\tto it — ever', "at «***»"]
  ])("%s is masked", (_, said, prompt, left) => {
    assert.strictEqual(withoutQuotations(said, body(prompt)), left)
  })
  it("15 characters are chance, and stay", () => {
    assert.strictEqual(withoutQuotations("no: 123456789012345!", body("123456789012345")), "no: 123456789012345!")
  })
  it("what is not in the request stays", () => {
    const said = "The server had an error while processing your request."
    assert.strictEqual(withoutQuotations(said, body("hello")), said)
  })
  it("a quotation of 16 or more is never left, wherever it stands", () => {
    const text = fc.string({ unit: "grapheme", minLength: 0, maxLength: 60 }).map((text) => text.replaceAll("*", ""))
    fc.assert(
      fc.property(text, text, text, text, (before, quoted, after, prompt) => {
        fc.pre(quoted.length >= 16)
        const left = withoutQuotations(`${before}${quoted}${after}`, body(`${prompt}${quoted}`))
        for (let at = 0; at + 16 <= quoted.length; at++) assert.notInclude(left, quoted.slice(at, at + 16))
      })
    )
  })
  it("S17: of one character over and over each is looked at a few times, and not once for each that was quoted", () => {
    // (Two thousand times two million comparisons of sixteen are minutes in one turn.)
    const said = `invalid prompt: ${"a".repeat(2000)}`
    assert.strictEqual(withoutQuotations(said, body("a".repeat(1_000_000))), "invalid prompt: ***")
  })
  it("what is quoted twice is masked twice", () => {
    const prompt = "tell me a long story"
    assert.strictEqual(
      withoutQuotations(`(${prompt}), then (${prompt})`, body(`${prompt} ${prompt}`)),
      "(***), then (***)"
    )
  })
  it("of ten million characters all are looked at", () => {
    const middle = "a".repeat(5_000_000)
    const long = body(`first words of it all ${middle} the middle of it all ${middle} last words of it all`)
    const said = "first words of it all | no words of them | the middle of it all | last words of it all"
    assert.strictEqual(withoutQuotations(said, long), "***| no words of them |***|***")
  })
  it("of a body with more escapes than are read in one turn no word is left", () => {
    const long = body(`${'"a"\n'.repeat(1_000_000)}the middle of it all`)
    assert.strictEqual(withoutQuotations("not the words of it", long), "***")
  })
  it("S17: of what looks like a quotation everywhere no word is left", () => {
    const said = Array.from({ length: 400 }, (_, at) => `aaaaaaaa${String.fromCharCode(0x4e00 + at)}`).join("")
    const parts = Array.from({ length: 100_000 }, (_, at) => `aaaaaaaa${String(at).padStart(8, "0")}`)
    assert.strictEqual(withoutQuotations(said, `"1234567${parts.join("")}"`), "***")
  })
  it("a body that is quoted as it is written is masked, with its escapes", () => {
    const written = body('tell\nme\n"a"\nlong\tstory\u2028of cats')
    assert.strictEqual(withoutQuotations(`cannot read ${written}, sorry`, written), "cannot read ***, sorry")
    const part = written.slice(written.indexOf("me"), written.indexOf("story"))
    assert.strictEqual(withoutQuotations(`cannot read «${part}»`, written), "cannot read «***»")
  })
  it("of an answer the last million characters are looked at", () => {
    const written = writtenAsJson(`first words of it${"a".repeat(1_000_000)}, says "the last words of it all"`)
    assert.isBelow(written.length, 1_000_010)
    assert.strictEqual(withoutQuotations('after: says "the last words of it', written), "after:***")
  })
  it("no quotation of 16 or more is left, as it is meant or as it is written", () => {
    const unit = fc.constantFrom("a", "b", "\n", '"', "\\", "ä", "\u0001")
    const text = fc.string({ unit, maxLength: 60 })
    fc.assert(
      fc.property(text, text, fc.nat(60), fc.boolean(), (before, prompt, from, isMeant) => {
        const written = body(prompt)
        const quoted = (isMeant ? prompt : written).slice(from)
        fc.pre(quoted.length >= 16)
        const left = withoutQuotations(`${before}${quoted}`, written)
        for (let at = 0; at + 16 <= quoted.length; at++) assert.notInclude(left, quoted.slice(at, at + 16))
      })
    )
  })
})
