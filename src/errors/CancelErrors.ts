/**
 * Somebody up or down the line cancelled.
 */
import { fault } from "./Fault.ts"
import type { StreamFaultData } from "./StreamFault.ts"

/** `client_gone`: the client went away. */
export class ClientGone extends /*#__PURE__*/ fault("client_gone") {}

/** `stream_cancelled`: the stream was cancelled. */
export class StreamCancelled extends /*#__PURE__*/ fault("stream_cancelled")<{
  readonly fault: StreamFaultData
}> {}

/** The classes of this family, in the catalogue's order. */
export const cancelErrors = [ClientGone, StreamCancelled] as const
