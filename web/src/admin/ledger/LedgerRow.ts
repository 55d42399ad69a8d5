/**
 * A row of the ledger, as the page has it. Pure.
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
