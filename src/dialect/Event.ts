/**
 * The canonical answer: what every upstream's events are decoded to, and every client's are encoded from. A vendor is a
 * few pure functions between its wire format and these values.
 *
 * An event keeps the upstream's own one beside it (`raw`), with the name of who wrote it (`from`): a client of the same
 * dialect is given that, with all its fields; any other one is told what the canonical fields say.
 */
import type { ResilienceError } from "../errors/index.ts"
import type { JsonObject } from "./Json.ts"
import type { UpstreamDialectName } from "./Names.ts"
import type { Usage } from "./Usage.ts"

/** Why an answer ended: the closed list of Effect's `ai/Response`, so that nobody learns two. */
export const finishReasons = [
  "stop",
  "length",
  "content-filter",
  "tool-calls",
  "error",
  "pause",
  "other",
  "unknown"
] as const

/** Why an answer ended. */
export type FinishReason = (typeof finishReasons)[number]

/** How an answer ended: in our words, and in the upstream's own. */
export interface Finish {
  readonly reason: FinishReason
  /** The upstream's word; ours where the end was made up. */
  readonly native: string
  /** Whose word it is; `undefined` where it was made up. */
  readonly from: UpstreamDialectName | undefined
  /** The text that it stopped at, where its upstream says so. */
  readonly sequence?: string | undefined
}

/**
 * A piece of what is no text: most cannot be spliced (`seals`), and an answer that shows one of those is never joined to
 * another. All indices count from 0 in the order in which things begin.
 */
export type Piece =
  /** A tool call begins. Its name and id are the upstream's, mapped back to what the client knows. */
  | { readonly _tag: "ToolCall"; readonly index: number; readonly id: string; readonly name: string }
  /** More of a tool call's input, as JSON text. */
  | { readonly _tag: "ToolInput"; readonly index: number; readonly text: string }
  /**
   * What a client must send back for the upstream to believe it: of the reasoning so far, or of a tool call. `by` says
   * who signed: the name of a dialect. Several in a row are parts of one.
   */
  | {
      readonly _tag: "Signature"
      readonly by: string
      readonly value: string
      readonly of: "reasoning" | { readonly call: number }
    }
  /** Reasoning that only its upstream can read. */
  | { readonly _tag: "SealedReasoning"; readonly by: string; readonly value: string }
  | { readonly _tag: "Refusal"; readonly text: string }
  | { readonly _tag: "Media"; readonly mediaType: string; readonly base64: string }
  /** A part of another choice than the first. */
  | { readonly _tag: "OtherChoice"; readonly index: number; readonly content: boolean }
  /** Something that only the upstream's own dialect has words for: `raw` holds it. */
  | { readonly _tag: "Native"; readonly what: string }

/** From where on an upstream can go on: behind the step that says so. */
export interface Checkpoint {
  /** What it is asked with, in the place of a partial. It is the upstream's own, and no client's to see. */
  readonly token: string
  /** The upstream puts the answer down here: what is missing of it has to be asked for. */
  readonly paused: boolean
}

interface Said {
  readonly _tag: "Delta"
  readonly text: string
  readonly reasoning: string
  /** Absent in nearly all events, never empty. They come after the event's text and reasoning. */
  readonly pieces: ReadonlyArray<Piece> | undefined
  readonly finish: Finish | undefined
  /** What is known of the usage so far; a later one replaces it. */
  readonly usage: Usage | undefined
  /** Absent in nearly all events. */
  readonly checkpoint?: Checkpoint | undefined
  /** Steps of an answer that share it differ in their text alone, in what their upstream said, too. */
  readonly like?: object | undefined
}

/** The upstream's own event, by dialect: a JSON object, as far as it was looked at. Whoever encodes it may change it. */
export interface NativeEvents {
  anthropic: { type: string } & JsonObject
  gemini: { candidates?: unknown } & JsonObject
  openai: { choices?: unknown } & JsonObject
  responses: { type: string } & JsonObject
}

type From<N extends UpstreamDialectName> = N extends UpstreamDialectName
  ? Said & { readonly from: N; readonly raw: NativeEvents[N] }
  : never

/**
 * One step of an answer, as an upstream's event says it. All fields may be empty at once (a role frame, a ping).
 * `delta.from === "openai"` narrows `raw`. A dialect that a program brings has no clients who would understand its own
 * events: its steps are `from: undefined`, and say all that there is to say in the other fields:
 * `{ ...nothing, text: "…" }`.
 */
export type Delta = From<UpstreamDialectName> | (Said & { readonly from: undefined; readonly raw: undefined })

/** What one upstream event means. */
export type UpstreamEvent =
  | Delta
  /** The dialect's terminator. */
  | { readonly _tag: "Done" }
  /** An error inside the stream, or a frame that cannot be understood. */
  | { readonly _tag: "Fault"; readonly error: ResilienceError }

/** The step that says nothing. */
export const nothing: Delta = {
  _tag: "Delta",
  text: "",
  reasoning: "",
  pieces: undefined,
  finish: undefined,
  usage: undefined,
  from: undefined,
  raw: undefined
}

/** Whether a step is content, for the clocks and for the commit: anything that a client can see. */
export const isContent = ({ pieces, reasoning, text }: Delta): boolean =>
  text !== "" || reasoning !== "" || (pieces !== undefined && pieces.some(isVisible))

// A signature alone shows nothing, and may come before or after what it signs.
const isVisible = (piece: Piece): boolean => (piece._tag === "OtherChoice" ? piece.content : piece._tag !== "Signature")

// What belongs to reasoning that is over does not keep the text behind it from being continued.
const sealing = {
  ToolCall: true,
  ToolInput: true,
  Signature: false,
  SealedReasoning: false,
  Refusal: true,
  Media: true,
  OtherChoice: true,
  Native: true
} as const satisfies { readonly [T in Piece["_tag"]]: boolean }

/** Whether a step shows something that cannot be spliced: a loss after it is a loss for good. */
export const seals = ({ pieces }: Pick<Delta, "pieces">): boolean =>
  pieces !== undefined && pieces.some(({ _tag }) => sealing[_tag])

/** A made-up end, for an answer whose upstream closed it without a word. */
export const madeUp = (reason: "stop" | "tool-calls"): Finish => ({ reason, native: reason, from: undefined })
