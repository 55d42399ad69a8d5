/**
 * A channel and its keys, as the page has them. Pure.
 */
import { type Fields, fieldsOf, flagOf, idOf, listOf, momentOf, numberOf, textOf, textsOf } from "../Decode.ts"

/** How a key is: it serves, it rests, it was switched off by evidence, or by somebody. */
export type KeyState = "on" | "cooling" | "disabled" | "by_hand"

/** A model that a key is not asked for now. */
export interface RestingModel {
  readonly model: string
  readonly state: "cooling" | "open"
  readonly until: number | undefined
}

/** Why something is off: a code of an error or a word of the relay's, what was seen, and until when. */
export interface Off {
  readonly reason: string | undefined
  readonly evidence: string | undefined
  readonly until: number | undefined
}

/** One key of a channel. The key itself is in no answer. */
export interface ChannelKey extends Off {
  readonly index: number
  readonly fingerprint: string | undefined
  readonly state: KeyState
  readonly models: ReadonlyArray<RestingModel>
}

/** How a channel is. */
export type ChannelState = "healthy" | "cooling" | "open" | "disabled" | "by_hand"

/** One channel. */
export interface Channel extends Off {
  readonly id: string
  readonly dialect: string | undefined
  /** Without what may be secret of it: credentials, and a query. */
  readonly baseUrl: string | undefined
  /** Whether it is asked at all, as its configuration says. */
  readonly enabled: boolean
  readonly state: ChannelState
  readonly group: string | undefined
  readonly priority: number | undefined
  readonly weight: number | undefined
  readonly models: ReadonlyArray<string>
  readonly keys: ReadonlyArray<ChannelKey>
  /** Who has said it: the file, or an admin, who can change all of it. */
  readonly source: "file" | "admin" | undefined
}

const offOf = (row: Fields): Off => ({
  reason: textOf(row["reason"]),
  evidence: textOf(row["evidence"]),
  until: momentOf(row["until"])
})

const channelKeyOf = (value: unknown, place: number): ChannelKey => {
  const key = fieldsOf(value)
  const state = key["state"]
  return {
    ...offOf(key),
    index: numberOf(key["index"]) ?? place,
    fingerprint: textOf(key["fingerprint"]),
    state: state === "cooling" || state === "disabled" ? state : state === "off" ? "by_hand" : "on",
    models: listOf(key["models"], (item) => {
      const resting = fieldsOf(item)
      return {
        model: idOf(resting["model"]),
        state: resting["state"] === "open" ? "open" : "cooling",
        until: momentOf(resting["until"])
      }
    })
  }
}

const channelStateOf = (channel: Fields): ChannelState => {
  const { enabled, reason, state } = channel
  if (enabled === false || state === "off" || (state === "disabled" && reason === "by_hand")) return "by_hand"
  return state === "cooling" || state === "open" || state === "disabled" ? state : "healthy"
}

/** A row of `GET /admin/channels`. */
export const channelOf = (value: unknown): Channel => {
  const channel = fieldsOf(value)
  return {
    ...offOf(channel),
    id: idOf(channel["id"]),
    dialect: textOf(channel["dialect"]),
    baseUrl: textOf(channel["baseUrl"]),
    enabled: flagOf(channel["enabled"], true),
    state: channelStateOf(channel),
    reason:
      textOf(channel["reason"]) ?? (channel["enabled"] === false ? "enabled: false in its configuration" : undefined),
    group: textOf(channel["group"]),
    priority: numberOf(channel["priority"]),
    weight: numberOf(channel["weight"]),
    models: textsOf(channel["models"]),
    keys: Array.isArray(channel["keys"]) ? channel["keys"].map(channelKeyOf) : [],
    source: channel["source"] === "file" || channel["source"] === "admin" ? channel["source"] : undefined
  }
}
