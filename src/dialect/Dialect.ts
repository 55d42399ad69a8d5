/**
 * What a wire format is to the relay. An upstream dialect makes requests and reads answers; a client dialect reads
 * requests and writes what a client reads. Both are pure: no network, no clock, no journal.
 *
 * A dialect is **not** a deployment: where a channel is, with which key, and how often it is asked, is the channel's.
 */
import type { Result } from "effect"
import type { BadRequestBody, ConvertRequestFailed, InvalidRequest, ResilienceError } from "../errors/index.ts"
import type { ContinuationAsked, ContinuationMode } from "./Continuation.ts"
import type { Delta, Finish, UpstreamEvent } from "./Event.ts"
import type { Framing } from "./Framing.ts"
import type { JsonObject } from "./Json.ts"
import type { ClientDialectName } from "./Names.ts"
import type { AnswerRequest, Asking } from "./Request.ts"
import type { Usage } from "./Usage.ts"

// ---------------------------------------------------------------------------------------------------- upstreams

/** What is needed to put a request in an upstream's words. */
export interface EncodeRequest {
  readonly request: AnswerRequest
  /** The model that this channel is asked for, mapped. */
  readonly model: string
  /** Ask for a stream? `false` only for channels that cannot. */
  readonly stream: boolean
  /** Set when the answer goes on from what was already shown. */
  readonly continuation: ContinuationAsked | undefined
  /** The channel's `params`: merged deeply into the body; `null` removes. */
  readonly params: { readonly [field: string]: unknown }
  /** Paths of the body that this target has refused although no client needs them: they are left out. */
  readonly refused: ReadonlySet<string>
  /** Leave out what the target has no words for, instead of failing (`onUnsupported: drop`). */
  readonly drop: boolean
}

/** A request in an upstream's words. */
export interface Encoded {
  /** JSON. */
  readonly body: string
  /** What was left out, by the paths of the client's body: for `x-dropped` and the trail. */
  readonly dropped: ReadonlyArray<string>
  /** Names and ids that had to be made fit, and what they were: the decoder maps them back. */
  readonly names: ReadonlyMap<string, string> | undefined
  /**
   * White space at the end of what the answer goes on from, which this target does not take: the decoder cuts what the
   * answer begins with of it. Absent or empty: none.
   */
  readonly trimmed?: string
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
  /** The upstream's message, twice as long as the error keeps it. It may quote the request. */
  readonly words?: string | undefined
}

/** Reads one upstream's answer, event by event. Stateful where the format is. */
export interface EventDecoder {
  readonly step: (event: string, data: string) => UpstreamEvent
  /**
   * The body has ended by its framing, without the dialect's terminator: what that means, or `undefined` where it means
   * nothing of its own (an answer whose finish is known is whole, any other is cut).
   */
  readonly halt: () => UpstreamEvent | undefined
}

/** Where a request goes. */
export interface EndpointOptions {
  readonly baseUrl: string
  readonly model: string
  readonly stream: boolean
  readonly request: AnswerRequest
}

/**
 * A wire format of upstreams: a record of pure functions, without a network, a clock or a state of its own. It has no name:
 * it goes by the one under which it is registered (`Dialects`).
 */
export interface UpstreamDialect {
  /** The whole URL. The query of `baseUrl` is kept; one that already ends in the path is right too. */
  readonly endpoint: (options: EndpointOptions) => string
  /** The headers that carry a key and the format's version. */
  readonly headers: (key: string | undefined, request: AnswerRequest) => { readonly [name: string]: string }
  readonly framing: Framing
  /** The fields that this dialect has no words for, by the paths of the client's body: such a channel is not asked. */
  readonly unsaid: (request: AnswerRequest, model: string) => ReadonlyArray<string>
  /**
   * Paths in the body, `[]` for any of a list, that a target may refuse although no client needs them said: hints of
   * another dialect's client, and what the relay itself adds. `encode` leaves out those that are in `refused`.
   */
  readonly refusable: (request: AnswerRequest) => ReadonlyArray<string>
  /** The same of what stands in the conversation: that it was refused says nothing of the next request. Absent: nothing. */
  readonly refusableOnce?: (request: AnswerRequest) => ReadonlyArray<string>
  readonly encode: (options: EncodeRequest) => Result.Result<Encoded, ConvertRequestFailed>
  /** Reads the number of tokens from the body of a count; `undefined` where it has none. Absent: it counts nothing. */
  readonly counted?: (body: string) => number | undefined
  /** Whether the body of an answer to `operation: "embed"` holds all that were asked for. Absent: it makes none. */
  readonly embedded?: (body: string, request: AnswerRequest) => boolean
  readonly decoder: (encoded: Encoded) => EventDecoder
  /** Reads a whole answer (of a channel that cannot stream) as events, or its fault. */
  readonly decodeWhole: (answer: HttpAnswer, encoded: Encoded) => ReadonlyArray<UpstreamEvent>
  /** The modes in which a model may go on, in the order in which they are tried. */
  readonly continuations: (model: string) => ReadonlyArray<ContinuationMode>
}

// ------------------------------------------------------------------------------------------------------ clients

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
  /** What was asked, for dialects whose answers tell it again. Absent: it is not known any more. */
  readonly request?: Pick<AnswerRequest, "asking" | "body"> | undefined
}

/** What was told before the first content: it is shown with it. */
export interface Opening {
  /** As far as it is known, else estimated. */
  readonly usage: Usage
  /** The upstream's events so far, none of them content: role frames, what an upstream opens with. */
  readonly deltas: ReadonlyArray<Delta>
}

/** How an answer ended well. */
export interface Completion {
  readonly finish: Finish
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

/** What committed events say of an answer. */
export interface Replayed {
  /** The text that was shown: what a continuation goes on from, and what a reader assembled. */
  readonly text: string
  /** How many content events there were. */
  readonly tokenCount: number
  /** Characters that were shown beside the text: reasoning, tool calls. */
  readonly beside: number
  /** Of them, those of reasoning that can be read: what was paid for it is estimated by them. */
  readonly reasoning: number
  /** Anything was shown: the commit point has passed. */
  readonly begun: boolean
  /** Something was shown that cannot be spliced. */
  readonly sealed: boolean
  /** A tool call was shown. */
  readonly called: boolean
  /** The finish that was shown, if it was. */
  readonly finish: Finish | undefined
  /** The terminal event is there. */
  readonly ended: boolean
}

/**
 * Writes one answer in a client's words. Each method gives the events to append, in order; where the dialect has nothing
 * to say it gives `[]`. After `complete` or `fail` nothing more is asked.
 */
export interface AnswerEncoder {
  /**
   * Brings a fresh encoder to where these committed events left it, and says what they show. What it writes afterwards is
   * what it would have written without the interruption. A long answer is read in parts: called again, before anything is
   * written, it goes on with the next ones, and says what all of them show.
   */
  readonly resume: (payloads: Iterable<Payload>) => Replayed
  /** At once, before any upstream has answered. */
  readonly open: (model: string) => ReadonlyArray<Payload>
  readonly attempt: (notice: AttemptNotice) => ReadonlyArray<Payload>
  /** Just before the first content: `model` is the one asked of the channel that shows it. */
  readonly begin: (model: string, opening: Opening) => ReadonlyArray<Payload>
  /** A step as it came. */
  readonly delta: (delta: Delta) => ReadonlyArray<Payload>
  /** Text that a stitch has released. */
  readonly text: (text: string) => ReadonlyArray<Payload>
  readonly failover: (seam: Seam) => ReadonlyArray<Payload>
  /** `finishShown`: whether a `delta` with its finish has been written already. */
  readonly complete: (completion: Completion, finishShown: boolean) => ReadonlyArray<Payload>
  readonly fail: (failure: Failure) => ReadonlyArray<Payload>
}

/** What the relay's configuration says of requests. */
export interface ParseRules {
  /** The longest message of `/chat`, in code points. */
  readonly maxMessage: number
  /** The model where a client names none, in dialects that allow it. */
  readonly defaultModel: string
}

/** Of which request an error is told. */
export interface FailureAbout {
  readonly requestId: string
  readonly method: string
  /** Without query. */
  readonly path: string
  /** Epoch milliseconds. */
  readonly now: number
  readonly accept: string | undefined
}

/** An error as an HTTP answer. */
export interface FailureAnswer {
  readonly status: number
  readonly headers: { readonly [name: string]: string }
  readonly body: string
}

/** How errors are told: a row of the route table names one. */
export type Envelope = (error: ResilienceError, about: FailureAbout) => FailureAnswer

/** Puts what a reader wants that reads no events together from frames of the journal. */
export interface View {
  readonly contentType: string
  readonly make: () => {
    /** Takes committed frames, whole ones, and gives what can be written now. */
    readonly push: (frames: string) => string
    /** The terminal event was pushed: the rest. */
    readonly end: () => string
  }
}

/** What the list of models says. */
export interface ModelsAbout {
  /** Epoch milliseconds. */
  readonly createdAt: number
  readonly owner: string
}

/** How a dialect's events are written to clients that know nothing beside them: no id, no comment. */
export interface BareEvents {
  /** The request header, by its lower-case name, that tells who they are. */
  readonly looksAt: string
  readonly isFor: (header: string | undefined) => boolean
  /** Takes committed frames, whole ones, and gives what such a client is written. */
  readonly show: (frames: string) => string
  /** In the place of the dialect's. */
  readonly heartbeat: string
}

/** A wire format of clients. */
export interface ClientDialect {
  readonly name: ClientDialectName
  /** The request headers that mean something: only these are kept, by lower-case name. */
  readonly looksAt: ReadonlyArray<string>
  /** Whether a request with this query is all in it, and has no body, whatever its method. */
  readonly asksByQuery: (query: URLSearchParams) => boolean
  /** Checks a request. All that is wrong is told at once; every fault is a 400. */
  readonly parse: (asking: Asking, rules: ParseRules) => Result.Result<AnswerRequest, BadRequestBody | InvalidRequest>
  readonly encoder: (identity: AnswerIdentity) => AnswerEncoder
  /** The events of a stream, each with its id (`<stream>.<seq>`), as they are stored and written. */
  readonly frames: (stream: string) => (payload: Payload, seq: number) => string
  /** Written while there is nothing to read; no frame of the journal. */
  readonly heartbeat: string
  /** Absent where all clients of the dialect can read an id and a comment. */
  readonly bare?: BareEvents
  readonly views: { readonly whole: View; readonly list: View | undefined }
  readonly models: (names: ReadonlyArray<string>, about: ModelsAbout) => JsonObject
  readonly model: (name: string, about: ModelsAbout) => JsonObject
  /** The header in which its clients look for the request's id, beside `x-request-id`. */
  readonly idHeader?: string
  /** The answer to a request to count tokens; absent where the dialect has none. */
  readonly count?: (inputTokens: number) => JsonObject
  readonly failure: Envelope
  /** When status and headers are sent. */
  readonly head: "atOnce" | "atFirstContent"
  /** What becomes of an answer whose client leaves: as the configuration says, or it is cancelled. */
  readonly leave: "asConfigured" | "cancel"
  /** Whether a tool's call stands in one event, so that nothing of it was shown before its end. */
  readonly wholeCalls?: boolean
  /** Whether a reader may be let go between two events, to come back. */
  readonly lettable: boolean
}
