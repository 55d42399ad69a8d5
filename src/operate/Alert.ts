/**
 * An alert, as a webhook gets it. Pure.
 */
import type { AlertEvent } from "./AlertsSection.ts"

/** What has happened. What is absent has nothing to do with it. */
export interface Happening {
  readonly event: AlertEvent
  readonly channel?: string | undefined
  /** The key's index. */
  readonly key?: number | undefined
  readonly model?: string | undefined
  /** The name of a token. */
  readonly token?: string | undefined
  /** Why: one of our codes, `by_hand`, `no_key_left`, or a sentence. */
  readonly reason?: string | undefined
  /** What was seen: `status 401 (2)`. */
  readonly evidence?: string | undefined
  /** Epoch milliseconds. */
  readonly until?: number | undefined
}

/** One that waits to be told, or was. */
export interface Alert {
  /** The same in each try: who gets one twice knows it by that. */
  readonly id: string
  /** When it happened, epoch milliseconds. */
  readonly at: number
  /** What is posted, byte for byte: what is signed is what is sent. */
  readonly body: string
}

/** The body of an alert: `{ id, event, at, relay, channel?, key?, model?, token?, reason?, evidence?, until? }`. */
export const bodyOf = (
  id: string,
  at: number,
  relay: string,
  { event, until, ...more }: Happening,
  mask: (text: string) => string
): string =>
  JSON.stringify(
    {
      id,
      event,
      at: new Date(at).toISOString(),
      relay,
      ...more,
      until: until === undefined ? undefined : new Date(until).toISOString()
    },
    (_, value: unknown) => (typeof value === "string" ? mask(value) : value)
  )
