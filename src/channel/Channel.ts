/**
 * What a channel is to those who ask it: the record itself is declared by its section, and a target is one way to ask.
 */
import type { Redacted } from "effect"
import type { Channel } from "./ChannelSection.ts"

/** What is asked: a channel, one of its keys, and the model's name there. */
export interface Target {
  readonly channel: Channel
  /** The index of the key, or -1 where the channel has none. */
  readonly keyIndex: number
  readonly key: Redacted.Redacted | undefined
  readonly model: string
}

/** A key of a channel as `Tried.keys` names it. */
export const keyId = (channel: string, keyIndex: number): string => `${channel}#${keyIndex}`
