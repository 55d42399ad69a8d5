/**
 * A relay over real sockets whose journal is on a store of the test's own: one in memory that can be told to fail, and
 * to answer late.
 */
import { Context, Effect, Exit, Layer, Metric, Result, Scope } from "effect"
import { Selection, UpstreamNode } from "#src/channel/index"
import { decodeConfiguration } from "#src/cli/index"
import { UpdateDataError } from "effect-resilience/errors"
import { Journal, JournalStore, JournalStoreMemory, type Share } from "#src/journal/index"
import { Relay, Signals } from "#src/relay/index"
import { serveHttp } from "#src/server/index"
import { EventLogNode, Metrics } from "effect-resilience/telemetry"

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

/** Starts a relay on a store, on a free port. */
export const startStoreRelay = async (
  { store }: StoreControl,
  configuration: { readonly channels: ReadonlyArray<object>; readonly [section: string]: unknown }
) => {
  const decoded = decodeConfiguration(
    { server: { port: 0, shutdownGrace: "2 seconds" }, store: { type: "memory" }, ...configuration },
    {},
    "test"
  )
  if (Result.isFailure(decoded)) throw decoded.failure
  const { options } = decoded.success
  const telemetry = Layer.provideMerge(Signals.layer, Layer.merge(EventLogNode.layerStderr, Metrics.layer))
  const journal = Journal.layer({ retention: options.journal.retention }).pipe(
    Layer.provide(Layer.succeed(JournalStore, store))
  )
  const selection = Selection.layer(options.channels, options.breaker)
  const services = Relay.layer(options).pipe(
    Layer.provideMerge(Layer.mergeAll(journal, selection, UpstreamNode.layer)),
    Layer.provideMerge(telemetry)
  )
  const scope = Effect.runSync(Scope.make())
  const running = await Effect.runPromise(
    Effect.gen(function* () {
      return yield* Effect.provideContext(serveHttp(options), yield* Layer.build(services))
    }).pipe(Effect.provideService(Scope.Scope, scope), Effect.provideService(Metric.MetricRegistry, new Map()))
  )
  const { port } = running.address
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    shutdown: () => Effect.runPromise(running.shutdown),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}
