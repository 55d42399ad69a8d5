/**
 * The streams without an end of a SQLite store, and how they are written. The process that has the database knows all of
 * them in memory: who writes each, how long it is, and which rows of the log are its.
 */
import type { DatabaseSync } from "node:sqlite"
import type { StreamId } from "./Cursor.ts"
import { cutFrames } from "./Frames.ts"
import { type End, type NewRecord, pageFrames, pageRoom, type Share } from "./JournalStore.ts"
import { textOf } from "./LateText.ts"
import { type PartWriters, writeShare } from "./Share.ts"

/** A stream without an end, and where its frames are. */
export interface LiveStream {
  readonly key: number
  readonly id: StreamId
  readonly createdAt: number
  epoch: number
  /** The epoch of the process that writes it. */
  writer: number
  cancel: string | undefined
  length: number
  bytes: number
  /** The rows of its frames, and the seq of the last frame of each. */
  readonly pieces: Array<number>
  readonly lasts: Array<number>
  readonly ended: false
  /** What is to be written of it with this commit. */
  begins: NewRecord | undefined
  note: string | undefined
  end: End | undefined
}

/** The streams without an end. All but `all` and `forget` is called in a transaction, and counts once that is done. */
export interface LiveStreams {
  /** By id, oldest first. */
  readonly all: () => ReadonlyMap<StreamId, LiveStream>
  /** What was written in the transaction was not committed: from now on the database knows better. */
  readonly forget: () => void
  /** Writes a share that may be written; `at` is its stream, unless it begins. */
  readonly write: (share: Share, at: LiveStream | undefined) => LiveStream | undefined
  /** Begins a stream under a key. */
  readonly begin: (record: NewRecord, name: string, bodyHash: string) => void
  /** Frees the key of a stream. */
  readonly freeKey: (key: number) => void
  /** Makes this process the writer of a stream. */
  readonly claim: (stream: LiveStream) => void
  readonly cancel: (stream: LiveStream, fault: string) => void
}

/** The streams of a database; `me` is the epoch of this process. */
export const makeLiveStreams = (database: DatabaseSync, me: number): LiveStreams => {
  const insertStream = database.prepare(
    `INSERT INTO stream (key, id, dialect, owner, note, created_at, idempotency_key, body_hash, ended)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
  )
  const insertLive = database.prepare(
    `INSERT INTO live (key, request, epoch, writer, first, cancel) VALUES (?, ?, 1, ${me}, ?, NULL)`
  )
  const insertPiece = database.prepare(
    "INSERT INTO piece (position, stream, last, lengths, text) VALUES (?, ?, ?, ?, ?)"
  )
  const insertEnded = database.prepare(
    "INSERT INTO ended (key, at, state, length, bytes, pieces, outcome) VALUES (?, ?, 2, ?, ?, ?, ?)"
  )
  const setNote = database.prepare("UPDATE stream SET note = ? WHERE key = ?")
  const setEnded = database.prepare("UPDATE stream SET note = coalesce(?, note), ended = ? WHERE key = ?")
  const freeKey = database.prepare("UPDATE stream SET idempotency_key = NULL, body_hash = NULL WHERE key = ?")
  const deleteLive = database.prepare("DELETE FROM live WHERE key = ?")
  const setWriter = database.prepare(`UPDATE live SET epoch = ?, writer = ${me} WHERE key = ?`)
  const setCancel = database.prepare("UPDATE live SET cancel = ? WHERE key = ?")
  const lives = database.prepare(
    `SELECT live.key, id, created_at AS createdAt, epoch, writer, first, cancel FROM live JOIN stream USING (key)
     ORDER BY live.key`
  )
  const piecesFrom = database.prepare(
    `SELECT position, stream, last, octet_length(text) AS bytes FROM piece
     WHERE position >= ? AND stream IN (SELECT key FROM live) ORDER BY position`
  )
  const tops = database.prepare(
    `SELECT coalesce((SELECT max(position) FROM piece), 0) AS position,
       coalesce((SELECT max(key) FROM stream), 0) AS key`
  )

  /** What the database says, until something was not committed. */
  let known: Map<StreamId, LiveStream> | undefined
  /** The last row of the log, and the last stream. */
  let top = { position: 0, key: 0 }

  /** Looks through the log from where the oldest of them began: nothing, unless a writer has died. */
  const load = (): Map<StreamId, LiveStream> => {
    const found = new Map<StreamId, LiveStream>()
    const keys = new Map<number, LiveStream>()
    top = { ...(tops.get() as unknown as typeof top) }
    let first = Number.POSITIVE_INFINITY
    for (const row of lives.iterate() as Iterable<unknown> as Iterable<LiveRow>) {
      const { cancel, createdAt, epoch, id, key, writer } = row
      const stream = liveStream(key, id, createdAt, epoch, writer, cancel ?? undefined)
      found.set(id, stream)
      keys.set(key, stream)
      first = Math.min(first, row.first)
    }
    if (first > top.position) return found
    for (const row of piecesFrom.iterate(first) as Iterable<unknown> as Iterable<PieceRow>) {
      const stream = keys.get(row.stream)
      if (stream !== undefined) addPiece(stream, row.position, row.last, row.bytes)
    }
    return found
  }
  const all = (): Map<StreamId, LiveStream> => (known ??= load())

  const add = ({ createdAt, id }: NewRecord): LiveStream => {
    const streams = all()
    const stream = liveStream(++top.key, id, createdAt, 1, me, undefined)
    streams.set(id, stream)
    return stream
  }

  const insert = (
    { key, pieces }: LiveStream,
    record: NewRecord,
    note: string,
    name: string | null,
    bodyHash: string | null,
    ended: number | null
  ): void => {
    const { createdAt, dialect, id, owner } = record
    insertStream.run(key, id, dialect, owner, note, createdAt, name, bodyHash, ended)
    if (ended === null) insertLive.run(key, record.request, pieces[0] ?? top.position + 1)
  }

  const parts: PartWriters<LiveStream> = {
    begins: (record) => {
      const stream = add(record)
      stream.begins = record
      return stream
    },
    frames: (stream, frames) => {
      // Nearly always one row.
      for (const { lengths, text } of cutFrames(frames, pageFrames, pageRoom)) {
        const last = stream.length + lengths.length - 1
        const position = ++top.position
        insertPiece.run(position, stream.key, last, lengths.length === 1 ? null : lengths.join(), text)
        addPiece(stream, position, last, Buffer.byteLength(text))
      }
    },
    note: (stream, note) => {
      stream.note = textOf(note)
    },
    end: (stream, end) => {
      stream.end = end
    }
  }

  /** Writes the rest of a share: as few statements as it takes. What begins and ends in one share was never live. */
  const settle = (stream: LiveStream): void => {
    const { begins, bytes, end, key, length, note } = stream
    stream.begins = undefined
    stream.note = undefined
    if (end === undefined) {
      if (begins !== undefined) insert(stream, begins, note ?? textOf(begins.note), null, null, null)
      else if (note !== undefined) setNote.run(note, key)
      return
    }
    all().delete(stream.id)
    const rows = `[${stream.pieces.join()}]`
    // An old table of the map may hold it for long.
    stream.end = undefined
    stream.pieces.length = 0
    stream.lasts.length = 0
    const position = Number(insertEnded.run(key, end.at, length, bytes, rows, textOf(end.outcome)).lastInsertRowid)
    if (begins !== undefined) return insert(stream, begins, note ?? textOf(begins.note), null, null, position)
    setEnded.run(note ?? null, position, key)
    deleteLive.run(key)
    if (end.freesKey) freeKey.run(key)
  }

  return {
    all,
    forget: () => {
      known = undefined
    },
    write: (share, at) => {
      const stream = writeShare(parts, share, at)
      if (stream !== undefined) settle(stream)
      return stream
    },
    begin: (record, name, bodyHash) => insert(add(record), record, textOf(record.note), name, bodyHash, null),
    freeKey: (key) => void freeKey.run(key),
    claim: (stream) => {
      stream.epoch++
      stream.writer = me
      setWriter.run(stream.epoch, stream.key)
    },
    cancel: (stream, fault) => {
      stream.cancel = fault
      setCancel.run(fault, stream.key)
    }
  }
}

const liveStream = (
  key: number,
  id: StreamId,
  createdAt: number,
  epoch: number,
  writer: number,
  cancel: string | undefined
): LiveStream => ({
  key,
  id,
  createdAt,
  epoch,
  writer,
  cancel,
  length: 0,
  bytes: 0,
  pieces: [],
  lasts: [],
  ended: false,
  begins: undefined,
  note: undefined,
  end: undefined
})

const addPiece = (stream: LiveStream, position: number, last: number, bytes: number): void => {
  stream.pieces.push(position)
  stream.lasts.push(last)
  stream.length = last + 1
  stream.bytes += bytes
}

interface LiveRow {
  readonly key: number
  readonly id: StreamId
  readonly createdAt: number
  readonly epoch: number
  readonly writer: number
  readonly first: number
  readonly cancel: string | null
}

interface PieceRow {
  readonly position: number
  readonly stream: number
  readonly last: number
  readonly bytes: number
}
