/**
 * The deterministic text that scripted upstreams stream, and how far a request has got in it.
 */

/** A message of a chat completion request, as far as upstreams look at it. */
export interface WireMessage {
  readonly role: string
  readonly content: unknown
}

/** Thirty words with punctuation, an emoji of two code units, an umlaut and no repeated phrase. */
export const words: ReadonlyArray<string> =
  "Once upon a time a small relay carried words from a far mountain to the sea; storms broke its ropes, — Übermut 🚀 said nobody — yet every single letter arrived whole and dry."
    .split(" ")
    .map((word, index) => (index === 0 ? word : ` ${word}`))

/** Words joined as a reader assembles them. */
export const textOf = (chunks: ReadonlyArray<string>): string => chunks.join("")

const contentText = (content: unknown): string => {
  if (typeof content === "string") return content
  if (!Array.isArray(content)) return ""
  return content
    .map((part: unknown) =>
      typeof part === "object" && part !== null && "text" in part && typeof part.text === "string" ? part.text : ""
    )
    .join("")
}

/** What a request asks: a new answer, or to go on from a partial one in one of two ways. */
export type Ask =
  | { readonly kind: "new" }
  | { readonly kind: "prefill"; readonly partial: string }
  | { readonly kind: "message"; readonly partial: string }

/** Reads it from the messages: prefill ends with the assistant's part, message with a user's word after it. */
export const askOf = (messages: ReadonlyArray<WireMessage>): Ask => {
  const last = messages.at(-1)
  const before = messages.at(-2)
  if (last?.role === "assistant") return { kind: "prefill", partial: contentText(last.content) }
  if (last?.role === "user" && before?.role === "assistant") {
    return { kind: "message", partial: contentText(before.content) }
  }
  return { kind: "new" }
}
