/**
 * Exchanges of `node:http`.
 */
import { Effect, Result } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { PayloadTooLarge, ReadRequestBodyFailed, stackless } from "../errors/index.ts"
import type { Exchange } from "./Exchange.ts"
import { lingerBehind } from "./LingeringCloseNode.ts"
import { type BodyFault, makeBody } from "./RequestBodyNode.ts"

/** A client that asks before it sends is told to when its body is read, and not before. */
const asksFirst = /(?:^|\W)100-continue(?:$|\W)/i

const readBody = (request: IncomingMessage, response: ServerResponse, maxBytes: number) =>
  Effect.callback<string, BodyFault | ReadRequestBodyFailed>((resume) => {
    const { "content-encoding": coding, "content-length": length, expect } = request.headers
    if (Number(length ?? 0) > maxBytes) {
      return resume(Effect.fail(stackless(() => new PayloadTooLarge({ limitBytes: maxBytes }))))
    }
    const body = makeBody(coding, maxBytes, (result) => {
      if (Result.isFailure(result)) {
        request.removeAllListeners("data")
        request.pause()
      }
      resume(Effect.fromResult(result))
    })
    const failed = (): void => {
      body.stop()
      resume(Effect.fail(stackless(() => new ReadRequestBodyFailed({}))))
    }
    request.on("data", body.push)
    request.on("end", body.end)
    request.on("error", failed)
    request.on("aborted", failed)
    if (expect !== undefined && asksFirst.test(expect)) response.writeContinue()
    return Effect.sync(body.stop)
  })

/** How long a client that seems stuck is looked at once more, in milliseconds. */
const lastLook = 1000

/**
 * Cuts off a client that takes nothing of what was written. Node asks the socket whether any of it was taken before it says
 * that nothing happened; after our own process was stopped it says so at once, so that it is asked once more. What comes
 * late then is no second silence: something was taken between the two.
 */
const makeStuckWatch = (response: ServerResponse): ((millis: number) => void) => {
  let watched: { readonly millis: number; silentAt: number | undefined } | undefined
  const look = (millis: number): number => Math.min(lastLook, millis / 2)
  const begin = (): void => {
    if (watched === undefined) return
    watched.silentAt = undefined
    response.setTimeout(Math.ceil(watched.millis - look(watched.millis)))
  }
  const silent = (): void => {
    if (watched === undefined) return
    const { millis, silentAt } = watched
    const now = performance.now()
    if (silentAt === undefined) {
      watched.silentAt = now
      response.setTimeout(Math.ceil(look(millis)))
    } else if (now - silentAt > 1.5 * look(millis)) begin()
    else response.destroy()
  }
  const taken = (): void => {
    if (watched === undefined) return
    watched = undefined
    response.setTimeout(0)
  }
  // Before any other listener: what is written there may be too much again.
  response.on("drain", taken)
  return (millis) => {
    if (watched !== undefined || response.writableFinished) return
    // Without a listener Node would close the connection itself.
    if (response.listenerCount("timeout") === 0) response.on("timeout", silent)
    watched = { millis, silentAt: undefined }
    begin()
  }
}

/** Makes an exchange of a request and its response. */
export const makeExchange = (
  request: IncomingMessage,
  response: ServerResponse,
  requestIdOf: (presented: string | undefined) => string
): Exchange => {
  // A proxy may send the absolute form; whom it names is not looked at. Its path may be empty.
  const target = (request.url ?? "/").replace(/^https?:\/\/[^/?]*\/?/i, "/")
  const mark = target.indexOf("?")
  const header = (name: string): string | undefined => {
    const value = request.headers[name]
    return typeof value === "string" ? value : value?.[0]
  }
  const requestId = requestIdOf(header("x-request-id"))
  // One object, given to `writeHead` once: each `setHeader` would make it merge and check them again.
  const own: { [name: string]: string } = { "x-request-id": requestId }
  // A connection that breaks is told by `close`; without a listener its error would end the process.
  response.on("error", () => {})
  return {
    method: request.method ?? "GET",
    path: mark < 0 ? target : target.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1)),
    header,
    requestId,
    body: (maxBytes) => readBody(request, response, maxBytes),
    setHeader: (name, value) => {
      own[name] = value
    },
    headSent: () => response.headersSent,
    head: (status, headers) => {
      // What is left of a body that nobody will read must not be taken for the next request.
      const expected =
        request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined
      if (expected && !request.complete) {
        own["connection"] = "close"
        lingerBehind(request)
      }
      response.writeHead(status, { ...own, ...headers })
    },
    flush: () => response.flushHeaders(),
    write: (text) => (response.writable ? response.write(text) : true),
    end: (text) => {
      if (text === undefined) response.end()
      else response.end(text)
    },
    destroy: () => void response.destroy(),
    onClose: (listener) => {
      if (response.closed) queueMicrotask(listener)
      else response.once("close", listener)
    },
    onDrain: (listener) => void response.on("drain", listener),
    cutIfStuck: makeStuckWatch(response)
  }
}
