/**
 * What is measured: groups of subjects that do the same, ours, Effect's own, cockatiel, opossum and p-retry.
 */
import * as cockatiel from "cockatiel"
import { Effect, Exit, Schedule, Scope, Semaphore } from "effect"
import { CircuitBreaker as EffectBreaker, RateLimiter as EffectLimiter } from "effect/persistence"
import {
  AdaptiveLimit,
  Bulkhead,
  CircuitBreaker,
  Deadline,
  Fallback,
  Hedge,
  Policy,
  RateLimiter,
  Retry,
  RetryBudget,
  RetrySchedule,
  Throttle
} from "effect-resilience/policy"
import Opossum from "opossum"
import pRetry from "p-retry"
import {
  asyncLeaf,
  atOnce,
  awaited,
  awaitedAtOnce,
  type Calls,
  down,
  each,
  inFiber,
  leaf,
  plainLeaf,
  promiseLeaf,
  thirdTime
} from "./loops.ts"

/** A way of making a call, with a synchronous leaf, with a promise leaf, and with one `runPromise` for each call. */
export interface Subject {
  readonly name: string
  readonly sync?: Calls | undefined
  readonly promise?: Calls | undefined
  readonly each?: Calls | undefined
  /** How many calls make a sample; fewer where one takes long. Default 1,000. */
  readonly calls?: number | undefined
}

/** Subjects that do the same. The rows `Effect` and `promise` of the group that is named are what they are compared to. */
export interface Group {
  readonly name: string
  readonly bare: string
  readonly subjects: ReadonlyArray<Subject>
}

type Leaf = Effect.Effect<number>
type Through = (leaf: Leaf) => Effect.Effect<unknown, unknown>

const ofEffect = (name: string, through: Through, calls?: number): Subject => ({
  name,
  sync: inFiber(() => through(leaf)),
  promise: inFiber(() => through(promiseLeaf)),
  each: each(() => through(leaf)),
  calls
})

const ofPromise = (name: string, call: (leaf: () => number | Promise<number>) => unknown, calls?: number): Subject => ({
  name,
  sync: awaited(() => call(plainLeaf)),
  promise: awaited(() => call(asyncLeaf)),
  calls
})

/** For what does not reach its leaf: one kind of leaf is enough. */
const refusing = (name: string, through: () => Effect.Effect<unknown, unknown>, calls?: number): Subject => ({
  name,
  sync: inFiber(() => Effect.ignore(through())),
  each: each(() => Effect.ignore(through())),
  calls
})

const refusingPromise = (name: string, call: () => unknown): Subject => ({ name, sync: awaited(call) })

const hour = 3_600_000

/** Everything, and how to end it. */
export interface Made {
  readonly groups: ReadonlyArray<Group>
  readonly close: () => Promise<void>
}

export const make = async (): Promise<Made> => {
  const closers: Array<() => unknown> = []
  const scope = Scope.makeUnsafe()
  const made = <A>(effect: Effect.Effect<A>): A => Effect.runSync(effect)
  const opossum = (call: () => number | Promise<number>, options: ConstructorParameters<typeof Opossum>[1]) => {
    const breaker = new Opossum<number>(call, options)
    closers.push(() => breaker.shutdown())
    return breaker
  }
  /** Opossum has a breaker for each function. */
  const ofOpossum = (name: string, options: ConstructorParameters<typeof Opossum>[1]): Subject => {
    const plain = opossum(plainLeaf, options)
    const async = opossum(asyncLeaf, options)
    return { name, sync: awaited(() => plain.fire()), promise: awaited(() => async.fire()) }
  }
  const effectBreaker = await Effect.runPromise(
    EffectBreaker.make({ tripPolicy: EffectBreaker.consecutive(5), openDuration: "1 hour" }).pipe(
      Effect.provide(EffectBreaker.layerStoreMemory()),
      Effect.provideService(Scope.Scope, scope)
    )
  )
  const effectLimiter = await Effect.runPromise(EffectLimiter.make.pipe(Effect.provide(EffectLimiter.layerStoreMemory)))
  const all = cockatiel.handleAll

  const retry = Retry.make()
  const exponential = { maxAttempts: 2, backoff: new cockatiel.ExponentialBackoff() }
  const cockatielRetry = cockatiel.retry(all, exponential)
  const windowed = Retry.make({ budget: made(RetryBudget.window()) })
  const ratio = Retry.make({ budget: made(RetryBudget.tokenRatio()) })

  const consecutive = made(CircuitBreaker.make({ window: CircuitBreaker.consecutive(5) }))
  const counting = made(CircuitBreaker.make({ window: CircuitBreaker.countWindow() }))
  const timed = made(CircuitBreaker.make({ window: CircuitBreaker.timeWindow() }))
  const cockatielBreaker = (breaker: cockatiel.IBreaker) =>
    cockatiel.circuitBreaker(all, { halfOpenAfter: 10_000, breaker })
  const cockatielConsecutive = cockatielBreaker(new cockatiel.ConsecutiveBreaker(5))
  const cockatielCount = cockatielBreaker(new cockatiel.CountBreaker({ threshold: 0.5, size: 100 }))
  const cockatielSampling = cockatielBreaker(new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 30_000 }))

  const bulkhead = made(Bulkhead.make({ concurrency: 10 }))
  const semaphore = Semaphore.makeUnsafe(10)
  const cockatielBulkhead = cockatiel.bulkhead(10)

  const smooth = made(RateLimiter.make({ limit: 1e9, window: "1 second" }))
  const bursty = made(RateLimiter.make({ limit: 1e9, window: "1 second", kind: "bursty" }))
  const consume = effectLimiter.consume({ key: "k", limit: 1e9, window: "1 second" })

  const cockatielTimeout = cockatiel.timeout(1000, cockatiel.TimeoutStrategy.Aggressive)
  const cockatielFallback = cockatiel.fallback(all, 0)
  const throttle = made(Throttle.make())
  const adaptive = made(AdaptiveLimit.make())
  const hedge = made(Hedge.make({ idempotent: true, when: "1 second" }))

  const pipeline = Policy.make({
    deadline: 5000,
    retry,
    breaker: made(CircuitBreaker.make()),
    bulkhead: made(Bulkhead.make({ concurrency: 10 }))
  })
  const written = Policy.make({ ...pipeline.members, deadline: "5 seconds" })
  const builtOnce = Policy.apply(leaf, pipeline)
  const retryBreakerBulkhead = Policy.make({ ...pipeline.members, deadline: undefined })
  const cockatielWrap = cockatiel.wrap(
    cockatiel.timeout(5000, cockatiel.TimeoutStrategy.Aggressive),
    cockatiel.retry(all, exponential),
    cockatielBreaker(new cockatiel.ConsecutiveBreaker(5)),
    cockatiel.bulkhead(10)
  )
  const cockatielWrapNoTimeout = cockatiel.wrap(
    cockatiel.retry(all, exponential),
    cockatielBreaker(new cockatiel.ConsecutiveBreaker(5)),
    cockatiel.bulkhead(10)
  )

  // The failing path.
  const failing = Effect.fail(down)
  const throwing = async () => {
    throw down
  }
  const open = made(CircuitBreaker.make({ window: CircuitBreaker.consecutive(1), openFor: "1 hour" }))
  await Effect.runPromise(Effect.ignore(CircuitBreaker.protect(failing, open)))
  const effectOpen = { key: "open" }
  for (let n = 0; n < 5; n++) await Effect.runPromise(Effect.ignore(effectBreaker.execute(failing, effectOpen)))
  const cockatielOpen = cockatiel.circuitBreaker(all, {
    halfOpenAfter: hour,
    breaker: new cockatiel.ConsecutiveBreaker(1)
  })
  await cockatielOpen.execute(throwing).catch(() => {})
  const opossumOpen = opossum(asyncLeaf, { resetTimeout: hour, timeout: false })
  opossumOpen.open()

  const atOnceRetry = Retry.make({ attempts: 3, schedule: RetrySchedule.immediate })
  const third = thirdTime()
  const flaky = Effect.suspend(() => (third() ? Effect.succeed(1) : failing))
  const flakyPromise = Effect.tryPromise({ try: () => plainFlaky(), catch: () => down })
  const plainThird = thirdTime()
  const syncFlaky = () => {
    if (plainThird()) return 1
    throw down
  }
  const plainFlaky = async () => syncFlaky()
  const twoFailures = (
    name: string,
    through: (flaky: Effect.Effect<number, Error>) => Effect.Effect<unknown, unknown>
  ) => ({
    name,
    sync: inFiber(() => through(flaky)),
    promise: inFiber(() => through(flakyPromise)),
    each: each(() => through(flaky)),
    calls: 300
  })
  const immediately = { retries: 2, minTimeout: 0, maxTimeout: 0 }
  const cockatielAtOnce = cockatiel.retry(all, { maxAttempts: 2, backoff: new cockatiel.ConstantBackoff(0) })

  const never = () => new Promise<number>(() => {})
  const cockatielReached = cockatiel.timeout(1, cockatiel.TimeoutStrategy.Aggressive)
  const opossumReached = opossum(never, { timeout: 1, errorThresholdPercentage: 100 })

  const full = made(Bulkhead.make({ concurrency: 1 }))
  const holder = Effect.runFork(Bulkhead.protect(Effect.never, full))
  closers.push(() => holder.interruptUnsafe())
  const taken = Semaphore.makeUnsafe(1)
  await Effect.runPromise(taken.take(1))
  const cockatielFull = cockatiel.bulkhead(1)
  void cockatielFull.execute(never)
  const opossumFull = opossum(never, { timeout: false, capacity: 1 })
  void opossumFull.fire()
  const spent = made(RateLimiter.make({ limit: 1, window: "1 hour" }))
  await Effect.runPromise(RateLimiter.acquire(spent))
  const spentConsume = effectLimiter.consume({ key: "spent", limit: 1, window: "1 hour", onExceeded: "fail" })
  await Effect.runPromise(spentConsume)

  const groups: ReadonlyArray<Group> = [
    {
      name: "bare",
      bare: "bare",
      subjects: [ofEffect("Effect", (leaf) => leaf), ofPromise("promise", (leaf) => leaf())]
    },
    {
      // What any policy that looks at a fiber and at an outcome costs on Effect, with nothing decided.
      name: "floor",
      bare: "bare",
      subjects: [
        ofEffect("withFiber", (leaf) => Effect.withFiber(() => leaf)),
        ofEffect("withFiber + catchCause", (leaf) => Effect.withFiber(() => Effect.catchCause(leaf, Effect.failCause))),
        ofEffect("withFiber + matchCauseEffect", (leaf) =>
          Effect.withFiber(() =>
            Effect.matchCauseEffect(leaf, { onSuccess: Effect.succeed, onFailure: Effect.failCause })
          )
        ),
        ofEffect("suspend + onExit", (leaf) => Effect.suspend(() => Effect.onExit(leaf, () => Effect.void)))
      ]
    },
    {
      name: "retry",
      bare: "bare",
      subjects: [
        ofEffect("ours", (leaf) => Retry.retry(leaf, retry)),
        ofEffect("ours, budget window", (leaf) => Retry.retry(leaf, windowed)),
        ofEffect("ours, budget tokenRatio", (leaf) => Retry.retry(leaf, ratio)),
        ofEffect("Effect.retry times", (leaf) => Effect.retry(leaf, { times: 2 })),
        ofEffect("Effect.retry schedule", (leaf) => Effect.retry(leaf, Schedule.recurs(2))),
        ofPromise("cockatiel", (leaf) => cockatielRetry.execute(leaf)),
        ofPromise("p-retry", (leaf) => pRetry(leaf, { retries: 2 }))
      ]
    },
    {
      name: "breaker, consecutive",
      bare: "bare",
      subjects: [
        ofEffect("ours", (leaf) => CircuitBreaker.protect(leaf, consecutive)),
        ofEffect("Effect", (leaf) => effectBreaker.execute(leaf, { key: "k" }), 200),
        ofPromise("cockatiel", (leaf) => cockatielConsecutive.execute(leaf)),
        ofOpossum("opossum, defaults", {}),
        ofOpossum("opossum, no timeout", { timeout: false, rollingPercentilesEnabled: false })
      ]
    },
    {
      name: "breaker, count window",
      bare: "bare",
      subjects: [
        ofEffect("ours", (leaf) => CircuitBreaker.protect(leaf, counting)),
        ofPromise("cockatiel", (leaf) => cockatielCount.execute(leaf))
      ]
    },
    {
      name: "breaker, time window",
      bare: "bare",
      subjects: [
        ofEffect("ours", (leaf) => CircuitBreaker.protect(leaf, timed)),
        ofPromise("cockatiel", (leaf) => cockatielSampling.execute(leaf))
      ]
    },
    {
      name: "timeout, not reached",
      bare: "bare",
      subjects: [
        ofEffect("ours", (leaf) => Deadline.total(leaf, 1000)),
        ofEffect("Effect", (leaf) => Effect.timeout(leaf, 1000)),
        ofPromise("cockatiel", (leaf) => cockatielTimeout.execute(leaf), 200)
      ]
    },
    {
      name: "bulkhead",
      bare: "bare",
      subjects: [
        ofEffect("ours", (leaf) => Bulkhead.protect(leaf, bulkhead)),
        ofEffect("Effect Semaphore", (leaf) => semaphore.withPermit(leaf)),
        ofPromise("cockatiel", (leaf) => cockatielBulkhead.execute(leaf))
      ]
    },
    {
      name: "rate limiter",
      bare: "bare",
      subjects: [
        ofEffect("ours, smooth", (leaf) => RateLimiter.protect(leaf, smooth)),
        ofEffect("ours, bursty", (leaf) => RateLimiter.protect(leaf, bursty)),
        ofEffect("Effect", (leaf) => Effect.andThen(consume, leaf))
      ]
    },
    {
      name: "others",
      bare: "bare",
      subjects: [
        ofEffect("ours, fallback", (leaf) => Fallback.value(leaf, 0)),
        ofPromise("cockatiel, fallback", (leaf) => cockatielFallback.execute(leaf)),
        ofEffect("ours, throttle", (leaf) => Throttle.protect(leaf, throttle)),
        ofEffect("ours, adaptive limit", (leaf) => AdaptiveLimit.protect(leaf, adaptive)),
        ofEffect("ours, hedge", (leaf) => Hedge.hedged(leaf, hedge))
      ]
    },
    {
      name: "retry + breaker + bulkhead",
      bare: "bare",
      subjects: [
        ofEffect("ours", (leaf) => Policy.apply(leaf, retryBreakerBulkhead)),
        ofPromise("cockatiel", (leaf) => cockatielWrapNoTimeout.execute(leaf))
      ]
    },
    {
      name: "deadline + retry + breaker + bulkhead",
      bare: "bare",
      subjects: [
        ofEffect("ours", (leaf) => Policy.apply(leaf, pipeline)),
        { name: "ours, built once", sync: inFiber(() => builtOnce), each: each(() => builtOnce) },
        ofEffect('ours, "5 seconds"', (leaf) => Policy.apply(leaf, written)),
        ofEffect(
          "Effect",
          (leaf) =>
            leaf.pipe(
              semaphore.withPermit,
              (self) => effectBreaker.execute(self, { key: "k" }),
              Effect.retry({ times: 2 }),
              Effect.timeout(5000)
            ),
          200
        ),
        ofPromise("cockatiel", (leaf) => cockatielWrap.execute(leaf), 200)
      ]
    },
    {
      name: "bare failure",
      bare: "bare failure",
      subjects: [refusing("Effect", () => failing), refusingPromise("promise", throwing)]
    },
    {
      name: "open rejection",
      bare: "bare failure",
      subjects: [
        refusing("ours", () => CircuitBreaker.protect(leaf, open)),
        refusing("Effect", () => effectBreaker.execute(leaf, effectOpen), 200),
        refusingPromise("cockatiel", () => cockatielOpen.execute(asyncLeaf)),
        refusingPromise("opossum", () => opossumOpen.fire())
      ]
    },
    {
      name: "queue full",
      bare: "bare failure",
      subjects: [
        refusing("ours, bulkhead", () => Bulkhead.protect(leaf, full)),
        refusing("Effect Semaphore", () => taken.withPermitsIfAvailable(1)(leaf)),
        refusingPromise("cockatiel", () => cockatielFull.execute(asyncLeaf)),
        refusingPromise("opossum", () => opossumFull.fire()),
        refusing("ours, rate limiter", () => RateLimiter.protect(leaf, spent)),
        refusing("Effect rate limiter", () => Effect.andThen(spentConsume, leaf), 200)
      ]
    },
    {
      name: "two failures, then a success",
      bare: "bare failure",
      subjects: [
        twoFailures("ours", (flaky) => Retry.retry(flaky, atOnceRetry)),
        twoFailures("Effect.retry", (flaky) => Effect.retry(flaky, { times: 2 })),
        {
          name: "cockatiel",
          sync: awaited(() => cockatielAtOnce.execute(syncFlaky)),
          promise: awaited(() => cockatielAtOnce.execute(plainFlaky)),
          calls: 5
        },
        {
          name: "p-retry",
          sync: awaited(() => pRetry(syncFlaky, immediately)),
          promise: awaited(() => pRetry(plainFlaky, immediately)),
          calls: 300
        }
      ]
    },
    {
      name: "timeout of 1 ms reached, 1,000 at once",
      bare: "bare failure",
      subjects: [
        { name: "ours", each: atOnce(() => Deadline.total(Effect.never, 1)) },
        { name: "Effect", each: atOnce(() => Effect.timeout(Effect.never, 1)) },
        { name: "cockatiel", promise: awaitedAtOnce(() => cockatielReached.execute(never)) },
        { name: "opossum", promise: awaitedAtOnce(() => opossumReached.fire()) }
      ]
    }
  ]
  return {
    groups,
    close: async () => {
      for (const close of closers) close()
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }
}
