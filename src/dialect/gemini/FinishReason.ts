/**
 * Why a candidate ended, in Gemini's words and in ours.
 */
import type { Finish, FinishReason } from "../Event.ts"

const reasons: ReadonlyMap<string, FinishReason> = new Map<string, FinishReason>([
  ["STOP", "stop"],
  ["MAX_TOKENS", "length"],
  ...["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR"].map(
    (word) => [word, "content-filter"] as const
  ),
  // Of those who put other vendors' answers in Gemini's words, and leave this one as it was.
  ["END_TURN", "stop"],
  ["LENGTH", "length"],
  ["FUNCTION_CALL", "tool-calls"],
  ["TOOL_CALLS", "tool-calls"],
  ["TOOL_USE", "tool-calls"],
  ["CONTENT_FILTER", "content-filter"]
])

/** The words that say that the answer broke. */
const failures: ReadonlySet<string> = new Set(
  (
    "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS OTHER MALFORMED_RESPONSE " +
    "MISSING_THOUGHT_SIGNATURE ERROR ABORT ABORTED CANCELLED FAILED INTERRUPTED TIMEOUT NETWORK_ERROR INTERNAL_ERROR " +
    "SERVER_ERROR OVERLOADED"
  ).split(" ")
)

/** Whether a `finishReason` puts an answer down that is longer than one request may be: it goes on by its token. */
export const isContinuation = (native: string): boolean => native.toUpperCase() === "CONTINUATION"

/** Whether a `finishReason` says that nothing has ended yet. */
export const isUnspecified = (native: string): boolean => native === "" || native === "FINISH_REASON_UNSPECIFIED"

/** Whether a `finishReason` is no end: what was said before it is not whole. */
export const isFailure = (native: string): boolean => failures.has(native.toUpperCase())

/** A `finishReason` of an upstream's. It says `STOP` behind calls too. A word that nobody knows passes as it is. */
export const readFinishReason = (native: string, called: boolean): Finish => {
  const word = native.toUpperCase()
  const reason = word.startsWith("IMAGE_") ? "content-filter" : (reasons.get(word) ?? "unknown")
  return { reason: reason === "stop" && called ? "tool-calls" : reason, native, from: "gemini" }
}

const words: { readonly [R in FinishReason]: string } = {
  stop: "STOP",
  length: "MAX_TOKENS",
  "tool-calls": "STOP",
  "content-filter": "SAFETY",
  error: "OTHER",
  pause: "STOP",
  other: "STOP",
  unknown: "STOP"
}

/** The `finishReason` that a client is told; `refused`: what was shown is a refusal, which other vendors do not all say here. */
export const writeFinishReason = (finish: Finish, refused: boolean): string =>
  finish.from === "gemini" ? finish.native : refused ? "SAFETY" : words[finish.reason]
