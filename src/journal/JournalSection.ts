/**
 * The section `journal`: how long answers are kept, and what becomes of those that nobody reads.
 */
import { declare, Fields, LongMillis, Millis } from "../settings/index.ts"

const { choice, section, withDefault } = Fields

const schema = section(
  {
    retention: withDefault(LongMillis, "10 minutes", "How long an answer can be read after it has ended."),
    onDisconnect: withDefault(
      choice(["detach", "cancel"]),
      "detach",
      "What becomes of an answer whose last reader has left: it goes on, or it ends."
    ),
    detachGrace: withDefault(Millis, "60 seconds", "How long an answer goes on that nobody reads.")
  },
  ["onRestart", "storeRequests", "idempotencyRetention"]
)

/** What is kept of answers. Times are milliseconds. */
export type JournalOptions = typeof schema.Type

/** `journal` */
export const JournalSection = declare({
  name: "journal",
  description: "How long answers are kept, and what becomes of those that nobody reads.",
  schema,
  absent: {},
  changes: { _tag: "Restart" }
})
