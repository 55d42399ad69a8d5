/**
 * A limit of time as plain data, for `PolicyConfig`.
 */
import * as Schema from "effect/Schema"
import { Time } from "../OptionSchema.ts"

/** A time limit: a duration, or one with what happens to the uninterruptible (`Deadline.Options`). */
export const LimitConfig = Schema.Union([
  Time,
  Schema.Struct({ limit: Time, onExpiry: Schema.optionalKey(Schema.Literals(["wait", "detach"])) })
])
