/**
 * The watchdog of an attempt: one fiber that sleeps until the next clock could run out, looks, and sleeps again. Content
 * moves no timer: it only leaves its time behind.
 */
import { type Clock, Effect } from "effect"
import { ChannelResponseTimeExceeded, type ResilienceError, stackless } from "../errors/index.ts"
import { checkClocks, type ClockLimits, clockError, type ClockState, startClocks } from "../stream/index.ts"

/** The limits of one attempt. */
export interface AttemptLimits {
  /** `total` is the whole request's, not the attempt's. */
  readonly clocks: ClockLimits
  /** The channel's own limit on one attempt, in milliseconds. */
  readonly attemptMillis: number | undefined
  /** When the request began, epoch milliseconds. */
  readonly requestedAt: number
}

/** How long the usage and the terminator are awaited once the finish is known, in milliseconds. */
const finishingGrace = 2000

/** How long the body of a failed answer is read, in milliseconds. */
const errorBodyGrace = 1000

/** What an attempt's callbacks tell its watchdog. */
export interface Progress {
  readonly clocks: ClockState
  readonly startedAt: number
  /** The upstream's status, once it has answered. */
  status: number | undefined
  /** The answer is a failure, and its body is being read since then. */
  failedAt: number | undefined
}

/** The progress of an attempt that begins now. */
export const startProgress = (now: number, limits: AttemptLimits): Progress => ({
  clocks: startClocks(now, limits.requestedAt),
  startedAt: now,
  status: undefined,
  failedAt: undefined
})

/** What the watchdog found. `failed`: the failure's body takes too long, and what is known of it must do. */
export type Bite = { readonly _tag: "Late"; readonly error: ResilienceError } | { readonly _tag: "Failed" }

const attemptLate = (limitMillis: number, elapsedMillis: number): Bite => ({
  _tag: "Late",
  error: stackless(() => new ChannelResponseTimeExceeded({ phase: "attempt", limitMillis, elapsedMillis }))
})

/** What has run out, or when to look again. Pure. */
const look = (progress: Progress, limits: AttemptLimits, finishing: boolean, now: number): Bite | number => {
  if (progress.failedAt !== undefined) {
    const until = progress.failedAt + errorBodyGrace
    return now >= until ? { _tag: "Failed" } : until
  }
  const attemptUntil = progress.startedAt + (limits.attemptMillis ?? Number.POSITIVE_INFINITY)
  if (now >= attemptUntil) return attemptLate(limits.attemptMillis!, now - progress.startedAt)
  const { idleMillis } = limits.clocks
  const clocks = finishing
    ? { ...limits.clocks, idleMillis: Math.min(idleMillis ?? finishingGrace, finishingGrace) }
    : limits.clocks
  const checked = checkClocks(clocks, progress.clocks, now)
  if (checked._tag === "Expired") return { _tag: "Late", error: clockError(checked) }
  // A head may be a failure's, and a finish may come, at any moment: both have limits shorter than the others.
  const soonest = now + (progress.clocks.phase === "idle" ? finishingGrace : errorBodyGrace)
  return Math.min(checked.checkAt, attemptUntil, soonest)
}

/** Succeeds when a clock of the attempt has run out. `finishing` says whether the finish is known. */
export const watch = (
  progress: Progress,
  limits: AttemptLimits,
  finishing: () => boolean,
  clock: Clock.Clock
): Effect.Effect<Bite> =>
  Effect.suspend(() => {
    const now = clock.currentTimeMillisUnsafe()
    const found = look(progress, limits, finishing(), now)
    if (typeof found === "number") {
      return Effect.andThen(Effect.sleep(found - now), watch(progress, limits, finishing, clock))
    }
    // Timers come before sockets: after a pause of our own process what was sent meanwhile is read first, so that the
    // channel is not blamed for it.
    return Effect.andThen(
      Effect.yieldNow,
      Effect.suspend(() => {
        const again = look(progress, limits, finishing(), now)
        return typeof again === "number" ? watch(progress, limits, finishing, clock) : Effect.succeed(again)
      })
    )
  })
