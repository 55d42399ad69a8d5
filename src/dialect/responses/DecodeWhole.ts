/**
 * A Responses upstream's whole answer, as the events that its stream would have been.
 */
import { EmptyResponse, stackless } from "../../errors/index.ts"
import type { Encoded, HttpAnswer } from "../Dialect.ts"
import type { UpstreamEvent } from "../Event.ts"
import { keepExact } from "../ExactNumbers.ts"
import { deepest, isObject, isTooDeep, parseJson } from "../Json.ts"
import { isErrorBody } from "../upstream/Body.ts"
import { classify, classifyInBand } from "../upstream/Classify.ts"
import { done, failed, faultOf, isResponse, misshapen, responsesDecoder } from "./Decode.ts"
import { responseEvents } from "./WholeEvents.ts"

/** Reads a whole response as events: what its stream would have been, or the one fault that it is. */
export const decodeWholeResponses = (answer: HttpAnswer, encoded: Encoded): ReadonlyArray<UpstreamEvent> => {
  if (answer.status < 200 || answer.status > 299) return [failed(classify(answer).error)]
  if (answer.body.trim() === "") return [failed(stackless(() => new EmptyResponse({})))]
  const body = parseJson(answer.body)
  // The label is a hint: what it is, its bytes say.
  if (body === undefined && /^\s*[[{]/.test(answer.body)) return [misshapen("the upstream's answer is not JSON")]
  if (!isObject(body)) return [failed(classify(answer).error)]
  if (isTooDeep(answer.body, body)) return [misshapen(`the upstream's answer is nested deeper than ${deepest} levels`)]
  if (isResponse(body)) {
    const fault = faultOf(body)
    if (fault !== undefined) return [fault]
  }
  if (isErrorBody(body, true)) return [failed(classifyInBand(body))]
  if (!isResponse(body)) return [failed(classify(answer).error)]
  const decoder = responsesDecoder(encoded)
  const events: Array<UpstreamEvent> = []
  for (const raw of responseEvents(body)) {
    // Numbers that are to be printed as they came are in one of them.
    keepExact(raw, body)
    const event = decoder.read(raw)
    if (event._tag === "Fault") return [event]
    events.push(event)
  }
  events.push(done)
  return events
}
