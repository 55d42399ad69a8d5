/**
 * How a channel and each of its keys do, for people: what is off or rests, why, and until when.
 */
import type { Code } from "../errors/index.ts"
import type { ChannelStateName, DisabledReason } from "./ChannelEvent.ts"
import type { Channel } from "./ChannelSection.ts"
import * as Gate from "./Gate.ts"
import type { ChannelHealth, Health, SpotHealth } from "./Health.ts"
import * as Pause from "./Pause.ts"
import * as Switch from "./Switch.ts"

/** Why something is off, and until when (epoch milliseconds): a trial is due then. */
export interface Off {
  readonly reason?: DisabledReason | undefined
  readonly evidence?: string | undefined
  readonly until?: number | undefined
}

/** `off` is by hand; `disabled` by evidence; `cooling` is a rest, for some models or all of them. */
export type KeyStateName = "enabled" | "cooling" | "disabled" | "off"

/** A model that a key may not be asked for now: its circuit is open, or it rests. */
export interface ModelDetail {
  /** The model's name at the upstream. */
  readonly model: string
  readonly state: "cooling" | "open"
  /** Epoch milliseconds. */
  readonly until: number
}

/** A key. */
export interface KeyDetail extends Off {
  readonly index: number
  /** Its own; that of the channel is beside it. */
  readonly state: KeyStateName
  /** Whether it may be asked, with its channel's state. */
  readonly effective: KeyStateName
  readonly models: ReadonlyArray<ModelDetail>
}

/** A channel. */
export interface ChannelDetail extends Off {
  readonly channel: Channel
  readonly state: ChannelStateName
  readonly keys: ReadonlyArray<KeyDetail>
  /** Of a channel without keys, which is its own: how it would stand in that list, as the first. */
  readonly ownKey: KeyDetail | undefined
}

const byHand: Off = { reason: "by_hand" }

const offOf = (one: Switch.Switch, wallAhead: number): Off => {
  if (one.byHand) return byHand
  if (!Switch.isOffByEvidence(one)) return {}
  const reason: Code | undefined = one.why?.reason
  return { reason, evidence: one.why?.evidence, until: one.until + wallAhead }
}

/** Why a channel that is disabled is: its own switch, its file, or that all of its keys are off. */
export const whyOff = (health: Health, { enabled, id, keys }: Channel, wallAhead: number): Off => {
  if (!enabled) return byHand
  const known = health.channels.get(id)
  if (known === undefined) return {}
  if (Switch.isOff(known.off)) return offOf(known.off, wallAhead)
  const untils = keys.flatMap((_, at) => {
    const off = known.keys[at]?.off
    return off === undefined || off.byHand ? [] : [off.until + wallAhead]
  })
  if (keys.length > 0 && untils.length === 0) return byHand
  // A channel without keys is its own key.
  const only = keys.length === 1 || keys.length === 0 ? known.keys[0]?.off : undefined
  if (only !== undefined) return offOf(only, wallAhead)
  return { reason: "no_key_left", until: Math.min(...untils) }
}

const restOf = (
  spot: SpotHealth | undefined,
  now: number
): { readonly open: boolean; readonly until: number } | undefined => {
  if (spot === undefined) return undefined
  const isWell = Gate.isWell(spot.gate)
  const pauses = Pause.lasts(spot.pause, now)
  if (isWell && !pauses) return undefined
  const { dueAt } = Gate.passage(spot.gate, now)
  return { open: !isWell, until: Math.max(pauses ? spot.pause.until : now, dueAt) }
}

const modelsOf = (channel: ChannelHealth, key: number, now: number, wallAhead: number): ReadonlyArray<ModelDetail> =>
  [...channel.models].flatMap(([model, { gate, keys }]): ReadonlyArray<ModelDetail> => {
    const lacks = Gate.isWell(gate) ? undefined : { open: false, until: Math.max(now, Gate.passage(gate, now).dueAt) }
    const rest = restOf(keys[key], now) ?? lacks
    return rest === undefined ? [] : [{ model, state: rest.open ? "open" : "cooling", until: rest.until + wallAhead }]
  })

const keyOf = (
  channel: ChannelHealth | undefined,
  index: number,
  now: number,
  wallAhead: number
): Omit<KeyDetail, "effective"> => {
  const key = channel?.keys[index]
  const models = channel === undefined ? [] : modelsOf(channel, index, now, wallAhead)
  if (key !== undefined && Switch.isOff(key.off)) {
    return { index, state: key.off.byHand ? "off" : "disabled", ...offOf(key.off, wallAhead), models }
  }
  const rest = restOf(key, now)
  if (rest !== undefined) return { index, state: "cooling", until: rest.until + wallAhead, models }
  return { index, state: models.length > 0 ? "cooling" : "enabled", models }
}

const worse: { readonly [S in KeyStateName]: number } = { enabled: 0, cooling: 1, disabled: 2, off: 3 }

const channelAlone = (channel: Channel, known: ChannelHealth | undefined): KeyStateName => {
  if (!channel.enabled || known?.off.byHand === true) return "off"
  if (known === undefined) return "enabled"
  if (Switch.isOffByEvidence(known.off)) return "disabled"
  return Gate.isWell(known.gate) ? "enabled" : "cooling"
}

/** How a channel does. `wallAhead`: by how much the wall clock is ahead of `now`. */
export const detailOf = (
  health: Health,
  channel: Channel,
  state: ChannelStateName,
  now: number,
  wallAhead: number
): ChannelDetail => {
  const known = health.channels.get(channel.id)
  const alone = channelAlone(channel, known)
  const detailAt = (index: number): KeyDetail => {
    const key = keyOf(known, index, now, wallAhead)
    return { ...key, effective: worse[alone] > worse[key.state] ? alone : key.state }
  }
  const keys = channel.keys.map((_, index) => detailAt(index))
  const rest =
    state === "disabled"
      ? whyOff(health, channel, wallAhead)
      : alone === "cooling"
        ? untilOf(known, now, wallAhead)
        : {}
  return { channel, state, ...rest, keys, ownKey: keys.length === 0 ? detailAt(0) : undefined }
}

const untilOf = (known: ChannelHealth | undefined, now: number, wallAhead: number): Off => ({
  until: Math.max(now, Gate.passage(known?.gate, now).dueAt) + wallAhead
})
