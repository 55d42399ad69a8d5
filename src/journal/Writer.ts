/**
 * A lease at work: `holding -> open -> ended`, or `faulted` from any of them. A lease that was taken over is held until
 * the store has confirmed that nobody else has ended or continued the stream meanwhile; what is appended until then is
 * kept, and goes into the first commit after it.
 */
import { Effect } from "effect"
import type { QueryDataError } from "../errors/index.ts"
import type { GroupCommit } from "./GroupCommit.ts"
import { calling, type Hub, type HubWriter } from "./Hub.ts"
import type { Change, StreamRecord } from "./JournalStore.ts"
import type { JournalFault, Lease } from "./Lease.ts"

/** A writer, and how it is let go. */
export interface Writer extends HubWriter {
  /** The stream is free: what was held is added to the next commit. */
  readonly open: () => void
}

/** What a writer needs. */
export interface WriterOptions {
  readonly hub: Hub
  readonly group: GroupCommit
  /** The seq of its first frame. */
  readonly next: number
  /** The record of a new stream; without it the writer is held until `open`. */
  readonly fresh: StreamRecord | undefined
  readonly now: () => number
  readonly report: (error: QueryDataError) => void
}

type State = "holding" | "open" | "ended" | "faulted"

/** Makes the writer of a hub. */
export const makeWriter = ({ hub, group, next: first, fresh, now, report }: WriterOptions): Writer => {
  const id = hub.id
  let state: State = fresh === undefined ? "holding" : "open"
  let next = first
  let held: Array<Change> = []
  let settled: JournalFault | undefined
  let onFault: ((fault: JournalFault) => void) | undefined
  let onReaders: ((readers: number) => void) | undefined
  let onOpen: Array<() => void> = []

  const writable = (): boolean => state === "open" || state === "holding"

  const put = (change: Change): void => {
    if (held.length > 0 || state === "holding") held.push(change)
    else group.add(hub, change)
  }

  const opened = (): void => {
    const waiting = onOpen
    onOpen = []
    for (const listener of waiting) listener()
  }

  const committed: Lease["committed"] = Effect.callback((resume) => {
    let stop: () => void = () => {}
    const look = (): void => {
      if (settled !== undefined) return resume(Effect.fail(settled))
      if (held.length > 0) {
        onOpen.push(look)
        stop = () => {
          onOpen = onOpen.filter((other) => other !== look)
        }
        return
      }
      if (!group.pending(hub)) return resume(Effect.void)
      stop = group.whenSettled((fault) => resume(fault === undefined ? Effect.void : Effect.fail(fault)))
    }
    look()
    return Effect.sync(() => stop())
  })

  const self: Writer = {
    fresh,
    open: () => {
      if (state === "faulted") return
      if (state === "holding") state = "open"
      const changes = held
      held = []
      for (const change of changes) group.add(hub, change)
      opened()
    },
    fault: (fault) => {
      if (settled !== undefined) return
      settled = fault
      state = "faulted"
      held = []
      opened()
      const listener = onFault
      if (listener !== undefined) calling("listener for faults", () => listener(fault), report)
    },
    readersChanged: (readers) => {
      const listener = onReaders
      if (writable() && listener !== undefined) calling("listener for readers", () => listener(readers), report)
    },
    lease: {
      id,
      nextSeq: () => next,
      append: (frame) => {
        if (writable()) put({ _tag: "Append", id, seq: next++, frame })
      },
      note: (note) => {
        if (writable()) put({ _tag: "Note", id, note })
      },
      end: () => {
        if (!writable()) return
        put({ _tag: "End", id, endedAt: now() })
        state = "ended"
      },
      committed,
      readers: () => hub.readers.size,
      onReaders: (listener) => {
        onReaders = listener
      },
      onFault: (listener) => {
        onFault = listener
        if (settled !== undefined) listener(settled)
      }
    }
  }
  if (fresh === undefined) put({ _tag: "TakeOver", id })
  else {
    const { dialect, owner, request, note, createdAt } = fresh
    put({ _tag: "Create", id, dialect, owner, request, note, createdAt })
  }
  return self
}
