/**
 * The models that can be asked for, as clients of OpenAI's read them, whichever of its formats they speak.
 */
import type { ModelsAbout } from "./Dialect.ts"
import type { JsonObject } from "./Json.ts"

/** One model. */
export const openaiModel = (id: string, { createdAt, owner }: ModelsAbout): JsonObject => ({
  id,
  object: "model",
  created: Math.floor(createdAt / 1000),
  owned_by: owner
})

/** All of them. */
export const openaiModels = (names: ReadonlyArray<string>, about: ModelsAbout): JsonObject => ({
  object: "list",
  data: names.map((name) => openaiModel(name, about))
})
