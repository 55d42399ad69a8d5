/**
 * A throttle as plain data, for `PolicyConfig`.
 */
import * as Schema from "effect/Schema"
import { accepted, Time } from "../OptionSchema.ts"
import * as Throttle from "./Throttle.ts"

const optional = Schema.optionalKey

/** The throttle: the options of `Throttle`. */
export const ThrottleConfig = Schema.Struct({
  k: optional(Schema.Finite),
  window: optional(Time),
  minimum: optional(Schema.Finite),
  maxChance: optional(Schema.Finite)
}).check(accepted((config) => Throttle.make(config)))
