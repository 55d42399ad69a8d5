/**
 * Those who wait for a place, first come first served. Whoever leaves, leaves at once, from anywhere in the queue: a
 * doubly linked list, so neither ten thousand waiters nor their cancellation cost a walk.
 */
import type { Fiber } from "effect"
import * as Effect from "effect/Effect"
import * as Deadline from "./deadline/Deadline.ts"

/**
 * A place that a call may hold. Set when it is handed over, so that a call that is cancelled just then gives it back.
 */
export interface Seat {
  held: boolean
}

/** Somebody who waits. */
export interface Waiter {
  readonly seat: Seat
  readonly wake: () => void
  before: Waiter | undefined
  after: Waiter | undefined
  waiting: boolean
}

/** A queue. */
export interface WaitQueue {
  size: number
  first: Waiter | undefined
  last: Waiter | undefined
}

/** An empty queue. */
export const make = (): WaitQueue => ({ size: 0, first: undefined, last: undefined })

const push = (queue: WaitQueue, seat: Seat, wake: () => void): Waiter => {
  const waiter: Waiter = { seat, wake, before: queue.last, after: undefined, waiting: true }
  if (queue.last === undefined) queue.first = waiter
  else queue.last.after = waiter
  queue.last = waiter
  queue.size++
  return waiter
}

const leave = (queue: WaitQueue, waiter: Waiter): void => {
  if (!waiter.waiting) return
  waiter.waiting = false
  queue.size--
  if (waiter.before === undefined) queue.first = waiter.after
  else waiter.before.after = waiter.after
  if (waiter.after === undefined) queue.last = waiter.before
  else waiter.after.before = waiter.before
}

/** Hands a place to whoever waited longest, if anybody waits. The place is theirs from this moment. */
export const handOver = (queue: WaitQueue): boolean => {
  const waiter = queue.first
  if (waiter === undefined) return false
  leave(queue, waiter)
  waiter.seat.held = true
  waiter.wake()
  return true
}

/**
 * Waits for a place. Interrupted, it leaves the queue; if the place had just been handed over, `seat.held` says so.
 *
 * Those who are woken run in a turn of their own: woken on the stack of whoever left, a long queue of quick calls would
 * overflow it.
 */
const wait = (queue: WaitQueue, seat: Seat, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const waiter = push(queue, seat, () => fiber.currentDispatcher.scheduleTask(() => resume(Effect.void), 0))
    return Effect.sync(() => leave(queue, waiter))
  })

/**
 * As `wait`, but no longer than `maxWaitMillis` and no longer than the program has time; then, or at once if it has
 * none, what `refuse` gives.
 */
export const waitWithin = <E>(
  queue: WaitQueue,
  seat: Seat,
  fiber: Fiber.Fiber<unknown, unknown>,
  maxWaitMillis: number | undefined,
  refuse: () => Effect.Effect<never, E>
): Effect.Effect<void, E> => {
  const left = Deadline.left(fiber)
  if (left <= 0) return refuse()
  // A millisecond late: where a deadline cuts off by itself, its error is the one to be seen.
  const millis = Math.min(maxWaitMillis ?? Number.POSITIVE_INFINITY, left + 1)
  const turn = wait(queue, seat, fiber)
  return millis === Number.POSITIVE_INFINITY ? turn : Effect.timeoutOrElse(turn, { duration: millis, orElse: refuse })
}
