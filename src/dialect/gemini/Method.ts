/**
 * What a path asks for: `models/{model}:{method}`. The model may have colons of its own; the last one stands before the
 * method.
 */

/** What is asked of a model by this dialect. */
export const geminiMethods = ["generateContent", "streamGenerateContent", "countTokens"] as const

/** What is asked of a model by this dialect. */
export type GeminiMethod = (typeof geminiMethods)[number]

/** Methods of Gemini's that are not relayed, and are told so. */
const notRelayed: ReadonlySet<string> = new Set([
  "embedContent",
  "batchEmbedContents",
  "asyncBatchEmbedContent",
  "batchGenerateContent",
  "predict",
  "predictLongRunning",
  "bidiGenerateContent",
  "generateAnswer",
  "createTunedModel"
])

/** A model and its method, as a path names them. */
export type Named =
  | { readonly _tag: "Known"; readonly model: string; readonly method: GeminiMethod }
  | { readonly _tag: "NotRelayed"; readonly method: string }
  | { readonly _tag: "Unknown" }

/** Reads what stands behind `models/` in a path. */
export const readMethod = (parameter: string): Named => {
  const colon = parameter.lastIndexOf(":")
  const word = parameter.slice(colon + 1)
  if (colon < 0) return { _tag: "Unknown" }
  const method = geminiMethods.find((known) => known === word)
  if (method !== undefined) return { _tag: "Known", model: parameter.slice(0, colon), method }
  return notRelayed.has(word) ? { _tag: "NotRelayed", method: word } : { _tag: "Unknown" }
}
