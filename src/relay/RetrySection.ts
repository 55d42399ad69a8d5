/**
 * The section `retry`: what is tried again before anything was shown.
 */
import { Schema } from "effect"
import {
  beyondStatuses,
  declare,
  Fields,
  following,
  Millis,
  notAbove,
  statusMatcher,
  StatusRanges,
  valueAt
} from "../settings/index.ts"

const { choice, integer, notNegative, number, section, withDefault } = Fields

const schema = section({
  times: withDefault(integer(0), 3, "Further attempts after the first, before anything was shown."),
  keysPerChannel: withDefault(
    integer(1),
    2,
    "Keys of one channel that a request may fail with while other channels wait to be asked."
  ),
  hedgeAfter: withDefault(
    Schema.NullOr(Millis).annotate({ expected: 'a duration above zero such as "5 seconds", or null' }),
    null,
    "An attempt that shows nothing for so long gets a second beside it; null is none."
  ),
  base: withDefault(Millis, "200 millis", "The first backoff."),
  factor: withDefault(
    number("a number of at least 1", (value) => value >= 1, { minimum: 1 }),
    2,
    "What each backoff is of the one before."
  ),
  cap: withDefault(Millis, "10 seconds", "The longest backoff; at least base."),
  jitter: withDefault(choice(["none", "full", "equal", "proportional"]), "full", "How backoffs are spread."),
  sameChannel: withDefault(integer(0), 1, "Retries of a passing fault on the channel where it happened."),
  waitUpTo: withDefault(
    Millis,
    "3 seconds",
    "The longest wait for a channel: before another is tried, and where all that serve the model rest."
  ),
  statuses: withDefault(
    StatusRanges,
    "100-199,300-399,401-407,409-499,500-503,505-523,525-599",
    "Statuses that may be retried when nothing else gave a failure its class."
  ),
  budget: withDefault(
    section({
      ratio: withDefault(notNegative, 0.2, "Retries for each request."),
      minPerSecond: withDefault(notNegative, 10, "Retries a second that are always allowed.")
    }),
    {},
    "What retries may add to the load."
  )
})

/** The retry rules of the attempt loop. Times are milliseconds. */
export interface RetryOptions extends Omit<typeof schema.Type, "statuses"> {
  /** Whether a status may be retried at all, when nothing but the status gave the failure its class. */
  readonly statuses: (status: number) => boolean
}

/** `retry` */
export const RetrySection = declare({
  name: "retry",
  description: "What is tried again before anything was shown.",
  schema,
  absent: {},
  changes: { _tag: "AnyTime", fields: "all" },
  rules: [notAbove("retry", "base", "cap", section({ base: schema.fields.base, cap: schema.fields.cap }))],
  finish: (decoded, written): RetryOptions => {
    const [base, cap] = following(decoded.base, decoded.cap, valueAt(written, ["cap"]) !== undefined)
    const listed = statusMatcher(decoded.statuses)
    // What no range can name, none can leave out.
    return { ...decoded, base, cap, statuses: (status) => listed(status) || beyondStatuses(status) }
  }
})
