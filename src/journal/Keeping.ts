/**
 * How long things are kept: sweeps of the store, at times and whenever much has ended, and the end of orphans that
 * nobody claims.
 */
import { Duration, Effect, Schedule, type Scope } from "effect"
import type { QueryDataError, UpdateDataError } from "../errors/index.ts"
import { type JournalStore, replied, type StreamRecord } from "./JournalStore.ts"

/** All spans are milliseconds. */
export interface KeepingOptions {
  readonly store: JournalStore["Service"]
  readonly now: () => number
  readonly retention: number
  readonly tombstone: number
  readonly keyRetention: number
  readonly maxBytes: number
  /** Ends an orphan where it stands, as of when its writer was gone, unless somebody has to do with it. */
  readonly giveUp: (orphan: StreamRecord, at: number) => Effect.Effect<void, UpdateDataError>
  readonly report: (error: UpdateDataError) => void
}

/** The keeping of one journal. */
export interface Keeping {
  /** So many characters of a stream that has ended are kept from now on. */
  readonly ended: (size: number) => void
}

/**
 * When as much as this part of `maxBytes` has ended since the last sweep, there is another, which makes as much room:
 * so a store that sweeps at once never has more than `maxBytes`.
 */
const sweepShare = 1 / 16
/** How many orphans are given up in one go. */
const orphanPage = 64

/** Keeps, for as long as the scope is open. */
export const makeKeeping = Effect.fnUntraced(function* ({
  giveUp,
  keyRetention,
  maxBytes,
  now,
  report,
  retention,
  store,
  tombstone
}: KeepingOptions): Effect.fn.Return<Keeping, never, Scope.Scope> {
  let ended = 0
  let sweeping = false

  const due = () => ({
    framesBefore: now() - retention,
    streamsBefore: now() - retention - tombstone,
    keysBefore: now() - keyRetention,
    maxBytes
  })

  const orphans = Effect.gen(function* () {
    const found = yield* replied<ReadonlyArray<StreamRecord>, QueryDataError>((done) => store.orphans(orphanPage, done))
    for (const orphan of found) {
      const { goneSince } = orphan
      if (goneSince !== null && now() - goneSince > retention) yield* giveUp(orphan, goneSince)
    }
  })
  const sweep = Effect.suspend(() => {
    ended = 0
    return replied<void, UpdateDataError>((done) => store.sweep(due(), done))
  })
  yield* Effect.andThen(orphans, sweep).pipe(
    Effect.catch((error) => Effect.logWarning(`the journal could not be swept: ${error.message}`)),
    Effect.repeat(Schedule.spaced(Duration.millis(Math.min(60_000, Math.max(1_000, retention / 4))))),
    Effect.forkScoped
  )

  return {
    ended: (size) => {
      ended += size
      if (sweeping || ended <= maxBytes * sweepShare) return
      // Now: a flood must not wait for the next time.
      sweeping = true
      ended = 0
      store.sweep({ ...due(), maxBytes: maxBytes * (1 - sweepShare) }, (reply) => {
        sweeping = false
        if (!reply.ok) report(reply.error)
      })
    }
  }
})
