/**
 * What is reserved for a request before anybody is asked: as much as it is likely to cost at most, by what can be seen of
 * it. Pure.
 */
import type { AnswerRequest, Part } from "../dialect/index.ts"
import { costOf, type Price } from "./Prices.ts"

/** Tokens of an answer whose client sets no limit. */
const usualOutput = 1_024
/** Tokens of an image or a file, whatever its size: how vendors count them differs, and their bytes say nothing of it. */
const mediaTokens = 1_000

/** What a prompt is made of. */
interface Prompt {
  /** UTF-8 bytes of its texts. */
  bytes: number
  /** Images and files. */
  media: number
}

const addText = (prompt: Prompt, text: string): void => {
  prompt.bytes += Buffer.byteLength(text)
}

const addParts = (prompt: Prompt, parts: ReadonlyArray<Part>): void => {
  for (const part of parts) {
    switch (part._tag) {
      case "Text":
      case "Refusal":
      case "Reasoning":
        addText(prompt, part.text)
        break
      case "ToolCall":
        addText(prompt, part.name)
        addText(prompt, part.input)
        break
      case "ToolResult":
        addParts(prompt, part.parts)
        break
      case "Image":
      case "File":
        prompt.media++
        break
      default:
        // It gives nothing back, so only this line tells who adds a part.
        part satisfies never
    }
  }
}

/** The texts of an input to embeddings, and four bytes for each token where it comes as tokens. */
const addInput = (prompt: Prompt, input: unknown): void => {
  if (typeof input === "string") addText(prompt, input)
  else if (typeof input === "number") prompt.bytes += 4
  else if (Array.isArray(input)) for (const one of input as ReadonlyArray<unknown>) addInput(prompt, one)
}

/** How many tokens are reserved: of the prompt a quarter of its bytes, of the answer the most that was asked for. */
export const tokensToReserve = (
  request: Pick<AnswerRequest, "asked" | "body" | "choices" | "operation">
): { readonly inputTokens: number; readonly outputTokens: number } => {
  const prompt: Prompt = { bytes: 0, media: 0 }
  if (request.operation === "embed") {
    addInput(prompt, request.body["input"])
    return { inputTokens: Math.ceil(prompt.bytes / 4), outputTokens: 0 }
  }
  const { maxTokens = usualOutput, system, tools, turns } = request.asked()
  addParts(prompt, system)
  for (const { parts } of turns) addParts(prompt, parts)
  for (const { description = "", name, schema } of tools) {
    addText(prompt, name)
    addText(prompt, description)
    addText(prompt, JSON.stringify(schema))
  }
  return {
    inputTokens: Math.ceil(prompt.bytes / 4) + prompt.media * mediaTokens,
    outputTokens: maxTokens * request.choices
  }
}

/** How many credits are reserved for a request. */
export const creditsToReserve = (
  price: Price,
  request: Pick<AnswerRequest, "asked" | "body" | "choices" | "operation">
): number => costOf(price, tokensToReserve(request))
