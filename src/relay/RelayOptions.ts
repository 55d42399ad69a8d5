/**
 * What the relay can be told: the configuration file after it was read and checked. Durations are milliseconds.
 */
import type { FileToken } from "../account/index.ts"
import type { BreakerOptions, Channel, Timeouts } from "../channel/index.ts"

/** The retry rules of the attempt loop. */
export interface RetryOptions {
  readonly times: number
  readonly base: number
  readonly factor: number
  readonly cap: number
  readonly jitter: "none" | "full" | "equal" | "proportional"
  readonly sameChannel: number
  readonly waitUpTo: number
  /** Whether a status may be retried at all, when nothing but the status gave the failure its class. */
  readonly statuses: (status: number) => boolean
  readonly budget: { readonly ratio: number; readonly minPerSecond: number }
}

/** What is done once an answer has been begun. */
export interface RecoveryOptions {
  readonly mode: "continue" | "off"
  readonly maxContinuations: number
  readonly prompt: string | null
}

/** Everything. */
export interface RelayOptions {
  readonly server: {
    readonly host: string
    readonly port: number
    readonly name: string
    readonly origins: ReadonlyArray<string>
    readonly shutdownGrace: number
    /** 0: none. */
    readonly heartbeat: number
    readonly maxBodyBytes: number
    readonly debug: boolean
  }
  readonly chat: { readonly model: string | null; readonly maxMessage: number; readonly timeout: number }
  readonly store: { readonly type: "sqlite"; readonly path: string } | { readonly type: "memory" }
  readonly journal: {
    readonly retention: number
    readonly onDisconnect: "detach" | "cancel"
    readonly detachGrace: number
  }
  readonly timeouts: Timeouts
  readonly retry: RetryOptions
  readonly recovery: RecoveryOptions
  readonly breaker: BreakerOptions
  /** Empty: none, and the relay listens on loopback only. */
  readonly tokens: ReadonlyArray<FileToken>
  readonly channels: ReadonlyArray<Channel>
}
