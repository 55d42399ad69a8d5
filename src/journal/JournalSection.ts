/**
 * The section `journal`: how long answers are kept, and what becomes of those that nobody reads.
 */
import { declare, Fields, LongMillis, Millis } from "../settings/index.ts"

const { choice, flag, integer, section, withDefault } = Fields

const schema = section({
  retention: withDefault(LongMillis, "10 minutes", "How long an answer can be read after it has ended."),
  idempotencyRetention: withDefault(
    LongMillis,
    "24 hours",
    "How long an idempotency key stands for its answer after it has ended; longer than `retention` it is answered 410. A store in memory knows the last 500,000 of those."
  ),
  onDisconnect: withDefault(
    choice(["detach", "cancel"]),
    "detach",
    "What becomes of an answer whose last reader has left: it goes on, or it ends."
  ),
  detachGrace: withDefault(Millis, "60 seconds", "How long an answer goes on that nobody reads."),
  maxBytes: withDefault(
    integer(0),
    268_435_456,
    "What answers that have ended may take in the store, in bytes; beyond it the oldest are forgotten early."
  ),
  onRestart: withDefault(
    choice(["resume", "fail"]),
    "resume",
    "What becomes of the answers of a process that is gone: they go on, or they end."
  ),
  storeRequests: withDefault(
    flag,
    true,
    "Whether requests are kept until their answers have ended; without them no answer goes on after a restart."
  ),
  resumeGrace: withDefault(
    Millis,
    "30 seconds",
    "How long an answer that goes on after a restart may take at least, whatever its own time says."
  ),
  takeOverAtOnce: withDefault(integer(1), 8, "How many answers go on at the same time after a restart.")
})

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
