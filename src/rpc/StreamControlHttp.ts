/**
 * How a stream over `effect/rpc` is cancelled with a cause: an interrupt of `effect/rpc` carries none.
 */
import { Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"

/** Cancels a stream by its id, and says who did and why. Succeeds also where there is none any more. */
export const CancelStream = Rpc.make("effect-resilience/CancelStream", {
  payload: {
    stream: Schema.String,
    code: Schema.Int,
    /** The services that the cancellation has come along, first the one that cancelled. */
    path: Schema.Array(Schema.String),
    message: Schema.String
  }
})

/** What a server serves beside the streams of its own: `Streams.merge(StreamControl)`. */
export class StreamControl extends RpcGroup.make(CancelStream) {}
