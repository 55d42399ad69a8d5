/**
 * The contents of a Gemini client, for a Gemini channel: as they are, but for what the relay has put into them.
 */
import { isObject, type JsonObject } from "../Json.ts"
import type { Content } from "./CrossedContents.ts"
import { isForeign, readThoughtSignature, unsignedCall } from "./Signed.ts"
import { fieldOf, isGiven, textIn } from "./Spelling.ts"

const signatureIn = (part: unknown): string => (isObject(part) ? textIn(part, "thoughtSignature") : "")

const isMarked = (part: unknown): boolean => isForeign(signatureIn(part))

const unsigned = (part: JsonObject): JsonObject => {
  const { thoughtSignature: _, thought_signature: _same, ...rest } = part
  return rest
}

// Thoughts of another vendor's are refused by Gemini; calls and texts of its are told without its word.
const believable = (part: unknown): ReadonlyArray<unknown> => {
  if (!isObject(part) || !isMarked(part)) return [part]
  const signed = readThoughtSignature(signatureIn(part))
  const own = signed?.by === "gemini" && signed.value !== "" ? signed.value : undefined
  const rest = unsigned(part)
  if (own !== undefined) return [{ ...rest, thoughtSignature: own }]
  if (isGiven(fieldOf(rest, "functionCall"))) return [{ ...rest, thoughtSignature: unsignedCall }]
  return part["thought"] === true || rest["text"] === "" ? [] : [rest]
}

/**
 * Leaves out the thoughts that the relay marked as another's. The rest, and any conversation without such thoughts, is
 * passed as it is.
 */
export const ownContents = (contents: unknown): ReadonlyArray<Content> => {
  const list = contents as ReadonlyArray<Content>
  const hasMarks = (content: Content): boolean => Array.isArray(content.parts) && content.parts.some(isMarked)
  if (!list.some(hasMarks)) return list
  return list.flatMap((content) => {
    if (!hasMarks(content)) return [content]
    const parts = content.parts.flatMap(believable)
    return parts.length === 0 ? [] : [{ ...content, parts }]
  })
}
