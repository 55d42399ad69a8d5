/**
 * An adaptive limit as plain data, for `PolicyConfig`.
 */
import type { Effect } from "effect"
import * as Schema from "effect/Schema"
import { accepted, Time } from "../OptionSchema.ts"
import * as AdaptiveLimit from "./AdaptiveLimit.ts"

const optional = Schema.optionalKey

const RuleConfig = Schema.Union([
  Schema.Struct({
    type: Schema.tag("vegas"),
    initial: optional(Schema.Finite),
    max: optional(Schema.Finite),
    smoothing: optional(Schema.Finite),
    probeMultiplier: optional(Schema.Finite)
  }),
  Schema.Struct({
    type: Schema.tag("gradient2"),
    initial: optional(Schema.Finite),
    min: optional(Schema.Finite),
    max: optional(Schema.Finite),
    smoothing: optional(Schema.Finite),
    longWindow: optional(Schema.Finite),
    tolerance: optional(Schema.Finite),
    queueSize: optional(Schema.Finite)
  }),
  Schema.Struct({
    type: Schema.tag("aimd"),
    initial: optional(Schema.Finite),
    min: optional(Schema.Finite),
    max: optional(Schema.Finite),
    backoff: optional(Schema.Finite),
    timeout: optional(Time)
  })
]).check(accepted((config) => ruleOf(config)))

const ruleOf = (config: typeof RuleConfig.Type) => {
  switch (config.type) {
    case "vegas":
      return AdaptiveLimit.vegas(config)
    case "gradient2":
      return AdaptiveLimit.gradient2(config)
    case "aimd":
      return AdaptiveLimit.aimd(config)
  }
}

/** The adaptive limit: a rule of a `type`, and the options of `AdaptiveLimit`. */
export const AdaptiveLimitConfig = Schema.Struct({
  rule: optional(RuleConfig),
  queue: optional(
    Schema.Struct({
      freeFactor: optional(Schema.Finite),
      maxFactor: optional(Schema.Finite),
      maxWait: optional(Time)
    })
  )
}).check(accepted((config) => adaptiveLimitOf(config)))

/** Makes the adaptive limit of a configuration. */
export const adaptiveLimitOf = (
  { queue, rule }: typeof AdaptiveLimitConfig.Type,
  key?: string
): Effect.Effect<AdaptiveLimit.AdaptiveLimit> =>
  AdaptiveLimit.make({ key, queue, rule: rule === undefined ? undefined : ruleOf(rule) })
