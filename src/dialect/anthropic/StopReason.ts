/**
 * Why a message stopped, in Anthropic's words and in ours.
 */
import type { Finish, FinishReason } from "../Event.ts"

const reasons: ReadonlyMap<string, FinishReason> = new Map<string, FinishReason>([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["tool_use", "tool-calls"],
  ["pause_turn", "pause"],
  ["refusal", "content-filter"],
  // Of those who put other vendors' answers in Anthropic's words, and leave this one as it was.
  ["stop", "stop"],
  ["length", "length"],
  ["tool_calls", "tool-calls"],
  ["content_filter", "content-filter"]
])

/** The words that say that the answer broke, whatever follows them. */
const failures: ReadonlySet<string> = new Set(
  (
    "error abort aborted cancelled canceled failed interrupted truncated timeout network_error server_error " +
    "internal_error api_error overloaded overloaded_error insufficient_system_resource"
  ).split(" ")
)

/** Whether a `stop_reason` is no end: what was said before it is not whole. */
export const isFailure = (native: string): boolean => failures.has(native.toLowerCase())

/** A `stop_reason` of an upstream's. A word that nobody knows passes as it is. */
export const readStopReason = (native: string): Finish => ({
  reason: reasons.get(native) ?? "unknown",
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
  /** The stop sequence of the client's that it stopped at. */
  readonly sequence: string | undefined
}

/**
 * The `stop_reason` that a client is told. Other vendors do not all say why: a refusal and a tool call are recognised by
 * what was shown, since a client acts on them by this word alone.
 */
export const writeStopReason = (finish: Finish, shown: Shown): string => {
  if (finish.from === "anthropic") return finish.native
  if (shown.refused) return "refusal"
  if (finish.reason !== "stop") return words[finish.reason]
  if (shown.called) return "tool_use"
  return shown.sequence === undefined ? words.stop : "stop_sequence"
}
