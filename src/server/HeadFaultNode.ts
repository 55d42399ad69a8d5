/**
 * Requests whose head is wrong: what Node's parser refuses, and what it lets pass and we do not.
 */
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { HeadersTooLarge, InvalidRequest, RequestTimeout, type ResilienceError, stackless } from "../errors/index.ts"
import { makeRequestId } from "../http/index.ts"
import { leanHttp } from "../http/LeanHttpNode.ts"
import type { Refused } from "./Dispatch.ts"
import { endLingering, forget, isLingering } from "./LingeringCloseNode.ts"
import { envelopeAt } from "./Route.ts"

/** What it is of a request whose head could not be read. */
const unread = { header: () => undefined }

/** The largest header block, in bytes. */
const maxHeaderBytes = 64 * 1024

/**
 * Where the parser gives up. A little beyond our own limit, so that what is a little too large can be answered on its
 * route; no more, because nobody has shown a token yet, and a connection keeps what it has sent.
 */
export const maxParsedBytes = maxHeaderBytes + 16 * 1024

/** How long a head may take to come, in milliseconds, and how often that is looked at. */
export const headTimes = { most: 20_000, looked: 5_000 }

/** What must be known to answer it. */
export interface GarbageAbout {
  /** An answer on the same connection has begun and is not over. */
  readonly answering: boolean
  /** Refuses the request in whose body it came, in its own words. */
  readonly refuse: ((fault: ResilienceError) => void) | undefined
  readonly now: number
  readonly told: (refused: Refused) => void
}

/** Answers what never became a request: the parser refused it. */
export const answerGarbage = (
  socket: Socket,
  error: NodeJS.ErrnoException & { readonly rawPacket?: Buffer },
  { answering, now, refuse, told }: GarbageAbout
): void => {
  // The rest of what was refused already.
  if (isLingering(socket) && error.code?.startsWith("HPE_") === true)
    return forget(socket, error.rawPacket?.length ?? 0)
  // In the middle of an answer nothing can be said that would not be taken for a part of it.
  if (!socket.writable || answering || error.code === "ECONNRESET") return void socket.destroy()
  const fault =
    error.code === "HPE_HEADER_OVERFLOW"
      ? new HeadersTooLarge({})
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? new RequestTimeout({})
        : new InvalidRequest({ message: "this is not an HTTP request" })
  // Who stops in the middle of a request has left, most often, and was refused nothing.
  const stopped = error.code === "HPE_INVALID_EOF_STATE"
  if (refuse !== undefined && !stopped) return refuse(fault)
  // Only the first line is known, if that: enough to answer in the words that its sender speaks.
  const [, method = "", path = ""] =
    /^([A-Z]+) (\/[^\s?]*)/.exec(error.rawPacket?.toString("latin1", 0, 2048) ?? "") ?? []
  const requestId = makeRequestId(Math.random)
  if (!stopped) told({ requestId, method, path, error: fault })
  const answer = envelopeAt(path, unread)(fault, { requestId, method, path, now, accept: undefined })
  const headers = Object.entries({
    "x-request-id": requestId,
    ...answer.headers,
    "content-length": String(Buffer.byteLength(answer.body)),
    connection: "close"
  })
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")
  socket.write(`HTTP/1.1 ${answer.status} ${leanHttp.STATUS_CODES[answer.status] ?? ""}\r\n${head}\r\n${answer.body}`)
  // Time to read it; who does not leave then is left, and with it what was asked before on the same connection.
  endLingering(socket)
}

/** What is wrong with a request's head that the parser lets pass: its size, and whom it is for. */
export const headFault = (request: IncomingMessage): ResilienceError | undefined => {
  const { httpVersion, method = "", rawHeaders, url = "" } = request
  let bytes = method.length + url.length + "  HTTP/1.1\r\n\r\n".length
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at++) {
    const text = rawHeaders[at]!
    bytes += text.length + 2
    if (at % 2 === 0 && text.length === 4 && text.toLowerCase() === "host") hosts++
  }
  if (bytes > maxHeaderBytes) return stackless(() => new HeadersTooLarge({}))
  return hosts > 1 || (hosts === 0 && httpVersion === "1.1")
    ? stackless(() => new InvalidRequest({ message: "a request names one host" }))
    : undefined
}
