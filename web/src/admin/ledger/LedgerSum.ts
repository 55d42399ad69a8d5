/**
 * What the ledger amounts to, as the page has it. Pure.
 */
import { fieldsOf, numberOf } from "../Decode.ts"

/** The ledger added up. */
export interface LedgerSum {
  readonly granted: number | undefined
  readonly settled: number | undefined
  readonly refunded: number | undefined
  readonly open: number | undefined
  readonly drift: number | undefined
}

/** The answer of `GET /admin/ledger/sum`. */
export const ledgerSumOf = (value: unknown): LedgerSum => {
  const sum = fieldsOf(value)
  return {
    granted: numberOf(sum["granted"]),
    settled: numberOf(sum["settled"]),
    refunded: numberOf(sum["refunded"]),
    open: numberOf(sum["open"]),
    drift: numberOf(sum["drift"])
  }
}
