/**
 * Which field of the body an upstream has refused. It names one in `param`, or only in words, which may be its own.
 */
import type { ResilienceError } from "../../errors/index.ts"
import { isObject, parseJson } from "../Json.ts"
import { meantByGoogle } from "./GoogleRefusal.ts"

/** An upstream says which one of a list it refused; whoever refuses one refuses each. */
export const generally = (path: string): string => path.replaceAll(/\[\d+\]|\.\d+(?=\.|$)/g, "[]")

const before = String.raw`(?:^|[\s'"\`(])`
const after = String.raw`(?=$|[\s'"\`),:;]|\.(?:\s|$))`

const escaped = (path: string): string => path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

// `user` and `store` are words, too: alone they say nothing, as in "must end with a user message".
const asName = (word: string): string =>
  [
    `['"\`]${word}(?:\\.[\\w.]+)?['"\`]`,
    `^${word}:`,
    `\\b(?:argument|field|input|key|parameter|property)s?\\b(?: supplied)?:? ${word}${after}`,
    `${before}${word} (?:is|are|does|may|can|must) ?(?:not|n't|no longer|deprecated|unsupported)\\b`
  ].join("|")

const isWord = (name: string): boolean => /^[a-z]+$/.test(name)

const names = (words: string, path: string): boolean =>
  new RegExp(isWord(path) ? asName(path) : before + escaped(path) + after, "i").test(words)

// "Missing `reasoning_content` field in the assistant message", "… must be passed back to the API".
const isLacking =
  /\bmissing\b|\brequired\b|\b(?:must|should|needs? to) be (?:included|kept|passed|present|provided|sent|set)\b/i

/** Whether a field within others is named by its last step alone, which is no word of anybody's: `reasoning_content`. */
const namesLast = (words: string, path: string): boolean => {
  const last = path.slice(path.lastIndexOf(".") + 1)
  return last !== path && last.includes("_") && !isLacking.test(words) && names(words, last)
}

/** What vendors say of a field without its name, and the fields that may be meant. */
const sayings: ReadonlyArray<readonly [RegExp, ReadonlyArray<string>]> = [
  // "This model does not support the effort parameter."
  [/\beffort parameter\b/i, ["output_config.effort"]],
  // "\"llama3.2\" does not support thinking", "think value \"medium\" is not supported for this model".
  [/\bdoes not support thinking\.?$|^think value\b/i, ["reasoning_effort", "reasoning.effort", "thinking"]]
]

const meantBy = (words: string): ReadonlyArray<string> => sayings.find(([said]) => said.test(words))?.[1] ?? []

/**
 * The field that is refused with its object: the first one, where the object holds nothing but what may be refused, and
 * its name is no word. `output_config` is `output_config.effort`, unless a format stands beside it.
 */
const refusedWith = (object: string, fields: ReadonlyArray<string>, body: string): string | undefined => {
  const inside = fields.filter((field) => field.startsWith(`${object}.`))
  if (inside.length === 0 || isWord(object)) return undefined
  let held = parseJson(body)
  for (const step of object.split(".")) held = isObject(held) ? held[step] : undefined
  return isObject(held) && Object.keys(held).every((name) => inside.includes(`${object}.${name}`))
    ? inside[0]
    : undefined
}

/** The objects that fields stand in. */
const objectsOf = (fields: ReadonlyArray<string>): ReadonlyArray<string> =>
  fields.filter((field) => field.includes(".")).map((field) => field.slice(0, field.lastIndexOf(".")))

/** The field that is refused in words which say no place. */
const inWords = (words: string, fields: ReadonlyArray<string>, body: string): string | undefined => {
  const named =
    fields.find((field) => names(words, field)) ??
    fields.find((field) => namesLast(words, field)) ??
    meantBy(words).find((field) => fields.includes(field))
  if (named !== undefined) return named
  const object = objectsOf(fields).find((one) => names(words, one))
  return object === undefined ? undefined : refusedWith(object, fields, body)
}

/**
 * A path without the kinds that validators name behind what is one of a list: `messages[].assistant.content`. A kind is
 * no field of the body.
 */
const withoutKinds = (path: string, body: string): string =>
  path.replaceAll(/\[\]\.(\w+)(?=\.)/g, (step, kind: string) => (body.includes(`"${kind}":`) ? step : "[]"))

/** The field that is refused at a place. */
const at = (path: string, fields: ReadonlyArray<string>, body: string): string | undefined => {
  const plain = withoutKinds(path, body)
  return fields.find((field) => isIn(path, field) || isIn(plain, field)) ?? refusedWith(path, fields, body)
}

// Cerebras gives its kind of error in the place of a path.
const isPath = (param: string | null | undefined): param is string =>
  param !== undefined && param !== null && param !== "" && param !== "validation_error"

/** Whether a body holds a field: of what it does not, leaving it out would change nothing. */
const holds = (body: string, path: string): boolean => body.includes(`"${path.slice(path.lastIndexOf(".") + 1)}"`)

/**
 * The one of `refusable` that a failure names; `undefined` where it names none, or is no refusal of the request.
 *
 * @param status The upstream's own.
 * @param refusable Paths in the body, `[]` for any of a list.
 * @param body What it was sent.
 */
export const refusedField = (
  error: ResilienceError,
  status: number | undefined,
  refusable: ReadonlyArray<string>,
  body: string
): string | undefined => {
  if ((status !== 400 && status !== 422) || refusable.length === 0) return undefined
  const fields = refusable.filter((field) => holds(body, field))
  const { message, param } = error.upstream ?? {}
  if (isPath(param)) return at(generally(param), fields, body)
  if (message === undefined) return undefined
  const meant = meantByGoogle(message).find((field) => fields.includes(field))
  if (meant !== undefined) return meant
  const [, place, words] = /^(?:body\.)?([\w[\].]+): (.+)$/s.exec(message) ?? []
  if (place === undefined || !/[.[]/.test(place)) return inWords(generally(message), fields, body)
  const path = generally(place)
  // Who says where it is wrong is believed: `messages.1.content.0: … in thinking block` is not about `thinking`.
  return at(path, fields, body) ?? fields.find((field) => isBelow(path, field, words ?? ""))
}

/**
 * What is no hint: refused by its name, it is said by another one that older upstreams have for it; refused by its value,
 * it is the client's.
 */
const otherNames: ReadonlyMap<string, string> = new Map([["max_completion_tokens", "max_tokens"]])

const valueCodes = /_(?:above_max|below_min)_|^(?:invalid|unsupported)_(?:type|value)$/i

// "Expected a value <= 2, but got 3 instead", "Supported values are: 'low', …", "string too long", "Input should be less than
// or equal to 1", "200000 > 64000, which is the maximum allowed", "think value \"medium\" is not supported".
const valueWords =
  /\b(?:expected an? \w|(?:allowed|supported|valid) (?:range|values?)\b|invalid value\b|out of range\b|input should be\b|exceed|\d [<>]=? \d|at (?:least|most) \d|(?:maximum|minimum) (?:allowed|is|of|value)\b|value "[^"]*" is not\b|too (?:big|high|large|long|low|short|small)\b|must be (?:an? |at (?:least|most)|between|greater|in |larger|less|one of|positive|smaller|within|[<>≤≥]))/i

/** Who takes the default alone takes no value that anybody need say. */
const defaultOnly = /\bonly the default\b/i

/** Whether a refusal is of a value: what it says of one request's it does not say of the next one's. */
export const refusesValue = (error: ResilienceError): boolean => {
  const { code, message = "" } = error.upstream ?? {}
  return !defaultOnly.test(message) && (valueCodes.test(code ?? "") || valueWords.test(message))
}

/** What of `refusable` a failure may be a refusal of: a value that is no hint is the client's own. */
export const refusableIn = (error: ResilienceError, refusable: ReadonlyArray<string>): ReadonlyArray<string> =>
  refusesValue(error) ? refusable.filter((field) => !otherNames.has(field)) : refusable

/**
 * The field that a target takes after all, although it was left out: what was said in its place is refused, too. `undefined`
 * where a failure says nothing of the kind.
 *
 * @param without What was left out.
 * @param body What it was sent.
 */
export const takenAfterAll = (
  error: ResilienceError,
  status: number | undefined,
  without: ReadonlySet<string>,
  body: string
): string | undefined => {
  if (refusesValue(error)) return undefined
  for (const [field, other] of otherNames) {
    if (without.has(field) && refusedField(error, status, [other], body) !== undefined) return field
  }
  return undefined
}

const not = String.raw`(?:n['\u2019]t| ?not)(?: \w+ly| yet)?`
const cannot = String.raw`can(?:['\u2019]t| ?not)`

// Nor is it the name of anything else, nor what one reads about it.
const stream =
  String.raw`(?<![-_./\w]|\b(?:audio|byte|content|data|file|function|image|input|media|model|object|tool|video) ['"\`]?)` +
  String.raw`stream(?:ing)?(?![-_/\w]|\.\w| (?:docs?|documentation|error|failed|guide|reference)\b)`

/**
 * How vendors say that they do not stream:
 * - "must be verified to stream this model", "cannot be streamed", "unable to stream";
 * - "… does not support 'wav' when stream=true";
 * - "This model does not support streaming", "is not available in streaming mode", "does not work with streaming";
 * - "n > 1 cannot be used with streaming", "streaming cannot be enabled";
 * - "Streaming is not supported with this model", "stream is unsupported here", "streaming is disabled";
 * - "streaming not supported";
 * - "stream must be false", "only supports non-streaming", "use stream=false".
 */
const noStreams = new RegExp(
  [
    String.raw`\b(?:able|allowed|authorized|permitted|verified) to stream\b`,
    String.raw`\b(?:${cannot}|does${not}) (?:be streamed|stream)\b`,
    String.raw`\b${cannot} be (?:combined|enabled|requested|used)\b[^.]{0,80}${stream}`,
    String.raw`${stream}[^.]{0,80}\b${cannot} be (?:combined|enabled|requested|true|used)\b`,
    String.raw`\bstream ?= ?true\b`,
    String.raw`\b(?:are|do|does|is)${not} (?:allow|available|compatible|enabled|have|implement|offer|permit|provide|support|work)(?:ed|ted)?\b[^.]{0,80}${stream}`,
    String.raw`${stream}[^.]{0,80}\b(?:are|is)(?:${not} (?:allowed|available|compatible|enabled|implemented|permitted|possible|supported)| disabled| unavailable| unsupported)\b`,
    String.raw`${stream} not (?:allowed|available|enabled|implemented|permitted|possible|supported)\b`,
    String.raw`\bunsupported\b[^.]{0,20}${stream}`,
    String.raw`${stream}['"\`]? (?:must|needs? to|should) be (?:set to )?['"\`]?false\b`,
    String.raw`\bstream ?[=:] ?false\b`,
    String.raw`\bonly (?:available|supported|supports?)\b[^.]{0,40}\bnon-?stream`
  ].join("|"),
  "i"
)

/** Whether a refusal is of the stream that was asked for. `body` is what was sent. */
export const refusesStream = (error: ResilienceError, body: string): boolean => {
  if (!/"stream":true/.test(body)) return false
  const { message, param } = error.upstream ?? {}
  return param === "stream" || (!isNamed(param, "stream_options") && noStreams.test(message ?? ""))
}

// "… does not support 'wav' when stream=true", "n > 1 cannot be used with streaming", "streaming is not supported with tools".
const circumstance =
  /\b(?:if|in combination|together|unless|when|while)\b|\b(?:combined|used|work) with (?:['"`]?stream|n\b)|\bstream ?= ?true\b|\b(?:audio|functions?|json|logprobs|response_format|tools?)\b/i

/** Whether a refusal of a stream is for what else this request asks: of another one's stream it says nothing. */
export const refusesThisStream = (error: ResilienceError): boolean => {
  const { message = "", param } = error.upstream ?? {}
  // A value may be whatever words a client has written.
  if (param !== "stream" && (isPath(param) || refusesValue(error))) return true
  const sentence = message.split(/[.;]\s/).find((words) => noStreams.test(words))
  return circumstance.test(sentence ?? "")
}

const isNamed = (param: string | null | undefined, field: string): boolean =>
  param !== undefined && param !== null && isIn(generally(param), field)

/** Whether a path leads to a field, or into it. */
const isIn = (path: string, field: string): boolean =>
  path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[]`)

/** Whether a place and the words about it name a field together. */
const isBelow = (path: string, field: string, words: string): boolean =>
  field.startsWith(`${path}.`) && names(words, field.slice(path.length + 1))
