/**
 * A channel: one upstream with its keys, models and rank. Channels are plain records; which one serves a request is
 * decided by `Selection`.
 */
import type { Redacted } from "effect"
import type { Continuation, UpstreamDialectName } from "../dialect/index.ts"

/** The four clocks of an attempt and its request, in milliseconds. */
export interface Timeouts {
  readonly headers: number
  readonly firstContent: number
  readonly idle: number
  readonly total: number
}

/** One upstream. */
export interface Channel {
  readonly id: string
  readonly dialect: UpstreamDialectName
  /** Without a slash at its end. */
  readonly baseUrl: string
  /** Empty: no authorization is sent. */
  readonly keys: ReadonlyArray<Redacted.Redacted>
  readonly keyMode: "polling" | "random"
  /** Patterns of the name asked for; `*` is any run of characters. */
  readonly models: ReadonlyArray<string>
  /** Pattern to the name asked of the upstream; the first match wins, once. */
  readonly modelMapping: ReadonlyArray<readonly [pattern: string, model: string]>
  readonly priority: number
  readonly weight: number
  readonly group: string
  readonly continuation: Continuation
  readonly stream: boolean
  readonly statusMapping: { readonly [status: number]: number }
  readonly params: { readonly [field: string]: unknown }
  readonly headers: { readonly [name: string]: string }
  /** Over the general ones. */
  readonly timeouts: Partial<Timeouts>
}

/** What is asked: a channel, one of its keys, and the model's name there. */
export interface Target {
  readonly channel: Channel
  /** The index of the key, or -1 where the channel has none. */
  readonly keyIndex: number
  readonly key: Redacted.Redacted | undefined
  readonly model: string
}

/** The circuit of one key and model. */
export interface BreakerOptions {
  readonly window: number
  readonly minimum: number
  readonly failureRate: number
  readonly open: number
  readonly cap: number
  readonly probes: number
}
