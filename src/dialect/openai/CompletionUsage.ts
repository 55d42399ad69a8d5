/**
 * Token counts as chat completions tell them. OpenAI's are inclusive, as ours are; of other vendors some count what was
 * thought in the total alone, and some tell their counts in another place.
 */
import { isObject, type JsonObject } from "../Json.ts"
import { isCount, type Usage } from "../Usage.ts"

/** Where a count is told, in this order: in the details, or beside the counts. */
type Places = ReadonlyArray<readonly [details: string | undefined, field: string]>

const inputDetails = "prompt_tokens_details"
const outputDetails = "completion_tokens_details"

const cacheReads: Places = [
  [inputDetails, "cached_tokens"],
  [undefined, "cached_tokens"],
  [undefined, "prompt_cache_hit_tokens"],
  [undefined, "cache_read_input_tokens"]
]
const cacheWrites: Places = [
  [inputDetails, "cache_write_tokens"],
  [inputDetails, "cache_creation_tokens"],
  [inputDetails, "cache_creation_input_tokens"],
  [undefined, "cache_creation_input_tokens"]
]
const thoughts: Places = [
  [outputDetails, "reasoning_tokens"],
  [undefined, "reasoning_tokens"]
]

const countAt = (usage: JsonObject, places: Places): number | undefined => {
  for (const [details, field] of places) {
    const holder = details === undefined ? usage : usage[details]
    const count = isObject(holder) ? holder[field] : undefined
    if (isCount(count)) return count
  }
  return undefined
}

/** The counts that a usage says, and what its total has beyond them: that is the one of the two that is missing. */
interface Counts {
  readonly input: number | undefined
  readonly output: number | undefined
  readonly beyond: number
}

const countsOf = ({ completion_tokens: output, prompt_tokens: input, total_tokens: total }: JsonObject): Counts => {
  const known = { input: isCount(input) ? input : undefined, output: isCount(output) ? output : undefined }
  if (!isCount(total)) return { ...known, beyond: 0 }
  const rest = total - (known.input ?? 0) - (known.output ?? 0)
  if (rest <= 0) return { ...known, beyond: 0 }
  if (known.input === undefined) return { input: rest, output: known.output, beyond: 0 }
  return known.output === undefined ? { input: known.input, output: rest, beyond: 0 } : { ...known, beyond: rest }
}

/**
 * Of what a total has beyond its counts, what was thought: what is said to have been, where the output cannot hold it or
 * where it is just that; and all of it where nothing says what it is.
 */
const thoughtBeyond = (beyond: number, output: number, thought: number | undefined, cached: number): number => {
  if (thought === undefined) return beyond === cached ? 0 : beyond
  return thought === beyond || thought > output ? Math.min(thought, beyond) : 0
}

/**
 * What a `usage` object says; what it does not say is 0, and the whole is then an estimate. What its total has beyond prompt
 * and completion was thought, and is output, unless its details say that nothing was or how much was inside the output:
 * then it is input, as what a cache holds is for those who count it beside the prompt.
 */
export const readUsage = (usage: unknown): Usage | undefined => {
  if (!isObject(usage) || !(isCount(usage["prompt_tokens"]) || isCount(usage["completion_tokens"]))) return undefined
  const counts = countsOf(usage)
  const { beyond, input = 0, output = 0 } = counts
  const cacheReadTokens = countAt(usage, cacheReads)
  const cacheWriteTokens = countAt(usage, cacheWrites)
  const cached = (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0)
  const said = countAt(usage, thoughts)
  const thought = thoughtBeyond(beyond, output, said, cached)
  const read = input + beyond - thought
  return {
    // More than all of a prompt is no part of it.
    inputTokens: cached > read ? read + cached : read,
    outputTokens: output + thought,
    cacheReadTokens,
    cacheWriteTokens,
    // What is more than all of the output was not written for this answer.
    reasoningTokens: said !== undefined && said <= output + thought ? said : thought === 0 ? undefined : thought,
    estimated: counts.input === undefined || counts.output === undefined,
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
