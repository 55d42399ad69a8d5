/**
 * Messages that end in the part of an answer that was shown.
 */
import type { ContinuationAsked } from "../Continuation.ts"
import { isObject } from "../Json.ts"
import type { Message } from "./CrossedMessages.ts"

const isText = (block: unknown): block is { readonly type: "text"; readonly text: string } =>
  isObject(block) && block["type"] === "text" && typeof block["text"] === "string"

const joined = (content: unknown, partial: string): unknown => {
  if (typeof content === "string") return content + partial
  const blocks = Array.isArray(content) ? (content as ReadonlyArray<unknown>) : []
  const last = blocks.at(-1)
  return isText(last)
    ? [...blocks.slice(0, -1), { ...last, text: last.text + partial }]
    : [...blocks, { type: "text", text: partial }]
}

/** The partial stands behind what the assistant has already said in the request itself. */
const withPartial = (messages: ReadonlyArray<Message>, partial: string): ReadonlyArray<Message> => {
  const last = messages.at(-1)
  return last?.role === "assistant"
    ? [...messages.slice(0, -1), { ...last, content: joined(last.content, partial) }]
    : [...messages, { role: "assistant", content: partial }]
}

const withPrompt = (messages: ReadonlyArray<Message>, prompt: string): ReadonlyArray<Message> => {
  const last = messages.at(-1)
  if (last?.role !== "user") return [...messages, { role: "user", content: prompt }]
  const before = typeof last.content === "string" ? [{ type: "text", text: last.content }] : last.content
  const blocks = Array.isArray(before) ? (before as ReadonlyArray<unknown>) : []
  return [...messages.slice(0, -1), { ...last, content: [...blocks, { type: "text", text: prompt }] }]
}

/** Messages, and the white space at their end that is not sent. */
export interface Trimmed {
  readonly messages: ReadonlyArray<Message>
  readonly trimmed: string
}

/**
 * The last text of the assistant's without white space at its end, which Anthropic refuses there. A text that was nothing
 * else is left out.
 */
export const trimEnd = (messages: ReadonlyArray<Message>): Trimmed => {
  const last = messages.at(-1)
  const whole: Trimmed = { messages, trimmed: "" }
  if (last?.role !== "assistant") return whole
  const { content } = last
  const blocks = Array.isArray(content) ? (content as ReadonlyArray<unknown>) : []
  const block = blocks.at(-1)
  const text = typeof content === "string" ? content : isText(block) ? block.text : undefined
  const kept = text?.trimEnd()
  if (text === undefined || kept === undefined || kept.length === text.length) return whole
  const rest = typeof content === "string" ? [] : blocks.slice(0, -1)
  const trimmed = text.slice(kept.length)
  const before = messages.slice(0, -1)
  if (kept === "" && rest.length === 0) return { messages: before, trimmed }
  if (typeof content === "string") return { messages: [...before, { ...last, content: kept }], trimmed }
  return {
    messages: [...before, { ...last, content: kept === "" ? rest : [...rest, { ...(block as object), text: kept }] }],
    trimmed
  }
}

/** The messages of a continuation. What nothing was shown of is asked anew. */
export const continued = (messages: ReadonlyArray<Message>, continuation: ContinuationAsked): Trimmed => {
  const { partial } = continuation
  if (partial === "") return { messages, trimmed: "" }
  switch (continuation.mode) {
    case "prefill":
    // It gives no tokens: what is asked to go on from one goes on from the text.
    case "token":
      return trimEnd(withPartial(messages, partial))
    case "message": {
      const prompt = continuation.prompt.replaceAll("{partial}", () => partial)
      const shown = partial.trim() === "" ? messages : withPartial(messages, partial)
      return { messages: withPrompt(shown, prompt), trimmed: "" }
    }
  }
}
