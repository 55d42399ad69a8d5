/**
 * Why a message stopped, in Anthropic's words and in ours.
 */
import type { Finish, FinishReason } from "../Event.ts"

const reasons: { readonly [native: string]: FinishReason } = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  pause_turn: "pause",
  refusal: "content-filter"
}

/** A `stop_reason` of an upstream's. */
export const readStopReason = (native: string): Finish => ({
  reason: Object.hasOwn(reasons, native) ? reasons[native]! : "other",
  native,
  from: "anthropic"
})

const words: { readonly [R in FinishReason]: string } = {
  stop: "end_turn",
  length: "max_tokens",
  "tool-calls": "tool_use",
  "content-filter": "refusal",
  error: "end_turn",
  pause: "pause_turn",
  other: "end_turn",
  unknown: "end_turn"
}

/** What an answer has shown, as far as it tells why it stopped. */
export interface Shown {
  readonly called: boolean
  readonly refused: boolean
}

/**
 * The `stop_reason` that a client is told. Other vendors do not all say why: a refusal and a tool call are recognised by
 * what was shown, since a client acts on them by this word alone.
 */
export const writeStopReason = (finish: Finish, shown: Shown): string => {
  if (finish.from === "anthropic") return finish.native
  if (shown.refused) return "refusal"
  return finish.reason === "stop" && shown.called ? "tool_use" : words[finish.reason]
}
