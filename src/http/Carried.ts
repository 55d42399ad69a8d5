/**
 * What an error carries for who reads it, beside its code: a service's own refusal as `biz`, a stream fault and an
 * application exception as `fault`. It is written into events and bodies of errors, and read out of them again.
 */
import {
  ApplicationException,
  BizError,
  excerpt,
  fewNames,
  redactText,
  type ResilienceError,
  stackless,
  StreamCancelled,
  type StreamFaultCode,
  type StreamFaultData,
  StreamFault,
  streamFault,
  streamFaultMessages,
  streamFaultOf
} from "../errors/index.ts"
import { publicMessage } from "./PublicMessage.ts"

/** A refusal of a service's own: its code, which is no HTTP status, and what it says beside. */
export interface BizStatus {
  readonly code: number
  readonly message: string
  readonly extra: { readonly [name: string]: string }
}

/** A stream fault as an error carries it; with `typeId` it is an application exception. */
export interface CarriedFault extends StreamFaultData {
  readonly typeId?: number
}

/** What an error carries for who reads it, beside its code. */
export interface Carried {
  readonly biz?: BizStatus
  readonly fault?: CarriedFault
}

const nothing: Carried = {}

/** The longest message that is carried, in UTF-16 units. */
const longest = 2048

/** A text that was written for its reader, without what looks like a secret. */
export const shownText = (text: string): string => excerpt(redactText(excerpt(text, 4 * longest)), longest)

/**
 * What an error carries. The message of an application exception is the one that was written for its reader, redacted,
 * while the error's own is the catalogue's.
 *
 * ```ts import.meta.vitest
 * import { BizError } from "effect-resilience/errors"
 * import { carriedBy } from "effect-resilience/http"
 *
 * carriedBy(new BizError({ status: 10001, message: "insufficient user balance", extra: { user: "42" } }))
 * // => { biz: { code: 10001, message: "insufficient user balance", extra: { user: "42" } } }
 * ```
 */
export const carriedBy = (error: ResilienceError): Carried => {
  if (error._tag === "BizError") {
    return { biz: { code: error.status, message: publicMessage(error), extra: error.extra ?? {} } }
  }
  const fault = streamFaultOf(error)
  if (fault === undefined) return nothing
  return error._tag === "ApplicationException"
    ? { fault: { ...fault, message: shownText(fault.message), typeId: error.typeId } }
    : { fault }
}

type Fields = { readonly [field: string]: unknown }

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value.trim() !== "" ? excerpt(value, longest) : undefined

const integerOf = (value: unknown): number | undefined => (Number.isSafeInteger(value) ? Number(value) : undefined)

const namesOf = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? fewNames(value.filter((name) => typeof name === "string")) : []

const isKnown = (code: number): code is StreamFaultCode => code in streamFaultMessages

const faultIn = (value: unknown): StreamFaultData | undefined => {
  const { code, message, path, side } = fieldsOf(value) ?? {}
  const number = integerOf(code)
  if (number === undefined) return undefined
  return streamFault({
    code: number,
    side: side === "client" ? "client" : "server",
    path: namesOf(path),
    message: textOf(message)
  })
}

const turned = ({ side, ...fault }: StreamFaultData): StreamFaultData => ({
  ...fault,
  side: side === "client" ? "server" : "client"
})

/**
 * The fault of who reads that the stream was cancelled where it is written: 12009, with whatever was said. A code of a
 * service's own says more than that, and stays.
 */
export const cancelledDownstream = (fault: StreamFaultData): StreamFaultData => {
  if (!isKnown(fault.code)) return turned(fault)
  const plain = fault.message === streamFaultMessages[fault.code]
  return streamFault({ code: 12009, side: "client", path: fault.path, message: plain ? undefined : fault.message })
}

const bizIn = (value: unknown, message: string | undefined): ResilienceError => {
  const { code, extra, message: own } = fieldsOf(value) ?? {}
  const said = textOf(own) ?? message
  const extras = Object.entries(fieldsOf(extra) ?? {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string"
  )
  return stackless(
    () =>
      new BizError({
        status: integerOf(code) ?? 0,
        ...(said === undefined ? {} : { message: said }),
        ...(extras.length === 0 ? {} : { extra: Object.fromEntries(extras) })
      })
  )
}

/** Thrift's `INTERNAL_ERROR`: of an application exception that does not say which. */
const internalError = 6

/**
 * Reads the error that an event, or a body, carries: a refusal of a service's own, an application exception, a stream fault,
 * or a stream that was cancelled where it is written, which for its reader is 12009, unless the fault has a code of the
 * service's own. `undefined` for any other error: of that only its message is for its reader.
 *
 * ```ts import.meta.vitest
 * import { carriedIn } from "effect-resilience/http"
 *
 * const error = carriedIn({ code: "biz_error", biz: { code: 10001, message: "insufficient user balance", extra: {} } })
 *
 * error?._tag // => "BizError"
 * error?.message // => "insufficient user balance"
 * carriedIn({ code: "internal_error", message: "Internal error." }) // => undefined
 * ```
 */
export const carriedIn = (told: unknown): ResilienceError | undefined => {
  const { biz, code, fault, message } = fieldsOf(told) ?? {}
  switch (code) {
    case "biz_error":
      return bizIn(biz, textOf(message))
    case "application_exception": {
      const said = textOf(fieldsOf(fault)?.["message"]) ?? textOf(message)
      const typeId = integerOf(fieldsOf(fault)?.["typeId"]) ?? internalError
      return stackless(() => new ApplicationException({ typeId, ...(said === undefined ? {} : { message: said }) }))
    }
    case "stream_fault": {
      const found = faultIn(fault)
      if (found === undefined) return undefined
      return stackless(() => new StreamFault({ fault: turned(found), message: found.message }))
    }
    case "stream_cancelled": {
      const told = faultIn(fault)
      const found = told === undefined ? streamFault({ code: 12009, side: "client" }) : cancelledDownstream(told)
      return stackless(() => new StreamCancelled({ fault: found, message: found.message }))
    }
    default:
      return undefined
  }
}
