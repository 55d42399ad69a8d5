/**
 * A breaker whose probes are lent for a time. Pure, over mutable records with one owner; time is an argument.
 *
 * `BreakerState` begins a new round when its probes say nothing for too long, and forgets what the old ones would have
 * said. An answer is a stream and may well take longer than that, so every probe of a slow but healthy target would come
 * too late. Here a probe that is overdue only gives its place to another one: whoever ends first decides.
 *
 * A gate may be absent (`undefined`): it stands open, and no memory was spent on it.
 */
import { BreakerState } from "../policy/index.ts"

/** How long a probe holds its place; then another may go beside it. */
interface Loan {
  readonly ticket: Ticket
  readonly until: number
}

/** A breaker with its lent probes. `forgives` when one success forgets how often it had opened. */
export interface Gate {
  readonly breaker: BreakerState.Breaker
  readonly forgives: boolean
  loans: ReadonlyArray<Loan>
}

/** Somebody went through; give it back to `leave`. `forced` when the gate was shut. */
export interface Ticket extends BreakerState.Admitted {
  readonly forced: boolean
}

/** Whether a gate can be gone through, and from when on. `probing`: its probes are on their way. */
export interface Passage {
  readonly is: "usable" | "probing" | "shut"
  readonly dueAt: number
}

const usable: Passage = { is: "usable", dueAt: Number.NEGATIVE_INFINITY }

/** What going through an absent gate gives: the first generation of the gate that is there later. */
const firstTicket: Ticket = { _tag: "Admitted", generation: 0, probe: false, forced: false }

/** A gate that stands open. `settings.probeMillis` should be unreachable: the loans take its place. */
export const make = (settings: BreakerState.Settings, forgives: boolean): Gate => ({
  breaker: BreakerState.make(settings),
  forgives,
  loans: []
})

/** Whether a gate is closed in the breaker's sense: nothing is wrong behind it. */
export const isWell = (gate: Gate | undefined): boolean => gate === undefined || gate.breaker.state._tag === "Closed"

/** Whether a gate can be gone through at `now`. Probes that are overdue give their places back. */
export const passage = (gate: Gate | undefined, now: number): Passage => {
  if (gate === undefined) return usable
  lapse(gate, now)
  if (BreakerState.standing(gate.breaker, now) !== "refused") return usable
  const left = BreakerState.retryAfter(gate.breaker, now)
  if (left !== undefined) return { is: "shut", dueAt: now + left }
  return { is: "probing", dueAt: Math.min(...gate.loans.map(({ until }) => until)) }
}

/** Goes through. Through a shut gate it is forced: a success then opens it, and a failure changes nothing. */
export const enter = (gate: Gate | undefined, now: number, loanMillis: number): Ticket => {
  if (gate === undefined) return firstTicket
  const admission = BreakerState.admit(gate.breaker, now)
  if (admission._tag === "Rejected") {
    return { _tag: "Admitted", generation: gate.breaker.generation, probe: false, forced: true }
  }
  const ticket: Ticket = { ...admission, forced: false }
  if (ticket.probe) gate.loans = [...gate.loans, { ticket, until: now + loanMillis }]
  return ticket
}

/** Says how it went. What comes from before the gate's last change says nothing any more. */
export const leave = (gate: Gate, ticket: Ticket, outcome: "success" | "failure" | "ignored", now: number): void => {
  const lent = gate.loans.some((loan) => loan.ticket === ticket)
  if (lent) gate.loans = gate.loans.filter((loan) => loan.ticket !== ticket)
  if (ticket.generation !== gate.breaker.generation) return
  if (outcome === "success" && (ticket.forced || (ticket.probe && gate.forgives))) {
    BreakerState.reset(gate.breaker)
    return
  }
  // An overdue probe has given its place back already.
  if (outcome === "ignored" && ticket.probe && !lent) return
  if (!ticket.forced) BreakerState.settle(gate.breaker, ticket, outcome, now)
}

const lapse = (gate: Gate, now: number): void => {
  if (gate.loans.length === 0 || gate.loans.every(({ until }) => until > now)) return
  const { generation } = gate.breaker
  for (const { ticket, until } of gate.loans) {
    if (until <= now && ticket.generation === generation) BreakerState.settle(gate.breaker, ticket, "ignored", now)
  }
  gate.loans = gate.loans.filter(({ until }) => until > now)
}
