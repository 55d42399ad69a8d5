/**
 * The watchdog: one fiber for all attempts of a relay. It sleeps until the next clock of any of them could run out, looks,
 * and sleeps again. Content moves no timer: it only leaves its time behind. (A fiber and a race for each attempt cost some
 * 100 µs of a request's 500.)
 *
 * While there are attempts it looks every now and then without need, and by how late that comes it sees for how long the
 * process itself was stopped, or blocked: that is nobody's silence, and is given to all that are watched.
 */
import { Clock, Effect, type Scope } from "effect"
import type { UpstreamCall } from "../channel/index.ts"
import { ChannelResponseTimeExceeded, type ResilienceError, stackless } from "../errors/index.ts"
import { Slots, type Slotted } from "../memory/index.ts"
import { MonotonicClock } from "../policy/index.ts"
import { checkClocks, type ClockLimits, clockError, type ClockState, missed, startClocks } from "../stream/index.ts"
import { type Lingering, LingeringCalls } from "./Lingering.ts"

/** The limits of one attempt. */
export interface AttemptLimits {
  /** `total` is the whole request's, not the attempt's. */
  readonly clocks: ClockLimits
  /** The channel's own limit on one attempt, in milliseconds. */
  readonly attemptMillis: number | undefined
  /** When the request began, by the clock of the watchdog. */
  readonly requestedAt: number
}

/** How long the usage and the terminator are awaited once the finish is known, in milliseconds. */
const finishingGrace = 2000

/** How long the body of a failed answer is read, in milliseconds. */
const errorBodyGrace = 1000

/** What an attempt's callbacks tell its watchdog. */
export interface Progress {
  readonly clocks: ClockState
  /** The upstream's status, once it has answered. */
  status: number | undefined
  /** The answer is a failure, and its body is being read since then. */
  failedAt: number | undefined
}

/** The progress of an attempt that begins now. */
export const startProgress = (now: number, limits: AttemptLimits): Progress => ({
  clocks: startClocks(now, limits.requestedAt),
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
  const { heldAt, startedAt } = progress.clocks
  const stood = heldAt === undefined ? 0 : now - heldAt
  const attemptUntil = startedAt + stood + (limits.attemptMillis ?? Number.POSITIVE_INFINITY)
  if (now >= attemptUntil) return attemptLate(limits.attemptMillis!, now - startedAt - stood)
  const { idleMillis } = limits.clocks
  const clocks = finishing
    ? { ...limits.clocks, idleMillis: Math.min(idleMillis ?? finishingGrace, finishingGrace) }
    : limits.clocks
  const checked = checkClocks(clocks, progress.clocks, now)
  return checked._tag === "Expired"
    ? { _tag: "Late", error: clockError(checked) }
    : Math.min(checked.checkAt, attemptUntil)
}

/** An attempt that is watched. */
export interface Watched {
  readonly progress: Progress
  readonly limits: AttemptLimits
  /** Whether the finish is known. */
  readonly finishing: () => boolean
  /** Called once, when a clock has run out. */
  readonly onBite: (bite: Bite) => void
}

/** The watch over one attempt. */
export interface Watch {
  /** A limit has become shorter: a failure's body is read, or the finish is known. */
  readonly sooner: () => void
  readonly stop: () => void
}

/** Watches attempts. */
export interface Watchdog {
  readonly watch: (watched: Watched) => Watch
  /** A call that has said all of its answer may end by itself for a while, and is closed then. */
  readonly linger: (call: UpstreamCall) => Lingering
}

class Entry implements Watch, Slotted {
  readonly watched: Watched
  /** When it has to be looked at. */
  checkAt = 0
  slot: number | undefined
  private readonly entries: Slots<Entry>
  private readonly arm: (entry: Entry) => void

  constructor(watched: Watched, entries: Slots<Entry>, arm: (entry: Entry) => void) {
    this.watched = watched
    this.entries = entries
    this.arm = arm
  }

  sooner(): void {
    this.arm(this)
  }

  stop(): void {
    this.entries.delete(this)
  }
}

/** The fewest milliseconds from one look to the next, so that many attempts are looked at together. */
const restMillis = 5

/** The most, while there is anything to look at: of a stop that was shorter than a look's sleep nothing is seen. */
const mostRestMillis = 200

/** A turn that comes later than this was kept from coming: no load that is bearable delays one so. */
const lateMillis = 50

/** All of it: what came meanwhile has not been read yet. */
const giveBack = ({ progress }: Watched, now: number, millis: number): void => {
  missed(progress.clocks, now, millis)
  if (progress.failedAt !== undefined) progress.failedAt = Math.min(now, progress.failedAt + millis)
}

const lookAtWatched = (watched: Watched, now: number): Bite | number =>
  look(watched.progress, watched.limits, watched.finishing(), now)

/** A watchdog, until its scope is closed. */
export const makeWatchdog: Effect.Effect<Watchdog, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const entries = new Slots<Entry>()
  const lingering = new LingeringCalls()
  let sleepsUntil = Number.POSITIVE_INFINITY
  let lookedAt = Number.NEGATIVE_INFINITY
  let wake: () => void = () => {}

  const lookAt = (entry: Entry, now: number): Bite | undefined => {
    const found = lookAtWatched(entry.watched, now)
    if (typeof found !== "number") return found
    entry.checkAt = found
    return undefined
  }
  const due = (now: number): ReadonlyArray<Entry> => {
    const late: Array<Entry> = []
    for (const entry of entries.all()) if (entry.checkAt <= now && lookAt(entry, now) !== undefined) late.push(entry)
    return late
  }

  const round = Effect.gen(function* () {
    let next = Number.POSITIVE_INFINITY
    for (const { checkAt } of entries.all()) if (checkAt < next) next = checkAt
    const now = MonotonicClock.wholeMillis(clock)
    sleepsUntil =
      next === Number.POSITIVE_INFINITY
        ? next
        : Math.max(now, Math.min(Math.max(next, lookedAt + restMillis), now + mostRestMillis))
    const woken = Effect.callback<void>((resume) => {
      wake = () => resume(Effect.void)
    })
    yield* sleepsUntil === Number.POSITIVE_INFINITY
      ? woken
      : Effect.raceFirst(Effect.sleep(Math.max(0, sleepsUntil - now)), woken)
    lookedAt = MonotonicClock.wholeMillis(clock)
    const lost = lookedAt - sleepsUntil
    if (lost >= lateMillis) for (const entry of entries.all()) giveBack(entry.watched, lookedAt, lost)
    const late = due(lookedAt)
    if (late.length === 0) return
    // Timers come before sockets: after a pause of our own process what was sent meanwhile is read first, so that no
    // channel is blamed for it.
    yield* Effect.yieldNow
    for (const entry of late) {
      const bite = entry.slot !== undefined ? lookAt(entry, lookedAt) : undefined
      if (bite === undefined) continue
      entries.delete(entry)
      entry.watched.onBite(bite)
    }
  })
  yield* Effect.forkScoped(Effect.forever(round))

  const arm = (entry: Entry): void => {
    if (entry.slot === undefined) return
    const found = lookAtWatched(entry.watched, MonotonicClock.wholeMillis(clock))
    entry.checkAt = typeof found === "number" ? found : Number.NEGATIVE_INFINITY
    if (entry.checkAt < sleepsUntil) wake()
  }
  return {
    watch: (watched) => {
      const entry = new Entry(watched, entries, arm)
      entries.add(entry)
      arm(entry)
      return entry
    },
    linger: (call) => lingering.add(call)
  }
})
