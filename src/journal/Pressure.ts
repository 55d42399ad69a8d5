/**
 * How much waits to be committed, and who is asked to pause for it. A store that is slow, or tries again, must not make
 * the process pile up what upstreams go on sending.
 *
 * Counted are characters of frames: about bytes, and what they cost in memory.
 */
import type { Hub } from "./Hub.ts"

/** Above the first a stream's writer is asked to pause, above the second all are; below half of it they go on. */
export const pressureLimits = { stream: 1024 * 1024, all: 64 * 1024 * 1024 }

/** The count of one journal. */
export class Pressure {
  private total = 0
  private full = false
  private readonly hubs: () => Iterable<Hub>

  /** `hubs` gives all that have a writer: it is asked only when all are to be told. */
  constructor(hubs: () => Iterable<Hub>) {
    this.hubs = hubs
  }

  /** So many characters more wait. */
  add(hub: Hub, size: number): void {
    hub.waiting += size
    this.total += size
    if (!hub.full && hub.waiting > pressureLimits.stream) {
      hub.full = true
      this.tell(hub)
    }
    if (!this.full && this.total > pressureLimits.all) {
      this.full = true
      for (const hub of Array.from(this.hubs())) this.tell(hub)
    }
  }

  /** So many characters wait no longer: they are committed, or given up. */
  take(hub: Hub, size: number): void {
    hub.waiting -= size
    this.total -= size
    if (hub.full && hub.waiting < pressureLimits.stream / 2) {
      hub.full = false
      this.tell(hub)
    }
    if (this.full && this.total < pressureLimits.all / 2) {
      this.full = false
      for (const hub of Array.from(this.hubs())) this.tell(hub)
    }
  }

  /** Tells the writer of a stream how it is; it knows what it was told before. */
  tell(hub: Hub): void {
    hub.writer?.pressed(this.full || hub.full)
  }
}
