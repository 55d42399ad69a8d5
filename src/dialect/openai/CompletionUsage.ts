/**
 * Token counts as chat completions tell them. OpenAI's are inclusive, as ours are; of other vendors some count what was
 * thought in the total alone, and some tell their counts in another place.
 */
import { isObject, type JsonObject } from "../Json.ts"
import { isCount, type Usage } from "../Usage.ts"

const detail = (usage: JsonObject, details: string, field: string): number | undefined => {
  const said = usage[details]
  const count = isObject(said) ? said[field] : undefined
  return isCount(count) ? count : undefined
}

// Moonshot tells what was read from its cache beside the counts.
const cachedIn = (usage: JsonObject): number | undefined => {
  const { cached_tokens: beside } = usage
  return detail(usage, "prompt_tokens_details", "cached_tokens") ?? (isCount(beside) ? beside : undefined)
}

/**
 * What a `usage` object says; what it does not say is 0, and the whole is then an estimate. What its total has beyond
 * prompt and completion is output, too, and was thought, unless its details say how much was.
 */
export const readUsage = (usage: unknown): Usage | undefined => {
  if (!isObject(usage)) return undefined
  const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = usage
  if (!isCount(input) && !isCount(output)) return undefined
  const beyond = isCount(input) && isCount(output) && isCount(total) ? Math.max(0, total - input - output) : 0
  return {
    inputTokens: isCount(input) ? input : 0,
    outputTokens: isCount(output) ? output + beyond : 0,
    cacheReadTokens: cachedIn(usage),
    cacheWriteTokens: undefined,
    reasoningTokens:
      detail(usage, "completion_tokens_details", "reasoning_tokens") ?? (beyond === 0 ? undefined : beyond),
    estimated: !isCount(input) || !isCount(output),
    native: { from: "openai", raw: usage }
  }
}

const usageIn = (holder: unknown): Usage | undefined => (isObject(holder) ? readUsage(holder["usage"]) : undefined)

/** The usage of an event or of an answer: at its top, or else where Groq and Moonshot tell it. */
export const usageOf = (raw: JsonObject, choices: ReadonlyArray<unknown> = []): Usage | undefined =>
  usageIn(raw) ?? usageIn(raw["x_groq"]) ?? usageIn(choices[0])

const counted = ["prompt_tokens", "completion_tokens", "total_tokens"] as const

/** The counts that an upstream said, where nothing was added to them or taken from them. */
const countsAsSaid = (usage: Usage, raw: JsonObject): JsonObject => {
  const said = readUsage(raw)
  return said?.inputTokens === usage.inputTokens && said.outputTokens === usage.outputTokens
    ? Object.fromEntries(counted.filter((field) => isCount(raw[field])).map((field) => [field, raw[field]]))
    : {}
}

/** Token counts as OpenAI's `usage`: all that an OpenAI upstream said, as it said it, or what there are words for. */
export const openaiUsage = (usage: Usage): JsonObject => {
  const counts = {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens
  }
  if (usage.native?.from === "openai") {
    return { ...usage.native.raw, ...counts, ...countsAsSaid(usage, usage.native.raw) }
  }
  return {
    ...counts,
    ...(usage.cacheReadTokens === undefined ? {} : { prompt_tokens_details: { cached_tokens: usage.cacheReadTokens } }),
    ...(usage.reasoningTokens === undefined
      ? {}
      : { completion_tokens_details: { reasoning_tokens: usage.reasoningTokens } })
  }
}
