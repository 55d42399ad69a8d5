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
import { QueryDataError, stackless, UpdateDataError } from "../errors/index.ts"
import { type Sqlite, open } from "../store/SqliteNode.ts"
import type { StreamId } from "./Cursor.ts"
import { FramePage } from "./Frames.ts"
import {
  type Beginning,
  type ClaimReply,
  type Done,
  type Fate,
  JournalStore,
  nobody,
  pageRoom,
  type StreamRecord
} from "./JournalStore.ts"
import { refusalOf } from "./Share.ts"
import { type LiveStream, makeLiveStreams } from "./SqliteLiveNode.ts"
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
  Layer.effect(
    JournalStore,
    Effect.flatMap(open({ ...options, application, migrations }), (sqlite) =>
      // A table that is not there is found when what asks it is prepared.
      Effect.try({ try: () => over(sqlite), catch: (cause) => damaged(sqlite.path, cause) })
    )
  )

const damaged = (path: string, cause: unknown): QueryDataError => {
  const said = cause instanceof Error ? cause.message : String(cause)
  return stackless(
    () =>
      new QueryDataError({
        message: `the store at ${path} is damaged (${said}): restore it from a copy, or move it away to begin anew`
      })
  )
}

const hasEnded = { epoch: 0, length: 0, ended: true } as const
const committed: Fate = { _tag: "Committed", cancel: undefined }

/** The store over a database that is open. It must have been opened with `application` and `migrations`. */
export const over = (sqlite: Sqlite): JournalStore["Service"] => {
  const { database, epoch: me, openedAt } = sqlite
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
    `SELECT position, last, lengths, text, octet_length(text) AS size
     FROM json_each(?) AS place CROSS JOIN piece ON piece.position = place.value`
  )
  const bytesOf = database.prepare("SELECT CAST(text AS BLOB) AS bytes FROM piece WHERE position = ?")
  /** `node:sqlite` reads a text up to its first NUL, in all of Node 22 and in 24 up to 24.9 at least. */
  const textIn = ({ position, size, text }: TextRow): string => {
    if (Buffer.byteLength(text) === size) return text
    const bytes = bytesOf.get(position)?.["bytes"]
    return bytes instanceof Uint8Array ? Buffer.from(bytes).toString() : text
  }
  // Of a row that is one frame. What it reads of a long one stays in SQLite.
  const part = database.prepare(
    `SELECT substr(CAST(text AS BLOB), ?, ?) AS part, octet_length(text) AS size FROM piece
     WHERE position = ? AND last = ? AND lengths IS NULL`
  )
  const condemn = database.prepare(
    `UPDATE ended SET state = 1 WHERE state = 2 AND position = (SELECT ended FROM stream WHERE id = ? AND owner = ?)`
  )
  const disown = database.prepare(
    `UPDATE stream SET owner = ?, note = '', idempotency_key = NULL, body_hash = NULL
     WHERE id = ? AND owner = ? AND ended IS NOT NULL`
  )
  const outcomes = database.prepare(
    `SELECT position, id, outcome FROM ended JOIN stream ON stream.key = ended.key AND stream.ended = ended.position
     WHERE position > ? AND outcome IS NOT NULL ORDER BY position LIMIT ?`
  )

  const identity = String(database.prepare("SELECT id FROM identity").get()?.["id"])
  const streams = makeLiveStreams(database, me)

  /** The rows of the ended streams that are read now: a list of a long one takes as long to read as many of its pages. */
  const read = new Map<StreamId, ReadonlyArray<number>>()
  let readRows = 0
  const rowsOf = (id: StreamId): ReadonlyArray<number> => {
    const known = read.get(id)
    if (known !== undefined) return known
    const found = pieces.get(id)?.["pieces"]
    if (found === undefined) return []
    const rows = JSON.parse(String(found)) as ReadonlyArray<number>
    // Those that were read first are forgotten first.
    for (const [oldest, { length }] of read) {
      if (readRows + rows.length <= mostReadRows) break
      read.delete(oldest)
      readRows -= length + listWeight
    }
    read.set(id, rows)
    readRows += rows.length + listWeight
    return rows
  }

  /** The rows of a stream, and where among them the first is that has a frame after a seq. */
  const rowsAfter = (id: StreamId, after: number): { readonly rows: ReadonlyArray<number>; readonly at: number } => {
    const stream = streams.all().get(id)
    const rows = stream?.pieces ?? rowsOf(id)
    const last = (n: number): number => stream?.lasts[n] ?? Number(lastOf.get(rows[n] ?? 0)?.["last"])
    return { rows, at: firstAfter(rows.length, last, after) }
  }

  /** Runs a body that also changes what is known of live streams. */
  const write = <A>(body: () => A, lost: () => A, done: Done<A, UpdateDataError>): void => {
    let value: A | undefined
    let ran = false
    sqlite.write(
      () => {
        // It was rolled back, as the database was busy after all.
        if (ran) streams.forget()
        ran = true
        value = body()
      },
      (reply) => {
        if (reply.ok) return done({ ok: true, value: value as A })
        streams.forget()
        const { error } = reply
        // The whole store is another's now, and so is each of its streams.
        if (error._tag === "LeaseLost") return done({ ok: true, value: lost() })
        done({ ok: false, error })
      }
    )
  }

  const recordOf = (id: StreamId): StreamRecord | undefined => {
    const row = find.get(id) as unknown as FoundRow | undefined
    if (row === undefined) return undefined
    const { state, ...rest } = row
    const stream = streams.all().get(id)
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
        for (const stream of streams.all().values()) {
          if (found.length === limit) break
          const record = wanted(stream) ? recordOf(stream.id) : undefined
          if (record !== undefined) found.push(record)
        }
        return found
      })
    )

  return {
    begin: (record, { bodyHash, freeBefore, key: name, onlyFinds }, done) =>
      write<Beginning | undefined>(
        () => {
          const found = byKey.get(record.owner, name) as unknown as KeyRow | undefined
          if (found !== undefined && (found.at === null || found.at >= freeBefore)) {
            const existing = recordOf(found.id)
            const sameBody = found.bodyHash === bodyHash
            if (existing !== undefined) return { _tag: "Exists", record: existing, sameBody }
          }
          if (onlyFinds === true) return { _tag: "Absent" }
          if (found !== undefined) streams.freeKey(found.key)
          streams.begin(record, name, bodyHash)
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
            const at = streams.all().get(share.id)
            const ended = at === undefined && share.begins === undefined && exists.get(share.id) !== undefined
            const refusal = refusalOf(share, at ?? (ended ? hasEnded : undefined))
            if (refusal !== undefined) return { _tag: refusal }
            const cancel = streams.write(share, at)?.cancel
            return cancel === undefined ? committed : { _tag: "Committed", cancel }
          }),
        () => shares.map((): Fate => ({ _tag: "Stale" })),
        done
      ),
    claim: (id, epoch, done) =>
      write<ClaimReply>(
        () => {
          const stream = streams.all().get(id)
          if (stream === undefined) return { _tag: "Ended" }
          // No other process lives: whoever wrote it is gone, or is this one and asks.
          if (stream.epoch !== epoch) return { _tag: "Held" }
          streams.claim(stream)
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
          const { at, rows } = rowsAfter(id, after)
          const frames = new FramePage(limit, pageRoom)
          let next = after + 1
          // A row holds a frame or more.
          const places = `[${rows.slice(at, at + limit).join()}]`
          for (const row of page.iterate(places) as Iterable<unknown> as Iterable<TextRow>) {
            const text = textIn(row)
            const lengths = row.lengths === null ? [text.length] : row.lengths.split(",").map(Number)
            const skip = next - (row.last + 1 - lengths.length)
            if (skip < 0) break
            next = row.last + 1
            if (!frames.add({ text, lengths }, skip)) break
          }
          return frames.page
        })
      ),
    part: (id, seq, from, done) =>
      done(
        sqlite.read(() => {
          const { at, rows } = rowsAfter(id, seq - 1)
          const row = part.get(from + 1, pageRoom, rows[at] ?? 0, seq) as unknown as PartRow | undefined
          if (row === undefined) return undefined
          const bytes = row.part.length
          const end = from + bytes >= row.size ? bytes : wholeCharacters(row.part)
          return {
            text: Buffer.from(row.part.buffer, row.part.byteOffset, end).toString(),
            isEnd: from + end >= row.size
          }
        })
      ),
    orphans: (limit, done) => list(limit, (stream) => stream.writer !== me, done),
    live: (limit, done) => list(limit, () => true, done),
    // No other process changes anything while this one is here.
    watch: () => () => {},
    cancel: (id, fault, done) =>
      write(
        () => {
          const stream = streams.all().get(id)
          if (stream === undefined) return false
          if (stream.cancel === undefined) streams.cancel(stream, fault)
          return true
        },
        () => false,
        done
      ),
    forget: (id, owner, done) =>
      write(
        () => {
          // What is condemned the next sweep deletes.
          condemn.run(id, owner)
          return Number(disown.run(nobody, id, owner).changes) > 0
        },
        () => false,
        (reply) => {
          read.delete(id)
          done(reply)
        }
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
    identity,
    durable: true,
    lost: sqlite.lost,
    usable: sqlite.usable
  }
}

const storeLost = () => stackless(() => new UpdateDataError({ message: "the store has been taken by another process" }))

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

/** How many bytes of a piece of a text are whole characters. */
const wholeCharacters = (bytes: Uint8Array): number => {
  let end = bytes.length
  while (end > 0 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end--
  const first = bytes[end - 1] ?? 0
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  return end - 1 + length <= bytes.length ? end - 1 + length : end - 1
}

/** How many rows of ended streams are remembered: some 8 MB. */
const mostReadRows = 1_000_000

/** What a list costs by itself, in rows. */
const listWeight = 32

interface TextRow {
  readonly position: number
  readonly last: number
  readonly lengths: string | null
  readonly text: string
  readonly size: number
}

interface PartRow {
  readonly part: Uint8Array
  readonly size: number
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
