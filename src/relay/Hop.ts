/**
 * A channel that is a relay: known by the id that its answer has, and cancelled by it. What a relay writes for another one
 * is nobody's when that has left, so each tells the next one why, and who it went through.
 *
 * Nothing is looked at before an answer is given up: an answer that is not costs nothing.
 */
import { Redacted } from "effect"
import type { Target, UpstreamCancellation } from "../channel/index.ts"
import { headerOf, type HttpAnswer } from "../dialect/index.ts"
import { forwardStreamFault, printCancelPath, type StreamFaultData } from "../errors/index.ts"
import { isStreamId, type StreamId } from "../journal/index.ts"

/** The id of the stream that an upstream writes, if it is a relay: `x-stream-id`, in our shape. */
export const streamIdIn = (headers: HttpAnswer["headers"]): StreamId | undefined => {
  const id = headerOf(headers, "x-stream-id")
  return id !== undefined && isStreamId(id) ? id : undefined
}

/** A base URL may end in the path of its dialect already. */
const dialectPath = /\/(?:chat\/completions|messages|responses|models)$/

/**
 * Where a stream of a relay is cancelled: its base URL without its last segment (`/v1`), and `/streams/{id}`. Its query
 * goes with it.
 */
export const streamUrlOf = (baseUrl: string, id: string): string => {
  const url = new URL(baseUrl)
  const base = url.pathname.replace(/\/+$/, "").replace(dialectPath, "")
  url.pathname = `${base.slice(0, base.lastIndexOf("/") + 1)}streams/${id}`
  return url.href
}

/** Cancels a stream that a relay writes for an answer which ends with a fault; `name` is this relay's own. */
export const cancellationOf = (
  { channel, key }: Target,
  id: StreamId,
  fault: StreamFaultData,
  name: string
): UpstreamCancellation => {
  const { code, message, path } = forwardStreamFault(fault, name)
  return {
    url: streamUrlOf(channel.baseUrl, id),
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${Redacted.value(key)}` }),
      accept: "application/json",
      "x-cancel-path": printCancelPath(path),
      ...channel.headers
    },
    body: JSON.stringify({ code, reason: message })
  }
}
