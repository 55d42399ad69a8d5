/**
 * How well each key of each channel does for each model. A pure core over mutable records with one owner; `now` is an
 * argument, and nothing has a timer.
 *
 * Who is to blame for a failure says what rests, and for how long:
 *
 * | blame | rests | until |
 * |---|---|---|
 * | `rate` | the key, for that model | its hint; without one a guess (`Pause`), at most `breaker.cap` |
 * | `quota` | the key | its hint; without one a trial |
 * | `credential` | the key | a trial |
 * | `model` | the model on that channel, with every key | a trial |
 * | `channel` | the channel | a trial |
 * | `upstream`, `timeout`, `transport` | the key, for that model | its circuit; a hint, if there is one, is kept too |
 * | all others | nothing | |
 *
 * A rest that ends with a trial begins at half a minute and doubles to ten; then one attempt is let through (a probe),
 * and its success ends the rest, and the doubling, while its failure begins the next. The circuit is the breaker of
 * `BreakerOptions`: it opens at a rate of failures in a window of time, and not at the first one, and its rests are
 * short, because an outage ends without notice and a bad key does not.
 *
 * An attempt that began before a rest did can neither end it, nor lengthen it, unless it brings a later hint. It holds
 * what it is about itself: channels, keys and circuits may be changed while it is under way.
 *
 * Evidence against a key or a channel switches it off, for all models, and takes the place of what rests there by the table
 * (`Switch`, `Evidence`).
 *
 * What is true beyond this process comes out of `settle` as facts, and goes in by `learn`.
 */
import type { Evidence } from "./Evidence.ts"
import type { Fact } from "./Fact.ts"
import * as Gate from "./Gate.ts"
import {
  type ChannelHealth,
  channelOf,
  type Health,
  type KeyHealth,
  keyOf,
  type ModelHealth,
  modelsRemembered,
  named,
  type Spot,
  type SpotHealth,
  trialRest
} from "./HealthRecords.ts"
import type { Verdict } from "./HealthVerdict.ts"
import * as Pause from "./Pause.ts"
import * as Switch from "./Switch.ts"

export {
  change,
  type ChannelHealth,
  configure,
  configureSwitching,
  type Health,
  type KeyHealth,
  make,
  remove,
  type Spot,
  type SpotHealth
} from "./HealthRecords.ts"
export { nothing, sayingOf, success, type Verdict, verdictOf } from "./HealthVerdict.ts"

/** How a key does for a model. */
export interface Fitness {
  /**
   * `off`: switched off by hand · `usable` now, if only as a probe · `probing`: a probe is on its way · `resting`: not before `dueAt` · `guessed`:
   * not before `dueAt`, but that is a guess of ours after a `rate` without a hint, and nothing worse.
   */
  readonly is: "off" | "usable" | "probing" | "resting" | "guessed"
  /** By the clock of `now`, in milliseconds; in the past when it is usable. */
  readonly dueAt: number
}

/** How a key does for a model at `now`. */
export const fitness = (health: Health, spot: Spot, now: number): Fitness => {
  const channel = health.channels.get(spot.channel)
  if (channel === undefined) return untried
  const key = channel.keys[spot.key]
  if (channel.off.byHand || key?.off.byHand === true) return switchedOff
  const model = channel.models.get(named(spot.model))
  const one = model?.keys[spot.key]
  let probing = false
  let resting = false
  let dueAt = Number.NEGATIVE_INFINITY
  const passages = [
    Gate.passage(channel.gate, now),
    Gate.passage(key?.gate, now),
    Gate.passage(model?.gate, now),
    Gate.passage(one?.gate, now),
    Switch.passage(channel.off, now),
    Switch.passage(key?.off, now)
  ]
  for (const passage of passages) {
    if (passage.is === "usable") continue
    if (passage.is === "probing") probing = true
    else resting = true
    dueAt = Math.max(dueAt, passage.dueAt)
  }
  let guessed = false
  for (const pause of [key?.pause, one?.pause]) {
    if (pause === undefined || !Pause.lasts(pause, now)) continue
    if (pause.known) resting = true
    else guessed = true
    dueAt = Math.max(dueAt, pause.until)
  }
  return { is: probing ? "probing" : resting ? "resting" : guessed ? "guessed" : "usable", dueAt }
}

const untried: Fitness = { is: "usable", dueAt: Number.NEGATIVE_INFINITY }
const switchedOff: Fitness = { is: "off", dueAt: Number.POSITIVE_INFINITY }

/** An attempt under way; give it to `settle`. */
export interface Visit {
  readonly spot: Spot
  readonly channel: ChannelHealth
  readonly key: KeyHealth
  readonly model: ModelHealth
  readonly one: SpotHealth
  readonly tickets: {
    readonly channel: Gate.Ticket
    readonly key: Gate.Ticket
    readonly model: Gate.Ticket
    readonly circuit: Gate.Ticket
    readonly channelOff: Switch.SwitchTicket
    readonly keyOff: Switch.SwitchTicket
  }
  readonly circuit: Gate.Gate
  readonly keyPause: number
  readonly pause: number
}

/**
 * An attempt begins. If the spot is due for a probe, this is it: it holds the probe's place until it is settled, or for
 * `breaker.open` (of a trial: half a minute) if that is shorter; then another may go beside it.
 */
export const begin = (health: Health, spot: Spot, now: number): Visit => {
  const channel = channelOf(health, spot.channel)
  const name = named(spot.model)
  const model = channel.models.get(name) ?? { gate: undefined, keys: [] }
  // HOT: mostly it is the newest already, and a table that is emptied shrinks, and grows again.
  if (channel.newest !== model) {
    channel.newest = model
    channel.models.delete(name)
    channel.models.set(name, model)
  }
  if (channel.models.size > modelsRemembered) channel.models.delete(channel.models.keys().next().value!)
  const key = keyOf(channel, spot.key)
  const one = (model.keys[spot.key] ??= { gate: undefined, pause: Pause.none })
  // The circuit is there from the first attempt: a rate needs the successes before the first failure too.
  const circuit = (one.gate ??= Gate.make(health.circuit, false))
  return {
    spot,
    channel,
    key,
    model,
    one,
    tickets: {
      channel: Gate.enter(channel.gate, now, trialRest.first),
      key: Gate.enter(key.gate, now, trialRest.first),
      model: Gate.enter(model.gate, now, trialRest.first),
      circuit: Gate.enter(circuit, now, health.options.open),
      channelOff: Switch.enter(channel.off, now, trialRest.first),
      keyOff: Switch.enter(key.off, now, trialRest.first)
    },
    circuit,
    keyPause: key.pause.generation,
    pause: one.pause.generation
  }
}

/** What an attempt's end has brought: facts, and a circuit that opened or closed. */
export type Found =
  | Fact
  | {
      readonly _tag: "Circuit"
      readonly channel: string
      readonly key: number
      readonly model: string
      readonly to: "open" | "closed"
    }

const nothingFound: ReadonlyArray<Found> = []

/** A failure as a piece of evidence. `counts`: its request has given none yet. */
export interface Testimony {
  readonly evidence: Evidence
  readonly counts: boolean
}

/**
 * An attempt ended. Every probe that it held is given back, whatever the verdict. What others may want to know of it is
 * given.
 */
export const settle = (
  health: Health,
  visit: Visit,
  verdict: Verdict,
  now: number,
  testimony?: Testimony
): ReadonlyArray<Found> => {
  const { channel, circuit, key, model, one, spot, tickets } = visit
  const wasWell = Gate.isWell(circuit)
  const fault = verdict._tag === "Fault" ? verdict.fault : undefined
  const hint = verdict._tag === "Fault" ? verdict.hintMillis : undefined
  const outcomeOf = (failed: boolean) => (verdict._tag === "Success" ? "success" : failed ? "failure" : "ignored")

  const trialKey = fault === "credential" || (fault === "quota" && hint === undefined)
  // What is off by evidence rests for that alone: its trial must not have to wait for another.
  const restsAnew = ({ off }: { readonly off: Switch.Switch }): boolean => !Switch.isOffByEvidence(off)
  leaveTrial(health, channel, tickets.channel, outcomeOf(fault === "channel" && restsAnew(channel)), now)
  leaveTrial(health, key, tickets.key, outcomeOf(trialKey && restsAnew(key)), now)
  leaveTrial(health, model, tickets.model, outcomeOf(fault === "model"), now)
  Gate.leave(circuit, tickets.circuit, outcomeOf(fault === "circuit"), now)
  const isWell = Gate.isWell(circuit)
  // HOT: of most attempts nothing is found, and no list is made.
  let found: ReadonlyArray<Found> = nothingFound
  if (testimony !== undefined || tickets.keyOff.as !== "on" || tickets.channelOff.as !== "on") {
    found = switched(health, visit, verdict, trialKey, now, testimony)
  }
  if (isWell !== wasWell) found = [...found, { _tag: "Circuit", ...spot, to: isWell ? "closed" : "open" }]

  if (verdict._tag === "Success") {
    key.pause = Pause.succeeded(key.pause, visit.keyPause)
    one.pause = Pause.succeeded(one.pause, visit.pause)
  } else if (fault === "quota" && hint !== undefined) {
    key.pause = Pause.hinted(key.pause, hint, now)
    return [...found, hinted(spot, undefined, key.pause)]
  } else if (hint !== undefined && (fault === "rate" || fault === "circuit")) {
    one.pause = Pause.hinted(one.pause, hint, now)
    return [...found, hinted(spot, spot.model, one.pause)]
  } else if (fault === "rate") {
    one.pause = Pause.guessed(one.pause, visit.pause, health.options.cap, now)
  }
  return found
}

const hinted = ({ channel, key }: Spot, model: string | undefined, { until }: Pause.Pause): Fact => ({
  _tag: "Hinted",
  channel,
  key,
  model,
  until
})

/** What an attempt's end has switched. */
const switched = (
  health: Health,
  { channel, key, spot, tickets }: Visit,
  verdict: Verdict,
  keyFailed: boolean,
  now: number,
  testimony: Testimony | undefined
): ReadonlyArray<Found> => {
  const said = (of: Evidence["of"], failed: boolean): Switch.Said => {
    if (verdict._tag === "Success") return { _tag: "Success" }
    if (testimony?.evidence.of === of) return { _tag: "Evidence", ...testimony }
    return failed ? { _tag: "Failure" } : { _tag: "Nothing" }
  }
  const facts: Array<Found> = []
  const turn = (
    of: Evidence["of"],
    owner: { gate: Gate.Gate | undefined; readonly off: Switch.Switch },
    ticket: Switch.SwitchTicket,
    failed: boolean
  ): void => {
    const { off } = owner
    const at = { channel: spot.channel, key: of === "key" ? spot.key : undefined }
    switch (Switch.leave(off, ticket, said(of, failed), health.switching, now)) {
      case "off": {
        // It takes the place of the rest that goes with the failure.
        owner.gate = undefined
        off.leftToProber = health.leftToProber(spot.channel)
        const { times, until, why } = off
        facts.push({ _tag: "Disabled", ...at, disabler: { by: "evidence", until, times, ...why } })
        return
      }
      case "on":
        facts.push({ _tag: "Enabled", ...at, by: "evidence" })
        return
      case undefined:
        return
    }
  }
  turn("key", key, tickets.keyOff, keyFailed)
  turn("channel", channel, tickets.channelOff, verdict._tag === "Fault" && verdict.fault === "channel")
  return facts
}

/** Takes a fact that was found elsewhere, or before a restart, or by a person. */
export const learn = (health: Health, fact: Fact, now: number): void => {
  const channel = channelOf(health, fact.channel)
  switch (fact._tag) {
    case "Hinted": {
      const name = fact.model === undefined ? undefined : named(fact.model)
      if (name !== undefined && !channel.models.has(name)) {
        channel.newest = { gate: undefined, keys: [] }
        channel.models.set(name, channel.newest)
      }
      const model = name === undefined ? undefined : channel.models.get(name)
      const rests =
        model === undefined
          ? keyOf(channel, fact.key)
          : (model.keys[fact.key] ??= { gate: undefined, pause: Pause.none })
      rests.pause = Pause.hinted(rests.pause, fact.until - now, now)
      return
    }
    case "Disabled": {
      const owner: { gate: Gate.Gate | undefined; readonly off: Switch.Switch } =
        fact.key === undefined ? channel : keyOf(channel, fact.key)
      const { off } = owner
      const { disabler } = fact
      if (disabler.by === "hand") off.byHand = true
      else {
        const { evidence, reason, times = 1, until } = disabler
        if (Switch.learnOff(off, until, times, { reason, evidence }) === "off") owner.gate = undefined
        off.leftToProber = health.leftToProber(fact.channel)
      }
      return
    }
    case "Enabled": {
      const { off } = fact.key === undefined ? channel : keyOf(channel, fact.key)
      Switch.learnOn(off, fact.by)
      return
    }
  }
}

/** Whether a channel, or every key of it, is switched off: by hand, or at all. */
export const isOff = (health: Health, id: string, keyCount: number, how: "by hand" | "at all"): boolean => {
  const channel = health.channels.get(id)
  if (channel === undefined) return false
  const off = (one: Switch.Switch): boolean => (how === "at all" ? Switch.isOff(one) : one.byHand)
  if (off(channel.off)) return true
  // A channel without keys has the one place 0.
  for (let at = 0; at < Math.max(keyCount, 1); at++) {
    const key = channel.keys[at]
    if (key === undefined || !off(key.off)) return false
  }
  return true
}

/** Whether a key is switched off, by hand or by evidence whose trial is not due: it, or its whole channel. */
export const isKeyOff = (health: Health, id: string, key: number, now: number): boolean => {
  const channel = health.channels.get(id)
  if (channel === undefined) return false
  return [channel.off, channel.keys[key]?.off].some((off) => off !== undefined && (off.byHand || off.until > now))
}

/**
 * Whether a channel has a key that may be asked now, for whatever model: neither it nor the key is switched off, nor rests
 * for a fault of its own (`channel`, `credential`, `quota`). What a key may not be asked for one model alone is no matter
 * here, nor is a rest that is over: the trial is what ends it.
 */
export const hasUsableKey = (health: Health, id: string, keyCount: number, now: number): boolean => {
  const channel = health.channels.get(id)
  if (channel === undefined) return true
  const off = (one: Switch.Switch): boolean => one.byHand || Switch.passage(one, now).is !== "usable"
  const isUsable = (gate: Gate.Gate | undefined): boolean => Gate.passage(gate, now).is === "usable"
  if (off(channel.off) || !isUsable(channel.gate)) return false
  return Array.from({ length: Math.max(keyCount, 1) }, (_, at) => channel.keys[at]).some(
    (key) => key === undefined || (!off(key.off) && isUsable(key.gate) && !Pause.lasts(key.pause, now))
  )
}

/** How a channel does as a whole: `open` or `cooling` when there is a model for which none of its keys is well. */
export const stateOf = (
  health: Health,
  channelId: string,
  keyCount: number,
  now: number
): "enabled" | "cooling" | "open" | "disabled" => {
  const channel = health.channels.get(channelId)
  if (channel === undefined) return "enabled"
  if (isOff(health, channelId, keyCount, "at all")) return "disabled"
  const spots = Array.from({ length: Math.max(keyCount, 1) }, (_, at) => at)
  const rests = (key: SpotHealth | undefined): boolean =>
    key !== undefined && (!Gate.isWell(key.gate) || Pause.lasts(key.pause, now))
  const keyRests = (at: number): boolean => {
    const key = channel.keys[at]
    return rests(key) || (key !== undefined && Switch.isOff(key.off))
  }
  let cooling = !Gate.isWell(channel.gate) || spots.every(keyRests)
  // A model that the channel lacks is the model's matter: a client may ask for any name.
  for (const { keys } of channel.models.values()) {
    if (!spots.every((at) => keyRests(at) || rests(keys[at]))) continue
    if (spots.some((at) => !Gate.isWell(keys[at]?.gate))) return "open"
    cooling = true
  }
  return cooling ? "cooling" : "enabled"
}

// The gate of a trial is made with the first fault: most channels never have one.
const leaveTrial = (
  health: Health,
  owner: { gate: Gate.Gate | undefined },
  ticket: Gate.Ticket,
  outcome: "success" | "failure" | "ignored",
  now: number
): void => {
  if (owner.gate === undefined && outcome !== "failure") return
  owner.gate ??= Gate.make(health.trial, true)
  Gate.leave(owner.gate, ticket, outcome, now)
}
