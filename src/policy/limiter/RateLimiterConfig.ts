/**
 * A rate limiter as plain data, for `PolicyConfig`.
 */
import * as Schema from "effect/Schema"
import { accepted, Time, TimeOrZero } from "../OptionSchema.ts"
import * as RateLimiter from "./RateLimiter.ts"

const optional = Schema.optionalKey

/** The rate limit: the options of `RateLimiter`. */
export const RateLimiterConfig = Schema.Struct({
  limit: Schema.Finite,
  window: Time,
  kind: optional(Schema.Literals(["smooth", "bursty"])),
  maxWait: optional(TimeOrZero),
  maxWaiters: optional(Schema.Finite)
}).check(accepted((config) => RateLimiter.make(config)))
