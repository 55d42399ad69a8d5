/**
 * What an answer cost its caller, over all the attempts that showed something of it: the first one's input, and of
 * everybody's output what was delivered. What retries, hedges and continuations were asked with, and what a continuation
 * said again, is the operator's.
 */
import { type Delta, tokenQuarters, type Usage } from "../dialect/index.ts"

/** What one attempt showed, and what its upstream said of it. */
export interface UsagePart {
  /** Four times the estimate of the tokens that were shown: text, reasoning, and what is in tool calls. */
  quarters: number
  usage: Usage | undefined
  /**
   * Of a continuation that writes its own beginning: four times the estimate of what it said again, which was not shown.
   */
  repeated?: number | undefined
}

/** Four times the estimate of the tokens that a step has beside its text. */
export const quartersBeside = ({ pieces, reasoning }: Delta): number => {
  let quarters = tokenQuarters(reasoning)
  if (pieces === undefined) return quarters
  for (const piece of pieces) {
    if (piece._tag === "ToolInput" || piece._tag === "Refusal") quarters += tokenQuarters(piece.text)
    else if (piece._tag === "ToolCall") quarters += tokenQuarters(piece.name)
  }
  return quarters
}

/** Of the output that a continuation reports, what was shown of it: neither what it said again nor what it thought anew. */
const deliveredOf = ({ quarters, repeated }: UsagePart, outputTokens: number, reasoningTokens = 0): number =>
  repeated === undefined
    ? outputTokens
    : quarters === 0
      ? 0
      : Math.ceil((Math.max(0, outputTokens - reasoningTokens) * quarters) / (quarters + repeated))

const add = (sum: number | undefined, more: number | undefined): number | undefined =>
  more === undefined ? sum : (sum ?? 0) + more

/** Whether a count of the output is none: it came at the beginning, or says 0 of what was shown, as those do who do not count. */
const isUncounted = ({ quarters }: UsagePart, { estimated, outputTokens }: Usage): boolean =>
  estimated || (outputTokens === 0 && quarters > 0)

/**
 * The usage of an answer. What no upstream said is estimated, and the sum says so: an input of 0 says nothing, since nobody
 * asks for nothing.
 */
export const sumUsage = (parts: ReadonlyArray<UsagePart>, inputEstimate: () => number): Usage => {
  let estimated = false
  let outputTokens = 0
  let reasoningTokens: number | undefined
  let counted = 0
  for (const part of parts) {
    if (part.usage === undefined) {
      if (part.quarters === 0) continue
      estimated = true
      outputTokens += Math.ceil(part.quarters / 4)
    } else {
      // What is said at the beginning says nothing of what came after it: a cut answer cost at least what it showed.
      const delivered = deliveredOf(part, part.usage.outputTokens, part.usage.reasoningTokens)
      const uncounted = isUncounted(part, part.usage)
      outputTokens += uncounted ? Math.max(delivered, Math.ceil(part.quarters / 4)) : delivered
      if (part.repeated === undefined) reasoningTokens = add(reasoningTokens, part.usage.reasoningTokens)
      estimated ||= uncounted
    }
    counted++
  }
  const first = parts[0]?.usage
  const inputTokens = first?.inputTokens ?? 0
  if (inputTokens === 0) estimated = true
  return {
    inputTokens: inputTokens === 0 ? inputEstimate() : inputTokens,
    outputTokens,
    cacheReadTokens: first?.cacheReadTokens,
    cacheWriteTokens: first?.cacheWriteTokens,
    reasoningTokens,
    estimated,
    // An upstream's own words hold for what it said itself, and for nothing that was added up.
    native: counted === 1 ? first?.native : undefined
  }
}
