/**
 * How an answer ended, in the words of OpenAI and of those that are like it.
 */
import type { Finish, FinishReason } from "../Event.ts"

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

/**
 * The words that say that the answer broke, whatever follows them, and what each stands for among the codes of errors.
 * `insufficient_system_resource` is DeepSeek's, `network_error` Zhipu's, `abort` vLLM's and SGLang's, `error` OpenRouter's.
 */
const failures: ReadonlyMap<string, string> = new Map<string, string>([
  ...[
    "error",
    "abort",
    "aborted",
    "cancelled",
    "canceled",
    "failed",
    "failure",
    "interrupted",
    "truncated",
    "network_error",
    "server_error",
    "internal_error",
    "internal_server_error",
    "engine_error",
    "model_error",
    "unknown_error",
    "malformed_function_call",
    "unexpected_tool_call",
    "too_many_tool_calls"
  ].map((word) => [word, "server_error"] as const),
  ...[
    "insufficient_system_resource",
    "overloaded",
    "engine_overloaded",
    "server_overloaded",
    "service_unavailable"
  ].map((word) => [word, "overloaded"] as const),
  ...["timeout", "timed_out", "deadline_exceeded"].map((word) => [word, "timeout"] as const)
])

// `STOP`; `function_call_filter: MALFORMED_FUNCTION_CALL` (Google's own chat completions).
const wordOf = (native: string): string => native.slice(native.lastIndexOf(" ") + 1).toLowerCase()

/** The code of the error that a `finish_reason` is; `undefined` for one that ends an answer. */
export const failureOf = (native: string): string | undefined => failures.get(wordOf(native))

/**
 * An upstream's `finish_reason`. A word that nobody knows is `unknown`: it passes as it is, and the answer is believed to
 * be whole only if its terminator comes, too.
 */
export const readFinish = (native: string): Finish => ({
  reason: reasons.get(wordOf(native)) ?? "unknown",
  native,
  from: "openai"
})

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
