/** Clocks that do not go as a test's do: a wall clock that somebody sets, and a process that was stopped. */
import { Clock, Effect } from "effect"

/** Runs a program whose wall clock can be set: `step` moves it, and no time passes. */
export const withSteps = <A, E, R>(program: (step: (millis: number) => void) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    let ahead = 0
    const now = () => clock.currentTimeMillisUnsafe() + ahead
    const stepped: Clock.Clock = Object.create(clock, {
      currentTimeMillisUnsafe: { value: now },
      currentTimeMillis: { value: Effect.sync(now) },
      currentTimeNanosUnsafe: { value: () => BigInt(now()) * 1_000_000n }
    })
    const step = (millis: number) => {
      ahead += millis
    }
    return yield* Effect.provideService(program(step), Clock.Clock, stepped)
  })

/** Runs a program whose process can be stopped: `stop` lets time pass, and no timer comes of it until a later one. */
export const withStops = <A, E, R>(program: (stop: (millis: number) => void) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    let ahead = 0
    const stopped: Clock.Clock = Object.create(clock, {
      currentTimeMillisUnsafe: { value: () => clock.currentTimeMillisUnsafe() + ahead },
      monotonicTimeNanosUnsafe: { value: () => clock.monotonicTimeNanosUnsafe() + BigInt(ahead) * 1_000_000n }
    })
    const stop = (millis: number) => {
      ahead += millis
    }
    return yield* Effect.provideService(program(stop), Clock.Clock, stopped)
  })
