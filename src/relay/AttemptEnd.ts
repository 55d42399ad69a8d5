/**
 * How one try of one request ended: whose fault it was, and what may be told of it.
 */
import type { Target } from "../channel/index.ts"
import type { Encoded } from "../dialect/index.ts"
import { maskError, type ResilienceError } from "../errors/index.ts"
import { overrideOf } from "./Override.ts"
import { withoutQuotations, withoutQuotedNames, writtenAsJson } from "./Quotation.ts"
import type { Verdict } from "./Verdict.ts"

/** How an attempt ended. */
export interface AttemptEnd {
  readonly verdict: Exclude<Verdict, { readonly _tag: "Going" }>
  /** The failure's class came from nothing but its status. */
  readonly byStatus: boolean
  /** The upstream's status, after `statusMapping`; absent where it did not answer. */
  readonly status: number | undefined
  /** The upstream's own id of the request, where it gave one. */
  readonly upstreamRequestId?: string | undefined
  /** What the upstream said of its failure, without secrets and what the request or the answer holds too: for logs. */
  readonly said?: string | undefined
  /** It did not stream: its answer came as one body. */
  readonly whole?: true | undefined
  /** What it said of its failure, as far as it is looked at for evidence; absent: the error has it all. */
  readonly words?: string | undefined
}

/** It failed. */
export const broken = (error: ResilienceError, byStatus = false, status?: number): AttemptEnd => ({
  verdict: { _tag: "Broken", error },
  byStatus,
  status
})

/** What the channel itself had added is the channel's fault, and a name in a body says so, not a status. */
export const blamed = (end: AttemptEnd, { channel }: Target, { body }: Encoded): AttemptEnd => {
  if (end.verdict._tag !== "Broken") return end
  const error = overrideOf(end.verdict.error, channel, body)
  return error === end.verdict.error ? end : { ...end, verdict: { _tag: "Broken", error }, byStatus: false }
}

/** What goes on from here is told to clients, logs and the store: here the errors of upstreams begin. */
export const withoutSecrets = (
  end: AttemptEnd,
  mask: (text: string) => string,
  { encoded, written }: { readonly encoded: Encoded; readonly written: () => string }
): AttemptEnd => {
  if (end.verdict._tag !== "Broken") return end
  const masked = maskError(end.verdict.error, mask)
  // What no upstream has said quotes nothing.
  if (masked.upstream === undefined) return { ...end, verdict: { _tag: "Broken", error: masked } }
  const quotable = [encoded.body, writtenAsJson(written())]
  const error = quotable.reduce(withoutQuotedNames, masked)
  const said =
    error.upstream?.message === undefined ? undefined : quotable.reduce(withoutQuotations, error.upstream.message)
  return { ...end, verdict: { _tag: "Broken", error }, said }
}
