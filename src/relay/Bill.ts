/**
 * What an answer costs its caller: the price is known when it begins, kept in its note, and the bill made out when it ends,
 * in whatever process that is.
 */
import { plainPrice, type Price, type Settlement, settlementOf } from "../account/index.ts"
import type { Usage } from "../dialect/index.ts"
import { blameOf, type ResilienceError } from "../errors/index.ts"

/** How an answer ended, for its bill. */
export interface Billed {
  readonly error: ResilienceError | undefined
  readonly usage: Usage
  /** Whether its client was given anything of it. */
  readonly delivered: boolean
}

/** Makes out the bill. Without a price a token is a credit. */
export const settled = (price: Price | undefined, { delivered, error, usage }: Billed): Settlement =>
  settlementOf(price ?? plainPrice, { blame: error === undefined ? undefined : blameOf(error), usage, delivered })

/** What is paid by a settlement. */
export const creditsOf = (settlement: Settlement): number => (settlement._tag === "Settle" ? settlement.credits : 0)
