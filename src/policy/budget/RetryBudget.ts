/**
 * A limit on how much of all traffic may be retries, so that a failing dependency is not killed by its clients.
 *
 * **When to use**
 *
 * With every retry and hedge of more than a few clients: a retry of three attempts is three times the load just when the
 * target can take none. One budget is shared by everything that asks again of the same dependency.
 *
 * **Details**
 *
 * It never waits: it lets a further attempt through or it refuses, and then the caller keeps the error it already has.
 *
 * - `tokenRatio`: gRPC's throttle (proposal A6). Reacts to failures, whether retried or not.
 * - `window`: Finagle's and tower's. So many retries per request, plus a few per second. The default choice.
 * - `quota`: the AWS SDKs'. What a retry costs depends on its error; a success gives it back.
 * - `share`: failsafe-go's and Envoy's. So many of all calls under way may be retries.
 *
 * **Gotchas**
 *
 * - A budget for each call is none: make it once, or by key (`makeKeyed`).
 * - First attempts are never refused; that is a breaker's or a throttle's business.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { Retry, RetryBudget, RetrySchedule } from "effect-resilience/policy"
 *
 * const program = Effect.gen(function* () {
 *   const budget = yield* RetryBudget.quota({ capacity: 10, cost: 5 })
 *   const retry = Retry.make({ attempts: 4, schedule: RetrySchedule.immediate, budget })
 *   const error = yield* Effect.flip(Retry.retry(Effect.fail("down"), retry))
 *   return [error.reason, error.attempts, error.last]
 * })
 *
 * Effect.runSync(program) // => ["budget", 3, "down"]
 * ```
 */
import type { Duration } from "effect"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

import { RetryBudgetExhausted, stackless } from "../../errors/index.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as Failures from "../Failures.ts"
import * as KeyRing from "../KeyRing.ts"
import * as MonotonicClock from "../MonotonicClock.ts"
import { notMade } from "../NotMade.ts"
import * as State from "./RetryBudgetState.ts"

const TypeId = "~effect-resilience/policy/RetryBudget"

/** A retry budget. Made by `tokenRatio`, `window`, `quota` or `share`; shared by passing it around, or by key (`RetryBudgets`). */
export interface RetryBudget {
  readonly [TypeId]: typeof TypeId
  /** The rule itself, for authors of policies: synchronous, with the time as an argument. */
  readonly rule: State.Rule
}

/** A budget that can do without being told when an attempt ends, so that a plain schedule can carry it: all but `share`. */
export interface Countable extends RetryBudget {
  readonly rule: State.Rule & { readonly tracksFlight: false }
}

/** Whether a value is a retry budget. */
export const isRetryBudget = (value: unknown): value is RetryBudget =>
  typeof value === "object" && value !== null && TypeId in value

/** Throws `InvalidPolicyOption` for what is no budget, such as the effect that has yet to make one. */
export const checked = (where: string, budget: RetryBudget): void => {
  if (!isRetryBudget(budget)) notMade(where, "budget", budget, "RetryBudget")
}

const fromRule = <R extends State.Rule>(rule: R): RetryBudget & { readonly rule: R } => ({ [TypeId]: TypeId, rule })

const countable = (rule: State.Rule): Countable => fromRule(rule as State.Rule & { readonly tracksFlight: false })

/** Options of `tokenRatio`. */
export interface TokenRatio {
  /** Size of the bucket, full at first; retries stop at half of it. From 1 to 1000; default 10. */
  readonly maxTokens?: number | undefined
  /** What a success gives back; a failure takes 1. From 0.001 to `maxTokens`, three decimals; default 0.1. */
  readonly tokenRatio?: number | undefined
}

/**
 * gRPC's retry throttling (proposal A6): each failed attempt takes a token, each succeeded one gives a little back, and
 * retries are let through while more than half of the tokens are there.
 */
export const tokenRatio = (options?: TokenRatio): Effect.Effect<Countable> => {
  const where = "RetryBudget.tokenRatio"
  const maxTokens = Check.between(where, "maxTokens", options?.maxTokens ?? 10, 1, 1000)
  const ratio = Check.between(where, "tokenRatio", options?.tokenRatio ?? 0.1, 0.001, maxTokens)
  return Effect.sync(() => countable(State.tokenRatio({ maxTokens, tokenRatio: ratio })))
}

/** Options of `window`. */
export interface Window {
  /** Retries per request, on the average of the window. From 0 to 1000; default 0.2. */
  readonly ratio?: number | undefined
  /** Retries per second that are let through whatever the traffic. Zero or more; default 10. */
  readonly minPerSecond?: number | undefined
  /** How long a request counts. From 1 to 60 seconds; default 10 seconds. */
  readonly ttl?: Duration.Input | undefined
}

/**
 * Finagle's retry budget (tower's is the same): each request earns `ratio` of a retry for as long as `ttl`, and a reserve
 * of `minPerSecond` is always there. Defaults: a fifth, 10 per second, 10 seconds, so 100 retries at first.
 */
export const window = (options?: Window): Effect.Effect<Countable> => {
  const where = "RetryBudget.window"
  const ratio = Check.between(where, "ratio", options?.ratio ?? 0.2, 0, 1000)
  const minPerSecond = Check.nonNegative(where, "minPerSecond", options?.minPerSecond ?? 10)
  const ttl = options?.ttl ?? "10 seconds"
  const ttlMillis = Check.positiveMillis(where, "ttl", ttl)
  if (ttlMillis < 1000 || ttlMillis > 60_000) Check.refuse(where, "ttl", "from 1 to 60 seconds", ttl)
  return Effect.sync(() => countable(State.window({ ratio, minPerSecond, ttlMillis })))
}

/** Options of `quota`. */
export interface Quota {
  /** Size of the bucket, full at first. Default 500. */
  readonly capacity?: number | undefined
  /** What a retry costs, perhaps by its error. Default 5. A negative cost or NaN refuses the retry. */
  readonly cost?: number | ((error: unknown) => number) | undefined
  /** What a success without a retry gives back. Default 1. */
  readonly refill?: number | undefined
}

/**
 * The AWS SDKs' retry quota: a retry takes its cost, a success after it gives that back, any other success gives
 * `refill`. Defaults as in their standard mode: 500, 5, 1.
 */
export const quota = (options?: Quota): Effect.Effect<Countable> => {
  const where = "RetryBudget.quota"
  const capacity = Check.positiveInt(where, "capacity", options?.capacity ?? 500)
  const cost = options?.cost ?? 5
  if (options?.cost === undefined && capacity < 5) {
    Check.refuse(where, "capacity", 'at least "cost" (5)', capacity)
  }
  const fixed = typeof cost === "number" ? Check.between(where, "cost", cost, 0, capacity) : 0
  const refill = Check.nonNegative(where, "refill", options?.refill ?? 1)
  const costOf = typeof cost === "function" ? cost : () => fixed
  return Effect.sync(() => countable(State.quota({ capacity, costOf, refill })))
}

/** Options of `share`. */
export interface Share {
  /** How many of the calls under way may be retries. Above 0 and up to 1; default 0.2. */
  readonly maxShare?: number | undefined
  /** So many retries may always be under way. Default 3. */
  readonly minConcurrency?: number | undefined
}

/**
 * failsafe-go's budget: a retry is refused while at least `minConcurrency` retries are under way and they are more than
 * `maxShare` of everything under way. It has to know when calls end, so a bare schedule cannot carry it: give it to
 * `Retry` or `Hedge`. The guard for that costs 0.4 µs a call on an idle machine, where `tokenRatio` and
 * `quota` cost 0.15 and `window` next to nothing (Node 24, one fiber).
 */
export const share = (options?: Share): Effect.Effect<RetryBudget> => {
  const where = "RetryBudget.share"
  const maxShare = Check.positiveFraction(where, "maxShare", options?.maxShare ?? 0.2)
  const minConcurrency = Check.nonNegativeInt(where, "minConcurrency", options?.minConcurrency ?? 3)
  return Effect.sync(() => fromRule(State.share({ maxShare, minConcurrency })))
}

/** What is left: tokens, retries or units of quota; for a share 1 if a retry may begin, else 0. */
export const balance = (budget: RetryBudget): Effect.Effect<number> =>
  Effect.withFiberSucceed((fiber) => budget.rule.balance(MonotonicClock.millis(fiber)))

/**
 * Runs one further attempt of something if the budget lets it, for a failover or another way of asking again that is
 * none of our policies. If not, it fails with `RetryBudgetExhausted`, at once.
 *
 * The attempt's end is told to the budget, also when it is interrupted.
 */
export const spend =
  (budget: RetryBudget, cause?: unknown) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | RetryBudgetExhausted, R> => {
    checked("RetryBudget.spend", budget)
    return Effect.withFiber((fiber) => {
      let paid = State.refused
      // The finaliser is there before anything is taken: an interruption in between would keep it for ever.
      const attempt = Effect.suspend((): Effect.Effect<A, E | RetryBudgetExhausted, R> => {
        paid = budget.rule.retry(MonotonicClock.millis(fiber), cause)
        return paid === State.refused ? Effect.fail(stackless(() => new RetryBudgetExhausted({}))) : self
      })
      return Effect.onExit(attempt, (exit) => {
        if (paid === State.refused) return Effect.void
        budget.rule.retryEnded()
        if (exit._tag === "Success") budget.rule.success(MonotonicClock.millis(fiber), paid)
        else if (Failures.exitIsFailure(exit)) budget.rule.failure(MonotonicClock.millis(fiber))
        return Effect.void
      })
    })
  }

/** Options of `makeKeyed`. */
export interface KeyedOptions {
  /** No more keys are kept; beyond that one is forgotten that was not asked for of late. Default 10,000. */
  readonly maxKeys?: number | undefined
}

/** A budget for each key. */
export interface Keyed {
  /** The budget of a key, such as a target's name; made when it is first asked for. */
  readonly get: (key: string) => Effect.Effect<RetryBudget>
  /** How many keys are in memory. */
  readonly size: Effect.Effect<number>
}

/** Makes a budget for each key that is asked for, each by running `budget` once. */
export const makeKeyed = (budget: Effect.Effect<RetryBudget>, options: KeyedOptions = {}): Effect.Effect<Keyed> => {
  const maxKeys = Check.positiveInt("RetryBudget.makeKeyed", "maxKeys", options.maxKeys ?? 10_000)
  return Effect.sync(() => {
    // What a budget has seen is never nothing, and nobody waits on one.
    const ring = KeyRing.make<RetryBudget>({ maxKeys, isIdle: () => false, isBusy: () => false })
    return {
      get: (key) =>
        Effect.suspend(() => {
          const known = ring.find(key, 0)
          if (known !== undefined) return Effect.succeed(known)
          // Another fiber may have asked for the key in the meantime.
          return Effect.map(budget, (made) => ring.find(key, 0) ?? ring.add(key, made))
        }),
      size: Effect.sync(ring.size)
    }
  })
}

/**
 * The budgets that a program shares, by key: one for each target.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { RetryBudget } from "effect-resilience/policy"
 *
 * const left = Effect.flatMap(
 *   RetryBudget.RetryBudgets.use((budgets) => budgets.get("search")),
 *   RetryBudget.balance
 * )
 *
 * await Effect.runPromise(Effect.provide(left, RetryBudget.layer(RetryBudget.window()))) // => 100
 * ```
 */
export class RetryBudgets extends Context.Service<RetryBudgets, Keyed>()("effect-resilience/policy/RetryBudgets") {}

/** Provides `RetryBudgets`, each made by running `budget` once. */
export const layer = (budget: Effect.Effect<RetryBudget>, options?: KeyedOptions): Layer.Layer<RetryBudgets> =>
  Layer.effect(RetryBudgets, makeKeyed(budget, options))

/** As `spend`, with the budget of this key in the program's `RetryBudgets`. Adds `RetryBudgetExhausted`. */
export const spendKey =
  (key: string, cause?: unknown) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | RetryBudgetExhausted, R | RetryBudgets> =>
    RetryBudgets.use((budgets) => Effect.flatMap(budgets.get(key), (budget) => spend(budget, cause)(self)))
