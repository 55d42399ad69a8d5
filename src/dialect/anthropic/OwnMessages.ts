/**
 * The messages of an Anthropic client, for an Anthropic channel: as they are, but for what the relay has put into them.
 */
import { isObject, type JsonObject } from "../Json.ts"
import { readSigned } from "../Signature.ts"
import type { Message } from "./CrossedMessages.ts"

/** The field of a block that is signed or sealed, and may be marked. */
const signedField = (block: unknown): "signature" | "data" | undefined => {
  if (!isObject(block)) return undefined
  const field = block["type"] === "thinking" ? "signature" : block["type"] === "redacted_thinking" ? "data" : undefined
  return field !== undefined && typeof block[field] === "string" && block[field].startsWith("er1.") ? field : undefined
}

// Reasoning of another vendor's, and reasoning that was cut before it was signed, is refused by Anthropic.
const believable = (block: unknown): ReadonlyArray<unknown> => {
  const field = signedField(block)
  if (field === undefined) return [block]
  const signed = readSigned((block as JsonObject)[field] as string, "anthropic")
  return signed?.by === "anthropic" && signed.value !== "" ? [{ ...(block as object), [field]: signed.value }] : []
}

/**
 * Leaves out the reasoning that the relay marked as another's. The rest, and any conversation without such reasoning, is
 * passed as it is.
 */
export const ownMessages = (messages: unknown): ReadonlyArray<Message> => {
  const list = messages as ReadonlyArray<Message>
  const isMarked = ({ content }: Message): boolean =>
    Array.isArray(content) && content.some((block) => signedField(block) !== undefined)
  if (!list.some(isMarked)) return list
  return list.flatMap((message) => {
    if (!isMarked(message)) return [message]
    const content = (message.content as ReadonlyArray<unknown>).flatMap(believable)
    return content.length === 0 ? [] : [{ ...message, content }]
  })
}
