/**
 * The journal: the durable, ordered record of every answer stream. What a client may see is in it first, and what was
 * in it once is read again to the byte, by any process that shares its store.
 *
 * All logic is here and in the pure and plain parts beside it: cursors (`Cursor.ts`), expiry (`Standing.ts`), group
 * commit (`GroupCommit.ts`, `Share.ts`, `Pressure.ts`), a stream's writer and readers (`Writer.ts`, `Follower.ts`,
 * which meet in a `Hub.ts`), and streams that others write (`Elsewhere.ts`). A `JournalStore` only keeps. Nothing on
 * the way of an event is an Effect: a frame is appended, committed and shown by plain calls.
 */
import { Clock, Context, Duration, Effect, Layer } from "effect"
import { LeaseLost, type QueryDataError, stackless, StreamExpired, UpdateDataError } from "../errors/index.ts"
import { HeldMap } from "../memory/index.ts"
import { isStreamId, type StreamId } from "./Cursor.ts"
import { learn, makeElsewhere, notThere } from "./Elsewhere.ts"
import { FirstRecord } from "./FirstRecord.ts"
import { Follower } from "./Follower.ts"
import { splitFrames } from "./Frames.ts"
import { type Gathered, makeGroupCommit } from "./GroupCommit.ts"
import { type Hub, type HubWriter, makeHub } from "./Hub.ts"
import {
  type Beginning,
  type ClaimReply,
  type Fate,
  type Frames,
  JournalStore,
  type NewRecord,
  type Outcome,
  pageFrames,
  pageRoom,
  replied,
  type StreamRecord
} from "./JournalStore.ts"
import { makeKeeping } from "./Keeping.ts"
import { type Locate, makeLocate, type Position } from "./Locate.ts"
import type { JournalFault, KeyedStream, Lease, NewStream } from "./Lease.ts"
import { Pressure } from "./Pressure.ts"
import { makeFairTurns } from "./FairTurns.ts"
import type { Reader, ReaderSink } from "./Reader.ts"
import { Writer } from "./Writer.ts"

export type { JournalFault, KeyedStream, Lease, LeaseEnd, NewStream, StreamKey } from "./Lease.ts"
export type { Position } from "./Locate.ts"
export type { Reader, ReaderSink } from "./Reader.ts"

/** A stream was begun under a key, or the key has one. */
export type Begun =
  | { readonly _tag: "Begun"; readonly lease: Lease }
  /** `sameBody`: all that must be the same where the key is, is. */
  | { readonly _tag: "Exists"; readonly position: Position; readonly sameBody: boolean }
  /** Nobody has the key, and it was only asked for. */
  | { readonly _tag: "Absent" }

/** What has become of a claim. */
export type Claim =
  /** This process writes the stream now; `record` is as it was found then. */
  | { readonly _tag: "Claimed"; readonly lease: Lease; readonly record: StreamRecord }
  /** Somebody writes it: this process, another, or one that was faster. */
  | { readonly _tag: "Held" }
  /** It has ended, or is not there any more. */
  | { readonly _tag: "Ended" }

/** How a journal keeps. */
export interface JournalOptions {
  /** For how long a stream can be read after its terminal event. */
  readonly retention: Duration.Input
  /** For how long after that a stream is `StreamExpired` before it is `StreamNotFound`. Default: 24 hours. */
  readonly tombstone?: Duration.Input | undefined
  /** For how long an idempotency key is bound after the end of its stream. Default: 24 hours. */
  readonly idempotencyRetention?: Duration.Input | undefined
  /**
   * How many bytes the frames of ended streams may take; those that ended first are forgotten first, before their
   * retention is over. A stream without an end is never forgotten. Default: 256 MiB.
   */
  readonly maxBytes?: number | undefined
  /** Runs something in the next turn: when a commit is made and when a page is read. Default: `setImmediate`. */
  readonly turn?: ((run: () => void) => void) | undefined
}

/** The journal. */
export class Journal extends Context.Service<
  Journal,
  {
    /**
     * Begins a stream. Its id is fresh: 128 random bits. It is found at once, and stored with its first commit: in the next
     * turn, or in the one after it where nothing is appended by then and nobody waits.
     */
    readonly create: (stream: NewStream) => Lease
    /**
     * Begins a stream under an idempotency key of its owner, or finds the one that has the key: of any number of
     * beginnings, at any processes, one begins a stream. The key is bound until `idempotencyRetention` after the
     * stream's end, or until it ends with `freesKey`. `StreamExpired`: the key is bound, and its stream can be read no
     * more. It is stored when this succeeds. Not interruptible: a stream that has begun has somebody who writes it.
     */
    readonly begin: (stream: KeyedStream) => Effect.Effect<Begun, StreamExpired | UpdateDataError | QueryDataError>
    /**
     * Finds a stream and checks a cursor against it; `undefined` reads from its beginning. With `owner`, a stream of
     * another owner is not found. A cursor that is garbled, of another stream or ahead of what is committed is an
     * `InvalidCursor`; a stream past its retention is `StreamExpired`, and later `StreamNotFound`.
     */
    readonly locate: Locate
    /**
     * Follows a stream, whoever writes it: replays what is committed after `after`, then what comes, to the terminal
     * event. `after` comes from `locate`. An orphan is followed into the hands of the one who claims it.
     */
    readonly follow: (id: string, after: number, sink: ReaderSink) => Reader
    /**
     * A page of the committed frames after a seq; `undefined` when there are none. Who reads a long stream reads it page by
     * page, and lets others in between.
     */
    readonly page: (id: string, after: number) => Effect.Effect<Frames | undefined, QueryDataError>
    /** All committed frames after a seq, in one go: for tests, and for streams that are known to be short. */
    readonly frames: (id: string, after: number) => Effect.Effect<ReadonlyArray<string>, QueryDataError>
    /**
     * Becomes the writer of a stream whose writer is gone: of any number of claims, at any processes, one succeeds.
     * `record` is the stream as it was found; one that was claimed since then is `Held`. Not interruptible: who has
     * claimed a stream must go on with it or end it.
     */
    readonly claim: (record: StreamRecord) => Effect.Effect<Claim, UpdateDataError>
    /** The lease of a stream that this process writes now: from `create`, `begin` or `claim` to the commit of its end. */
    readonly live: (id: string) => Lease | undefined
    /** Streams without an end whose writer is gone, oldest first: what a process that starts can go on with. */
    readonly orphans: (limit: number) => Effect.Effect<ReadonlyArray<StreamRecord>, QueryDataError>
    /** Streams without an end, of all processes, oldest first: for operators. */
    readonly unended: (limit: number) => Effect.Effect<ReadonlyArray<StreamRecord>, QueryDataError>
    /**
     * Asks the writer of a stream, wherever it is, to cancel it with a fault (opaque; `Lease.onCancel`). `false` if the
     * stream has ended, or is not there. The first cancel stays. An orphan is cancelled by who claims it.
     */
    readonly cancel: (id: string, fault: string) => Effect.Effect<boolean, UpdateDataError>
    /**
     * Forgets a stream of an owner that has ended: from then on nobody finds it, and its frames and its note are gone. Its
     * outcome stays until it was told. `false` if it has not ended, or is not there.
     */
    readonly forget: (id: string, owner: string) => Effect.Effect<boolean, UpdateDataError>
    /**
     * The ends of streams in the order of their commits, each once, after a position (`""`: from the first that is
     * kept). A projection keeps the position that it has come to beside what it makes of it.
     */
    readonly outcomes: (after: string, limit: number) => Effect.Effect<ReadonlyArray<Outcome>, QueryDataError>
    /** Which journal it is: a position in `outcomes` holds for this one and for no other. */
    readonly identity: string
    /** Whether what is committed outlives this process: another one can go on with it. */
    readonly durable: boolean
    /** Whether another process has the whole store: nothing can be written here any more. */
    readonly lost: () => boolean
    /** Whether appends can be committed, as far as is known: for readiness. */
    readonly usable: () => boolean
  }
>()("effect-resilience/journal/Journal") {
  /**
   * The journal on whatever `JournalStore` there is. A commit is made once a turn of the event loop; what has neither
   * frames nor an end lets one turn pass, unless somebody waits for it. Closing it commits
   * what is pending and then ends all leases and readers with a fault.
   *
   * If a commit fails, every lease and every reader has its `onFault` called, once; no terminal frame is invented. New
   * streams are tried again. A stream that another process has claimed has its lease and its readers ended with
   * `LeaseLost`, and no other is touched. Time is the fiber's `Clock` when the layer is built.
   */
  static readonly layer = (options: JournalOptions): Layer.Layer<Journal, never, JournalStore> =>
    Layer.effect(Journal, make(options))
}

const millis = (input: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(input))

const make = Effect.fnUntraced(function* (options: JournalOptions) {
  const store = yield* JournalStore
  const clock = yield* Clock.Clock
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const now = (): number => clock.currentTimeMillisUnsafe()
  const turn = options.turn ?? ((run: () => void) => void setImmediate(run))
  const inTurn = makeFairTurns(turn)
  const retention = millis(options.retention)
  const tombstone = millis(options.tombstone ?? "24 hours")
  const keyRetention = millis(options.idempotencyRetention ?? "24 hours")
  const report = (error: QueryDataError | UpdateDataError): void => void fork(Effect.logError(error.message))

  const hubs = new HeldMap<StreamId, Hub>()
  let closed: UpdateDataError | undefined

  const over = (endedAt: number): boolean => now() - endedAt > retention

  const open = (id: StreamId, committed: number | undefined): Hub => {
    const known = hubs.get(id)
    if (known !== undefined) return known
    const hub = makeHub(id, committed)
    hubs.set(id, hub)
    return hub
  }

  const release = (hub: Hub): void => {
    if (hub.writer !== undefined || hub.readers.size > 0 || hubs.get(hub.id) !== hub) return
    elsewhere.leave(hub)
    hubs.delete(hub.id)
  }

  // Copies: a listener may begin anew, and what it begins is not at fault.
  const faultHub = (hub: Hub, fault: JournalFault): void => {
    const writer = hub.writer
    group.drop(hub)
    hub.writer = undefined
    writer?.fault(fault)
    for (const reader of hub.readers.all()) reader.fault(fault)
    release(hub)
  }

  const faultAll = (fault: JournalFault): void => {
    for (const hub of Array.from(hubs.values())) faultHub(hub, fault)
  }

  const pressure = new Pressure(() => hubs.values())
  const locate = makeLocate({ store, hubs, now, retention, tombstone })
  const elsewhere = makeElsewhere({ store, turn, fault: faultHub, over })

  const onFates = (shares: ReadonlyArray<Gathered>, fates: ReadonlyArray<Fate>): void => {
    // First all lengths, then the readers: one of them may look at another stream of the same commit.
    const ended: Array<HubWriter | undefined> = []
    for (let n = 0; n < shares.length; n++) {
      if (fates[n]?._tag !== "Committed") continue
      const { begins, end, frames, hub, note } = shares[n]!
      hub.note = note ?? begins?.note ?? hub.note
      hub.committed = (hub.committed ?? 0) + (frames?.lengths.length ?? 0)
      hub.ended = end !== undefined
      if (end === undefined) hub.writer?.stored()
      else {
        ended.push(hub.writer)
        hub.writer = undefined
      }
    }
    for (let n = 0; n < shares.length; n++) settleShare(shares[n]!, fates[n] ?? { _tag: "Stale" })
    // Whoever reads goes first: what an end has to tell to others takes as long as to write it.
    for (const writer of ended) writer?.endStored()
  }

  const settleShare = ({ end, frames, hub }: Gathered, fate: Fate): void => {
    switch (fate._tag) {
      case "Committed": {
        const last = hub.committed! - 1
        const count = frames?.lengths.length ?? 0
        const terminal = end !== undefined
        if (count > 0 || terminal) {
          // What is more than a page is not given from memory: a slow reader would keep all of it.
          const isLong = frames !== undefined && count > 1 && frames.text.length > pageRoom
          // Whoever is told twice has moved on.
          hub.readers.each((reader) => {
            if (isLong) reader.grown()
            else reader.deliver(frames, last - count, terminal)
          })
        }
        if (fate.cancel !== undefined) hub.writer?.cancelled(fate.cancel)
        hub.size += frames?.text.length ?? 0
        if (terminal) finished(hub)
        return release(hub)
      }
      case "Stale":
        return faultHub(hub, leaseLost(hub.id, "is written by another process"))
      case "Ended":
        return faultHub(hub, leaseLost(hub.id, "was ended by another process"))
      default:
        // It gives nothing back, so only this line tells who adds a fate.
        return fate satisfies never
    }
  }

  /** The end of a stream is committed. */
  const finished = (hub: Hub): void => {
    keeping.ended(hub.size)
    const others = hubs.get(hub.id)
    // They wait for a stream that was given up.
    if (others !== undefined && others !== hub) faultHub(others, notThere(hub.id))
  }

  const group = makeGroupCommit({ commit: store.commit, pressure, turn, onFates, onFault: faultAll })

  const letGo = (hub: Hub): void => faultHub(hub, leaseLost(hub.id, "was let go"))

  const lead = (hub: Hub, fresh: NewRecord | undefined, epoch: number, next: number): Writer => {
    const writer = new Writer({ hub, group, epoch, next, fresh, now, letGo, report })
    hub.writer = writer
    pressure.tell(hub)
    return writer
  }

  const create = (stream: NewStream): Lease => {
    const record = new FirstRecord(stream, now())
    const hub = open(record.id, 0)
    const writer = lead(hub, record, 1, 0)
    group.begin(hub, record)
    if (closed !== undefined) faultHub(hub, closed)
    return writer
  }

  const begin = ({
    bodyHash,
    key,
    onlyFinds,
    ...stream
  }: KeyedStream): Effect.Effect<Begun, StreamExpired | UpdateDataError | QueryDataError> =>
    Effect.suspend(() => {
      if (closed !== undefined) return Effect.fail(closed)
      const record = new FirstRecord(stream, now())
      // It is live from now on, in case somebody is told of it before this is.
      const hub = open(record.id, 0)
      const writer = lead(hub, record, 1, 0)
      const asked = replied<Beginning, UpdateDataError>((done) =>
        store.begin(record, { key, bodyHash, onlyFinds, freeBefore: now() - keyRetention }, (reply) => {
          if (reply.ok && reply.value._tag === "Begun") {
            hub.note = record.note
            writer.stored()
          } else if (reply.ok) {
            hub.writer = undefined
            release(hub)
          } else faultHub(hub, reply.error)
          done(reply)
        })
      )
      return Effect.flatMap(asked, (beginning): Effect.Effect<Begun, StreamExpired | QueryDataError> => {
        if (beginning._tag === "Begun") return Effect.succeed({ _tag: "Begun", lease: writer })
        if (beginning._tag === "Absent") return Effect.succeed(beginning)
        return locate(beginning.record.id, undefined).pipe(
          Effect.map((position) => ({ _tag: "Exists" as const, position, sameBody: beginning.sameBody })),
          Effect.catchTags({
            StreamNotFound: () => Effect.fail(stackless(() => new StreamExpired({}))),
            InvalidCursor: Effect.die
          })
        )
      })
    }).pipe(Effect.uninterruptible)

  const claimed = (record: StreamRecord): Effect.Effect<ClaimReply, UpdateDataError> =>
    Effect.suspend(() => {
      if (closed !== undefined) return Effect.fail(closed)
      if (hubs.get(record.id)?.writer !== undefined) return Effect.succeed<ClaimReply>({ _tag: "Held" })
      return replied<ClaimReply, UpdateDataError>((done) => store.claim(record.id, record.epoch, done))
    }).pipe(Effect.uninterruptible)

  const claim = (record: StreamRecord): Effect.Effect<Claim, UpdateDataError> =>
    Effect.map(claimed(record), (claim) =>
      claim._tag === "Claimed" ? { ...claim, lease: adopt(claim.record) } : claim
    ).pipe(Effect.uninterruptible)

  /** Goes on with a stream that this process has claimed. */
  const adopt = (record: StreamRecord): Writer => {
    const hub = open(record.id, undefined)
    elsewhere.leave(hub)
    const writer = lead(hub, undefined, record.epoch, record.length)
    learn(hub, { ...record, endedAt: null })
    if (record.cancel !== undefined) writer.cancelled(record.cancel)
    if (closed !== undefined) faultHub(hub, closed)
    return writer
  }

  const follow = (text: string, after: number, sink: ReaderSink): Reader => {
    // What is no id is not in the store: its reader is told so, as of any other.
    const id = text as StreamId
    const known = hubs.has(id)
    const hub = open(id, undefined)
    const onClosed = () => {
      if (hub.readers.size === 0) hub.writer?.readersChanged(0)
      release(hub)
    }
    const follower = new Follower({ hub, after, sink, store, turn: inTurn, onClosed, report })
    const fault = closed
    if (fault !== undefined) turn(() => follower.fault(fault))
    else if (!known || (hub.sight !== undefined && after >= (hub.committed ?? 0))) {
      turn(() => {
        if (hub.readers.size > 0 && hub.writer === undefined) elsewhere.look(hub)
      })
    }
    if (hub.readers.size === 1) hub.writer?.readersChanged(1)
    return follower
  }

  const page: Journal["Service"]["page"] = (id, after) =>
    replied((done) => store.page(id as StreamId, after, pageFrames, done))

  const frames: Journal["Service"]["frames"] = Effect.fnUntraced(function* (id, after) {
    const all: Array<string> = []
    while (true) {
      const found = yield* page(id, after + all.length)
      if (found === undefined) return all
      for (const frame of splitFrames(found)) all.push(frame)
    }
  })

  const cancel = (id: string, fault: string): Effect.Effect<boolean, UpdateDataError> =>
    Effect.suspend(() => {
      if (!isStreamId(id)) return Effect.succeed(false)
      const writer = hubs.get(id)?.writer
      if (writer === undefined) return replied<boolean, UpdateDataError>((done) => store.cancel(id, fault, done))
      writer.cancelled(fault)
      return Effect.succeed(true)
    })

  yield* Effect.acquireRelease(
    Effect.sync(() => store.onCancel((id, fault) => hubs.get(id)?.writer?.cancelled(fault))),
    (stop) => Effect.sync(stop)
  )
  yield* Effect.addFinalizer(() =>
    Effect.callback<void>((resume) =>
      group.close(() => {
        closed = stackless(() => new UpdateDataError({ message: "the journal is closed" }))
        faultAll(closed)
        resume(Effect.void)
      })
    )
  )

  const keeping = yield* makeKeeping({
    store,
    now,
    retention,
    tombstone,
    keyRetention,
    maxBytes: options.maxBytes ?? 268_435_456,
    giveUp: (orphan, at) =>
      Effect.suspend(() => {
        if (hubs.has(orphan.id)) return Effect.void
        return Effect.map(claimed(orphan), (claim) => {
          if (claim._tag !== "Claimed") return
          // In a hub of its own: nobody is to take this for the end that readers wait for.
          const { id, epoch, length } = claim.record
          lead(makeHub(id, length), undefined, epoch, length).giveUp(at)
        })
      }),
    report
  })

  return Journal.of({
    create,
    begin,
    locate,
    follow,
    page,
    frames,
    claim,
    live: (id) => hubs.get(id as StreamId)?.writer?.lease,
    orphans: (limit) => replied((done) => store.orphans(limit, done)),
    unended: (limit) => replied((done) => store.live(limit, done)),
    cancel,
    forget: (id, owner) => (isStreamId(id) ? replied((done) => store.forget(id, owner, done)) : Effect.succeed(false)),
    outcomes: (after, limit) => replied((done) => store.outcomes(after, limit, done)),
    identity: store.identity,
    durable: store.durable,
    lost: store.lost,
    usable: () => closed === undefined && store.usable()
  })
})

const leaseLost = (id: StreamId, why: string) => stackless(() => new LeaseLost({ message: `stream ${id} ${why}` }))
