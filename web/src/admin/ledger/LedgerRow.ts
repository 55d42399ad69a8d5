/**
 * The ledger: its rows, what they amount to, and what was used. Pure.
 */
import { fieldsOf, idOf, momentOf, numberOf, textOf } from "../Decode.ts"

/** A row of the ledger. */
export interface LedgerRow {
  readonly id: string
  readonly at: number | undefined
  /** Whose it is; of a group's grant, the group. */
  readonly owner: string
  readonly kind: string
  readonly amount: number | undefined
  readonly streamId: string | undefined
  readonly reason: string | undefined
  readonly balance: number | undefined
}

/** A row of `GET /admin/ledger`. */
export const ledgerRowOf = (value: unknown): LedgerRow => {
  const row = fieldsOf(value)
  return {
    id: idOf(row["id"]),
    at: momentOf(row["at"]),
    // What is asked on a relay without tokens is nobody's; what has no token at all is a group's.
    owner: row["token"] === "" ? "no token" : (textOf(row["token"]) ?? `group ${idOf(row["group"])}`),
    kind: textOf(row["kind"]) ?? "",
    amount: numberOf(row["amount"]),
    streamId: textOf(row["stream_id"]),
    reason: textOf(row["reason"]),
    balance: numberOf(row["balance"])
  }
}

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

/** How much one token, group, model, channel or day has used. */
export interface Usage {
  readonly name: string
  readonly credits: number
  readonly requests: number | undefined
}

/** A row of `GET /admin/usage?by=`. */
export const usageOf = (value: unknown): Usage => {
  const row = fieldsOf(value)
  return { name: idOf(row["key"]), credits: numberOf(row["credits"]) ?? 0, requests: numberOf(row["requests"]) }
}
