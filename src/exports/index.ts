/**
 * `effect-resilience`: everything that a program needs to make its calls steady, as namespaces, like Effect's own barrel.
 *
 * Nothing here loads what Effect 4.1 marks unstable. What is built on such a module has a subpath that says so:
 * `PolicyHttp` is in `effect-resilience/policy`. The relay is `effect-resilience/relay`.
 */

// Whose fault it is, and what one does with it
export * as Errors from "./errors.ts"

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

// What all of them share
export { Failures, InvalidPolicyOption, Judge, PolicyTelemetry } from "../policy/index.ts"

// Streams: clocks, what was delivered before they broke, and server-sent events
export { PartialContent, StreamClocks } from "../stream/index.ts"
export { SseStream } from "../sse/index.ts"
