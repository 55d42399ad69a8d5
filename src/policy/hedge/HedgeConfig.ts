/**
 * A hedge as plain data, for `PolicyConfig`.
 */
import type { Effect } from "effect"
import * as Schema from "effect/Schema"
import type * as RetryBudget from "../budget/RetryBudget.ts"
import { BudgetConfig } from "../budget/BudgetConfig.ts"
import { accepted, Time } from "../OptionSchema.ts"
import * as Hedge from "./Hedge.ts"

const optional = Schema.optionalKey

/** The hedge: the options of `Hedge`. It pays from its own budget if it has one, else from the retry's. */
export const HedgeConfig = Schema.Struct({
  idempotent: Schema.Literal(true),
  when: optional(
    Schema.Union([
      Schema.Literals(["parallel", "sequential"]),
      Time,
      Schema.Struct({
        quantile: Schema.Finite,
        warmup: optional(Schema.Finite),
        window: optional(Schema.Finite),
        until: optional(Time)
      })
    ])
  ),
  maxHedges: optional(Schema.Finite),
  maxRetryAfter: optional(Time),
  budget: optional(BudgetConfig)
}).check(accepted((config) => hedgeOf(config, undefined)))

/** Makes the hedge of a configuration, with the budget that it pays from. */
export const hedgeOf = (
  { idempotent, maxHedges, maxRetryAfter, when }: typeof HedgeConfig.Type,
  budget: RetryBudget.RetryBudget | undefined
): Effect.Effect<Hedge.Hedge> => Hedge.make({ idempotent, maxHedges, maxRetryAfter, when, budget })
