/**
 * The journal's store in memory: for tests, and for a relay whose answers need not outlive it. It answers at once, and
 * forgets everything with its process.
 *
 * Several owners can share one place, as processes share a database; then it is a stand-in for one in the tests of what
 * is built on a journal: owners that die without a word, owners that are only believed to be dead.
 */
import { Clock, Effect, Layer, type Scope } from "effect"
import { QueryDataError, stackless, UpdateDataError } from "../errors/index.ts"
import { type Done, JournalStore } from "./JournalStore.ts"
import { MemoryPlace } from "./MemoryPlace.ts"
import type { MemoryWriter } from "./MemoryStream.ts"

/** One process's part in a place. */
export interface Owner {
  readonly store: JournalStore["Service"]
  /** From now on the others hold it for dead, though it lives: what it writes is written until another claims it. */
  readonly lapse: () => void
  /** It dies without a word: nothing more of what it asks is done. */
  readonly die: () => void
}

/** Memory that several owners share. */
export interface Place {
  /** Adds one. It is held for dead when the scope is closed. */
  readonly owner: Effect.Effect<Owner, never, Scope.Scope>
}

/** A place in memory, empty. Time is the fiber's `Clock`. */
export const place: Effect.Effect<Place> = Effect.map(Clock.Clock, (clock): Place => {
  const shared = new MemoryPlace({ shared: true })
  // What one owner leaves, the others have.
  const owner = Effect.sync(() => makeOwner(shared, () => clock.currentTimeMillisUnsafe(), true))
  return { owner: Effect.acquireRelease(owner, ({ lapse }) => Effect.sync(lapse)) }
})

/** A store in memory, of one owner. It never fails. */
export const layer: Layer.Layer<JournalStore> = Layer.effect(
  JournalStore,
  Effect.map(
    Clock.Clock,
    (clock) => makeOwner(new MemoryPlace({ shared: false }), () => clock.currentTimeMillisUnsafe(), false).store
  )
)

const message = "this process is dead"

const makeOwner = (place: MemoryPlace, now: () => number, durable: boolean): Owner => {
  const me: MemoryWriter = { goneSince: undefined, cancelled: undefined }
  const parts = place.parts(me)
  let dead = false

  // A dead process asks nothing. What is left of one in a test is told so, and can be closed.
  const write = <A>(done: Done<A, UpdateDataError>, ask: () => A): void =>
    done(dead ? { ok: false, error: stackless(() => new UpdateDataError({ message })) } : { ok: true, value: ask() })
  const read = <A>(done: Done<A, QueryDataError>, ask: () => A): void =>
    done(dead ? { ok: false, error: stackless(() => new QueryDataError({ message })) } : { ok: true, value: ask() })
  const lapse = (): void => {
    me.goneSince ??= now()
  }

  const store = JournalStore.of({
    begin: (record, key, done) => write(done, () => place.begin(me, record, key)),
    commit: (shares, done) => {
      write(done, () => place.commit(me, parts, shares))
      place.putAway()
    },
    claim: (id, epoch, done) => write(done, () => place.claim(me, id, epoch)),
    find: (id, done) => read(done, () => place.find(me, id)),
    page: (id, after, limit, done) => read(done, () => place.page(id, after, limit)),
    orphans: (limit, done) => read(done, () => place.unended(me, limit, (writer) => writer === "gone")),
    live: (limit, done) => read(done, () => place.unended(me, limit, () => true)),
    watch: (id, wake) => place.watch(me, id, () => dead || wake()),
    cancel: (id, fault, done) => write(done, () => place.cancel(id, fault)),
    forget: (id, owner, done) => write(done, () => place.forget(id, owner)),
    onCancel: (listener) => {
      me.cancelled = (id, fault) => dead || listener(id, fault)
      return () => {
        me.cancelled = undefined
      }
    },
    outcomes: (after, limit, done) => read(done, () => place.outcomes(after, limit)),
    sweep: (due, done) => write(done, () => place.sweep(due)),
    identity: place.identity,
    durable,
    lost: () => false,
    usable: () => !dead
  })

  return {
    store,
    lapse,
    die: () => {
      lapse()
      dead = true
    }
  }
}
