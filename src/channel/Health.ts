/**
 * How well each key of each channel does for each model. A pure core over mutable records with one owner; `now` is an
 * argument, and nothing has a timer.
 *
 * Who is to blame for a failure says what rests, and for how long:
 *
 * | blame | rests | until |
 * |---|---|---|
 * | `rate` | the key, for that model | its hint; without one a guess (`Pause`) |
 * | `quota` | the key | its hint; without one a trial |
 * | `credential` | the key | a trial |
 * | `model` | the model on that channel, with every key | a trial |
 * | `channel` | the channel | a trial |
 * | `upstream`, `timeout`, `transport` | the key, for that model | its circuit; a hint, if there is one, is kept too |
 * | all others | nothing | |
 *
 * A rest that ends with a trial begins at `breaker.open` and doubles to `breaker.cap`; then one attempt is let through
 * (a probe), and its success ends the rest, and the doubling, while its failure begins the next. The circuit is the
 * breaker of `BreakerOptions`: it opens at a rate of failures in a window of time, and not at the first one.
 *
 * An attempt that began before a rest did can neither end it, nor lengthen it, unless it brings a later hint.
 */
import { type Blame, blameOf, type ByBlame, type ResilienceError } from "../errors/index.ts"
import { BreakerState } from "../policy/index.ts"
import type { BreakerOptions } from "./Channel.ts"
import * as Gate from "./Gate.ts"
import * as Pause from "./Pause.ts"

/** A key for a model on a channel. `key` is an index; a channel without keys has the one index 0. */
export interface Spot {
  readonly channel: string
  readonly key: number
  readonly model: string
}

interface KeyHealth {
  gate: Gate.Gate | undefined
  pause: Pause.Pause
}

interface ModelHealth {
  gate: Gate.Gate | undefined
  readonly keys: Array<KeyHealth | undefined>
}

interface ChannelHealth {
  gate: Gate.Gate | undefined
  readonly keys: Array<KeyHealth | undefined>
  /** Least recently asked first. */
  readonly models: Map<string, ModelHealth>
}

/** The health of all channels. Mutable: one owner keeps it, and changes it only through this module. */
export interface Health {
  readonly options: BreakerOptions
  readonly circuit: BreakerState.Settings
  readonly trial: BreakerState.Settings
  readonly channels: Map<string, ChannelHealth>
  /** Keys that are switched off, as `channel#index`. Nothing switches one off in this version. */
  readonly disabled: Set<string>
}

/** Names come from clients: of each channel so many models are remembered, those that were asked last. */
const modelsRemembered = 1_000

/** What of a longer name is told apart. */
const nameLength = 256

/** Health without any history. Throws `InvalidPolicyOption` for options that make no sense. */
export const make = (options: BreakerOptions): Health => {
  const shared = {
    openMillis: BreakerState.growing({ initialMillis: options.open, factor: 2 }),
    maxOpenMillis: options.cap
  }
  return {
    options,
    circuit: withoutRounds(
      BreakerState.settings(
        {
          ...shared,
          window: {
            _tag: "Time",
            durationMillis: options.window,
            slices: 10,
            minimum: options.minimum,
            failureRate: options.failureRate
          },
          probes: options.probes
        },
        "Selection.layer"
      )
    ),
    trial: withoutRounds(
      BreakerState.settings({ ...shared, window: { _tag: "Consecutive", failures: 1 } }, "Selection.layer")
    ),
    channels: new Map(),
    disabled: new Set()
  }
}

// A gate's leases take the place of the breaker's rounds of probes.
const withoutRounds = (settings: BreakerState.Settings): BreakerState.Settings => ({
  ...settings,
  probeMillis: Number.MAX_VALUE
})

/** How a key does for a model. */
export interface Standing {
  /**
   * `usable` now, if only as a probe · `probing`: a probe is on its way · `resting`: not before `dueAt` · `guessed`:
   * not before `dueAt`, but that is a guess of ours after a `rate` without a hint, and nothing worse.
   */
  readonly is: "usable" | "probing" | "resting" | "guessed"
  /** Epoch milliseconds; in the past when it is usable. */
  readonly dueAt: number
}

/** How a key does for a model at `now`. */
export const standing = (health: Health, spot: Spot, now: number): Standing => {
  const channel = health.channels.get(spot.channel)
  if (channel === undefined) return untried
  const key = channel.keys[spot.key]
  const model = channel.models.get(named(spot.model))
  const one = model?.keys[spot.key]
  let probing = false
  let resting = false
  let dueAt = Number.NEGATIVE_INFINITY
  for (const gate of [channel.gate, key?.gate, model?.gate, one?.gate]) {
    const stands = Gate.standing(gate, now)
    if (stands.is === "usable") continue
    if (stands.is === "probing") probing = true
    else resting = true
    dueAt = Math.max(dueAt, stands.dueAt)
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

const untried: Standing = { is: "usable", dueAt: Number.NEGATIVE_INFINITY }

/** An attempt under way; give it to `settle`. */
export interface Attempt {
  readonly spot: Spot
  readonly channel: Gate.Ticket
  readonly key: Gate.Ticket
  readonly model: Gate.Ticket
  readonly circuit: Gate.Ticket
  readonly keyPause: number
  readonly pause: number
}

/**
 * An attempt begins. If the spot is due for a probe, this is it: it holds the probe's place until it is settled, or for
 * `breaker.open` if that is shorter; then another may go beside it.
 */
export const begin = (health: Health, spot: Spot, now: number): Attempt => {
  const channel = channelOf(health, spot.channel)
  const name = named(spot.model)
  const model = channel.models.get(name) ?? { gate: undefined, keys: [] }
  channel.models.delete(name)
  channel.models.set(name, model)
  if (channel.models.size > modelsRemembered) channel.models.delete(channel.models.keys().next().value!)
  const key = channel.keys[spot.key]
  // The circuit is there from the first attempt: a rate needs the successes before the first failure too.
  const one = keyOf(model.keys, spot.key)
  one.gate ??= Gate.make(health.circuit, false)
  const lease = health.options.open
  return {
    spot,
    channel: Gate.enter(channel.gate, now, lease),
    key: Gate.enter(key?.gate, now, lease),
    model: Gate.enter(model.gate, now, lease),
    circuit: Gate.enter(one.gate, now, lease),
    keyPause: key?.pause.generation ?? 0,
    pause: one.pause.generation
  }
}

/** What an attempt says of the health of its spot. */
export type Verdict =
  | { readonly _tag: "Success" }
  | { readonly _tag: "Fault"; readonly fault: Fault; readonly hintMillis: number | undefined }
  | { readonly _tag: "Nothing" }

/** What is at fault: `circuit` is the key for the model, where one failure is not enough. */
export type Fault = "rate" | "quota" | "credential" | "model" | "channel" | "circuit"

const faults = {
  caller: undefined,
  content: undefined,
  credential: "credential",
  quota: "quota",
  rate: "rate",
  model: "model",
  channel: "channel",
  upstream: "circuit",
  timeout: "circuit",
  transport: "circuit",
  rejected: undefined,
  exhausted: undefined,
  storage: undefined,
  cancelled: undefined,
  defect: undefined
} as const satisfies ByBlame<Fault | undefined>

/** What an error says of the health of what was asked. Total: a new blame does not compile without its answer. */
export const verdictOf = (error: ResilienceError): Verdict => {
  const fault: Fault | undefined = faults[blameOf(error) satisfies Blame]
  if (fault === undefined) return nothing
  const hint = error.retryAfterMillis
  return { _tag: "Fault", fault, hintMillis: hint !== undefined && hint > 0 ? hint : undefined }
}

/** It says nothing. */
export const nothing: Verdict = { _tag: "Nothing" }

/** It went well. */
export const success: Verdict = { _tag: "Success" }

/** An attempt ended. Every probe that it held is given back, whatever the verdict. */
export const settle = (health: Health, attempt: Attempt, verdict: Verdict, now: number): void => {
  const { spot } = attempt
  const fault = verdict._tag === "Fault" ? verdict.fault : undefined
  const hint = verdict._tag === "Fault" ? verdict.hintMillis : undefined
  const channel = channelOf(health, spot.channel)
  const model = channel.models.get(named(spot.model))
  const key = channel.keys[spot.key]
  const one = model?.keys[spot.key]
  const outcomeOf = (failed: boolean) => (verdict._tag === "Success" ? "success" : failed ? "failure" : "ignored")

  const trialKey = fault === "credential" || (fault === "quota" && hint === undefined)
  leaveTrial(health, channel, attempt.channel, outcomeOf(fault === "channel"), now)
  if (key !== undefined || trialKey) {
    leaveTrial(health, keyOf(channel.keys, spot.key), attempt.key, outcomeOf(trialKey), now)
  }
  if (model !== undefined) leaveTrial(health, model, attempt.model, outcomeOf(fault === "model"), now)
  if (one?.gate !== undefined) Gate.leave(one.gate, attempt.circuit, outcomeOf(fault === "circuit"), now)

  if (verdict._tag === "Success") {
    if (key !== undefined) key.pause = Pause.succeeded(key.pause, attempt.keyPause)
    if (one !== undefined) one.pause = Pause.succeeded(one.pause, attempt.pause)
  } else if (fault === "quota" && hint !== undefined) {
    const whole = keyOf(channel.keys, spot.key)
    whole.pause = Pause.hinted(whole.pause, hint, now)
  } else if (one !== undefined && hint !== undefined && (fault === "rate" || fault === "circuit")) {
    one.pause = Pause.hinted(one.pause, hint, now)
  } else if (one !== undefined && fault === "rate") {
    one.pause = Pause.guessed(one.pause, attempt.pause, health.options.cap, now)
  }
}

/** How a channel does as a whole: `open` or `cooling` when there is a model for which none of its keys is well. */
export const stateOf = (
  health: Health,
  channelId: string,
  keyCount: number,
  now: number
): "enabled" | "cooling" | "open" => {
  const channel = health.channels.get(channelId)
  if (channel === undefined) return "enabled"
  const spots = Array.from({ length: Math.max(keyCount, 1) }, (_, at) => at)
  const rests = (key: KeyHealth | undefined): boolean =>
    key !== undefined && (!Gate.isWell(key.gate) || Pause.lasts(key.pause, now))
  let cooling = !Gate.isWell(channel.gate) || spots.every((at) => rests(channel.keys[at]))
  // A model that the channel lacks is the model's matter: a client may ask for any name.
  for (const { keys } of channel.models.values()) {
    if (!spots.every((at) => rests(channel.keys[at]) || rests(keys[at]))) continue
    if (spots.some((at) => !Gate.isWell(keys[at]?.gate))) return "open"
    cooling = true
  }
  return cooling ? "cooling" : "enabled"
}

// A copy: a slice would keep the whole of a client's long string alive.
const named = (model: string): string =>
  model.length > nameLength ? Array.from(model.slice(0, nameLength)).join("") : model

const channelOf = (health: Health, id: string): ChannelHealth => {
  let found = health.channels.get(id)
  if (found === undefined) health.channels.set(id, (found = { gate: undefined, keys: [], models: new Map() }))
  return found
}

const keyOf = (keys: Array<KeyHealth | undefined>, at: number): KeyHealth =>
  (keys[at] ??= { gate: undefined, pause: Pause.none })

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
