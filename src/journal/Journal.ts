/**
 * The journal: the durable, ordered record of every answer stream. What a client may see is in it first, and what was
 * in it once is read again to the byte.
 *
 * All logic is here and in the pure and plain parts beside it: cursors (`Cursor.ts`), expiry (`Standing.ts`), group
 * commit (`GroupCommit.ts`), a stream's writer and readers (`Writer.ts`, `Follower.ts`, which meet in a `Hub.ts`). A
 * `JournalStore` only keeps. Nothing on the way of an event is an Effect: a frame is appended, committed and shown by
 * plain calls.
 */
import { Clock, Context, Duration, Effect, Layer, Schedule } from "effect"
import {
  InvalidCursor,
  LeaseLost,
  QueryDataError,
  stackless,
  StreamExpired,
  StreamNotFound,
  UpdateDataError
} from "../errors/index.ts"
import { isStreamId, makeStreamId, parseCursor } from "./Cursor.ts"
import { makeFollower, pageFrames } from "./Follower.ts"
import { makeGroupCommit } from "./GroupCommit.ts"
import { type Hub, makeHub } from "./Hub.ts"
import { type Answer, JournalStore, type StreamRecord } from "./JournalStore.ts"
import type { JournalFault, Lease, NewStream } from "./Lease.ts"
import type { Reader, ReaderSink } from "./Reader.ts"
import { standingOf } from "./Standing.ts"
import { makeWriter } from "./Writer.ts"

export type { JournalFault, Lease, NewStream } from "./Lease.ts"
export type { Reader, ReaderSink } from "./Reader.ts"

/** Where a reader would begin, and how the stream stands. */
export interface Position {
  readonly record: StreamRecord
  /** Frames with a greater seq are read; -1 is all. */
  readonly after: number
  /** `live`: written by this process. `orphan`: its writer is gone and it has no end. */
  readonly state: "live" | "ended" | "orphan"
  /** The cursor is the terminal event's: there is nothing to read, ever. */
  readonly atEnd: boolean
}

/** How a journal keeps. */
export interface JournalOptions {
  /** For how long a stream can be read after its terminal event. */
  readonly retention: Duration.Input
  /** For how long after that a stream is `StreamExpired` before it is `StreamNotFound`. Default: 24 hours. */
  readonly tombstone?: Duration.Input | undefined
  /** Runs something in the next turn: when a commit is made and when a page is read. Default: `setImmediate`. */
  readonly turn?: ((run: () => void) => void) | undefined
}

/** The journal. */
export class Journal extends Context.Service<
  Journal,
  {
    /** Begins a stream. Its id is fresh: 128 random bits. It is stored with its first commit, and found at once. */
    readonly create: (stream: NewStream) => Lease
    /**
     * Finds a stream and checks a cursor against it; `undefined` reads from its beginning. With `owner`, a stream of
     * another owner is not found. A cursor that is garbled, of another stream or ahead of what is committed is an
     * `InvalidCursor`; a stream past its retention is `StreamExpired`, and later `StreamNotFound`.
     */
    readonly locate: (
      id: string,
      cursor: string | undefined,
      owner?: string
    ) => Effect.Effect<Position, InvalidCursor | StreamNotFound | StreamExpired | QueryDataError>
    /**
     * Follows a stream: replays what is committed after `after`, then what comes, to the terminal event. `after` comes
     * from `locate`. An orphan is followed into the hands of the one who takes it over.
     */
    readonly follow: (id: string, after: number, sink: ReaderSink) => Reader
    /** All committed frames after a seq. */
    readonly frames: (id: string, after: number) => Effect.Effect<ReadonlyArray<string>, QueryDataError>
    /**
     * Becomes the writer of a stream whose writer is gone. If this process writes it already, that lease is returned;
     * if the stream has changed since `record` was read, the lease faults with `LeaseLost` and writes nothing.
     */
    readonly takeOver: (record: StreamRecord) => Lease
    /** The lease of a stream that this process writes now: from `create` or `takeOver` to the commit of its end. */
    readonly live: (id: string) => Lease | undefined
    /** Whether appends can be committed, as far as is known: for readiness. */
    readonly usable: () => boolean
  }
>()("effect-resilience/journal/Journal") {
  /**
   * The journal on whatever `JournalStore` there is. A commit is made once a turn of the event loop. Closing it commits
   * what is pending and then ends all leases and readers with a fault.
   *
   * If a commit fails, every lease and every reader has its `onFault` called, once; no terminal frame is invented. New
   * streams are tried again. Time is the fiber's `Clock` when the layer is built.
   */
  static readonly layer = (options: JournalOptions): Layer.Layer<Journal, never, JournalStore> =>
    Layer.effect(Journal, make(options))
}

const answered = <A, E>(ask: (done: (answer: Answer<A, E>) => void) => void): Effect.Effect<A, E> =>
  Effect.callback((resume) =>
    ask((answer) => resume(answer.ok ? Effect.succeed(answer.value) : Effect.fail(answer.error)))
  )

const make = Effect.fnUntraced(function* (options: JournalOptions) {
  const store = yield* JournalStore
  const clock = yield* Clock.Clock
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const now = (): number => clock.currentTimeMillisUnsafe()
  const turn = options.turn ?? ((run: () => void) => void setImmediate(run))
  const retention = Duration.toMillis(Duration.fromInputUnsafe(options.retention))
  const tombstone = Duration.toMillis(Duration.fromInputUnsafe(options.tombstone ?? "24 hours"))
  const report = (error: QueryDataError): void => void fork(Effect.logError(error.message))

  const hubs = new Map<string, Hub>()
  let closed: UpdateDataError | undefined

  const open = (id: string, committed: number | undefined): Hub => {
    const known = hubs.get(id)
    if (known !== undefined) return known
    const hub = makeHub(id, committed)
    hubs.set(id, hub)
    return hub
  }

  const release = (hub: Hub): void => {
    if (hub.writer === undefined && hub.readers.size === 0 && hubs.get(hub.id) === hub) hubs.delete(hub.id)
  }

  // Copies: a listener may begin anew, and what it begins is not at fault.
  const faultHub = (hub: Hub, fault: JournalFault): void => {
    const writer = hub.writer
    hub.writer = undefined
    writer?.fault(fault)
    for (const reader of Array.from(hub.readers)) reader.fault(fault)
    release(hub)
  }

  const faultAll = (fault: JournalFault): void => {
    for (const hub of Array.from(hubs.values())) faultHub(hub, fault)
  }

  const group = makeGroupCommit({
    commit: store.commit,
    turn,
    onFault: faultAll,
    onCommitted: (touched) => {
      // First all lengths, then the readers: one of them may look at another stream of the same commit.
      for (const hub of touched) {
        hub.committed = (hub.committed ?? 0) + hub.underWay.frames
        hub.ended = hub.underWay.ends
        if (hub.ended) hub.writer = undefined
        else if (hub.writer !== undefined) hub.writer.fresh = undefined
      }
      for (const hub of touched) {
        const { frames, text, ends } = hub.underWay
        const last = hub.committed! - 1
        if (frames > 0 || ends) for (const reader of hub.readers) reader.deliver(text, last - frames, last, ends)
        release(hub)
      }
    }
  })

  /** Learns from the store how long the stream of a hub is, unless that is known by now. */
  const learn = (hub: Hub, answer: Answer<StreamRecord | undefined, QueryDataError>): void => {
    if (hub.committed !== undefined) return
    const gone = () => stackless(() => new QueryDataError({ message: `stream ${hub.id} is not in the store` }))
    if (!answer.ok) return faultHub(hub, answer.error)
    if (answer.value === undefined) return faultHub(hub, gone())
    hub.committed = answer.value.length
    hub.ended = answer.value.endedAt !== null
    for (const reader of hub.readers) reader.begin()
  }

  const create = (stream: NewStream): Lease => {
    const id = makeStreamId()
    const fresh = { ...stream, id, createdAt: now(), endedAt: null, epoch: store.epoch, length: 0 }
    const hub = open(id, 0)
    const writer = makeWriter({ hub, group, next: 0, fresh, now, report })
    hub.writer = writer
    if (closed !== undefined) faultHub(hub, closed)
    return writer.lease
  }

  const takeOver = (record: StreamRecord): Lease => {
    const hub = open(record.id, undefined)
    if (hub.writer !== undefined) return hub.writer.lease
    const writer = makeWriter({ hub, group, next: record.length, fresh: undefined, now, report })
    hub.writer = writer
    if (closed !== undefined) {
      faultHub(hub, closed)
      return writer.lease
    }
    store.find(record.id, (answer) => {
      if (hub.writer !== writer) return
      const found = answer.ok ? answer.value : undefined
      if (found !== undefined && found.endedAt === null && found.length === record.length) {
        learn(hub, answer)
        return writer.open()
      }
      hub.writer = undefined
      writer.fault(
        answer.ok
          ? stackless(() => new LeaseLost({ message: `stream ${record.id} has gone on since it was looked at` }))
          : answer.error
      )
      learn(hub, answer)
      release(hub)
    })
    return writer.lease
  }

  const follow = (id: string, after: number, sink: ReaderSink): Reader => {
    const known = hubs.has(id)
    const hub = open(id, undefined)
    const onClosed = () => {
      if (hub.readers.size === 0) hub.writer?.readersChanged(0)
      release(hub)
    }
    const follower = makeFollower({ hub, after, sink, store, turn, onClosed, report })
    const fault = closed
    if (fault !== undefined) turn(() => follower.fault(fault))
    else if (!known) turn(() => store.find(id, (answer) => learn(hub, answer)))
    if (hub.readers.size === 1) hub.writer?.readersChanged(1)
    return follower
  }

  const position = (
    found: StreamRecord,
    cursor: number | undefined,
    owner: string | undefined
  ): Effect.Effect<Position, InvalidCursor | StreamNotFound | StreamExpired> => {
    const hub = hubs.get(found.id)
    const live = hub?.writer !== undefined
    // What readers have not been told yet has not happened yet.
    const record = live ? { ...found, endedAt: null, length: hub.committed ?? found.length } : found
    const { epoch, openedAt } = store
    const state = standingOf(record, { now: now(), live, epoch, openedAt, retention, tombstone })
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

  const locate: Journal["Service"]["locate"] = (id, cursor, owner) =>
    Effect.suspend(() => {
      const parsed = cursor === undefined ? undefined : parseCursor(cursor)
      if (cursor !== undefined && parsed === undefined) return badCursor("it is not one")
      if (parsed !== undefined && parsed.stream !== id) return badCursor("it is of another stream")
      if (!isStreamId(id)) return notFound
      const writer = hubs.get(id)?.writer
      if (writer?.fresh !== undefined) return position(writer.fresh, parsed?.seq, owner)
      return Effect.flatMap(
        answered<StreamRecord | undefined, QueryDataError>((done) => store.find(id, done)),
        (record) => {
          // It began or ended while a slow store was looking: what was found is of before.
          if (hubs.get(id)?.writer !== writer) return locate(id, cursor, owner)
          return record === undefined ? notFound : position(record, parsed?.seq, owner)
        }
      )
    })

  const frames: Journal["Service"]["frames"] = Effect.fnUntraced(function* (id, after) {
    const all: Array<string> = []
    while (true) {
      const page = yield* answered<ReadonlyArray<string>, QueryDataError>((done) =>
        store.page(id, after + all.length, pageFrames, done)
      )
      if (page.length === 0) return all
      for (const frame of page) all.push(frame)
    }
  })

  yield* Effect.addFinalizer(() =>
    Effect.callback<void>((resume) =>
      group.close(() => {
        closed = stackless(() => new UpdateDataError({ message: "the journal is closed" }))
        faultAll(closed)
        resume(Effect.void)
      })
    )
  )
  const sweep = Effect.suspend(() =>
    answered<void, UpdateDataError>((done) => store.sweep(now() - retention, now() - retention - tombstone, done))
  ).pipe(Effect.catch((error) => Effect.logWarning(`the journal could not be swept: ${error.message}`)))
  yield* Effect.forkScoped(
    Effect.repeat(sweep, Schedule.spaced(Duration.millis(Math.min(60_000, Math.max(1_000, retention / 4)))))
  )

  return Journal.of({
    create,
    locate,
    follow,
    frames,
    takeOver,
    live: (id) => hubs.get(id)?.writer?.lease,
    usable: () => closed === undefined && store.usable()
  })
})

const badCursor = (why: string) =>
  Effect.fail(stackless(() => new InvalidCursor({ message: `The cursor is not one of this stream: ${why}.` })))

const notFound = Effect.suspend(() => Effect.fail(stackless(() => new StreamNotFound({}))))
