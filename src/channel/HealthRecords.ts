/**
 * The records of health: what is remembered of each channel, key and model, and what becomes of it when the configuration
 * changes. What they mean for who is asked is in `Health.ts`.
 */
import { BreakerState } from "../policy/index.ts"
import type { BreakerOptions } from "./BreakerSection.ts"
import type * as Gate from "./Gate.ts"
import * as Pause from "./Pause.ts"
import * as Switch from "./Switch.ts"

/** A key for a model on a channel. `key` is an index; a channel without keys has the one index 0. */
export interface Spot {
  readonly channel: string
  readonly key: number
  readonly model: string
}

/** A key for a model. */
export interface SpotHealth {
  gate: Gate.Gate | undefined
  pause: Pause.Pause
}

/** A key for all models. */
export interface KeyHealth extends SpotHealth {
  readonly off: Switch.Switch
}

/** A model on a channel, and each of its keys for it. */
export interface ModelHealth {
  gate: Gate.Gate | undefined
  keys: Array<SpotHealth | undefined>
}

/** A channel. */
export interface ChannelHealth {
  gate: Gate.Gate | undefined
  readonly off: Switch.Switch
  keys: Array<KeyHealth | undefined>
  /** Least recently asked first. */
  readonly models: Map<string, ModelHealth>
  /** The last of them, if there is one. */
  newest: ModelHealth | undefined
}

/** The health of all channels. Mutable: one owner keeps it, and changes it only through this module. */
export interface Health {
  options: BreakerOptions
  circuit: BreakerState.Settings
  readonly trial: BreakerState.Settings
  /** How evidence switches off and on. */
  switching: Switch.SwitchRules
  /** How much longer than it is off requests leave a channel to a prober, in milliseconds. */
  leftToProber: (channel: string) => number
  readonly channels: Map<string, ChannelHealth>
}

/** The first rest that ends with a trial, and the longest, in milliseconds. */
export const trialRest = { first: 30_000, longest: 600_000 }

/** Names come from clients: of each channel so many models are remembered, those that were asked last. */
export const modelsRemembered = 1_000

/** What of a longer name is told apart. */
const nameLength = 256

/** The contract's. */
const switchingByDefault: Switch.SwitchRules = { after: 2, within: 600_000, trial: 300_000, trialCap: 3_600_000 }

/** Health without any history. Throws `InvalidPolicyOption` for options that make no sense. */
export const make = (options: BreakerOptions, switching = switchingByDefault): Health => ({
  options,
  switching,
  leftToProber: () => 0,
  circuit: circuitOf(options),
  trial: withoutRounds(
    BreakerState.settings(
      {
        openMillis: BreakerState.growing({ initialMillis: trialRest.first, factor: 2 }),
        maxOpenMillis: trialRest.longest,
        window: { _tag: "Consecutive", failures: 1 }
      },
      "Selection.layer"
    )
  ),
  channels: new Map()
})

const circuitOf = (options: BreakerOptions): BreakerState.Settings =>
  withoutRounds(
    BreakerState.settings(
      {
        openMillis: BreakerState.growing({ initialMillis: options.open, factor: 2 }),
        maxOpenMillis: options.cap,
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
  )

// A gate's loans take the place of the breaker's rounds of probes.
const withoutRounds = (settings: BreakerState.Settings): BreakerState.Settings => ({
  ...settings,
  probeMillis: Number.MAX_VALUE
})

/**
 * A channel was changed. `keys` says for each of its keys which one it was before, if it was one. `place`: whether it is
 * asked as before · in another way, so that what it refused as a whole says nothing now · somewhere else, so that nothing
 * does. Who switched something off is remembered all the same.
 */
export const change = (
  health: Health,
  id: string,
  keys: ReadonlyArray<number | undefined>,
  place: "same" | "asked otherwise" | "elsewhere"
): void => {
  const channel = health.channels.get(id)
  if (channel === undefined) return
  const kept = <K>(before: ReadonlyArray<K | undefined>): Array<K | undefined> =>
    keys.map((at) => (at === undefined ? undefined : before[at]))
  channel.keys = kept(channel.keys)
  if (place === "elsewhere") {
    channel.keys = channel.keys.map((key) => key && { gate: undefined, pause: Pause.none, off: key.off })
    channel.models.clear()
    channel.newest = undefined
  } else for (const model of channel.models.values()) model.keys = kept(model.keys)
  if (place === "same") return
  channel.gate = undefined
  for (const model of channel.models.values()) model.gate = undefined
}

/** A channel was removed: it is forgotten. What is under way ends without a trace. */
export const remove = (health: Health, id: string): void => void health.channels.delete(id)

/** How evidence switches was changed: what is off stays so until the time that it was told. */
export const configureSwitching = (health: Health, switching: Switch.SwitchRules): void => {
  health.switching = switching
}

/** The options were changed: circuits begin anew; hints and trials stay. Throws `InvalidPolicyOption` as `make` does. */
export const configure = (health: Health, options: BreakerOptions): void => {
  health.circuit = circuitOf(options)
  health.options = options
  for (const { models } of health.channels.values()) {
    for (const { keys } of models.values()) for (const key of keys) if (key !== undefined) key.gate = undefined
  }
}

/** A model's name as it is remembered. A copy: a slice would keep the whole of a client's long string alive. */
export const named = (model: string): string =>
  model.length > nameLength ? Array.from(model.slice(0, nameLength)).join("") : model

/** The record of a channel, which begins with its first question. */
export const channelOf = (health: Health, id: string): ChannelHealth => {
  let found = health.channels.get(id)
  if (found === undefined) {
    found = { gate: undefined, off: Switch.make(), keys: [], models: new Map(), newest: undefined }
    health.channels.set(id, found)
  }
  return found
}

/** The record of a key of a channel. */
export const keyOf = (channel: ChannelHealth, at: number): KeyHealth =>
  (channel.keys[at] ??= { gate: undefined, pause: Pause.none, off: Switch.make() })
