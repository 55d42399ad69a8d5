/**
 * The way to an upstream: one HTTP request whose answer comes as callbacks. There is no fiber, promise or queue between
 * a socket and what reads it; whoever opens a call owns its end.
 */
import { Context, type Redacted } from "effect"
import type { BulkheadFull, DoRequestFailed, ReadResponseBodyFailed } from "../errors/index.ts"

/** How requests get to an upstream, where that is not straight away and by the certificates that Node trusts. */
export interface UpstreamRoute {
  /** The URL of an HTTP proxy, with its credentials. */
  readonly proxy: Redacted.Redacted<string> | null
  /** PEM: whom to trust in place of those that Node does, and who the relay is. */
  readonly tls: {
    readonly ca?: Redacted.Redacted<string>
    readonly cert?: Redacted.Redacted<string>
    readonly key?: Redacted.Redacted<string>
  }
}

/** A request to an upstream, always a POST of JSON. */
export interface UpstreamRequest {
  readonly url: string
  /** The same object for all requests that go the same way. Absent: straight away. */
  readonly route?: UpstreamRoute | undefined
  readonly headers: { readonly [name: string]: string }
  readonly body: string
}

/** What an upstream's answer does, in order: `onHead`, `onData` many times, then `onEnd` or `onError`, once. After `abort` nothing more is called. */
export interface UpstreamSink {
  readonly onHead: (
    status: number,
    headers: { readonly [name: string]: string | ReadonlyArray<string> | undefined }
  ) => void
  readonly onData: (chunk: Uint8Array) => void
  /** The body is complete by its framing: its length, its last chunk, or a closed HTTP/1.0 connection. */
  readonly onEnd: () => void
  /** The connection could not be made, for want of something here (`BulkheadFull`) or not, or broke before the body was complete. */
  readonly onError: (error: BulkheadFull | DoRequestFailed | ReadResponseBodyFailed) => void
}

/**
 * What a server is told before its call is closed, so that it knows why: a `DELETE` of JSON, the way that the call went.
 */
export type UpstreamCancellation = Pick<UpstreamRequest, "body" | "headers" | "url">

/** A call under way. */
export interface UpstreamCall {
  /**
   * Closes the socket at once. With a cancellation, that is sent first, on another socket, and the call's is closed when it
   * is answered, cannot be answered, or has not been for a second: a server that heard of the closed socket first would
   * take its client for gone.
   */
  readonly abort: (cancellation?: UpstreamCancellation) => void
  /** Stops and resumes reading, for back-pressure. */
  readonly pause: () => void
  readonly resume: () => void
}

/** Opens calls to upstreams. The live Layer is `UpstreamNode.layer`; `ScriptedUpstream.layer` of `effect-resilience/testing` plays scripts. */
export class Upstream extends Context.Service<
  Upstream,
  { readonly open: (request: UpstreamRequest, sink: UpstreamSink) => UpstreamCall }
>()("effect-resilience/channel/Upstream") {}
