/**
 * The journal's store in a SQLite file: what was shown survives the death of the process, and one file is all there is
 * to look after. One process has it at a time (`SqliteNode`); a second waits for the lock.
 *
 * Streams without an end are known in memory: which rows of the log are theirs, and who writes them. So an append is one
 * row at the end of one table, and nothing is looked up for it (`SqliteSchema.ts`). A commit of one stream's share
 * takes some 20 µs, of 64 some 150 µs, of 512 some 1 ms (`npm run bench -- journal`).
 */
import type { Duration } from "effect"
import { Effect, Layer } from "effect"
import { type QueryDataError, stackless, UpdateDataError } from "../errors/index.ts"
import { type Sqlite, open } from "../store/SqliteNode.ts"
import type { StreamId } from "./Cursor.ts"
import { FramePage } from "./Frames.ts"
import {
  type Beginning,
  type ClaimReply,
  type Done,
  type End,
  type Fate,
  JournalStore,
  type NewRecord,
  pageRoom,
  type StreamRecord
} from "./JournalStore.ts"
import { type PartWriters, refusalOf, writeShare } from "./Share.ts"
import { application, migrations, sweeping } from "./SqliteSchema.ts"

export { application, migrations } from "./SqliteSchema.ts"

/**
 * A store in the SQLite file at `path`, which this process owns while the layer is open. Fails, naming the path, when
 * another process owns it, when it cannot be opened or written, or when it is damaged, newer, or not ours. With `wait`
 * it waits that long for a process that owns it, and calls `onWait` once if it has to.
 */
export const layer = (options: {
  readonly path: string
  readonly wait?: Duration.Input | undefined
  readonly onWait?: (() => void) | undefined
}): Layer.Layer<JournalStore, UpdateDataError | QueryDataError> =>
  Layer.effect(JournalStore, Effect.map(open({ ...options, application, migrations }), over))

/** A stream without an end, and where its frames are. */
interface LiveStream {
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

const hasEnded = { epoch: 0, length: 0, ended: true } as const
const committed: Fate = { _tag: "Committed", cancel: undefined }

/** The store over a database that is open. It must have been opened with `application` and `migrations`. */
export const over = (sqlite: Sqlite): JournalStore["Service"] => {
  const { database, epoch: me, openedAt } = sqlite
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
  const byKey = database.prepare(
    `SELECT stream.key, id, body_hash AS bodyHash, at FROM stream LEFT JOIN ended ON ended.position = stream.ended
     WHERE owner = ? AND idempotency_key = ?`
  )
  const exists = database.prepare("SELECT 1 FROM stream WHERE id = ?")
  const find = database.prepare(
    `SELECT id, dialect, owner, note, created_at AS createdAt, coalesce(request, '') AS request, at AS endedAt, state,
       ended.length
     FROM stream LEFT JOIN live ON live.key = stream.key LEFT JOIN ended ON ended.position = stream.ended
     WHERE id = ?`
  )
  const pieces = database.prepare(
    "SELECT pieces FROM stream JOIN ended ON ended.position = stream.ended WHERE id = ? AND state = 2"
  )
  const lastOf = database.prepare("SELECT last FROM piece WHERE position = ?")
  const page = database.prepare(
    "SELECT last, lengths, text FROM json_each(?) AS place CROSS JOIN piece ON piece.position = place.value"
  )
  const outcomes = database.prepare(
    `SELECT position, id, outcome FROM ended JOIN stream ON stream.key = ended.key AND stream.ended = ended.position
     WHERE position > ? AND outcome IS NOT NULL ORDER BY position LIMIT ?`
  )
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

  /** The streams without an end, oldest first: what the database says, until something was not committed. */
  let known: Map<StreamId, LiveStream> | undefined
  /** The last row of the log, and the last stream. */
  let top = { position: 0, key: 0 }

  const load = (): Map<StreamId, LiveStream> => {
    const found = new Map<StreamId, LiveStream>()
    const keys = new Map<number, LiveStream>()
    top = { ...(tops.get() as unknown as typeof top) }
    let first = Number.POSITIVE_INFINITY
    for (const row of lives.iterate() as Iterable<unknown> as Iterable<LiveRow>) {
      const { cancel, createdAt, epoch, id, key, writer } = row
      const stream = newLive(key, id, createdAt, epoch, writer, cancel ?? undefined)
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
  const live = (): Map<StreamId, LiveStream> => (known ??= load())

  /** Runs a body that also changes `known`. What was not committed, the database knows better. */
  const write = <A>(body: () => A, lost: () => A, done: Done<A, UpdateDataError>): void => {
    let value: A | undefined
    let ran = false
    sqlite.write(
      () => {
        // It was rolled back, as the database was busy after all.
        if (ran) known = undefined
        ran = true
        value = body()
      },
      (reply) => {
        if (reply.ok) return done({ ok: true, value: value as A })
        known = undefined
        const { error } = reply
        // The whole store is another's now, and so is each of its streams.
        if (error._tag === "LeaseLost") return done({ ok: true, value: lost() })
        done({ ok: false, error })
      }
    )
  }

  const parts: PartWriters<LiveStream> = {
    begins: (record) => {
      const stream = newLive(++top.key, record.id, record.createdAt, 1, me, undefined)
      stream.begins = record
      live().set(record.id, stream)
      return stream
    },
    frames: (stream, { lengths, text }) => {
      const last = stream.length + lengths.length - 1
      const position = ++top.position
      insertPiece.run(position, stream.key, last, lengths.length === 1 ? null : lengths.join(), text)
      addPiece(stream, position, last, Buffer.byteLength(text))
    },
    note: (stream, note) => {
      stream.note = note
    },
    end: (stream, end) => {
      stream.end = end
    }
  }

  /** Writes the rest of a stream's share: as few statements as it takes. */
  const settle = (stream: LiveStream): void => {
    const { begins, bytes, end, key, length, note } = stream
    stream.begins = undefined
    stream.note = undefined
    if (end === undefined) {
      if (begins !== undefined) insert(stream, { ...begins, note: note ?? begins.note }, null, null, null)
      else if (note !== undefined) setNote.run(note, key)
      return
    }
    live().delete(stream.id)
    const rows = `[${stream.pieces.join()}]`
    const position = Number(insertEnded.run(key, end.at, length, bytes, rows, end.outcome).lastInsertRowid)
    if (begins !== undefined) return insert(stream, { ...begins, note: note ?? begins.note }, null, null, position)
    setEnded.run(note ?? null, position, key)
    deleteLive.run(key)
    if (end.freesKey) freeKey.run(key)
  }

  const insert = (
    { key, pieces }: LiveStream,
    { createdAt, dialect, id, note, owner, request }: NewRecord,
    name: string | null,
    bodyHash: string | null,
    ended: number | null
  ): void => {
    insertStream.run(key, id, dialect, owner, note, createdAt, name, bodyHash, ended)
    if (ended === null) insertLive.run(key, request, pieces[0] ?? top.position + 1)
  }

  const recordOf = (id: StreamId): StreamRecord | undefined => {
    const row = find.get(id) as unknown as FoundRow | undefined
    if (row === undefined) return undefined
    const { state, ...rest } = row
    const stream = live().get(id)
    if (stream === undefined) {
      return {
        ...rest,
        length: rest.length ?? 0,
        epoch: 0,
        forgotten: state !== 2,
        writer: "gone",
        goneSince: null,
        cancel: undefined
      }
    }
    const mine = stream.writer === me
    const { cancel, epoch, length } = stream
    return {
      ...rest,
      epoch,
      length,
      forgotten: false,
      writer: mine ? "me" : "gone",
      goneSince: mine ? null : openedAt,
      cancel
    }
  }

  const list = (
    limit: number,
    wanted: (stream: LiveStream) => boolean,
    done: Done<ReadonlyArray<StreamRecord>, QueryDataError>
  ) =>
    done(
      sqlite.read(() => {
        const found: Array<StreamRecord> = []
        for (const stream of live().values()) {
          if (found.length === limit) break
          const record = wanted(stream) ? recordOf(stream.id) : undefined
          if (record !== undefined) found.push(record)
        }
        return found
      })
    )

  return {
    begin: (record, { bodyHash, freeBefore, key: name }, done) =>
      write<Beginning | undefined>(
        () => {
          const found = byKey.get(record.owner, name) as unknown as KeyRow | undefined
          if (found !== undefined && (found.at === null || found.at >= freeBefore)) {
            const existing = recordOf(found.id)
            if (existing !== undefined)
              return { _tag: "Exists", record: existing, sameBody: found.bodyHash === bodyHash }
          }
          const streams = live()
          if (found !== undefined) freeKey.run(found.key)
          const stream = newLive(++top.key, record.id, record.createdAt, 1, me, undefined)
          streams.set(record.id, stream)
          insert(stream, record, name, bodyHash, null)
          return { _tag: "Begun", epoch: 1 }
        },
        () => undefined,
        (reply) => {
          if (!reply.ok) return done(reply)
          if (reply.value !== undefined) return done({ ok: true, value: reply.value })
          done({ ok: false, error: storeLost() })
        }
      ),
    commit: (shares, done) =>
      write(
        () =>
          shares.map((share): Fate => {
            const at = live().get(share.id)
            const ended = at === undefined && share.begins === undefined && exists.get(share.id) !== undefined
            const refusal = refusalOf(share, at ?? (ended ? hasEnded : undefined))
            if (refusal !== undefined) return { _tag: refusal }
            const stream = writeShare(parts, share, at)
            if (stream !== undefined) settle(stream)
            const cancel = stream?.cancel
            return cancel === undefined ? committed : { _tag: "Committed", cancel }
          }),
        () => shares.map((): Fate => ({ _tag: "Stale" })),
        done
      ),
    claim: (id, epoch, done) =>
      write<ClaimReply>(
        () => {
          const stream = live().get(id)
          if (stream === undefined) return { _tag: "Ended" }
          // No other process lives: whoever wrote it is gone, or is this one and asks.
          if (stream.epoch !== epoch) return { _tag: "Held" }
          stream.epoch++
          stream.writer = me
          setWriter.run(stream.epoch, stream.key)
          const record = recordOf(id)
          return record === undefined ? { _tag: "Ended" } : { _tag: "Claimed", record }
        },
        () => ({ _tag: "Held" }),
        done
      ),
    find: (id, done) => done(sqlite.read(() => recordOf(id))),
    page: (id, after, limit, done) =>
      done(
        sqlite.read(() => {
          const stream = live().get(id)
          const rows = stream?.pieces ?? (JSON.parse(String(pieces.get(id)?.["pieces"] ?? "[]")) as Array<number>)
          const last = (n: number): number => stream?.lasts[n] ?? Number(lastOf.get(rows[n] ?? 0)?.["last"])
          const first = firstAfter(rows.length, last, after)
          const frames = new FramePage(limit, pageRoom)
          let next = after + 1
          // A row holds a frame or more.
          const places = `[${rows.slice(first, first + limit).join()}]`
          for (const row of page.iterate(places) as Iterable<unknown> as Iterable<TextRow>) {
            const lengths = row.lengths === null ? [row.text.length] : row.lengths.split(",").map(Number)
            const skip = next - (row.last + 1 - lengths.length)
            if (skip < 0) break
            next = row.last + 1
            if (!frames.add({ text: row.text, lengths }, skip)) break
          }
          return frames.page
        })
      ),
    orphans: (limit, done) => list(limit, (stream) => stream.writer !== me, done),
    live: (limit, done) => list(limit, () => true, done),
    // No other process changes anything while this one is here.
    watch: () => () => {},
    cancel: (id, fault, done) =>
      write(
        () => {
          const stream = live().get(id)
          if (stream === undefined) return false
          if (stream.cancel === undefined) {
            stream.cancel = fault
            setCancel.run(fault, stream.key)
          }
          return true
        },
        () => false,
        done
      ),
    onCancel: () => () => {},
    outcomes: (after, limit, done) =>
      done(
        sqlite.read(() =>
          (outcomes.all(after === "" ? 0 : Number(after), limit) as Array<unknown> as Array<OutcomeRow>).map(
            ({ id, outcome, position }) => ({ position: String(position), id, outcome })
          )
        )
      ),
    sweep: (due, done) =>
      sqlite.clean(sweeping(due), (fault) =>
        done(
          fault === undefined
            ? { ok: true, value: undefined }
            : { ok: false, error: stackless(() => new UpdateDataError({ message: fault })) }
        )
      ),
    usable: sqlite.usable
  }
}

const storeLost = () => stackless(() => new UpdateDataError({ message: "the store has been taken by another process" }))

const newLive = (
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

/** The first of `count` rows, of which each ends with seq `last(n)`, that has a frame after a seq: by halving. */
const firstAfter = (count: number, last: (n: number) => number, after: number): number => {
  let low = 0
  let high = after < 0 ? 0 : count
  while (low < high) {
    const middle = (low + high) >> 1
    if (last(middle) > after) high = middle
    else low = middle + 1
  }
  return low
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

interface TextRow {
  readonly last: number
  readonly lengths: string | null
  readonly text: string
}

interface KeyRow {
  readonly key: number
  readonly id: StreamId
  readonly bodyHash: string
  readonly at: number | null
}

interface OutcomeRow {
  readonly position: number
  readonly id: StreamId
  readonly outcome: string
}

interface FoundRow extends Omit<StreamRecord, "epoch" | "length" | "writer" | "goneSince" | "forgotten" | "cancel"> {
  readonly state: number | null
  readonly length: number | null
}
