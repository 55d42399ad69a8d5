/**
 * Which answer a failure gets in somebody's own API, whatever failed. Errors of Effect's own modules are known by their
 * tags and shapes, as in `errors/EffectBlame.ts`: most are marked unstable, and nobody should load one to be told of it.
 */
import type * as SchemaIssue from "effect/SchemaIssue"
import {
  AccessDenied,
  BadRequestBody,
  coarseCode,
  Conflict,
  type Detail,
  HeadersTooLarge,
  InternalError,
  InvalidRequest,
  isResilienceError,
  NotFound,
  PayloadTooLarge,
  RateLimited,
  RequestTimeout,
  stackless,
  Unauthorized,
  UnsupportedMediaType,
  ValidationFailed
} from "../errors/index.ts"
import { ApiError, isApiErrorCode } from "./ApiError.ts"
import { detailsOf } from "./FieldFaults.ts"
import type { AnswerableError } from "./Told.ts"

/** Which part of a request a schema has refused: `unknown` where whoever decoded does not say. */
export type Slot = "body" | "params" | "query" | "headers" | "answer" | "unknown"

/** What failed. */
export type Failure =
  | { readonly _tag: "Known"; readonly error: AnswerableError }
  /** No route has this path. */
  | { readonly _tag: "NoRoute" }
  /** An input is not what its schema says. */
  | { readonly _tag: "Refused"; readonly slot: Slot; readonly issue: SchemaIssue.Issue }
  /** A defect, or an error that nobody has said anything about. */
  | { readonly _tag: "Unknown" }

interface Shape {
  readonly [field: string]: unknown
}

const shapeOf = (value: unknown): Shape | undefined =>
  typeof value === "object" && value !== null ? (value as Shape) : undefined

const slots: { readonly [kind: string]: Slot } = {
  Params: "params",
  Headers: "headers",
  Query: "query",
  Payload: "body",
  Body: "answer",
  ResponseHeaders: "answer"
}

const known = (error: AnswerableError): Failure => ({ _tag: "Known", error })

const ofServer = (reason: Shape | undefined): Failure => {
  switch (reason?.["_tag"]) {
    case "RouteNotFound":
      return { _tag: "NoRoute" }
    case "RequestParseError":
      return known(
        reason["reason"] === "BodyTooLarge"
          ? stackless(() => new PayloadTooLarge({}))
          : stackless(() => new BadRequestBody({}))
      )
    default:
      return { _tag: "Unknown" }
  }
}

/** What an error says, be it a failure or a defect. */
export const failureOf = (thrown: unknown): Failure => {
  if (isResilienceError(thrown) || thrown instanceof ApiError) return known(thrown)
  const shape = shapeOf(thrown)
  switch (shape?.["_tag"]) {
    case "HttpServerError":
      return ofServer(shapeOf(shape["reason"]))
    case "HttpApiSchemaError": {
      const issue = shapeOf(shape["cause"])?.["issue"]
      return { _tag: "Refused", slot: slots[String(shape["kind"])] ?? "unknown", issue: issue as SchemaIssue.Issue }
    }
    case "SchemaError":
      return { _tag: "Refused", slot: "unknown", issue: shape["issue"] as SchemaIssue.Issue }
    case "HttpApiPayloadTooLarge":
      return known(stackless(() => new PayloadTooLarge({})))
    case "MultipartError":
      return known(stackless(() => new BadRequestBody({})))
    case "NoSuchElementError":
      return known(stackless(() => new NotFound({})))
  }
  const status = statusOf(shape)
  return status === undefined ? { _tag: "Unknown" } : known(errorOfStatus(status))
}

// Its own, not that of an answer that it holds: what somebody else's API said is no answer of this one.
const statusOf = (shape: Shape | undefined): number | undefined => {
  const status = shape?.["status"] ?? shape?.["statusCode"]
  return typeof status === "number" && Number.isInteger(status) && status >= 400 && status <= 599 ? status : undefined
}

const byStatus: { readonly [status: number]: new (fields: object) => AnswerableError } = {
  400: InvalidRequest,
  401: Unauthorized,
  403: AccessDenied,
  404: NotFound,
  408: RequestTimeout,
  409: Conflict,
  413: PayloadTooLarge,
  415: UnsupportedMediaType,
  422: ValidationFailed,
  429: RateLimited,
  431: HeadersTooLarge,
  500: InternalError
}

/** The error of a status that was answered without a word. */
export const errorOfStatus = (status: number): AnswerableError => {
  const Class = byStatus[status]
  if (Class !== undefined) return stackless(() => new Class({}))
  const code = coarseCode(status)
  return stackless(() =>
    ApiError.make({
      code: isApiErrorCode(code) ? code : "INTERNAL_ERROR",
      message: `The request failed with status ${status}.`,
      statusCode: status
    })
  )
}

const isMalformed = (slot: Slot, issue: SchemaIssue.Issue): boolean =>
  slot === "body" && issue._tag === "InvalidValue" && issue.annotations?.message === "Expected a valid JSON body"

const summary = (details: ReadonlyArray<Detail>): string =>
  details.length === 1 ? "1 field is not valid." : `${details.length} fields are not valid.`

/**
 * The error of an input that its schema has refused. `issue` is what is told, `slot` where it stood. A parameter of the
 * path that cannot be is a path under which nothing is; an answer that is not as its schema says is a bug.
 */
export const errorOfIssue = (slot: Slot, issue: SchemaIssue.Issue): AnswerableError => {
  if (slot === "answer") return stackless(() => new InternalError({}))
  if (isMalformed(slot, issue)) return stackless(() => new BadRequestBody({}))
  const details = detailsOf(issue)
  if (slot === "params") return stackless(() => new NotFound({ details }))
  return stackless(() => new ValidationFailed({ message: summary(details), details }))
}
