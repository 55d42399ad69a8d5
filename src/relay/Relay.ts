/**
 * The relay: begins answers, takes up those whose process is gone, owns their fibers, and ends them. A request starts an
 * answer and then only reads it from the journal, like anybody else who knows its id.
 */
import { Clock, Context, Effect, type Fiber, Layer, type Scope, Stream } from "effect"
import { Affinity, AffinitySection, defaultGroup, Selection, Upstream } from "../channel/index.ts"
import { type AnswerRequest, Dialects } from "../dialect/index.ts"
import {
  ClientGone,
  InternalError,
  ModelNotFound,
  type QueryDataError,
  type ResilienceError,
  Secrets,
  ShuttingDown,
  stackless,
  StreamCancelled,
  type StreamExpired,
  type StreamFaultData,
  type UpdateDataError
} from "../errors/index.ts"
import { makeRequestId } from "../http/index.ts"
import {
  type Begun,
  Journal,
  type JournalFault,
  type Lease,
  type NewStream,
  type Position,
  type StreamKey,
  type StreamRecord
} from "../journal/index.ts"
import { HeldMap, makeFibers } from "../memory/index.ts"
import { MonotonicClock } from "../policy/index.ts"
import { Settings } from "../settings/index.ts"
import { type AdoptFault, makeAdoption } from "./Adoption.ts"
import { Answer } from "./Answer.ts"
import type { AnswerContext, AnswerStart } from "./AnswerStart.ts"
import { type AnswerEvent, answerEvents, parseQuestion, type Question } from "./Ask.ts"
import { runAttempts } from "./Attempts.ts"
import { count, type Counted } from "./Count.ts"
import { embed } from "./Embed.ts"
import type { Asker, Errand } from "./Errand.ts"
import { type Frames, frameStream } from "./FrameStream.ts"
import { firstNote, LateNote } from "./Note.ts"
import { RelayEvents } from "./RelayEvents.ts"
import { type AnswerSettings, makeSnapshot, type RelayOptions } from "./RelayOptions.ts"
import { encodeRequest } from "./Request.ts"
import { decideTakeOver } from "./TakeOver.ts"
import { makeWatchdog } from "./Watchdog.ts"

export type { AdoptFault } from "./Adoption.ts"

/** Who asks where the program itself does. */
const ourselves = (): Asker => ({ requestId: makeRequestId(Math.random), owner: "", group: defaultGroup })

const gone = (): ResilienceError => stackless(() => new ClientGone({}))

/** What has become of a request that has an idempotency key. */
export type StartedOnce =
  | { readonly _tag: "Began"; readonly answer: Answer }
  /** The key has a stream already. `sameBody`: it was begun for the same request. */
  | Extract<Begun, { readonly _tag: "Exists" | "Absent" }>

/** An answer under way. */
interface LiveAnswer {
  readonly answer: Answer
  /** What runs its attempts. */
  attempts: Fiber.Fiber<void> | undefined
  /** What waits for its grace, while nobody reads it. */
  grace: Fiber.Fiber<void> | undefined
}

const cancelled = (fault: StreamFaultData): ResilienceError =>
  stackless(() => new StreamCancelled({ fault, message: fault.message }))

/** The relay. */
export class Relay extends Context.Service<
  Relay,
  {
    /**
     * Begins an answer. `attach` is called, at once, before any upstream is asked: a reader that follows there sees the
     * answer from its first event. Fails while the relay shuts down.
     */
    readonly start: (start: AnswerStart, attach: (answer: Answer) => void) => Effect.Effect<Answer, ShuttingDown>
    /**
     * Begins an answer under an idempotency key of its owner, or finds the one that has the key: of any number at the same
     * time, at any relays on one store, one begins. `attach` is called as by `start`, and only for the one that begins.
     * The key is bound until `journal.idempotencyRetention` after the answer's end; an answer that ended in a recoverable
     * error before anything was shown, or because its client was gone, frees it. `StreamExpired`: it is bound, and its
     * answer can be read no more. Not interruptible: what has begun has somebody who writes it.
     */
    readonly startOnce: (
      start: AnswerStart,
      key: StreamKey,
      attach: (answer: Answer) => void
    ) => Effect.Effect<StartedOnce, ShuttingDown | StreamExpired | UpdateDataError | QueryDataError>
    /**
     * Asks a question from inside this program, and gives its answer as it comes, to its end; an answer that ended badly
     * fails with its error. Whoever stops reading cancels it.
     */
    readonly ask: (question: Question) => Stream.Stream<AnswerEvent, ResilienceError>
    /**
     * How many tokens a request would be: asked of a channel of its dialect, or else estimated. Starts no answer. `asker`
     * is who the log says that it was asked for. Default: a request id of its own, and no token.
     */
    readonly count: (
      request: AnswerRequest,
      timeoutMillis: number,
      asker?: Asker
    ) => Effect.Effect<Counted, ShuttingDown>
    /**
     * Embeddings, of a channel that makes them: whole, in its words. Starts no answer. `asker` is as for `count`.
     */
    readonly embed: (
      request: AnswerRequest,
      timeoutMillis: number,
      asker?: Asker
    ) => Effect.Effect<Errand, ShuttingDown>
    /**
     * Cancels an answer with a fault, whoever writes it; gives `false` when it has ended. Succeeds once that is
     * committed, or the process that writes it was told.
     */
    readonly cancel: (position: Position, fault: StreamFaultData) => Effect.Effect<boolean, AdoptFault>
    /**
     * Takes up a stream whose writer is gone: it goes on, or ends with what it has. Succeeds once that is decided; who
     * waits for it may leave meanwhile. Any number may ask at once.
     */
    readonly adopt: (record: StreamRecord) => Effect.Effect<void, AdoptFault>
    /**
     * What an answer that begins now goes by. Given to `start`, the answer goes by it whenever that is: who takes a request
     * in takes it then, as the request may be long in coming.
     */
    readonly settings: () => AnswerSettings
    /** Answers under way. */
    readonly active: () => number
    readonly stopping: () => boolean
    /** Takes nothing new. What is under way goes on, and a reader that leaves no longer ends it. */
    readonly stop: Effect.Effect<void>
    /** Succeeds when no answer is under way. */
    readonly drained: Effect.Effect<void>
    /**
     * Gives up what is still under way. What another process can go on with is left to it, without a terminal event; the
     * rest ends with `shutting_down`. Succeeds with whether all of it was left.
     */
    readonly abort: Effect.Effect<boolean>
  }
>()("effect-resilience/relay/Relay") {
  /** The relay of some options. It takes up what the process before it has left, once it is built. */
  static readonly layer = (
    options: RelayOptions
  ): Layer.Layer<Relay, never, Journal | RelayEvents | Selection | Settings | Upstream> =>
    Layer.effect(Relay, make(options))
}

/** Where sessions are at home, as the settings have it now. What is known stays while they have it at all. */
const makeAffinity: Effect.Effect<() => Affinity | undefined, never, Scope.Scope | Settings> = Effect.gen(function* () {
  const section = (yield* Settings).of(AffinitySection)
  let affinity = section.current && new Affinity(section.current)
  const renew = (options: typeof section.current): void => {
    if (options !== undefined && affinity !== undefined) affinity.configure(options)
    else affinity = options && new Affinity(options)
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => section.subscribe(renew)),
    (unsubscribe) => Effect.sync(unsubscribe)
  )
  return () => affinity
})

const make = Effect.fnUntraced(function* (options: RelayOptions) {
  const journal = yield* Journal
  const selection = yield* Selection
  const events = yield* RelayEvents
  const upstream = yield* Upstream
  const clock = yield* Clock.Clock
  const fibers = yield* makeFibers()
  const answers = new HeldMap<string, LiveAnswer>()
  /** Who waits for the end of an answer. */
  const onOver = new Map<string, ReadonlyArray<() => void>>()
  const scope = yield* Effect.scope
  let stopping = false
  let onDrained: Array<() => void> = []

  const context: AnswerContext = {
    debug: options.debug,
    name: options.name ?? "effect-resilience",
    snapshot: yield* makeSnapshot,
    storesRequests: options.journal.storeRequests,
    events,
    selection,
    affinity: yield* makeAffinity,
    dialects: yield* Dialects,
    watchdog: yield* makeWatchdog,
    now: () => MonotonicClock.wholeMillis(clock),
    wall: () => clock.currentTimeMillisUnsafe(),
    mask: (yield* Secrets).mask
  }

  const forget = (id: string): void => {
    answers.get(id)?.grace?.interruptUnsafe()
    answers.delete(id)
    const ended = onOver.get(id)
    onOver.delete(id)
    if (ended !== undefined) for (const done of ended) done()
    if (answers.size > 0) return
    const waiting = onDrained
    onDrained = []
    for (const done of waiting) done()
  }

  /** Ends an answer from outside its own fiber. */
  const end = (answer: Answer, error: ResilienceError): void => {
    answer.fail(error)
    answers.get(answer.id)?.attempts?.interruptUnsafe()
  }

  /** Nobody reads: the answer goes on for its grace, whatever happens to it. */
  const grace = (answer: Answer): void => {
    const found = answers.get(answer.id)
    if (found === undefined) return
    found.grace?.interruptUnsafe()
    const unread = Effect.sync(() => {
      if (!answer.ended && answer.lease.readers() === 0 && !stopping) end(answer, gone())
    })
    found.grace = fibers.run(Effect.andThen(Effect.sleep(options.journal.detachGrace), unread))
  }

  /** Its last reader has left. */
  const left = (answer: Answer): void => {
    switch (answer.start.leave) {
      case "cancel":
        return end(answer, gone())
      case "detach":
        return grace(answer)
      case "stay":
        return
    }
  }

  const onReaders = (answer: Answer, readers: number): void => {
    // Who shuts down has sent its readers away: they have not left.
    if (readers > 0) answers.get(answer.id)?.grace?.interruptUnsafe()
    else if (!answer.ended && !stopping) left(answer)
  }

  /** An answer is this relay's from now on: what its journal tells is heard. */
  const own = (answer: Answer): void => {
    const { lease } = answer
    answers.set(answer.id, { answer, attempts: undefined, grace: undefined })
    lease.onReaders((readers) => onReaders(answer, readers))
    lease.onFault((fault) => {
      // Where it is not another's by now, it goes on once the store can be written again; where its end was what could not
      // be written, it ends.
      if (fault._tag !== "LeaseLost") adoption.again(answer.id)
      answer.cutOff(fault)
      answers.get(answer.id)?.attempts?.interruptUnsafe()
    })
    lease.onCancel((fault) => {
      if (!answer.ended) end(answer, cancelled(JSON.parse(fault) as StreamFaultData))
    })
  }

  /** The life of an answer, to its end. */
  const live = (answer: Answer): Effect.Effect<void> =>
    runAttempts(answer, context).pipe(
      Effect.catchDefect((defect) =>
        Effect.sync(() => answer.fail(new InternalError({ message: `the relay failed: ${String(defect)}` })))
      ),
      Effect.ensuring(
        Effect.sync(() => {
          // An answer that was interrupted without an end is left for another process to go on with.
          answer.park()
          // Who stops waits for its end to be told.
          answer.onOver(() => forget(answer.id))
        })
      ),
      Effect.provideService(Upstream, upstream)
    )

  /** Its attempts are begun, or gone on with. */
  const run = (answer: Answer): void => {
    const fiber = fibers.run(live(answer))
    const found = answers.get(answer.id)
    // It may be over by now.
    if (found !== undefined) found.attempts = fiber
  }

  const newStream = ({
    dialect,
    group,
    id,
    keyed,
    leave,
    owner,
    price,
    request,
    requestId,
    timeoutMillis
  }: AnswerStart): NewStream => {
    const { delivery, model } = request
    const startedAt = context.wall()
    return {
      id,
      dialect: dialect.name,
      owner,
      request: context.storesRequests ? () => encodeRequest(request.asking) : "",
      note: () =>
        new LateNote(
          firstNote({
            requestId,
            group,
            model,
            startedAt,
            timeoutMillis,
            leave,
            keyed: keyed && delivery,
            inputTokens: context.storesRequests ? undefined : request.inputEstimate(),
            price
          })
        )
    }
  }

  /** Whose lease is given to an answer that begins. */
  const begun = (begin: AnswerStart, lease: Lease, attach: (answer: Answer) => void): Answer => {
    const answer = new Answer(begin, lease, context)
    own(answer)
    answer.open()
    attach(answer)
    run(answer)
    return answer
  }

  const start = (begin: AnswerStart, attach: (answer: Answer) => void) =>
    Effect.suspend(() =>
      stopping
        ? Effect.fail(stackless(() => new ShuttingDown({})))
        : Effect.succeed(begun(begin, journal.create(newStream(begin)), attach))
    )

  const startOnce: Relay["Service"]["startOnce"] = (asked, key, attach) =>
    Effect.suspend((): ReturnType<typeof startOnce> => {
      if (stopping) return Effect.fail(stackless(() => new ShuttingDown({})))
      const begin: AnswerStart = { ...asked, keyed: true }
      return Effect.map(journal.begin({ ...newStream(begin), ...key }), (found): StartedOnce => {
        if (found._tag !== "Begun") return found
        const answer = begun(begin, found.lease, attach)
        // Its client may have left while the store was asked.
        if (answer.unread && !answer.ended && !stopping) left(answer)
        return { _tag: "Began", answer }
      })
      // What has begun has an answer that writes it, whoever is gone by then.
    }).pipe(Effect.uninterruptible)

  /** Succeeds when an answer of this relay is over. */
  const over = (id: string): Effect.Effect<void> =>
    Effect.callback((resume) => {
      if (!answers.has(id)) return resume(Effect.void)
      const waiting = onOver.get(id) ?? []
      onOver.set(id, [...waiting, () => resume(Effect.void)])
    })

  const adoption = makeAdoption({
    journal,
    relay: options,
    context,
    isHere: (id) => answers.has(id),
    own,
    forget,
    goOn: (answer) => {
      if (answer.lease.readers() === 0 && answer.start.leave !== "stay") grace(answer)
      run(answer)
    },
    over,
    fork: fibers.replace,
    stopping: () => stopping
  })

  const cancel = ({ record, state }: Position, fault: StreamFaultData): Effect.Effect<boolean, AdoptFault> =>
    Effect.suspend(() => {
      const answer = answers.get(record.id)?.answer
      const lease = answer?.lease ?? journal.live(record.id)
      if (answer !== undefined && !answer.ended) {
        end(answer, cancelled(fault))
        return Effect.as(Effect.ignore(answer.lease.committed), true)
      }
      // It has ended, but perhaps not in the store yet.
      if (lease !== undefined) return Effect.as(Effect.ignore(lease.committed), false)
      switch (state) {
        case "ended":
        // It was live here when it was looked for.
        case "live":
          return Effect.succeed(false)
        case "elsewhere":
          return journal.cancel(record.id, JSON.stringify(fault))
        case "orphan":
          return Effect.as(
            Effect.andThen(
              adoption.adopt(record, { _tag: "Ending", error: cancelled(fault) }),
              Effect.suspend(() => {
                // Somebody else may have taken it up at the same time, to go on with it.
                const taken = answers.get(record.id)?.answer
                if (taken !== undefined) end(taken, cancelled(fault))
                const lease = journal.live(record.id)
                return lease === undefined ? Effect.void : Effect.ignore(lease.committed)
              })
            ),
            true
          )
      }
    })

  yield* Effect.forkIn(adoption.all, scope)

  const ask = (question: Question): Stream.Stream<AnswerEvent, ResilienceError> =>
    Stream.unwrap(
      Effect.gen(function* () {
        const { group = defaultGroup } = question
        const { dialect, request } = yield* Effect.fromResult(parseQuestion(question, options.rules(group)))
        if (!selection.serves(request.model, group)) {
          return yield* Effect.fail(stackless(() => new ModelNotFound({ model: request.model })))
        }
        const { total } = context.snapshot().timeouts
        const begin: AnswerStart = {
          request,
          dialect,
          requestId: question.requestId ?? makeRequestId(Math.random),
          owner: question.owner ?? "",
          group,
          timeoutMillis: Math.min(request.timeoutMillis ?? options.chatTimeout(), total),
          leave: "cancel",
          price: options.priceOf?.(request.model)
        }
        let frames: Stream.Stream<Frames, JournalFault> = Stream.empty
        const answer = yield* start(begin, ({ id }) => {
          frames = frameStream(journal, id, -1)
        })
        return answerEvents(answer.id, frames)
      })
    )

  /** Whether another process can go on with an answer, and somebody can come for it. */
  const canPark = (answer: Answer): boolean => {
    const { machine, settings, start } = answer
    const { onRestart, storeRequests } = options.journal
    if (!journal.durable || !storeRequests) return false
    // Who has read nothing of it has no id to come back with, unless it was told one at once, or has its key.
    const findable = start.dialect.lettable || start.leave === "stay" || start.keyed === true
    if (!findable && !machine.committed) return false
    const decided = decideTakeOver({
      note: answer.asNote("streaming", undefined),
      request: start.request,
      replayed: { begun: machine.committed, sealed: machine.phase._tag === "Sealed" },
      asked: true,
      allowed: true,
      onRestart,
      retry: settings.retry,
      recovery: settings.recovery
    })
    return decided._tag !== "End"
  }

  return Relay.of({
    start,
    startOnce,
    ask,
    count: (request, timeoutMillis, asker = ourselves()) =>
      Effect.suspend(() =>
        stopping
          ? Effect.fail(stackless(() => new ShuttingDown({})))
          : Effect.provideService(count(request, timeoutMillis, asker, context), Upstream, upstream)
      ),
    embed: (request, timeoutMillis, asker = ourselves()) =>
      Effect.suspend(() =>
        stopping
          ? Effect.fail(stackless(() => new ShuttingDown({})))
          : Effect.provideService(embed(request, timeoutMillis, asker, context), Upstream, upstream)
      ),
    cancel,
    adopt: (record) => Effect.asVoid(adoption.adopt(record, { _tag: "Asked" })),
    settings: context.snapshot,
    active: () => answers.size,
    stopping: () => stopping,
    stop: Effect.sync(() => {
      stopping = true
    }),
    drained: Effect.callback<void>((resume) => {
      if (answers.size === 0) resume(Effect.void)
      else onDrained.push(() => resume(Effect.void))
    }),
    abort: Effect.suspend(() => {
      let all = true
      for (const { answer } of answers.values()) {
        if (answer.ended || canPark(answer)) continue
        all = false
        answer.fail(stackless(() => new ShuttingDown({})))
      }
      return Effect.as(fibers.clear, all)
    })
  })
})
