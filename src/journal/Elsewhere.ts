/**
 * Streams that other processes write: how far they are is learned from the store, once when a reader comes and again
 * whenever the store says that something has changed. Their readers then read pages, as in a replay.
 */
import { QueryDataError, stackless } from "../errors/index.ts"
import type { StreamId } from "./Cursor.ts"
import type { Hub } from "./Hub.ts"
import type { JournalStore, StreamRecord } from "./JournalStore.ts"
import type { JournalFault } from "./Lease.ts"

/** The look at streams that this process does not write. */
export interface Elsewhere {
  /** Learns how far a stream is, now and as long as it is read here and not written. */
  readonly look: (hub: Hub) => void
  /** Needs to know no more. */
  readonly leave: (hub: Hub) => void
}

/** What it needs. */
export interface ElsewhereOptions {
  readonly store: JournalStore["Service"]
  readonly turn: (run: () => void) => void
  readonly fault: (hub: Hub, fault: JournalFault) => void
  /** What ended then can be read no more. */
  readonly over: (endedAt: number) => boolean
}

/** A hub is known to be this long, and to have ended or not: its readers are told. */
export const learn = (hub: Hub, { endedAt, length, note }: Pick<StreamRecord, "endedAt" | "length" | "note">): void => {
  const before = hub.committed
  if (before !== undefined && length < before) return
  const ended = endedAt !== null
  hub.note = note
  const more = before !== length || (ended && !hub.ended)
  hub.committed = length
  hub.ended ||= ended
  if (before === undefined) for (const reader of hub.readers.all()) reader.begin()
  else if (more) for (const reader of hub.readers.all()) reader.grown()
}

/** What a reader of a stream is told that is not in the store, or no more. */
export const notThere = (id: StreamId) =>
  stackless(() => new QueryDataError({ message: `stream ${id} is not in the store` }))

/** Makes it. */
export const makeElsewhere = ({ fault, over, store, turn }: ElsewhereOptions): Elsewhere => {
  const look = (hub: Hub): void => {
    const sight = (hub.sight ??= { state: "idle", stop: undefined })
    if (sight.state === "looking") {
      sight.state = "again"
      return
    }
    sight.state = "looking"
    store.find(hub.id, (reply) => {
      // Nobody reads it any more, or this process writes it by now.
      if (hub.sight !== sight) return
      if (!reply.ok) return fault(hub, reply.error)
      const record = reply.value
      // An orphan that was given up has no terminal event: whoever waited for one must not take this for its end.
      if (record === undefined || record.forgotten || (record.endedAt !== null && over(record.endedAt))) {
        return fault(hub, notThere(hub.id))
      }
      const again = sight.state === "again"
      sight.state = "idle"
      if (record.endedAt !== null) leave(hub)
      learn(hub, record)
      if (hub.sight !== sight) return
      if (sight.stop === undefined) {
        sight.stop = store.watch(hub.id, () => {
          if (sight.state === "looking") sight.state = "again"
          else if (sight.state === "idle") {
            sight.state = "due"
            turn(() => {
              if (hub.sight === sight) look(hub)
            })
          }
        })
        // What came between the look and the watch.
        look(hub)
      } else if (again) look(hub)
    })
  }

  const leave = (hub: Hub): void => {
    hub.sight?.stop?.()
    hub.sight = undefined
  }

  return { look, leave }
}
