/**
 * What is inside the delta of an OpenAI chunk: shared by what reads an upstream's chunks, what reads our own back, and what
 * puts a whole answer together.
 */
import { isObject, type JsonObject } from "../Json.ts"

type Items = ReadonlyArray<unknown>

const textIn = (value: JsonObject, field: string): string => {
  const text = value[field]
  return typeof text === "string" ? text : ""
}

// Google's own chat completions mark a thought beside the content that holds it.
const isThought = (delta: JsonObject): boolean => {
  const extra = delta["extra_content"]
  return isObject(extra) && isObject(extra["google"]) && extra["google"]["thought"] === true
}

const textOfParts = (parts: Items): string => {
  let text = ""
  for (const part of parts) if (isObject(part) && part["type"] === "text") text += textIn(part, "text")
  return text
}

/** The text of a delta: its `content`, or the text parts of one that is a list (Mistral's reasoning models send those). */
export const textOf = (delta: JsonObject): string => {
  const content = delta["content"]
  if (content === undefined || content === null) return ""
  if (delta["extra_content"] !== undefined && isThought(delta)) return ""
  if (typeof content === "string") return content
  return Array.isArray(content) ? textOfParts(content as Items) : ""
}

// Mistral's thinking stands among the parts of the content.
const thinkingOfParts = (parts: Items): string => {
  let text = ""
  for (const part of parts) {
    if (!isObject(part) || part["type"] !== "thinking") continue
    const thinking = part["thinking"]
    text += Array.isArray(thinking) ? textOfParts(thinking as Items) : textIn(part, "thinking")
  }
  return text
}

const textOfEach = (list: unknown, fields: ReadonlyArray<string>): string => {
  if (!Array.isArray(list)) return ""
  let text = ""
  for (const item of list as Items) {
    if (isObject(item)) for (const field of fields) text += textIn(item, field)
  }
  return text
}

const detailTexts = ["text", "summary"]
const thinkingTexts = ["thinking"]

/** Fields of a delta that are what is thought, as plain text. */
export const plainThoughts = ["reasoning_content", "reasoning"] as const

/**
 * The reasoning of a delta, in the first place where it has any: `reasoning_content` (DeepSeek and most others),
 * `reasoning` (OpenRouter, Groq), thinking parts of the content (Mistral), `reasoning_details` (OpenRouter),
 * `thinking_blocks` (LiteLLM). Those that say it twice are read once.
 */
export const reasoningOf = (delta: JsonObject): string => {
  const said = textIn(delta, "reasoning_content") || textIn(delta, "reasoning")
  if (said !== "") return said
  const { content, extra_content: extra, reasoning_details: details, thinking_blocks: blocks } = delta
  if (Array.isArray(content)) {
    const thought = thinkingOfParts(content as Items)
    if (thought !== "") return thought
  } else if (extra !== undefined && typeof content === "string" && isThought(delta)) return content
  if (details === undefined && blocks === undefined) return ""
  return textOfEach(details, detailTexts) || textOfEach(blocks, thinkingTexts)
}

/** The field that is the text of a thought, by the list that it stands in. */
export const thoughtFields: { readonly [list: string]: string } = {
  reasoning_details: "text",
  thinking_blocks: "thinking"
}

/**
 * Whether an item of a thought only signs what was said of it before: there are proxies that say all of its text again with
 * the signature.
 */
export const onlySigns = (item: JsonObject, list: string, said: unknown): boolean => {
  const text = item[thoughtFields[list] ?? ""]
  return filled(item["signature"]) && filled(text) && text === said
}

/** Whether a delta says nothing of a thought but what signs it. */
export const signsThought = (delta: JsonObject, said: string): boolean =>
  said !== "" &&
  Object.keys(thoughtFields).some((list) => {
    const items = delta[list]
    return Array.isArray(items) && items.length === 1 && isObject(items[0]) && onlySigns(items[0], list, said)
  })

/** Whether a value says anything at all: no text that is empty, and no list or object of nothing but those. */
export const filled = (value: unknown): boolean => {
  if (typeof value === "string") return value !== ""
  if (typeof value === "number" || value === true) return true
  if (Array.isArray(value)) return (value as Items).some(filled)
  return isObject(value) && Object.values(value).some(filled)
}

/**
 * Whether a delta says a text and nothing else; other fields may be there as null. Nearly all are like this: to look for
 * everything else that there may be takes 0.1 µs more of each.
 */
export const saysOnlyText = (delta: JsonObject): delta is { readonly content: string } => {
  let says = false
  for (const field in delta) {
    const value = delta[field]
    if (field === "content" && typeof value === "string") says = true
    else if (value !== null) return false
  }
  return says
}
