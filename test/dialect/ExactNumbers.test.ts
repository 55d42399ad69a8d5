import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { isExact, parseExactly, printJson } from "#src/dialect/ExactNumbers"
import { depthOf, type JsonObject, mergeDeep, parseJson } from "#src/dialect/Json"

const again = (text: string): string => printJson(parseJson(text) as object)

describe("numbers to the digit", () => {
  const kept = [
    '{"seed":9007199254740993}',
    '{"a":{"maximum":9223372036854775807,"enum":[1,-9007199254740993,{"b":0.1234567890123456789}]}}',
    "[12345678901234567890,1.00000000000000000001]",
    '{"a":100000000000000000000000}',
    '{"a":123456789.123456789123}',
    '{"a":9007199254740993.5e1}',
    '{"a":-9007199254740993,"b":"9007199254740993"}',
    '{"0":9007199254740993,"__proto__":9007199254740993}',
    '[[[9007199254740993]],"]",9007199254740993]',
    // JavaScript has a zero below zero, and prints it as none.
    '{"seed":-0}',
    '{"a":[-0,-0.0,{"b":-0e5}],"c":-0.5}',
    // What no double comes near is infinite to JavaScript, and printed as null; or it is nothing.
    '{"a":1e400}',
    '{"a":[-1.5E+400,{"b":1e-400,"c":0.00000000000001e0323}],"c":1e+300}',
    `{"a":123456789012345e${"0".repeat(20)}301,"b":${"9".repeat(400)}}`
  ]
  it.each(kept)("%s passes as it came", (text) => {
    assert.strictEqual(again(text), text)
    assert.isTrue(isExact(parseJson(text)))
  })

  it("with any white space before it, and at any place of a long text", () => {
    for (let at = 0; at < 40; at++) {
      for (const space of ["", " ", "\n", "\t", "\r\n"]) {
        for (const number of ["9007199254740993", "1e400"]) {
          const value = parseJson(`{"${"x".repeat(at)}":${space}${number}${space}}`) as JsonObject
          assert.strictEqual(printJson(value), `{"${"x".repeat(at)}":${number}}`)
        }
      }
    }
  })

  // What a double holds is not remembered: not for its length, and not for its exponent.
  const lossless = [
    '{"a":1700000000,"b":"id-20250101123456789012345","c":": 9007199254740993"}',
    '{"logprob":-0.30000000000000004,"x":-1.1920928955078125e-07,"y":9007199254740992}',
    '{"a":1.0000000000000000,"b":0.10000000000000000}',
    '{"a":0,"b":-0.5,"at":"2026-01-02","c":"x: -0 y","d":[-1,-0.25e-07]}',
    '{"a":1e300,"b":-1.5e-300,"c":"x: 1e400","d":"id-1e400","e":5e-324}',
    "{}"
  ]
  it.each(lossless)("%s is read as it always was", (text) => {
    const value = parseJson(text)
    assert.deepStrictEqual(value, JSON.parse(text))
    assert.isFalse(isExact(value))
  })

  it("go where their object's fields go, and nothing else sees them", () => {
    const value = parseJson('{"seed":9007199254740993,"a":{"b":9007199254740993},"c":1}') as JsonObject
    const { c: _, ...rest } = value
    assert.strictEqual(printJson({ ...rest, d: 1 }), '{"seed":9007199254740993,"a":{"b":9007199254740993},"d":1}')
    assert.strictEqual(printJson({ inside: value["a"] }, value), '{"inside":{"b":9007199254740993}}')
    assert.deepStrictEqual(Object.keys(value), ["seed", "a", "c"])
    assert.strictEqual(depthOf(value), 2)
    assert.strictEqual(value["seed"], 9007199254740992)
    assert.isTrue(Number.isInteger(value["seed"]))
  })

  it("give way to what is put in their place", () => {
    const value = parseJson('{"seed":9007199254740993,"a":{"b":9007199254740993,"c":9007199254740993}}') as JsonObject
    const merged = mergeDeep(value, { seed: 7, a: { b: null } })
    assert.strictEqual(printJson(merged), '{"seed":7,"a":{"c":9007199254740993}}')
    assert.strictEqual(printJson(mergeDeep(value, { seed: "x" })).slice(0, 11), '{"seed":"x"')
  })

  it("of any size and in any place, the bytes are the same", () => {
    const digits = fc.stringMatching(/^-?[1-9][0-9]{0,30}(\.[0-9]{0,30}[1-9])?$/)
    const key = fc.string({ maxLength: 20 }).filter((text) => text !== "__proto__" && !/^\d+$/.test(text))
    const leaf = fc.oneof(
      digits,
      fc.string({ maxLength: 20 }).map((text) => JSON.stringify(text)),
      fc.constant("null")
    )
    const list = fc.array(leaf, { maxLength: 4 }).map((items) => `[${items.join(",")}]`)
    const object = fc
      .uniqueArray(fc.tuple(key, fc.oneof(leaf, list)), { maxLength: 4, selector: ([name]) => name })
      .map((fields) => `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`)
    fc.assert(
      fc.property(object, (text) => {
        assert.strictEqual(printJson(parseExactly(text) as object), text)
      }),
      { numRuns: 1000 }
    )
  })

  it("take linear time, however many zeros and digits there are", () => {
    const zeros = "0".repeat(2_000_000)
    const start = performance.now()
    for (const text of [`{"a":1${zeros}1}`, `{"a":0.${zeros}1}`, `{"a":"${zeros}"}`, `{"a":": ${zeros}1"}`])
      parseJson(text)
    assert.isBelow(performance.now() - start, 3000)
  })
})
