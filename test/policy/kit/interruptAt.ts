/**
 * Interrupts a program at its step n, for every n, and looks after each whether everything was given back.
 *
 * A step is one operation of the fiber, counted by the scheduler: interrupting at each of them meets every point at
 * which an interruption can arrive, suspended or not. After the steps come the waits: the program is also interrupted
 * from outside while it is suspended, after 0, 1, 2, … ticks of the test clock.
 *
 * After each run no fiber of the program may still live, and no sleep on the clock may still be waited for: `check` need
 * not look for them.
 *
 * Needs the test clock, so use it in `it.effect`.
 */
import { assert } from "@effect/vitest"
import { Clock, Context, Duration, Effect, type Exit, type Fiber, Metric, Scheduler } from "effect"
import { TestClock } from "effect/testing"

/** One run: a program on fresh state, and what must hold after it, however it ended. */
export interface Scenario<A, E> {
  readonly program: Effect.Effect<A, E>
  /** Fails (or throws) if something was not given back. */
  readonly check: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
}

/** How a program is driven. */
export interface Options {
  /** How far the test clock goes at once while the program waits. Default 100 ms. */
  readonly tick?: Duration.Input | undefined
  /** After so many ticks the program counts as stuck, which is a failure of the test. Default 50. */
  readonly ticks?: number | undefined
  /** A program with more steps than this is not one for this kit. Default 5,000. */
  readonly maxSteps?: number | undefined
}

/** What was tried: at how many steps and during how many waits the program was interrupted. */
export interface Report {
  readonly steps: number
  readonly waits: number
}

/** A scheduler that interrupts one fiber when the fibers it runs have made `at` steps together. */
class InterruptingScheduler extends Scheduler.MixedScheduler {
  steps = 0
  fired = false
  private target: Fiber.Fiber<unknown, unknown> | undefined
  private readonly at: number

  constructor(at: number) {
    super("async")
    this.at = at
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    this.target ??= fiber
    this.steps++
    if (this.steps === this.at) {
      this.fired = true
      this.target.interruptUnsafe()
    }
    return super.shouldYield(fiber)
  }
}

/** What a program has going: its sleeps and its fibers, itself among them. */
interface Alive {
  sleeps: number
  fibers: number
}

/** A clock that counts who sleeps. */
const counting = (clock: Clock.Clock, alive: Alive): Clock.Clock =>
  Object.create(clock, {
    sleep: {
      value: (duration: Duration.Duration) =>
        Effect.suspend(() => {
          let asleep = false
          const sleeping = Effect.suspend(() => {
            asleep = true
            alive.sleeps++
            return clock.sleep(duration)
          })
          return Effect.onExit(sleeping, () => {
            if (asleep) alive.sleeps--
            return Effect.void
          })
        })
    }
  })

const settle = Effect.gen(function* () {
  for (let i = 0; i < 5; i++) yield* Effect.yieldNow
})

/** Runs until the fiber ends, moving the clock; gives how many ticks it took. */
const drive = <A, E>(fiber: Fiber.Fiber<A, E>, tick: Duration.Input, ticks: number, stopAfter: number) =>
  Effect.gen(function* () {
    for (let n = 0; n <= ticks; n++) {
      yield* settle
      if (fiber.pollUnsafe() !== undefined || n >= stopAfter) return n
      yield* TestClock.adjust(tick)
    }
    return assert.fail(
      `the program did not end within ${ticks} ticks of ${Duration.format(Duration.fromInputUnsafe(tick))}`
    )
  })

/** Interrupts a scenario at every step and during every wait, and checks after each. */
export const interruptEverywhere = <A, E, R>(
  scenario: Effect.Effect<Scenario<A, E>, never, R>,
  options?: Options
): Effect.Effect<Report, never, R> =>
  Effect.gen(function* () {
    const tick = options?.tick ?? "100 millis"
    const ticks = options?.ticks ?? 50
    const maxSteps = options?.maxSteps ?? 5000

    const run = (at: number, stopAfter: number) =>
      Effect.gen(function* () {
        const { check, program } = yield* scenario
        const scheduler = new InterruptingScheduler(at)
        // The scheduler is this fiber's alone, and the test's own fibers keep theirs: step 1 is the program's first.
        const alive: Alive = { sleeps: 0, fibers: 0 }
        const context = (yield* Effect.context<never>()).pipe(
          Context.add(Scheduler.Scheduler, scheduler),
          Context.add(Clock.Clock, counting(yield* Clock.Clock, alive)),
          Context.add(Metric.FiberRuntimeMetrics, {
            recordFiberStart: () => void alive.fibers++,
            recordFiberEnd: () => void alive.fibers--
          })
        )
        const fiber = Effect.runForkWith(context)(program)
        const waits = yield* drive(fiber, tick, ticks, stopAfter)
        const ended = fiber.pollUnsafe() !== undefined
        if (!ended) {
          fiber.interruptUnsafe()
          yield* drive(fiber, tick, ticks, Number.POSITIVE_INFINITY)
        }
        yield* settle
        const exit = fiber.pollUnsafe()
        if (exit === undefined) return assert.fail("the program could not be interrupted")
        assert.deepStrictEqual(alive, { sleeps: 0, fibers: 0 }, "something of the program goes on")
        yield* check(exit)
        return { fired: scheduler.fired, waits, ended }
      }).pipe(
        Effect.catchDefect((defect) =>
          Effect.die(
            new Error(`interrupted at ${at === Number.POSITIVE_INFINITY ? `wait ${stopAfter}` : `step ${at}`}`, {
              cause: defect
            })
          )
        )
      )

    let steps = 0
    while (true) {
      if (steps === maxSteps) return assert.fail(`the program has more than ${maxSteps} steps`)
      const { fired } = yield* run(steps + 1, Number.POSITIVE_INFINITY)
      if (!fired) break
      steps++
    }
    let waits = 0
    while (true) {
      const { ended } = yield* run(Number.POSITIVE_INFINITY, waits)
      if (ended) break
      waits++
    }
    return { steps, waits }
  })
