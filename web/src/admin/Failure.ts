/**
 * Why the relay did not do what it was asked. Values, never thrown.
 */
import { fieldsOf, listOf, numberOf, textOf } from "./Decode.ts"

/** One field of what was sent, and what is wrong with it. */
export interface Detail {
  readonly field: string
  readonly message: string
  readonly code: string | undefined
}

/** What went wrong. */
export type Failure =
  /** The relay said no, in its own words. */
  | {
      readonly _tag: "Refused"
      readonly status: number
      readonly code: string
      readonly message: string
      readonly details: ReadonlyArray<Detail>
      readonly method: string
      readonly path: string
      readonly requestId: string | undefined
    }
  /** There was no answer. */
  | { readonly _tag: "Unreachable"; readonly method: string; readonly path: string; readonly message: string }
  /** It was not asked for: something was missing. */
  | { readonly _tag: "NotSent"; readonly message: string }
  /** Nobody waits for it any more. */
  | { readonly _tag: "Aborted" }

/** What came of a call. */
export type Result<A> =
  | { readonly _tag: "Ok"; readonly value: A }
  | { readonly _tag: "Failed"; readonly failure: Failure }

/** It went well. */
export const ok = <A>(value: A): Result<A> => ({ _tag: "Ok", value })

/** It did not. */
export const failed = (failure: Failure): Result<never> => ({ _tag: "Failed", failure })

/** The relay's own words in the body of a refusal; of a body that is none of its, what can be said. */
export const refusalOf = (
  status: number,
  body: unknown,
  asked: { readonly method: string; readonly path: string; readonly requestId: string | undefined }
): Failure => {
  const error = fieldsOf(fieldsOf(body)["error"])
  return {
    _tag: "Refused",
    status,
    code: textOf(error["reason"]) ?? textOf(error["code"]) ?? `http_${status}`,
    message: textOf(error["message"]) ?? "no reason was given",
    details: listOf(error["details"], (item) => {
      const detail = fieldsOf(item)
      return {
        field: textOf(detail["field"]) ?? "",
        message: textOf(detail["message"]) ?? "is not right",
        code: textOf(detail["code"])
      }
    }),
    method: textOf(error["method"]) ?? asked.method,
    path: textOf(error["path"]) ?? asked.path,
    requestId: textOf(error["requestId"]) ?? asked.requestId
  }
}

/** Its status, if the relay gave one. */
export const statusOf = (failure: Failure): number | undefined =>
  failure._tag === "Refused" ? numberOf(failure.status) : undefined

/** Whether the relay has no such part: nothing at this path, or nothing that may be read. */
export const isAbsent = (failure: Failure): boolean =>
  failure._tag === "Refused" && (failure.status === 404 || (failure.status === 405 && failure.method === "GET"))

/** It in one line. */
export const inOneLine = (failure: Failure): string => {
  switch (failure._tag) {
    case "Refused":
      return `${failure.message} (${failure.status} ${failure.code})`
    case "Unreachable":
      return `The relay did not answer: ${failure.message}`
    case "NotSent":
      return failure.message
    case "Aborted":
      return "Stopped"
  }
}
