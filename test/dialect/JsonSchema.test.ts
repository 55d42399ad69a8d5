import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { type Asked, openai, responses } from "#src/dialect/index"
import { objectSchema, spelledOut } from "#src/dialect/JsonSchema"
import { nothingAsked } from "#src/dialect/Request"
import type { JsonObject } from "#src/dialect/Json"
import { foreign } from "./openai/kit.ts"
import { encoding } from "./anthropic/kit.ts"

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
