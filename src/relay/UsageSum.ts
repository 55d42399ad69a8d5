/**
 * What an answer cost, over all the attempts that showed something of it: the first one's input, everybody's output.
 */
import type { Usage } from "../dialect/index.ts"

/** What one attempt showed, and what its upstream said of it. */
export interface UsagePart {
  shown: string
  usage: Usage | undefined
}

/** A rough count of the tokens in so many characters: four each, as the common tokenisers give for English. */
export const estimateTokens = (characters: number): number => Math.ceil(characters / 4)

/** The usage of an answer. What no upstream said is estimated, and the sum says so. */
export const sumUsage = (parts: ReadonlyArray<UsagePart>, inputEstimate: number): Usage => {
  let estimated = false
  let outputTokens = 0
  for (const part of parts) {
    if (part.usage === undefined) {
      if (part.shown === "") continue
      estimated = true
      outputTokens += estimateTokens(part.shown.length)
    } else {
      outputTokens += part.usage.outputTokens
      estimated ||= part.usage.estimated
    }
  }
  const first = parts[0]?.usage
  if (first === undefined) estimated = true
  return { inputTokens: first?.inputTokens ?? inputEstimate, outputTokens, estimated }
}
