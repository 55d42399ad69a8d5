/**
 * The canonical answer: what every dialect is decoded to and encoded from. A vendor is a few pure functions between
 * its wire format and these values.
 */
import type { ResilienceError } from "../errors/index.ts"

/** The token counts of an answer. `estimated` when an upstream did not say them all. */
export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly estimated: boolean
}

/** The wire formats that clients speak to the relay. */
export type ClientDialectName = "openai" | "chat"

/** The wire formats that upstreams speak. */
export type UpstreamDialectName = "openai"

/** A message of a conversation. `content` is text, or the parts that the client's dialect sent. */
export interface Message {
  readonly role: string
  readonly content: unknown
  readonly [field: string]: unknown
}

/** What a client asks for, whatever its dialect. */
export interface AnswerRequest {
  readonly dialect: ClientDialectName
  /** The model that the client named. */
  readonly model: string
  readonly messages: ReadonlyArray<Message>
  /** The whole body as the client sent it: unknown fields pass to an upstream of the same dialect. */
  readonly body: { readonly [field: string]: unknown }
  /** Whether the client wants a stream; if not, a whole answer is put together from one. */
  readonly stream: boolean
  /** Whether the client wants the usage in its stream. */
  readonly includeUsage: boolean
  /** How many answers are asked for at once: more than one is never continued. */
  readonly choices: number
}

/** One step of an answer, as an upstream's event says it. All fields may be empty at once (a role frame, a ping). */
export interface Delta {
  readonly _tag: "Delta"
  readonly text: string
  readonly reasoning: string
  /** It carries a part of something that cannot be spliced: a tool call, a refusal, audio, a second choice. */
  readonly sealed: boolean
  /** Whether it is content, for the clocks and for the commit: a non-empty text, reasoning or tool-call delta. */
  readonly content: boolean
  readonly finish: string | undefined
  readonly usage: Usage | undefined
  /** The upstream's own event, for a client of the same dialect. It may be changed by whoever encodes it. */
  readonly raw: { [field: string]: unknown } | undefined
}

/** What one upstream event means. */
export type Signal =
  | Delta
  /** The dialect's terminator. */
  | { readonly _tag: "Done" }
  /** An error inside the stream, or a frame that cannot be understood. */
  | { readonly _tag: "Fault"; readonly error: ResilienceError }

/** How a target can go on from a partial answer. */
export type ContinuationMode = "prefill" | "message"
