/**
 * What is inside an OpenAI chunk: shared by what reads an upstream's chunks and what reads our own back.
 */
import { isObject, type JsonObject } from "./Json.ts"

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

/** Whether a delta carries something that is shown and is neither text, reasoning nor a tool call. */
export const hasOther = (delta: JsonObject): boolean => filled(delta["refusal"]) || filled(delta["audio"])

/** Whether a delta carries reasoning that is signed or encrypted: only the model that wrote it can go on from it. */
export const hasSignature = (delta: JsonObject): boolean => {
  const details = delta["reasoning_details"]
  return (
    Array.isArray(details) &&
    (details as ReadonlyArray<unknown>).some(
      (detail) => isObject(detail) && (filled(detail["signature"]) || detail["type"] === "reasoning.encrypted")
    )
  )
}
