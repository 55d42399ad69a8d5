/**
 * The journal: the durable, ordered record of every answer stream. What a client may see is in it first, and what was
 * in it once is read again to the byte.
 */
import { Context, type Effect } from "effect"
import type {
  InvalidCursor,
  LeaseLost,
  QueryDataError,
  StreamExpired,
  StreamNotFound,
  UpdateDataError
} from "../errors/index.ts"
import type { StreamRecord } from "./JournalStore.ts"

/** What ends a writer or a reader from below: the store failed, or another process owns it. */
export type JournalFault = UpdateDataError | QueryDataError | LeaseLost

/** What a new stream is. */
export interface NewStream {
  readonly dialect: string
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
  /** Replaces the stream's note with the next commit. */
  readonly note: (note: string) => void
  /** The last frame that was appended is the terminal one. */
  readonly end: () => void
  /** Succeeds when all that was appended so far is committed. */
  readonly committed: Effect.Effect<void, JournalFault>
  /** How many readers follow now. */
  readonly readers: () => number
  /** Called when the number of readers becomes zero, and when a first one comes. One listener. */
  readonly onReaders: (listener: (readers: number) => void) => void
  /** Called once when the stream can no longer be written. One listener. */
  readonly onFault: (listener: (fault: JournalFault) => void) => void
}

/** What a reader is told. */
export interface ReaderSink {
  /**
   * Committed frames, joined, in order, each once. `false` means: no more until `resume` (the connection is full);
   * nothing is queued meanwhile, they are read again from the store.
   */
  readonly onFrames: (frames: string, last: number, terminal: boolean) => boolean
  /** The store failed: the connection must be destroyed without a terminal event. */
  readonly onFault: (fault: JournalFault) => void
}

/** A reader of one stream: a cursor and a callback. */
export interface Reader {
  readonly resume: () => void
  readonly close: () => void
}

/** Where a reader would begin, and how the stream stands. */
export interface Position {
  readonly record: StreamRecord
  /** Frames with a greater seq are read; -1 is all. */
  readonly after: number
  /** `live`: written by this process. `orphan`: its writer is gone and it has no end. */
  readonly state: "live" | "ended" | "orphan"
  /** The cursor is the terminal event's: there is nothing to read, ever. */
  readonly atEnd: boolean
}

/** The journal. */
export class Journal extends Context.Service<
  Journal,
  {
    /** Begins a stream. Its id is fresh: 128 random bits. It is stored with its first commit. */
    readonly create: (stream: NewStream) => Lease
    /** Finds a stream and checks a cursor against it; `undefined` reads from its beginning. */
    readonly locate: (
      id: string,
      cursor: string | undefined
    ) => Effect.Effect<Position, InvalidCursor | StreamNotFound | StreamExpired | QueryDataError>
    /** Follows a stream: replays what is committed after `after`, then what comes, to the terminal event. */
    readonly follow: (id: string, after: number, sink: ReaderSink) => Reader
    /** All committed frames after a seq. */
    readonly frames: (id: string, after: number) => Effect.Effect<ReadonlyArray<string>, QueryDataError>
    /** Becomes the writer of a stream whose writer is gone. */
    readonly takeOver: (record: StreamRecord) => Lease
    /** The lease of a stream that this process writes now. */
    readonly live: (id: string) => Lease | undefined
    readonly usable: () => boolean
  }
>()("effect-resilience/journal/Journal") {}
