/**
 * Calls that have said all of their answer: each may end by itself for a while, so that its socket can be kept, and is
 * closed then. Two lists and one timer sweep them: a timer for each would keep what a call knows of for as long as it runs.
 */
import type { UpstreamCall } from "../channel/index.ts"

/** How long a call may take to end by itself, in milliseconds: so long at least, and twice that at most. */
const endingGrace = 1000

/** A call that may end by itself. */
export class Lingering {
  private call: UpstreamCall | undefined

  constructor(call: UpstreamCall) {
    this.call = call
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
  private recent: Array<Lingering> = []
  private earlier: ReadonlyArray<Lingering> = []
  private timer: ReturnType<typeof setTimeout> | undefined

  /** Closes a call in a while, unless it has ended by then. */
  add(call: UpstreamCall): Lingering {
    const lingering = new Lingering(call)
    this.recent.push(lingering)
    this.timer ??= setTimeout(this.sweep, endingGrace).unref()
    return lingering
  }

  private readonly sweep = (): void => {
    for (const lingering of this.earlier) lingering.close()
    this.earlier = this.recent
    this.recent = []
    this.timer = this.earlier.length > 0 ? setTimeout(this.sweep, endingGrace).unref() : undefined
  }
}
