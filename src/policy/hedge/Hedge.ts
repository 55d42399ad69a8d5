/**
 * A hedge: a call that is late gets a second attempt beside it, and whichever succeeds first is the answer. It cuts the
 * tail of latencies for a few per cent more calls.
 *
 * **When to use**
 *
 * For what may run twice, is mostly quick and sometimes slow for reasons of one call's own. `idempotent: true` has to be
 * written, or it does not compile.
 *
 * **Details**
 *
 * - The first success wins; the other attempts are interrupted, and have ended before the answer is given.
 * - A failed attempt starts the next one at once, or when its target asked for (`retryAfterMillis`). A failure that
 *   asking again cannot help (`Failures.isRetryable`) ends the call with it. So does a wait that is longer than
 *   `maxRetryAfter` or than the program has time, if no other attempt runs: it is not waited for.
 * - An attempt that another policy refuses (a full bulkhead, an open circuit), or that used up its own retries, is the
 *   last one begun, and those that run decide.
 * - If all fail, the error is the first attempt's. A late attempt's quick failure never beats an earlier one that still
 *   runs. (resilience4j's does.)
 * - A `RetryBudget` may refuse further attempts; then those that run decide. It is asked before a wait.
 *
 * **Gotchas**
 *
 * - Against a target that is slow because it is overloaded a hedge makes it worse: give it a budget.
 * - A stream cannot be hedged: nobody could say which of two goes on.
 *
 * After gRPC's proposal A6, Polly v8 and failsafe-go; the corners are decided in `HedgeState`.
 *
 * ```ts import.meta.vitest
 * import { Effect } from "effect"
 * import { Hedge } from "effect-resilience/policy"
 *
 * const program = Effect.gen(function* () {
 *   const hedge = yield* Hedge.make({ idempotent: true, when: "10 millis" })
 *   return yield* Hedge.run(hedge, (attempt) => attempt === 0 ? Effect.never : Effect.succeed(`attempt ${attempt}`))
 * })
 *
 * await Effect.runPromise(program) // => "attempt 1"
 * ```
 */
import type { Cause, Context } from "effect"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as DurationQuantile from "./DurationQuantile.ts"
import { both } from "../Combinator.ts"
import * as Deadline from "../deadline/Deadline.ts"
import * as Failures from "../Failures.ts"
import * as HedgeState from "./HedgeState.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as Judge from "../Judge.ts"
import * as MonotonicClock from "../MonotonicClock.ts"
import { notMade } from "../NotMade.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"
import * as Timer from "../Timer.ts"
import * as RetryBudget from "../budget/RetryBudget.ts"
import * as RetryBudgetState from "../budget/RetryBudgetState.ts"

/** After the quantile of past successes' durations. */
export interface Quantile {
  /** Which, above 0 and below 1. 0.95 hedges about one call in twenty. */
  readonly quantile: number
  /** So many successes must have been seen; before that `until` applies. Default: 20. */
  readonly warmup?: number | undefined
  /** How many of the newest successes count. Default: 128. */
  readonly window?: number | undefined
  /** The delay before the warm-up. Default: none, no hedging by time. */
  readonly until?: Duration.Input | undefined
}

/** How a hedge behaves. */
export interface Options {
  /** The effect may run more than once, at the same time, without harm. Nothing else may be hedged. */
  readonly idempotent: true
  /**
   * When a further attempt begins: after a delay, after a quantile of past durations, all at once (`"parallel"`), or
   * only after a failure (`"sequential"`). Default: 2 seconds.
   */
  readonly when?: Duration.Input | Quantile | "parallel" | "sequential" | undefined
  /** How many attempts there may be beside the first, 1 to 10. Default: 1. */
  readonly maxHedges?: number | undefined
  /**
   * Which errors are failures at all, as in every policy that counts: any other ends the call, unless `isRetryable` says
   * otherwise. Default: `Failures.isFailure`.
   */
  readonly isFailure?: Failures.Predicate | undefined
  /**
   * Whether asking again may help after this error; if not, it ends the call. Default: the failures of which
   * `Failures.isRetryable` says so.
   */
  readonly isRetryable?: Failures.Predicate | undefined
  /**
   * How long a target may ask to be left alone (`retryAfterMillis`) before it is asked again. One that asks for more is
   * not asked again, nor is one that asks for more than the program has time (`Deadline`). Default: 30 seconds.
   */
  readonly maxRetryAfter?: Duration.Input | undefined
  /** May refuse further attempts, shared with retries. Default: none. */
  readonly budget?: RetryBudget.RetryBudget | undefined
}

/** What one hedged effect has to say of its own errors, in place of what the hedge was made with. */
export interface CallOptions<in E = unknown> {
  /** As in `Options`. */
  readonly isFailure?: ((error: E) => boolean) | undefined
  /** As in `Options`. */
  readonly isRetryable?: ((error: E) => boolean) | undefined
}

/** A hedge: a value that any number of programs share. */
export interface Hedge {
  readonly mode: () => HedgeState.Mode
  readonly maxHedges: number
  readonly maxRetryAfterMillis: number
  readonly isFailure: Failures.Predicate | undefined
  readonly isRetryable: Failures.Predicate | undefined
  readonly budget: RetryBudgetState.Rule | undefined
  /** Durations of successes, kept only where a quantile is asked for. */
  readonly samples: DurationQuantile.Samples | undefined
}

const isQuantile = (when: Options["when"]): when is Quantile =>
  typeof when === "object" && when !== null && "quantile" in when

/** Makes a hedge. Throws `InvalidPolicyOption` for options that make no sense. */
export const make = (options: Options): Effect.Effect<Hedge> => {
  const where = "Hedge.make"
  const when = options.when ?? "2 seconds"
  const maxHedges = Check.positiveInt(where, "maxHedges", options.maxHedges ?? 1)
  Check.between(where, "maxHedges", maxHedges, 1, 10)
  if ((options.idempotent as unknown) !== true) Check.refuse(where, "idempotent", "true", options.idempotent)
  if (options.budget !== undefined) RetryBudget.checked(where, options.budget)
  const common = {
    maxHedges,
    maxRetryAfterMillis: Check.positiveMillis(where, "maxRetryAfter", options.maxRetryAfter ?? "30 seconds"),
    isFailure: options.isFailure,
    isRetryable: options.isRetryable,
    budget: options.budget?.rule
  }
  if (isQuantile(when)) {
    const { quantile, until, warmup = 20, window = 128 } = when
    if (!(typeof quantile === "number" && quantile > 0 && quantile < 1))
      Check.refuse(where, "quantile", "above 0 and below 1", quantile)
    Check.positiveInt(where, "warmup", warmup)
    Check.positiveInt(where, "window", window)
    Check.ordered(where, "warmup", warmup, "window", window, { ...when })
    const untilMillis = until === undefined ? undefined : Check.positiveMillis(where, "until", until)
    return Effect.sync(() => {
      const samples = DurationQuantile.make({ quantile, warmup, window })
      return { ...common, samples, mode: () => ({ delayMillis: DurationQuantile.value(samples) ?? untilMillis }) }
    })
  }
  const mode: HedgeState.Mode =
    when === "parallel" || when === "sequential" ? when : { delayMillis: Check.positiveMillis(where, "when", when) }
  return Effect.succeed({ ...common, samples: undefined, mode: () => mode })
}

const isOurs = (error: unknown): boolean => {
  const blame = Failures.blameOfUnknown(error)
  return blame === "rejected" || blame === "exhausted"
}

/** Whether a call goes on after an error. */
const asksAgain = <E>(error: E, hedge: Hedge, options: CallOptions<E> | undefined): boolean => {
  const isRetryable = options?.isRetryable ?? hedge.isRetryable
  return isRetryable === undefined
    ? Judge.isRetryable(error, options?.isFailure ?? hedge.isFailure)
    : isRetryable(error)
}

/** Runs an effect, hedged. Adds nothing to its errors. */
export const hedged: {
  /**
   * Runs an effect, hedged. Adds nothing to its errors.
   *
   * In a pipe.
   */
  (hedge: Hedge): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect, hedged. Adds nothing to its errors.
   *
   * In a pipe, with what this effect has to say of its own errors.
   */
  <E>(hedge: Hedge, options: CallOptions<NoInfer<E>>): <A, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect, hedged. Adds nothing to its errors.
   *
   * As a call.
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, hedge: Hedge, options?: CallOptions<NoInfer<E>>): Effect.Effect<A, E, R>
} = /*#__PURE__*/ both(
  Effect.isEffect,
  { where: "Hedge.hedged", option: "hedge", maker: "Hedge.make" },
  <A, E, R>(self: Effect.Effect<A, E, R>, hedge: Hedge, options?: CallOptions<E>) => run(hedge, () => self, options)
)

/** Runs attempts that know their number, from 0, so that each may go another way. Adds nothing to their errors. */
export const run = <A, E, R>(
  hedge: Hedge,
  attempt: (number: number) => Effect.Effect<A, E, R>,
  options?: CallOptions<NoInfer<E>>
): Effect.Effect<A, E, R> => {
  if (Effect.isEffect(hedge)) notMade("Hedge.run", "hedge", hedge, "Hedge.make")
  return Effect.withFiber((fiber) => race(hedge, options, attempt, fiber.context as Context.Context<R>, fiber))
}

/** An attempt has ended. */
interface Ended<A, E> {
  readonly number: number
  readonly exit: Exit.Exit<A, E>
  readonly paid: number
}

/**
 * The attempts tell what happened, and the call's own fiber decides: a predicate or a sink that throws is a defect of the
 * call, and not of whatever ran just then.
 */
const race = <A, E, R>(
  hedge: Hedge,
  options: CallOptions<E> | undefined,
  attempt: (number: number) => Effect.Effect<A, E, R>,
  context: Context.Context<R>,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<A, E> => {
  const fork = Effect.runForkWith(context)
  const { budget } = hedge
  // Most hedges need no time: then no clock is read.
  const timed = budget !== undefined || hedge.samples !== undefined
  const startedAt = timed ? MonotonicClock.millis(fiber) : 0
  const running = new Set<Fiber.Fiber<A, E>>()
  const news: Array<Ended<A, E>> = []
  let stopTimer: (() => void) | undefined
  let isDue = false
  let wake = nothing
  let state: HedgeState.State
  let begun = 0
  /** What the budget took for an attempt that waits for its time. */
  let prepaid: number | undefined
  let over = false
  let first: Cause.Cause<E> | undefined

  const disarm = () => {
    stopTimer?.()
    stopTimer = undefined
    isDue = false
  }

  /** What follows from a step; the answer, if that is the end. */
  const follow = (step: HedgeState.Step, error?: unknown): Exit.Exit<A, E> | undefined => {
    state = step.state
    // Whatever was armed belongs to the step before: an attempt that just began waits its own full delay.
    disarm()
    for (let i = 0; i < step.start; i++) {
      // An attempt that ended at once may have been the answer.
      const answer = begin(error) ?? listen()
      if (answer !== undefined) return answer
    }
    if (step.over) return Exit.failCause(first!)
    if (step.armMillis !== undefined && stopTimer === undefined && state.left > 0) arm(step.armMillis)
    return undefined
  }

  const arm = (millis: number): void => {
    stopTimer = Timer.start(fiber, millis, () => {
      stopTimer = undefined
      isDue = true
      wake()
    })
  }

  /** Asks the budget, once for each further attempt: before it waits for its time, if it does. */
  const pay = (error: unknown): number => {
    if (budget === undefined) return 0
    const paid = prepaid ?? budget.retry(MonotonicClock.millis(fiber), error)
    prepaid = undefined
    if (paid === RetryBudgetState.refused) {
      PolicyTelemetry.emit(fiber, "OnRetryBudgetExhausted", () => ({ policy: "Hedge", error }))
    }
    return paid
  }

  const begin = (error: unknown): Exit.Exit<A, E> | undefined => {
    const number = begun
    let paid = 0
    if (number === 0) budget?.request(startedAt)
    else {
      paid = pay(error)
      if (paid === RetryBudgetState.refused) return follow(HedgeState.refused(state))
    }
    begun++
    if (number > 0) {
      PolicyTelemetry.emit(fiber, "OnHedging", () => ({ policy: "Hedge", error, attributes: { attempt: number } }))
    }
    const one = fork(Effect.suspend(() => attempt(number)))
    running.add(one)
    one.addObserver((exit) => {
      running.delete(one)
      if (number > 0) budget?.retryEnded()
      // The answer was another's: this one's is nobody's any more, but for what it had cost.
      if (over) {
        if (exit._tag === "Success") budget?.success(MonotonicClock.millis(fiber), paid)
        return
      }
      news.push({ number, exit, paid })
      wake()
    })
    return undefined
  }

  const ended = ({ exit, number, paid }: Ended<A, E>): Exit.Exit<A, E> | undefined => {
    const now = timed ? MonotonicClock.millis(fiber) : 0
    if (exit._tag === "Success") {
      budget?.success(now, paid)
      // From the call's start: it took longer than the delay just if the first attempt did. Measured from the winner's
      // own start, hedges would shorten the delay that makes them.
      if (hedge.samples !== undefined) DurationQuantile.add(hedge.samples, now - startedAt)
      return exit
    }
    const failed = Failures.errorOf(exit.cause)
    if (failed !== undefined && Judge.failed(failed.error, hedge, options)) budget?.failure(now)
    if (number === 0) first = exit.cause
    // A defect and an attempt that interrupted itself are the answer.
    if (failed === undefined) return exit
    if (!asksAgain(failed.error, hedge, options)) {
      // A refusal of ours says nothing of the request: it must not end an attempt that runs well.
      return isOurs(failed.error) ? follow(HedgeState.refused(state)) : exit
    }
    return again(failed.error)
  }

  /** One more attempt after an error, unless nothing can come of it: that is decided before anything waits. */
  const again = (error: E): Exit.Exit<A, E> | undefined => {
    const hint = Failures.retryAfterMillisOf(error)
    const step = HedgeState.failed(state, hint)
    if (step.armMillis === undefined) return follow(step, error)
    if (step.armMillis > hedge.maxRetryAfterMillis || step.armMillis >= Deadline.left(fiber)) {
      return follow(HedgeState.refused(state))
    }
    const paid = pay(error)
    if (paid === RetryBudgetState.refused) return follow(HedgeState.refused(state))
    prepaid = paid
    return follow(step, error)
  }

  /** Takes what has happened; the answer, if there is one. */
  const listen = (): Exit.Exit<A, E> | undefined => {
    for (let next = news.shift(); next !== undefined; next = news.shift()) {
      const answer = ended(next)
      if (answer !== undefined) return answer
    }
    return undefined
  }

  const happening = Effect.callback<void>((resume) => {
    if (news.length > 0 || isDue) return resume(Effect.void)
    wake = () => {
      wake = nothing
      resume(Effect.void)
    }
    return Effect.sync(() => {
      wake = nothing
    })
  })
  const on: Effect.Effect<A, E> = Effect.suspend(() => {
    const answer = listen() ?? (isDue ? follow(HedgeState.due(state)) : undefined)
    return answer ?? wait
  })
  const wait = Effect.flatMap(happening, () => on)

  const close = (): Effect.Effect<void> => {
    over = true
    disarm()
    if (prepaid !== undefined) budget?.refund(MonotonicClock.millis(fiber), prepaid)
    if (begun > 0) budget?.requestEnded()
    const losers = Array.from(running)
    for (const loser of losers) loser.interruptUnsafe(fiber.id)
    return losers.length === 0 ? Effect.void : Effect.asVoid(Fiber.awaitAll(losers))
  }
  // The guard is there before anything has begun: an interruption in between would leave attempts behind.
  return Effect.onExit(
    Effect.suspend(() => follow(HedgeState.begin(hedge.mode(), hedge.maxHedges)) ?? wait),
    close
  )
}

const nothing = (): void => {}
