/**
 * From the journal to the ledger: how answers ended is read from the journal's outbox, where it is committed with their
 * terminal events, and settled in the books, in one transaction with the position that was come to. So each end is
 * settled once, whatever is killed in between; and what was not is found at the next look: right after an answer has
 * ended, at start, every minute, and every 5 s while the books are away.
 *
 * What was reserved for something that the journal does not know of has never begun, or was in the memory of a process
 * that is gone: it is refunded.
 */
import { Context, Effect, Latch, Layer, type Scope, Semaphore } from "effect"
import { type Final, Quota, refundOf, type Reserved } from "../account/index.ts"
import type { BooksError } from "../books/index.ts"
import type { QueryDataError } from "../errors/index.ts"
import { Journal, type Printable } from "../journal/index.ts"
import { HeldMap } from "../memory/index.ts"
import { type AnswerRef, decodeOutcome, type ReadOutcome, RelayEvents, sinkOf } from "../relay/index.ts"

/** Ends that are settled together: some 5 ms of the books. */
const batchSize = 100
/** Under load ends are settled together that come within so many milliseconds. */
const gathered = 25
/** An end that is told of is committed by then, or its store has failed, in milliseconds. */
const committedWithin = 2_000
/** How long closing waits for what has ended last, in milliseconds. */
const closingFor = 500
/** How often it is looked for what was missed, in milliseconds; and how soon again when something has just failed. */
const lookEvery = 60_000
const lookAgainAfter = 5_000

/** Settles what has ended. */
export class Settling extends Context.Service<
  Settling,
  {
    /** Settles all that has ended by now: who has seen an answer's end finds it in the ledger after this. */
    readonly flush: Effect.Effect<void, BooksError | QueryDataError>
    /** Whether an answer of these has ended that is not settled yet. */
    readonly owes: (isOne: (answer: AnswerRef) => boolean) => boolean
  }
>()("effect-resilience/operate/Settling") {
  /** For as long as the Layer lives; once more when it is closed. */
  static readonly layer: Layer.Layer<Settling, BooksError, Journal | Quota | RelayEvents> = Layer.effect(
    Settling,
    Effect.suspend(() => make)
  )
}

/** Who has given the answer: who did when it ended, or the last that went well, or else the last. */
const channelOf = ({ channel, trail }: ReadOutcome): string | null =>
  channel ?? (trail.findLast(({ code }) => code === undefined) ?? trail.at(-1))?.channel ?? null

/** What an end is in the ledger. Whose it is stands in its reservation too, where it had one. */
export const finalOf = (streamId: string, ended: Printable): Final => {
  const outcome = decodeOutcome(ended)
  if (outcome === undefined) return refundOf({ streamId, token: "", group: "" }, "its end is not known")
  const { code, group, model, owner, settlement, usage } = outcome
  return {
    streamId,
    token: owner,
    group,
    credits: settlement._tag === "Settle" ? settlement.credits : "refund",
    reason: code ?? null,
    model,
    channel: channelOf(outcome),
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    cachedTokens: usage.cacheReadTokens ?? 0
  }
}

const make: Effect.Effect<Settling["Service"], BooksError, Journal | Quota | RelayEvents | Scope.Scope> = Effect.gen(
  function* () {
    const journal = yield* Journal
    const quota = yield* Quota
    const { add } = yield* RelayEvents
    let position = yield* quota.position
    const oneAtATime = yield* Semaphore.make(1)
    const woken = yield* Latch.make(false)
    /** Streams whose end was told, and is not settled: whose they are, and when they are given up. */
    const awaited = new HeldMap<string, { readonly answer: AnswerRef; readonly until: number }>()

    /** What the last one that failed has failed with, and when. */
    let fault: { readonly error: BooksError | QueryDataError; readonly at: number } | undefined
    const settleAll = Effect.gen(function* () {
      for (;;) {
        const ends = yield* journal.outcomes(position, batchSize)
        const last = ends.at(-1)
        if (last === undefined) return
        yield* quota.settle(
          ends.map(({ id, outcome }) => finalOf(id, outcome)),
          quota.keepPosition(last.position)
        )
        position = last.position
        for (const { id } of ends) awaited.delete(id)
        if (ends.length < batchSize) return
        yield* Effect.yieldNow
      }
    }).pipe(Effect.tapError((error) => Effect.sync(() => (fault = { error, at: performance.now() }))))
    // Who has waited for one that failed fails with it: that one has waited for the books long enough for all of them.
    const flush = Effect.suspend(() => {
      const came = performance.now()
      const mine = Effect.suspend(() =>
        fault !== undefined && fault.at >= came ? Effect.fail(fault.error) : settleAll
      )
      return mine.pipe(oneAtATime.withPermits(1), Effect.uninterruptible)
    })

    yield* Effect.acquireRelease(
      Effect.sync(() =>
        add("settling", {
          ...sinkOf(() => {}),
          // HOT: an entry in a table, and a latch that is open already under load.
          StreamEnded: ({ answer }) => {
            awaited.set(answer.streamId, { answer, until: performance.now() + committedWithin })
            woken.openUnsafe()
          }
        })
      ),
      (remove) => Effect.sync(remove)
    )

    /** Something could not be settled. */
    let failed = false
    const noticing = (effect: Effect.Effect<void, BooksError | QueryDataError>): Effect.Effect<void> =>
      Effect.catch(effect, () =>
        Effect.sync(() => {
          failed = true
        })
      )

    const settleSoon = Effect.gen(function* () {
      yield* woken.await
      yield* Effect.sleep(gathered)
      // What fails is found by the next look: of the books' being away the books tell.
      yield* noticing(flush)
      const now = performance.now()
      for (const [id, { until }] of awaited.entries()) if (until <= now) awaited.delete(id)
      if (awaited.size === 0) woken.closeUnsafe()
    })

    /** Ends without an outcome that is known, as of the look before. */
    let ended: ReadonlySet<string> = new Set()
    const look = Effect.gen(function* () {
      yield* flush
      yield* quota.keepPosition(position)
      const endedNow = new Set<string>()
      const lost: Array<Final> = []
      for (const reserved of yield* quota.open) {
        const state = reserved.gone ? "gone" : yield* stateOf(reserved)
        if (state === "gone") lost.push(refundOf(reserved, "its process is gone"))
        else if (state === "absent") lost.push(refundOf(reserved, "nothing was begun"))
        else if (state === "ended") {
          if (ended.has(reserved.streamId)) lost.push(refundOf(reserved, "its end is not known"))
          else endedNow.add(reserved.streamId)
        }
      }
      ended = endedNow
      for (let from = 0; from < lost.length; from += batchSize) yield* quota.settle(lost.slice(from, from + batchSize))
    })

    const stateOf = ({ streamId }: Reserved): Effect.Effect<"absent" | "ended" | "live", QueryDataError> =>
      journal.locate(streamId, undefined).pipe(
        Effect.map(({ state }) => (state === "ended" ? ("ended" as const) : ("live" as const))),
        Effect.catchTags({
          StreamNotFound: () => Effect.succeed("absent" as const),
          StreamExpired: () => Effect.succeed("ended" as const),
          InvalidCursor: Effect.die
        })
      )

    // What ended last is committed within a few turns.
    const rest = Effect.andThen(flush, Effect.sleep(10)).pipe(
      Effect.repeat({ while: () => awaited.size > 0 }),
      Effect.timeoutOption(closingFor),
      Effect.ignore
    )
    yield* Effect.addFinalizer(() => Effect.andThen(rest, Effect.ignore(flush)))
    const steps = lookEvery / lookAgainAfter
    let step = 0
    const looking = Effect.gen(function* () {
      yield* Effect.sleep(lookAgainAfter)
      step++
      if (step < steps && !failed) return
      step = 0
      failed = false
      yield* noticing(look)
    })
    yield* noticing(look)
    yield* Effect.forkScoped(Effect.forever(settleSoon))
    yield* Effect.forkScoped(Effect.forever(looking))
    return { flush, owes: (isOne) => awaited.values().some(({ answer }) => isOne(answer)) }
  }
)
