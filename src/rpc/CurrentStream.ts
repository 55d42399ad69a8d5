/**
 * The stream that a handler serves, as the handler sees it: why it has ended, once it has. What the handler has asked of
 * others for it is cancelled by it, with the same code and a longer path.
 */
import { Context, Effect } from "effect"
import type { StreamFaultData } from "../errors/index.ts"

/** The header that names a stream, so that it can be cancelled by it. */
export const streamIdHeader = "x-stream-id"

/** A fresh id of a stream: 128 random bits in 22 characters. */
export const makeStreamId = (): string =>
  btoa(String.fromCharCode(...globalThis.crypto.getRandomValues(new Uint8Array(16))))
    .slice(0, 22)
    .replaceAll("+", "-")
    .replaceAll("/", "_")

/** Whether a header is the id of a stream. */
export const isStreamId = (text: string | undefined): boolean =>
  text !== undefined && /^[A-Za-z0-9_-]{22,40}$/.test(text)

/** Who is told that a stream has ended. */
type Listener = (fault: StreamFaultData) => Effect.Effect<void>

/** A stream that is served. */
export class ServedStream {
  readonly id: string
  /** The service that serves it, as it stands in a cancel path. */
  readonly service: string
  private ended: StreamFaultData | undefined
  private readonly listeners = new Set<Listener>()

  constructor(id: string, service: string) {
    this.id = id
    this.service = service
  }

  /**
   * Why it has ended: it was cancelled, its client's connection was closed (12013), or its handler has returned (12012).
   * `undefined` while it goes on. What a handler has acquired is released after this is known.
   */
  get fault(): StreamFaultData | undefined {
    return this.ended
  }

  /** It has ended; the first reason counts. Succeeds when all that was asked for it has been told. */
  end(fault: StreamFaultData): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.ended !== undefined) return Effect.void
      this.ended = fault
      return Effect.forEach([...this.listeners], (listener) => listener(fault), {
        concurrency: "unbounded",
        discard: true
      })
    })
  }

  /** Has somebody told when it ends, and gives what takes that back. */
  onEnd(listener: Listener): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }
}

/** The stream that is being served, in the handler of an `Rpc` with the middleware `StreamFaults`. */
export class CurrentStream extends Context.Service<CurrentStream, ServedStream>()(
  "effect-resilience/rpc/CurrentStream"
) {}
