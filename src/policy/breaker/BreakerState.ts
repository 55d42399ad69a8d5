/**
 * The decisions of a circuit breaker, without Effect: who is let through, what a result changes, how long it stays
 * open. Time is an argument; nothing waits and there is no timer, so an open breaker that nobody asks stays as it is.
 *
 * A `Breaker` is a mutable record that belongs to one owner. Every call is synchronous, so the owner needs no lock:
 *
 * ```ts import.meta.vitest
 * import { BreakerState } from "effect-resilience/policy"
 *
 * const settings = BreakerState.settings({ window: { _tag: "Consecutive", failures: 2 }, openMillis: () => 1000 })
 * const breaker = BreakerState.make(settings)
 *
 * const fail = (now: number) => {
 *   const admission = BreakerState.admit(breaker, now)
 *   if (admission._tag === "Admitted") BreakerState.settle(breaker, admission, "failure", now)
 * }
 * fail(0)
 * fail(10)
 * const rejection = BreakerState.admit(breaker, 200)
 * rejection // => { _tag: "Rejected", retryAfterMillis: 810 }
 * ```
 *
 * The corners, decided:
 *
 * - **Generations.** Every change of state begins a new generation, and an admission carries the one it was made in. A
 *   result from another generation changes nothing: a call that was let in before the trip can neither close the
 *   breaker, nor open it again, nor use up a probe.
 * - **Half-open** lets `probes` calls through and closes after `probeSuccesses` of them succeeded; it opens again as
 *   soon as too many failed for that. A slow probe did not succeed. An ignored probe (cancelled, or the caller's own
 *   fault) gives its place back. If the probes say nothing for as long as the breaker was open (or `probeMillis`), as
 *   many others are let through, so that a probe that hangs cannot hold the breaker for ever.
 * - **Open time** is `openMillis(n)` for the n-th opening in a row, never above `maxOpenMillis`. A server's hint
 *   lengthens it, up to the same cap, and never shortens it. Openings are in a row until the breaker stayed closed for
 *   as long as it was last open, so a target that flaps is given longer and longer rests.
 * - **Isolated** holds for as long as one handle is held, **ForcedOpen** until a reset. Results change neither.
 * - **A clock that goes back** before the opening starts the opening again: it never lasts longer than it was meant to
 *   from the time that the clock shows.
 */
import * as BreakerWindow from "./BreakerWindow.ts"
import * as Check from "../InvalidPolicyOption.ts"

/** The states of a breaker. `HalfOpen` counts what its probes said. */
export type State =
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Open"; readonly since: number; readonly forMillis: number }
  | {
      readonly _tag: "HalfOpen"
      readonly since: number
      readonly forMillis: number
      readonly admitted: number
      readonly succeeded: number
      readonly failed: number
    }
  | { readonly _tag: "Isolated"; readonly handles: number; readonly under: "Closed" | "ForcedOpen" }
  | { readonly _tag: "ForcedOpen" }

/** What a breaker does, complete and checked: made by `settings`. */
export interface Settings {
  readonly window: BreakerWindow.WindowRule
  /** How long the n-th opening in a row lasts, from 1; in milliseconds. */
  readonly openMillis: (opening: number) => number
  /** No opening, and no hint, is longer; in milliseconds. */
  readonly maxOpenMillis: number
  /** How many calls half-open lets through at once. */
  readonly probes: number
  /** How many of them must succeed. */
  readonly probeSuccesses: number
  /** How long half-open waits for its probes before it lets others through; absent, as long as it was open. */
  readonly probeMillis?: number | undefined
}

/** How a call ended. `ignored` says nothing of the target. */
export type Outcome = BreakerWindow.WindowOutcome | "ignored"

/** A call was let through; give this back to `settle` with its outcome. One value serves every call of a generation. */
export interface Admitted {
  readonly _tag: "Admitted"
  readonly generation: number
  readonly probe: boolean
}

/**
 * A call was refused. `retryAfterMillis` is known while the breaker is open, and not while it probes or is held open.
 */
export interface Rejected {
  readonly _tag: "Rejected"
  readonly retryAfterMillis: number | undefined
}

/** The answer to a call. */
export type Admission = Admitted | Rejected

/** A breaker. Mutable: one owner keeps it, and changes it only through this module. */
export interface Breaker {
  readonly settings: Settings
  readonly window: BreakerWindow.Window
  state: State
  generation: number
  /** Openings in a row. */
  openings: number
  /** When it last closed, and how long it had been opened for before. */
  closedAt: number
  lastOpenMillis: number
  /** What a call of this generation is given while the breaker is closed. */
  pass: Admitted
}

/** What may be left out of `Settings`. */
export interface SettingsInput {
  /** Default: 5 failures in a row. */
  readonly window?: BreakerWindow.WindowRule | undefined
  /** Default: 60,000 ms, each time. `growing` makes it longer from opening to opening. */
  readonly openMillis?: ((opening: number) => number) | undefined
  /** Default: 3,600,000 ms (an hour). */
  readonly maxOpenMillis?: number | undefined
  /** Default: 1. */
  readonly probes?: number | undefined
  /** Default: all of `probes`. */
  readonly probeSuccesses?: number | undefined
  /** Default: as long as the breaker was open. */
  readonly probeMillis?: number | undefined
}

/**
 * Complete settings: 5 failures in a row, 60 s open, 1 probe. Throws `InvalidPolicyOption` for what makes no sense;
 * `where` is the constructor that its message names.
 */
export const settings = (input: SettingsInput = {}, where = "BreakerState.settings"): Settings => {
  const probes = Check.positiveInt(where, "probes", input.probes ?? 1)
  const probeSuccesses = Check.positiveInt(where, "probeSuccesses", input.probeSuccesses ?? probes)
  Check.ordered(where, "probeSuccesses", probeSuccesses, "probes", probes, { ...input })
  return {
    window: BreakerWindow.checked(input.window ?? { _tag: "Consecutive", failures: 5 }, where),
    openMillis: input.openMillis ?? growing({ initialMillis: 60_000 }),
    maxOpenMillis: Check.positive(where, "maxOpenMillis", input.maxOpenMillis ?? 3_600_000),
    probes,
    probeSuccesses,
    probeMillis: input.probeMillis === undefined ? undefined : Check.positive(where, "probeMillis", input.probeMillis)
  }
}

/** Open times that grow: `initialMillis`, then `factor` (default 1) times the one before. */
export const growing = (options: {
  readonly initialMillis: number
  readonly factor?: number | undefined
}): ((opening: number) => number) => {
  const initial = Check.positive("BreakerState.growing", "initialMillis", options.initialMillis)
  const factor = Check.atLeast("BreakerState.growing", "factor", options.factor ?? 1, 1)
  return (opening) => initial * factor ** (opening - 1)
}

const closed: State = { _tag: "Closed" }
const forcedOpen: State = { _tag: "ForcedOpen" }
const refused: Rejected = { _tag: "Rejected", retryAfterMillis: undefined }

/** A closed breaker. `generation` is where its generations begin: above all of a breaker that it stands in for. */
export const make = (settings: Settings, generation = 0): Breaker => ({
  settings,
  window: BreakerWindow.make(settings.window),
  state: closed,
  generation,
  openings: 0,
  closedAt: 0,
  lastOpenMillis: 0,
  pass: { _tag: "Admitted", generation, probe: false }
})

const become = (breaker: Breaker, state: State): void => {
  breaker.state = state
  breaker.generation++
  if (state._tag === "Closed") {
    BreakerWindow.clear(breaker.window)
    breaker.pass = { _tag: "Admitted", generation: breaker.generation, probe: false }
  }
}

/** Asks to be let through. Opens the way for probes when the open time has passed. */
export const admit = (breaker: Breaker, now: number): Admission => {
  const state = breaker.state
  switch (state._tag) {
    case "Closed":
      return breaker.pass
    case "Open": {
      if (now < state.since) breaker.state = { ...state, since: now }
      const left = Math.min(state.since + state.forMillis - now, state.forMillis)
      if (left > 0) return { _tag: "Rejected", retryAfterMillis: Math.ceil(left) }
      return probe(breaker, now, state.forMillis)
    }
    case "HalfOpen": {
      if (state.admitted < breaker.settings.probes) {
        breaker.state = { ...state, admitted: state.admitted + 1 }
        return { _tag: "Admitted", generation: breaker.generation, probe: true }
      }
      const waited = now - state.since
      const patience = breaker.settings.probeMillis ?? state.forMillis
      return waited >= patience || waited < 0 ? probe(breaker, now, state.forMillis) : refused
    }
    case "Isolated":
    case "ForcedOpen":
      return refused
  }
}

/** Begins a round of probes with its first one. */
const probe = (breaker: Breaker, now: number, forMillis: number): Admitted => {
  become(breaker, { _tag: "HalfOpen", since: now, forMillis, admitted: 1, succeeded: 0, failed: 0 })
  return { _tag: "Admitted", generation: breaker.generation, probe: true }
}

/**
 * Says how an admitted call ended. Each admission is settled once. `hintMillis` is how long the target asked to be left
 * alone, where it did. A result of an earlier generation changes nothing.
 */
export const settle = (
  breaker: Breaker,
  admission: Admitted,
  outcome: Outcome,
  now: number,
  hintMillis?: number
): void => {
  if (admission.generation !== breaker.generation) return
  const state = breaker.state
  if (state._tag === "Closed") {
    if (outcome !== "ignored" && BreakerWindow.record(breaker.window, outcome, now)) open(breaker, now, hintMillis)
    return
  }
  if (state._tag !== "HalfOpen") return
  const { probes, probeSuccesses } = breaker.settings
  if (outcome === "ignored") {
    breaker.state = { ...state, admitted: state.admitted - 1 }
  } else if (outcome === "success") {
    const succeeded = state.succeeded + 1
    if (succeeded >= probeSuccesses) close(breaker, now)
    else breaker.state = { ...state, succeeded }
  } else {
    const failed = state.failed + 1
    if (failed > probes - probeSuccesses) open(breaker, now, hintMillis)
    else breaker.state = { ...state, failed }
  }
}

const open = (breaker: Breaker, now: number, hintMillis: number | undefined): void => {
  const { maxOpenMillis, openMillis } = breaker.settings
  const stayedClosed = breaker.state._tag === "Closed" && now - breaker.closedAt >= breaker.lastOpenMillis
  breaker.openings = stayedClosed ? 1 : breaker.openings + 1
  const hint = hintMillis !== undefined && hintMillis > 0 ? hintMillis : 0
  const meant = openMillis(breaker.openings)
  // An open time that is not a number, or is infinite, is the cap: it never is "for ever" nor "not at all".
  const forMillis = Math.min(Math.max(Number.isNaN(meant) ? maxOpenMillis : meant, hint), maxOpenMillis)
  breaker.lastOpenMillis = forMillis
  become(breaker, { _tag: "Open", since: now, forMillis })
}

const close = (breaker: Breaker, now: number): void => {
  breaker.closedAt = now
  become(breaker, closed)
}

/** Lengthens an opening that has begun, when the target says later how long it wants to be left alone. Capped. */
export const hint = (breaker: Breaker, now: number, hintMillis: number): void => {
  const state = breaker.state
  if (state._tag !== "Open") return
  const forMillis = Math.min(now + hintMillis - state.since, breaker.settings.maxOpenMillis)
  if (forMillis > state.forMillis) breaker.state = { ...state, forMillis }
}

/** Holds the breaker open for one more handle. Each `isolate` is ended by one `release`. */
export const isolate = (breaker: Breaker): void => {
  const state = breaker.state
  if (state._tag === "Isolated") breaker.state = { ...state, handles: state.handles + 1 }
  else become(breaker, { _tag: "Isolated", handles: 1, under: state._tag === "ForcedOpen" ? "ForcedOpen" : "Closed" })
}

/** Gives one handle back. After the last one the breaker is closed and remembers nothing, unless it is forced open. */
export const release = (breaker: Breaker, now: number): void => {
  const state = breaker.state
  if (state._tag !== "Isolated") return
  if (state.handles > 1) breaker.state = { ...state, handles: state.handles - 1 }
  else if (state.under === "ForcedOpen") become(breaker, forcedOpen)
  else close(breaker, now)
}

/** Holds the breaker open until a reset. */
export const forceOpen = (breaker: Breaker): void => {
  const state = breaker.state
  if (state._tag === "Isolated") breaker.state = { ...state, under: "ForcedOpen" }
  else if (state._tag !== "ForcedOpen") become(breaker, forcedOpen)
}

/** Closes the breaker and forgets all, also how often it opened. Handles that are held keep it isolated. */
export const reset = (breaker: Breaker): void => {
  breaker.openings = 0
  breaker.lastOpenMillis = 0
  const state = breaker.state
  if (state._tag === "Isolated") breaker.state = { ...state, under: "Closed" }
  else become(breaker, closed)
}

/** How a breaker looks from outside. */
export interface View {
  readonly _tag: State["_tag"]
  /** Openings in a row, 0 while it never opened. */
  readonly openings: number
  /** While it is open: how long it still is. 0 means that the next call is a probe. */
  readonly retryAfterMillis: number | undefined
  /** What the window holds. While the breaker is open that is what tripped it, as far as it is not forgotten yet. */
  readonly counts: Readonly<BreakerWindow.Counts>
}

/** How a breaker looks at `now`. Changes nothing. */
export const view = (breaker: Breaker, now: number): View => ({
  _tag: breaker.state._tag,
  openings: breaker.openings,
  retryAfterMillis: retryAfter(breaker, now),
  counts: { ...BreakerWindow.counts(breaker.window, now) }
})

/** How long an open breaker stays open from `now`, in whole milliseconds, rounded up; absent in every other state. */
export const retryAfter = (breaker: Breaker, now: number): number | undefined => {
  const state = breaker.state
  return state._tag === "Open"
    ? Math.ceil(Math.max(0, Math.min(state.since + state.forMillis - now, state.forMillis)))
    : undefined
}

/**
 * Whether a call would be let through at `now`, without asking for it: `available` (closed), `due` (it would be a
 * probe) or `refused`. For choosing among targets.
 */
export const standing = (breaker: Breaker, now: number): "available" | "due" | "refused" => {
  const state = breaker.state
  switch (state._tag) {
    case "Closed":
      return "available"
    case "Open":
      return now < state.since + state.forMillis && now >= state.since ? "refused" : "due"
    case "HalfOpen": {
      const waited = now - state.since
      const lapsed = waited >= (breaker.settings.probeMillis ?? state.forMillis) || waited < 0
      return state.admitted < breaker.settings.probes || lapsed ? "due" : "refused"
    }
    case "Isolated":
    case "ForcedOpen":
      return "refused"
  }
}

/** Whether a breaker knows nothing that a new one would not, so that its owner may drop it. */
export const isIdle = (breaker: Breaker, now: number): boolean =>
  breaker.state._tag === "Closed" &&
  now - breaker.closedAt >= breaker.lastOpenMillis &&
  BreakerWindow.isEmpty(breaker.window, now)
