/**
 * Which of several targets is asked. Pure: how each of them stands is known, and chance is an argument.
 */
import type { Home } from "./Affinity.ts"
import type { Channel } from "./ChannelSection.ts"
import type { Fitness } from "./Health.ts"

/** A key of a channel that names the model. */
export interface Option {
  readonly channel: Channel
  readonly model: string
  /** The key's index; 0 where the channel has none. */
  readonly key: number
  readonly fitness: Fitness
  /** The request may not have it: its channel is out. */
  readonly out: boolean
  /** The request has failed on the channel. */
  readonly failed: boolean
  /** The request has failed with the key. */
  readonly tried: boolean
}

/** What chance and the last pick say. */
export interface Draw {
  /** From 0 up to 1. */
  readonly next: () => number
  /** Where a channel's turn is. */
  readonly turn: (channel: string) => number
}

/**
 * The option to ask, or `undefined` when none is usable: round by round (what this request has not failed on, then its
 * untried keys, then the rest), the highest tier, by weight, then a key. `prefer` is taken before chance is asked, where it
 * is of that tier and the request has not failed on it.
 */
export const usableOption = (options: ReadonlyArray<Option>, draw: Draw, prefer?: Home): Option | undefined => {
  const usable = options.filter(({ out, fitness }) => !out && fitness.is === "usable")
  // HOT: of most models there is one, whatever round it is of.
  if (usable.length === 1) return usable[0]
  for (const round of rounds) {
    const left = usable.filter(round)
    if (left.length === 0) continue
    const tier = highestTier(left)
    const home = prefer === undefined ? undefined : left.find((option) => isHome(option, prefer))
    if (home !== undefined && !home.failed && tier.includes(home.channel)) return home
    return keyOf(left, weighted(tier, draw), draw)
  }
  return undefined
}

const isHome = ({ channel, key }: Option, prefer: Home): boolean => channel.id === prefer.channel && key === prefer.key

/** For who insists on these: where none is usable they are all, whatever rests. What is switched off by hand is not among them. */
export const insisted = (options: ReadonlyArray<Option>): ReadonlyArray<Option> =>
  options.some(({ fitness, out }) => !out && fitness.is === "usable")
    ? options
    : options.map((option) => ({ ...option, fitness: { ...option.fitness, is: "usable" } }))

const rounds: ReadonlyArray<(option: Option) => boolean> = [
  ({ failed }) => !failed,
  ({ failed, tried }) => failed && !tried,
  ({ failed, tried }) => failed && tried
]

const highestTier = (options: ReadonlyArray<Option>): ReadonlyArray<Channel> => {
  const highest = Math.max(...options.map(({ channel }) => channel.priority))
  return [...new Set(options.filter(({ channel }) => channel.priority === highest).map(({ channel }) => channel))]
}

const weighted = (channels: ReadonlyArray<Channel>, draw: Draw): Channel => {
  if (channels.length === 1) return channels[0]!
  const sum = channels.reduce((total, { weight }) => total + weight, 0)
  let left = draw.next() * (sum > 0 ? sum : channels.length)
  for (const channel of channels) {
    left -= sum > 0 ? channel.weight : 1
    if (left < 0) return channel
  }
  // Rounding may leave a crumb; it belongs to the last channel that has a weight.
  return channels.findLast(({ weight }) => sum === 0 || weight > 0)!
}

const keyOf = (options: ReadonlyArray<Option>, channel: Channel, draw: Draw): Option => {
  const all = options.filter((option) => option.channel === channel)
  const untried = all.filter(({ tried }) => !tried)
  const keys = untried.length > 0 ? untried : all
  if (keys.length === 1) return keys[0]!
  if (channel.keyMode === "random") return keys[Math.min(Math.floor(draw.next() * keys.length), keys.length - 1)]!
  const turn = draw.turn(channel.id)
  return keys.find(({ key }) => key >= turn) ?? keys[0]!
}

/** Whether nothing that serves the model is usable, by whatever request, and none of it is being probed. */
export const inDistress = (options: ReadonlyArray<Option>): boolean =>
  options.every(({ fitness }) => fitness.is === "resting" || fitness.is === "guessed")

/**
 * In distress: a key of the channel that is due first, by the request that may be sent there. Nobody else's turn comes
 * before: requests that each tried all that rests would lengthen every rest. To a channel that the request failed on, or
 * that it insists on (`again`), it is sent only where that rests for a mere guess; a key that it has not tried comes
 * before one that it has.
 */
export const firstDue = (options: ReadonlyArray<Option>, again: boolean): Option | undefined => {
  let due: Option | undefined
  for (const option of options) if (due === undefined || option.fitness.dueAt < due.fitness.dueAt) due = option
  let first: Option | undefined
  for (const option of options) {
    if (option.channel !== due?.channel) continue
    if (option.out || ((again || option.failed) && option.fitness.is !== "guessed")) continue
    if (first === undefined || isSooner(option, first)) first = option
  }
  return first
}

const isSooner = (one: Option, other: Option): boolean =>
  one.tried === other.tried ? one.fitness.dueAt < other.fitness.dueAt : other.tried

/**
 * When the first option may be asked that the request may have, `Infinity` for never. What a probe is
 * on its way to may be asked as soon as that has come back, which may be now: `probes` says whether to reckon with it.
 */
export const firstDueAt = (options: ReadonlyArray<Option>, now: number, probes: boolean): number => {
  let first = Number.POSITIVE_INFINITY
  for (const { fitness, out } of options) {
    if (out) continue
    const at = fitness.is === "usable" || (probes && fitness.is === "probing") ? now : fitness.dueAt
    if (at < first) first = at
  }
  return first
}

/** Whether the request could have one of them now. */
export const isAnyUsable = (options: ReadonlyArray<Option>): boolean =>
  options.some(({ fitness, out }) => !out && fitness.is === "usable")

/** The channels that could be asked now, and that the request has not failed on. */
export const freshOf = (options: ReadonlyArray<Option>): ReadonlySet<string> =>
  new Set(
    options
      .filter(({ failed, fitness, out }) => !out && !failed && fitness.is === "usable")
      .map(({ channel }) => channel.id)
  )

/** How long until the first option that rests may be asked, in milliseconds; `undefined` when none rests. */
export const leastWait = (options: ReadonlyArray<Option>, now: number): number | undefined => {
  const waits = options.filter(({ fitness }) => fitness.is !== "usable").map(({ fitness }) => fitness.dueAt - now)
  return waits.length === 0 ? undefined : Math.max(0, Math.min(...waits))
}
