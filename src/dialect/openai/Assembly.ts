/**
 * A whole `chat.completion`, put together from the events of its stream.
 */
import type { Payload } from "../Dialect.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { textOfContent } from "./Chunk.ts"

/** Fields that are said whole, and perhaps again: the last one counts. Every other text grows. */
const whole: ReadonlySet<string> = new Set(["id", "type", "role", "name", "object", "index", "format"])

const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === ""

const merge = (old: unknown, value: unknown, field: string): unknown => {
  if (value === undefined || value === null) return old
  if (typeof value === "string") {
    if (value === "" && !isEmpty(old)) return old
    return typeof old === "string" && !whole.has(field) ? old + value : value
  }
  if (Array.isArray(value)) return mergeList(Array.isArray(old) ? (old as Array<unknown>) : [], value)
  if (isObject(value)) return mergeObject(isObject(old) ? old : {}, value)
  return value
}

// What is merged into is our own: it grows in place, so that a long answer costs no more than its length.
const mergeObject = (into: JsonObject, from: JsonObject): JsonObject => {
  for (const [field, value] of Object.entries(from)) {
    if (field === "__proto__") continue
    const merged = merge(into[field], value, field)
    into[field] = merged === undefined ? null : merged
  }
  return into
}

// A part belongs to the one with its index, or, where a vendor sends none, to the one with its id.
const placeOf = (list: ReadonlyArray<unknown>, item: JsonObject): number => {
  const field = typeof item["index"] === "number" ? "index" : "id"
  if (isEmpty(item[field])) return -1
  return list.findIndex((one) => isObject(one) && one[field] === item[field])
}

const mergeList = (into: Array<unknown>, from: ReadonlyArray<unknown>): Array<unknown> => {
  for (const item of from) {
    const place = isObject(item) ? placeOf(into, item) : -1
    if (isObject(item)) {
      const grown = mergeObject(place < 0 ? {} : (into[place] as JsonObject), item)
      if (place < 0) into.push(grown)
    } else into.push(item)
  }
  return into
}

const withoutIndex = (calls: unknown): unknown =>
  Array.isArray(calls)
    ? (calls as ReadonlyArray<unknown>).map((call) => {
        if (!isObject(call)) return call
        const { index: _, ...rest } = call
        return { type: "function", ...rest }
      })
    : calls

interface Choice {
  readonly index: number
  /** The texts are collected apart: they are what grows with every event. */
  content: string
  hasContent: boolean
  readonly message: JsonObject
  readonly rest: JsonObject
  finish: string | null
}

const finished = ({ index, content, hasContent, message, rest, finish }: Choice): JsonObject => {
  const { role, refusal, tool_calls: calls, ...more } = message
  return {
    ...rest,
    index,
    message: {
      role: role ?? "assistant",
      content: hasContent ? content : null,
      refusal: refusal ?? null,
      ...more,
      ...(calls === undefined || calls === null ? {} : { tool_calls: withoutIndex(calls) })
    },
    logprobs: rest["logprobs"] ?? null,
    finish_reason: finish ?? "stop"
  }
}

/** Takes an answer's events one by one; `result` is the `chat.completion` so far. */
export interface OpenAIAssembly {
  readonly push: (payload: Payload) => void
  readonly result: () => JsonObject
}

/** Begins to put an answer together. Unknown fields are kept: texts and lists grow, of other values the last one counts. */
export const makeOpenAIAssembly = (): OpenAIAssembly => {
  const head: JsonObject = { id: "", object: "chat.completion", created: 0, model: "" }
  const choices = new Map<number, Choice>()
  let usage: unknown

  const choiceAt = (index: number): Choice => {
    let choice = choices.get(index)
    if (choice === undefined) {
      choice = { index, content: "", hasContent: false, message: {}, rest: {}, finish: null }
      choices.set(index, choice)
    }
    return choice
  }

  const pushChoice = (said: JsonObject): void => {
    const { index, delta, finish_reason: finish, ...rest } = said
    const choice = choiceAt(typeof index === "number" ? index : 0)
    mergeObject(choice.rest, rest)
    if (typeof finish === "string") choice.finish = finish
    if (!isObject(delta)) return
    const { content, ...message } = delta
    const text = textOfContent(content)
    if (text !== "") {
      choice.content += text
      choice.hasContent = true
    }
    mergeObject(choice.message, message)
  }

  return {
    push: ({ data }) => {
      const chunk = parseJson(data)
      if (!isObject(chunk) || isObject(chunk["error"])) return
      const { choices: list, usage: said, object: _, ...rest } = chunk
      for (const [field, value] of Object.entries(rest)) {
        if (value !== null || head[field] === undefined) head[field] = value
      }
      if (isObject(said)) usage = said
      for (const choice of Array.isArray(list) ? (list as ReadonlyArray<unknown>) : []) {
        if (isObject(choice)) pushChoice(choice)
      }
    },
    result: () => {
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
  }
}

/** The JSON of a whole `chat.completion`, from all the events of its stream. */
export const assembleOpenAI = (payloads: Iterable<Payload>): string => {
  const assembly = makeOpenAIAssembly()
  for (const payload of payloads) assembly.push(payload)
  return JSON.stringify(assembly.result())
}
