/**
 * About how many tokens a request is, where no upstream says it.
 */
import { isObject, type JsonObject } from "../Json.ts"
import { tokenQuarters } from "../Usage.ts"
import { fieldOf, listIn, objectIn, textIn } from "./Spelling.ts"

/** An image of up to 384 pixels in both directions, and each tile of a larger one. */
const imageTokens = 258

/** A page of a PDF is some 80 kB, and counts as an image. */
const bytesPerPdfToken = 310

const quartersOfData = (data: JsonObject): number => {
  const mediaType = textIn(data, "mimeType")
  const bytes = textIn(data, "data").length * 0.75
  // What is base64 is no text: its length says nothing of its tokens.
  if (mediaType.startsWith("text/")) return Math.ceil(bytes)
  return 4 * (mediaType === "application/pdf" ? Math.ceil(bytes / bytesPerPdfToken) : imageTokens)
}

const quartersOfPart = (part: unknown): number => {
  if (!isObject(part)) return 0
  if (typeof part["text"] === "string") return tokenQuarters(part["text"])
  const data = objectIn(part, "inlineData")
  if (data !== undefined) return quartersOfData(data)
  const { thoughtSignature: _, thought_signature: _same, ...rest } = part
  return tokenQuarters(JSON.stringify(rest))
}

const quartersOfContent = (content: unknown): number =>
  typeof content === "string"
    ? tokenQuarters(content)
    : (isObject(content) ? listIn(content, "parts") : []).reduce<number>((sum, part) => sum + quartersOfPart(part), 0)

/** How many tokens the system instruction, the tools and the contents are, about. */
export const contentTokens = (body: JsonObject): number => {
  const tools = fieldOf(body, "tools")
  const quarters =
    quartersOfContent(fieldOf(body, "systemInstruction")) +
    (Array.isArray(tools) ? tokenQuarters(JSON.stringify(tools)) : 0) +
    listIn(body, "contents").reduce<number>((sum, content) => sum + quartersOfContent(content), 0)
  return Math.ceil(quarters / 4)
}
