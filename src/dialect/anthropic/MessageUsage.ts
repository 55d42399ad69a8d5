/**
 * Token counts as Anthropic tells them. Its `input_tokens` are those that no cache had, ours are all.
 */
import { isObject, type JsonObject } from "../Json.ts"
import { isCount, type Usage } from "../Usage.ts"

const countOf = (value: unknown): number | undefined => (isCount(value) ? value : undefined)

/**
 * What a `usage` object says. `whole` is whether it comes at the end: at the beginning of a stream it says the input, and
 * of the output nothing yet.
 */
export const readMessageUsage = (raw: JsonObject, whole: boolean): Usage | undefined => {
  const { input_tokens: input, output_tokens: output, output_tokens_details: details } = raw
  if (!isCount(input) && !isCount(output)) return undefined
  const cacheReadTokens = countOf(raw["cache_read_input_tokens"])
  const cacheWriteTokens = countOf(raw["cache_creation_input_tokens"])
  return {
    inputTokens: (isCount(input) ? input : 0) + (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0),
    outputTokens: isCount(output) ? output : 0,
    cacheReadTokens,
    cacheWriteTokens,
    reasoningTokens: isObject(details) ? countOf(details["thinking_tokens"]) : undefined,
    estimated: !whole || !isCount(input) || !isCount(output),
    native: { from: "anthropic", raw }
  }
}

/** The totals so far, with what a later event says of them: what it leaves out or calls `null` stays. */
export const mergeMessageUsage = (sofar: JsonObject, later: unknown): JsonObject => {
  if (!isObject(later)) return sofar
  const merged = { ...sofar }
  for (const [field, value] of Object.entries(later)) {
    if ((value !== null || merged[field] === undefined) && field !== "__proto__") merged[field] = value
  }
  return merged
}

const inputCounts = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"] as const

const hasInput = (usage: JsonObject): boolean => inputCounts.some((field) => (countOf(usage[field]) ?? 0) > 0)

/**
 * The totals that an upstream has said so far: an input of nothing takes no count back. Proxies end with one where the
 * beginning had the count.
 */
export const addMessageUsage = (sofar: JsonObject, later: unknown): JsonObject => {
  const merged = mergeMessageUsage(sofar, later)
  if (hasInput(merged) || !hasInput(sofar)) return merged
  for (const field of inputCounts) if (sofar[field] !== undefined) merged[field] = sofar[field]
  return merged
}

/** A usage as a `usage` object, with all that an Anthropic upstream said. */
export const writeMessageUsage = (usage: Usage): JsonObject => {
  const { cacheReadTokens, cacheWriteTokens, inputTokens, native, outputTokens, reasoningTokens } = usage
  const counts = {
    input_tokens: Math.max(0, inputTokens - (cacheReadTokens ?? 0) - (cacheWriteTokens ?? 0)),
    ...(cacheWriteTokens === undefined ? {} : { cache_creation_input_tokens: cacheWriteTokens }),
    ...(cacheReadTokens === undefined ? {} : { cache_read_input_tokens: cacheReadTokens }),
    output_tokens: outputTokens
  }
  if (native?.from === "anthropic") return { ...native.raw, ...counts }
  return {
    ...counts,
    ...(reasoningTokens === undefined ? {} : { output_tokens_details: { thinking_tokens: reasoningTokens } })
  }
}

const counted = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"] as const

/** Whether two `usage` objects count the same. */
export const countsAlike = (a: JsonObject, b: JsonObject): boolean =>
  counted.every((field) => (countOf(a[field]) ?? 0) === (countOf(b[field]) ?? 0))
