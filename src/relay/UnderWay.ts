/**
 * An attempt under way, as all who have to do with it know it.
 */
import type { Target } from "../channel/index.ts"
import type { ResilienceError } from "../errors/index.ts"
import type { ClockState } from "../stream/index.ts"
import type { Checkpoint } from "./Checkpoint.ts"
import type { Machine } from "./Machine.ts"
import type { TrailEntry } from "./Trail.ts"

/** An attempt under way. */
export interface UnderWay {
  readonly target: Target
  readonly number: number
  readonly mode: TrailEntry["mode"]
  readonly startedAt: number
  /** A stream is asked for. Until it is open, as its channel says. */
  streams: boolean
  /** What its upstream says goes here. */
  readonly machine: Machine
  /** Its clocks, once it is under way: they stand still while nobody looks at what it has sent. */
  clocks: ClockState | undefined
  /** What its target has no words for and was not told. */
  dropped: ReadonlyArray<string>
  /** The body that was sent. */
  sent: string
  /** What was left out of it because its target does not take it. */
  without: ReadonlySet<string>
  /** Why it was given up, for a reason that is not its own. */
  closedBy: ResilienceError | undefined
  /** From where on its upstream can go on, as far as that is known. */
  checkpoint: Checkpoint | undefined
  /** Told when too much waits to be written, and when there is room again. */
  onPressure: ((full: boolean) => void) | undefined
}
