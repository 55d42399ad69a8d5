/**
 * A reader at work: `reading -> delivering -> live | paused | reading -> ... -> closed`. A live one is caught up and is
 * given each commit as it is made. Any other reads pages from the store, from its own cursor, until it has caught up.
 *
 * Why there is no gap and no duplicate: a page ends at the last frame that was committed when it was asked for, the
 * cursor moves with what was delivered and by nothing else, and a commit is given only to a reader whose cursor is
 * just before it.
 *
 * A frame may be longer than any connection takes at once. What is taken of it is counted, and its text let go of: whoever
 * takes the rest an hour later reads it again, and has held nothing meanwhile. (Of 5,000 readers each with the last event of
 * a long answer half taken, that was 5,000 answers.)
 */
import { QueryDataError, stackless } from "../errors/index.ts"
import type { StreamId } from "./Cursor.ts"
import { calling, type Hub, type HubReader } from "./Hub.ts"
import type { Frames } from "./Frames.ts"
import { type FramePart, type JournalStore, pageFrames } from "./JournalStore.ts"
import type { Printable } from "./LateText.ts"
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

/** How much was taken of a frame. */
interface Taken {
  readonly characters: number
  readonly bytes: number
}

const nothing: Taken = { characters: 0, bytes: 0 }

/** What was taken, and a text behind it. */
const behind = ({ bytes, characters }: Taken, text: string): Taken => ({
  characters: characters + text.length,
  bytes: bytes + Buffer.byteLength(text)
})

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
  /** What was taken of the frame behind the cursor. */
  private taken: Taken = nothing
  private state: State = "reading"
  private readonly hub: Hub
  private readonly sink: ReaderSink
  private readonly options: FollowerOptions
  /** The note as it was when this was closed: the hub may be let go of before what was given is written. */
  private lastNote: Printable | undefined
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

  deliver(frames: Frames | undefined, before: number, terminal: boolean): void {
    if (!this.is("live") || this.cursor !== before) return
    this.emit(frames, terminal)
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

  note(): Printable | undefined {
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

  /** Gives frames, or what was not taken of them; none with the end alone. */
  private emit(frames: Frames | undefined, terminal: boolean): void {
    const { cursor, taken } = this
    const last = cursor + (frames?.lengths.length ?? 0)
    const all = frames?.text ?? ""
    const text = taken.characters === 0 ? all : all.slice(taken.characters)
    const more = this.call(text, last, terminal)
    if (this.is("closed")) return
    if (frames !== undefined && typeof more === "number" && more < text.length) this.tookUpTo(frames, text, more)
    else if (this.tookTo(last, terminal)) return
    this.goOn(more)
  }

  /** Gives a part of the frame behind the cursor. */
  private emitPart({ isEnd, text }: FramePart): void {
    const { cursor, hub, taken } = this
    const last = isEnd ? cursor + 1 : cursor
    const terminal = isEnd && hub.ended && last === (hub.committed ?? 0) - 1
    const more = this.call(text, last, terminal)
    if (this.is("closed")) return
    if (typeof more === "number" && more < text.length) this.taken = behind(taken, text.slice(0, more))
    else if (!isEnd) this.taken = behind(taken, text)
    else if (this.tookTo(last, terminal)) return
    this.goOn(more)
  }

  private call(text: string, last: number, terminal: boolean): boolean | number {
    this.state = "delivering"
    let more: boolean | number = false
    calling(
      "reader",
      () => {
        more = this.sink.onFrames(text, last, terminal)
      },
      (error) => {
        this.options.report(error)
        this.fault(error)
      }
    )
    return more
  }

  private goOn(more: boolean | number): void {
    if (more !== true && this.is("delivering")) this.state = "paused"
    else this.proceed()
  }

  /** All was taken up to a seq; says whether that was the end. */
  private tookTo(last: number, terminal: boolean): boolean {
    this.cursor = last
    this.taken = nothing
    if (terminal) this.close()
    return terminal
  }

  /** So many characters of `text` were taken, which is what was left of frames. */
  private tookUpTo({ lengths }: Frames, text: string, characters: number): void {
    let whole = 0
    let end = -this.taken.characters
    while (end + (lengths[whole] ?? Infinity) <= characters) end += lengths[whole++] ?? 0
    this.cursor += whole
    this.taken =
      whole === 0 ? behind(this.taken, text.slice(0, characters)) : behind(nothing, text.slice(end, characters))
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
    if (cursor === length - 1) return hub.ended ? this.emit(undefined, true) : this.proceed()
    if (cursor >= length) {
      if (hub.sight === undefined) return this.fault(lost(hub.id))
      // Another process writes it, and who came knows more of it than was last seen here: the look that is due tells.
      this.state = "live"
      return
    }
    const page = hub.page?.deref()
    if (page?.after === cursor) return this.give(page.frames)
    const { store } = this.options
    if (this.taken.bytes === 0 || store.part === undefined) return this.readPage(length)
    store.part(hub.id, cursor + 1, this.taken.bytes, (reply) => {
      if (!this.is("reading")) return
      if (!reply.ok) return this.fault(reply.error)
      if (reply.value === undefined) return this.readPage(length)
      this.emitPart(reply.value)
    })
  }

  private readPage(length: number): void {
    const { cursor, hub } = this
    this.options.store.page(hub.id, cursor, Math.min(pageFrames, length - 1 - cursor), (reply) => {
      if (!this.is("reading")) return
      if (!reply.ok) return this.fault(reply.error)
      if (reply.value === undefined) return this.fault(lost(hub.id))
      this.give(reply.value)
    })
  }

  private give(frames: Frames): void {
    const { cursor, hub } = this
    if (hub.page?.deref()?.frames !== frames) hub.page = new WeakRef({ after: cursor, frames })
    this.emit(frames, hub.ended && cursor + frames.lengths.length === (hub.committed ?? 0) - 1)
  }
}
