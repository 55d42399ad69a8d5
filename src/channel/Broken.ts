/**
 * What is said of a connection that broke: where, and why. Never with whom, nor with what key: the messages of Node and
 * undici name hosts, addresses and certificates, so that only the code of an error is told.
 */
import { BulkheadFull, DoRequestFailed, stackless } from "../errors/index.ts"

/** Where a call stands: what its failure is said to have happened during. */
export type Phase = "connecting" | "waiting for the answer" | "reading the answer"

/** The proxy failed, not the upstream. The message is for people, and names nobody. */
export class ProxyFailed extends Error {
  /** What its connection said, where that is what failed. */
  readonly code: unknown
  constructor(message: string, code?: unknown) {
    super(message)
    this.code = code
  }
}

/** A way of failing that has no error of its own; `code` is one of `reasons`. */
export class Unmade extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

const reasons: { readonly [code: string]: string } = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  ETIMEDOUT: "the connection timed out",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ENOTFOUND: "the host has no address",
  EAI_AGAIN: "the host's address could not be looked up",
  HPE_HEADER_OVERFLOW: "the answer's headers are too large",
  ERR_INVALID_URL: "the address is not a URL",
  ERR_INVALID_PROTOCOL: "the address has an unknown protocol",
  ERR_INVALID_CHAR: "a header has characters that are not allowed",
  ERR_INVALID_HTTP_TOKEN: "a header has a name that is not allowed"
}

/** What there is too little of here, and not where the connection was to go. */
const scarce: { readonly [code: string]: string } = {
  EMFILE: "this process may open no more files",
  ENFILE: "this machine may open no more files",
  ENOBUFS: "this machine has no room for another connection",
  ENOMEM: "this machine has no memory for another connection"
}

/** What undici says, where that is not Node's own word. */
const undiciReasons: { readonly [code: string]: string } = {
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the answer is not as long as it says",
  UND_ERR_HEADERS_OVERFLOW: reasons.HPE_HEADER_OVERFLOW!,
  UND_ERR_NOT_SUPPORTED: reasons.ERR_INVALID_HTTP_TOKEN!,
  UND_ERR_DESTROYED: "the connections are closed"
}

const ownCodeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | undefined)?.code

/** Whether the other side closed the connection before its time, and in order. */
export const isClosed = (error: unknown): boolean => ownCodeOf(error) === "UND_ERR_SOCKET"

// Node says that so.
const codeOf = (error: unknown): unknown => (isClosed(error) ? "ECONNRESET" : ownCodeOf(error))

/** The words of undici's parser are its own: they quote nothing of an answer. */
const notHttp = /^Response does not match the HTTP\/1\.1 protocol \(([^()]+)\)$/

const reasonOfUndici = (code: unknown, { message, name }: Error): string | undefined => {
  if (name === "HTTPParserError") return `the answer is not HTTP (${notHttp.exec(message)?.[1] ?? "no reason given"})`
  // Its message names the header, and never tells the value.
  if (code === "UND_ERR_INVALID_ARG") {
    const of = message === "invalid header key" ? "ERR_INVALID_HTTP_TOKEN" : "ERR_INVALID_CHAR"
    return `${reasons[of]} (${of})`
  }
  const known = typeof code === "string" ? undiciReasons[code] : undefined
  return known === undefined ? undefined : `${known} (${code})`
}

/** Why, in words for people. */
export const reasonOf = (error: unknown): string => {
  const code = codeOf(error)
  if (error instanceof ProxyFailed) {
    return code === undefined ? error.message : `${error.message}: ${reasonOf({ code })}`
  }
  const ofUndici = error instanceof Error ? reasonOfUndici(code, error) : undefined
  if (ofUndici !== undefined) return ofUndici
  if (typeof code !== "string") return "the connection broke"
  const known = reasons[code] ?? scarce[code]
  if (known !== undefined) return `${known} (${code})`
  if (code.startsWith("HPE_")) return `the answer is not HTTP (${code})`
  if (/^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|EPROTO|HOSTNAME_MISMATCH)/.test(code)) {
    return `no secure connection could be made (${code})`
  }
  return `the connection broke (${code})`
}

/** The error of a call, of what is known of it. */
export const broken = (reason: string, phase: Phase): DoRequestFailed =>
  stackless(() => new DoRequestFailed({ message: `${reason} while ${phase}` }))

/** The error of a call. A connection that is not made for want of something here is no fault of whom it was to go to. */
export const errorOf = (error: unknown, phase: Phase): BulkheadFull | DoRequestFailed => {
  const code = codeOf(error)
  if (phase !== "connecting" || typeof code !== "string" || scarce[code] === undefined) {
    return broken(reasonOf(error), phase)
  }
  return stackless(() => new BulkheadFull({ message: `no connection could be made: ${reasonOf({ code })}` }))
}

/** Whether a kept socket that failed so, and has answered nothing, was dead before it was asked. */
export const isStale = (error: unknown): boolean => {
  const code = codeOf(error)
  return code === "ECONNRESET" || code === "EPIPE"
}
