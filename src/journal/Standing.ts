/**
 * How a stream stands at a moment: a pure function of what is stored and of the time. Expiry is decided here on each
 * read; sweeping only gives room back.
 */
import type { StreamRecord } from "./JournalStore.ts"

/**
 * - `live`: this process writes it;
 * - `elsewhere`: another process writes it;
 * - `ended`: its terminal event is committed, and it can be read;
 * - `orphan`: its writer is gone and it has no end;
 * - `expired`: its time to be read is over, and that can still be said of it;
 * - `forgotten`: as if it had never been.
 */
export type Standing = "live" | "elsewhere" | "ended" | "orphan" | "expired" | "forgotten"

/** What the standing of a stream depends on. All times are epoch milliseconds, all spans milliseconds. */
export interface StandingAt {
  readonly now: number
  /** This process writes the stream. */
  readonly live: boolean
  /** For how long a stream can be read after its terminal event. */
  readonly retention: number
  /** For how long after that it is known to have expired. */
  readonly tombstone: number
}

type Facts = Pick<StreamRecord, "endedAt" | "forgotten" | "writer" | "goneSince">

/**
 * When the clock of a stream's retention began, or `undefined` while it stands still: with the terminal event, or for a
 * stream that was left without one when its writer was gone.
 */
export const retainedSince = (record: Facts): number | undefined => {
  if (record.endedAt !== null) return record.endedAt
  return record.writer === "gone" && record.goneSince !== null ? record.goneSince : undefined
}

/** How a stream stands. A stream that is exactly as old as its retention can still be read. */
export const standingOf = (record: Facts, at: StandingAt): Standing => {
  if (at.live) return "live"
  const since = retainedSince(record)
  const age = since === undefined ? 0 : at.now - since
  if (age > at.retention + at.tombstone) return "forgotten"
  // What was forgotten does not come back when the clock goes back.
  if (age > at.retention || record.forgotten) return "expired"
  if (record.endedAt !== null) return "ended"
  return record.writer === "another" ? "elsewhere" : "orphan"
}
