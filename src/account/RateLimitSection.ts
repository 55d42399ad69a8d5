/**
 * The section `rateLimit`: how often each may ask.
 */
import { Schema } from "effect"
import { declare, Fields, Millis } from "../settings/index.ts"
import type { RateLimit } from "./RateLimits.ts"

const { choice, integer, optional, section, withDefault } = Fields

const orNone = Schema.NullOr(integer(1)).annotate({ expected: "an integer of at least 1, or null" })

/** How often a token may ask, as it is written. */
export const rateFields = {
  requests: withDefault(orNone, 60, "Requests in the time; null is any number."),
  tokens: withDefault(
    orNone,
    null,
    "Tokens of models in the time, charged when an answer has ended; null is any number."
  ),
  per: withDefault(Millis, "1 minute", "The time. What was not used of it is there later, up to so much at once.")
}

const schema = section({
  ...rateFields,
  by: optional(
    choice(["token", "address"]),
    "Who is counted: each token, or each address (of IPv6 a /64). By default tokens, and addresses where there are none."
  )
})

/** How often each may ask. */
export interface RateLimitOptions extends RateLimit {
  /** `undefined`: by token where there are any. */
  readonly by: "token" | "address" | undefined
}

/** `rateLimit` */
export const RateLimitSection = declare({
  name: "rateLimit",
  description: "How often each may ask. None: as often as it likes.",
  schema: Schema.NullOr(schema).annotate({ expected: "an object, or null" }),
  absent: null,
  changes: { _tag: "AnyTime", fields: "all" },
  finish: (decoded): RateLimitOptions | undefined =>
    decoded === null
      ? undefined
      : { requests: decoded.requests, tokens: decoded.tokens, perMillis: decoded.per, by: decoded.by }
})
