/**
 * A step without its finish: of an answer whose end is told apart from the content that came with it.
 */
import type { Delta } from "../Event.ts"
import { isObject } from "../Json.ts"

/**
 * The step without its finish. The upstream's own event is changed in place; only OpenAI's has its finish beside content.
 */
export const withoutFinish = (delta: Delta): Delta => {
  if (delta.finish === undefined) return delta
  if (delta.from !== "openai") return { ...delta, finish: undefined }
  const list = delta.raw.choices
  for (const choice of Array.isArray(list) ? (list as ReadonlyArray<unknown>) : []) {
    if (isObject(choice)) choice["finish_reason"] = null
  }
  return { ...delta, finish: undefined }
}
