/** Every number of every policy, and what it refuses when the policy is made; the message names the option. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Stream } from "effect"
import {
  AdaptiveLimit,
  Backoff,
  BreakerState,
  Bulkhead,
  Chaos,
  CircuitBreaker,
  Deadline,
  Hedge,
  InvalidPolicyOption,
  OutlierEjection,
  Policy,
  PolicyHttp,
  RateLimiter,
  Retry,
  RetryBudget,
  RetrySchedule,
  Throttle
} from "effect-resilience/policy"

const nan = Number.NaN
const infinite = Number.POSITIVE_INFINITY
const always = [nan, -1, infinite, -infinite]
const timer = 2 ** 31

/** What no option of a kind takes. */
const kinds = {
  positiveInt: [...always, 0, 1.5],
  wholeNumber: [...always, 1.5],
  positive: [...always, 0],
  number: always,
  share: [...always, 1.1],
  positiveShare: [...always, 0, 1.1],
  duration: [...always, 0, timer],
  durationOrZero: [...always, timer],
  factor: [...always, 0.9]
} as const

type Kind = keyof typeof kinds

const table: ReadonlyArray<
  readonly [
    constructor: string,
    make: (options: Record<string, unknown>) => unknown,
    options: { readonly [option: string]: Kind | ReadonlyArray<number> }
  ]
> = [
  [
    "CircuitBreaker.consecutive",
    ({ failures }) => CircuitBreaker.consecutive(failures as number),
    { failures: "positiveInt" }
  ],
  [
    "CircuitBreaker.countWindow",
    (o) => CircuitBreaker.countWindow(o),
    {
      size: [...kinds.positiveInt, 2_000_000],
      minimum: [...kinds.positiveInt, 101],
      failureRate: "positiveShare",
      slowRate: "positiveShare"
    }
  ],
  [
    "CircuitBreaker.timeWindow",
    (o) => CircuitBreaker.timeWindow(o),
    {
      duration: "duration",
      slices: [...kinds.positiveInt, 2000],
      minimum: "positiveInt",
      failureRate: "positiveShare",
      slowRate: "positiveShare"
    }
  ],
  [
    "CircuitBreaker.make",
    (o) => CircuitBreaker.make(o),
    {
      openFor: "duration",
      maxOpenFor: [...kinds.duration, 59_999],
      probes: "positiveInt",
      probeSuccesses: [...kinds.positiveInt, 2],
      probeFor: "duration",
      slowerThan: "duration"
    }
  ],
  [
    "CircuitBreaker.makeKeyed",
    (o) => CircuitBreaker.makeKeyed(o),
    { idleFor: "duration", maxKeys: "positiveInt", probes: "positiveInt" }
  ],
  [
    "BreakerState.growing",
    (o) => BreakerState.growing({ initialMillis: 1, ...o }),
    { initialMillis: "positive", factor: "factor" }
  ],
  [
    "Bulkhead.make",
    (o) => Bulkhead.make({ queue: 1, ...o }),
    { concurrency: "positiveInt", queue: "wholeNumber", maxWait: "duration" }
  ],
  [
    "RateLimiter.make",
    (o) => RateLimiter.make({ limit: 1, window: 1, ...o }),
    { limit: "positiveInt", window: "duration", maxWait: "durationOrZero", maxWaiters: "wholeNumber" }
  ],
  [
    "RetryBudget.makeKeyed",
    ({ maxKeys }) => RetryBudget.makeKeyed(RetryBudget.window(), { maxKeys: maxKeys as number }),
    { maxKeys: "positiveInt" }
  ],
  ["Deadline.inherit", ({ limit }) => Deadline.inherit(Effect.void, limit as number), { limit: "durationOrZero" }],
  [
    "RateLimiter.makeKeyed",
    (o) => RateLimiter.makeKeyed({ limit: 1, window: 1, ...o }),
    {
      limit: "positiveInt",
      window: "duration",
      maxWait: "durationOrZero",
      maxWaiters: "wholeNumber",
      maxKeys: "positiveInt"
    }
  ],
  [
    "AdaptiveLimit.make",
    (queue) => AdaptiveLimit.make({ queue }),
    { freeFactor: [...kinds.number, 4], maxFactor: [...kinds.positive, 1], maxWait: "duration" }
  ],
  [
    "AdaptiveLimit.vegas",
    (o) => AdaptiveLimit.vegas(o),
    {
      initial: [...kinds.positiveInt, 1001],
      max: [...kinds.positiveInt, 19],
      smoothing: "positiveShare",
      probeMultiplier: "positive"
    }
  ],
  [
    "AdaptiveLimit.gradient2",
    (o) => AdaptiveLimit.gradient2(o),
    {
      initial: [...kinds.positiveInt, 19, 201],
      min: [...kinds.positiveInt, 21],
      max: [...kinds.positiveInt, 19],
      smoothing: "positiveShare",
      longWindow: "positiveInt",
      tolerance: "factor",
      queueSize: "number"
    }
  ],
  [
    "AdaptiveLimit.aimd",
    (o) => AdaptiveLimit.aimd(o),
    {
      initial: [...kinds.positiveInt, 19, 201],
      min: [...kinds.positiveInt, 21],
      max: [...kinds.positiveInt, 19],
      backoff: [...kinds.number, 0.4, 1],
      timeout: "duration"
    }
  ],
  [
    "Throttle.make",
    (o) => Throttle.make(o),
    { k: [...kinds.number, 1], window: "duration", minimum: "wholeNumber", maxChance: "positiveShare" }
  ],
  [
    "Hedge.make",
    (o) => Hedge.make({ idempotent: true, ...o }),
    { when: "duration", maxHedges: [...kinds.positiveInt, 11] }
  ],
  [
    "Hedge.make",
    (when) => Hedge.make({ idempotent: true, when: { quantile: 0.9, ...when } }),
    {
      quantile: [...always, 0, 1],
      warmup: [...kinds.positiveInt, 129],
      window: [...kinds.positiveInt, 19],
      until: "duration"
    }
  ],
  [
    "OutlierEjection.make",
    (o) => OutlierEjection.make(o),
    {
      consecutive: "wholeNumber",
      interval: "duration",
      base: [...kinds.duration, 300_001],
      max: [...kinds.duration, 29_999],
      maxShare: "positiveShare"
    }
  ],
  [
    "OutlierEjection.make",
    (successRate) => OutlierEjection.make({ successRate }),
    { minMembers: "positiveInt", minVolume: "positiveInt", factor: "positive" }
  ],
  ["Chaos.make", ({ rate }) => Chaos.make({ fault: { rate: rate as number, error: () => "x" } }), { rate: "share" }],
  [
    "Chaos.make",
    (o) => Chaos.make({ latency: { rate: 0, delay: 1, ...o } }),
    { rate: "share", delay: "durationOrZero" }
  ],
  ["Chaos.make", ({ rate }) => Chaos.make({ outcome: { rate: rate as number, value: () => "x" } }), { rate: "share" }],
  ["Chaos.make", (o) => Chaos.make(o), { seed: [nan, infinite, 1.5] }],
  [
    "Chaos.makeStream",
    (o) => Chaos.makeStream({ cut: { rate: 0, at: 0, ...o } }),
    { rate: "share", at: "wholeNumber" }
  ],
  [
    "Chaos.makeStream",
    (o) => Chaos.makeStream({ stall: { rate: 0, at: 0, ...o } }),
    { rate: "share", at: "wholeNumber", delay: "durationOrZero" }
  ],
  [
    "Chaos.makeStream",
    (o) => Chaos.makeStream({ duplicate: { rate: 0, at: 0, ...o } }),
    { rate: "share", at: "wholeNumber" }
  ],
  ["Deadline.total", ({ limit }) => Deadline.total(Effect.void, limit as number), { limit: "duration" }],
  ["Deadline.attempt", ({ limit }) => Deadline.attempt(Effect.void, limit as number), { limit: "duration" }],
  ["Deadline.totalStream", ({ limit }) => Deadline.totalStream(Stream.empty, limit as number), { limit: "duration" }],
  [
    "Retry.make",
    (o) => Retry.make(o),
    { attempts: "positiveInt", free: "wholeNumber", keepErrors: "positiveInt", yieldEvery: "positiveInt" }
  ],
  [
    "Retry.retryStream",
    ({ resetAfter }) =>
      Retry.retryStream(Stream.empty, Retry.standard, { partial: "resume", resetAfter: resetAfter as number }),
    { resetAfter: "positiveInt" }
  ],
  [
    "RetryBudget.tokenRatio",
    (o) => RetryBudget.tokenRatio(o),
    { maxTokens: [...kinds.positive, 0.5, 1001], tokenRatio: [...kinds.positive, 0.0001, 11] }
  ],
  [
    "RetryBudget.window",
    (o) => RetryBudget.window(o),
    { ratio: [...kinds.number, 1001], minPerSecond: "number", ttl: [...kinds.duration, 999, 60_001] }
  ],
  [
    "RetryBudget.quota",
    (o) => RetryBudget.quota(o),
    { capacity: "positiveInt", cost: [...kinds.number, 501], refill: "number" }
  ],
  ["RetryBudget.share", (o) => RetryBudget.share(o), { maxShare: "positiveShare", minConcurrency: "wholeNumber" }],
  ["Backoff.exponential", (o) => Backoff.exponential(o), { base: "duration", cap: "duration", factor: "factor" }],
  ["Backoff.exponential", (o) => Backoff.exponential({ base: 2, ...o }), { cap: [1] }],
  ["Backoff.linear", (o) => Backoff.linear(o), { base: "duration", cap: "duration", increment: "durationOrZero" }],
  ["Backoff.constant", (o) => Backoff.constant(o), { delay: "durationOrZero" }],
  [
    "Backoff.constant",
    ({ proportional }) => Backoff.constant({ jitter: { proportional: proportional as number } }),
    { proportional: "share" }
  ],
  ["Backoff.fibonacci", (o) => Backoff.fibonacci(o), { base: "duration", cap: "duration" }],
  ["Backoff.decorrelated", (o) => Backoff.decorrelated(o), { base: "duration", cap: "duration" }],
  ["Backoff.decorrelatedV2", (o) => Backoff.decorrelatedV2(o), { base: "duration", cap: "duration" }],
  [
    "RetrySchedule.honourRetryAfter",
    (o) => RetrySchedule.honourRetryAfter(RetrySchedule.immediate, o),
    { floor: "durationOrZero", cap: "duration" }
  ],
  [
    "RetrySchedule.honourRetryAfter",
    (o) => RetrySchedule.honourRetryAfter(RetrySchedule.immediate, { floor: 2, ...o }),
    { cap: [1] }
  ],
  [
    "RetrySchedule.upTo",
    (o) => RetrySchedule.upTo(RetrySchedule.immediate, o as RetrySchedule.UpTo),
    { attempts: "positiveInt", elapsed: "duration" }
  ],
  ["Policy.make", (o) => Policy.make(o as Policy.Members), { deadline: "duration", attempt: "duration" }],
  ["PolicyHttp.make", (o) => PolicyHttp.make(o), { deadline: "duration", attempt: "duration" }]
]

const { InvalidPolicyOption: Invalid } = InvalidPolicyOption

describe("a number that makes no sense is refused when the policy is made", () => {
  for (const [constructor, make, options] of table) {
    for (const [option, kind] of Object.entries(options)) {
      it(`${constructor}: ${option}`, () => {
        for (const value of typeof kind === "string" ? kinds[kind] : kind) {
          let thrown: unknown
          try {
            make({ [option]: value })
          } catch (error) {
            thrown = error
          }
          assert.instanceOf(thrown, Invalid, `${option}: ${value} is accepted`)
          assert.include(thrown.message, ": ")
        }
      })
    }
  }

  it("every message names the constructor and an option of its", () => {
    for (const [constructor, make, options] of table) {
      for (const option of Object.keys(options)) {
        assert.throws(() => make({ [option]: nan }), Invalid, `${constructor.split(".")[0]}.`)
        assert.throws(() => make({ [option]: nan }), Invalid, option)
      }
    }
  })
})

describe("P16: a refusal says what its reader can act on", () => {
  const cases: ReadonlyArray<readonly [make: () => unknown, message: string]> = [
    // The option that was given is named, not the one that was left to its default.
    [() => AdaptiveLimit.aimd({ max: 10 }), 'AdaptiveLimit.aimd: "max" must be at least "min" (20), got 10'],
    [() => AdaptiveLimit.gradient2({ max: 10 }), 'AdaptiveLimit.gradient2: "max" must be at least "min" (20), got 10'],
    [() => AdaptiveLimit.gradient2({ min: 1, max: 10 }), '"max" must be at least "initial" (20), got 10'],
    [() => AdaptiveLimit.vegas({ max: 10 }), 'AdaptiveLimit.vegas: "max" must be at least "initial" (20), got 10'],
    [() => AdaptiveLimit.make({ queue: { maxFactor: 1 } }), '"maxFactor" must be at least "freeFactor" (2), got 1'],
    [
      () => Hedge.make({ idempotent: true, when: { quantile: 0.9, window: 10 } }),
      'Hedge.make: "window" must be at least "warmup" (20), got 10'
    ],
    [
      () => OutlierEjection.make({ max: "10 seconds" }),
      'OutlierEjection.make: "max" must be at least "base" (30s), got "10 seconds"'
    ],
    [
      () => CircuitBreaker.make({ maxOpenFor: "10 seconds" }),
      'CircuitBreaker.make: "maxOpenFor" must be at least "openFor" (1m), got "10 seconds"'
    ],
    [() => RetryBudget.quota({ capacity: 3 }), 'RetryBudget.quota: "capacity" must be at least "cost" (5), got 3'],
    [
      () => Bulkhead.make({ maxWait: "1 second" }),
      'Bulkhead.make: "maxWait" must be with a "queue" above 0, in which one could wait, got "1 second"'
    ],
    [
      () => CircuitBreaker.make({ window: CircuitBreaker.countWindow({ slowRate: 0.5 }) }),
      'CircuitBreaker.make: "window" must be one without a slowRate, unless "slowerThan" is given, got 0.5'
    ],
    // In the words of the caller.
    [
      () => CircuitBreaker.make({ openFor: "1 minute", maxOpenFor: "10 seconds" }),
      'CircuitBreaker.make: "openFor" must be at most "maxOpenFor" ("10 seconds"), got "1 minute"'
    ],
    [
      () => Backoff.exponential({ base: Duration.seconds(2), cap: "1 second" }),
      'Backoff.exponential: "base" must be at most "cap" ("1 second"), got 2s'
    ],
    [() => Policy.make({ attempt: { limit: "0 seconds" } }), 'Policy.make: "attempt" must be a duration above zero'],
    // What is no policy at all.
    [
      () => CircuitBreaker.make({ window: 3 as never }),
      'CircuitBreaker.make: "window" must be what consecutive, countWindow or timeWindow makes, got 3'
    ],
    [
      () => AdaptiveLimit.make({ rule: "vegas" as never }),
      'AdaptiveLimit.make: "rule" must be what vegas, gradient2 or aimd makes, got "vegas"'
    ],
    [() => Retry.make({ schedule: 3 as never }), 'Retry.make: "schedule" must be a Schedule, got 3'],
    [
      () => Retry.make({ budget: RetryBudget.window() as never }),
      'Retry.make: "budget" must be what RetryBudget makes: write "yield*" before it, got an Effect'
    ],
    [
      () => Hedge.make({ idempotent: true, budget: 3 as never }),
      'Hedge.make: "budget" must be what RetryBudget makes, got 3'
    ],
    [
      () => RetrySchedule.within(RetrySchedule.immediate, RetryBudget.window() as never),
      'RetrySchedule.within: "budget" must be what RetryBudget makes: write "yield*" before it, got an Effect'
    ],
    [
      () => RetryBudget.spend(RetryBudget.window() as never)(Effect.void),
      'RetryBudget.spend: "budget" must be what RetryBudget makes: write "yield*" before it, got an Effect'
    ],
    [
      () => Policy.make({ breaker: CircuitBreaker.make() as never }),
      'Policy.make: "breaker" must be what its constructor makes: write "yield*" before it, got an Effect'
    ],
    [
      () => Policy.make({ outlier: { ejection: OutlierEjection.make() as never, member: "a" } }),
      '"outlier.ejection" must be what OutlierEjection.make makes: write "yield*" before it, got an Effect'
    ]
  ]
  for (const [make, message] of cases) it(message, () => assert.throws(make, Invalid, message))

  const unmade = {
    CircuitBreaker: [CircuitBreaker.protect, CircuitBreaker.protectStream, CircuitBreaker.make()],
    Bulkhead: [Bulkhead.protect, Bulkhead.protectStream, Bulkhead.make()],
    RateLimiter: [RateLimiter.protect, RateLimiter.protectStream, RateLimiter.make({ limit: 1, window: 1 })],
    AdaptiveLimit: [AdaptiveLimit.protect, AdaptiveLimit.protectStream, AdaptiveLimit.make()],
    Throttle: [Throttle.protect, Throttle.protectStream, Throttle.make()],
    OutlierEjection: [OutlierEjection.observe, OutlierEjection.observeStream, OutlierEjection.make()],
    Hedge: [Hedge.hedged, undefined, Hedge.make({ idempotent: true })]
  } as const
  for (const [name, [around, aroundStream, policy]] of Object.entries(unmade)) {
    it(`${name}.make that was not yielded, as a call and in a pipe`, () => {
      const expected = new RegExp(`${name}\\.\\w+: "\\w+" must be what ${name}.make makes: write "yield\\*" before it`)
      const call = around as (...args: ReadonlyArray<unknown>) => unknown
      assert.throws(() => call(Effect.void, policy, "a"), Invalid, expected)
      assert.throws(() => Effect.void.pipe(call(policy) as never), Invalid, expected)
      const callStream = aroundStream as ((...args: ReadonlyArray<unknown>) => unknown) | undefined
      if (callStream === undefined) return
      assert.throws(() => callStream(Stream.empty, policy, "a"), Invalid, expected)
      assert.throws(() => Stream.empty.pipe(callStream(policy) as never), Invalid, expected)
    })
  }
})
