import { Layer, Redacted } from "effect"
import {
  type BreakerOptions,
  BreakerSection,
  type Channel,
  type ChannelEvent,
  Registry,
  Selection,
  type Tried,
  type Wanted
} from "#src/channel/index"
import { Settings, settingsFile } from "#src/settings/index"

/** A channel with the contract's defaults. */
export const channel = (id: string, options: Partial<Channel> & { readonly keyCount?: number } = {}): Channel => {
  const { keyCount = 1, ...rest } = options
  return {
    id,
    dialect: "openai",
    baseUrl: `https://${id}.test/v1`,
    keys: Array.from({ length: keyCount }, (_, at) => Redacted.make(`${id}-key-${at}`)),
    keyMode: "polling",
    models: ["m"],
    modelMapping: [],
    priority: 0,
    weight: 1,
    group: "default",
    continuation: "auto",
    stream: true,
    onUnsupported: "skip",
    statusMapping: {},
    contextTokens: null,
    params: {},
    headers: {},
    timeouts: {},
    proxy: null,
    tls: {},
    enabled: true,
    disable: true,
    ...rest
  }
}

/** A circuit with round numbers. */
export const breaker: BreakerOptions = {
  window: 30_000,
  minimum: 5,
  failureRate: 0.5,
  open: 10_000,
  cap: 300_000,
  probes: 1
}

export const tried = (
  parts: {
    readonly out?: ReadonlyArray<string>
    readonly failed?: ReadonlyArray<string>
    readonly keys?: ReadonlyArray<string>
  } = {}
): Tried => ({ out: new Set(parts.out), failed: new Set(parts.failed), keys: new Set(parts.keys) })

export const wanted = (options: Partial<Wanted> = {}): Wanted => ({ model: "m", tried: tried(), ...options })

const millis = (value: number): string => `${value} millis`

/** A selection over channels, with the registry and the settings that it stands on. */
export const selectionOver = (
  channels: ReadonlyArray<Channel>,
  tell: (event: ChannelEvent) => void = () => {},
  { cap, open, window, ...rest }: BreakerOptions = breaker
): Layer.Layer<Selection | Registry | Settings> =>
  Selection.layer({ tell }).pipe(
    Layer.provideMerge(Registry.layerOf(channels)),
    Layer.provideMerge(
      Layer.orDie(
        Settings.layer(settingsFile({ sections: [BreakerSection] }), {
          breaker: { ...rest, window: millis(window), open: millis(open), cap: millis(cap) }
        })
      )
    )
  )

/** Calls back with each change of a channel's state, as it is told. */
export const onChange =
  (changed: (id: string, from: string, to: string, blame: string | undefined) => void) =>
  (event: ChannelEvent): void => {
    if (event._tag === "ChannelChanged") changed(event.channel, event.from, event.to, event.blame)
  }
