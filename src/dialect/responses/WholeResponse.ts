/**
 * The response as a whole: that of the last event of its life.
 */
import type { Payload } from "../Dialect.ts"
import { printJson } from "../ExactNumbers.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"
import { wholeView } from "../WholeView.ts"

const lifecycle: ReadonlySet<string | undefined> = new Set(
  ["created", "queued", "in_progress", "completed", "incomplete", "failed"].map((name) => `response.${name}`)
)

/** The response in an event of ours that tells of its life; `undefined` for any other event. */
export const responseIn = ({ data, event }: Payload): JsonObject | undefined => {
  if (!lifecycle.has(event)) return undefined
  const raw = parseJson(data)
  return isObject(raw) && isObject(raw["response"]) ? raw["response"] : undefined
}

/** A whole response: that of the event in which it ends. */
export const wholeResponse = wholeView(() => {
  let last: Payload | undefined
  return {
    push: (payload) => {
      if (lifecycle.has(payload.event)) last = payload
    },
    print: () => {
      const raw = last === undefined ? undefined : parseJson(last.data)
      return isObject(raw) ? printJson(raw["response"] as JsonObject, raw) : ""
    }
  }
})
