/**
 * Token counts as Gemini tells them: running totals, in every event. What was thought is not among its candidates' tokens,
 * and what its own tools have read is not among those of the prompt; ours are all.
 */
import { isObject, type JsonObject } from "../Json.ts"
import { isCount, type Usage } from "../Usage.ts"

const countOf = (value: unknown): number => (isCount(value) ? value : 0)

/** The candidates' tokens, or what the total has beyond all else where they are not counted. */
const saidTokens = (raw: JsonObject, read: number): number => {
  const { candidatesTokenCount: said, thoughtsTokenCount: thought, totalTokenCount: total } = raw
  if (isCount(said)) return said
  return isCount(total) && isCount(raw["promptTokenCount"]) ? Math.max(0, total - read - countOf(thought)) : 0
}

/** What a `usageMetadata` says. */
export const readUsageMetadata = (raw: unknown): Usage | undefined => {
  if (!isObject(raw)) return undefined
  const { cachedContentTokenCount: cached, candidatesTokenCount: said, promptTokenCount: prompt } = raw
  const { thoughtsTokenCount: thought, toolUsePromptTokenCount: tools } = raw
  if (!isCount(prompt) && !isCount(said) && !isCount(thought)) return undefined
  const read = countOf(prompt) + countOf(tools)
  return {
    inputTokens: read,
    outputTokens: saidTokens(raw, read) + countOf(thought),
    cacheReadTokens: isCount(cached) ? cached : undefined,
    cacheWriteTokens: undefined,
    reasoningTokens: isCount(thought) ? thought : undefined,
    // An answer of nothing has no count: Google leaves out what is 0.
    estimated: !isCount(prompt),
    native: { from: "gemini", raw }
  }
}

/** A usage as a `usageMetadata`, with all that a Gemini upstream said. */
export const writeUsageMetadata = (usage: Usage): JsonObject => {
  const { cacheReadTokens, inputTokens, native, outputTokens, reasoningTokens } = usage
  if (native?.from === "gemini") {
    const said = readUsageMetadata(native.raw)
    if (said?.inputTokens === inputTokens && said.outputTokens === outputTokens) return native.raw
  }
  const thought = Math.min(reasoningTokens ?? 0, outputTokens)
  return {
    promptTokenCount: inputTokens,
    ...(cacheReadTokens === undefined ? {} : { cachedContentTokenCount: cacheReadTokens }),
    candidatesTokenCount: outputTokens - thought,
    ...(reasoningTokens === undefined ? {} : { thoughtsTokenCount: thought }),
    totalTokenCount: inputTokens + outputTokens
  }
}
