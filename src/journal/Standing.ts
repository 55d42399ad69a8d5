/**
 * How a stream stands at a moment: a pure function of what is stored and of the time. Expiry is decided here on each
 * read; sweeping only gives room back.
 */
import type { StreamRecord } from "./JournalStore.ts"

/**
 * - `live`: this process writes it;
 * - `ended`: its terminal event is committed, and it can be read;
 * - `orphan`: its writer is gone and it has no end;
 * - `expired`: its time to be read is over, and that can still be said of it;
 * - `forgotten`: as if it had never been.
 */
export type Standing = "live" | "ended" | "orphan" | "expired" | "forgotten"

/** What the standing of a stream depends on. All times are epoch milliseconds, all spans milliseconds. */
export interface StandingAt {
  readonly now: number
  /** This process writes the stream. */
  readonly live: boolean
  /** This process's epoch, and when it began. */
  readonly epoch: number
  readonly openedAt: number
  /** For how long a stream can be read after its terminal event. */
  readonly retention: number
  /** For how long after that it is known to have expired. */
  readonly tombstone: number
}

/**
 * When the clock of a stream's retention began, or `undefined` while it stands still: the terminal event, or for a
 * stream that an earlier process left without one, the moment at which this process opened the store. A stream that
 * this process left without an end (its store failed) waits for the next one.
 */
export const retainedSince = (
  record: Pick<StreamRecord, "endedAt" | "epoch">,
  at: Pick<StandingAt, "live" | "epoch" | "openedAt">
): number | undefined => {
  if (at.live) return undefined
  if (record.endedAt !== null) return record.endedAt
  return record.epoch < at.epoch ? at.openedAt : undefined
}

/** How a stream stands. A stream that is exactly as old as its retention can still be read. */
export const standingOf = (record: Pick<StreamRecord, "endedAt" | "epoch">, at: StandingAt): Standing => {
  if (at.live) return "live"
  const since = retainedSince(record, at)
  const age = since === undefined ? 0 : at.now - since
  if (age > at.retention + at.tombstone) return "forgotten"
  if (age > at.retention) return "expired"
  return record.endedAt === null ? "orphan" : "ended"
}
