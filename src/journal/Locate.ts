/**
 * Finding a stream: whether it is there for the one who asks, how it stands, and where a cursor is in it.
 */
import { Effect } from "effect"
import { InvalidCursor, type QueryDataError, stackless, StreamExpired, StreamNotFound } from "../errors/index.ts"
import { isStreamId, parseCursor, type StreamId } from "./Cursor.ts"
import type { Hub } from "./Hub.ts"
import { type JournalStore, type NewRecord, replied, type StreamRecord } from "./JournalStore.ts"
import { textOf } from "./LateText.ts"
import { standingOf } from "./Standing.ts"

/** Where a reader would begin, and how the stream stands. */
export interface Position {
  readonly record: StreamRecord
  /** Frames with a greater seq are read; -1 is all. */
  readonly after: number
  /**
   * `live`: written by this process. `elsewhere`: written by another that lives; it is followed like any other, and
   * nobody else may end it. `orphan`: its writer is gone and it has no end.
   */
  readonly state: "live" | "elsewhere" | "ended" | "orphan"
  /** The cursor is the terminal event's: there is nothing to read, ever. */
  readonly atEnd: boolean
}

/** Finds a stream by its id, for a cursor or for its beginning, for its owner or for anybody. */
export type Locate = (
  id: string,
  cursor: string | undefined,
  owner?: string
) => Effect.Effect<Position, InvalidCursor | StreamNotFound | StreamExpired | QueryDataError>

/** What it needs. Spans are milliseconds. */
export interface LocateOptions {
  readonly store: JournalStore["Service"]
  readonly hubs: { readonly get: (id: StreamId) => Hub | undefined }
  readonly now: () => number
  readonly retention: number
  readonly tombstone: number
}

/** Makes it. */
export const makeLocate = ({ hubs, now, retention, store, tombstone }: LocateOptions): Locate => {
  const position = (
    found: StreamRecord,
    cursor: number | undefined,
    owner: string | undefined
  ): Effect.Effect<Position, InvalidCursor | StreamNotFound | StreamExpired> => {
    const hub = hubs.get(found.id)
    const live = hub?.writer !== undefined
    // What readers have not been told yet has not happened yet.
    const record = live ? { ...found, endedAt: null, length: hub.committed ?? found.length } : found
    const state = standingOf(record, { now: now(), live, retention, tombstone })
    if (state === "forgotten" || (owner !== undefined && owner !== record.owner)) return notFound
    if (state === "expired") return Effect.fail(stackless(() => new StreamExpired({})))
    if (cursor !== undefined && cursor >= record.length) return badCursor("it is ahead of what is stored")
    return Effect.succeed({
      record,
      after: cursor ?? -1,
      state,
      atEnd: state === "ended" && cursor === record.length - 1
    })
  }

  const locate: Locate = (id, cursor, owner) =>
    Effect.suspend(() => {
      const parsed = cursor === undefined ? undefined : parseCursor(cursor)
      if (cursor !== undefined && parsed === undefined) return badCursor("it is not one")
      if (parsed !== undefined && parsed.stream !== id) return badCursor("it is of another stream")
      if (!isStreamId(id)) return notFound
      const writer = hubs.get(id)?.writer
      if (writer?.fresh !== undefined) return position(asFound(writer.fresh), parsed?.seq, owner)
      return Effect.flatMap(
        replied<StreamRecord | undefined, QueryDataError>((done) => store.find(id, done)),
        (record) => {
          // It began or ended while a slow store was looking: what was found is of before.
          if (hubs.get(id)?.writer !== writer) return locate(id, cursor, owner)
          return record === undefined ? notFound : position(record, parsed?.seq, owner)
        }
      )
    })

  return locate
}

/** A stream as it is found before the store knows it. */
const asFound = ({ createdAt, dialect, id, note, owner, request }: NewRecord): StreamRecord => ({
  id,
  dialect,
  owner,
  request,
  note: textOf(note),
  createdAt,
  epoch: 1,
  length: 0,
  endedAt: null,
  forgotten: false,
  writer: "me",
  goneSince: null,
  cancel: undefined
})

const badCursor = (why: string) =>
  Effect.fail(stackless(() => new InvalidCursor({ message: `The cursor is not one of this stream: ${why}.` })))

const notFound = Effect.suspend(() => Effect.fail(stackless(() => new StreamNotFound({}))))
