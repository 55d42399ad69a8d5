/**
 * The decisions of a hedge: how many attempts begin, and when. Pure and total; after gRPC's proposal A6 and Polly v8.
 *
 * - A failed attempt starts the next one at once, or after what the target asked for (A6's push-back).
 * - A fatal failure (one that asking again cannot help) ends all: it is the answer.
 * - When all have failed, the first attempt's failure is the answer.
 */

/**
 * When further attempts begin: all at once, only after a failure, or after a delay (`undefined`: not by time at all).
 */
export type Mode = "parallel" | "sequential" | { readonly delayMillis: number | undefined }

/** How far a hedged call is. */
export interface State {
  readonly mode: Mode
  /** Attempts that may still begin. */
  readonly left: number
  readonly running: number
}

/** What to do next. */
export interface Step {
  readonly state: State
  /** How many attempts to begin now. */
  readonly start: number
  /** After how long to ask again, replacing what was armed before. */
  readonly armMillis: number | undefined
  /** The call is over, with the primary's failure. */
  readonly over: boolean
}

const step = (state: State, start: number, armMillis: number | undefined, over = false): Step => ({
  state,
  start,
  armMillis,
  over
})

const delayOf = (state: State): number | undefined =>
  state.left > 0 && typeof state.mode === "object" ? state.mode.delayMillis : undefined

/** The call begins: the first attempt, and in parallel mode all of them. */
export const begin = (mode: Mode, maxHedges: number): Step => {
  if (mode === "parallel") return step({ mode, left: 0, running: 1 + maxHedges }, 1 + maxHedges, undefined)
  const state: State = { mode, left: maxHedges, running: 1 }
  return step(state, 1, delayOf(state))
}

const one = (state: State): Step => {
  const next: State = { ...state, left: state.left - 1, running: state.running + 1 }
  return step(next, 1, delayOf(next))
}

/** What was armed has passed: one more attempt. */
export const due = (state: State): Step => (state.left > 0 ? one(state) : step(state, 0, undefined))

/** An attempt failed, and asking again may help. `hintMillis` is how long the target asked to be left alone. */
export const failed = (state: State, hintMillis: number | undefined): Step => {
  const after: State = { ...state, running: state.running - 1 }
  if (after.left === 0) return step(after, 0, undefined, after.running === 0)
  return hintMillis !== undefined && hintMillis > 0 ? step(after, 0, hintMillis) : one(after)
}

/** An attempt was refused, by the budget or by a policy inside: no more of them in this call. */
export const refused = (state: State): Step => {
  const after: State = { ...state, left: 0, running: state.running - 1 }
  return step(after, 0, undefined, after.running === 0)
}
