/**
 * Time that has passed, which is what policies reckon with: the fiber's monotonic clock, in milliseconds with fractions.
 *
 * A wall clock is set, steps and is corrected; a policy that measures by it trips, refuses or waits an hour because
 * somebody set the time. Readings mean something only beside each other, in one process: what is a date (a transition to
 * be shown, a header to be read) is taken from the wall clock, and so is the time of what several processes share. What
 * is told to a user is rounded, a wait always up.
 *
 * Under `TestClock` both clocks go together, from 0.
 *
 * HOT: 60 ns, where `Date.now` takes 45.
 */
import type { Fiber } from "effect"
import * as Clock from "effect/Clock"

/** Now, by a clock. */
export const read = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** The same in whole milliseconds, for spans that are shown as they are. */
export const wholeMillis = (clock: Clock.Clock): number => Math.floor(read(clock))

/** Now, for a fiber. */
export const millis = (fiber: Fiber.Fiber<unknown, unknown>): number => read(fiber.getRef(Clock.Clock))
