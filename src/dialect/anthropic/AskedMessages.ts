/**
 * The messages of a request, block by block, in words that all dialects share.
 */
import { isObject, type JsonObject } from "../Json.ts"
import type { Hint, Meaning, Part, Turn } from "../Request.ts"
import { readSigned } from "../Signature.ts"
import { inputText } from "./MessageEvents.ts"

/** Whether a field was given: `null` is how many clients leave one out. */
export const isGiven = (value: unknown): boolean => value !== undefined && value !== null

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0

interface Found {
  readonly hints: Array<Hint>
  readonly meanings: Array<Meaning>
}

const textIn = (object: JsonObject, field: string): string => {
  const value = object[field]
  return typeof value === "string" ? value : ""
}

const text = (said: string): Part => ({ _tag: "Text", text: said })

const mean = (found: Found, path: string, value: unknown): ReadonlyArray<Part> => {
  found.meanings.push({ path, value })
  return []
}

const imagePart = (block: JsonObject, path: string, found: Found): ReadonlyArray<Part> => {
  const source = isObject(block["source"]) ? block["source"] : {}
  if (isGiven(block["transformations"])) mean(found, `${path}.transformations`, block["transformations"])
  switch (source["type"]) {
    case "base64":
      return [
        { _tag: "Image", path, mediaType: textIn(source, "media_type"), source: { base64: textIn(source, "data") } }
      ]
    case "url":
      return [{ _tag: "Image", path, mediaType: undefined, source: { url: textIn(source, "url") } }]
    default:
      return mean(found, path, block)
  }
}

const documentPart = (block: JsonObject, path: string, found: Found): ReadonlyArray<Part> => {
  const { citations, context, title } = block
  const source = isObject(block["source"]) ? block["source"] : {}
  const name = typeof title === "string" ? title : undefined
  if (isGiven(context)) mean(found, `${path}.context`, context)
  if (isObject(citations) && citations["enabled"] === true) mean(found, `${path}.citations`, citations)
  const data = textIn(source, "data")
  switch (source["type"]) {
    case "base64":
      return [{ _tag: "File", path, mediaType: textIn(source, "media_type"), name, base64: data }]
    case "text":
      return [{ _tag: "File", path, mediaType: "text/plain", name, base64: Buffer.from(data).toString("base64") }]
    default:
      return mean(found, path, block)
  }
}

const reasoningPart = (said: string, signature: string, sealed: boolean): Part => {
  const signed = readSigned(signature, "anthropic")
  return {
    _tag: "Reasoning",
    text: said,
    signed: signed === undefined || signed.value === "" ? undefined : { ...signed, sealed }
  }
}

const toolCall = (block: JsonObject, path: string, found: Found): ReadonlyArray<Part> => {
  const { caller, toolset_name: toolset } = block
  if (isGiven(toolset) || (isObject(caller) && caller["type"] !== "direct")) return mean(found, path, block)
  return [
    {
      _tag: "ToolCall",
      path,
      id: textIn(block, "id"),
      name: textIn(block, "name"),
      input: inputText(block["input"]),
      signed: undefined
    }
  ]
}

const toolResult = (block: JsonObject, path: string, found: Found): ReadonlyArray<Part> => {
  const { content } = block
  const parts =
    typeof content === "string"
      ? [text(content)]
      : listOf(content).flatMap((part, i) => partsOf(part, `${path}.content[${i}]`, found))
  const id = textIn(block, "tool_use_id")
  return [{ _tag: "ToolResult", path, id, name: undefined, parts, failed: block["is_error"] === true }]
}

const partsOf = (block: unknown, path: string, found: Found): ReadonlyArray<Part> => {
  if (!isObject(block)) return mean(found, path, block)
  if (isGiven(block["cache_control"])) {
    found.hints.push({ name: "cacheControl", path: `${path}.cache_control`, value: block["cache_control"] })
  }
  switch (block["type"]) {
    case "text":
      // Clients send back a text that cites nothing with an empty list.
      if (isGiven(block["citations"]) && !isEmptyList(block["citations"]))
        mean(found, `${path}.citations`, block["citations"])
      return [text(textIn(block, "text"))]
    case "image":
      return imagePart(block, path, found)
    case "document":
      return documentPart(block, path, found)
    case "thinking":
      return [reasoningPart(textIn(block, "thinking"), textIn(block, "signature"), false)]
    case "redacted_thinking":
      return [reasoningPart("", textIn(block, "data"), true)]
    case "tool_use":
      return toolCall(block, path, found)
    case "tool_result":
      return toolResult(block, path, found)
    default:
      return mean(found, path, block)
  }
}

const listOf = (value: unknown): ReadonlyArray<unknown> =>
  Array.isArray(value) ? (value as ReadonlyArray<unknown>) : []

// The signature of a call was given to the client in a block of its own behind it, since a call has no room for one.
const withSignatures = (parts: ReadonlyArray<Part>): ReadonlyArray<Part> => {
  const joined: Array<Part> = []
  for (const part of parts) {
    const last = joined.at(-1)
    const behind = part._tag === "Reasoning" && part.text === "" ? part.signed : undefined
    if (last?._tag === "ToolCall" && behind !== undefined && !behind.sealed && behind.by !== "anthropic") {
      joined[joined.length - 1] = { ...last, signed: { by: behind.by, value: behind.value } }
    } else joined.push(part)
  }
  return joined
}

/** Parts, and what was found beside them. */
export interface Texts {
  readonly parts: ReadonlyArray<Part>
  readonly hints: ReadonlyArray<Hint>
}

/** A text, or a list of texts. */
export const textsOf = (value: unknown, path: string): Texts => {
  const found: Found = { hints: [], meanings: [] }
  const parts =
    typeof value === "string"
      ? [text(value)]
      : listOf(value).flatMap((block, i) => partsOf(block, `${path}[${i}]`, found))
  return { parts: parts.filter((part) => part._tag === "Text" && part.text !== ""), hints: found.hints }
}

/** The turns of a conversation. */
export const turnsOf = (
  messages: unknown
): {
  readonly turns: ReadonlyArray<Turn>
  readonly hints: ReadonlyArray<Hint>
  readonly meanings: ReadonlyArray<Meaning>
} => {
  const found: Found = { hints: [], meanings: [] }
  const turns = listOf(messages).map((message, i): Turn => {
    const { content, role } = message as JsonObject
    const parts =
      typeof content === "string"
        ? [text(content)]
        : listOf(content).flatMap((block, j) => partsOf(block, `messages[${i}].content[${j}]`, found))
    return { role: role as Turn["role"], parts: withSignatures(parts) }
  })
  return { turns, ...found }
}
