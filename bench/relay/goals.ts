/**
 * The relay's goals, compared to the bare relay in the same rounds.
 */
import { against, type Measured, over, type Round } from "./rounds.ts"

/** A goal and what came of it. */
export interface Goal {
  readonly subject: string
  readonly goal: string
  readonly limit: string
  readonly found: string
  readonly reached: "yes" | "no"
}

interface Limits {
  readonly perSecond: number
  readonly p99: number
  readonly cpuPerEvent: number
  readonly first: number
  readonly delay: number
}

/** Of each store. */
const limits: { readonly [name: string]: Limits } = {
  "relay, memory": { perSecond: 0.55, p99: 1.6, cpuPerEvent: 1.15, first: 0.3, delay: 0.1 },
  "relay, SQLite": { perSecond: 0.55, p99: 1.6, cpuPerEvent: 1.3, first: 0.3, delay: 0.3 }
}

/** What an open answer may take, in kB. */
const perOpenAnswer = 25

/** Compares what was measured to the goals. */
export const goals = (all: ReadonlyArray<Measured>, bare: Measured): ReadonlyArray<Goal> => {
  const portkey = all.find(({ subject }) => subject.name === "Portkey")
  return all.flatMap((measured): ReadonlyArray<Goal> => {
    const { name } = measured.subject
    const limit = limits[name]
    if (limit === undefined) return []
    const goal = (goal: string, found: number, sign: "<=" | ">=" | "<", most: number, unit: string): Goal => ({
      subject: name,
      goal,
      limit: `${sign} ${most} ${unit}`,
      found: `${found.toFixed(2)} ${unit}`,
      reached: (sign === ">=" ? found >= most : sign === "<" ? found < most : found <= most) ? "yes" : "no"
    })
    const ratio = (of: (round: Round) => number): number => against(measured, bare, of)
    const added = (of: (round: Round) => number): number => against(measured, bare, of, (own, bare) => own - bare)
    return [
      goal(
        "requests per second",
        ratio((round) => round.perSecond),
        ">=",
        limit.perSecond,
        "of bare"
      ),
      goal(
        "p99",
        ratio((round) => round.p99),
        "<=",
        limit.p99,
        "x bare"
      ),
      goal(
        "CPU an event",
        ratio((round) => round.cpuPerEvent),
        "<=",
        limit.cpuPerEvent,
        "x bare"
      ),
      goal(
        "added to the first event, p50",
        added((round) => round.first),
        "<",
        limit.first,
        "ms"
      ),
      goal(
        "added to an event, p50",
        added((round) => round.delay),
        "<=",
        limit.delay,
        "ms"
      ),
      goal("memory of an open answer", measured.bytes / 1024, "<=", perOpenAnswer, "kB"),
      ...(portkey === undefined
        ? []
        : [
            goal(
              "requests per second",
              against(measured, portkey, (round) => round.perSecond),
              ">=",
              3,
              "of Portkey"
            ),
            goal("p99", over(measured, (round) => round.p99) / over(portkey, (round) => round.p99), "<", 1, "x Portkey")
          ])
    ]
  })
}
