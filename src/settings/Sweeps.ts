/**
 * When to look for what is too old.
 */
import { Effect } from "effect"
import type { Cell } from "./Settings.ts"

const least = 1_000
const most = 3_600_000

/**
 * Waits until what is kept for `retention` is to be looked at again: for a quarter of it, from a second to an hour (or
 * `atMost`), in milliseconds. A retention that is changed meanwhile ends the wait.
 */
export const untilNextSweep = (
  section: Cell<{ readonly retention: number }>,
  atMost: number = most
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { retention } = section.current
    const changed = Effect.callback<void>((resume) => {
      const stop = section.subscribe((now) => {
        if (now.retention === retention) return
        stop()
        resume(Effect.void)
      })
      return Effect.sync(stop)
    })
    return Effect.raceFirst(Effect.sleep(Math.min(atMost, Math.max(least, retention / 4))), changed)
  })
