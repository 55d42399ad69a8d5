/**
 * Gemini's `Schema`, a part of OpenAPI's, as JSON Schema: types in small letters, `nullable` as a type, and numbers that
 * are written as texts (they are 64 bits wide) as numbers.
 */
import { keepExact } from "../ExactNumbers.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { camelOf } from "./Spelling.ts"

const counts: ReadonlySet<string> = new Set([
  "minItems",
  "maxItems",
  "minLength",
  "maxLength",
  "minProperties",
  "maxProperties"
])

const numberOf = (value: unknown): unknown =>
  typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value

const typeOf = (value: unknown): unknown =>
  typeof value !== "string" ? value : value.toUpperCase() === "TYPE_UNSPECIFIED" ? undefined : value.toLowerCase()

const each = (value: unknown): unknown =>
  Array.isArray(value) ? (value as ReadonlyArray<unknown>).map(convert) : convert(value)

const properties = (value: unknown): unknown =>
  isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, convert(schema)])) : value

const convert = (schema: unknown): unknown => (isObject(schema) ? jsonSchemaOf(schema) : schema)

/**
 * The same schema as JSON Schema. What it already says in JSON Schema's words stays as it is; `propertyOrdering` has no
 * word there and goes.
 */
export const jsonSchemaOf = (schema: JsonObject): JsonObject => {
  const made: JsonObject = {}
  let nullable = false
  for (const [written, value] of Object.entries(schema)) {
    if (value === undefined || value === null || written === "__proto__") continue
    const field = camelOf(written)
    if (field === "nullable") nullable = value === true
    else if (field === "type") made["type"] = typeOf(value)
    else if (field === "example") made["examples"] = [value]
    // An enumeration is told by its `enum`, and the order of properties by nothing.
    else if (field === "propertyOrdering" || (field === "format" && value === "enum")) continue
    else if (field === "properties" || field === "defs" || field === "$defs") made[field] = properties(value)
    else if (
      field === "items" ||
      field === "anyOf" ||
      field === "oneOf" ||
      field === "allOf" ||
      field === "prefixItems"
    ) {
      made[field] = each(value)
    } else if (field === "additionalProperties") made[field] = convert(value)
    else made[field] = counts.has(field) ? numberOf(value) : value
  }
  if (made["type"] === undefined) delete made["type"]
  keepExact(made, schema)
  return nullable ? orNull(made) : made
}

const orNull = (schema: JsonObject): JsonObject => {
  const { anyOf, enum: words, type } = schema
  if (typeof type === "string") {
    const all = Array.isArray(words) ? { enum: [...(words as ReadonlyArray<unknown>), null] } : {}
    return { ...schema, type: [type, "null"], ...all }
  }
  if (Array.isArray(anyOf)) return { ...schema, anyOf: [...(anyOf as ReadonlyArray<unknown>), { type: "null" }] }
  return schema
}
