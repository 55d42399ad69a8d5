/**
 * Where a request came from, and the trace that it belongs to: for who tells of it later.
 */
import { callersTraceId } from "../http/index.ts"
import { clientAddress, type Networks } from "./ClientAddressNode.ts"
import type { Exchange } from "./Exchange.ts"

/** What is known of it. */
export interface RequestOrigin {
  readonly traceId?: string | undefined
  readonly address?: string | undefined
}

const unknown: RequestOrigin = {}

/**
 * What a request says of it. `trusted`: the proxies whose word counts, if its address is wanted. HOT: most requests say
 * nothing, and nothing is made for them.
 */
export const originOf = (exchange: Pick<Exchange, "header" | "peer">, trusted: Networks | undefined): RequestOrigin => {
  const own = exchange.header("x-trace-id")
  const traceparent = exchange.header("traceparent")
  if (own === undefined && traceparent === undefined && trusted === undefined) return unknown
  return {
    traceId: callersTraceId({ "x-trace-id": own, traceparent }),
    address:
      trusted === undefined ? undefined : clientAddress(exchange.peer, exchange.header("x-forwarded-for"), trusted)
  }
}
