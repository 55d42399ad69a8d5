/**
 * The words for an end that is none, of OpenAI's dialects and of those that are like them.
 */

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

/** A finish as one lower-case word: `STOP`; `function_call_filter: MALFORMED_FUNCTION_CALL` (Google's own chat completions). */
export const wordOf = (native: string): string => native.slice(native.lastIndexOf(" ") + 1).toLowerCase()

/** The code of the error that a `finish_reason` is; `undefined` for one that ends an answer. */
export const failureOf = (native: string): string | undefined => failures.get(wordOf(native))
