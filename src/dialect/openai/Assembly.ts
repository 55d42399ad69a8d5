/**
 * A whole `chat.completion`, put together from the events of its stream.
 */
import type { Payload } from "../Dialect.ts"
import { keepExact, printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { type Calls, makeCalls, readCallPart } from "./Calls.ts"
import { onlySigns, thoughtFields } from "./Chunk.ts"

type Items = ReadonlyArray<unknown>

/** Texts that come in pieces, whatever they are. */
const growing: ReadonlySet<string> = new Set([
  "content",
  "reasoning",
  "reasoning_content",
  "reasoning_text",
  "refusal",
  "arguments",
  "input",
  "transcript",
  "data",
  "text",
  "summary",
  "thinking",
  "signature",
  "thought_signature"
])

/** Texts that are said whole, and perhaps again: the last one counts. */
const whole: ReadonlySet<string> = new Set([
  "channel",
  "format",
  "id",
  "language",
  "media_type",
  "mime_type",
  "model",
  "name",
  "object",
  "phase",
  "provider",
  "role",
  "stage",
  "state",
  "status",
  "title",
  "type",
  "url"
])

// What is called an id, a kind, a reason or a time is no piece of one, whatever it is of.
const isWhole = (field: string): boolean => whole.has(field) || /_(?:at|id|reason|type)$/.test(field)

const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === ""

/** A text of a field that nobody knows, as long as each event says the same one. */
interface Repeated {
  readonly text: string
  times: number
}

const repeats = new WeakMap<JsonObject, Map<string, Repeated | undefined>>()

// What is the same with every event says again what is there; with another text it was a piece each time.
const mergeUnknown = (into: JsonObject, value: string, field: string): string => {
  let known = repeats.get(into)
  if (known === undefined) repeats.set(into, (known = new Map()))
  const old = into[field]
  if (typeof old !== "string" || old === "") {
    known.set(field, { text: value, times: 1 })
    return value
  }
  const repeated = known.get(field)
  if (repeated === undefined) return old + value
  if (repeated.text === value) {
    repeated.times++
    return value
  }
  known.set(field, undefined)
  return repeated.text.repeat(repeated.times) + value
}

const mergeText = (into: JsonObject, value: string, field: string, joins: boolean): unknown => {
  const old = into[field]
  if (value === "" && !isEmpty(old)) return old
  if (growing.has(field)) return typeof old === "string" ? old + value : value
  return joins && !isWhole(field) ? mergeUnknown(into, value, field) : value
}

const merge = (into: JsonObject, value: unknown, field: string, joins: boolean): unknown => {
  const old = into[field]
  if (value === undefined || value === null) return old
  if (typeof value === "string") return mergeText(into, value, field, joins)
  if (Array.isArray(value)) return mergeList(Array.isArray(old) ? (old as Array<unknown>) : [], value, field)
  if (isObject(value)) return mergeObject(isObject(old) ? old : {}, value, joins)
  return value
}

// What is merged into is our own: it grows in place, so that a long answer costs no more than its length. `joins`: a text
// that nobody knows is a piece of one.
const mergeObject = (into: JsonObject, from: JsonObject, joins = false): JsonObject => {
  for (const [field, value] of Object.entries(from)) {
    if (field === "__proto__") continue
    const merged = merge(into, value, field, joins)
    into[field] = merged === undefined ? null : merged
  }
  keepExact(into, from)
  return into
}

// What stands beside a delta is told of the answer so far: it is no piece of anything, and what says nothing takes nothing
// back.
const replaceObject = (into: JsonObject, from: JsonObject): JsonObject => {
  for (const [field, value] of Object.entries(from)) {
    if (field === "__proto__") continue
    const old = into[field]
    if (isObject(value)) into[field] = replaceObject(isObject(old) ? old : {}, value)
    else if (old === undefined || !(isEmpty(value) || (Array.isArray(value) && value.length === 0))) into[field] = value
  }
  keepExact(into, from)
  return into
}

// Where each part of a list stands, by what names it: a search for each part would be quadratic in a list of thousands.
const places = new WeakMap<Items, Map<string, number>>()

const placesOf = (list: Items): Map<string, number> => {
  let known = places.get(list)
  if (known === undefined) {
    known = new Map()
    places.set(list, known)
  }
  return known
}

// A part belongs to the one with its index, or, where a vendor sends none, to the one with its id.
const nameOf = (item: JsonObject): string | undefined =>
  typeof item["index"] === "number" ? `#${item["index"]}` : isEmpty(item["id"]) ? undefined : String(item["id"])

// OpenRouter counts its details by `index`, but a text and what seals it may have the same one.
const detailOf = (item: JsonObject): string | undefined => {
  const name = nameOf(item)
  return name === undefined
    ? undefined
    : `${String(item["type"])} ${name} ${isEmpty(item["data"]) ? "" : String(item["id"])}`
}

// LiteLLM's blocks have neither: one grows until it is signed.
const growsLast = (list: Items, item: JsonObject): boolean => {
  const last = list.at(-1)
  return isObject(last) && last["type"] === "thinking" && item["type"] === "thinking" && isEmpty(last["signature"])
}

const placeOf = (list: Items, item: JsonObject, field: string): number => {
  if (field === "images") return -1
  if (field === "thinking_blocks") return growsLast(list, item) ? list.length - 1 : -1
  const name = field === "reasoning_details" ? detailOf(item) : nameOf(item)
  if (name === undefined) return -1
  const known = placesOf(list)
  const place = known.get(name)
  if (place === undefined) known.set(name, list.length)
  return place ?? -1
}

// What only signs a thought says its text again.
const mergeItem = (into: JsonObject, item: JsonObject, list: string): JsonObject => {
  const text = thoughtFields[list]
  return text !== undefined && onlySigns(item, list, into[text])
    ? mergeObject(into, { ...item, [text]: "" })
    : mergeObject(into, item)
}

const mergeList = (into: Array<unknown>, from: Items, field: string): Array<unknown> => {
  for (const item of from) {
    if (!isObject(item)) {
      into.push(item)
      continue
    }
    const place = placeOf(into, item, field)
    if (place < 0) into.push(mergeObject({}, item))
    else mergeItem(into[place] as JsonObject, item, field)
  }
  keepExact(into, from)
  return into
}

// The parts of a content that is a list: texts grow, and so does what is thought.
const appendPart = (parts: Array<unknown>, part: unknown): void => {
  const last = parts.at(-1)
  if (!isObject(part)) return
  if (!isObject(last) || part["type"] !== last["type"]) {
    parts.push(mergeObject({}, part))
  } else if (part["type"] === "text" && typeof part["text"] === "string" && typeof last["text"] === "string") {
    mergeObject(last, part)
  } else if (part["type"] === "thinking" && Array.isArray(part["thinking"]) && Array.isArray(last["thinking"])) {
    const { thinking, ...rest } = part
    for (const inner of thinking as Items) appendPart(last["thinking"], inner)
    mergeObject(last, rest)
  } else parts.push(mergeObject({}, part))
}

const onlyTexts = (content: ReadonlyArray<JsonObject>): boolean =>
  content.every((part) => part["type"] === "text" && typeof part["text"] === "string")

interface Choice {
  readonly index: number
  /** The texts are collected apart: they are what grows with every event. */
  content: string
  hasContent: boolean
  /** The content, once it is more than text. */
  parts: Array<unknown> | undefined
  readonly message: JsonObject
  readonly calls: Calls
  readonly called: Array<JsonObject>
  readonly rest: JsonObject
  finish: string | null
}

const addText = (choice: Choice, text: string): void => {
  if (text === "") return
  choice.hasContent = true
  if (choice.parts === undefined) choice.content += text
  else appendPart(choice.parts, { type: "text", text })
}

const addContent = (choice: Choice, content: unknown): void => {
  if (typeof content === "string") return addText(choice, content)
  const parts = Array.isArray(content) ? (content as Items).filter(isObject) : []
  if (parts.length === 0) return
  if (choice.parts === undefined && onlyTexts(parts)) {
    for (const part of parts) addText(choice, part["text"] as string)
    return
  }
  choice.hasContent = true
  choice.parts ??= choice.content === "" ? [] : [{ type: "text", text: choice.content }]
  for (const part of parts) appendPart(choice.parts, part)
}

const addCalls = (choice: Choice, list: unknown): void => {
  if (!Array.isArray(list)) return
  choice.calls.event()
  for (const part of list as Items) {
    const call = isObject(part) ? choice.calls.place(readCallPart(part)) : undefined
    if (call === undefined || !isObject(part)) continue
    const { index: _, ...said } = part
    const own = (choice.called[call.place] ??= { type: "function" })
    if (call.anew && isObject(own["function"])) own["function"]["arguments"] = ""
    if (own["id"] !== undefined && own["id"] !== "") delete said["id"]
    mergeObject(own, said)
  }
}

/** What an answer that was closed without a word is said to have ended with. */
const ownFinish = (choice: Choice): string =>
  choice.called.length > 0 ? "tool_calls" : isObject(choice.message["function_call"]) ? "function_call" : "stop"

const finished = (choice: Choice): JsonObject => {
  const { called, content, finish, hasContent, index, message, parts, rest } = choice
  const { role, refusal, ...more } = message
  const own: JsonObject = {
    role: role ?? "assistant",
    content: hasContent ? (parts ?? content) : null,
    refusal: refusal ?? null,
    ...more,
    ...(called.length === 0 ? {} : { tool_calls: called })
  }
  return {
    ...rest,
    index,
    message: own,
    logprobs: rest["logprobs"] ?? null,
    finish_reason: finish ?? ownFinish(choice)
  }
}

/** Takes an answer's events one by one; `result` is the `chat.completion` so far, and `print` its JSON. */
export interface OpenAIAssembly {
  readonly push: (payload: Payload) => void
  readonly result: () => JsonObject
  readonly print: () => string
}

/**
 * Begins to put an answer together. Unknown fields are kept: of a message its lists grow, and its texts, but for those that
 * are said whole or are the same with every event; of all else, and of what stands beside a message, the last one counts.
 */
export const makeOpenAIAssembly = (): OpenAIAssembly => {
  const head: JsonObject = { id: "", object: "chat.completion", created: 0, model: "" }
  const choices = new Map<number, Choice>()
  let usage: unknown

  const choiceAt = (index: number): Choice => {
    let choice = choices.get(index)
    if (choice === undefined) {
      const calls = makeCalls()
      choice = {
        index,
        content: "",
        hasContent: false,
        parts: undefined,
        message: {},
        calls,
        called: [],
        rest: {},
        finish: null
      }
      choices.set(index, choice)
    }
    return choice
  }

  const pushChoice = (said: JsonObject): void => {
    const { index, delta, finish_reason: finish, logprobs, token_ids: tokens, ...rest } = said
    const choice = choiceAt(typeof index === "number" ? index : 0)
    replaceObject(choice.rest, rest)
    // Those of the tokens of this event, and the tokens themselves, which vLLM tells.
    if (!isEmpty(logprobs)) mergeObject(choice.rest, { logprobs })
    if (!isEmpty(tokens)) mergeObject(choice.rest, { token_ids: tokens })
    if (typeof finish === "string" && finish !== "") choice.finish = finish
    if (!isObject(delta)) return
    const { content, tool_calls: calls, ...message } = delta
    addContent(choice, content)
    addCalls(choice, calls)
    mergeObject(choice.message, message, true)
  }

  const result = (): JsonObject => {
    const { id, object, created, model, ...more } = head
    return {
      id,
      object,
      created,
      model,
      choices: [...choices.values()].sort((a, b) => a.index - b.index).map(finished),
      ...(usage === undefined ? {} : { usage }),
      ...more
    }
  }

  return {
    push: ({ data }) => {
      const chunk = parseJson(data)
      if (!isObject(chunk) || isObject(chunk["error"])) return
      const { choices: list, usage: said } = chunk
      // A rest, and its entries, take three times as long where there are thousands of fields.
      for (const field in chunk) {
        if (field === "choices" || field === "usage" || field === "object") continue
        if (chunk[field] !== null || head[field] === undefined) head[field] = chunk[field]
      }
      keepExact(head, chunk)
      if (isObject(said)) usage = said
      for (const choice of Array.isArray(list) ? (list as Items) : []) {
        if (isObject(choice)) pushChoice(choice)
      }
    },
    result,
    print: () => printJson(result(), head)
  }
}

/** The JSON of a whole `chat.completion`, from all the events of its stream. */
export const assembleOpenAI = (payloads: Iterable<Payload>): string => {
  const assembly = makeOpenAIAssembly()
  for (const payload of payloads) assembly.push(payload)
  return assembly.print()
}
