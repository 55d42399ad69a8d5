/**
 * The reader's side of a stream: a cursor and a callback.
 */
import type { Printable } from "./LateText.ts"
import type { JournalFault } from "./Lease.ts"

/**
 * What a reader is told. Its callbacks are never called from inside `follow`. One that throws loses its reader and
 * nothing else.
 */
export interface ReaderSink {
  /**
   * Committed frames, joined, in order, each once; `last` is the seq of the last that is whole with them. `false` means: no
   * more until `resume` (the connection is full); nothing is queued meanwhile, they are read again from the store. With
   * `terminal` the reader is closed once all is taken; `frames` is empty when all had been read before the end was known.
   *
   * A number is how many characters (UTF-16 units, and never half a pair) were taken, where that is not all. What is left is
   * given after `resume`, in parts perhaps, and kept for nobody until then.
   */
  readonly onFrames: (frames: string, last: number, terminal: boolean) => boolean | number
  /** The store failed: the connection must be destroyed without a terminal event. The reader is closed. */
  readonly onFault: (fault: JournalFault) => void
}

/** A reader of one stream. */
export interface Reader {
  /** Goes on after `onFrames` returned `false`. */
  readonly resume: () => void
  /** The stream's newest note, as committed as the frames that were given; `undefined` before the first of them. */
  readonly note: () => Printable | undefined
  /** No callback is called after it. Safe at any time, also from inside a callback. */
  readonly close: () => void
}
