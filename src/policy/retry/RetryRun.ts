/**
 * One call of a retry: what failed so far, and what comes next. `Retry` is made of it, for effects and for streams.
 */
import type { Fiber } from "effect"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type * as Schedule from "effect/Schedule"
import { RetriesExhausted, type StopReason, stackless } from "../../errors/index.ts"
import * as Judge from "../Judge.ts"
import * as MonotonicClock from "../MonotonicClock.ts"
import * as PolicyTelemetry from "../PolicyTelemetry.ts"
import type { Countable, RetryBudget } from "../budget/RetryBudget.ts"
import * as RetryPlan from "./RetryPlan.ts"

/** `RetriesExhausted`, of the errors that were retried. */
export type Exhausted<E> = RetriesExhausted<E>

export const TypeId = "~effect-resilience/policy/Retry"

/** A retry policy, whatever it can judge. */
export interface Any {
  readonly [TypeId]: typeof TypeId
}

/** A retry policy: made once, applied to as many effects as you like. It has no state but its budget's. */
export interface Retry<in A = unknown, in E = unknown, out E2 = never> extends Any {
  readonly attempts: number
  readonly schedule: Schedule.Schedule<unknown, E>
  readonly plan: RetryPlan.Plan<E> | undefined
  readonly budget: RetryBudget | undefined
  /** The schedule's own, where it can be seen that it has any. */
  readonly budgets: ReadonlyArray<Countable>
  /** What its budgets need to know of a success; `nothing` if there are none. */
  readonly needs: "nothing" | "paid" | "time"
  /** Whether a budget may take something for an attempt, before that begins. */
  readonly takes: boolean
  readonly isFailure: ((error: E) => boolean) | undefined
  readonly while: ((error: E) => boolean) | undefined
  readonly failOn: ((result: A) => E2 | undefined) | undefined
  readonly consumes: ((error: E) => boolean) | undefined
  readonly free: number
  readonly keepErrors: number
  readonly yieldEvery: number
}

/** Whether a policy asks again after this error, as long as it has attempts. */
export const asksAgain = <E>(policy: Retry<never, E, unknown>, error: E): boolean =>
  policy.while === undefined ? Judge.isRetryable(error, policy.isFailure) : policy.while(error)

/** What comes after a failure: another attempt after a delay in milliseconds, or the end. */
export type Next =
  | { readonly _tag: "Retry"; readonly delayMillis: number }
  | { readonly _tag: "Stop"; readonly reason: StopReason }

const atOnce: Next = { _tag: "Retry", delayMillis: 0 }

/** One call: what failed so far, and the decision what comes next. */
export class Run<A, E, E2 extends E> {
  readonly policy: Retry<A, E, E2>
  readonly startedAt: number
  /** Since when the schedule counts. */
  private countsFrom: number
  /** Attempts that have begun, those that cost nothing included. */
  begun = 1
  /** Attempts that failed and count. */
  failed = 0
  free = 0
  /** What the budget took for the attempt that runs; below 0 for a first attempt. */
  paid = -1
  errors: Array<E> = []
  last: E | undefined
  reason: StopReason = "attempts"
  /** Whether the budgets have been told of the request. */
  open = false
  /** Whether an attempt was paid for that has not begun. */
  private prepaid = false
  private guarded = false
  // Made at the first failure: a call that does not fail has no use for them.
  private heard: boolean | undefined
  private at: RetryPlan.At<E> | undefined
  private first: RetryPlan.First<E> | undefined
  private step: ((now: number, error: E) => Pull.Pull<[unknown, Duration.Duration], never, unknown>) | undefined

  constructor(policy: Retry<A, E, E2>, startedAt: number) {
    this.policy = policy
    this.startedAt = startedAt
    this.countsFrom = startedAt
  }

  /** Tells the budgets that a request begins. */
  request(): void {
    this.open = true
    this.policy.budget?.rule.request(this.startedAt)
    for (const budget of this.policy.budgets) budget.rule.request(this.startedAt)
  }

  /** Tells the budgets that an attempt succeeded. */
  succeeded(now: number): void {
    const paid = Math.max(0, this.paid)
    this.policy.budget?.rule.success(now, paid)
    const paidFor = this.at?.paid
    this.policy.budgets.forEach((budget, i) => budget.rule.success(now, paidFor?.[i] ?? 0))
  }

  /** The retry that the budget let through is over. */
  endFlight(): void {
    if (this.paid < 0) return
    this.paid = -1
    this.policy.budget?.rule.retryEnded()
  }

  /** The attempt that comes begins: what was paid for it is spent. */
  begins(): void {
    this.prepaid = false
  }

  /**
   * The call is over: what was paid for an attempt that has not begun goes back. A budget that counts what is under way
   * hears of that one's end as of any other's.
   */
  giveBack(now: number): void {
    if (!this.prepaid) return
    this.prepaid = false
    const { budget, plan } = this.policy
    if (budget !== undefined && !budget.rule.tracksFlight) {
      budget.rule.refund(now, this.paid)
      this.paid = -1
    }
    if (plan !== undefined && this.at !== undefined) RetryPlan.refund(plan, this.at, now)
  }

  /** The request is over. */
  end(): void {
    this.endFlight()
    if (this.open) this.policy.budget?.rule.requestEnded()
    this.open = false
  }

  /**
   * Begins anew after progress: the attempts and the schedule start over, its elapsed time from this failure on; what was
   * paid stays paid.
   */
  reset(now: number): void {
    this.countsFrom = now
    this.failed = 0
    this.free = 0
    this.at = undefined
    this.first = undefined
    this.step = undefined
  }

  /** A failure after which nothing is tried again, whatever the policy says. */
  giveUp(error: E): void {
    this.keep(error)
    this.reason = "notRecoverable"
  }

  private keep(error: E): void {
    this.last = error
    if (this.errors.length === this.policy.keepErrors) this.errors.shift()
    this.errors.push(error)
  }

  private stop(reason: StopReason): Next {
    this.reason = reason
    return { _tag: "Stop", reason }
  }

  /** The failure of an attempt, and what comes next. */
  decide<X, EX, RX>(
    fiber: Fiber.Fiber<unknown, unknown>,
    error: E,
    go: (next: Next) => Effect.Effect<X, EX, RX>
  ): Effect.Effect<X, EX, RX> {
    const { policy } = this
    const now = MonotonicClock.millis(fiber)
    this.keep(error)
    this.endFlight()
    if (!asksAgain(policy, error)) return go(this.stop("notRecoverable"))
    if (policy.consumes !== undefined && this.free < policy.free && !policy.consumes(error)) {
      this.free++
      if (this.at !== undefined) this.at.paid = undefined
      return go(atOnce)
    }
    this.failed++
    policy.budget?.rule.failure(now)
    if (this.failed >= policy.attempts) {
      for (const budget of policy.budgets) budget.rule.failure(now)
      return go(this.stop("attempts"))
    }
    const at = (this.at ??= RetryPlan.begin<E>(fiber, this.countsFrom))
    if (policy.plan !== undefined) {
      RetryPlan.advance(at, fiber, error, now)
      return go(this.pay((this.first ??= policy.plan.start())(at), at))
    }
    // A schedule that is not ours: stepping it takes effects, and it is told the wall clock's time, as Effect does.
    const wallNow = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
    const stepped = (step: NonNullable<typeof this.step>) =>
      Pull.matchEffect(step(wallNow, error), {
        onSuccess: ([, delay]) => {
          RetryPlan.advance(at, fiber, error, now)
          return go(this.pay(Duration.toMillis(delay), at))
        },
        onDone: () => go(this.stop("attempts")),
        onFailure: (cause) => Effect.failCause(cause)
      })
    if (this.step !== undefined) return stepped(this.step)
    return Effect.flatMap(
      RetryPlan.toStep(policy.schedule, { countsFrom: this.countsFrom, told: policy.budgets }),
      (step) => stepped((this.step = step))
    )
  }

  /**
   * As `decide`, and sees to it that nothing stays paid for an attempt that does not begin. The guard is there once a call,
   * and only after a failure, for a call that does not fail has paid for nothing; and before anything is paid, so that no
   * interruption comes between.
   */
  follow<X, EX, RX>(
    fiber: Fiber.Fiber<unknown, unknown>,
    error: E,
    go: (next: Next) => Effect.Effect<X, EX, RX>
  ): Effect.Effect<X, EX, RX> {
    if (this.guarded || !this.policy.takes) return this.decide(fiber, error, go)
    this.guarded = true
    return Effect.onExit(
      Effect.suspend(() => this.decide(fiber, error, go)),
      () => {
        this.giveBack(MonotonicClock.millis(fiber))
        return Effect.void
      }
    )
  }

  private pay(outcome: RetryPlan.Outcome, at: RetryPlan.At<E>): Next {
    const settled = RetryPlan.settle(outcome, at)
    if (typeof settled !== "number") return this.notMade(settled, at)
    const { budget } = this.policy
    if (budget !== undefined) {
      const paid = budget.rule.retry(at.now, at.input)
      if (paid < 0) return this.notMade("budget", at)
      this.paid = paid
    }
    this.prepaid = true
    return { _tag: "Retry", delayMillis: settled }
  }

  /** The schedule's budgets may have been asked before whoever refuses. */
  private notMade(reason: StopReason, at: RetryPlan.At<E>): Next {
    if (this.policy.plan !== undefined) RetryPlan.refund(this.policy.plan, at, at.now)
    return this.stop(reason)
  }

  exhausted(fiber: Fiber.Fiber<unknown, unknown>): Exhausted<E> {
    const { begun, errors, last, reason } = this
    const elapsedMillis = Math.round(MonotonicClock.millis(fiber) - this.startedAt)
    PolicyTelemetry.emit(fiber, reason === "budget" ? "OnRetryBudgetExhausted" : "OnRetriesExhausted", () => ({
      policy: "Retry",
      error: last,
      attributes: { reason, attempts: begun, elapsedMillis }
    }))
    return stackless(() => new RetriesExhausted<E>({ reason, attempts: begun, elapsedMillis, last: last as E, errors }))
  }

  /** Waits before the next attempt. */
  wait(fiber: Fiber.Fiber<unknown, unknown>, delayMillis: number): Effect.Effect<void> | undefined {
    const attempt = this.begun++
    // Asked once a call: four look-ups for each of many attempts would be a tenth of their cost.
    if ((this.heard ??= PolicyTelemetry.listens(fiber))) {
      PolicyTelemetry.emit(fiber, "OnRetry", () => ({
        policy: "Retry",
        error: this.last,
        attributes: { attempt, delayMillis }
      }))
    }
    if (delayMillis > 0) return fiber.getRef(Clock.Clock).sleep(Duration.millis(delayMillis))
    return attempt % this.policy.yieldEvery === 0 ? Effect.yieldNow : undefined
  }
}
