/**
 * A reader at work: `reading -> delivering -> live | paused | reading -> ... -> closed`. A live one is caught up and is
 * given each commit as it is made. Any other reads pages from the store, from its own cursor, until it has caught up.
 *
 * Why there is no gap and no duplicate: a page ends at the last frame that was committed when it was asked for, the
 * cursor moves with what was delivered and by nothing else, and a commit is given only to a reader whose cursor is
 * just before it.
 */
import { QueryDataError, stackless } from "../errors/index.ts"
import type { StreamId } from "./Cursor.ts"
import { calling, type Hub, type HubReader } from "./Hub.ts"
import type { Frames } from "./Frames.ts"
import { type JournalStore, pageFrames, pageRoom } from "./JournalStore.ts"
import type { JournalFault } from "./Lease.ts"
import type { Reader, ReaderSink } from "./Reader.ts"

/** What a follower needs. */
export interface FollowerOptions {
  readonly hub: Hub
  /** Frames with a greater seq are read. */
  readonly after: number
  readonly sink: ReaderSink
  readonly store: JournalStore["Service"]
  readonly turn: (run: () => void) => void
  readonly onClosed: (hub: Hub) => void
  readonly report: (error: QueryDataError) => void
}

type State = "reading" | "delivering" | "resumed" | "live" | "paused" | "closed"

const lost = (id: StreamId) =>
  stackless(() => new QueryDataError({ message: `stream ${id}: events that were committed are not there` }))

/**
 * A reader, and its hub's view of it. A class: there is one for each request, and closures for each method are a kilobyte of
 * it.
 */
export class Follower implements Reader, HubReader {
  slot: number | undefined
  private cursor: number
  private state: State = "reading"
  private readonly hub: Hub
  private readonly sink: ReaderSink
  private readonly options: FollowerOptions
  /** The note as it was when this was closed: the hub may be let go of before what was given is written. */
  private lastNote: string | undefined
  /** The piece of work that reads on, made once there is something to read. */
  private reading: (() => void) | undefined

  /** Enters it in its hub. While the stream's length is not known, it waits for `begin`. */
  constructor(options: FollowerOptions) {
    this.options = options
    this.hub = options.hub
    this.sink = options.sink
    this.cursor = options.after
    this.hub.readers.add(this)
    this.proceed()
  }

  begin(): void {
    this.readOn()
  }

  grown(): void {
    // Any other looks for itself before it is caught up.
    if (this.is("live")) this.proceed()
  }

  deliver(frames: string, before: number, last: number, terminal: boolean): void {
    if (this.is("live") && this.cursor === before) this.emit(frames, last, terminal)
  }

  fault(fault: JournalFault): void {
    if (this.is("closed")) return
    this.close()
    calling("reader", () => this.sink.onFault(fault), this.options.report)
  }

  close(): void {
    if (this.is("closed")) return
    this.state = "closed"
    const { hub } = this
    this.lastNote = hub.note
    hub.readers.delete(this)
    if (hub.readers.size === 0) hub.page = undefined
    this.options.onClosed(hub)
  }

  note(): string | undefined {
    return this.is("closed") ? this.lastNote : this.hub.note
  }

  resume(): void {
    if (this.is("delivering")) this.state = "resumed"
    else if (this.is("paused")) this.proceed()
  }

  private is(state: State): boolean {
    return this.state === state
  }

  private readOn(): void {
    this.reading ??= () => this.read()
    this.options.turn(this.reading)
  }

  private emit(frames: string, last: number, terminal: boolean): void {
    this.cursor = last
    this.state = "delivering"
    let more = false
    calling(
      "reader",
      () => {
        more = this.sink.onFrames(frames, last, terminal)
      },
      (error) => {
        this.options.report(error)
        this.fault(error)
      }
    )
    if (this.is("closed")) return
    if (terminal) return this.close()
    if (!more && this.is("delivering")) {
      this.state = "paused"
      return
    }
    this.proceed()
  }

  private proceed(): void {
    const { hub } = this
    const length = hub.committed
    if (length !== undefined && this.cursor === length - 1 && !hub.ended) {
      this.state = "live"
      hub.page = undefined
      return
    }
    this.state = "reading"
    // A page a turn: a long replay to a fast reader leaves room for the others.
    if (length !== undefined) this.readOn()
  }

  private read(): void {
    if (!this.is("reading")) return
    const { cursor, hub } = this
    const length = hub.committed
    if (length === undefined) return
    if (cursor === length - 1) return hub.ended ? this.emit("", cursor, true) : this.proceed()
    if (cursor >= length) {
      if (hub.sight === undefined) return this.fault(lost(hub.id))
      // Another process writes it, and who came knows more of it than was last seen here: the look that is due tells.
      this.state = "live"
      return
    }
    const { page } = hub
    if (page?.after === cursor) return this.give(page.frames)
    this.options.store.page(hub.id, cursor, Math.min(pageFrames, length - 1 - cursor), (reply) => {
      if (!this.is("reading")) return
      if (!reply.ok) return this.fault(reply.error)
      if (reply.value === undefined) return this.fault(lost(hub.id))
      // A long one stays: whoever does not take it holds the same text.
      if (page === undefined || page.frames.text.length <= pageRoom || reply.value.text.length > pageRoom) {
        hub.page = { after: cursor, frames: reply.value }
      }
      this.give(reply.value)
    })
  }

  private give({ lengths, text }: Frames): void {
    const { hub } = this
    const last = this.cursor + lengths.length
    this.emit(text, last, hub.ended && last === (hub.committed ?? 0) - 1)
  }
}
