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

/** A reader, and its hub's view of it. */
export interface Follower extends Reader, HubReader {}

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

/** Makes the reader and enters it in its hub. While the stream's length is not known, it waits for `begin`. */
export const makeFollower = ({ hub, after, sink, store, turn, onClosed, report }: FollowerOptions): Follower => {
  let cursor = after
  let state: State = "reading"
  const is = (other: State): boolean => state === other

  const close = (): void => {
    if (is("closed")) return
    state = "closed"
    hub.readers.delete(self)
    if (hub.readers.size === 0) hub.page = undefined
    onClosed(hub)
  }

  const fault = (fault: JournalFault): void => {
    if (is("closed")) return
    close()
    calling("reader", () => sink.onFault(fault), report)
  }

  const emit = (frames: string, last: number, terminal: boolean): void => {
    cursor = last
    state = "delivering"
    let more = false
    calling(
      "reader",
      () => {
        more = sink.onFrames(frames, last, terminal)
      },
      (error) => {
        report(error)
        fault(error)
      }
    )
    if (is("closed")) return
    if (terminal) return close()
    if (!more && is("delivering")) {
      state = "paused"
      return
    }
    proceed()
  }

  const proceed = (): void => {
    const length = hub.committed
    if (length !== undefined && cursor === length - 1 && !hub.ended) {
      state = "live"
      hub.page = undefined
      return
    }
    state = "reading"
    // A page a turn: a long replay to a fast reader leaves room for the others.
    if (length !== undefined) turn(read)
  }

  const read = (): void => {
    if (!is("reading")) return
    const length = hub.committed
    if (length === undefined) return
    if (cursor === length - 1) return hub.ended ? emit("", cursor, true) : proceed()
    if (cursor >= length) {
      if (hub.sight === undefined) return fault(lost(hub.id))
      // Another process writes it, and who came knows more of it than was last seen here: the look that is due tells.
      state = "live"
      return
    }
    const { page } = hub
    if (page?.after === cursor) return give(page.frames)
    store.page(hub.id, cursor, Math.min(pageFrames, length - 1 - cursor), (reply) => {
      if (!is("reading")) return
      if (!reply.ok) return fault(reply.error)
      if (reply.value === undefined) return fault(lost(hub.id))
      // A long one stays: whoever does not take it holds the same text.
      if (page === undefined || page.frames.text.length <= pageRoom || reply.value.text.length > pageRoom) {
        hub.page = { after: cursor, frames: reply.value }
      }
      give(reply.value)
    })
  }

  const give = ({ lengths, text }: Frames): void => {
    const last = cursor + lengths.length
    emit(text, last, hub.ended && last === (hub.committed ?? 0) - 1)
  }

  const self: Follower = {
    begin: () => turn(read),
    grown: () => {
      // Any other looks for itself before it is caught up.
      if (is("live")) proceed()
    },
    deliver: (frames, before, last, terminal) => {
      if (is("live") && cursor === before) emit(frames, last, terminal)
    },
    fault,
    close,
    note: () => hub.note,
    resume: () => {
      if (is("delivering")) state = "resumed"
      else if (is("paused")) proceed()
    }
  }
  hub.readers.add(self)
  proceed()
  return self
}
