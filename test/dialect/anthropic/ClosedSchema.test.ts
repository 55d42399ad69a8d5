import { transformJSONSchema } from "@anthropic-ai/sdk/lib/transform-json-schema"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { closeParameters, closeSchema } from "#src/dialect/anthropic/ClosedSchema"
import { printJson } from "#src/dialect/ExactNumbers"
import { isObject, type JsonObject, parseJson } from "#src/dialect/Json"

const closed = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: "object",
  properties,
  additionalProperties: false,
  ...more
})
const text = { type: "string" }

describe("a schema in Anthropic's words", () => {
  it.each<readonly [name: string, schema: JsonObject, said: JsonObject]>([
    [
      "an object that leaves it open whether there is more",
      { type: "object", properties: { a: text, b: { type: "object", properties: {} } }, required: ["a"] },
      closed({ a: text, b: closed({}) }, { required: ["a"] })
    ],
    ["an object without a property", { type: "object", additionalProperties: false }, closed({})],
    ["an object that does not say that it is one", { properties: { a: text } }, closed({ a: text })],
    [
      "what may be null",
      { type: ["object", "null"], properties: { a: text } },
      closed({ a: text }, { type: ["object", "null"] })
    ],
    ["a list", { items: { properties: {} } }, { type: "array", items: closed({}) }],
    ["a list of anything", { type: "array", items: {} }, { type: "array" }],
    ["at least one", { type: "array", items: text, minItems: 1 }, { type: "array", items: text, minItems: 1 }],
    ["a limit of a number", { type: "integer", minimum: 1 }, { type: "integer", description: '{"minimum":1}' }],
    [
      "limits of a list, behind what describes it",
      { type: "array", items: text, minItems: 2, maxItems: 3, description: "Some." },
      { type: "array", items: text, description: 'Some.\n\n{"minItems":2,"maxItems":3}' }
    ],
    ["a format", { type: "string", format: "date-time" }, { type: "string", format: "date-time" }],
    ["an unknown format", { type: "string", format: "x" }, { type: "string", description: '{"format":"x"}' }],
    [
      "the format of a number",
      { type: "number", format: "date" },
      { type: "number", description: '{"format":"date"}' }
    ],
    ["one of", { oneOf: [text, { type: "null" }], title: "T" }, { anyOf: [text, { type: "null" }], title: "T" }],
    [
      "variants of its type",
      { type: "object", anyOf: [{ properties: { a: text } }, { $ref: "#/$defs/b" }] },
      { anyOf: [closed({ a: text }), { $ref: "#/$defs/b" }] }
    ],
    [
      "all of one",
      { allOf: [{ $ref: "#/$defs/a" }], default: 1 },
      { anyOf: [{ $ref: "#/$defs/a" }], description: '{"default":1}' }
    ],
    [
      "what is described beside a reference",
      { $ref: "#/$defs/a", description: "d" },
      { anyOf: [{ $ref: "#/$defs/a" }], description: "d" }
    ],
    [
      "definitions",
      { $schema: "s", $defs: { a: { properties: {} } }, definitions: { b: text }, $ref: "#/$defs/a" },
      { $defs: { a: closed({}) }, definitions: { b: text }, $ref: "#/$defs/a" }
    ],
    ["some words", { type: ["string", "null"], enum: ["a", null] }, { enum: ["a", null] }],
    [
      "those words that are of its type",
      { type: ["string", "integer"], enum: ["a", null, 1, 1.5] },
      { enum: ["a", 1] }
    ],
    ["no word that is of its type", { type: "null", enum: ["a"] }, { type: "null", description: '{"enum":["a"]}' }],
    ["one word", { const: "a", type: "string" }, { const: "a" }],
    ["values that are no plain ones", { type: "array", enum: [[1]] }, { type: "array", description: '{"enum":[[1]]}' }],
    [
      "what properties are called",
      { type: "object", properties: { type: text, additionalProperties: text } },
      closed({ type: text, additionalProperties: text })
    ]
  ])("says %s", (_name, schema, said) => {
    const before = structuredClone(schema)
    expect(closeSchema(schema)).toEqual(said)
    expect(schema).toEqual(before)
  })

  it.each<readonly [name: string, schema: unknown]>([
    ["any object", { type: "object" }],
    ["an object with more than it names", { type: "object", properties: { a: text }, additionalProperties: true }],
    ["a map", { type: "object", additionalProperties: text }],
    ["a map inside", { type: "array", items: { anyOf: [{ type: "object", patternProperties: { a: text } }] } }],
    ["a property that must be there and is not named", { type: "object", properties: {}, required: ["a"] }],
    ["anything", {}],
    ["anything in a property", { type: "object", properties: { a: {} } }],
    ["anything at all", true],
    ["several schemas at once", { allOf: [{ properties: { a: text } }, { properties: { b: text } }] }],
    [
      "properties of variants beside its own",
      { type: "object", properties: { a: text }, anyOf: [{ properties: { b: text } }] }
    ],
    [
      "properties on a condition",
      { type: "object", properties: { a: text }, if: {}, then: { properties: { b: text } } }
    ],
    ["properties beside a reference", { $ref: "#/$defs/a", properties: { b: text } }],
    ["variants beside a reference", { $ref: "#/$defs/a", anyOf: [text, { type: "null" }] }],
    ["what stands elsewhere", { $ref: "https://a.example/schema" }],
    ["what is a part of itself", closed({ next: { anyOf: [{ $ref: "#" }, { type: "null" }] } })],
    [
      "definitions that are parts of each other",
      {
        $defs: { a: closed({ b: { $ref: "#/$defs/b" } }), b: { type: "array", items: { $ref: "#/$defs/a" } } },
        $ref: "#/$defs/a"
      }
    ],
    ["a definition of a map", { $defs: { a: { type: "object" } }, type: "string" }]
  ])("has none for %s", (_name, schema) => {
    expect(closeSchema(schema)).toBe(undefined)
  })

  it("tells limits to the digit", () => {
    const said = (schema: string): string => printJson(closeSchema(parseJson(schema)) ?? {})
    expect(said('{"type":"integer","maximum":9223372036854775807}')).toContain("9223372036854775807")
    expect(said('{"const":9223372036854775807}')).toBe('{"const":9223372036854775807}')
  })

  it("has what a tool takes closed, also where that says nothing of more", () => {
    expect(closeParameters({})).toEqual(closed({}))
    expect(closeParameters({ type: "object" })).toEqual(closed({}))
    expect(closeParameters({ properties: { a: text } })).toEqual(closed({ a: text }))
    expect(closeParameters({ type: "object", additionalProperties: true })).toBe(undefined)
    // Anthropic refuses what does not say of itself that it is an object.
    expect(closeParameters({ $ref: "#/$defs/a", $defs: { a: closed({ a: text }) } })).toBe(undefined)
    expect(closeParameters({ type: "object", oneOf: [closed({ a: text }), closed({ b: text })] })).toBe(undefined)
  })

  it("is as Anthropic's own SDK says it, but for what a limit is told in", () => {
    const { schema } = fc.letrec<{ schema: JsonObject }>((tie) => ({
      schema: fc.oneof(
        { maxDepth: 3 },
        fc.record({ type: fc.constant("integer"), minimum: fc.integer() }, { requiredKeys: ["type"] }),
        fc.record(
          {
            type: fc.constant("string"),
            format: fc.constantFrom("date", "uri", "x"),
            maxLength: fc.nat(),
            title: fc.string()
          },
          { requiredKeys: ["type"] }
        ),
        fc.record({ enum: fc.array(fc.constantFrom("a", 1, null), { minLength: 1 }) }),
        fc.record(
          { type: fc.constant("array"), items: tie("schema"), minItems: fc.nat(2), uniqueItems: fc.boolean() },
          { requiredKeys: ["type", "items"] }
        ),
        fc.record(
          {
            type: fc.constant("object"),
            properties: fc.dictionary(fc.constantFrom("a", "b", "properties"), tie("schema")),
            required: fc.constant([]),
            description: fc.string()
          },
          { requiredKeys: ["type", "properties"] }
        ),
        fc.record({ oneOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }) })
      )
    }))
    const wordless = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(wordless)
      if (!isObject(value)) return value
      const { description, ...rest } = value
      const named = Object.fromEntries(Object.entries(rest).map(([field, one]) => [field, wordless(one)]))
      // Where there is more to tell than what describes it, both tell it.
      return typeof description === "string" && description.includes("{") ? { ...named, told: true } : named
    }
    fc.assert(
      fc.property(schema, (one) => {
        expect(wordless(closeSchema(one))).toEqual(wordless(transformJSONSchema(one)))
      }),
      { numRuns: 300 }
    )
  })
})
