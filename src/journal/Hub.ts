/**
 * What this process knows of one stream that is written or read here now. Plain data: the writer, the readers and the
 * group commit meet in it.
 */
import { QueryDataError, stackless } from "../errors/index.ts"
import type { StreamRecord } from "./JournalStore.ts"
import type { JournalFault, Lease } from "./Lease.ts"

/** The writer of a hub. */
export interface HubWriter {
  readonly lease: Lease
  /** The stream's record, while nothing of it is committed. */
  fresh: StreamRecord | undefined
  readonly fault: (fault: JournalFault) => void
  readonly readersChanged: (readers: number) => void
}

/** A reader of a hub. */
export interface HubReader {
  /** The commit of frames after seq `before`, the last of them `last`. */
  readonly deliver: (frames: string, before: number, last: number, terminal: boolean) => void
  readonly fault: (fault: JournalFault) => void
  /** `committed` of the hub, which was not known, is known now. */
  readonly begin: () => void
}

/** A stream that is written or read here now. */
export interface Hub {
  readonly id: string
  /** How many frames are committed, as far as readers have been told; `undefined` until the store has said so. */
  committed: number | undefined
  /** The terminal event is committed: nothing comes after it. */
  ended: boolean
  writer: HubWriter | undefined
  readonly readers: Set<HubReader>
  /** What is gathered for the next commit, and what is in the one under way. */
  gathered: Gathered
  underWay: Gathered
}

/** The share of one stream in a commit: its frames, joined once for all readers. */
export interface Gathered {
  text: string
  frames: number
  ends: boolean
  /** The number of the batch that it belongs to. */
  batch: number
}

/** A hub of which nothing is known but its id. */
export const makeHub = (id: string, committed: number | undefined): Hub => ({
  id,
  committed,
  ended: false,
  writer: undefined,
  readers: new Set(),
  gathered: { text: "", frames: 0, ends: false, batch: -1 },
  underWay: { text: "", frames: 0, ends: false, batch: -1 }
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
