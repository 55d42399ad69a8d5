/**
 * Who is asked last, as the sinks hear of it: an attempt that is under way when its answer ends is not in the trail yet,
 * and of two side by side the one that was begun last need not be the one that is left.
 */
import type { TrailEntry } from "./Trail.ts"

/** Where an attempt is. */
export type Asked = Pick<TrailEntry, "attempt" | "channel" | "key" | "model">

/** The attempts of one answer that are under way. */
export class LastAsked {
  private underWay: ReadonlyArray<Asked> = []
  private latest: Asked | undefined

  /** The one under way, the later of two; when none is, the one that ended last. */
  get last(): Asked | undefined {
    return this.underWay.at(-1) ?? this.latest
  }

  began(attempt: Asked): void {
    this.underWay = [...this.underWay, attempt]
  }

  ended({ attempt }: Pick<Asked, "attempt">): void {
    this.latest = this.underWay.find((one) => one.attempt === attempt) ?? this.latest
    this.underWay = this.underWay.filter((one) => one.attempt !== attempt)
  }
}
