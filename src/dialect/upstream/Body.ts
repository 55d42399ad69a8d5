/**
 * What an upstream's error body says, whatever its shape. Never throws: a body is anything at all.
 */
import type { UpstreamSaid } from "../../errors/index.ts"
import { deepest, depthOf, isObject, type JsonObject, parseJson } from "../Json.ts"
import { truncate } from "../Text.ts"
import { googlePath } from "./GoogleRefusal.ts"

/** The most that is kept of an upstream's message, in UTF-16 units. */
export const maxMessage = 2048

/** The most that is looked at of it: keywords of an operator's may stand behind what is kept. */
const maxLookedAt = 4096

/** An upstream's error in its own words. */
export interface BodySaid {
  readonly message: string | undefined
  readonly code: string | undefined
  readonly type: string | undefined
  /** The field that it is about: by the upstream's own path, in Google's errors as its JSON is written. */
  readonly param: string | null | undefined
  /** A three-digit status inside the body. */
  readonly status: number | undefined
  /** Google's status word, such as `RESOURCE_EXHAUSTED`, and the reasons of its details. */
  readonly words: ReadonlyArray<string>
  /** The parsed body, for hints. */
  readonly json: unknown
}

const silent: BodySaid = {
  message: undefined,
  code: undefined,
  type: undefined,
  param: undefined,
  status: undefined,
  words: [],
  json: undefined
}

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== ""

// What is deeper than anybody's words cannot be printed.
const textOf = (value: unknown): string | undefined =>
  isText(value)
    ? truncate(value.trim(), maxLookedAt)
    : value === undefined || value === null || typeof value === "string" || depthOf(value, deepest) > deepest
      ? undefined
      : truncate(JSON.stringify(value), maxLookedAt)

const at = (value: unknown, ...path: ReadonlyArray<string>): unknown => {
  let found = value
  for (const field of path) found = isObject(found) ? found[field] : undefined
  return found
}

/** The places where a message is looked for, in this order. */
const places: ReadonlyArray<(body: JsonObject) => unknown> = [
  (body) => (isObject(body["error"]) ? (at(body, "error", "message") ?? undefined) : body["error"]),
  (body) => body["message"],
  (body) => body["msg"],
  (body) => body["err"],
  (body) => body["error_msg"],
  (body) => body["detail"],
  (body) => at(body, "header", "message"),
  (body) => at(body, "response", "error", "message"),
  (body) => at(body, "base_resp", "status_msg")
]

const isSaid = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== "" && value !== false && value !== 0

/** What others write in the place of an error where there is none. */
const good: ReadonlySet<unknown> = new Set([0, "0", 200, "200", "ok", "OK", "success", "Success"])

/** Whether what stands in the place of an error says that there is one. one-api gives every answer an empty one. */
const saysError = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.length > 0
  return isObject(value) ? Object.values(value).some((said) => isSaid(said) && !good.has(said)) : isSaid(value)
}

const messageOf = (body: JsonObject): string | undefined => {
  for (const place of places) {
    const text = textOf(place(body))
    if (text !== undefined) return text
  }
  // An error object that names no message is shown as it is.
  return isObject(body["error"]) && saysError(body["error"]) ? textOf(body["error"]) : undefined
}

const codeOf = (value: unknown): string | undefined =>
  isText(value) ? truncate(value.trim(), 256) : typeof value === "number" ? String(value) : undefined

const statusOf = (...values: ReadonlyArray<unknown>): number | undefined => {
  for (const value of values) {
    const status = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : value
    if (typeof status === "number" && Number.isInteger(status) && status >= 400 && status <= 599) return status
  }
  return undefined
}

const wordsOf = (error: JsonObject): ReadonlyArray<string> => {
  const words: Array<string> = []
  const add = (value: unknown): void => {
    if (isText(value)) words.push(value.trim())
  }
  add(error["status"])
  add(at(error, "innererror", "code"))
  add(at(error, "inner_error", "code"))
  add(at(error, "details", "error_code"))
  if (Array.isArray(error["details"])) {
    for (const detail of error["details"] as ReadonlyArray<unknown>) {
      add(at(detail, "reason"))
      const violations = at(detail, "violations")
      if (Array.isArray(violations)) {
        for (const violation of violations as ReadonlyArray<unknown>) add(at(violation, "quotaId"))
      }
    }
  }
  return words
}

// MiniMax's numbers, as words that others use too.
const minimax: ReadonlyMap<unknown, string> = new Map([
  [1001, "timeout"],
  [1002, "rate_limit_exceeded"],
  [1004, "invalid_api_key"],
  [1008, "insufficient_quota"],
  [1026, "content_filter"],
  [1027, "content_filter"],
  [1039, "rate_limit_exceeded"],
  [2013, "invalid_request_error"],
  [2049, "invalid_api_key"]
])

const first = (json: unknown): unknown => (Array.isArray(json) ? (json as ReadonlyArray<unknown>)[0] : json)

const resultOf = (body: JsonObject): unknown => at(body, "base_resp", "status_code")

/**
 * Whether a body, or an event, that came with a good status is an error, in any vendor's shape. What holds an answer is
 * one whatever else it says; `isAnswer` is asked where an error is not named as one.
 */
export const isErrorBody = (json: unknown, isAnswer: boolean): boolean => {
  const body = first(json)
  if (!isObject(body)) return false
  if (saysError(body["error"]) || body["object"] === "error" || body["type"] === "error") return true
  if (isSaid(resultOf(body)) || isSaid(at(body, "response", "error"))) return true
  return !isAnswer && messageOf(body) !== undefined
}

const isStep = (value: unknown): value is string | number => typeof value === "string" || typeof value === "number"

/**
 * The path of the first field that a validator of Python's has refused (`{"detail": [{"loc": ["body", "seed"], …}]}`), as
 * FastAPI gives it, and Mistral in its message.
 */
const detailPath = (error: JsonObject): string | undefined => {
  const [detail] = [error["detail"], at(error, "message", "detail")].filter(Array.isArray)
  const place = at((detail as ReadonlyArray<unknown> | undefined)?.[0], "loc")
  if (!Array.isArray(place) || !place.every(isStep)) return undefined
  const [root, ...path] = place
  return root === "body" && path.length > 0 ? path.join(".") : undefined
}

/** What a parsed body says. A list is read by its first element, as Gemini's errors come. */
export const readSaid = (json: unknown): BodySaid => {
  if (typeof json === "string") return { ...silent, message: textOf(json), json }
  const body = first(json)
  if (!isObject(body)) return { ...silent, json: body }
  const nested = at(body, "response", "error")
  const error = isObject(body["error"]) ? body["error"] : isObject(nested) ? nested : body
  const param = isText(error["param"]) ? error["param"] : (googlePath(error) ?? detailPath(error) ?? error["param"])
  return {
    message: messageOf(body),
    code: codeOf(error["code"]) ?? codeOf(body["code"]) ?? codeOf(resultOf(body)),
    // `{"type": "error", "error": {…}}` is Anthropic's envelope, not a type.
    type: codeOf(error["type"] === "error" ? undefined : error["type"]),
    param: isText(param) ? truncate(param.trim(), 256) : param === null ? null : undefined,
    status: statusOf(error["code"], error["status"], error["status_code"], body["status"], body["status_code"]),
    words: [...wordsOf(error), ...(minimax.has(resultOf(body)) ? [minimax.get(resultOf(body))!] : [])],
    json: body
  }
}

const isHtml = (text: string): boolean => /^\s*<(!doctype|html|head|body|\?xml|[a-z]+[\s>])/i.test(text)

/** What the text of a body says. A page of HTML says nothing; other text is the message itself. */
export const readBody = (text: string): BodySaid => {
  const json = parseJson(text)
  if (json !== undefined) return readSaid(json)
  return isHtml(text) ? silent : { ...silent, message: textOf(text) }
}

/**
 * Whether a word stands for a kind of error. Codes and types are logged as they come; a sentence in their place may be one
 * of the request, and no run of it as long as sixteen characters may be told.
 */
const isCode = (text: string): boolean => text.length < 16 || (text.length <= 128 && /^[\w.:/@*<>-]+$/.test(text))

/** The part of it that errors keep. */
export const saidOf = (said: BodySaid, status: number | undefined, redact: (text: string) => string): UpstreamSaid => ({
  ...(status === undefined ? {} : { status }),
  ...(said.code === undefined || !isCode(said.code) ? {} : { code: redact(said.code) }),
  ...(said.type === undefined || !isCode(said.type) ? {} : { type: redact(said.type) }),
  ...(said.param === undefined ? {} : { param: said.param === null ? null : redact(said.param) }),
  ...(said.message === undefined ? {} : { message: truncate(redact(said.message), maxMessage) })
})
