/**
 * The section `errorLog`: which failures are kept, and for how long.
 */
import { declare, Fields, LongMillis } from "../settings/index.ts"

const { flag, integer, section, withDefault } = Fields

const schema = section({
  enabled: withDefault(flag, true, "Whether failures are kept in the books."),
  retention: withDefault(LongMillis, "30 days", "For how long a row is kept."),
  ip: withDefault(flag, false, "Whether a row has the address that the request came from."),
  successes: withDefault(flag, false, "Whether requests that went well leave a row too."),
  maxRows: withDefault(integer(1), 1_000_000, "The most rows; the oldest go first.")
})

/** What is kept of failures. Times are milliseconds. */
export type ErrorLogOptions = typeof schema.Type

/** `errorLog` */
export const ErrorLogSection = declare({
  name: "errorLog",
  description: "What failed, as rows in the books that can be searched.",
  schema,
  absent: {},
  changes: { _tag: "AnyTime", fields: "all" }
})
