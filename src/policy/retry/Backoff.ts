/**
 * How long to wait before asking again: the published formulas as pure functions of the attempt, a state of one number
 * and a draw. `RetrySchedule` makes schedules of them; a loop that is not a schedule calls `step` itself.
 *
 * Whatever comes in, a delay is a finite number of milliseconds from 0 to the cap, and the cap is at most 2^31 - 1 (a
 * timer of Node takes anything longer for 1 ms, which turns a long wait into a hot loop).
 */
import type { Duration } from "effect"
import * as Check from "../InvalidPolicyOption.ts"

/** A delay, and what the next step needs. */
export interface Step {
  readonly delayMillis: number
  readonly state: number
}

/**
 * A formula. `step(attempt, state, draw)`: `attempt` is 1 before the first retry, `state` starts as `initial` and is
 * then what the step before gave, `draw` is a number in [0, 1).
 */
export interface Backoff {
  readonly initial: number
  /** Whether `draw` matters: a caller may spare itself the draw otherwise. */
  readonly random: boolean
  readonly step: (attempt: number, state: number, draw: number) => Step
}

/**
 * How chance is mixed into a delay `d`. No jitter passes the cap.
 *
 * - `none`: `d`
 * - `full`: anything from 0 to `d` (Brooker, "Exponential backoff and jitter"). Spreads a crowd best; the default.
 * - `equal`: `d / 2` and up to as much again (same source)
 * - `proportional`: `d` times 1 - p to 1 + p, where p is 0.25 (Polly) or what you say. `d` is capped at `cap / (1 + p)`
 *   first, so that the draws at the cap are still spread and none passes it.
 */
export type Jitter = "none" | "full" | "equal" | "proportional" | { readonly proportional: number }

interface Bounded {
  /** The longest delay. Default 30 seconds; at most 2^31 - 1 ms. */
  readonly cap?: Duration.Input | undefined
}

interface Jittered extends Bounded {
  /** Default `full`. */
  readonly jitter?: Jitter | undefined
}

/** Options of `exponential`. */
export interface Exponential extends Jittered {
  /** The first delay, before jitter. Default 1 second. */
  readonly base?: Duration.Input | undefined
  /** What each delay is multiplied with. From 1; default 2. */
  readonly factor?: number | undefined
}

/** Options of `linear`. */
export interface Linear extends Jittered {
  /** The first delay, before jitter. Default 1 second. */
  readonly base?: Duration.Input | undefined
  /** What each delay is longer. Default `base`. */
  readonly increment?: Duration.Input | undefined
}

/** Options of `constant`. */
export interface Constant {
  /** Each delay, before jitter; zero is allowed. Default 1 second. */
  readonly delay?: Duration.Input | undefined
  /** Default `none`. Proportional jitter lengthens a delay too: it is its own cap only for the other kinds. */
  readonly jitter?: Jitter | undefined
}

/** Options of `fibonacci`. */
export interface Fibonacci extends Jittered {
  /** The first and the second delay, before jitter. Default 1 second. */
  readonly base?: Duration.Input | undefined
}

/** Options of the decorrelated formulas, which are made of chance and take no jitter. */
export interface Decorrelated extends Bounded {
  /** `decorrelated`: the shortest delay. `decorrelatedV2`: about the median of the first. Default 1 second. */
  readonly base?: Duration.Input | undefined
}

const defaultCap = 30_000

/** From 0 to the cap, whatever came of the arithmetic: overflow is the cap, NaN is the cap too. */
const clamp = (millis: number, cap: number): number => (millis <= 0 ? 0 : millis < cap ? millis : cap)

const capOf = (where: string, option: Duration.Input | undefined): number =>
  option === undefined ? defaultCap : Check.positiveMillis(where, "cap", option)

// A base above the default cap lifts it: who asks for a minute and names no cap means a minute.
const baseAndCap = (where: string, base: Duration.Input | undefined, cap: Duration.Input | undefined) => {
  const baseMillis = base === undefined ? 1000 : Check.positiveMillis(where, "base", base)
  if (cap === undefined) return { baseMillis, capMillis: Math.max(defaultCap, baseMillis) }
  const capMillis = capOf(where, cap)
  if (base !== undefined) Check.orderedMillis(where, "base", baseMillis, "cap", capMillis, { base, cap })
  return { baseMillis: Math.min(baseMillis, capMillis), capMillis }
}

type Apply = (millis: number, cap: number, draw: number) => number

const jitters = {
  none: (millis, cap) => clamp(millis, cap),
  full: (millis, cap, draw) => clamp(clamp(millis, cap) * draw, cap),
  equal: (millis, cap, draw) => clamp((clamp(millis, cap) / 2) * (1 + draw), cap)
} as const satisfies { readonly [kind: string]: Apply }

const jitterOf = (where: string, jitter: Jitter): Apply => {
  if (typeof jitter === "string" && jitter !== "proportional") {
    return jitters[jitter] ?? Check.refuse(where, "jitter", '"none", "full", "equal" or "proportional"', jitter)
  }
  const part = jitter === "proportional" ? 0.25 : Check.between(where, "jitter.proportional", jitter.proportional, 0, 1)
  return (millis, cap, draw) => clamp(clamp(millis, cap / (1 + part)) * (1 - part + 2 * part * draw), cap)
}

/** A formula without a state. `delay` is the bare one of the n-th retry; it may overflow. */
const stateless = (where: string, jitter: Jitter, cap: number, delay: (attempt: number) => number): Backoff => {
  const apply = jitterOf(where, jitter)
  return {
    initial: 0,
    random: jitter !== "none",
    step: (attempt, _, draw) => ({ delayMillis: apply(delay(attempt), cap, draw), state: 0 })
  }
}

/**
 * `base`, `base * factor`, `base * factor^2`, … up to the cap.
 *
 * ```ts import.meta.vitest
 * import { Backoff } from "effect-resilience/policy"
 *
 * const backoff = Backoff.exponential({ base: "200 millis", cap: "1 second", jitter: "none" })
 *
 * Backoff.delays(backoff, 5) // => [200, 400, 800, 1000, 1000]
 * ```
 */
export const exponential = (options?: Exponential): Backoff => {
  const where = "Backoff.exponential"
  const { baseMillis, capMillis } = baseAndCap(where, options?.base, options?.cap)
  const factor = options?.factor === undefined ? 2 : Check.atLeast(where, "factor", options.factor, 1)
  return stateless(where, options?.jitter ?? "full", capMillis, (n) => baseMillis * factor ** (n - 1))
}

/** `base`, `base + increment`, `base + 2 * increment`, … up to the cap. With the default increment Polly's linear. */
export const linear = (options?: Linear): Backoff => {
  const where = "Backoff.linear"
  const { baseMillis, capMillis } = baseAndCap(where, options?.base, options?.cap)
  const increment =
    options?.increment === undefined ? baseMillis : Check.nonNegativeMillis(where, "increment", options.increment)
  return stateless(where, options?.jitter ?? "full", capMillis, (n) => baseMillis + (n - 1) * increment)
}

/** Always the same delay. */
export const constant = (options?: Constant): Backoff => {
  const where = "Backoff.constant"
  const delay = options?.delay === undefined ? 1000 : Check.nonNegativeMillis(where, "delay", options.delay)
  const jitter = options?.jitter ?? "none"
  return stateless(
    where,
    jitter,
    typeof jitter === "object" || jitter === "proportional" ? Check.longestMillis : delay,
    () => delay
  )
}

/** `base` times 1, 1, 2, 3, 5, 8, … up to the cap. */
export const fibonacci = (options?: Fibonacci): Backoff => {
  const where = "Backoff.fibonacci"
  const { baseMillis, capMillis } = baseAndCap(where, options?.base, options?.cap)
  return stateless(where, options?.jitter ?? "full", capMillis, (n) => {
    let previous = 0
    let current = baseMillis
    for (let i = 1; i < n && current < capMillis; i++) {
      const next = previous + current
      previous = current
      current = next
    }
    return current
  })
}

/**
 * Brooker's decorrelated jitter: `min(cap, U(base, 3 * the delay before))`, where the first delay before is `base`
 * (AWS architecture blog and its simulator). It never falls below `base`.
 *
 * ```ts import.meta.vitest
 * import { Backoff } from "effect-resilience/policy"
 *
 * const backoff = Backoff.decorrelated({ base: "100 millis", cap: "1 second" })
 *
 * Backoff.delays(backoff, 4, () => 0.5) // => [200, 350, 575, 912.5]
 * ```
 */
export const decorrelated = (options?: Decorrelated): Backoff => {
  const { baseMillis, capMillis } = baseAndCap("Backoff.decorrelated", options?.base, options?.cap)
  return {
    initial: baseMillis,
    random: true,
    step: (_, previous, draw) => {
      const delayMillis = clamp(baseMillis + (previous * 3 - baseMillis) * draw, capMillis)
      return { delayMillis, state: delayMillis }
    }
  }
}

/**
 * Polly's decorrelated jitter V2 (also cockatiel's default): a smooth distribution whose median is about
 * `base * 2^n`, without the clumps at the cap and at the base that Brooker's has. With t = n + U and
 * f(t) = 2^t * tanh(sqrt(4t)), the n-th delay is (f(t) - the f before) * base / 1.4. A single delay may be 0.
 */
export const decorrelatedV2 = (options?: Decorrelated): Backoff => {
  const { baseMillis, capMillis } = baseAndCap("Backoff.decorrelatedV2", options?.base, options?.cap)
  return {
    initial: 0,
    random: true,
    step: (attempt, previous, draw) => {
      const t = attempt - 1 + draw
      const next = 2 ** t * Math.tanh(Math.sqrt(4 * t))
      if (!Number.isFinite(next)) return { delayMillis: capMillis, state: previous }
      return { delayMillis: clamp(((next - previous) / 1.4) * baseMillis, capMillis), state: next }
    }
  }
}

/** The first `count` delays in milliseconds, for a table or a plot. `draw` gives numbers in [0, 1). */
export const delays = (backoff: Backoff, count: number, draw: () => number = () => 0.5): Array<number> => {
  const out: Array<number> = []
  let state = backoff.initial
  for (let attempt = 1; attempt <= count; attempt++) {
    const next = backoff.step(attempt, state, draw())
    out.push(next.delayMillis)
    state = next.state
  }
  return out
}
