import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { type Asked, openai, responses } from "#src/dialect/index"
import { isRecursive, objectSchema, spelledOut } from "#src/dialect/JsonSchema"
import { nothingAsked } from "#src/dialect/Request"
import type { JsonObject } from "#src/dialect/Json"
import { foreign } from "./openai/kit.ts"
import { encoding } from "./anthropic/kit.ts"

describe("a schema that is a part of itself", () => {
  const property = (a: JsonObject): JsonObject => ({ properties: { a } })
  it.each<readonly [name: string, schema: JsonObject, is: boolean]>([
    ["the whole", property({ items: { $ref: "#" } }), true],
    ["a definition", { $defs: { a: property({ anyOf: [{ $ref: "#/$defs/a" }] }) }, $ref: "#/$defs/a" }, true],
    ["nothing but a reference to itself", { $defs: { a: { $ref: "#/$defs/a" } } }, true],
    [
      "two, each by the other",
      { definitions: { a: { $ref: "#/definitions/b" }, b: { not: { $ref: "#/definitions/a" } } } },
      true
    ],
    ["a property", property({ items: { $ref: "#/properties/a" } }), true],
    ["a name that is written otherwise", { $defs: { "A<b/c~>": property({ $ref: "#/$defs/A%3Cb~1c~0%3E" }) } }, true],
    [
      "one that is there twice",
      { properties: { a: { $ref: "#/$defs/t" }, b: { $ref: "#/$defs/t" } }, $defs: { t: { type: "string" } } },
      false
    ],
    ["a reference to nothing", { items: { $ref: "#/$defs/a" }, not: { $ref: "#/$defs/%" } }, false],
    ["a reference to elsewhere", { $ref: "https://a.example/#" }, false],
    ["a reference that is none", { properties: { $ref: { type: "string" } }, default: { $ref: "#" } }, false],
    ["a property of that name", property({ properties: { $ref: { $ref: "#/$defs/b" } } }), false]
  ])("%s: %j is %j", (_name, schema, is) => expect(isRecursive(schema)).toBe(is))

  it("is found behind any number of references", () => {
    const chain = (last: JsonObject): JsonObject => ({
      $defs: Object.fromEntries(
        Array.from({ length: 50_000 }, (_, i) => [`${i}`, i === 49_999 ? last : { $ref: `#/$defs/${i + 1}` }])
      )
    })
    expect(isRecursive(chain({ $ref: "#/$defs/0" }))).toBe(true)
    expect(isRecursive(chain({ type: "string" }))).toBe(false)
  })
})

describe("what goes without saying", () => {
  const object = { type: "object", properties: {} }
  const array = { type: "array", items: {} }
  it.each<readonly [name: string, schema: JsonObject, said: JsonObject]>([
    ["an object without properties", { type: "object" }, object],
    ["an array without items", { type: "array" }, array],
    ["one of several types", { type: ["array", "null"] }, { type: ["array", "null"], items: {} }],
    [
      "a property and an item",
      { type: "object", properties: { a: { type: "array", items: { type: "object" } } } },
      { type: "object", properties: { a: { type: "array", items: object } } }
    ],
    ["a variant", { anyOf: [{ type: "array" }, { type: "null" }] }, { anyOf: [array, { type: "null" }] }],
    ["a definition", { $defs: { a: { type: "object" } } }, { $defs: { a: object } }],
    ["what a property is called", { properties: { type: { type: "array" } } }, { properties: { type: array } }],
    [
      "a name that is special",
      JSON.parse('{"properties":{"__proto__":{"type":"array"}}}') as JsonObject,
      { properties: JSON.parse('{"__proto__":{"type":"array","items":{}}}') as JsonObject }
    ],
    [
      "what may be more",
      { type: "object", additionalProperties: { type: "array" } },
      { ...object, additionalProperties: array }
    ]
  ])("is said of %s", (_name, schema, said) => {
    expect(spelledOut(schema)).toEqual(said)
    expect(JSON.stringify(spelledOut(said))).toBe(JSON.stringify(said))
  })

  it.each<JsonObject>([
    {},
    { type: "string" },
    { enum: [{ type: "object" }], default: { type: "array" }, examples: [{ type: "array" }] },
    { type: "object", properties: { a: true }, additionalProperties: false },
    { type: "array", items: false },
    { properties: "no", items: 1, anyOf: null }
  ])("is not said of what is no such schema: %j", (schema) => {
    expect(spelledOut(schema)).toEqual(schema)
  })

  it("leaves what it is told of as it was", () => {
    const schema = { type: "object", anyOf: [{ type: "array" }] }
    const before = structuredClone(schema)
    spelledOut(schema)
    expect(schema).toEqual(before)
  })

  it("is an object where a tool does not say what it takes", () => {
    expect(objectSchema({})).toEqual({ type: "object" })
    expect(objectSchema({ type: "string" })).toEqual({ type: "string" })
  })
})

describe("a schema of another client's", () => {
  const asked: Asked = {
    ...nothingAsked,
    tools: [
      { path: "tools[0]", name: "list", description: undefined, schema: { type: "object" }, strict: undefined },
      {
        path: "tools[1]",
        name: "tags",
        description: undefined,
        schema: { properties: { tags: { type: "array" } } },
        strict: undefined
      }
    ],
    format: { _tag: "Json", path: "f", schema: { type: "array" }, name: undefined, strict: undefined }
  }
  const parameters = [
    { type: "object", properties: {} },
    { type: "object", properties: { tags: { type: "array", items: {} } } }
  ]
  const sent = (channel: typeof openai): JsonObject =>
    JSON.parse(Result.getOrThrow(channel.encode(encoding(foreign(asked)))).body) as JsonObject

  it("says to OpenAI what goes without saying", () => {
    expect(sent(openai)).toMatchObject({
      tools: parameters.map((parameters) => ({ function: { parameters } })),
      response_format: { json_schema: { schema: { type: "array", items: {} } } }
    })
    expect(sent(responses)).toMatchObject({
      tools: parameters.map((parameters) => ({ parameters })),
      text: { format: { schema: { type: "array", items: {} } } }
    })
  })
})
