/**
 * `effect-resilience/policy`: the policies, and pipelines of them, for anybody's effects and streams.
 *
 * Every name that users get is listed here. `PolicyHttp` is built on `effect/http`, which Effect 4.1 marks unstable; it
 * is loaded by this subpath and by nothing inside.
 */

// Asking again
export { Backoff, Hedge, Retry, RetryBudget, RetryBudgetState, RetryHints, RetrySchedule } from "../policy/index.ts"

// Refusing, limiting, giving up
export {
  AdaptiveLimit,
  BreakerState,
  BreakerWindow,
  Bulkhead,
  CircuitBreaker,
  CircuitBreakerStore,
  Deadline,
  OutlierEjection,
  Priority,
  RateLimiter,
  RateLimiterState,
  Throttle
} from "../policy/index.ts"

// Answering all the same, and hurting on purpose
export { Chaos, Fallback } from "../policy/index.ts"

// Several as one
export { Policy, PolicyConfig } from "../policy/index.ts"
export * as PolicyHttp from "../policy/http/PolicyHttp.ts"

// What all of them share
export { Failures, InvalidPolicyOption, Judge, PolicyTelemetry } from "../policy/index.ts"
