/**
 * Models: as Anthropic's clients are told of them, and which of them go on from the beginning of their own answer.
 */
import type { ContinuationMode } from "../Continuation.ts"
import type { ModelsAbout } from "../Dialect.ts"
import type { JsonObject } from "../Json.ts"

/** One model. Nothing is known of when it was released. */
export const modelInfo = (id: string, { createdAt }: ModelsAbout): JsonObject => ({
  type: "model",
  id,
  display_name: id,
  created_at: new Date(createdAt).toISOString()
})

/** The list of models: one page. */
export const modelList = (names: ReadonlyArray<string>, about: ModelsAbout): JsonObject => ({
  data: names.map((name) => modelInfo(name, about)),
  has_more: false,
  first_id: names[0] ?? null,
  last_id: names.at(-1) ?? null
})

// `claude-opus-4-6`, also with a dot, a date, or a cloud's prefix; a date behind the first number is no second one.
const versioned = /claude-[a-z]+-(\d{1,2})(?:[-.](\d{1,2})(?!\d))?/i

/**
 * Whether a model is known to refuse the beginning of an answer as its last message: Claude 4.6 and later, and Mythos and
 * Fable of any version. It is what the documentation says ("Prefill not supported"); of others it is tried.
 */
export const refusesPrefill = (model: string): boolean => {
  if (/claude-(mythos|fable)/i.test(model)) return true
  const found = versioned.exec(model)
  if (found === null) return false
  const major = Number(found[1])
  return major > 4 || (major === 4 && Number(found[2] ?? 0) >= 6)
}

/** How a model may go on. */
export const anthropicContinuations = (model: string): ReadonlyArray<ContinuationMode> =>
  refusesPrefill(model) ? ["message"] : ["prefill", "message"]
