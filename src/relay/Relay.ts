/**
 * The relay: begins answers, owns their fibers, and ends them. A request starts an answer and then only reads it from
 * the journal, like anybody else who knows its id.
 */
import { Clock, Context, Effect, type Fiber, FiberMap, Layer } from "effect"
import { Selection, Upstream } from "../channel/index.ts"
import { type AnswerEncoder, clientDialectNamed, payloadsOf } from "../dialect/index.ts"
import {
  ClientGone,
  InternalError,
  QueryDataError,
  type ResilienceError,
  ShuttingDown,
  stackless,
  StreamCancelled,
  type StreamFaultData,
  StreamTruncated
} from "../errors/index.ts"
import { Journal, type JournalFault, type Position } from "../journal/index.ts"
import { Backoff, RetryBudgetState } from "../policy/index.ts"
import { Answer, type AnswerContext, type AnswerStart } from "./Answer.ts"
import { runAttempts } from "./Attempts.ts"
import { RelayEvents } from "./RelayEvents.ts"
import type { RelayOptions } from "./RelayOptions.ts"
import { makeWatchdog } from "./Watchdog.ts"

/** How long a retry budget's deposits live: Finagle's default, in milliseconds. */
const budgetTtl = 10_000

const gone = (): ResilienceError => stackless(() => new ClientGone({}))

/** The relay. */
export class Relay extends Context.Service<
  Relay,
  {
    /**
     * Begins an answer. `attach` is called, at once, before any upstream is asked: a reader that follows there sees the
     * answer from its first event. Fails while the relay shuts down.
     */
    readonly start: (start: AnswerStart, attach: (answer: Answer) => void) => Effect.Effect<Answer, ShuttingDown>
    /** Cancels a live answer with a fault; gives `false` when there is none of that id. Succeeds once that is committed. */
    readonly cancel: (id: string, fault: StreamFaultData) => Effect.Effect<boolean>
    /** Ends a stream whose writer is gone, with what it has as partial content. Others may read it meanwhile. */
    readonly settle: (position: Position) => Effect.Effect<void, QueryDataError | JournalFault>
    /** Answers under way. */
    readonly active: () => number
    readonly stopping: () => boolean
    /** Takes nothing new. What is under way goes on, and a reader that leaves no longer ends it. */
    readonly stop: Effect.Effect<void>
    /** Succeeds when no answer is under way. */
    readonly drained: Effect.Effect<void>
    /** Ends what is still under way: dialect streams with `shutting_down`; the rest without a terminal event. */
    readonly abort: Effect.Effect<void>
  }
>()("effect-resilience/relay/Relay") {
  /** The relay of some options. */
  static readonly layer = (
    options: RelayOptions
  ): Layer.Layer<Relay, never, Journal | RelayEvents | Selection | Upstream> => Layer.effect(Relay, make(options))
}

const make = Effect.fnUntraced(function* (options: RelayOptions) {
  const journal = yield* Journal
  const selection = yield* Selection
  const events = yield* RelayEvents
  const upstream = yield* Upstream
  const clock = yield* Clock.Clock
  const fibers = yield* FiberMap.make<string, void>()
  const fork = yield* FiberMap.runtime(fibers)<Upstream>()
  const answers = new Map<string, Answer>()
  /** What waits for the grace of answers that nobody reads. */
  const graces = new Map<string, Fiber.Fiber<void>>()
  let stopping = false
  let onDrained: Array<() => void> = []

  const context: AnswerContext = {
    options,
    budget: RetryBudgetState.window({ ...options.retry.budget, ttlMillis: budgetTtl }),
    backoff: Backoff.exponential({
      base: options.retry.base,
      factor: options.retry.factor,
      cap: options.retry.cap,
      jitter: options.retry.jitter
    }),
    events,
    selection,
    watchdog: yield* makeWatchdog,
    now: () => clock.currentTimeMillisUnsafe()
  }

  const forget = (id: string): void => {
    answers.delete(id)
    graces.get(id)?.interruptUnsafe()
    graces.delete(id)
    if (answers.size > 0) return
    const waiting = onDrained
    onDrained = []
    for (const done of waiting) done()
  }

  /** Ends an answer from outside its own fiber. */
  const end = (answer: Answer, error: ResilienceError): void => {
    answer.fail(error)
    fork(`${answer.id}/end`, FiberMap.remove(fibers, answer.id))
  }

  const whenUnread = (answer: Answer): void => {
    if (answer.ended || stopping) return
    if (answer.start.leave === "cancel") return end(answer, gone())
    answer.unread = true
    const unread = Effect.sync(() => {
      if (answer.unread && !answer.ended) end(answer, gone())
    })
    graces.get(answer.id)?.interruptUnsafe()
    graces.set(answer.id, fork(`${answer.id}/grace`, Effect.andThen(Effect.sleep(options.journal.detachGrace), unread)))
  }

  const start = (begin: AnswerStart, attach: (answer: Answer) => void) =>
    Effect.suspend(() => {
      if (stopping) return Effect.fail(stackless(() => new ShuttingDown({})))
      const lease = journal.create({
        dialect: begin.dialect.name,
        owner: begin.owner,
        request: JSON.stringify({
          requestId: begin.requestId,
          model: begin.request.model,
          includeUsage: begin.request.includeUsage
        }),
        note: JSON.stringify({ status: "started" })
      })
      const answer = new Answer(begin, lease, context)
      answers.set(answer.id, answer)
      lease.onReaders((readers) => {
        if (readers === 0) whenUnread(answer)
        else answer.unread = false
      })
      lease.onFault((fault) => {
        answer.abandon(fault)
        fork(`${answer.id}/end`, FiberMap.remove(fibers, answer.id))
      })
      answer.open()
      attach(answer)
      fork(
        answer.id,
        runAttempts(answer, context).pipe(
          Effect.catchDefect((defect) =>
            Effect.sync(() => answer.fail(new InternalError({ message: `the relay failed: ${String(defect)}` })))
          ),
          Effect.ensuring(
            Effect.sync(() => {
              // An answer that was interrupted without an end is left for another process to go on with.
              answer.abandon(undefined)
              forget(answer.id)
            })
          ),
          Effect.provideService(Upstream, upstream)
        )
      )
      return Effect.succeed(answer)
    })

  const cancel = (id: string, fault: StreamFaultData): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const answer = answers.get(id)
      if (answer === undefined || answer.ended) {
        // It has ended, but perhaps not in the store yet.
        const lease = answer?.lease ?? journal.live(id)
        return Effect.as(lease === undefined ? Effect.void : Effect.ignore(lease.committed), false)
      }
      end(
        answer,
        stackless(() => new StreamCancelled({ fault, message: fault.message }))
      )
      return Effect.as(Effect.ignore(answer.lease.committed), true)
    })

  const settle = Effect.fnUntraced(function* (position: Position) {
    const { record } = position
    if (journal.live(record.id) !== undefined) return
    const lease = journal.takeOver(record)
    const payloads = payloadsOf(yield* journal.frames(record.id, -1))
    const dialect = clientDialectNamed(record.dialect)
    if (dialect === undefined) {
      return yield* Effect.fail(
        stackless(
          () => new QueryDataError({ message: `stream ${record.id} is of the unknown dialect ${record.dialect}` })
        )
      )
    }
    const error = stackless(() => new StreamTruncated({ message: "the process that wrote this stream is gone" }))
    const encoder: AnswerEncoder = dialect.encoder({
      ...(JSON.parse(record.request) as { readonly requestId: string; readonly includeUsage: boolean }),
      streamId: record.id,
      createdAt: record.createdAt,
      debug: options.server.debug
    })
    const { text } = encoder.resume(payloads)
    for (const payload of encoder.fail({ error, partial: text, retryAfterMillis: undefined })) {
      lease.append(dialect.frame(payload, `${record.id}.${lease.nextSeq()}`))
    }
    lease.note(JSON.stringify({ status: "error", code: "stream_truncated" }))
    lease.end()
    // Somebody else who reads it may have ended it meanwhile.
    yield* Effect.catchTag(lease.committed, "LeaseLost", () => Effect.void)
  })

  return Relay.of({
    start,
    cancel,
    settle,
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
      for (const answer of answers.values()) {
        if (!answer.start.dialect.lettable) answer.fail(stackless(() => new ShuttingDown({})))
      }
      return FiberMap.clear(fibers)
    })
  })
})
