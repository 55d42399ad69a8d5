/**
 * The upstream is to blame: it answered badly, late, or not at all.
 */
import { fault } from "./Fault.ts"
import { inSeconds, withFigures } from "./Figures.ts"
import type { StreamFaultData } from "./StreamFault.ts"

/** Which clock ran out. `attempt` is a policy's per-attempt limit, `upstream` a time-out that the upstream itself reported. */
export type Phase = "headers" | "firstContent" | "idle" | "attempt" | "upstream"

const clocks = {
  headers: "no headers came",
  firstContent: "no first content came",
  idle: "nothing more came",
  attempt: "the attempt did not end"
} as const satisfies { readonly [P in Exclude<Phase, "upstream">]: string }

interface Clock {
  readonly phase: Phase
  /** What the clock allowed; 0 where the upstream's own is not known. */
  readonly limitMillis: number
  /** What had passed. */
  readonly elapsedMillis: number
}

/** `channel:response_time_exceeded`: the upstream did not answer in time. */
export class ChannelResponseTimeExceeded extends /*#__PURE__*/ fault(
  "channel:response_time_exceeded",
  ({ elapsedMillis, limitMillis, phase }: Clock) =>
    phase === "upstream"
      ? "The upstream did not answer in time: it reported a time-out of its own."
      : withFigures(
          "channel:response_time_exceeded",
          `${clocks[phase]} in ${inSeconds(elapsedMillis)}`,
          `limit ${inSeconds(limitMillis)}`
        )
)<Clock> {}

/** `bad_response_status_code`: the upstream answered with an unexpected status. */
export class BadResponseStatusCode extends /*#__PURE__*/ fault("bad_response_status_code") {}

/** `bad_response`: the upstream's answer is not one. */
export class BadResponse extends /*#__PURE__*/ fault("bad_response") {}

/** `bad_response_body`: the upstream's answer could not be understood. */
export class BadResponseBody extends /*#__PURE__*/ fault("bad_response_body") {}

/** `empty_response`: the upstream's answer was empty. */
export class EmptyResponse extends /*#__PURE__*/ fault("empty_response") {}

/** `read_response_body_failed`: the upstream's answer could not be read. */
export class ReadResponseBodyFailed extends /*#__PURE__*/ fault("read_response_body_failed") {}

/** `aws_invoke_error`: the upstream's AWS call failed. */
export class AwsInvokeError extends /*#__PURE__*/ fault("aws_invoke_error") {}

/** `stream_truncated`: the answer was cut off before its end. */
export class StreamTruncated extends /*#__PURE__*/ fault("stream_truncated") {}

/** `stream_fault`: the stream failed. */
export class StreamFault extends /*#__PURE__*/ fault("stream_fault")<{
  readonly fault: StreamFaultData
}> {}

/** `upstream_overloaded`: the upstream is overloaded. */
export class UpstreamOverloaded extends /*#__PURE__*/ fault("upstream_overloaded") {}

/** `do_request_failed`: the upstream could not be reached. */
export class DoRequestFailed extends /*#__PURE__*/ fault("do_request_failed") {}

/** The classes of this family, in the catalogue's order. */
export const upstreamErrors = [
  ChannelResponseTimeExceeded,
  BadResponseStatusCode,
  BadResponse,
  BadResponseBody,
  EmptyResponse,
  ReadResponseBodyFailed,
  AwsInvokeError,
  StreamTruncated,
  StreamFault,
  UpstreamOverloaded,
  DoRequestFailed
] as const
