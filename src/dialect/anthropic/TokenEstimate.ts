/**
 * About how many tokens a request is, where no upstream says it.
 */
import { isObject, type JsonObject } from "../Json.ts"
import { tokenQuarters } from "../Usage.ts"

/** What an image costs at its largest: about 1.15 megapixels, at 750 pixels a token. */
const imageTokens = 1568

/** A page of a PDF is some 80 kB, and some 2,000 tokens, since it is read as text and as an image. */
const bytesPerPdfToken = 40

const quartersOfDocument = (source: unknown): number => {
  const { data, type } = isObject(source) ? source : {}
  if (typeof data !== "string") return 0
  // What is base64 is no text: its length says nothing of its tokens.
  return type === "text" ? tokenQuarters(data) : 4 * Math.ceil((data.length * 0.75) / bytesPerPdfToken)
}

const quartersOfBlock = (block: unknown): number => {
  if (!isObject(block)) return 0
  const { content, input, name, source, text, thinking, type } = block
  switch (type) {
    case "text":
      return quartersOf(text)
    case "thinking":
      return quartersOf(thinking)
    case "redacted_thinking":
      return 0
    case "image":
      return imageTokens * 4
    case "document":
      return quartersOfDocument(source)
    case "tool_use":
      return tokenQuarters(`${String(name)}${JSON.stringify(input)}`)
    case "tool_result":
      return quartersOf(content)
    default:
      return tokenQuarters(JSON.stringify(block))
  }
}

/** Four times the tokens of a text, or of a list of blocks. */
const quartersOf = (content: unknown): number => {
  if (typeof content === "string") return tokenQuarters(content)
  const blocks = Array.isArray(content) ? (content as ReadonlyArray<unknown>) : []
  return blocks.reduce<number>((sum, block) => sum + quartersOfBlock(block), 0)
}

/** How many tokens the system text, the tools and the messages are, about. */
export const messageTokens = ({ messages, system, tools }: JsonObject): number => {
  const said = (messages as ReadonlyArray<JsonObject>).reduce((sum, { content }) => sum + quartersOf(content), 0)
  const brought = Array.isArray(tools) ? tokenQuarters(JSON.stringify(tools)) : 0
  return Math.ceil((quartersOf(system) + brought + said) / 4)
}
