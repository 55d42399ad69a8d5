/**
 * Where sessions are at home: the channel and key that answered one well last, so that what a provider has cached of a
 * conversation is used. It is a preference and nothing more: `Choice` heeds it inside a tier, while that key is well, and
 * no answer waits or fails for it.
 *
 * A bounded map with one owner; `now` is an argument, and nothing has a timer. What is over is seen when it is looked for,
 * and what was used least recently goes when there is no room: a map keeps its order, so both are a few steps.
 */

/** Where a session was answered last. `key` is an index; 0 where the channel has none. */
export interface Home {
  readonly channel: string
  readonly key: number
}

/** How many sessions are known, and for how long one that is not heard of, in milliseconds. */
export interface AffinityOptions {
  readonly ttl: number
  readonly max: number
}

interface Kept extends Home {
  readonly until: number
}

/** The homes of sessions. */
export class Affinity {
  private options: AffinityOptions
  /** Least recently used first. */
  private readonly homes = new Map<string, Kept>()

  constructor(options: AffinityOptions) {
    this.options = options
  }

  get size(): number {
    return this.homes.size
  }

  /** The home of a session; `undefined` where none is known, or not for so long. Looking does not prolong it. */
  find(session: string, now: number): Home | undefined {
    const kept = this.homes.get(session)
    if (kept === undefined) return undefined
    this.homes.delete(session)
    if (kept.until <= now) return undefined
    this.homes.set(session, kept)
    return kept
  }

  /** A session was answered well there: that is its home from now on. */
  keep(session: string, { channel, key }: Home, now: number): void {
    this.homes.delete(session)
    this.homes.set(session, { channel, key, until: now + this.options.ttl })
    this.trim()
  }

  /** Other bounds from now on; what is known keeps the time that it has. */
  configure(options: AffinityOptions): void {
    this.options = options
    this.trim()
  }

  private trim(): void {
    while (this.homes.size > this.options.max) this.homes.delete(this.homes.keys().next().value!)
  }
}
