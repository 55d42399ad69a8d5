/**
 * The trail: the attempts of one request as one value. It feeds the log, the metrics, the headers, the note in the
 * journal, and the bill.
 */
import type { Target } from "../channel/index.ts"
import type { ContinuationMode } from "../dialect/index.ts"
import { type Blame, blameOf, type Code, codeOf, type ResilienceError } from "../errors/index.ts"

/** One attempt, as it ended. */
export interface TrailEntry {
  readonly attempt: number
  readonly channel: string
  /** The index of its key; -1 where the channel has none. */
  readonly key: number
  readonly model: string
  /** How it went on from a partial answer, if it did. */
  readonly mode: ContinuationMode | "restart" | undefined
  /** The upstream's own HTTP status, when it answered. */
  readonly status: number | undefined
  /** Absent: it succeeded. */
  readonly blame: Blame | undefined
  readonly code: Code | undefined
  readonly durationMillis: number
}

/** Records an attempt. */
export const trailEntry = (options: {
  readonly attempt: number
  readonly target: Target
  readonly mode: TrailEntry["mode"]
  readonly status: number | undefined
  readonly error: ResilienceError | undefined
  readonly durationMillis: number
}): TrailEntry => ({
  attempt: options.attempt,
  channel: options.target.channel.id,
  key: options.target.keyIndex,
  model: options.target.model,
  mode: options.mode,
  status: options.status,
  blame: options.error === undefined ? undefined : blameOf(options.error),
  code: options.error === undefined ? undefined : codeOf(options.error),
  durationMillis: options.durationMillis
})

/**
 * The `x-attempts` header: `primary=429,backup=200`; what had no status shows its blame. `open` is the channel whose
 * answer is being shown now.
 */
export const attemptsHeader = (trail: ReadonlyArray<TrailEntry>, open?: string | undefined): string =>
  [
    ...trail.map((entry) => `${entry.channel}=${entry.status ?? entry.blame ?? "ok"}`),
    ...(open === undefined ? [] : [`${open}=200`])
  ].join(",")
