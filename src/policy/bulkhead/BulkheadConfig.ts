/**
 * A bulkhead as plain data, for `PolicyConfig`.
 */
import * as Schema from "effect/Schema"
import { accepted, Time } from "../OptionSchema.ts"
import * as Bulkhead from "./Bulkhead.ts"

const optional = Schema.optionalKey

/** The bulkhead: the options of `Bulkhead`. */
export const BulkheadConfig = Schema.Struct({
  concurrency: optional(Schema.Finite),
  queue: optional(Schema.Finite),
  maxWait: optional(Time)
}).check(accepted((config) => Bulkhead.make(config)))
