/**
 * What an answer cost, in tokens: as an upstream said it, or as it is estimated where none did.
 */
import type { JsonObject } from "./Json.ts"
import type { UpstreamDialectName } from "./Names.ts"

/**
 * The token counts of an answer, in the words of Effect's `ai/Response`. They are inclusive: what was read from or written
 * to a cache is part of `inputTokens`, reasoning is part of `outputTokens`.
 */
export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
  /** Of the input: read from a cache. */
  readonly cacheReadTokens?: number | undefined
  /** Of the input: written to a cache. */
  readonly cacheWriteTokens?: number | undefined
  /** Of the output: spent on reasoning. */
  readonly reasoningTokens?: number | undefined
  /** An upstream did not say them all. */
  readonly estimated: boolean
  /** The upstream's own usage, for a client of the same dialect: it may say more than there are words for here. */
  readonly native?: { readonly from: UpstreamDialectName; readonly raw: JsonObject } | undefined
}

/** Whether an upstream's value counts tokens: clients of every dialect read whole numbers. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/**
 * How many tokens a text is, about: a quarter of its ASCII characters, one for each other code point, rounded up. It is
 * within a third for English and for Chinese with the tokenizers in use; nothing that must be exact may rest on it.
 */
export const estimateTokens = (text: string): number => Math.ceil(tokenQuarters(text) / 4)

/** Four times what `estimateTokens` gives before it is rounded: to add the texts of many parts up. */
export const tokenQuarters = (text: string): number => {
  let quarters = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) quarters += 1
    else if ((unit & 0xfc00) !== 0xdc00) quarters += 4
  }
  return quarters
}
