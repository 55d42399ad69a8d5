/**
 * The writer's side of a stream: what a new one is, and the right to write it.
 */
import type { Effect } from "effect"
import type { LeaseLost, QueryDataError, UpdateDataError } from "../errors/index.ts"
import type { StreamId } from "./Cursor.ts"
import type { Printable } from "./LateText.ts"

/** What ends a writer or a reader from below: the store failed, or another process writes the stream. */
export type JournalFault = UpdateDataError | QueryDataError | LeaseLost

/** What a new stream is. */
export interface NewStream {
  /** Default: a new one. */
  readonly id?: StreamId | undefined
  readonly dialect: string
  /** The name of the token that it belongs to, or `""`. */
  readonly owner: string
  /** What another process needs to go on with it, or what gives it, when it is stored. It is deleted with the terminal event. */
  readonly request: string | (() => string)
  /** Or what gives it: that is asked once, and not at all where a later note is committed with the stream's beginning. */
  readonly note: Printable | (() => Printable)
}

/** A key of a stream's owner, for which one stream is begun. Both are stored as they are given. */
export interface StreamKey {
  readonly key: string
  /** A digest of all that must be the same where the key is. */
  readonly bodyHash: string
  /** Begins nothing: says only what has the key. */
  readonly onlyFinds?: boolean | undefined
}

/** A new stream that is begun once for a key of its owner. */
export interface KeyedStream extends NewStream, StreamKey {}

/** How a stream ends. */
export interface LeaseEnd {
  /** What is told to those who keep books (`Journal.outcomes`), in their own words. */
  readonly outcome: Printable
  /** Whether the stream's key, if it has one, may be used anew at once. */
  readonly freesKey: boolean
  /** Called once when the end is committed, before readers are given it; after a fault never. */
  readonly onCommitted?: (() => void) | undefined
}

/**
 * The right to write one stream, and the only way to do it. What is written here is synchronous: it is committed with
 * all that other streams write in the same turn, and shown after that.
 */
export interface Lease {
  readonly id: StreamId
  /** The seq that the next frame gets. A frame is encoded with it, once. */
  readonly nextSeq: () => number
  /** Appends one encoded frame. Ignored after `end` and after a fault. */
  readonly append: (frame: string) => void
  /**
   * Replaces the stream's note with the next commit, which asks for the text: of several in a turn only the last is
   * written. It must not throw. Ignored after `end` and after a fault.
   */
  readonly note: (note: () => Printable) => void
  /** The last frame that was appended is the terminal one. Ignored after a fault, and when called again. */
  readonly end: (end: LeaseEnd) => void
  /**
   * Gives the stream up without an end, after a failure: whoever claims it next goes on from what is committed. Its
   * readers here are told that it is written no more. Ignored after `end` and after a fault.
   */
  readonly letGo: () => void
  /** Succeeds when all that was appended so far is committed. */
  readonly committed: Effect.Effect<void, JournalFault>
  /** How many readers follow now, in this process. */
  readonly readers: () => number
  /** Called when the number of readers becomes zero, and when a first one comes. One listener. */
  readonly onReaders: (listener: (readers: number) => void) => void
  /**
   * Called once when the stream can no longer be written: at once, if that has happened already. With `LeaseLost`
   * another process writes it now. One listener.
   */
  readonly onFault: (listener: (fault: JournalFault) => void) => void
  /** Called once when another process cancels the stream: at once, if that has happened already. One listener. */
  readonly onCancel: (listener: (fault: string) => void) => void
  /**
   * Called with `true` when too much waits to be committed, of this stream or of all, and with `false` when there is
   * room again: whoever writes should stop reading what it writes from. What is appended all the same is kept. Called
   * at once, if it is `true`. One listener.
   */
  readonly onPressure: (listener: (full: boolean) => void) => void
}
