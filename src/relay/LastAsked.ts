/**
 * Who is asked last, as the sinks hear of it: an attempt that is under way when its answer ends is not in the trail yet,
 * and of two side by side the one that was begun last need not be the one that is left.
 */
import type { TrailEntry } from "./Trail.ts"

/** Where an attempt is. */
export type Asked = Pick<TrailEntry, "attempt" | "channel" | "key" | "model">

/** The attempts of one answer, told to it before they are told to the sinks. */
export class LastAsked {
  private readonly underWay: Array<Asked> = []
  private latest: Asked | undefined
  private newest = 0

  /** The one under way, the later of two; when none is, the one that ended last. */
  get last(): Asked | undefined {
    return this.underWay.at(-1) ?? this.latest
  }

  /** The number of the one that was begun last; 0 before the first. */
  get attempts(): number {
    return this.newest
  }

  began(attempt: Asked): void {
    this.newest = attempt.attempt
    this.underWay.push(attempt)
  }

  ended({ attempt }: Pick<Asked, "attempt">): void {
    const at = this.underWay.findIndex((one) => one.attempt === attempt)
    if (at >= 0) this.latest = this.underWay.splice(at, 1)[0]
  }
}
