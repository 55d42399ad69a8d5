/**
 * The upstream is to blame: it answered badly, late, or not at all.
 */
import { Schema } from "effect"
import { fault } from "./Fault.ts"
import { StreamFaultData } from "./StreamFault.ts"

/** Which clock ran out. `attempt` is a policy's per-attempt limit, `upstream` a time-out that the upstream itself reported. */
export const Phase = Schema.Literals(["headers", "firstContent", "idle", "attempt", "upstream"])

/** Which clock ran out. */
export type Phase = typeof Phase.Type

/** `channel:response_time_exceeded`: the upstream did not answer in time. */
export class ChannelResponseTimeExceeded extends Schema.TaggedError<ChannelResponseTimeExceeded>()(
  "ChannelResponseTimeExceeded",
  {
    ...fault("channel:response_time_exceeded"),
    phase: Phase,
    limitMillis: Schema.Finite,
    elapsedMillis: Schema.Finite
  }
) {}

/** `bad_response_status_code`: the upstream answered with an unexpected status. */
export class BadResponseStatusCode extends Schema.TaggedError<BadResponseStatusCode>()(
  "BadResponseStatusCode",
  fault("bad_response_status_code")
) {}

/** `bad_response`: the upstream's answer is not one. */
export class BadResponse extends Schema.TaggedError<BadResponse>()("BadResponse", fault("bad_response")) {}

/** `bad_response_body`: the upstream's answer could not be understood. */
export class BadResponseBody extends Schema.TaggedError<BadResponseBody>()(
  "BadResponseBody",
  fault("bad_response_body")
) {}

/** `empty_response`: the upstream's answer was empty. */
export class EmptyResponse extends Schema.TaggedError<EmptyResponse>()("EmptyResponse", fault("empty_response")) {}

/** `read_response_body_failed`: the upstream's answer could not be read. */
export class ReadResponseBodyFailed extends Schema.TaggedError<ReadResponseBodyFailed>()(
  "ReadResponseBodyFailed",
  fault("read_response_body_failed")
) {}

/** `aws_invoke_error`: the upstream's AWS call failed. */
export class AwsInvokeError extends Schema.TaggedError<AwsInvokeError>()("AwsInvokeError", fault("aws_invoke_error")) {}

/** `stream_truncated`: the answer was cut off before its end. */
export class StreamTruncated extends Schema.TaggedError<StreamTruncated>()(
  "StreamTruncated",
  fault("stream_truncated")
) {}

/** `stream_fault`: the stream failed. */
export class StreamFault extends Schema.TaggedError<StreamFault>()("StreamFault", {
  ...fault("stream_fault"),
  fault: StreamFaultData
}) {}

/** `upstream_overloaded`: the upstream is overloaded. */
export class UpstreamOverloaded extends Schema.TaggedError<UpstreamOverloaded>()(
  "UpstreamOverloaded",
  fault("upstream_overloaded")
) {}

/** `do_request_failed`: the upstream could not be reached. */
export class DoRequestFailed extends Schema.TaggedError<DoRequestFailed>()(
  "DoRequestFailed",
  fault("do_request_failed")
) {}
