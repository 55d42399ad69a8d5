/**
 * What a stream over `effect/rpc` may end with, beside the errors of its own: as a schema, for an `Rpc`'s `error`.
 */
import * as Schema from "effect/Schema"
import { ApplicationException, BizError, type ResilienceError, StreamCancelled, StreamFault } from "../errors/index.ts"
import { type EncodedError, schemaOf } from "../errors/Codec.ts"

/**
 * How a stream ends badly:
 *
 * - `BizError`: the service refused, for a reason of its business. It is no failure of the call.
 * - `ApplicationException`: the handler failed otherwise. Of an error that is not known its message is told, and no more.
 * - `StreamCancelled`: somebody up or down the line cancelled, with the path that the cancellation has come along.
 * - `StreamFault`: the stream itself broke.
 */
export type StreamError = ApplicationException | BizError | StreamCancelled | StreamFault

/**
 * How a stream ends badly, as a schema.
 *
 * ```ts import.meta.vitest
 * import { Schema } from "effect"
 * import { BizError } from "effect-resilience/errors"
 * import { StreamError } from "effect-resilience/rpc"
 *
 * const refused = new BizError({ status: 10001, message: "insufficient user balance" })
 *
 * Schema.decodeUnknownSync(StreamError)(Schema.encodeSync(StreamError)(refused)) instanceof BizError // => true
 * ```
 */
export const StreamError: Schema.Codec<StreamError, EncodedError> = /*#__PURE__*/ Schema.Union([
  schemaOf(BizError),
  schemaOf(ApplicationException),
  schemaOf(StreamCancelled),
  schemaOf(StreamFault)
])

/** Whether an error is one of them. */
export const isStreamError = (error: ResilienceError): error is StreamError =>
  error._tag === "BizError" ||
  error._tag === "ApplicationException" ||
  error._tag === "StreamCancelled" ||
  error._tag === "StreamFault"
