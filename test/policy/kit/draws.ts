/** Chance as a list: `Random` gives these draws in turn, and then starts again. */
import { Effect, Random } from "effect"

/** Runs an effect with the given draws from [0, 1). */
export const withDraws =
  (...draws: ReadonlyArray<number>) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      let i = 0
      const next = () => draws[i++ % draws.length] ?? 0
      return Effect.provideService(self, Random.Random, {
        nextDoubleUnsafe: next,
        nextIntUnsafe: () => Math.floor(next() * Number.MAX_SAFE_INTEGER)
      })
    })
