/**
 * What is to be written when the books can be written: in order, in batches, bounded.
 */
import { Cause, Effect, Latch, type Scope } from "effect"
import type { Pending } from "./Books.ts"
import { BooksAway, BooksBusy, type BooksError } from "./BooksErrors.ts"

/** What the queue is given. */
export interface WriteQueueOptions {
  /** Writes that may wait. */
  readonly capacity: number
  readonly transaction: <A, E>(body: Effect.Effect<A, E>) => Effect.Effect<A, E | BooksError>
  /** Until this is done nothing is tried. */
  readonly usable: Effect.Effect<void>
}

/** The queue. */
export interface WriteQueue {
  /** `onSettled` is called once, when the write is committed or given up. */
  readonly add: (write: Effect.Effect<void, BooksError>, onSettled?: () => void) => void
  readonly pending: () => Pending
}

interface Write {
  readonly run: Effect.Effect<void, BooksError>
  readonly onSettled: (() => void) | undefined
}

/** Writes in one transaction. The event loop is SQLite's own: this many rows hold it for some 2 ms. */
const batchSize = 100
/** The pause after a failure that may pass, in milliseconds. */
const pause = 250
/** How long closing waits for what is left, in milliseconds. */
const closingFor = 2_000

/** What became of one try. */
type Fate =
  | { readonly _tag: "Written" }
  | { readonly _tag: "Wait" }
  | { readonly _tag: "Refused"; readonly why: string }

const written: Fate = { _tag: "Written" }
const wait: Fate = { _tag: "Wait" }

/** Makes a queue that writes as long as the scope is open, and tries once more when it closes. */
export const makeWriteQueue = Effect.fnUntraced(function* (
  options: WriteQueueOptions
): Effect.fn.Return<WriteQueue, never, Scope.Scope> {
  const waiting: Array<Write> = []
  const filled = yield* Latch.make(false)
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  let dropped = 0
  /** Of `dropped`, those that found no room since the queue was last empty. */
  let overflowed = 0

  const attempt = (writes: ReadonlyArray<Write>): Effect.Effect<Fate> =>
    options.transaction(Effect.forEach(writes, ({ run }) => run, { discard: true })).pipe(
      Effect.as(written),
      Effect.catchCause((cause) => {
        if (Cause.hasInterrupts(cause)) return Effect.succeed(wait)
        const error = Cause.squash(cause)
        if (error instanceof BooksAway || error instanceof BooksBusy) return Effect.succeed(wait)
        return Effect.succeed<Fate>({ _tag: "Refused", why: error instanceof Error ? error.message : String(error) })
      })
    )

  /** Writes the first of those that wait: together, or each by itself where one of them is refused. */
  const writeSome: Effect.Effect<"on" | "wait"> = Effect.gen(function* () {
    const batch = waiting.slice(0, batchSize)
    const fate = yield* attempt(batch)
    switch (fate._tag) {
      case "Written": {
        waiting.splice(0, batch.length)
        for (const write of batch) write.onSettled?.()
        return "on"
      }
      case "Wait":
        return "wait"
      case "Refused": {
        for (const write of batch) {
          const own = yield* attempt([write])
          if (own._tag === "Wait") return "wait"
          waiting.shift()
          if (own._tag === "Refused") {
            dropped++
            yield* Effect.logError(`the books refused a write, which is dropped: ${own.why}`)
          }
          write.onSettled?.()
        }
        return "on"
      }
    }
  })

  const tellOverflow = Effect.suspend(() => {
    const count = overflowed
    overflowed = 0
    return count === 0 ? Effect.void : Effect.logWarning(`the books are written again; ${count} writes were dropped`)
  })

  const work = Effect.gen(function* () {
    yield* filled.await
    yield* options.usable
    const next = waiting.length === 0 ? "on" : yield* writeSome
    if (next === "wait") return yield* Effect.sleep(pause)
    if (waiting.length > 0) return
    filled.closeUnsafe()
    yield* tellOverflow
  })

  // Closes after the fiber below, whose batch is then waiting again.
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      while (waiting.length > 0 && (yield* writeSome) === "on");
    }).pipe(
      Effect.timeoutOption(closingFor),
      Effect.andThen(
        Effect.suspend(() =>
          waiting.length === 0
            ? Effect.void
            : Effect.logWarning(`the books are closed with ${waiting.length} writes that could not be written`)
        )
      )
    )
  )
  yield* Effect.forkScoped(Effect.forever(work))

  return {
    add: (run, onSettled) => {
      if (waiting.length < options.capacity) {
        waiting.push({ run, onSettled })
        filled.openUnsafe()
        return
      }
      dropped++
      onSettled?.()
      if (overflowed++ === 0) {
        fork(Effect.logWarning(`${options.capacity} writes wait for the books: more are dropped until they are back`))
      }
    },
    pending: () => ({ waiting: waiting.length, dropped })
  }
})
