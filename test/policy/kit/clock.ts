/**
 * The pure rules, asked at a time that begins at `clock.since`: a table that is written from 0 can so be run at the clock
 * of today, where a double steps by 0.0002 ms. Times that a rule gives are given back from 0 on.
 */
import { BreakerState, BreakerWindow, RateLimiterState, RetryBudgetState } from "effect-resilience/policy"

/** When a test's time begins. */
export const clock = { since: 0 }

/** A minute of today: the tables of windows begin with a slice. */
export const today = 1_795_712_340_000

const at = (now: number): number => now + clock.since

const limiter = (rule: RateLimiterState.Rule): RateLimiterState.Rule => ({
  peek: (now, permits) => rule.peek(at(now), permits) - clock.since,
  take: (time, permits, now) => rule.take(at(time), permits, at(now)),
  refund: (time, permits, now) => rule.refund(at(time), permits, at(now)),
  fresh: (now) => rule.fresh(at(now))
})

/** The limiter's rules. */
export const limiterRules = {
  smooth: (intervalMillis: number) => limiter(RateLimiterState.smooth(intervalMillis)),
  bursty: (limit: number, periodMillis: number) => limiter(RateLimiterState.bursty(limit, periodMillis))
}

const budget = (rule: RetryBudgetState.Rule): RetryBudgetState.Rule => ({
  ...rule,
  request: (now) => rule.request(at(now)),
  retry: (now, error) => rule.retry(at(now), error),
  refund: (now, paid) => rule.refund(at(now), paid),
  success: (now, paid) => rule.success(at(now), paid),
  failure: (now) => rule.failure(at(now)),
  balance: (now) => rule.balance(at(now))
})

/** The budgets' rules. */
export const budgetRules = {
  refused: RetryBudgetState.refused,
  tokenRatio: (options: Parameters<typeof RetryBudgetState.tokenRatio>[0]) =>
    budget(RetryBudgetState.tokenRatio(options)),
  window: (options: Parameters<typeof RetryBudgetState.window>[0]) => budget(RetryBudgetState.window(options)),
  quota: (options: Parameters<typeof RetryBudgetState.quota>[0]) => budget(RetryBudgetState.quota(options)),
  share: (options: Parameters<typeof RetryBudgetState.share>[0]) => budget(RetryBudgetState.share(options))
}

/** A breaker's window. */
export const breakerWindow = {
  ...BreakerWindow,
  isEmpty: (window: BreakerWindow.Window, now: number) => BreakerWindow.isEmpty(window, at(now)),
  counts: (window: BreakerWindow.Window, now: number) => BreakerWindow.counts(window, at(now)),
  record: (window: BreakerWindow.Window, outcome: BreakerWindow.WindowOutcome, now: number) =>
    BreakerWindow.record(window, outcome, at(now))
}

/** A breaker. */
export const breakerState = {
  ...BreakerState,
  admit: (breaker: BreakerState.Breaker, now: number) => BreakerState.admit(breaker, at(now)),
  settle: (
    breaker: BreakerState.Breaker,
    admission: BreakerState.Admitted,
    outcome: BreakerState.Outcome,
    now: number,
    hintMillis?: number
  ) => BreakerState.settle(breaker, admission, outcome, at(now), hintMillis),
  hint: (breaker: BreakerState.Breaker, now: number, hintMillis: number) =>
    BreakerState.hint(breaker, at(now), hintMillis),
  release: (breaker: BreakerState.Breaker, now: number) => BreakerState.release(breaker, at(now)),
  view: (breaker: BreakerState.Breaker, now: number) => BreakerState.view(breaker, at(now)),
  retryAfter: (breaker: BreakerState.Breaker, now: number) => BreakerState.retryAfter(breaker, at(now)),
  standing: (breaker: BreakerState.Breaker, now: number) => BreakerState.standing(breaker, at(now)),
  isIdle: (breaker: BreakerState.Breaker, now: number) => BreakerState.isIdle(breaker, at(now))
}
