/**
 * Token counts as the Responses API tells them. They are inclusive, as ours are.
 */
import { isObject, type JsonObject } from "../Json.ts"
import { isCount, type Usage } from "../Usage.ts"

const detail = (details: unknown, field: string): number | undefined => {
  const count = isObject(details) ? details[field] : undefined
  return isCount(count) ? count : undefined
}

/** What a `usage` object says; what it does not say is 0, and the whole is then an estimate. */
export const readResponseUsage = (raw: unknown): Usage | undefined => {
  if (!isObject(raw)) return undefined
  const {
    input_tokens: input,
    input_tokens_details: inputs,
    output_tokens: output,
    output_tokens_details: outputs
  } = raw
  if (!isCount(input) && !isCount(output)) return undefined
  return {
    inputTokens: isCount(input) ? input : 0,
    outputTokens: isCount(output) ? output : 0,
    cacheReadTokens: detail(inputs, "cached_tokens"),
    cacheWriteTokens: detail(inputs, "cache_write_tokens"),
    reasoningTokens: detail(outputs, "reasoning_tokens"),
    estimated: !isCount(input) || !isCount(output),
    native: { from: "responses", raw }
  }
}

/** A usage as a `usage` object, with all that a Responses upstream said. Its details are never left out: clients read them. */
export const writeResponseUsage = (usage: Usage): JsonObject => {
  const { cacheReadTokens, cacheWriteTokens, inputTokens, native, outputTokens, reasoningTokens } = usage
  const own = native?.from === "responses" ? native.raw : {}
  const inputs = isObject(own["input_tokens_details"]) ? own["input_tokens_details"] : {}
  const outputs = isObject(own["output_tokens_details"]) ? own["output_tokens_details"] : {}
  return {
    ...own,
    input_tokens: inputTokens,
    input_tokens_details: {
      ...inputs,
      cached_tokens: cacheReadTokens ?? 0,
      cache_write_tokens: cacheWriteTokens ?? 0
    },
    output_tokens: outputTokens,
    output_tokens_details: { ...outputs, reasoning_tokens: reasoningTokens ?? 0 },
    total_tokens: inputTokens + outputTokens
  }
}
