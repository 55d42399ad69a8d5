/**
 * What happens to channels, as it is told: declared here, beside what tells it.
 */
import type { Blame } from "../errors/index.ts"
import type { Fact } from "./Fact.ts"

/** How a channel does. `disabled`: it is switched off, or all of its keys are. */
export type ChannelStateName = "enabled" | "cooling" | "open" | "disabled"

/** What happens to channels. */
export type ChannelEvent =
  /** A channel is served from now on. */
  | { readonly _tag: "ChannelAdded"; readonly channel: string }
  /** It is picked no more. Answers that it was given for go on. */
  | { readonly _tag: "ChannelRemoved"; readonly channel: string }
  /** Its state has changed. `blame` is of the failure that did it; absent when it recovered, or somebody switched it. */
  | {
      readonly _tag: "ChannelChanged"
      readonly channel: string
      readonly from: ChannelStateName
      readonly to: ChannelStateName
      readonly blame: Blame | undefined
    }
  /** An attempt brought a fact that other relays, and this one after a restart, may want to know. */
  | { readonly _tag: "FactFound"; readonly fact: Fact }
