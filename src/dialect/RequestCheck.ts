/**
 * Checking what a client sent: all that is wrong with it, at once, each with its path.
 */
import { Result } from "effect"
import {
  BadRequestBody,
  type Detail,
  excerpt,
  InvalidRequest,
  isNameSized,
  longestName,
  stackless
} from "../errors/index.ts"
import { isObject, type JsonObject, parseJson } from "./Json.ts"
import { beyondLimits, type JsonLimits } from "./JsonScan.ts"

/** How deep a body may be nested. */
export const maxDepth = 64

/**
 * What a body may hold. Its bytes are no measure of what it costs: 10 MB of text take 10 ms, and 10 MB of 700,000 fields
 * two seconds of everybody's. A conversation of ten thousand messages has some sixty thousand values.
 */
const limits: JsonLimits = { values: 100_000, fields: 4096, depth: maxDepth }

const tooMuch = {
  fields: `an object of the body has more than ${limits.fields} fields`,
  depth: `the body is nested deeper than ${maxDepth} levels`
} as const satisfies { readonly [L in Exclude<keyof JsonLimits, "values">]: string }

/** Says what is wrong at a path. */
export type Complain = (field: string, message: string, code: string) => void

/** What a value is, as a message says it. */
export const kindOf = (value: unknown): string =>
  value === undefined
    ? "nothing"
    : value === null
      ? "null"
      : Array.isArray(value)
        ? "an array"
        : typeof value === "object"
          ? "an object"
          : `a ${typeof value}`

// More faults than this are a client's noise, not its mistakes.
const maxDetails = 64

/** Collects what is wrong. */
export const makeComplaints = (): { readonly complain: Complain; readonly details: ReadonlyArray<Detail> } => {
  const details: Array<Detail> = []
  return {
    details,
    complain: (field, message, code) => {
      if (details.length < maxDetails) details.push({ field: excerpt(field, longestName), message, code })
    }
  }
}

/** The value, or the error that names all that is wrong with it. */
export const checked = <A>(details: ReadonlyArray<Detail>, value: () => A): Result.Result<A, InvalidRequest> => {
  const first = details[0]
  if (first === undefined) return Result.succeed(value())
  const more = details.length === 1 ? "" : ` (and ${details.length - 1} more)`
  return Result.fail(
    stackless(() => new InvalidRequest({ message: `${first.field}: ${first.message}${more}`, details }))
  )
}

/** Refuses a body that is nested deeper than 64 levels, for who reads it in another way than `readObject`. */
export const checkDepth = (body: string): Result.Result<void, BadRequestBody> =>
  beyondLimits(body, { values: body.length, fields: body.length, depth: maxDepth }) === "depth"
    ? Result.fail(stackless(() => new BadRequestBody({ message: tooMuch.depth })))
    : Result.void

/**
 * Reads a body: a JSON object that is nested at most 64 deep, and holds no more than can be looked at in one turn. `values`:
 * how many values that is, where they are not those of a conversation.
 */
export const readObject = (body: string, values = limits.values): Result.Result<JsonObject, BadRequestBody> => {
  const bad = (message: string): Result.Result<never, BadRequestBody> =>
    Result.fail(stackless(() => new BadRequestBody({ message })))
  const beyond = beyondLimits(body, { ...limits, values })
  if (beyond === "values") return bad(`the body has more than ${values} values`)
  if (beyond !== undefined) return bad(tooMuch[beyond])
  const value = parseJson(body)
  if (value === undefined) return bad(body.trim() === "" ? "the body is empty" : "the body is not valid JSON")
  return isObject(value) ? Result.succeed(value) : bad(`the body must be a JSON object, got ${kindOf(value)}`)
}

/** What a field may be. */
export type Kind = "boolean" | "number" | "integer" | "string" | "object" | "array" | "textOrArray" | "textOrObject"

const kinds: { readonly [K in Kind]: { readonly name: string; readonly is: (value: unknown) => boolean } } = {
  boolean: { name: "a boolean", is: (value) => typeof value === "boolean" },
  number: { name: "a number", is: (value) => typeof value === "number" && Number.isFinite(value) },
  integer: { name: "an integer", is: (value) => Number.isInteger(value) },
  string: { name: "a string", is: (value) => typeof value === "string" },
  object: { name: "an object", is: isObject },
  array: { name: "an array", is: Array.isArray },
  textOrArray: { name: "a string or an array", is: (value) => typeof value === "string" || Array.isArray(value) },
  textOrObject: { name: "a string or an object", is: (value) => typeof value === "string" || isObject(value) }
}

/** Checks one field that must be there. Whether it is right. */
export const checkField = (value: unknown, field: string, kind: Kind, complain: Complain): boolean => {
  if (value === undefined) complain(field, "is required", "required")
  else if (kinds[kind].is(value)) return true
  else complain(field, `expected ${kinds[kind].name}, got ${kindOf(value)}`, "type")
  return false
}

/** Checks fields that may be absent or `null`. `prefix` stands before their names. */
export const checkOptionalFields = (
  object: JsonObject,
  fields: { readonly [field: string]: Kind },
  prefix: string,
  complain: Complain
): void => {
  for (const [field, kind] of Object.entries(fields)) {
    const value = object[field]
    if (value !== undefined && value !== null) checkField(value, prefix + field, kind, complain)
  }
}

/**
 * Checks how long a name is, if it is one: what it names is told again in events, log lines and what is stored, so that it
 * must not be a book. Whether it must be there, and be a text, is another's to check.
 */
export const checkName = (value: unknown, field: string, complain: Complain): void => {
  if (typeof value !== "string" || isNameSized(value)) return
  complain(field, `must be at most ${longestName} characters long`, "too_long")
}

/** Checks the name of a model, which is never empty. */
export const checkModelName = (model: string, complain: Complain): void => {
  if (model === "") complain("model", "must not be empty", "too_short")
  else checkName(model, "model", complain)
}
