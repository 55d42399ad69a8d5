/**
 * The parts of a pipeline, as one table: what each is, what it adds to the errors, where it stands, and what it does to
 * an effect and to a stream. `Policy` and `PolicyConfig` are made of it.
 *
 * A new part is a row in `Parts`, a row in `parts`, a place in `order`, and a row in the table of `PolicyConfig`. With
 * one of them alone the others do not compile; everything else (which errors a pipeline adds, what a stream's pipeline
 * may have, the layers, the keys and types of a configuration) follows from them.
 */
import type { Duration, Stream } from "effect"
import * as Effect from "effect/Effect"
import type {
  BulkheadFull,
  ChannelResponseTimeExceeded,
  CircuitOpen,
  DeadlineExceeded,
  Throttled
} from "../../errors/index.ts"
import * as AdaptiveLimit from "../adaptive/AdaptiveLimit.ts"
import * as CircuitBreaker from "../breaker/CircuitBreaker.ts"
import * as Bulkhead from "../bulkhead/Bulkhead.ts"
import * as Chaos from "../chaos/Chaos.ts"
import * as Deadline from "../deadline/Deadline.ts"
import * as Hedge from "../hedge/Hedge.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as Judge from "../Judge.ts"
import { notMade } from "../NotMade.ts"
import * as RateLimiter from "../limiter/RateLimiter.ts"
import * as OutlierEjection from "../outlier/OutlierEjection.ts"
import * as Retry from "../retry/Retry.ts"
import * as Throttle from "../throttle/Throttle.ts"

/** A time limit: a duration, or one with what happens to the uninterruptible. */
export type Limit = Duration.Input | ({ readonly limit: Duration.Input } & Deadline.Options)

/** A row of `Parts`: what the part is in an effect's pipeline and in a stream's, and the error that it adds. */
interface Row<ForEffects, ForStreams, Adds> {
  readonly forEffects: ForEffects
  /** `never`: a stream's pipeline does not take it. */
  readonly forStreams: ForStreams
  readonly adds: Adds
}

/** What each part is. */
export interface Parts {
  /** Bounds everything, retries and waits included. Adds `DeadlineExceeded`. */
  readonly deadline: Row<Limit, Limit, DeadlineExceeded>
  /** Asks again. What comes from inside becomes one `RetriesExhausted`. */
  readonly retry: Row<Retry.Any, Retry.Any, never>
  /** Asks twice at once. Only for what may run more than once, and not for streams. Adds nothing. */
  readonly hedge: Row<Hedge.Hedge, never, never>
  /** Refuses by what the target accepted of late. Adds `Throttled`. */
  readonly throttle: Row<Throttle.Throttle, Throttle.Throttle, Throttled>
  /** Refuses while the target rests. Adds `CircuitOpen`. */
  readonly breaker: Row<CircuitBreaker.CircuitBreaker, CircuitBreaker.CircuitBreaker, CircuitOpen>
  /** So many attempts in a time. Adds `Throttled`. */
  readonly rateLimiter: Row<RateLimiter.RateLimiter, RateLimiter.RateLimiter, Throttled>
  /** So many attempts at once. Adds `BulkheadFull`. Not with an `adaptiveLimit`. */
  readonly bulkhead: Row<Bulkhead.Bulkhead, Bulkhead.Bulkhead, BulkheadFull>
  /** As many attempts at once as the target can take. Adds `BulkheadFull`. Not with a `bulkhead`. */
  readonly adaptiveLimit: Row<AdaptiveLimit.AdaptiveLimit, AdaptiveLimit.AdaptiveLimit, BulkheadFull>
  /** Counts each attempt for a member of a pool. Adds nothing: whoever selects among the members asks the pool. */
  readonly outlier: Row<Membership, Membership, never>
  /** Bounds one attempt, its waiting for a place not included. Not for streams. Adds `ChannelResponseTimeExceeded`. */
  readonly attempt: Row<Limit, never, ChannelResponseTimeExceeded>
  /** Hurts some of the attempts, where it is allowed (`Chaos.allow`). Adds its errors, and its values to the results. */
  readonly chaos: Row<Chaos.Chaos<unknown, unknown>, Chaos.StreamChaos<unknown>, never>
}

/** A pool, and which of its members is asked. */
export interface Membership {
  readonly ejection: OutlierEjection.OutlierEjection
  readonly member: string
}

/** The name of a part. */
export type PartName = keyof Parts

/** What a part does to an effect. */
export type AroundEffect = <R>(self: Effect.Effect<unknown, unknown, R>) => Effect.Effect<unknown, unknown, R>

/** What a part does to a stream. */
export type AroundStream = <R>(self: Stream.Stream<unknown, unknown, R>) => Stream.Stream<unknown, unknown, R>

/**
 * What a part does. `judge` is the pipeline's, for what the part was not told itself. All that can be known before there
 * is an effect is done when `effect` is called, once a pipeline; it also checks what the part was given.
 */
interface Part<P extends PartName> {
  readonly effect: (value: Parts[P]["forEffects"], judge: Judge.Judge) => AroundEffect
  readonly stream: [Parts[P]["forStreams"]] extends [never]
    ? "refused"
    : (value: Parts[P]["forStreams"], judge: Judge.Judge, options: Retry.StreamOptions | undefined) => AroundStream
}

const isLimit = (limit: Limit): limit is { readonly limit: Duration.Input } & Deadline.Options =>
  typeof limit === "object" && limit !== null && "limit" in limit

/** A limit's duration, checked under the name that the caller gave it, and its options. */
const limitOf = (name: PartName, limit: Limit): readonly [Duration.Input, Deadline.Options | undefined] => {
  const duration = isLimit(limit) ? limit.limit : limit
  Check.positiveMillis("Policy.make", name, duration)
  return [duration, isLimit(limit) ? limit : undefined]
}

// Whoever was told nothing on failures hears what the pipeline says of them; one who was told keeps to it.
const retryOf = (retry: Retry.Any, { isFailure }: Judge.Judge): Retry.Retry => {
  const given = retry as Retry.Retry
  return given.isFailure === undefined ? { ...given, isFailure } : given
}
const hedgeOf = (hedge: Hedge.Hedge, { isFailure }: Judge.Judge): Hedge.Hedge =>
  hedge.isFailure === undefined ? { ...hedge, isFailure } : hedge

/** What the parts do, by name. */
export const parts = {
  deadline: {
    effect: (limit) => Deadline.total(...limitOf("deadline", limit)),
    stream: (limit) => Deadline.totalStream(...limitOf("deadline", limit))
  },
  retry: {
    effect: (retry, judge) => {
      const told = retryOf(retry, judge)
      return (self) => Retry.retry(self, told)
    },
    stream: (retry, judge, options) => {
      const told = retryOf(retry, judge)
      return (self) => Retry.retryStream(self, told, options)
    }
  },
  hedge: {
    effect: (hedge, judge) => {
      const told = hedgeOf(hedge, judge)
      return (self) => Hedge.hedged(self, told)
    },
    stream: "refused"
  },
  throttle: {
    effect: (throttle, judge) => {
      const told = Judge.orElse(throttle.judge, judge)
      return (self) => Throttle.protect(self, throttle, told)
    },
    stream: (throttle, judge) => (self) => Throttle.protectStream(self, throttle, Judge.orElse(throttle.judge, judge))
  },
  breaker: {
    effect: (breaker, judge) => {
      const told = Judge.orElse(breaker.shared.judge, judge)
      return (self) => CircuitBreaker.protect(self, breaker, told)
    },
    stream: (breaker, judge) => (self) =>
      CircuitBreaker.protectStream(self, breaker, Judge.orElse(breaker.shared.judge, judge))
  },
  rateLimiter: {
    effect: (limiter) => (self) => RateLimiter.protect(self, limiter),
    stream: (limiter) => (self) => RateLimiter.protectStream(self, limiter)
  },
  bulkhead: {
    effect: (bulkhead) => (self) => Bulkhead.protect(self, bulkhead),
    stream: (bulkhead) => (self) => Bulkhead.protectStream(self, bulkhead)
  },
  adaptiveLimit: {
    effect: (limit, judge) => {
      const told = Judge.orElse(limit.judge, judge)
      return (self) => AdaptiveLimit.protect(self, limit, told)
    },
    stream: (limit, judge) => (self) => AdaptiveLimit.protectStream(self, limit, Judge.orElse(limit.judge, judge))
  },
  outlier: {
    effect: ({ ejection, member }, judge) => {
      if (Effect.isEffect(ejection)) notMade("Policy.make", "outlier.ejection", ejection, "OutlierEjection.make")
      const told = Judge.orElse(ejection.judge, judge)
      return (self) => OutlierEjection.observe(self, ejection, member, told)
    },
    stream:
      ({ ejection, member }, judge) =>
      (self) =>
        OutlierEjection.observeStream(self, ejection, member, Judge.orElse(ejection.judge, judge))
  },
  attempt: {
    effect: (limit) => Deadline.attempt(...limitOf("attempt", limit)),
    stream: "refused"
  },
  chaos: {
    effect: (chaos) => (self) => Chaos.inject(self, chaos),
    stream: (chaos) => (self) => Chaos.injectStream(self, chaos)
  }
} as const satisfies { readonly [P in PartName]: Part<P> }

const everyPartOnce = <const Order extends ReadonlyArray<PartName>>(
  order: Order &
    ([Exclude<PartName, Order[number]>] extends [never] ? unknown : { missing: Exclude<PartName, Order[number]> })
): Order => order

/** Where the parts stand, from the inside out. A part without a place does not compile. */
export const order = everyPartOnce([
  "chaos",
  "attempt",
  "outlier",
  "bulkhead",
  "adaptiveLimit",
  "rateLimiter",
  "breaker",
  "throttle",
  "hedge",
  "retry",
  "deadline"
])

type Before<Order extends ReadonlyArray<PartName>, P> = Order extends readonly [
  infer First,
  ...infer Rest extends ReadonlyArray<PartName>
]
  ? First extends P
    ? never
    : First | Before<Rest, P>
  : never

/** The parts inside the retry: what they add is part of what it gives up with. */
export type InsideRetry = Before<typeof order, "retry">

/** The parts that a stream's pipeline does not take. */
export type RefusedInStreams = { [P in PartName]: [Parts[P]["forStreams"]] extends [never] ? P : never }[PartName]
