/**
 * What is inside an OpenAI chunk: shared by what reads an upstream's chunks and what reads our own back.
 */
import type { Finish, FinishReason, Piece } from "../Event.ts"
import { isObject, type JsonObject } from "../Json.ts"

/** The text of a `content`: a string, or the text parts of an array (Mistral's reasoning models send those). */
export const textOfContent = (content: unknown): string => {
  if (typeof content === "string") return content
  if (!Array.isArray(content)) return ""
  let text = ""
  for (const part of content as ReadonlyArray<unknown>) {
    if (isObject(part) && part["type"] === "text" && typeof part["text"] === "string") text += part["text"]
  }
  return text
}

/** The reasoning of a delta: `reasoning_content` (DeepSeek and most others) or `reasoning` (OpenRouter, Groq). */
export const reasoningOf = (delta: JsonObject): string => {
  const content = delta["reasoning_content"]
  if (typeof content === "string" && content !== "") return content
  const reasoning = delta["reasoning"]
  return typeof reasoning === "string" ? reasoning : ""
}

const filled = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : typeof value === "string" ? value !== "" : isObject(value)

/** Whether a delta carries a part of a tool call. */
export const hasToolCall = (delta: JsonObject): boolean => filled(delta["tool_calls"]) || filled(delta["function_call"])

const text = (value: unknown): string => (typeof value === "string" ? value : "")

const pushCall = (pieces: Array<Piece>, call: unknown, at: number): void => {
  const { function: said, id, index } = isObject(call) ? call : {}
  const { arguments: input, name } = isObject(said) ? said : {}
  const place = typeof index === "number" ? index : at
  const begins = text(id) !== "" || text(name) !== ""
  if (begins) pieces.push({ _tag: "ToolCall", index: place, id: text(id), name: text(name) })
  if (text(input) !== "") pieces.push({ _tag: "ToolInput", index: place, text: text(input) })
  else if (!begins) pieces.push({ _tag: "Native", what: "tool_calls" })
}

/** The pieces of the first choice's delta that cannot be spliced; `undefined` where there is none, as in nearly all. */
export const piecesOf = (delta: JsonObject): Array<Piece> | undefined => {
  const { audio, function_call: oldCall, reasoning_details: details, refusal, tool_calls: calls } = delta
  if (calls === undefined && oldCall === undefined && refusal === undefined && audio === undefined) {
    if (details === undefined) return undefined
  }
  const pieces: Array<Piece> = []
  if (Array.isArray(calls)) calls.forEach((call, at) => pushCall(pieces, call, at))
  if (filled(oldCall)) pushCall(pieces, { index: 0, function: oldCall }, 0)
  if (filled(refusal)) pieces.push({ _tag: "Refusal", text: text(refusal) })
  if (filled(audio)) pieces.push({ _tag: "Native", what: "audio" })
  for (const detail of Array.isArray(details) ? (details as ReadonlyArray<unknown>) : []) {
    if (!isObject(detail)) continue
    if (filled(detail["signature"])) {
      pieces.push({ _tag: "Signature", by: "openai", value: text(detail["signature"]), of: "reasoning" })
    } else if (detail["type"] === "reasoning.encrypted") {
      pieces.push({ _tag: "Signature", by: "openai", value: text(detail["data"]), of: "reasoning" })
    }
  }
  return pieces.length === 0 ? undefined : pieces
}

const reasons: { readonly [native: string]: FinishReason } = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
  content_filter: "content-filter"
}

/** A `finish_reason` of an upstream's. */
export const readFinish = (native: string): Finish => ({
  reason: Object.hasOwn(reasons, native) ? reasons[native]! : "other",
  native,
  from: "openai"
})

const words: { readonly [R in FinishReason]: string } = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool_calls",
  "content-filter": "content_filter",
  error: "stop",
  pause: "stop",
  other: "stop",
  unknown: "stop"
}

/** The `finish_reason` that a client is told. */
export const writeFinish = (finish: Finish): string => (finish.from === "openai" ? finish.native : words[finish.reason])
