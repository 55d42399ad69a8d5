/**
 * JSON Schema, as it is put for vendors that want said what goes without saying: a schema means the same with it.
 */
import { Result } from "effect"
import { isObject, type JsonObject } from "./Json.ts"

/** The keywords that hold a schema, or a list of them. */
const nested = [
  "additionalItems",
  "additionalProperties",
  "allOf",
  "anyOf",
  "contains",
  "else",
  "if",
  "items",
  "not",
  "oneOf",
  "prefixItems",
  "propertyNames",
  "then",
  "unevaluatedItems",
  "unevaluatedProperties"
] as const

/** The keywords that hold schemas by name. */
const named = ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"] as const

type Change = (schema: JsonObject) => unknown

// What is no object is no schema that could say more: `true`, say.
const changed = (value: unknown, change: Change): unknown =>
  Array.isArray(value)
    ? (value as ReadonlyArray<unknown>).map((one) => changed(one, change))
    : isObject(value)
      ? change(value)
      : value

/** The schemas that a keyword holds by name, each changed. */
export const changeNamed = (schemas: unknown, change: Change): unknown =>
  isObject(schemas)
    ? Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, changed(schema, change)]))
    : schemas

const withChanged = (schema: JsonObject, change: Change): JsonObject => {
  const made: JsonObject = { ...schema }
  for (const keyword of nested) if (made[keyword] !== undefined) made[keyword] = changed(made[keyword], change)
  for (const keyword of named) if (made[keyword] !== undefined) made[keyword] = changeNamed(made[keyword], change)
  return made
}

/** Whether a schema allows values of a type by name. */
export const allows = ({ type }: JsonObject, name: string): boolean =>
  Array.isArray(type) ? type.includes(name) : type === name

/** What a tool takes is an object, also where its schema does not say so. */
export const objectSchema = (schema: JsonObject): JsonObject =>
  schema["type"] === undefined ? { type: "object", ...schema } : schema

/**
 * The same schema, at every depth with `properties` in what is an object and with `items` in what is an array, if they are
 * empty: OpenAI refuses a schema without them.
 */
export const spelledOut = (schema: JsonObject): JsonObject => ({
  ...withChanged(schema, spelledOut),
  ...(allows(schema, "object") && schema["properties"] === undefined ? { properties: {} } : {}),
  ...(allows(schema, "array") && schema["items"] === undefined ? { items: {} } : {})
})

/** The schemas that a schema is made of, where they stand in it. */
const partsOf = (schema: JsonObject): ReadonlyArray<unknown> => [
  ...nested.flatMap((keyword) => schema[keyword]),
  ...named.flatMap((keyword) => (isObject(schema[keyword]) ? Object.values(schema[keyword]) : []))
]

const stepOf = (step: string): string =>
  Result.getOrElse(
    Result.try(() => decodeURIComponent(step)),
    () => step
  )
    .replaceAll("~1", "/")
    .replaceAll("~0", "~")

/** What a reference leads to that is a path within the whole (RFC 6901); any other one leads nowhere. */
const referredBy = (whole: JsonObject, ref: unknown): unknown => {
  if (typeof ref !== "string" || !/^#(\/|$)/.test(ref)) return undefined
  return ref
    .split("/")
    .slice(1)
    .reduce<unknown>((found, step) => {
      const name = stepOf(step)
      return typeof found === "object" && found !== null && Object.hasOwn(found, name)
        ? (found as JsonObject)[name]
        : undefined
    }, whole)
}

/**
 * Whether a schema is a part of itself, by its references. Each schema in it is looked at once, and however long a chain of
 * references is, it takes no stack.
 */
export const isRecursive = (whole: JsonObject): boolean => {
  const above = new Set<JsonObject>()
  const known = new Set<JsonObject>()
  const left: Array<unknown> = [whole]
  while (left.length > 0) {
    const schema = left.at(-1)
    if (!isObject(schema) || known.has(schema)) left.pop()
    else if (above.has(schema)) {
      // All that it is made of was looked at.
      above.delete(schema)
      known.add(schema)
    } else {
      above.add(schema)
      for (const part of [...partsOf(schema), referredBy(whole, schema["$ref"])]) {
        if (isObject(part) && above.has(part)) return true
        left.push(part)
      }
    }
  }
  return false
}
