/**
 * One call back at a time of the fiber's clock: for policies that watch an effect while it waits.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Fiber } from "effect"

/** The clock that a program has unless it is given another. */
const usual = (): Clock.Clock => Context.get(Context.empty(), Clock.Clock)

/**
 * Calls back once in so many milliseconds (2^31 - 1 at most) by the fiber's clock, and gives what stops it.
 *
 * HOT: by the usual clock it is a plain timer. A fiber that sleeps, as any other clock needs, costs 3 µs more, most of it
 * for being interrupted.
 */
export const start = (fiber: Fiber.Fiber<unknown, unknown>, millis: number, onTime: () => void): (() => void) => {
  const clock = fiber.getRef(Clock.Clock)
  if (millis > 0 && clock === usual()) {
    const timer = setTimeout(onTime, millis)
    return () => clearTimeout(timer)
  }
  const sleeping = Effect.runForkWith(fiber.context)(clock.sleep(Duration.millis(millis)))
  sleeping.addObserver((exit) => {
    if (exit._tag === "Success") onTime()
  })
  return () => sleeping.interruptUnsafe(fiber.id)
}
