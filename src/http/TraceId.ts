/**
 * The id of the trace that a request belongs to.
 */

const allowed = /^[A-Za-z0-9._:-]{1,128}$/
const traceparent = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/
const zeros = "0".repeat(32)

/** The headers in which a trace's id is sent, by lower-case name. */
export interface TraceHeaders {
  readonly "x-trace-id"?: string | undefined
  /** W3C Trace Context. */
  readonly traceparent?: string | undefined
}

/**
 * The caller's trace id: of `x-trace-id`, 1 to 128 of `A-Z a-z 0-9 . _ : -`, else of `traceparent` (W3C Trace Context). One
 * that is neither is as none at all: nothing that a stranger wrote is told on.
 *
 * ```ts import.meta.vitest
 * import { callersTraceId } from "effect-resilience/http"
 *
 * callersTraceId({ "x-trace-id": "trace_001" }) // => "trace_001"
 * callersTraceId({ traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" })
 * // => "4bf92f3577b34da6a3ce929d0e0e4736"
 * callersTraceId({ "x-trace-id": "<script>" }) // => undefined
 * ```
 */
export const callersTraceId = (headers: TraceHeaders): string | undefined => {
  const own = headers["x-trace-id"]
  if (own !== undefined && allowed.test(own)) return own
  const found = headers.traceparent === undefined ? null : traceparent.exec(headers.traceparent.trim())
  return found === null || found[1] === zeros ? undefined : found[1]
}
