/**
 * Calls that have said all of their answer: each may end by itself for a while, so that its socket can be kept, and is
 * closed then. One list and one timer sweep them: a timer for each would keep what a call knows of for as long as it runs.
 */
import type { UpstreamCall } from "../channel/index.ts"

/** How long a call may take to end by itself, in milliseconds. */
const endingGrace = 1000

/** How much longer at most, so that many are swept together. */
const sweepMillis = 200

/** A call that may end by itself. */
export class Lingering {
  readonly until: number
  private call: UpstreamCall | undefined

  constructor(call: UpstreamCall, until: number) {
    this.call = call
    this.until = until
  }

  /** It has ended. */
  over(): void {
    this.call = undefined
  }

  /** Its time is over. */
  close(): void {
    this.call?.abort()
    this.call = undefined
  }
}

/** All of them. */
export class LingeringCalls {
  /** The oldest first. */
  private calls: Array<Lingering> = []
  private timer: ReturnType<typeof setTimeout> | undefined

  /** Closes a call in a while, unless it has ended by then. */
  add(call: UpstreamCall): Lingering {
    const lingering = new Lingering(call, performance.now() + endingGrace)
    this.calls.push(lingering)
    this.timer ??= setTimeout(this.sweep, endingGrace).unref()
    return lingering
  }

  private readonly sweep = (): void => {
    const now = performance.now()
    const later = this.calls.findIndex(({ until }) => until > now)
    for (const lingering of this.calls.splice(0, later < 0 ? this.calls.length : later)) lingering.close()
    const [first] = this.calls
    this.timer =
      first === undefined ? undefined : setTimeout(this.sweep, Math.max(first.until - now, sweepMillis)).unref()
  }
}
