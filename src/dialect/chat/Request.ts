/**
 * What `/chat` is asked: a body, or a query.
 */
import { Result } from "effect"
import type { BadRequestBody, InvalidRequest } from "../../errors/index.ts"
import type { ParseRules } from "../Dialect.ts"
import { isObject, type JsonObject } from "../Json.ts"
import {
  type AnswerRequest,
  type Asked,
  type Asking,
  type Given,
  lazily,
  measure,
  nothingAsked,
  type Turn
} from "../Request.ts"
import { checked, checkModelName, type Complain, kindOf, makeComplaints, readObject } from "../RequestCheck.ts"
import { codePoints } from "../Text.ts"

/** A message that was checked. */
interface Message {
  readonly role: string
  readonly content: unknown
}

const fields: ReadonlySet<string> = new Set(["message", "messages", "model", "timeout"])
const messageFields: ReadonlySet<string> = new Set(["role", "content"])
const roles: ReadonlySet<unknown> = new Set(["system", "user", "assistant"])

/** Parameters that a query may have besides the request's own: the token, and the cursor. */
const otherParameters: ReadonlySet<string> = new Set(["token", "last_event_id"])

const checkUnknown = (object: JsonObject, known: ReadonlySet<string>, path: string, complain: Complain): void => {
  for (const field of Object.keys(object)) {
    if (!known.has(field)) complain(path + field, "unknown field", "unknown_field")
  }
}

const checkLength = (text: string, field: string, most: number, complain: Complain): void => {
  const length = codePoints(text)
  if (length === 0) complain(field, "must not be empty", "too_short")
  else if (length > most) complain(field, `must be at most ${most} characters long, got ${length}`, "too_long")
}

const checkMessage = (value: unknown, limits: ParseRules, complain: Complain): ReadonlyArray<Message> => {
  if (typeof value !== "string") {
    complain("message", `expected a string, got ${kindOf(value)}`, "type")
    return []
  }
  checkLength(value, "message", limits.maxMessage, complain)
  return [{ role: "user", content: value }]
}

const checkMessages = (value: unknown, limits: ParseRules, complain: Complain): ReadonlyArray<Message> => {
  if (!Array.isArray(value)) {
    complain("messages", `expected an array, got ${kindOf(value)}`, "type")
    return []
  }
  const messages: Array<Message> = []
  let lastOfUser = -1
  for (const [i, item] of (value as ReadonlyArray<unknown>).entries()) {
    const path = `messages[${i}]`
    if (!isObject(item)) {
      complain(path, `expected an object, got ${kindOf(item)}`, "type")
      continue
    }
    checkUnknown(item, messageFields, `${path}.`, complain)
    const { role, content } = item
    if (!roles.has(role)) complain(`${path}.role`, "expected system, user or assistant", "invalid_value")
    if (typeof content !== "string") complain(`${path}.content`, `expected a string, got ${kindOf(content)}`, "type")
    if (role === "user") lastOfUser = i
    messages.push({ role: String(role), content })
  }
  const asked: unknown = (value as ReadonlyArray<unknown>)[lastOfUser]
  if (lastOfUser < 0) complain("messages", "expected at least one message from the user", "too_short")
  else if (isObject(asked) && typeof asked["content"] === "string") {
    checkLength(asked["content"], `messages[${lastOfUser}].content`, limits.maxMessage, complain)
  }
  return messages
}

const checkTimeout = (value: unknown, complain: Complain): number | undefined => {
  if (value === undefined) return undefined
  if (typeof value !== "number" || !Number.isFinite(value)) {
    complain("timeout", `expected a number of seconds, got ${kindOf(value)}`, "type")
    return undefined
  }
  if (value < 1) complain("timeout", "must be at least 1 second", "too_small")
  return value * 1000
}

const askedOf = (messages: ReadonlyArray<Message>): Asked => {
  const first = messages.findIndex(({ role }) => role !== "system")
  const text = ({ content }: Message) => ({ _tag: "Text", text: content as string }) as const
  const opening = first < 0 ? messages.length : first
  return {
    ...nothingAsked,
    system: messages.slice(0, opening).map(text),
    turns: messages.slice(opening).map((message) => ({ role: message.role as Turn["role"], parts: [text(message)] }))
  }
}

/** What the assistant has said last is gone on from. */
const givenIn = (messages: ReadonlyArray<Message>): Given | undefined => {
  if (messages.at(-1)?.role !== "assistant") return undefined
  const from = messages.findLastIndex(({ role }) => role !== "assistant") + 1
  const text = messages.slice(from).reduce((said, { content }) => said + String(content), "")
  return text === "" ? undefined : { text, before: lazily(() => askedOf(messages.slice(0, from))) }
}

const check = (object: JsonObject, limits: ParseRules, asking: Asking, complain: Complain): AnswerRequest => {
  checkUnknown(object, fields, "", complain)
  const { message, messages, model, timeout } = object
  let conversation: ReadonlyArray<Message> = []
  if (message !== undefined && messages !== undefined) {
    complain("messages", "message and messages exclude each other", "exclusive")
  } else if (messages !== undefined) conversation = checkMessages(messages, limits, complain)
  else if (message !== undefined) conversation = checkMessage(message, limits, complain)
  else complain("message", "message or messages is required", "required")
  if (model !== undefined && typeof model !== "string")
    complain("model", `expected a string, got ${kindOf(model)}`, "type")
  else if (model !== undefined) checkModelName(model, complain)
  return {
    dialect: "chat",
    operation: "generate",
    model: typeof model === "string" ? model : limits.defaultModel,
    delivery: "stream",
    includeUsage: true,
    choices: 1,
    timeoutMillis: checkTimeout(timeout, complain),
    json: false,
    given: givenIn(conversation),
    asking,
    body: object,
    ...measure(conversation.map(({ content }) => content)),
    asked: lazily(() => askedOf(conversation))
  }
}

// An empty field of a form is one that was not filled in; a message must be.
const readQuery = (query: URLSearchParams, complain: Complain): JsonObject => {
  // Not set one by one: of `__proto__` that would be no field, and nobody would be told of it.
  const fields: Array<readonly [name: string, value: unknown]> = []
  for (const name of new Set(query.keys())) {
    if (otherParameters.has(name)) continue
    const values = query.getAll(name)
    const value = values[0]!
    if (values.length > 1) complain(name, "must be given once", "exclusive")
    if (name === "messages") complain(name, "is only read from a body", "unknown_field")
    else if (name === "message" || value !== "") {
      fields.push([name, name === "timeout" && /^\s*[+-]?\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value])
    }
  }
  return Object.fromEntries(fields)
}

/** Checks a request to `/chat`: its body, or its query where it has none. All that is wrong is told at once; every fault is a 400. */
export const parseChatRequest = (
  asking: Asking,
  rules: ParseRules
): Result.Result<AnswerRequest, InvalidRequest | BadRequestBody> => {
  const { complain, details } = makeComplaints()
  const { body } = asking
  if (body === undefined) {
    const parsed = check(readQuery(new URLSearchParams(asking.query), complain), rules, asking, complain)
    return checked(details, () => parsed)
  }
  return Result.flatMap(readObject(body), (object) => {
    const parsed = check(object, rules, asking, complain)
    return checked(details, () => parsed)
  })
}
