/**
 * `effect-resilience`: everything that a program needs to make its calls steady, as namespaces, like Effect's own barrel.
 *
 * Nothing here loads what Effect 4.1 marks unstable. What is built on such a module has a subpath that says so:
 * `PolicyHttp` is in `effect-resilience/policy`. The relay is `effect-resilience/relay`.
 *
 * Each namespace is told what it is where it is listed: editors show that when a name is chosen. (On a namespace that is
 * imported no editor shows anything, of Effect's barrel neither.)
 */
import * as Errors from "./errors.ts"

// Whose fault it is, and what one does with it
export {
  /** Every error, whose fault it is, and what one does with it: the same as `effect-resilience/errors`. */
  Errors
}

// Asking again
export {
  /** How long to wait before asking again: the published formulas, as pure functions of the attempt and a draw. */
  Backoff,
  /** A second attempt beside a call that is late; whichever succeeds first is the answer. */
  Hedge,
  /** Asks again when an attempt failed, as long as it makes sense, and says in one error why it stopped. */
  Retry,
  /** Bounds how much of all traffic may be retries, so that a failing target is not killed by its clients. */
  RetryBudget,
  /** The rules of retry budgets as plain data: no clock, no waiting. */
  RetryBudgetState,
  /** What servers say of when to ask again (`retry-after` and its relatives), in milliseconds. */
  RetryHints,
  /** Schedules for `Retry` and `Effect.retry`: backoffs with a cap and jitter, and what a retry should heed. */
  RetrySchedule
} from "../policy/index.ts"

// Refusing, limiting, giving up
export {
  /** So many calls at once as the target bears: the limit finds its own value. */
  AdaptiveLimit,
  /** The decisions of a circuit breaker as pure functions: for a store of your own. */
  BreakerState,
  /** What a circuit breaker remembers of past calls: in a row, by count, by time. */
  BreakerWindow,
  /** So many calls at once and no more, with a bounded queue before them. */
  Bulkhead,
  /** Refuses calls at once for a while after too many failures, then lets a few through to try. */
  CircuitBreaker,
  /** Where circuit breakers keep their state, by key. Default: in memory. */
  CircuitBreakerStore,
  /** Ends what takes too long, and tells everything inside how long it still has. */
  Deadline,
  /** Leaves out of a pool those members that do worse than the others, for a while. */
  OutlierEjection,
  /** How much a request matters when not all can be served. */
  Priority,
  /** So many calls in a time: who comes too early waits for its turn, or is refused. */
  RateLimiter,
  /** When the next call may go, as plain data: no clock, no waiting. */
  RateLimiterState,
  /** Asks an overloaded target less, by as much as it refuses. */
  Throttle
} from "../policy/index.ts"

// Answering all the same, and hurting on purpose
export {
  /** Makes a part of all calls fail, late or wrong on purpose, to see whether the other policies hold. */
  Chaos,
  /** What to answer when the answer failed: a value, or another effect. */
  Fallback
} from "../policy/index.ts"

// Several as one
export {
  /** Several policies as one value, in an order that is right: `Policy.make`, `Policy.apply`. */
  Policy,
  /** A pipeline from configuration, written as plain data. */
  PolicyConfig
} from "../policy/index.ts"

// What all of them share
export {
  /** What counts as a failure of a target, and what is worth asking again: the defaults of every policy. */
  Failures,
  /** What is thrown when a policy is made with an option that makes no sense. */
  InvalidPolicyOption,
  /** One filter for what counts as a failure: `isFailure` for errors, `isFailureValue` for results. */
  Judge,
  /** What policies tell of themselves: events, counters, durations, by Layers. */
  PolicyTelemetry
} from "../policy/index.ts"

// Streams: clocks, what was delivered before they broke, and server-sent events
export {
  /** Keeps what a stream delivered before it broke, and goes on from another source. */
  PartialContent,
  /** Four limits of time for a stream: headers, first content, silence, the whole. */
  StreamClocks
} from "../stream/index.ts"
export {
  /** Server-sent events as streams: bytes to events, and events to bytes. */
  SseStream
} from "../sse/index.ts"
