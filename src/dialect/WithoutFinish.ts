/**
 * A step without its finish: of an answer whose end is told apart from the content that came with it.
 */
import type { Delta } from "./Event.ts"
import { isObject } from "./Json.ts"

const each = (list: unknown, change: (one: { [field: string]: unknown }) => void): void => {
  for (const one of Array.isArray(list) ? (list as ReadonlyArray<unknown>) : []) if (isObject(one)) change(one)
}

/**
 * The step without its finish. The upstream's own event is changed in place; OpenAI's and Gemini's have their finish beside
 * content.
 */
export const withoutFinish = (delta: Delta): Delta => {
  if (delta.finish === undefined) return delta
  if (delta.from === "openai") each(delta.raw.choices, (choice) => (choice["finish_reason"] = null))
  if (delta.from === "gemini") {
    each(delta.raw.candidates, (candidate) => {
      delete candidate["finishReason"]
      delete candidate["finishMessage"]
    })
  }
  return { ...delta, finish: undefined }
}
