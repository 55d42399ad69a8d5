/**
 * The writer's side of a stream: what a new one is, and the right to write it.
 */
import type { Effect } from "effect"
import type { LeaseLost, QueryDataError, UpdateDataError } from "../errors/index.ts"

/** What ends a writer or a reader from below: the store failed, or another process owns it. */
export type JournalFault = UpdateDataError | QueryDataError | LeaseLost

/** What a new stream is. */
export interface NewStream {
  readonly dialect: string
  /** The name of the token that it belongs to, or `""`. */
  readonly owner: string
  readonly request: string
  readonly note: string
}

/**
 * The right to write one stream, and the only way to do it. Everything here is synchronous: what is appended is
 * committed with all that other streams append in the same turn, and shown after that.
 */
export interface Lease {
  readonly id: string
  /** The seq that the next frame gets. A frame is encoded with it, once. */
  readonly nextSeq: () => number
  /** Appends one encoded frame. Ignored after `end` and after a fault. */
  readonly append: (frame: string) => void
  /** Replaces the stream's note with the next commit. Ignored after `end` and after a fault. */
  readonly note: (note: string) => void
  /** The last frame that was appended is the terminal one. */
  readonly end: () => void
  /** Succeeds when all that was appended so far is committed. */
  readonly committed: Effect.Effect<void, JournalFault>
  /** How many readers follow now. */
  readonly readers: () => number
  /** Called when the number of readers becomes zero, and when a first one comes. One listener. */
  readonly onReaders: (listener: (readers: number) => void) => void
  /** Called once when the stream can no longer be written: at once, if that has happened already. One listener. */
  readonly onFault: (listener: (fault: JournalFault) => void) => void
}
