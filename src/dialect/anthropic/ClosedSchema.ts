/**
 * JSON Schema as Anthropic holds an answer, or the input of a strict tool, to it. There every object is closed, and few
 * words limit a value: what else does is told in the description, which the model reads, as Anthropic's own SDK tells it.
 */
import { keepExact, printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject } from "../Json.ts"
import { allows, isRecursive, objectSchema } from "../JsonSchema.ts"

/** The formats that a text is held to. */
const formats: ReadonlySet<unknown> = new Set([
  "date",
  "date-time",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "time",
  "uri",
  "uuid"
])

/** What says nothing of a value. */
const silent = ["$schema", "$id", "$comment"] as const

/** What describes a schema in words. */
const words = ["title", "description"] as const

/** The keywords that hold schemas for others to refer to. */
const definitions = ["$defs", "definitions"] as const

/** What says that an object may have more properties than it names: such a one cannot be closed. */
const opening = ["patternProperties", "dependentSchemas", "unevaluatedProperties", "then", "else"] as const

/** What a schema is made of others by. */
const combining = ["anyOf", "oneOf", "allOf"] as const

/** What says of which type a schema is, or of what else it is. */
const deciding = ["type", "enum", "const", "$ref", ...combining] as const

/** A schema that is being said: what is said of it, and what is left to say. */
interface Saying {
  readonly said: JsonObject
  readonly left: JsonObject
}

/** Whether a step could say its part. */
type Said = boolean

const say = ({ left, said }: Saying, keyword: string, value: unknown): Said => {
  delete left[keyword]
  if (value === undefined) return false
  said[keyword] = value
  return true
}

const isPlain = (value: unknown): boolean => value === null || typeof value !== "object"

/** Whether a plain value is of the type that a schema is of, if it says one. */
const isOfType = (schema: JsonObject, value: unknown): boolean =>
  schema["type"] === undefined ||
  allows(schema, value === null ? "null" : typeof value) ||
  (Number.isInteger(value) && allows(schema, "integer"))

// All of them, or none.
const closeEach = (schemas: ReadonlyArray<unknown>): ReadonlyArray<JsonObject> | undefined => {
  const all = schemas.map((schema) => close(schema))
  return all.every((schema) => schema !== undefined) ? all : undefined
}

const closeNamed = (schemas: unknown): JsonObject | undefined => {
  if (!isObject(schemas)) return undefined
  const all = closeEach(Object.values(schemas))
  return all && Object.fromEntries(Object.keys(schemas).map((name, i) => [name, all[i]]))
}

const sayDefinitions = (saying: Saying): Said =>
  definitions.every(
    (keyword) => saying.left[keyword] === undefined || say(saying, keyword, closeNamed(saying.left[keyword]))
  )

/** One of some plain values, of those that are of its type: that needs no word then. */
const sayLiterals = (saying: Saying): Said => {
  const { left } = saying
  const { const: only, enum: some } = left
  if (Array.isArray(some) && some.every(isPlain)) {
    const right = some.filter((value) => isOfType(left, value))
    if (right.length > 0) say(saying, "enum", right)
  }
  if (only !== undefined && isPlain(only) && isOfType(left, only)) say(saying, "const", only)
  if (saying.said["enum"] === undefined && saying.said["const"] === undefined) return false
  delete left["type"]
  return true
}

// Nothing stands beside a reference, so that what does stands around it. Another schema beside it must be right at once.
const sayReference = (saying: Saying): Said => {
  const { left } = saying
  const { $ref: ref } = left
  delete left["$ref"]
  if (typeof ref !== "string" || !ref.startsWith("#")) return false
  if (["properties", ...combining].some((keyword) => left[keyword] !== undefined)) return false
  return Object.keys(left).length === 0 ? say(saying, "$ref", ref) : say(saying, "anyOf", [{ $ref: ref }])
}

/** Any of some schemas, which are of the type of the whole where they say none. Two that must be right at once are not closed. */
const sayVariants = (saying: Saying): Said => {
  const { left } = saying
  const found = combining.filter((keyword) => Array.isArray(left[keyword]))
  const [keyword] = found
  if (keyword === undefined || found.length > 1 || left["properties"] !== undefined) return false
  const variants = left[keyword] as ReadonlyArray<unknown>
  if (variants.length === 0 || (keyword === "allOf" && variants.length > 1)) return false
  const { type } = left
  for (const gone of [keyword, "type"]) delete left[gone]
  if (left["additionalProperties"] === false) delete left["additionalProperties"]
  const typed = variants.map((variant) =>
    type !== undefined && isObject(variant) && deciding.every((word) => variant[word] === undefined)
      ? { ...variant, type }
      : variant
  )
  return say(saying, "anyOf", closeEach(typed))
}

const sayObject = (saying: Saying): Said => {
  const { left } = saying
  const { additionalProperties: more, properties, required } = left
  const isClosed = more === false
  if (!isClosed && more !== undefined && more !== null) return false
  if (opening.some((keyword) => left[keyword] !== undefined && left[keyword] !== false)) return false
  // One that names no properties may have any.
  const named = properties === undefined && isClosed ? {} : closeNamed(properties)
  if (named === undefined) return false
  for (const keyword of ["properties", "additionalProperties"]) delete left[keyword]
  Object.assign(saying.said, { properties: named, additionalProperties: false })
  if (!Array.isArray(required)) return true
  return required.every((name) => Object.hasOwn(named, String(name))) && say(saying, "required", required)
}

const sayArray = (saying: Saying): Said => {
  const { left } = saying
  const { items, minItems } = left
  if (minItems === 0 || minItems === 1) say(saying, "minItems", minItems)
  if (items === true || (isObject(items) && Object.keys(items).length === 0)) delete left["items"]
  return !isObject(left["items"]) || say(saying, "items", close(items))
}

const sayText = (saying: Saying): Said => {
  const { format } = saying.left
  if (formats.has(format)) say(saying, "format", format)
  return true
}

/** How what only one type has is said. */
const types: ReadonlyArray<readonly [type: string, say: (saying: Saying) => Said]> = [
  ["object", sayObject],
  ["array", sayArray],
  ["string", sayText]
]

const sayType = (saying: Saying): Said => {
  const { left } = saying
  if (combining.some((keyword) => Array.isArray(left[keyword]))) return false
  const type = left["type"] ?? (isObject(left["properties"]) ? "object" : isObject(left["items"]) ? "array" : undefined)
  return say(saying, "type", type) && types.every(([name, sayIt]) => !allows({ type }, name) || sayIt(saying))
}

const sayKind = (saying: Saying): Said => {
  if (saying.left["$ref"] !== undefined) return sayReference(saying)
  return sayLiterals(saying) || sayVariants(saying) || sayType(saying)
}

// What is left limits a value, or helps to understand it.
const sayRest = ({ left, said }: Saying): void => {
  if (Object.keys(left).length === 0) return
  const { description } = said
  const rest = printJson(left)
  said["description"] = typeof description === "string" && description !== "" ? `${description}\n\n${rest}` : rest
}

const close = (schema: unknown): JsonObject | undefined => {
  if (!isObject(schema)) return undefined
  const saying: Saying = { said: {}, left: { ...schema } }
  const { left, said } = saying
  for (const keyword of silent) delete left[keyword]
  if (!sayDefinitions(saying) || !sayKind(saying)) return undefined
  for (const keyword of words) if (typeof left[keyword] === "string") say(saying, keyword, left[keyword])
  sayRest(saying)
  keepExact(said, schema)
  return said
}

/**
 * The same schema in Anthropic's words; `undefined` where there are none: an object that may have properties which it does
 * not name, something of any type, what must be right by several schemas at once, or what is a part of itself. An object
 * that leaves it open whether it may have others than it names has no others, which is right either way.
 */
export const closeSchema = (schema: unknown): JsonObject | undefined =>
  isObject(schema) && isRecursive(schema) ? undefined : close(schema)

/**
 * The same of what a tool takes, which names all of it unless it says that there may be more. It is to be an object by its own
 * word, and not by that of variants or of a reference.
 */
export const closeParameters = (schema: JsonObject): JsonObject | undefined => {
  const closed = closeSchema({ additionalProperties: false, ...objectSchema(schema) })
  return closed?.["type"] === "object" ? closed : undefined
}
