/**
 * A relay over real sockets whose journal is on a store of the test's own: one in memory that can be told to fail, and
 * to answer late.
 */
import { Context, Effect, Layer } from "effect"
import { UpdateDataError } from "effect-resilience/errors"
import { JournalStore, JournalStoreMemory, type Share } from "#src/journal/index"
import { type RunningRelay, startRelay } from "./relay.ts"

/** What a store is told. */
export interface StoreControl {
  readonly store: JournalStore["Service"]
  /** Commits for which this holds fail. */
  failsWhen: (shares: ReadonlyArray<Share>) => boolean
  /** Called with a batch that ends a stream, which is committed so many milliseconds later. */
  onEnd: { readonly call: () => void; readonly millis: number } | undefined
  /** How long a stream is looked for before the store answers, in milliseconds, call by call; then at once. */
  findDelays: Array<number>
  /** The batches that were committed. */
  readonly committed: Array<ReadonlyArray<Share>>
}

/** Whether a batch has a frame of which this is a part. */
export const holds =
  (part: string) =>
  (shares: ReadonlyArray<Share>): boolean =>
    shares.some(({ frames }) => frames?.text.includes(part) === true)

/** A store in memory, under control. */
export const makeStore = async (): Promise<StoreControl> => {
  const memory = await Effect.runPromise(
    Effect.scoped(Effect.map(Layer.build(JournalStoreMemory.layer), (context) => Context.get(context, JournalStore)))
  )
  let failed = false
  const control: StoreControl = {
    failsWhen: () => false,
    onEnd: undefined,
    findDelays: [],
    committed: [],
    store: {
      ...memory,
      commit: (shares, done) => {
        failed = control.failsWhen(shares)
        if (failed) return done({ ok: false, error: new UpdateDataError({ message: "the disk is full" }) })
        control.committed.push(shares)
        const { onEnd } = control
        if (onEnd === undefined || shares.every(({ end }) => end === undefined)) return memory.commit(shares, done)
        setTimeout(() => memory.commit(shares, done), onEnd.millis)
        onEnd.call()
      },
      find: (id, done) => {
        const delay = control.findDelays.shift()
        memory.find(id, (answer) => (delay === undefined ? done(answer) : void setTimeout(() => done(answer), delay)))
      },
      usable: () => !failed
    }
  }
  return control
}

/** Starts a relay on a store, on a free port, with the clocks that a file without them gives. */
export const startStoreRelay = (
  { store }: StoreControl,
  configuration: { readonly channels: ReadonlyArray<object>; readonly [section: string]: unknown }
): Promise<RunningRelay> =>
  startRelay({ timeouts: {}, retry: {}, ...configuration }, { store: Layer.succeed(JournalStore, store) })
