/**
 * Whether a key, or a channel, is switched off: by a person, until a person switches it on; or by evidence, until one trial
 * goes well. Pure, over mutable records with one owner; time is an argument, and nothing has a timer.
 *
 * `after` pieces of evidence within the time switch it off (one is enough for a channel). When its rest is over one attempt
 * is let through: its success switches it on and forgets the doubling, its failure doubles the rest, up to a cap. A trial
 * that says nothing (a client that left, an upstream that is down for everybody) leaves it due. Where a prober does that,
 * requests wait for it: they try what is off only when it has not come for two of its rounds.
 *
 * When nothing else is left it is asked all the same, before its time: that may switch it on, and else changes nothing.
 */
import type { Code } from "../errors/index.ts"
import type { DisableOptions } from "./DisableSection.ts"
import type { Evidence } from "./Evidence.ts"
import type { Passage } from "./Gate.ts"

/** How it is switched off and on. Times are milliseconds. */
export type SwitchRules = Pick<DisableOptions, "after" | "within" | "trial" | "trialCap">

/** Why something is off by evidence. */
export interface Why {
  /** Our code of the failure that switched it off, as it was found; `undefined` where only its end is known. */
  readonly reason: Code | undefined
  /** What was seen: `status 401 (2)`. */
  readonly evidence: string | undefined
}

/** A piece of evidence, and when it came. */
interface Piece {
  readonly seen: string
  readonly at: number
}

/** One switch. */
export interface Switch {
  byHand: boolean
  /** Off by evidence: a trial is due then. `-Infinity`: it is not off by evidence. */
  until: number
  /** How often evidence has switched it off since it was last well. */
  times: number
  why: Why | undefined
  /** What was seen of late while it was on. */
  pieces: ReadonlyArray<Piece>
  /** Changes whenever it goes off or on: what began before says nothing any more. */
  generation: number
  /** A trial is under way, and holds its place until then. */
  trial: { readonly ticket: SwitchTicket; readonly until: number } | undefined
  /** How much longer than `until` requests leave it to a prober. */
  leftToProber: number
}

/** An attempt has gone past: give it back to `leave`. */
export interface SwitchTicket {
  readonly generation: number
  /** `on`: as always · `trial`: it is the trial, or one beside it · `forced`: before its time. */
  readonly as: "on" | "trial" | "forced"
}

/** What an attempt says of what it went past. */
export type Said =
  | { readonly _tag: "Success" }
  /** `counts`: its request has given no evidence yet. */
  | { readonly _tag: "Evidence"; readonly evidence: Evidence; readonly counts: boolean }
  /** It is still no good, although that is no evidence. */
  | { readonly _tag: "Failure" }
  | { readonly _tag: "Nothing" }

/** What has become of it: it was switched off now, or on. */
export type Turn = "off" | "on" | undefined

const never = Number.NEGATIVE_INFINITY

/** On. */
export const make = (): Switch => ({
  byHand: false,
  until: never,
  times: 0,
  why: undefined,
  pieces: [],
  generation: 0,
  trial: undefined,
  leftToProber: 0
})

/** Whether evidence has it off: until its trial has gone well, however long that takes. */
export const isOffByEvidence = ({ until }: Switch): boolean => until > never

/** Whether it is off, in whatever way. What is due for its trial still is. */
export const isOff = (one: Switch): boolean => one.byHand || isOffByEvidence(one)

const usable: Passage = { is: "usable", dueAt: never }

/** Whether evidence lets an attempt past at `now`, and from when on. */
export const passage = (one: Switch | undefined, now: number): Passage => {
  if (one === undefined || !isOffByEvidence(one)) return usable
  const dueAt = one.until + one.leftToProber
  if (dueAt > now) return { is: "shut", dueAt }
  const { trial } = one
  return trial !== undefined && trial.until > now ? { is: "probing", dueAt: trial.until } : usable
}

/** Every attempt on what is on has this one until it is first switched off: none is made for it. */
const firstTicket: SwitchTicket = { generation: 0, as: "on" }

/** An attempt goes past. */
export const enter = (one: Switch, now: number, loanMillis: number): SwitchTicket => {
  if (!isOffByEvidence(one)) {
    return one.generation === 0 ? firstTicket : { generation: one.generation, as: "on" }
  }
  const ticket: SwitchTicket = { generation: one.generation, as: one.until > now ? "forced" : "trial" }
  if (ticket.as === "trial") one.trial = { ticket, until: now + loanMillis }
  return ticket
}

/** An attempt ends. */
export const leave = (one: Switch, ticket: SwitchTicket, said: Said, rules: SwitchRules, now: number): Turn => {
  if (one.trial?.ticket === ticket) one.trial = undefined
  if (ticket.generation !== one.generation) return undefined
  switch (said._tag) {
    case "Success":
      return ticket.as === "on" ? undefined : on(one)
    case "Evidence":
      switch (ticket.as) {
        case "on":
          return said.counts ? add(one, said.evidence, rules, now) : undefined
        case "trial":
          return off(one, { reason: said.evidence.reason, evidence: said.evidence.seen }, rules, now)
        case "forced":
          return undefined
      }
    case "Failure":
      return ticket.as === "trial" ? off(one, one.why, rules, now) : undefined
    case "Nothing":
      return undefined
  }
}

const add = (one: Switch, { of, reason, seen }: Evidence, rules: SwitchRules, now: number): Turn => {
  one.pieces = [...one.pieces.filter(({ at }) => at > now - rules.within), { seen, at: now }]
  if (of === "key" && one.pieces.length < rules.after) return undefined
  return off(one, { reason, evidence: summary(one.pieces) }, rules, now)
}

/** `status 401 (2), code invalid_api_key`. */
const summary = (pieces: ReadonlyArray<Piece>): string => {
  const counts = new Map<string, number>()
  for (const { seen } of pieces) counts.set(seen, (counts.get(seen) ?? 0) + 1)
  return [...counts].map(([seen, count]) => (count === 1 ? seen : `${seen} (${count})`)).join(", ")
}

const off = (one: Switch, why: Why | undefined, { trial, trialCap }: SwitchRules, now: number): Turn => {
  // 2 ** 1023 is the last number.
  one.until = now + Math.min(trial * 2 ** Math.min(one.times, 1_000), trialCap)
  one.times += 1
  one.why = why
  one.pieces = []
  one.generation += 1
  one.trial = undefined
  return "off"
}

const on = (one: Switch): Turn => {
  const was = isOffByEvidence(one)
  one.until = never
  one.times = 0
  one.why = undefined
  one.pieces = []
  one.generation += 1
  one.trial = undefined
  return was ? "on" : undefined
}

/** Evidence that was found elsewhere, or before a restart: off until then, if that is later than what is known. */
export const learnOff = (one: Switch, until: number, times: number, why: Why | undefined): Turn => {
  if (until <= one.until) return undefined
  one.until = until
  one.times = Math.max(times, 1)
  one.why = why
  one.pieces = []
  one.generation += 1
  one.trial = undefined
  return "off"
}

/** A person, or a trial elsewhere, has switched it on. What a person has switched off only a person does. */
export const learnOn = (one: Switch, by: "hand" | "evidence"): Turn => {
  const wasByHand = one.byHand
  if (by === "hand") one.byHand = false
  const turned = on(one)
  return turned ?? (wasByHand && !one.byHand ? "on" : undefined)
}
