/**
 * The section `audit`: how long it is kept who changed what.
 */
import { declare, Fields, LongMillis } from "../settings/index.ts"

const { section, withDefault } = Fields

const schema = section({
  retention: withDefault(LongMillis, "400 days", "How long a change can be read in the audit.")
})

/** What is kept of changes. Times are milliseconds. */
export type AuditOptions = typeof schema.Type

/** `audit` */
export const AuditSection = declare({
  name: "audit",
  description: "How long it is kept who changed what.",
  schema,
  absent: {},
  changes: { _tag: "Reload" }
})
