/**
 * Models: as Gemini's clients are told of them, and how they go on.
 */
import type { ContinuationMode } from "../Continuation.ts"
import type { ModelsAbout } from "../Dialect.ts"
import type { JsonObject } from "../Json.ts"

/** One model. Of its limits nothing is known. */
export const geminiModel = (name: string, _about: ModelsAbout): JsonObject => ({
  name: `models/${name}`,
  version: "",
  displayName: name,
  supportedGenerationMethods: ["generateContent", "countTokens"]
})

/** The list of models: one page. */
export const geminiModels = (names: ReadonlyArray<string>, about: ModelsAbout): JsonObject => ({
  models: names.map((name) => geminiModel(name, about))
})

/** The first number of a Gemini's version: 3 of `gemini-3-pro-preview`. `undefined` for others. */
export const generationOf = (model: string): number | undefined => {
  const found = /gemini-(?:[a-z]+-)?(\d{1,2})(?!\d)/i.exec(model)
  return found === null ? undefined : Number(found[1])
}

/** How a model may go on. A token is the model's to give: who gives none is asked otherwise. */
export const geminiContinuations = (): ReadonlyArray<ContinuationMode> => ["token", "prefill", "message"]
