/**
 * What a scripted answer is made of: canonical steps, without a wire format.
 */
import type { Piece } from "../dialect/index.ts"

type Unsigned<P> = P extends { readonly by: unknown } ? Omit<P, "by"> : P

/**
 * One step of an answer: one event of most dialects. Pieces are those of canonical events; a signature is signed by
 * whoever plays it.
 */
export type Step =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Reasoning"; readonly text: string }
  | Unsigned<Exclude<Piece, { readonly _tag: "OtherChoice" | "Native" }>>
  /** Lets time pass. */
  | { readonly _tag: "Pause"; readonly millis: number }
  /** What the dialect writes while it has nothing to say: a comment, or an event of its own. */
  | { readonly _tag: "Ping" }

/** A step that a reader can see; `cutAfter` counts these. */
export const isSeen = (step: Step): boolean => step._tag !== "Pause" && step._tag !== "Ping"

/** A tool call with its input, in the pieces in which it comes. */
export interface Call {
  readonly _tag: "Call"
  readonly id: string
  readonly name: string
  readonly input: ReadonlyArray<string>
}

/** What an answer is made of; a string is text. Tool calls are numbered as they come. */
export type Part = string | Step | Call

/** A piece of text. */
export const text = (text: string): Step => ({ _tag: "Text", text })

/** A piece of reasoning. */
export const reasoning = (text: string): Step => ({ _tag: "Reasoning", text })

/** A tool call. `input` is its JSON, in pieces: one step each, after the one that names the call. */
export const toolCall = (call: Omit<Call, "_tag">): Call => ({ _tag: "Call", ...call })

/** What signs the reasoning so far, or a tool call. */
export const signature = (value: string, of: "reasoning" | { readonly call: number } = "reasoning"): Step => ({
  _tag: "Signature",
  value,
  of
})

/** Reasoning that only its upstream can read. */
export const sealedReasoning = (value: string): Step => ({ _tag: "SealedReasoning", value })

/** A piece of a refusal. */
export const refusal = (text: string): Step => ({ _tag: "Refusal", text })

/** So many milliseconds in which nothing comes. */
export const pause = (millis: number): Step => ({ _tag: "Pause", millis })

/** A sign of life that is no content. */
export const ping: Step = { _tag: "Ping" }

/** The steps of an answer's parts. */
export const stepsOf = (parts: ReadonlyArray<Part>): ReadonlyArray<Step> => {
  let calls = 0
  return parts.flatMap((part): ReadonlyArray<Step> => {
    if (typeof part === "string") return [text(part)]
    if (part._tag !== "Call") return [part]
    const index = calls++
    return [
      { _tag: "ToolCall", index, id: part.id, name: part.name },
      ...part.input.map((text): Step => ({ _tag: "ToolInput", index, text }))
    ]
  })
}

/** A text in the pieces in which models send it, about a word each. Joined they are the text. */
export const inWords = (text: string): ReadonlyArray<string> => text.match(/\s*\S+|\s+$/g) ?? []
