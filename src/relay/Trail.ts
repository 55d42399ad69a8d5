/**
 * The trail: the attempts of one request as one value. It feeds the log, the metrics, the headers, the note in the
 * journal, and the bill.
 */
import type { Target } from "../channel/index.ts"
import type { ContinuationMode } from "../dialect/index.ts"
import { type Blame, blameOf, type Code, codeOf, fewNames, type ResilienceError } from "../errors/index.ts"

/** One attempt, as it ended; or a channel that was passed over because it has no words for the request. */
export interface TrailEntry {
  /** From 1; 0 for a channel that was not asked. */
  readonly attempt: number
  readonly channel: string
  /** The index of its key; -1 where the channel has none. */
  readonly key: number
  readonly model: string
  /** How it went on from a partial answer, if it did. */
  readonly mode: ContinuationMode | "restart" | undefined
  /** The upstream's own HTTP status, when it answered. */
  readonly status: number | undefined
  /** The upstream's own id of the request, where it gave one: what its support asks for. */
  readonly upstreamRequestId?: string | undefined
  /** Absent: it succeeded. */
  readonly blame: Blame | undefined
  readonly code: Code | undefined
  readonly durationMillis: number
  /** The client's fields that were left out; of a channel that was not asked, those that it has no words for. */
  readonly fields?: ReadonlyArray<string> | undefined
}

/** Records an attempt. */
export const trailEntry = (options: {
  readonly attempt: number
  readonly target: Target
  readonly mode: TrailEntry["mode"]
  readonly status: number | undefined
  readonly upstreamRequestId?: string | undefined
  readonly error: ResilienceError | undefined
  readonly durationMillis: number
  readonly dropped: ReadonlyArray<string>
}): TrailEntry => ({
  attempt: options.attempt,
  channel: options.target.channel.id,
  key: options.target.keyIndex,
  model: options.target.model,
  mode: options.mode,
  status: options.status,
  blame: options.error === undefined ? undefined : blameOf(options.error),
  code: options.error === undefined ? undefined : codeOf(options.error),
  durationMillis: options.durationMillis,
  ...(options.upstreamRequestId === undefined ? {} : { upstreamRequestId: options.upstreamRequestId }),
  ...(options.dropped.length === 0 ? {} : { fields: options.dropped })
})

/** Records that a channel was not asked. */
export const passedOver = ({ channel, keyIndex, model }: Target, fields: ReadonlyArray<string>): TrailEntry => ({
  attempt: 0,
  channel: channel.id,
  key: keyIndex,
  model,
  mode: undefined,
  status: undefined,
  blame: "caller",
  code: "convert_request_failed",
  durationMillis: 0,
  fields: fewNames(fields)
})

/** Records an attempt whose process died with it. `error` is told of it, and lays it to nobody else. */
export const lostEntry = (
  { attempt, channel, key, mode, model }: Pick<TrailEntry, "attempt" | "channel" | "key" | "model" | "mode">,
  error: ResilienceError,
  durationMillis: number
): TrailEntry => ({
  attempt,
  channel,
  key,
  model,
  mode,
  status: undefined,
  blame: blameOf(error),
  code: codeOf(error),
  durationMillis
})

/** What a head says of an attempt. */
export type AttemptShown = Pick<TrailEntry, "attempt" | "channel"> & {
  readonly status?: TrailEntry["status"]
  readonly blame?: TrailEntry["blame"]
}

const wasAsked = ({ attempt }: Pick<TrailEntry, "attempt">): boolean => attempt > 0

/**
 * How often the request moved from one channel to another. An attempt that ended before an earlier one did was beside it:
 * nothing had moved to it.
 */
export const failoversOf = (trail: ReadonlyArray<TrailEntry>): number => {
  const asked = trail.filter(
    (entry, at) => wasAsked(entry) && !trail.slice(at).some((later) => wasAsked(later) && later.attempt < entry.attempt)
  )
  return asked.filter(({ channel }, at) => at > 0 && asked[at - 1]!.channel !== channel).length
}

/** The attempt that an answer ended well with. */
export const endedBy = (trail: ReadonlyArray<TrailEntry>): TrailEntry | undefined =>
  trail.findLast((entry) => wasAsked(entry) && entry.blame === undefined)

/**
 * The `x-attempts` header: `primary=429,backup=200`; what had no status shows its blame, and what was not asked is
 * not there. `open` is the attempt whose answer is being shown now.
 */
export const attemptsHeader = (
  trail: ReadonlyArray<AttemptShown>,
  open?: Pick<TrailEntry, "channel"> | undefined
): string =>
  [
    ...trail.filter(wasAsked).map((entry) => `${entry.channel}=${entry.status ?? entry.blame ?? "ok"}`),
    ...(open === undefined ? [] : [`${open.channel}=200`])
  ].join(",")
