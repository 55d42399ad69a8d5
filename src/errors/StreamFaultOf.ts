/**
 * Which stream fault an error is, and with which one a stream is cancelled that others write for an answer that ends by it.
 */
import type { ResilienceError } from "./Members.ts"
import { streamFault, type StreamFaultCode, type StreamFaultData } from "./StreamFault.ts"

const connectionClosed = streamFault({ code: 12013, side: "server" })

/**
 * The stream fault that an error is, as it is told and logged; `undefined` for one that is none. A client that is gone is
 * 12013, an `ApplicationException` 12001.
 *
 * ```ts import.meta.vitest
 * import { ClientGone, InvalidRequest, streamFaultOf } from "effect-resilience/errors"
 *
 * streamFaultOf(new ClientGone({}))?.code // => 12013
 * streamFaultOf(new InvalidRequest({})) // => undefined
 * ```
 */
export const streamFaultOf = (error: ResilienceError): StreamFaultData | undefined => {
  switch (error._tag) {
    case "StreamCancelled":
    case "StreamFault":
      return error.fault
    case "ClientGone":
      return connectionClosed
    case "ApplicationException":
      return streamFault({ code: 12001, side: "server", message: error.message })
    default:
      return undefined
  }
}

/** The code of who cancels because of an error that is no stream fault itself. */
const causeOf = (error: ResilienceError): StreamFaultCode => {
  switch (error._tag) {
    case "ShuttingDown":
      return 12006
    case "DeadlineExceeded":
      return 12015
    case "ChannelResponseTimeExceeded":
      // The attempt's own limit is one on the whole stream; the others are on what comes next.
      return error.phase === "attempt" ? 12015 : 12014
    case "BadResponse":
    case "BadResponseBody":
      return 12004
    default:
      return 12011
  }
}

/**
 * The fault with which a stream is cancelled that is written elsewhere, because what it was for has ended by an error: the
 * one that the error is, else by its cause. 12006 shutting down, 12014 silence, 12015 the time is over, 12004 a frame that
 * cannot be read, 12011 anything else.
 *
 * ```ts import.meta.vitest
 * import { cancelFaultOf, DeadlineExceeded, StreamCancelled, streamFault } from "effect-resilience/errors"
 *
 * cancelFaultOf(new DeadlineExceeded({})).code // => 12015
 *
 * const fault = streamFault({ code: 4711, side: "server", path: ["web"], message: "budget" })
 * cancelFaultOf(new StreamCancelled({ fault })) === fault // => true
 * ```
 */
export const cancelFaultOf = (error: ResilienceError): StreamFaultData =>
  streamFaultOf(error) ?? streamFault({ code: causeOf(error), side: "server" })
