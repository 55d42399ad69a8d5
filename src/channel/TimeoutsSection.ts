/**
 * The section `timeouts`: the clocks of an attempt and its request. A channel may have its own.
 */
import { declare, Fields, Millis } from "../settings/index.ts"

const { optional, section, withDefault } = Fields

const schema = section({
  headers: withDefault(Millis, "30 seconds", "Until an upstream's headers."),
  firstContent: withDefault(Millis, "30 seconds", "From the same start until its first content."),
  idle: withDefault(Millis, "60 seconds", "Between two pieces of content."),
  total: withDefault(Millis, "10 minutes", "For the whole request, over all attempts.")
})

/** The four clocks of an attempt and its request, in milliseconds. */
export type Timeouts = typeof schema.Type

/** `timeouts` */
export const TimeoutsSection = declare({
  name: "timeouts",
  description: "The clocks of a request.",
  schema,
  absent: {},
  changes: { _tag: "AnyTime", fields: "all" }
})

/** The clocks of one channel, over the general ones. */
export const ChannelTimeouts = section({
  headers: optional(Millis, "Over the general one."),
  firstContent: optional(Millis, "Over the general one."),
  idle: optional(Millis, "Over the general one."),
  total: optional(Millis, "Over the general one.")
})
