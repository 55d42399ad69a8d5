/**
 * Somebody up or down the line cancelled.
 */
import { Schema } from "effect"
import { fault } from "./Fault.ts"
import { StreamFaultData } from "./StreamFault.ts"

/** `client_gone`: the client went away. */
export class ClientGone extends Schema.TaggedError<ClientGone>()("ClientGone", fault("client_gone")) {}

/** `stream_cancelled`: the stream was cancelled. */
export class StreamCancelled extends Schema.TaggedError<StreamCancelled>()("StreamCancelled", {
  ...fault("stream_cancelled"),
  fault: StreamFaultData
}) {}
