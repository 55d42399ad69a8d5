/**
 * How an answer ended, in the words of OpenAI and of those that are like it.
 */
import type { Finish, FinishReason } from "../Event.ts"
import type { JsonObject } from "../Json.ts"
import { wordOf } from "../OpenAIFailures.ts"

const reasons: ReadonlyMap<string, FinishReason> = new Map<string, FinishReason>([
  ...["stop", "stop_sequence", "end_turn", "eos", "eos_token", "complete", "completed"].map(
    (word) => [word, "stop"] as const
  ),
  ...["length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"].map(
    (word) => [word, "length"] as const
  ),
  ...["tool_calls", "tool_call", "tool_use", "function_call"].map((word) => [word, "tool-calls"] as const),
  ...[
    "content_filter",
    "content_filtered",
    "sensitive",
    "safety",
    "refusal",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii"
  ].map((word) => [word, "content-filter"] as const)
])

/** Where a choice says which stop sequence it stopped at: vLLM's field, and SGLang's. A number there is a token's. */
export const stopFields = ["stop_reason", "matched_stop"] as const

/**
 * An upstream's `finish_reason`, in the choice that says it. A word that nobody knows is `unknown`: it passes as it is, and
 * the answer is believed to be whole only if its terminator comes, too.
 */
export const readFinish = (native: string, choice: JsonObject = {}): Finish => {
  const sequence = stopFields.map((field) => choice[field]).find((said) => typeof said === "string")
  const finish: Finish = { reason: reasons.get(wordOf(native)) ?? "unknown", native, from: "openai" }
  return sequence === undefined ? finish : { ...finish, sequence }
}

const words: { readonly [R in FinishReason]: string } = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool_calls",
  "content-filter": "content_filter",
  error: "stop",
  pause: "stop",
  other: "stop",
  unknown: "stop"
}

/** The `finish_reason` that a client is told. */
export const writeFinish = (finish: Finish): string => (finish.from === "openai" ? finish.native : words[finish.reason])
