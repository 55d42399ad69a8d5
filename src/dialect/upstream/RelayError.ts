/**
 * The errors of a relay, as another one reads them: what an error carries stands elsewhere in each dialect.
 */
import type { ResilienceError } from "../../errors/index.ts"
import { carriedIn } from "../../http/index.ts"
import { isObject, type JsonObject, parseJson } from "../Json.ts"

const jsonIn = (value: unknown): unknown => (typeof value === "string" ? parseJson(value) : undefined)

/** Gemini's `ErrorInfo`: its values are texts. */
const inInfo = (error: JsonObject): ReadonlyArray<JsonObject> =>
  (Array.isArray(error["details"]) ? (error["details"] as ReadonlyArray<unknown>) : [])
    .filter(isObject)
    .map(({ metadata, reason }) => {
      const { biz, fault } = isObject(metadata) ? metadata : {}
      return { code: reason, message: error["message"], biz: jsonIn(biz), fault: jsonIn(fault) }
    })

const inError = (error: JsonObject): ReadonlyArray<JsonObject> => {
  const { details } = error
  // Anthropic's.
  const detailed = isObject(details) ? [{ ...details, code: details["error_code"], message: error["message"] }] : []
  return [error, ...detailed, ...inInfo(error)]
}

/**
 * What a relay has told of an answer of its own that failed, in whatever dialect: a stream that was cancelled there, a
 * refusal of a service's own, an application exception, a stream fault. `undefined` for all else, which is read as any
 * upstream's. `told`: an event's data, or a body.
 */
export const relayErrorIn = (told: string): ResilienceError | undefined => {
  const parsed = parseJson(told)
  const body = Array.isArray(parsed) ? (parsed as ReadonlyArray<unknown>).at(-1) : parsed
  if (!isObject(body)) return undefined
  const { error, response } = body
  const errors = [error, isObject(response) ? response["error"] : undefined, body].filter(isObject)
  for (const place of errors.flatMap(inError)) {
    const found = carriedIn(place)
    if (found !== undefined) return found
  }
  return undefined
}
