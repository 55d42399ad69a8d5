/**
 * The section `ledger`: how long it is kept what was granted and spent.
 */
import { declare, Fields, LongMillis } from "../settings/index.ts"

const { section, withDefault } = Fields

/** `ledger` */
export const LedgerSection = declare({
  name: "ledger",
  description: "How long it is kept what was granted and spent.",
  schema: section({
    retention: withDefault(LongMillis, "400 days", "How long a row can be read. Balances are kept without their rows.")
  }),
  absent: {},
  changes: { _tag: "Reload" }
})
