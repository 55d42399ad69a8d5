/**
 * Reads an error back from the envelope that it came in.
 */
import { coarseCode, codes, type Code, type Detail, members, type ResilienceError, tagOf } from "../errors/index.ts"
import { ApiError, isApiErrorCode } from "./ApiError.ts"
import type { AnswerableError } from "./Told.ts"

interface Shape {
  readonly [field: string]: unknown
}

const shapeOf = (value: unknown): Shape | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Shape) : undefined

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

const detailsIn = (value: unknown): ReadonlyArray<Detail> | undefined => {
  if (!Array.isArray(value)) return undefined
  const details = value.flatMap((one) => {
    const { code, field, message } = shapeOf(one) ?? {}
    return typeof field === "string" && typeof message === "string" && typeof code === "string"
      ? [{ field, message, code }]
      : []
  })
  return details.length === 0 ? undefined : details
}

/** Codes whose errors know more than an envelope says: they come back as an `ApiError` with the code as its reason. */
const lost: ReadonlySet<Code> = new Set([
  "biz_error",
  "channel:response_time_exceeded",
  "stream_fault",
  "stream_cancelled",
  "application_exception",
  "retries_exhausted"
])

const classes: ReadonlyMap<string, new (fields: object) => ResilienceError> = new Map(
  codes.flatMap((code) => {
    const Class = members.find(({ identifier }) => identifier === tagOf(code))
    return Class === undefined || lost.has(code)
      ? []
      : [[code, Class as unknown as new (fields: object) => ResilienceError]]
  })
)

/**
 * The error that an answer tells, in the standard body or as `application/problem+json`; `undefined` where it tells none.
 * An error of the catalogue comes back as its own class, any other as an `ApiError`. What it says is what was shown: its
 * message, its details, its hint.
 *
 * ```ts import.meta.vitest
 * import { Conflict } from "effect-resilience/errors"
 * import { envelopedError, standardBody } from "effect-resilience/http"
 *
 * const request = { requestId: "req_1", method: "POST", path: "/users", now: 0 }
 * const body = standardBody(new Conflict({ message: "taken" }), request)
 *
 * envelopedError(409, body) instanceof Conflict // => true
 * envelopedError(409, { message: "who knows" }) // => undefined
 * ```
 */
export const envelopedError = (
  status: number,
  body: unknown,
  retryAfterMillis?: number
): AnswerableError | undefined => {
  const outer = shapeOf(body)
  const told = shapeOf(outer?.["error"]) ?? outer
  const code = textOf(told?.["code"])
  const reason = textOf(told?.["reason"])
  const message = textOf(told?.["message"]) ?? textOf(told?.["detail"])
  if (told === undefined || code === undefined || reason === undefined || message === undefined) return undefined
  const details = detailsIn(told["details"])
  const said = {
    message,
    ...(details === undefined ? {} : { details }),
    ...(retryAfterMillis === undefined ? {} : { retryAfterMillis })
  }
  const Class = classes.get(reason)
  if (Class !== undefined) return new Class(said)
  const coarse = isApiErrorCode(code) ? code : coarseCode(status)
  return ApiError.make({
    ...said,
    code: isApiErrorCode(coarse) ? coarse : "INTERNAL_ERROR",
    reason,
    statusCode: status
  })
}
