/**
 * What this process knows of one stream that is written or read here now. Plain data: the writer, the readers, the
 * group commit and the look at what others write meet in it.
 */
import { QueryDataError, stackless } from "../errors/index.ts"
import type { StreamId } from "./Cursor.ts"
import type { Frames } from "./Frames.ts"
import type { Gathered } from "./GroupCommit.ts"
import type { NewRecord } from "./JournalStore.ts"
import type { Printable } from "./LateText.ts"
import type { JournalFault, Lease } from "./Lease.ts"
import { Slots, type Slotted } from "../memory/index.ts"

/** The writer of a hub. */
export interface HubWriter {
  readonly lease: Lease
  /** The epoch by which it writes. */
  readonly epoch: number
  /** The seq of its next frame. */
  readonly next: number
  /** What the stream begins with, while nothing of it is committed. */
  readonly fresh: NewRecord | undefined
  /** The store knows the stream: it is found there from now on. */
  readonly stored: () => void
  /** Its end is committed. */
  readonly endStored: () => void
  readonly fault: (fault: JournalFault) => void
  readonly readersChanged: (readers: number) => void
  readonly cancelled: (fault: string) => void
  readonly pressed: (full: boolean) => void
}

/** A reader of a hub. */
export interface HubReader extends Slotted {
  /** The commit of frames after seq `before`, no more of them than a page holds; none with the end alone. */
  readonly deliver: (frames: Frames | undefined, before: number, terminal: boolean) => void
  readonly fault: (fault: JournalFault) => void
  /** `committed` of the hub, which was not known, is known now. */
  readonly begin: () => void
  /** More is committed, or the end: by another process, or more than a page at once. It is read from the store. */
  readonly grown: () => void
}

/** The frames behind a seq. */
export interface KnownPage {
  readonly after: number
  readonly frames: Frames
}

/** A stream that is written or read here now. */
export interface Hub {
  readonly id: StreamId
  /** How many frames are committed, as far as readers have been told; `undefined` until the store has said so. */
  committed: number | undefined
  /** The terminal event is committed: nothing comes after it. */
  ended: boolean
  /** The newest note that is committed; `undefined` while the store was not asked. */
  note: Printable | undefined
  writer: HubWriter | undefined
  readonly readers: Slots<HubReader>
  /**
   * The page that was read last, while there are readers that are not caught up: they come one after the other. The
   * collector may have it: whoever is slow holds nobody's memory, and reads again what is gone.
   */
  page: WeakRef<KnownPage> | undefined
  /** Its share of the next commit. */
  gathered: Gathered | undefined
  /** Its share of the commit that is under way. */
  underWay: Gathered | undefined
  /** A share to be used again. */
  spare: Gathered | undefined
  /** How many characters this process has committed to it. */
  size: number
  /** How many characters wait to be committed, and whether its writer was asked to pause for them. */
  waiting: number
  full: boolean
  /** How this process learns of what another writes: `undefined` while nobody needs to. */
  sight: Sight | undefined
}

/** The look at a stream that another process writes. */
export interface Sight {
  state: "looking" | "again" | "idle" | "due"
  stop: (() => void) | undefined
}

/** A hub of which nothing is known but its id. */
export const makeHub = (id: StreamId, committed: number | undefined): Hub => ({
  id,
  committed,
  ended: false,
  note: undefined,
  writer: undefined,
  readers: new Slots(),
  page: undefined,
  gathered: undefined,
  underWay: undefined,
  spare: undefined,
  size: 0,
  waiting: 0,
  full: false,
  sight: undefined
})

/**
 * Calls a listener from outside. Whatever it throws is its own fault and must not reach the writers and readers that
 * are served after it in the same commit: this is the only place where the journal catches.
 */
export const calling = (what: string, call: () => void, report: (error: QueryDataError) => void): void => {
  try {
    call()
  } catch (cause) {
    report(stackless(() => new QueryDataError({ message: `the journal's ${what} threw: ${String(cause)}` })))
  }
}
