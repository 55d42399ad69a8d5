/**
 * What is paid for an answer that has ended, and whether anything is: the column `pays` of the classes. Pure.
 */
import type { Usage } from "../dialect/index.ts"
import { type Blame, type ByBlame } from "../errors/index.ts"
import { costOf, type Price } from "./Prices.ts"

/** How a reservation ends: with what the answer cost, or unused. */
export type Settlement = { readonly _tag: "Settle"; readonly credits: number } | { readonly _tag: "Refund" }

const refund: Settlement = { _tag: "Refund" }

/** Who pays for an answer that ended badly: `billed` is the caller, where the upstream has said what it cost. */
const pays = {
  caller: "nobody",
  content: "billed",
  credential: "nobody",
  quota: "nobody",
  rate: "nobody",
  model: "nobody",
  channel: "nobody",
  upstream: "delivered",
  timeout: "delivered",
  transport: "delivered",
  rejected: "nobody",
  exhausted: "delivered",
  storage: "nobody",
  cancelled: "delivered",
  defect: "nobody"
} as const satisfies ByBlame<"nobody" | "delivered" | "billed">

/** An answer that has ended. */
export interface EndedAnswer {
  /** Who was to blame for its bad end; `undefined` for a good one. */
  readonly blame: Blame | undefined
  /** One prompt, and the output that was delivered: as reported, or as estimated. */
  readonly usage: Usage
  /** Whether anything of it was delivered. */
  readonly delivered: boolean
}

/** Settles an answer by the price that it began with. */
export const settlementOf = (price: Price, { blame, delivered, usage }: EndedAnswer): Settlement => {
  const settle = (): Settlement => ({ _tag: "Settle", credits: costOf(price, usage) })
  if (blame === undefined) return settle()
  switch (pays[blame]) {
    case "nobody":
      return refund
    case "billed":
      return usage.estimated ? refund : settle()
    case "delivered":
      return delivered ? settle() : refund
  }
}
