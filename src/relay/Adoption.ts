/**
 * Streams whose writer is gone: looked at, claimed, and gone on with or ended. What becomes of each is decided in
 * `TakeOver`; here that is carried out, so that no stream is ever live without somebody who writes it.
 *
 * Everything that can fail is done before a stream is claimed; what fails after it all the same gives the stream back.
 */
import { Effect, Exit, Fiber, Schedule, Semaphore } from "effect"
import { defaultGroup } from "../channel/index.ts"
import {
  type AnswerEncoder,
  clientDialectNamed,
  type ClientDialect,
  type ParseRules,
  payloadsOf,
  type Replayed
} from "../dialect/index.ts"
import {
  ClientGone,
  InternalError,
  QueryDataError,
  type ResilienceError,
  stackless,
  type UpdateDataError
} from "../errors/index.ts"
import type { Journal, JournalFault, Lease, StreamRecord } from "../journal/index.ts"
import { Answer } from "./Answer.ts"
import type { AnswerContext } from "./AnswerStart.ts"
import { type Kept, keptOf, nothingKept } from "./AnswerLength.ts"
import { decodeNote, type Note } from "./Note.ts"
import type { RelayOptions } from "./RelayOptions.ts"
import { decodeRequest, type StoredRequest } from "./Request.ts"
import { settle } from "./Settle.ts"
import { decideTakeOver, type TakeOver } from "./TakeOver.ts"

/** Why a stream could not be taken up. */
export type AdoptFault = QueryDataError | UpdateDataError | JournalFault | InternalError

/** Why a stream is taken up. */
export type Reason =
  /** It was found when the relay started. */
  | { readonly _tag: "Found" }
  /** Somebody wants to read it. */
  | { readonly _tag: "Asked" }
  /** It is to end with this, whatever could be done. */
  | { readonly _tag: "Ending"; readonly error: ResilienceError }

/** What has become of it. */
export type Adopted =
  /** It goes on here, or was ended here. */
  | "taken"
  /** Somebody has done that before. */
  | "settled"
  /** It is left to its client. */
  | "waits"

/** What a relay lends. */
export interface AdoptionOptions {
  readonly journal: Journal["Service"]
  readonly relay: RelayOptions
  readonly context: AnswerContext
  readonly isHere: (id: string) => boolean
  /** The answer is the relay's: what its journal tells is heard. */
  readonly own: (answer: Answer) => void
  /** Nothing more is to be done for an answer that has ended. */
  readonly forget: (id: string) => void
  /** Asks upstreams for the rest of an answer. */
  readonly goOn: (answer: Answer) => void
  /** Succeeds when an answer of this relay is over. */
  readonly over: (id: string) => Effect.Effect<void>
  /** Runs work that is the relay's own. */
  readonly fork: <A>(name: string, work: Effect.Effect<A, AdoptFault>) => Fiber.Fiber<A, AdoptFault>
  readonly stopping: () => boolean
}

/** The taking up of one relay. */
export interface Adoption {
  /**
   * Takes up a stream. Succeeds once it is decided what becomes of it; who waits for that may leave meanwhile. Any number
   * may ask at once.
   */
  readonly adopt: (record: StreamRecord, reason: Reason) => Effect.Effect<Adopted, AdoptFault>
  /** Takes up what the process before has left, oldest first, so many at once. */
  readonly all: Effect.Effect<void>
  /** Takes up a stream that was given up here, as soon as the store can be written again. */
  readonly again: (id: string) => void
}

/** The events of a stream, as far as they were read. */
interface Events {
  readonly encoder: AnswerEncoder
  replayed: Replayed
  kept: Kept
  /** How many there were. */
  length: number
}

/** A stream as it was found. */
interface Found {
  readonly dialect: ClientDialect
  readonly record: StreamRecord
  readonly note: Note | undefined
  readonly stored: StoredRequest | undefined
  readonly events: Events
  readonly decided: TakeOver
}

const found: Reason = { _tag: "Found" }
const gone: Reason = { _tag: "Ending", error: stackless(() => new ClientGone({})) }

/** How long it is waited before what has failed is tried again, in milliseconds at first; later up to a minute. */
const firstTryMillis = 1000
const tryingAgain = Schedule.min([Schedule.exponential("2 seconds"), Schedule.spaced("1 minute")])

/** Makes it. */
export const makeAdoption = (options: AdoptionOptions): Adoption => {
  const { context, journal, relay } = options
  const { events } = context
  /** The streams that are being taken up, and who waits for that. */
  const underWay = new Map<string, Fiber.Fiber<Adopted, AdoptFault>>()

  const tell = (error: AdoptFault): Effect.Effect<void> =>
    Effect.sync(() => events.tell({ _tag: "RelayErred", requestId: undefined, error }))

  /**
   * What a request did not say is what it was when it was asked, whatever is the default now; and how long it may be was
   * asked then.
   */
  const rulesOf = (note: Note | undefined): ParseRules => ({
    maxMessage: Number.MAX_SAFE_INTEGER,
    defaultModel: note?.model ?? relay.rules(defaultGroup).defaultModel
  })

  /** Nothing was read of a stream yet. */
  const unread = (dialect: ClientDialect, record: StreamRecord, stored: StoredRequest | undefined): Events => {
    const note = decodeNote(record.note)
    const encoder = dialect.encoder({
      requestId: note?.requestId ?? "",
      streamId: record.id,
      createdAt: note?.startedAt ?? record.createdAt,
      includeUsage: stored?.request.includeUsage ?? false,
      debug: relay.debug,
      request: stored?.request
    })
    return { encoder, replayed: encoder.resume([]), kept: nothingKept, length: 0 }
  }

  /** Reads on, a page a turn: a long answer must not hold up all others. */
  const read = Effect.fnUntraced(function* (id: string, events: Events) {
    for (;;) {
      const page = yield* journal.page(id, events.length - 1)
      if (page === undefined) return
      const payloads = payloadsOf([page.text])
      events.replayed = events.encoder.resume(payloads)
      events.kept = keptOf(events.kept, payloads)
      events.length += page.lengths.length
      yield* Effect.yieldNow
    }
  })

  const judge = (
    dialect: ClientDialect,
    record: StreamRecord,
    events: Events,
    stored: StoredRequest | undefined,
    allowed: boolean,
    reason: Reason
  ): Found => {
    const note = decodeNote(record.note)
    const { recovery, retry } = context.snapshot()
    const decided: TakeOver =
      reason._tag === "Ending"
        ? { _tag: "End", error: reason.error }
        : decideTakeOver({
            note,
            request: stored?.request,
            replayed: events.replayed,
            asked: reason._tag === "Asked",
            allowed,
            onRestart: relay.journal.onRestart,
            retry,
            recovery
          })
    return { dialect, record, note, stored, events, decided }
  }

  /** Who has claimed a stream goes on with it or ends it, at once. Gives the answer that goes on. */
  const begin = (lease: Lease, found: Found): Answer | undefined => {
    const { decided, dialect, note, record, stored } = found
    const { encoder, kept, replayed } = found.events
    if (note === undefined || stored === undefined) {
      const onFault = (fault: JournalFault): void => {
        if (fault._tag !== "LeaseLost") again(record.id)
      }
      settle({ context, dialect, encoder, replayed, lease, note, record, decided, onFault })
      return undefined
    }
    const answer = new Answer(
      {
        ...stored,
        requestId: note.requestId,
        owner: record.owner,
        group: note.group,
        timeoutMillis: note.timeoutMillis,
        leave: note.leave,
        price: note.price,
        keyed: note.keyed === undefined ? undefined : true
      },
      lease,
      context,
      {
        note,
        pursuit: "pursuit" in decided ? decided.pursuit : note.pursuit,
        encoder,
        replayed,
        kept,
        goneSince: record.goneSince ?? context.wall(),
        grace: relay.journal.resumeGrace
      }
    )
    events.tell({ _tag: "StreamTakenOver", answer: answer.ref, afterMillis: context.now() - answer.startedAt })
    options.own(answer)
    // A stream that is begun under a key is stored before its first event is.
    if (found.events.length === 0) answer.showOpening()
    if (decided._tag === "End") answer.fail(decided.error)
    else if (decided._tag === "Complete") answer.complete()
    if (answer.ended) {
      options.forget(answer.id)
      return undefined
    }
    // Counted before anybody is asked: a request that kills its relay cannot do it for ever.
    answer.note(answer.machine.committed ? "streaming" : "started")
    return answer
  }

  const take = Effect.fnUntraced(function* (
    record: StreamRecord,
    reason: Reason
  ): Effect.fn.Return<Adopted, AdoptFault> {
    const { id } = record
    const dialect = clientDialectNamed(record.dialect)
    if (dialect === undefined) {
      const message = `stream ${id} is of the dialect ${record.dialect}, which this version does not know`
      return yield* Effect.fail(stackless(() => new QueryDataError({ message })))
    }
    const stored = relay.journal.storeRequests
      ? decodeRequest(record.dialect, record.request, rulesOf(decodeNote(record.note)))
      : undefined
    const allowed = stored === undefined || (yield* relay.mayUse(record.owner, stored.request.model))
    const events = unread(dialect, record, stored)
    yield* read(id, events)
    if (judge(dialect, record, events, stored, allowed, reason).decided._tag === "Wait") return "waits"

    const claim = yield* journal.claim(record)
    if (claim._tag !== "Claimed") {
      // Somebody was faster. Who was may have given it back since then.
      const now = yield* orphan(id)
      return now === undefined || now.epoch === record.epoch ? "settled" : yield* take(now, reason)
    }
    const { lease } = claim
    return yield* Effect.gen(function* () {
      // Whoever was held for dead may have lived, and written on until it was claimed.
      if (claim.record.length > events.length) yield* read(id, events)
      // Since when it had been gone is known only of the one before.
      const { goneSince } = record
      const answer = begin(lease, judge(dialect, { ...claim.record, goneSince }, events, stored, allowed, reason))
      if (answer === undefined) return "taken" as const
      yield* lease.committed
      if (answer.ended) options.forget(id)
      else options.goOn(answer)
      return "taken" as const
    }).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) return
          lease.letGo()
          options.forget(id)
        })
      )
    )
  })

  /** The stream, if nobody writes it and it has no end. */
  const orphan = (id: string): Effect.Effect<StreamRecord | undefined, QueryDataError> =>
    journal.locate(id, undefined).pipe(
      Effect.map(({ record, state }) => (state === "orphan" ? record : undefined)),
      Effect.catchTag(["InvalidCursor", "StreamExpired", "StreamNotFound"], () => Effect.undefined)
    )

  const adopt = (record: StreamRecord, reason: Reason): Effect.Effect<Adopted, AdoptFault> =>
    Effect.suspend(() => {
      const { id } = record
      if (options.isHere(id)) return Effect.succeed("settled")
      const before = underWay.get(id)
      // It may end otherwise than is wanted here, or fail.
      if (before !== undefined) return Effect.andThen(Fiber.await(before), adopt(record, reason))
      const taking = take(record, reason).pipe(
        Effect.catchDefect((defect) =>
          Effect.fail(new InternalError({ message: `stream ${id} cannot be taken up: ${String(defect)}` }))
        ),
        Effect.ensuring(Effect.sync(() => underWay.delete(id))),
        Effect.uninterruptible
      )
      const fiber = options.fork(`${id}/adopt`, taking)
      if (fiber.pollUnsafe() === undefined) underWay.set(id, fiber)
      return Fiber.join(fiber)
    })

  /** Takes up a stream that nobody asks for. */
  const takeUp = (record: StreamRecord): Effect.Effect<Adopted, AdoptFault> =>
    Effect.tap(adopt(record, found), (adopted) =>
      // Where its client does not come for it either, it ends.
      Effect.sync(() => adopted === "waits" && later(record.id, relay.journal.detachGrace, adopt(record, gone)))
    )

  const later = (id: string, millis: number, work: Effect.Effect<unknown, AdoptFault>): void =>
    void options.fork(`${id}/later`, Effect.andThen(Effect.sleep(millis), orTryAgain(id, work)))

  const orTryAgain = (id: string, work: Effect.Effect<unknown, AdoptFault>): Effect.Effect<void> =>
    Effect.catch(work, (error) =>
      Effect.andThen(
        tell(error),
        Effect.sync(() => again(id))
      )
    )

  const again = (id: string): void => {
    const tried = Effect.flatMap(orphan(id), (record) => (record === undefined ? Effect.void : takeUp(record)))
    const work = Effect.retry(Effect.tapError(tried, tell), tryingAgain)
    void options.fork(`${id}/again`, Effect.andThen(Effect.sleep(firstTryMillis), Effect.ignore(work)))
  }

  const all = Effect.gen(function* () {
    const { takeOverAtOnce } = relay.journal
    const places = yield* Semaphore.make(takeOverAtOnce)
    const seen = new Set<string>()
    for (;;) {
      // Each has its request with it: a few at a time.
      const records = yield* journal.orphans(seen.size + 2 * takeOverAtOnce)
      const fresh = records.filter(({ id }) => !seen.has(id))
      if (fresh.length === 0 || options.stopping()) return
      for (const record of fresh) {
        seen.add(record.id)
        const taking = Effect.flatMap(takeUp(record), (adopted) =>
          adopted === "taken" ? options.over(record.id) : Effect.void
        )
        // What waits for its client asks nobody: no place is kept for it.
        const waits = decodeNote(record.note)?.leave === "cancel"
        if (!waits) yield* places.take(1)
        const work = orTryAgain(record.id, taking)
        options.fork(`${record.id}/found`, waits ? work : Effect.ensuring(work, places.release(1)))
      }
    }
  })

  return { adopt, again, all: Effect.ignore(Effect.retry(Effect.tapError(all, tell), tryingAgain)) }
}
