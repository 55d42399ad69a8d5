/**
 * Stream faults after Kitex's TTHeader streaming: a numeric code from 12001 to 12015, the side that reports it, and the
 * path of services that a cancellation has come along. They say how a stream ended, whoever ended it.
 *
 * Source: the code table and the printed form of `cloudwego/kitex`, `pkg/remote/trans/ttstream`.
 */

/** Every stream fault's code and message. */
export const streamFaultMessages = {
  12001: "application exception",
  12002: "unexpected header frame",
  12003: "illegal bizErr",
  12004: "illegal frame",
  12005: "illegal operation",
  12006: "transport is closing",
  12007:
    "user code invoking stream RPC with context processed by context.WithCancel or context.WithTimeout, then invoking cancel() actively",
  12008: "user code canceled with cancelCause(error)",
  12009: "canceled by downstream",
  12010: "canceled by upstream",
  12011: "internal canceled",
  12012: "canceled by business handler returning",
  12013: "canceled by connection closed",
  12014: "stream Recv timeout",
  12015: "stream timeout"
} as const

/** The code of a stream fault that this table knows. Services may send codes of their own. */
export type StreamFaultCode = keyof typeof streamFaultMessages

/** A stream fault as it is sent. */
export interface StreamFaultData {
  /** One of the table's, or a service's own. */
  readonly code: number
  readonly side: "client" | "server"
  /** The services that the cancellation went through, first the one that cancelled. */
  readonly path: ReadonlyArray<string>
  readonly message: string
}

/** What kind of fault a code is: Kitex's parents of `errors.Is`. A code of a service's own, and 12001, are `application`. */
export type StreamFaultKind = "application" | "protocol" | "cancelled" | "timeout"

/** The kind of a stream fault. */
export const streamFaultKind = (code: number): StreamFaultKind =>
  code >= 12002 && code <= 12006
    ? "protocol"
    : code >= 12007 && code <= 12013
      ? "cancelled"
      : code === 12014 || code === 12015
        ? "timeout"
        : "application"

/** Makes a stream fault. The message defaults to the code's. */
export const streamFault = (options: {
  readonly code: number
  readonly side: "client" | "server"
  readonly path?: ReadonlyArray<string> | undefined
  readonly message?: string | undefined
}): StreamFaultData => ({
  code: options.code,
  side: options.side,
  path: options.path ?? [],
  message:
    options.message ?? (streamFaultMessages as { readonly [code: number]: string })[options.code] ?? "stream fault"
})

/**
 * The fault as the next service on the line sees it: the same code and message, the side turned round, and this
 * service's name at the end of the path.
 */
export const forwardStreamFault = (fault: StreamFaultData, service: string): StreamFaultData => ({
  ...fault,
  side: fault.side === "client" ? "server" : "client",
  path: [...fault.path, service]
})

/** The printed form: `[ttstream error, code=12007] [server-side stream] [canceled path: A -> B] <message>`. */
export const printStreamFault = (fault: StreamFaultData): string =>
  `[ttstream error, code=${fault.code}] [${fault.side}-side stream] ` +
  (fault.path.length === 0 ? "" : `[canceled path: ${fault.path.join(" -> ")}] `) +
  fault.message

const printed =
  /^\[ttstream error, code=(-?\d+)\] \[(client|server)-side stream\] (?:\[canceled path: (.*?)\] )?([\s\S]*)$/

/** Reads the printed form back, or gives `undefined`. */
export const parseStreamFault = (text: string): StreamFaultData | undefined => {
  const found = printed.exec(text)
  if (found === null) return undefined
  const [, code, side, path, message] = found
  return {
    code: Number(code),
    side: side as "client" | "server",
    path: path === undefined ? [] : path.split(" -> "),
    message: message ?? ""
  }
}

/**
 * A path as an `x-cancel-path` header: `A,B`. What a header cannot hold of a name, and a comma, becomes a space; a name
 * that is empty then is left out.
 *
 * ```ts import.meta.vitest
 * import { parseCancelPath, printCancelPath } from "effect-resilience/errors"
 *
 * printCancelPath(["web", "relay, east"]) // => "web,relay east"
 * parseCancelPath("web,relay east") // => ["web", "relay east"]
 * ```
 */
export const printCancelPath = (path: ReadonlyArray<string>): string =>
  path
    .map((name) => name.replaceAll(/[^\x21-\x2b\x2d-\x7e]+/g, " ").trim())
    .filter((name) => name.length > 0)
    .join(",")

/** The path of an `x-cancel-path` header (`A,B`); empty names are dropped. */
export const parseCancelPath = (header: string | undefined): ReadonlyArray<string> =>
  header === undefined
    ? []
    : header
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name.length > 0)
