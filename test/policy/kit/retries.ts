/** What tests of retries share: a budget that counts what is under way, and the error of a retry that must fail. */
import { assert } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { RetryBudget, type RetryBudgetState } from "effect-resilience/policy"

/** A budget that counts what is under way, and what of it is over. */
export const counting = Effect.map(RetryBudget.share(), (budget) => {
  const open = { requests: 0, retries: 0 }
  const rule: RetryBudgetState.Rule = {
    ...budget.rule,
    request: () => void open.requests++,
    requestEnded: () => void open.requests--,
    retry: () => (open.retries++, 0),
    retryEnded: () => void open.retries--
  }
  const check = () => Effect.sync(() => assert.deepStrictEqual(open, { requests: 0, retries: 0 }))
  return { budget: { ...budget, rule }, check }
})

/** The error of a retry that must fail. */
export const failure = <A, E>(exit: Exit.Exit<A, E>): E => {
  assert.isTrue(Exit.isFailure(exit), "it should have failed")
  const found = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason) : undefined
  assert.isDefined(found)
  return found!.error
}
