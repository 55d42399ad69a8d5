/**
 * What the journal's tests are made of: a turn that the test takes itself, a store that answers late, a store that
 * fails when it is told to, a reader that writes down what it is told.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { UpdateDataError } from "effect-resilience/errors"
import {
  type Reply,
  Journal,
  type JournalFault,
  type JournalOptions,
  JournalStore,
  type Lease,
  type LeaseEnd,
  type NewStream,
  type ReaderSink,
  type StreamRecord
} from "#src/journal/index"

type Store = JournalStore["Service"]

/** A process's part in a place. */
export interface Owner {
  readonly store: Store
  /** It dies without a word: what it had not committed is lost, and nobody writes its streams. */
  readonly die: Effect.Effect<void>
}

/** A place that survives its owners. */
export interface Place {
  /** Adds an owner, for as long as the scope is open. */
  readonly owner: Effect.Effect<Owner, never, Scope.Scope>
}

/** A kind of store. */
export interface Backend {
  readonly name: string
  readonly place: Effect.Effect<Place, never, Scope.Scope>
  /** How its owners share a place: at once, or one after the other. */
  readonly owners: "at once" | "in turn"
  /** How many random schedules are tried. */
  readonly runs: number
}

/** A store of its own. */
export const freshStore = (backend: Backend): Effect.Effect<Store, never, Scope.Scope> =>
  Effect.map(
    Effect.flatMap(backend.place, ({ owner }) => owner),
    ({ store }) => store
  )

/**
 * Two owners of one place, each with a journal: the basic fixture. `second` adds the second one; where owners come in
 * turn, the first one dies for it.
 */
export const twoOwners = Effect.fnUntraced(function* (backend: Backend, options?: Partial<JournalOptions>) {
  const place = yield* backend.place
  const owner = yield* place.owner
  const first = yield* journalOn(owner.store, options)
  const next = Effect.gen(function* () {
    if (backend.owners === "in turn") yield* owner.die
    const second = yield* place.owner
    return { ...second, journal: yield* journalOn(second.store, options) }
  })
  return { first: { ...owner, journal: first }, next }
})

/** A journal on a store, for as long as the scope is open. */
export const journalOn = (
  store: Store,
  options?: Partial<JournalOptions>
): Effect.Effect<Journal["Service"], never, Scope.Scope> =>
  Layer.build(
    Journal.layer({ retention: "10 minutes", ...options }).pipe(Layer.provide(Layer.succeed(JournalStore, store)))
  ).pipe(Effect.map((context) => Context.get(context, Journal)))

/** An end that nothing depends on. */
export const ended: LeaseEnd = { outcome: "completed", freesKey: false }

/** A new stream that nothing depends on. */
export const stream: NewStream & { readonly note: string; readonly request: string } = {
  dialect: "chat",
  owner: "",
  request: "{}",
  note: ""
}

/** Claims a stream that nobody else claims. */
export const claimed = (journal: Journal["Service"], record: StreamRecord): Effect.Effect<Lease> =>
  Effect.flatMap(Effect.orDie(journal.claim(record)), (claim) =>
    claim._tag === "Claimed" ? Effect.succeed(claim.lease) : Effect.die(new Error(`the claim was ${claim._tag}`))
  )

/** The queue of things to run in later turns, run by the test. */
export const makeTurns = () => {
  const queue: Array<() => void> = []
  let free = false
  const take = (): boolean => {
    const next = queue.shift()
    next?.()
    return next !== undefined
  }
  return {
    turn: (run: () => void): void => void (free ? setImmediate(run) : queue.push(run)),
    /** From now on they run by themselves. */
    release: () => {
      free = true
      for (const run of queue.splice(0)) setImmediate(run)
    },
    /** Runs one of them, if there is one. */
    take,
    /** Runs all of them, and what they add. */
    takeAll: () => {
      while (take()) {
        // until nothing is left
      }
    }
  }
}

/** How many turns a late store takes to answer. */
export interface Lateness {
  readonly commit: number
  readonly find: number
  readonly page: number
}

/** The same store, answering some turns later: it does its work at once, so that its answer may be old news. */
export const late = (store: Store, turn: (run: () => void) => void, turns: Lateness): Store => {
  const wait = (turns: number, run: () => void): void => (turns === 0 ? run() : turn(() => wait(turns - 1, run)))
  const later =
    <A, E>(turns: number, done: (answer: Reply<A, E>) => void) =>
    (answer: Reply<A, E>): void =>
      wait(turns, () => done(answer))
  return {
    ...store,
    commit: (changes, done) => store.commit(changes, later(turns.commit, done)),
    find: (id, done) => store.find(id, later(turns.find, done)),
    page: (id, after, limit, done) => store.page(id, after, limit, later(turns.page, done)),
    begin: (record, key, done) => store.begin(record, key, later(turns.commit, done)),
    claim: (id, epoch, done) => store.claim(id, epoch, later(turns.commit, done))
  }
}

/** The same store, whose commits fail from `fail` to `mend`. */
export const failable = (store: Store) => {
  let failing = false
  const failable: Store = {
    ...store,
    commit: (changes, done) =>
      failing
        ? done({ ok: false, error: new UpdateDataError({ message: "the disk is full" }) })
        : store.commit(changes, done)
  }
  return {
    store: failable,
    fail: () => {
      failing = true
    },
    mend: () => {
      failing = false
    }
  }
}

/** A reader that writes down what it is told. */
export interface Told extends ReaderSink {
  /** All that was taken, joined. */
  text: string
  /** What each call of `onFrames` gave. */
  readonly calls: Array<string>
  /** The last frame that was taken whole. */
  last: number
  terminal: boolean
  readonly faults: Array<JournalFault>
}

/** Makes a reader that takes everything, or as `more` says: a number is how many characters of a call it takes. */
export const makeTold = (more: (told: Told) => boolean | number = () => true): Told => {
  const told: Told = {
    text: "",
    calls: [],
    last: -1,
    terminal: false,
    faults: [],
    onFrames: (frames, last, terminal) => {
      if (told.terminal) throw new Error("something came after the terminal event")
      told.calls.push(frames)
      const takes = more(told)
      if (typeof takes === "number" && takes < frames.length) {
        told.text += frames.slice(0, takes)
        return takes
      }
      told.text += frames
      told.last = last
      told.terminal = terminal
      return takes
    },
    onFault: (fault) => void told.faults.push(fault)
  }
  return told
}

/** Waits for a moment of real time, whatever the clock of the test says. */
export const moment: Effect.Effect<void> = Effect.callback<void>((resume) => {
  setTimeout(() => resume(Effect.void), 2)
})

/** Waits until something is so, for at most 20 s of real time: a machine that is busy is late. */
export const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const end = performance.now() + 20_000
    const look = (): void => {
      if (holds()) resume(Effect.void)
      else if (performance.now() > end) resume(Effect.die(new Error(`it never came: ${String(holds)}`)))
      else setTimeout(look, 1)
    }
    look()
  })
