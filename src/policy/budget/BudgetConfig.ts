/**
 * A retry budget as plain data, for `PolicyConfig`.
 */
import type { Effect } from "effect"
import * as Schema from "effect/Schema"
import { accepted, Time } from "../OptionSchema.ts"
import * as RetryBudget from "./RetryBudget.ts"

const optional = Schema.optionalKey

/** What pays for retries: a `type` and the options of `RetryBudget`. */
export const BudgetConfig = Schema.Union([
  Schema.Struct({
    type: Schema.tag("tokenRatio"),
    maxTokens: optional(Schema.Finite),
    tokenRatio: optional(Schema.Finite)
  }),
  Schema.Struct({
    type: Schema.tag("window"),
    ratio: optional(Schema.Finite),
    minPerSecond: optional(Schema.Finite),
    ttl: optional(Time)
  }),
  Schema.Struct({
    type: Schema.tag("quota"),
    capacity: optional(Schema.Finite),
    cost: optional(Schema.Finite),
    refill: optional(Schema.Finite)
  }),
  Schema.Struct({
    type: Schema.tag("share"),
    maxShare: optional(Schema.Finite),
    minConcurrency: optional(Schema.Finite)
  })
]).check(accepted((config) => budgetOf(config)))

/** Makes the budget of a configuration. */
export const budgetOf = (config: typeof BudgetConfig.Type): Effect.Effect<RetryBudget.RetryBudget> => {
  switch (config.type) {
    case "tokenRatio":
      return RetryBudget.tokenRatio(config)
    case "window":
      return RetryBudget.window(config)
    case "quota":
      return RetryBudget.quota(config)
    case "share":
      return RetryBudget.share(config)
  }
}
