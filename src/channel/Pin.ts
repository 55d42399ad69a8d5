/**
 * A pin: a request that goes to one channel, or to one key of it, and nowhere else. Who looks for what is wrong with a
 * channel asks it, and not whoever answers.
 */

/** The header that says it: `<channel>`, or `<channel>:<key>`. */
export const pinHeader = "x-channel"

/** Where a request goes. `key` is an index; `undefined`: any of the channel's. */
export interface Pin {
  readonly channel: string
  readonly key: number | undefined
}

const grammar = /^([a-z0-9-]{1,64})(?::(0|[1-9][0-9]{0,5}))?$/

/** Reads a pin; `undefined` where none can be meant. */
export const parsePin = (text: string): Pin | undefined => {
  const [, channel, key] = grammar.exec(text.trim()) ?? []
  return channel === undefined ? undefined : { channel, key: key === undefined ? undefined : Number(key) }
}

/** Whether a key is one of those that a pin names. */
export const isPinned = (pin: Pin, channel: string, key: number): boolean =>
  pin.channel === channel && (pin.key === undefined || pin.key === key)
