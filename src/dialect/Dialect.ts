/**
 * What a wire format is to the relay. An upstream dialect makes requests and reads answers; a client dialect writes
 * the frames that a client reads. Both are pure: no network, no clock, no journal.
 */
import type { ResilienceError } from "../errors/index.ts"
import type { AnswerRequest, ContinuationMode, Delta, Signal, Usage } from "./Answer.ts"

/** What is needed to put a request in an upstream's words. */
export interface EncodeRequest {
  readonly request: AnswerRequest
  /** The model that this channel is asked for, mapped. */
  readonly model: string
  /** Ask for a stream? `false` only for channels that cannot. */
  readonly stream: boolean
  /** Set when the answer goes on from what was already shown. */
  readonly continuation:
    | { readonly mode: ContinuationMode; readonly partial: string; readonly prompt: string }
    | undefined
  /** The channel's `params`: merged deeply into the body; `null` removes. */
  readonly params: { readonly [field: string]: unknown }
}

/** An HTTP answer that is not a stream: an error, or a whole answer. */
export interface HttpAnswer {
  /** The status after the channel's `statusMapping`. */
  readonly status: number
  readonly headers: { readonly [name: string]: string | ReadonlyArray<string> | undefined }
  readonly body: string
  /** The time now, in epoch milliseconds: hints that are dates count from it. */
  readonly now: number
}

/** A classified failure. `byStatus` when nothing but the status gave it its class: `retry.statuses` may then end the request. */
export interface Classified {
  readonly error: ResilienceError
  readonly byStatus: boolean
}

/** Reads one upstream's answer, event by event. Stateful where the format is. */
export type SignalDecoder = (event: string, data: string) => Signal

/** A wire format of upstreams. */
export interface UpstreamDialect {
  readonly name: string
  /** The path that is appended to a channel's base URL. */
  readonly path: string
  /** The headers that carry a key. */
  readonly auth: (key: string) => { readonly [name: string]: string }
  /** The body of a request, as JSON. */
  readonly encode: (options: EncodeRequest) => string
  readonly decoder: () => SignalDecoder
  /** Gives a failed HTTP answer its error. */
  readonly classify: (answer: HttpAnswer) => Classified
  /** Reads a whole answer (of a channel that cannot stream) as signals, or its fault. */
  readonly decodeWhole: (answer: HttpAnswer) => ReadonlyArray<Signal>
}

/** One SSE event without its id: each becomes one seq of the journal. */
export interface Payload {
  readonly event: string | undefined
  /** One line. */
  readonly data: string
}

/** Where an answer was joined, as `failover` shows it. Offsets are code points. */
export interface Seam {
  readonly from: string
  readonly to: string
  readonly reason: string
  readonly offset: number
  readonly dropped: number
  readonly seam: "exact" | "overlap" | "restart" | "ambiguous"
}

/** What a client dialect must know of an answer. */
export interface AnswerIdentity {
  readonly requestId: string
  readonly streamId: string
  /** Epoch milliseconds. */
  readonly createdAt: number
  readonly includeUsage: boolean
  readonly debug: boolean
}

/** How an answer ended well. */
export interface Completion {
  readonly finish: string
  readonly usage: Usage
  readonly fullContent: string
  readonly tokenCount: number
  readonly attempts: number
}

/** How an answer ended badly. */
export interface Failure {
  readonly error: ResilienceError
  readonly partial: string
  readonly retryAfterMillis: number | undefined
}

/** An attempt that will replace one that failed before anything was shown. */
export interface AttemptNotice {
  readonly attempt: number
  readonly maxAttempts: number
  readonly delayMillis: number
  readonly reason: string
  readonly from: string
  readonly to: string
}

/**
 * Writes one answer in a client's words. Each method gives the events to append, in order; none of them is empty where
 * the dialect has nothing to say, it gives `[]`. After `complete` or `fail` nothing more is asked.
 */
export interface AnswerEncoder {
  /** At once, before any upstream has answered. */
  readonly open: (model: string) => ReadonlyArray<Payload>
  readonly attempt: (notice: AttemptNotice) => ReadonlyArray<Payload>
  /** Just before the first content: `model` is the one asked of the channel that shows it. */
  readonly begin: (model: string) => ReadonlyArray<Payload>
  /** A step as it came. */
  readonly delta: (delta: Delta) => ReadonlyArray<Payload>
  /** Text that a stitch has released. */
  readonly text: (text: string) => ReadonlyArray<Payload>
  readonly failover: (seam: Seam) => ReadonlyArray<Payload>
  /** `finishShown`: whether a `delta` with its finish has been written already. */
  readonly complete: (completion: Completion, finishShown: boolean) => ReadonlyArray<Payload>
  readonly fail: (failure: Failure) => ReadonlyArray<Payload>
}

/** A wire format of clients. */
export interface ClientDialect {
  readonly name: string
  readonly encoder: (identity: AnswerIdentity) => AnswerEncoder
  /** Whether an event is the last of its stream. */
  readonly isTerminal: (payload: Payload) => boolean
  /** The text that committed events show: what a continuation goes on from, and what a reader assembled. */
  readonly partialOf: (payloads: Iterable<Payload>) => { readonly text: string; readonly tokenCount: number }
}
