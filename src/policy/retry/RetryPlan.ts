/**
 * What is inside a schedule of `RetrySchedule`: a plan, which is plain code, so that `Retry` can run it without an effect
 * per step. Stepping an Effect schedule costs 2 to 4 µs per failure, and as much before the first attempt.
 *
 * A combinator of ours on a schedule of ours gives a plan again. On any other schedule the plan is around its steps, and
 * the result is as good, only slower.
 */
import type { Fiber } from "effect"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type { StopReason } from "../../errors/index.ts"
import * as Deadline from "../deadline/Deadline.ts"
import * as Check from "../InvalidPolicyOption.ts"
import * as MonotonicClock from "../MonotonicClock.ts"
import * as RetryBudget from "../budget/RetryBudget.ts"

/** Where a retry is, when a step is asked what comes next. One object per run, changed in place. */
export interface At<out Input = unknown> {
  fiber: Fiber.Fiber<unknown, unknown>
  /** The error of the attempt that failed. */
  input: Input
  /** How many attempts have failed: 1 after the first. */
  attempt: number
  now: number
  /** When the first attempt began. */
  readonly startedAt: number
  /** The least wait that was asked for by a server; later steps do not shorten a delay below it. */
  leastMillis: number
  /** What each of the plan's budgets took for the attempt that comes. */
  paid: Array<number> | undefined
  /** What the schedule gave that the plan is around, if it is around one that is not ours. */
  given: Outcome
}

/** One step: a delay in milliseconds, or why to stop. */
export type Outcome = number | StopReason

/** Makes the first delay of a step. */
export type First<in Input> = (at: At<Input>) => Outcome

/** Changes the delay that earlier stages agreed on. */
export type Stage<in Input> = (delayMillis: number, at: At<Input>) => Outcome

/** A plan: `start` gives the steps of one run, with state of their own. */
export interface Plan<in Input> {
  readonly start: () => First<Input>
  /** The budgets that are to be told of each request. */
  readonly budgets: ReadonlyArray<RetryBudget.Countable>
}

const PlanKey: unique symbol = Symbol.for("effect-resilience/policy/RetryPlan")

/** The plan of a schedule, if it is one of ours. */
export const planOf = <Output, Input, Error, Env>(
  schedule: Schedule.Schedule<Output, Input, Error, Env>
): Plan<Input> | undefined => (schedule as { readonly [PlanKey]?: Plan<Input> })[PlanKey]

/** A draw in [0, 1) from the fiber's `Random`. */
export const draw = (at: At): number => at.fiber.getRef(Random.Random).nextDoubleUnsafe()

// Whatever a user's function gives: never negative, never NaN, never longer than a timer can keep.
const bounded = (millis: number): number => (millis > 0 ? Math.min(millis, Check.longestMillis) : 0)

/** What a step comes to, once more looked at: within bounds, and not begun if it would end at or past the deadline. */
export const settle = (outcome: Outcome, at: At): Outcome => {
  if (typeof outcome !== "number") return outcome
  const delayMillis = bounded(outcome)
  return at.now + delayMillis >= Deadline.endOf(at.fiber) ? "deadline" : delayMillis
}

/** The state of one run. */
export const begin = <Input>(fiber: Fiber.Fiber<unknown, unknown>, startedAt: number): At<Input> => ({
  fiber,
  input: undefined as Input,
  attempt: 0,
  now: startedAt,
  startedAt,
  leastMillis: 0,
  paid: undefined,
  given: 0
})

/** One more attempt failed. */
export const advance = <Input>(
  at: At<Input>,
  fiber: Fiber.Fiber<unknown, unknown>,
  input: Input,
  now: number
): void => {
  at.fiber = fiber
  at.input = input
  at.now = now
  at.attempt++
  at.leastMillis = 0
  at.paid = undefined
}

/** The attempt that comes is not made after all: each of the plan's budgets gets back what it took for it. */
export const refund = <Input>(plan: Plan<Input>, at: At, now: number): void => {
  at.paid?.forEach((paid, i) => plan.budgets[i]?.rule.refund(now, paid))
  at.paid = undefined
}

const AroundKey: unique symbol = Symbol.for("effect-resilience/policy/RetryPlan/Around")

/** A plan around a schedule that is not ours, whose delays are the first ones. */
interface Around<Output, Input, Error, Env> {
  readonly inner: Schedule.Schedule<Output, Input, Error, Env>
  readonly plan: Plan<Input>
}

const aroundOf = <Output, Input, Error, Env>(
  schedule: Schedule.Schedule<Output, Input, Error, Env>
): Around<Output, Input, Error, Env> | undefined =>
  (schedule as { readonly [AroundKey]?: Around<Output, Input, Error, Env> })[AroundKey]

/** The budgets of a schedule that are to be told of each request, as far as it can be seen which ones it has. */
export const budgetsOf = <Output, Input, Error, Env>(
  schedule: Schedule.Schedule<Output, Input, Error, Env>
): ReadonlyArray<RetryBudget.Countable> => (planOf(schedule) ?? aroundOf(schedule)?.plan)?.budgets ?? []

/** The run that a schedule is of whose steps are made at the first failure. */
interface Underway {
  /** Since when it counts. */
  readonly countsFrom: number
  /** The budgets that hear of its request and its success from it. */
  readonly told: ReadonlyArray<RetryBudget.Countable>
}

const Underway = /*#__PURE__*/ Context.Reference<Underway | undefined>("effect-resilience/policy/RetryPlan/Underway", {
  defaultValue: () => undefined
})

const begunAt = (fiber: Fiber.Fiber<unknown, unknown>): number =>
  fiber.getRef(Underway)?.countsFrom ?? MonotonicClock.millis(fiber)

/**
 * The steps of a schedule that is not ours, made at the first failure: what of ours is in it, or around it, counts from the
 * beginning of the first attempt all the same, and opens no books that are kept already.
 */
export const toStep = <Output, Input, Error, Env>(
  schedule: Schedule.Schedule<Output, Input, Error, Env>,
  underway: Underway
): ReturnType<typeof Schedule.toStep<Output, Input, Error, Env>> =>
  Effect.provideService(Schedule.toStep(schedule), Underway, underway)

/** The schedule of a plan. */
export const toSchedule = <Input>(plan: Plan<Input>): Schedule.Schedule<Duration.Duration, Input> => {
  const schedule = Schedule.fromStep(
    Effect.withFiberSucceed((started) => {
      const startedAt = begunAt(started)
      const step = plan.start()
      const at = begin<Input>(started, startedAt)
      for (const budget of plan.budgets) open(budget, started)
      // The time that Effect gives is the wall clock's.
      return (_: number, input: Input) =>
        Effect.withFiber((fiber) => {
          advance(at, fiber, input, MonotonicClock.millis(fiber))
          const outcome = settle(step(at), at)
          if (typeof outcome !== "number") {
            refund(plan, at, at.now)
            return Cause.done(Duration.zero)
          }
          const delay = Duration.millis(outcome)
          return Effect.succeed<[Duration.Duration, Duration.Duration]>([delay, delay])
        })
    })
  )
  return Object.assign(schedule, { [PlanKey]: plan })
}

// A schedule hears of failures only, so a request counts as a success when it begins. `Retry` keeps exact books.
const open = (budget: RetryBudget.Countable, started: Fiber.Fiber<unknown, unknown>): void => {
  if (started.getRef(Underway)?.told.includes(budget) === true) return
  const now = begunAt(started)
  budget.rule.request(now)
  budget.rule.success(now, 0)
}

// A schedule with a plan gives its delay: `Output` is `Duration` wherever there is one.
const asOutput = <Output, Input, Error, Env>(schedule: Schedule.Schedule<Duration.Duration, Input>) =>
  schedule as unknown as Schedule.Schedule<Output, Input, Error, Env>

const given: Plan<unknown> = { budgets: [], start: () => (at) => at.given }

/** The schedule of a plan that is around another's. */
const toAround = <Output, Input, Error, Env>(
  around: Around<Output, Input, Error, Env>
): Schedule.Schedule<Output, Input, Error, Env> => {
  const { inner, plan } = around
  const schedule = Schedule.fromStep(
    Effect.withFiber((started) => {
      const startedAt = begunAt(started)
      for (const budget of plan.budgets) open(budget, started)
      return Effect.map(Schedule.toStep(inner), (step) => {
        const first = plan.start()
        const at = begin<Input>(started, startedAt)
        const next = (input: Input, output: Output, outcome: Outcome) =>
          Effect.withFiber((fiber): Pull.Pull<[Output, Duration.Duration], never, Output> => {
            advance(at, fiber, input, MonotonicClock.millis(fiber))
            at.given = outcome
            const settled = settle(first(at), at)
            if (typeof settled === "number") return Effect.succeed([output, Duration.millis(settled)])
            refund(plan, at, at.now)
            return Cause.done(output)
          })
        return (now: number, input: Input) =>
          Pull.matchEffect(step(now, input), {
            onSuccess: ([output, delay]) => next(input, output, Duration.toMillis(delay)),
            onDone: (output) => next(input, output, "attempts"),
            onFailure: (cause) => Effect.failCause(cause)
          })
      })
    })
  )
  return Object.assign(schedule, { [AroundKey]: around })
}

/** A schedule whose plan is another: its own, or the one that is around it. */
const withPlan = <Output, Input, Error, Env>(
  self: Schedule.Schedule<Output, Input, Error, Env>,
  change: (plan: Plan<Input>) => Plan<Input>
): Schedule.Schedule<Output, Input, Error, Env> => {
  const plan = planOf(self)
  if (plan !== undefined) return asOutput(toSchedule(change(plan)))
  const around = aroundOf(self) ?? { inner: self, plan: given }
  return toAround({ inner: around.inner, plan: change(around.plan) })
}

/** A schedule with one stage more. `make` gives the stage of one run, with state of its own. */
export const withStage = <Output, Input, Error, Env>(
  self: Schedule.Schedule<Output, Input, Error, Env>,
  make: () => Stage<Input>
): Schedule.Schedule<Output, Input, Error, Env> =>
  withPlan(self, ({ budgets, start }) => ({
    budgets,
    start: () => {
      const first = start()
      const stage = make()
      return (at) => {
        const outcome = first(at)
        return typeof outcome === "number" ? stage(bounded(outcome), at) : outcome
      }
    }
  }))

/** A failure is booked whatever comes of it, unless it says nothing of the target; a retry only if all else allows it. */
const spend = (budget: RetryBudget.Countable, index: number, outcome: Outcome, at: At): Outcome => {
  if (outcome === "notRecoverable") return outcome
  budget.rule.failure(at.now)
  const settled = settle(outcome, at)
  if (typeof settled !== "number") return settled
  const paid = budget.rule.retry(at.now, at.input)
  if (paid < 0) return "budget"
  ;(at.paid ??= [])[index] = paid
  return settled
}

/** A schedule whose retries are paid for by a budget. */
export const withBudget = <Output, Input, Error, Env>(
  self: Schedule.Schedule<Output, Input, Error, Env>,
  budget: RetryBudget.Countable
): Schedule.Schedule<Output, Input, Error, Env> => {
  RetryBudget.checked("RetrySchedule.within", budget)
  return withPlan(self, ({ budgets, start }) => ({
    budgets: [...budgets, budget],
    start: () => {
      const first = start()
      return (at) => spend(budget, budgets.length, first(at), at)
    }
  }))
}
