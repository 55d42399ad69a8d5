/**
 * Which field of a request Google's errors are about. They name it in a `BadRequest`'s violations, by its place in snake
 * case and by a name beside it; or with words that are no name of any field.
 *
 * The words are those of the Gemini API and of Vertex as their users have reported them, 2024 to 2026.
 */
import { isObject, type JsonObject } from "../Json.ts"

/** The name that Google's JSON has for a field of its protocol buffers. */
const camel = (name: string): string =>
  name.replaceAll(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

const listOf = (value: unknown): ReadonlyArray<unknown> =>
  Array.isArray(value) ? (value as ReadonlyArray<unknown>) : []

/** What is said of the first field that is wrong. */
const violationOf = (error: JsonObject): JsonObject | undefined =>
  listOf(error["details"])
    .flatMap((detail) => (isObject(detail) ? listOf(detail["fieldViolations"]) : []))
    .find(isObject)

const textIn = (object: JsonObject, field: string): string => {
  const value = object[field]
  return typeof value === "string" ? value : ""
}

// `Unknown name "id" at 'contents[7].parts[0].function_response': Cannot find field.`, at the top without a place.
const unknown = /\bUnknown name \\?"([^"\\]+)\\?"(?: \(?at ['"]([^'"]+)['"])?/
// `Invalid value at 'safety_settings[4].category' (…), "…"`.
const invalid = /\bInvalid value at ['"]([^'"]+)['"]/
// `* GenerateContentRequest.safety_settings[4]: element predicate failed: …`, `… .contents: contents is not specified`.
const inRequest = /^\s*\* GenerateContentRequest\.([\w.[\]]+): /

const joined = (...steps: ReadonlyArray<string>): string => steps.filter((step) => step !== "").join(".")

/** The path of the field that an error of Google's names; `undefined` where it names none. */
export const googlePath = (error: JsonObject): string | undefined => {
  const violation = violationOf(error)
  const words = (violation === undefined ? "" : textIn(violation, "description")) || textIn(error, "message")
  const [, name = "", at = ""] = unknown.exec(words) ?? []
  const place = (violation === undefined ? "" : textIn(violation, "field")) || at
  const path =
    name === ""
      ? place || (invalid.exec(words)?.[1] ?? inRequest.exec(words)?.[1] ?? "")
      : place === name || place.endsWith(`.${name}`)
        ? place
        : joined(place, name)
  return path === "" ? undefined : path.split(".").map(camel).join(".")
}

const config = (...names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.map((name) => `generationConfig.${name}`)

/** What is said, and the fields that may be meant, the likeliest first. */
const sayings: ReadonlyArray<readonly [RegExp, ReadonlyArray<string>]> = [
  [/\bpenalty is not enabled\b/i, config("presencePenalty", "frequencyPenalty")],
  [/\bthinking[ _]level\b.*\bnot\b/i, config("thinkingConfig.thinkingLevel", "thinkingConfig")],
  [
    /\bthinking[ _]budget\b.*\b(?:not|invalid)\b|\bbudget \d+ is invalid\b|\bonly works in thinking mode\b|\bthinking can't be disabled\b/i,
    config("thinkingConfig.thinkingBudget", "thinkingConfig")
  ],
  [/\binclude[ _]?thoughts\b.*\bonly\b|\bthoughts?\b.*\bnot supported\b/i, config("thinkingConfig.includeThoughts")],
  [
    /\bthinking(?:[ _]config)? is not (?:configurable|supported|enabled)\b|\bthinking_config\b/i,
    config("thinkingConfig")
  ],
  [/\bhas an? temperature value\b/i, config("temperature")],
  [/\bhas an? topP value\b/i, config("topP")],
  [/\bhas an? topK value\b/i, config("topK")],
  [/\bthought signature is not valid\b|\bcorrupted thought signature\b/i, ["contents[].parts[].thoughtSignature"]]
]

/** The fields that Google's words are about where they name none, the likeliest first. */
export const meantByGoogle = (message: string): ReadonlyArray<string> =>
  sayings.find(([words]) => words.test(message))?.[1] ?? []
