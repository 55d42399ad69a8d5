/**
 * The four clocks of an answer that is waited for, as plain data: what runs out next, and what has run out. No timer, no
 * Effect. `StreamClocks` runs them for a `Stream`; whoever has its own watchdog asks `checkClocks` from there.
 *
 * Content is what the one who waits is waiting for. Comments, pings, role frames and empty deltas are not, and reset
 * nothing: only `content` is told to these clocks.
 */
import { ChannelResponseTimeExceeded, DeadlineExceeded, stackless } from "../errors/index.ts"

/** The four clocks. `headers`, `firstContent` and `total` run from the start, `idle` from the last content. */
export type Clock = "headers" | "firstContent" | "idle" | "total"

/** How long each clock may run, in milliseconds. A clock that is left out does not run. */
export interface ClockLimits {
  /** Until anything at all is answered. */
  readonly headersMillis?: number | undefined
  /** Until the first content. It runs from the start too, whenever the headers come. */
  readonly firstContentMillis?: number | undefined
  /** From one content to the next. */
  readonly idleMillis?: number | undefined
  /** Until the end. */
  readonly totalMillis?: number | undefined
}

/** Where an answer is, in milliseconds of one clock. It is written in place: nothing is made for an event. */
export interface ClockState {
  /** What is waited for: any answer, the first content, or the next. */
  phase: "headers" | "firstContent" | "idle"
  /** When this attempt began, the time that it was held or missed left out. */
  startedAt: number
  /** When the whole began, for `total`: earlier than `startedAt` where there were attempts before this one. */
  readonly totalFrom: number
  /** When the last content came, the time that it was held or missed since left out. */
  lastContentAt: number
  /** Since when the consumer is waited for, and not the source: all but `total` stand still. */
  heldAt: number | undefined
}

/** A clock that has run out. */
export interface ClockExpired {
  readonly _tag: "Expired"
  readonly clock: Clock
  readonly limitMillis: number
  readonly elapsedMillis: number
}

/** No clock has run out, and none can before `checkAt`, whatever comes till then. Infinity when none runs. */
export interface ClockRunning {
  readonly _tag: "Running"
  readonly checkAt: number
}

/** The state of an attempt that begins now. */
export const startClocks = (now: number, totalFrom = now): ClockState => ({
  phase: "headers",
  startedAt: now,
  totalFrom,
  lastContentAt: now,
  heldAt: undefined
})

/** The first sign of an answer has come. It stops `headers`, and nothing else. */
export const answered = (state: ClockState): void => {
  if (state.phase === "headers") state.phase = "firstContent"
}

/** Content has come. */
export const content = (state: ClockState, now: number): void => {
  state.phase = "idle"
  state.lastContentAt = now
}

/** From now on the consumer is waited for: a slow reader is not a silent source. */
export const hold = (state: ClockState, now: number): void => {
  state.heldAt ??= now
}

/** The source is waited for again. The clocks go on from where they stood. */
export const release = (state: ClockState, now: number): void => {
  if (state.heldAt === undefined) return
  state.startedAt += now - state.heldAt
  state.lastContentAt += now - state.heldAt
  state.heldAt = undefined
}

/**
 * For so long until now it was not looked at what the source has sent: the process was stopped, or its event loop was
 * blocked. That is no silence of the source's: no clock ran, but for `total`.
 */
export const missed = (state: ClockState, now: number, millis: number): void => {
  // While the consumer is waited for they stand still anyway.
  if (state.heldAt !== undefined) return
  state.startedAt = Math.min(now, state.startedAt + millis)
  state.lastContentAt = Math.min(now, state.lastContentAt + millis)
}

const never: ClockRunning = { _tag: "Running", checkAt: Infinity }

/**
 * Which clock has run out, or when to look again. Of two that have, the one that ran out first; if both did at once,
 * `total`, then `headers`. To look again only at `checkAt` is enough: one timer serves an answer for its whole life,
 * and content moves no timer.
 *
 * ```ts import.meta.vitest
 * import { ClockState } from "effect-resilience/stream"
 *
 * const { answered, checkClocks, content, startClocks } = ClockState
 * const limits = { headersMillis: 1000, firstContentMillis: 3000, idleMillis: 500 }
 * const state = startClocks(0)
 * checkClocks(limits, state, 0) // => { _tag: "Running", checkAt: 500 }
 *
 * answered(state)
 * content(state, 400)
 * checkClocks(limits, state, 500) // => { _tag: "Running", checkAt: 900 }
 * checkClocks(limits, state, 900) // => { _tag: "Expired", clock: "idle", limitMillis: 500, elapsedMillis: 500 }
 * ```
 */
export const checkClocks = (limits: ClockLimits, state: ClockState, now: number): ClockExpired | ClockRunning => {
  let due: ClockExpired | undefined
  let dueAt = Infinity
  const run = (clock: Clock, from: number, limitMillis: number | undefined) => {
    if (limitMillis === undefined || from + limitMillis >= dueAt) return
    dueAt = from + limitMillis
    due = { _tag: "Expired", clock, limitMillis, elapsedMillis: now - from }
  }
  run("total", state.totalFrom, limits.totalMillis)
  const stood = state.heldAt === undefined ? 0 : now - state.heldAt
  if (state.phase === "headers") run("headers", state.startedAt + stood, limits.headersMillis)
  if (state.phase === "idle") run("idle", state.lastContentAt + stood, limits.idleMillis)
  else run("firstContent", state.startedAt + stood, limits.firstContentMillis)
  if (due !== undefined && dueAt <= now) return due
  // The first content, which may come at any moment, starts `idle`; the other clocks run already.
  const checkAt = Math.min(dueAt, now + (limits.idleMillis ?? Infinity))
  return checkAt === Infinity ? never : { _tag: "Running", checkAt }
}

/** The error of a clock that has run out: `DeadlineExceeded` for `total`, else `ChannelResponseTimeExceeded`. */
export const clockError = (expired: ClockExpired): ChannelResponseTimeExceeded | DeadlineExceeded => {
  const { clock, limitMillis, elapsedMillis } = expired
  return stackless(() =>
    clock === "total"
      ? new DeadlineExceeded({ limitMillis, elapsedMillis })
      : new ChannelResponseTimeExceeded({ phase: clock, limitMillis, elapsedMillis })
  )
}
