/**
 * A circuit breaker as plain data, for `PolicyConfig`.
 */
import type { Effect } from "effect"
import * as Schema from "effect/Schema"
import { accepted, Time } from "../OptionSchema.ts"
import * as CircuitBreaker from "./CircuitBreaker.ts"

const optional = Schema.optionalKey

const WindowConfig = Schema.Union([
  Schema.Struct({ type: Schema.tag("consecutive"), failures: Schema.Finite }),
  Schema.Struct({
    type: Schema.tag("count"),
    size: optional(Schema.Finite),
    minimum: optional(Schema.Finite),
    failureRate: optional(Schema.Finite),
    slowRate: optional(Schema.Finite)
  }),
  Schema.Struct({
    type: Schema.tag("time"),
    duration: optional(Time),
    slices: optional(Schema.Finite),
    minimum: optional(Schema.Finite),
    failureRate: optional(Schema.Finite),
    slowRate: optional(Schema.Finite)
  })
]).check(accepted((config) => windowOf(config)))

const windowOf = (config: typeof WindowConfig.Type): CircuitBreaker.Window => {
  switch (config.type) {
    case "consecutive":
      return CircuitBreaker.consecutive(config.failures)
    case "count":
      return CircuitBreaker.countWindow(config)
    case "time":
      return CircuitBreaker.timeWindow(config)
  }
}

/** The breaker: a window of a `type`, and the options of `CircuitBreaker`. */
export const BreakerConfig = Schema.Struct({
  window: optional(WindowConfig),
  openFor: optional(Time),
  maxOpenFor: optional(Time),
  probes: optional(Schema.Finite),
  probeSuccesses: optional(Schema.Finite),
  probeFor: optional(Time),
  slowerThan: optional(Time)
}).check(accepted((config) => breakerOf(config)))

/** Makes the breaker of a configuration. */
export const breakerOf = (
  { window, ...config }: typeof BreakerConfig.Type,
  key?: string
): Effect.Effect<CircuitBreaker.CircuitBreaker> =>
  CircuitBreaker.make({ ...config, key, window: window === undefined ? undefined : windowOf(window) })
