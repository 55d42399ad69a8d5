/**
 * The journal's store in a SQLite file: what was shown survives the death of the process, and one file is all there is
 * to look after.
 *
 * Frames are appended to one rowid table, in the order in which they come, with a unique index on the stream's integer
 * key and the seq: a replay is a walk along that index. A commit of one frame takes some 25 µs, of 64 some 450 µs, of
 * 512 some 2 ms (`npm run bench -- journal`); two thirds of it are the index, which is what makes reading cheap.
 */
import { Effect, Layer } from "effect"
import { type QueryDataError, stackless, UpdateDataError } from "../errors/index.ts"
import { type Sqlite, open } from "../store/SqliteNode.ts"
import { type Change, JournalStore, pageBytes, type StreamRecord } from "./JournalStore.ts"

/** "ERJ1": the mark of our databases. */
export const application = 0x4552_4a31

/** The schema, one script a version. A script that has been released is never changed. */
export const migrations: ReadonlyArray<string> = [
  `CREATE TABLE stream (
     key INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     dialect TEXT NOT NULL,
     owner TEXT NOT NULL,
     request TEXT NOT NULL,
     note TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     ended_at INTEGER,
     epoch INTEGER NOT NULL,
     swept INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE INDEX stream_due ON stream (ended_at) WHERE swept = 0;
   CREATE INDEX stream_swept ON stream (ended_at) WHERE swept = 1;
   CREATE TABLE frame (stream INTEGER NOT NULL, seq INTEGER NOT NULL, data TEXT NOT NULL) STRICT;
   CREATE UNIQUE INDEX frame_at ON frame (stream, seq);`
]

/**
 * A store in the SQLite file at `path`, which this process owns while the layer is open. Fails, naming the path, when
 * another process owns it, when it cannot be opened or written, or when it is damaged, newer, or not ours.
 */
export const layer = (options: {
  readonly path: string
}): Layer.Layer<JournalStore, UpdateDataError | QueryDataError> =>
  Layer.effect(JournalStore, Effect.map(open({ path: options.path, application, migrations }), over))

/** The store over a database that is open. It must have been opened with `application` and `migrations`. */
export const over = (sqlite: Sqlite): JournalStore["Service"] => {
  const { database, epoch, openedAt } = sqlite
  const insertStream = database.prepare(
    `INSERT INTO stream (id, dialect, owner, request, note, created_at, epoch) VALUES (?, ?, ?, ?, ?, ?, ${epoch})`
  )
  const insertFrame = database.prepare("INSERT INTO frame (stream, seq, data) VALUES (?, ?, ?)")
  const setNote = database.prepare("UPDATE stream SET note = ? WHERE key = ?")
  const setEnd = database.prepare("UPDATE stream SET ended_at = ? WHERE key = ?")
  const setWriter = database.prepare(`UPDATE stream SET epoch = ${epoch}, ended_at = NULL WHERE key = ?`)
  const keyOf = database.prepare("SELECT key FROM stream WHERE id = ?")
  const find = database.prepare(
    `SELECT id, dialect, owner, request, note, created_at AS createdAt, ended_at AS endedAt, epoch,
       coalesce((SELECT max(seq) + 1 FROM frame WHERE stream = key), 0) AS length
     FROM stream WHERE id = ?`
  )
  const page = database.prepare(
    `SELECT seq, data FROM frame
     WHERE stream = (SELECT key FROM stream WHERE id = ?) AND seq > ? ORDER BY seq LIMIT ?`
  )

  /** The keys of the streams that are written now. */
  const keys = new Map<string, number>()

  const key = (id: string): number => {
    const known = keys.get(id)
    if (known !== undefined) return known
    const found = keyOf.get(id)?.["key"]
    if (typeof found !== "number") throw new Error(`stream ${id} is not there`)
    keys.set(id, found)
    return found
  }

  const apply = (change: Change): void => {
    switch (change._tag) {
      case "Append":
        insertFrame.run(key(change.id), change.seq, change.frame)
        return
      case "Create": {
        const { id, dialect, owner, request, note, createdAt } = change
        keys.set(id, Number(insertStream.run(id, dialect, owner, request, note, createdAt).lastInsertRowid))
        return
      }
      case "Note":
        setNote.run(change.note, key(change.id))
        return
      case "End":
        setEnd.run(change.endedAt, key(change.id))
        return
      case "TakeOver":
        setWriter.run(key(change.id))
    }
  }

  return {
    epoch,
    openedAt,
    commit: (changes, done) =>
      sqlite.write(
        () => {
          for (const change of changes) apply(change)
        },
        (answer) => {
          // After a failure nobody writes on, and the keys of streams that were not stored are no keys.
          if (!answer.ok) keys.clear()
          else for (const change of changes) if (change._tag === "End") keys.delete(change.id)
          done(answer)
        }
      ),
    find: (id, done) =>
      done(
        sqlite.read(() => {
          const row = find.get(id)
          return row === undefined ? undefined : ({ ...row } as unknown as StreamRecord)
        })
      ),
    page: (id, after, limit, done) =>
      done(
        sqlite.read(() => {
          const frames: Array<string> = []
          let room = pageBytes
          for (const row of page.iterate(id, after, limit)) {
            const frame = row["data"]
            if (row["seq"] !== after + 1 + frames.length || typeof frame !== "string") break
            frames.push(frame)
            room -= frame.length
            if (room <= 0) break
          }
          return frames
        })
      ),
    sweep: (framesBefore, streamsBefore, done) =>
      sqlite.clean(sweeping(epoch, openedAt, framesBefore, streamsBefore), (fault) =>
        done(
          fault === undefined
            ? { ok: true, value: undefined }
            : { ok: false, error: stackless(() => new UpdateDataError({ message: fault })) }
        )
      ),
    usable: sqlite.usable
  }
}

const sweeping = (epoch: number, openedAt: number, framesBefore: number, streamsBefore: number) => [
  // Orphans of earlier epochs whose time is over get an end first: what is half swept is never taken over.
  {
    sql: `UPDATE stream SET ended_at = ?1 WHERE key IN
            (SELECT key FROM stream WHERE swept = 0 AND ended_at IS NULL AND epoch < ?2 AND ?1 < ?3 LIMIT 256)`,
    params: [openedAt, epoch, framesBefore]
  },
  {
    sql: `DELETE FROM frame WHERE rowid IN
            (SELECT frame.rowid FROM stream JOIN frame ON frame.stream = stream.key
             WHERE stream.swept = 0 AND stream.ended_at < ? LIMIT 512)`,
    params: [framesBefore]
  },
  {
    sql: `UPDATE stream SET swept = 1, request = '', note = '' WHERE key IN
            (SELECT key FROM stream WHERE swept = 0 AND ended_at < ?
             AND NOT EXISTS (SELECT 1 FROM frame WHERE frame.stream = stream.key) LIMIT 256)`,
    params: [framesBefore]
  },
  {
    sql: "DELETE FROM stream WHERE key IN (SELECT key FROM stream WHERE swept = 1 AND ended_at < ? LIMIT 256)",
    params: [streamsBefore]
  }
]
