/**
 * What an answer costs. The unit is the credit, an integer; a price is in credits a token, and may be a fraction of one.
 * Pure.
 */
import { matchesModel, type Usage } from "../dialect/index.ts"

/** What a model costs, in credits. Prices are exact to nine decimals. */
export interface Price {
  /** A token of the prompt. */
  readonly input: number
  /** A token of the answer, reasoning included. */
  readonly output: number
  /** A token of the prompt that the upstream read from its cache. */
  readonly cachedInput: number
  /** Each request, beside its tokens. */
  readonly request: number
}

/** Prices by pattern of the model that the client named; the first that matches counts. */
export type Prices = ReadonlyArray<readonly [pattern: string, price: Price]>

/** What is paid for a model that nobody has set a price for: a credit a token. */
export const plainPrice: Price = { input: 1, output: 1, cachedInput: 1, request: 0 }

/** The price of a model. */
export const priceOf = (prices: Prices, model: string): Price =>
  prices.find(([pattern]) => matchesModel(pattern, model))?.[1] ?? plainPrice

/** What is counted: tokens, of the prompt those among them that came from a cache. */
export type Counted = Pick<Usage, "inputTokens" | "outputTokens" | "cacheReadTokens">

/** Credits are reckoned in billionths, as integers: 100 tokens at 0.07 are 7 credits, and in floating point 8. */
const billionth = 1_000_000_000

const most = BigInt(Number.MAX_SAFE_INTEGER)

const times = (tokens: number, price: number): bigint =>
  BigInt(Math.max(0, Math.min(Math.round(tokens), Number.MAX_SAFE_INTEGER))) * BigInt(Math.round(price * billionth))

/**
 * What a usage costs, in whole credits: rounded up, once, at the end. At most `Number.MAX_SAFE_INTEGER`.
 *
 * ```ts import.meta.vitest
 * import { costOf } from "#src/account/Prices"
 *
 * const price = { input: 2.5, output: 10, cachedInput: 1.25, request: 0 }
 *
 * costOf(price, { inputTokens: 101, outputTokens: 20 }) // => 453
 * costOf(price, { inputTokens: 101, outputTokens: 20, cacheReadTokens: 100 }) // => 328
 * ```
 */
export const costOf = (
  { cachedInput, input, output, request }: Price,
  { cacheReadTokens = 0, inputTokens, outputTokens }: Counted
): number => {
  const cached = Math.min(cacheReadTokens, inputTokens)
  const sum =
    times(inputTokens - cached, input) + times(cached, cachedInput) + times(outputTokens, output) + times(1, request)
  const one = BigInt(billionth)
  const credits = (sum + one - 1n) / one
  return Number(credits > most ? most : credits)
}
