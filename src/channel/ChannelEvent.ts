/**
 * What happens to channels, as it is told: declared here, beside what tells it.
 */
import type { Blame, Code } from "../errors/index.ts"
import type { Fact } from "./Fact.ts"

/** How a channel does. `disabled`: it is switched off, or all of its keys are. */
export type ChannelStateName = "enabled" | "cooling" | "open" | "disabled"

/** Why a key or a channel is switched off: our code of the failure, a person, or that all keys of the channel are. */
export type DisabledReason = Code | "by_hand" | "no_key_left"

/** What happens to channels. */
export type ChannelEvent =
  /** A channel is served from now on. */
  | { readonly _tag: "ChannelAdded"; readonly channel: string }
  /** It is picked no more. Answers that it was given for go on. */
  | { readonly _tag: "ChannelRemoved"; readonly channel: string }
  /**
   * Its state has changed. `blame` is of the failure that did it; absent when it recovered, or somebody switched it. Of one
   * that is `disabled`: `reason` is our code of the failure, `by_hand`, or `no_key_left`; `evidence` what was seen, and
   * `until` when its trial is due (epoch milliseconds; absent by hand). `elsewhere`: another relay has done it, and has told.
   */
  | {
      readonly _tag: "ChannelChanged"
      readonly channel: string
      readonly from: ChannelStateName
      readonly to: ChannelStateName
      readonly blame: Blame | undefined
      readonly reason?: DisabledReason | undefined
      readonly evidence?: string | undefined
      readonly until?: number | undefined
      readonly elsewhere?: boolean | undefined
    }
  /** The circuit of a key for a model has opened, or has closed again. `key` is an index; `model` its name there. */
  | {
      readonly _tag: "CircuitChanged"
      readonly channel: string
      readonly key: number
      readonly model: string
      readonly to: "open" | "closed"
    }
  /** An attempt brought a fact that other relays, and this one after a restart, may want to know. */
  | { readonly _tag: "FactFound"; readonly fact: Fact }
