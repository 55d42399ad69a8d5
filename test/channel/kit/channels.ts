import { Redacted } from "effect"
import type { BreakerOptions, Channel, Tried, Wanted } from "#src/channel/index"

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
    statusMapping: {},
    params: {},
    headers: {},
    timeouts: {},
    ...rest
  }
}

/** The contract's defaults. */
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
